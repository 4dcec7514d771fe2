"""Which examinations a use requires, how urgent each is, and what may be said of it. Pure."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from tracker.errors import N_, Conflict, InvalidInput
from tracker.use.rules import FOLLOW_UP_REQUIRED

SOON_DAYS = 30
"""Days before its day from which an examination is something to do: time to make an appointment [design]."""


class OutcomeKind(enum.StrEnum):
    """What became of an examination. Stored: a change needs a migration."""

    DONE = "done"
    NOT_DONE = "not_done"
    REOPENED = "reopened"


class Urgency(enum.StrEnum):
    """How near an examination is. Computed, never stored; sent by the API."""

    OVERDUE = "overdue"
    SOON = "soon"
    LATER = "later"


OUTCOME_LABELS: Mapping[OutcomeKind, str] = {
    OutcomeKind.DONE: N_("Examination done"),
    OutcomeKind.NOT_DONE: N_("Will not be done"),
    OutcomeKind.REOPENED: N_("Taken up again"),
}
AFTER: Mapping[bool, tuple[OutcomeKind, ...]] = {
    False: (OutcomeKind.DONE, OutcomeKind.NOT_DONE),
    True: (OutcomeKind.REOPENED,),
}
"""What may be said next, by whether the examination is closed."""


@dataclass(frozen=True, slots=True)
class Required:
    """One examination that a use requires."""

    due_on: date
    """Paris calendar."""
    what: str


@dataclass(frozen=True, slots=True)
class NewOutcome:
    """What became of an examination, as somebody records it."""

    kind: OutcomeKind
    happened_on: date
    """Paris calendar."""
    note: str = ""


class OutcomeInvalid(InvalidInput):
    """The day of an outcome cannot be, or its reason is missing."""

    code = "examination-outcome-invalid"


class OutcomeNotPossible(Conflict):
    """Somebody else said what became of the examination, or took it up again."""

    code = "examination-outcome-not-possible"


def required_by(findings: Iterable[Mapping[str, Any]]) -> list[Required]:
    """Return the examinations among what the gate found, each once.

    >>> required_by([{"code": "follow-up-required", "data": {"due_on": "2026-03-02", "what": "X-ray"}}])
    [Required(due_on=datetime.date(2026, 3, 2), what='X-ray')]
    """
    told = [finding["data"] for finding in findings if finding["code"] == FOLLOW_UP_REQUIRED]
    return list(dict.fromkeys(Required(date.fromisoformat(one["due_on"]), one["what"]) for one in told))


def urgency_of(due_on: date, today: date) -> Urgency:
    """Return how near an examination is: overdue from the day after its day."""
    left = (due_on - today).days
    if left < 0:
        return Urgency.OVERDUE
    return Urgency.SOON if left <= SOON_DAYS else Urgency.LATER


def check_outcome(new: NewOutcome, *, is_closed: bool, used_on: date, today: date) -> None:
    """Check that an outcome can be recorded.

    Raises:
        OutcomeNotPossible: the examination is closed, or is not, contrary to what the person saw.
        OutcomeInvalid: the day lies before the use or in the future, or the reason is missing.
    """
    if new.kind not in AFTER[is_closed]:
        raise OutcomeNotPossible(
            N_("Somebody else has recorded what became of this examination. Nothing was written."),
            next_step=N_("Read it below, then say what differs."),
        )
    fields = {}
    if not used_on <= new.happened_on <= today:
        fields["happened_on"] = N_("Give a day between the use and today.")
    if new.kind is not OutcomeKind.DONE and not new.note.strip():
        fields["note"] = N_("Write the reason.")
    if fields:
        raise OutcomeInvalid(
            N_("This cannot be recorded. Nothing was written."),
            fields=fields,
            next_step=N_("Correct the fields named below; what you typed is kept."),
        )
