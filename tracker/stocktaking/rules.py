"""What a count expects, and how it differs from what was scanned. Pure."""

import enum
from collections.abc import Mapping
from uuid import UUID

from tracker.devices.rules import ON_HAND, UnitState
from tracker.errors import N_, Conflict, InvalidInput

MOST_MISSING = 500
"""Units not found that are listed; of more, the first: a count of this size is done device by device."""


class Difference(enum.StrEnum):
    """How a unit differs from what is recorded. Stored with its resolution: a change needs a migration."""

    MISSING = "missing"
    WRONG_PLACE = "wrong_place"
    UNEXPECTED = "unexpected"


class Resolution(enum.StrEnum):
    """What was decided about a difference. Stored: a change needs a migration."""

    EXPLAINED = "explained"
    HELD = "held"


DIFFERENCE_LABELS: Mapping[Difference, str] = {
    Difference.MISSING: N_("Not found"),
    Difference.WRONG_PLACE: N_("Recorded elsewhere"),
    Difference.UNEXPECTED: N_("Should not be here any more"),
}
RESOLUTION_LABELS: Mapping[Resolution, str] = {
    Resolution.EXPLAINED: N_("Explained"),
    Resolution.HELD: N_("Blocked until it is found"),
}


class CountClosed(Conflict):
    """The count is closed: nothing is scanned or decided in it any more."""

    code = "count-closed"


class DifferencesOpen(Conflict):
    """A count with differences that nobody decided about is not closed."""

    code = "count-differences-open"


class NothingChosen(InvalidInput):
    """A decision about no difference, or about more than are listed."""

    code = "count-nothing-chosen"


class NoDifference(Conflict):
    """The unit does not differ, or does no longer."""

    code = "count-no-difference"


def is_expected(state: UnitState, place: UUID | None, *, ward_id: UUID | None) -> bool:
    """Test whether a unit should be where it is counted.

    Args:
        state: of the unit.
        place: where it is recorded; None in the pharmacy.
        ward_id: where it is counted; None in the pharmacy.
    """
    return state in ON_HAND and place == ward_id


def difference_of(state: UnitState, place: UUID | None, *, ward_id: UUID | None, is_counted: bool) -> Difference | None:
    """Return how a unit differs from what is recorded, None where it does not.

    >>> difference_of(UnitState.USED, None, ward_id=None, is_counted=True).value
    'unexpected'
    """
    if is_expected(state, place, ward_id=ward_id):
        return None if is_counted else Difference.MISSING
    if not is_counted:
        return None
    return Difference.WRONG_PLACE if state in ON_HAND else Difference.UNEXPECTED


def check_open(*, is_closed: bool) -> None:
    """Check that a count is still open.

    Raises:
        CountClosed: it is closed.
    """
    if is_closed:
        raise CountClosed(N_("This count is closed."), next_step=N_("Open a new count."))


def check_chosen(count: int) -> None:
    """Check that a decision is about some differences, and no more than are listed.

    Raises:
        NothingChosen: it is about none, or about more.
    """
    if not 1 <= count <= MOST_MISSING:
        raise NothingChosen(
            N_("Choose between 1 and %(most)s differences."),
            next_step=N_("Tick those that the decision is about."),
            most=MOST_MISSING,
        )


def check_settled(open_difference_count: int) -> None:
    """Check that every difference was decided about.

    Raises:
        DifferencesOpen: some were not.
    """
    if open_difference_count:
        raise DifferencesOpen(
            N_("Differences without a decision: %(count)s."),
            next_step=N_("Decide about each of them, then close the count."),
            count=open_difference_count,
        )
