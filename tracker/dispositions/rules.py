"""How a unit leaves the stock, and who may confirm a destruction. Pure."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from tracker.devices.rules import TRANSITIONS, Event, UnitState
from tracker.errors import N_, Conflict, RuleRefused


class Disposition(enum.StrEnum):
    """What becomes of a unit that leaves the stock. Sent by the API."""

    NON_CONFORMING = "nonconforming"
    RETURN = "return"
    DESTRUCTION = "destruction"


DISPOSITION_LABELS: Mapping[Disposition, str] = {
    Disposition.NON_CONFORMING: N_("Non-conforming: set apart for good"),
    Disposition.RETURN: N_("Returned to the supplier or the manufacturer"),
    Disposition.DESTRUCTION: N_("To be destroyed: a second person confirms"),
}

EVENTS: Mapping[Disposition, Event] = {
    Disposition.NON_CONFORMING: Event.NON_CONFORMING,
    Disposition.RETURN: Event.STOCK_OUT,
    Disposition.DESTRUCTION: Event.STOCK_OUT,
}
"""What each is recorded as in the life of the unit."""


def possible(state: UnitState) -> tuple[Disposition, ...]:
    """Return what may become of a unit in a state: what was opened and not implanted only goes back or is destroyed."""
    return tuple(kind for kind, event in EVENTS.items() if state in TRANSITIONS[event][0])


@dataclass(frozen=True, slots=True)
class NewDisposition:
    """What becomes of a unit, and why."""

    kind: Disposition
    reason: str


CONFIRMED = "confirmed"
"""Why a request is closed when the unit was destroyed; a request that is taken back is closed with a written reason."""


class DestructionUnwitnessed(RuleRefused):
    """The person who asked cannot be the one who confirms: a destruction takes two."""

    code = "destruction-unwitnessed"


class DestructionClosed(Conflict):
    """Somebody else confirmed the destruction, or took the request back."""

    code = "destruction-closed"


class DestructionAsked(Conflict):
    """The destruction of this unit is already asked for."""

    code = "destruction-asked"


def check_witness(requested_by_id: UUID, actor_id: UUID) -> None:
    """Check that a destruction is confirmed by somebody else than who asked for it.

    Raises:
        DestructionUnwitnessed: it is the same person.
    """
    if requested_by_id == actor_id:
        raise DestructionUnwitnessed(
            N_("You asked for this destruction: somebody else confirms it."),
            next_step=N_("Ask a colleague to look at the unit and to confirm."),
        )


def check_open(*, is_closed: bool) -> None:
    """Check that a request for a destruction still waits.

    Raises:
        DestructionClosed: it was confirmed or taken back.
    """
    if is_closed:
        raise DestructionClosed(
            N_("This request is closed: the unit was destroyed, or the request was taken back."),
            next_step=N_("Open the unit's page to see its life."),
        )
