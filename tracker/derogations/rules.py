"""What a derogation allows, computed from dated facts for any day and any knowledge date. Pure.

Days are those of the Paris calendar; the last day of validity counts. "As known at" leaves out every fact recorded
later, so that the answer given on a past day can be given again. The answer never depends on the order of recording.
"""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


class DerogationKind(enum.StrEnum):
    """Kind of derogation (domain reference 1.2). Stored: a change needs a migration."""

    INDIVIDUAL = "individual"
    GLOBAL = "global"
    PARTIAL_REVISION = "partial_revision"
    IVD = "ivd"


class Domain(enum.StrEnum):
    """Field of use. Stored: a change needs a migration."""

    JOINT = "joint"
    DENTAL = "dental"
    OTHER = "other"


class DecisionKind(enum.StrEnum):
    """What a decision does. Stored: a change needs a migration."""

    GRANTED = "granted"
    EXTENDED = "extended"
    REFUSED = "refused"
    SUSPENDED = "suspended"
    REINSTATED = "reinstated"
    WITHDRAWN = "withdrawn"
    SCOPE_CHANGED = "scope_changed"
    CONDITIONS_CHANGED = "conditions_changed"


class ScopeChangeKind(enum.StrEnum):
    """Whether a reference enters or leaves the scope. Stored: a change needs a migration."""

    ADDED = "added"
    REMOVED = "removed"


class DerogationStatus(enum.StrEnum):
    """What a derogation is worth on a day. Computed, never stored; sent by the API."""

    IN_FORCE = "in_force"
    NOT_YET = "not_yet"
    SUSPENDED = "suspended"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    END_UNKNOWN = "end_unknown"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DecisionFacts:
    """What the rules need of one decision."""

    id: UUID
    kind: DecisionKind
    effective_from: date
    valid_until: date | None
    patient_cap: int | None
    decided_on: date | None
    recorded_at: datetime
    corrects_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ScopeFacts:
    """What the rules need of one scope entry."""

    reference: str
    change: ScopeChangeKind
    effective_from: date
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What a derogation is worth on a day, and the dates behind it."""

    status: DerogationStatus
    valid_until: date | None
    """Last day of validity as it stands, included."""
    since: date | None
    """First day of the present status, where a decision gave it."""
    decision_id: UUID | None
    """The decision the status rests on."""
    patient_cap: int | None


_SEVERITY = {
    kind: rank
    for rank, kind in enumerate(
        (
            DecisionKind.GRANTED,
            DecisionKind.EXTENDED,
            DecisionKind.SCOPE_CHANGED,
            DecisionKind.CONDITIONS_CHANGED,
            DecisionKind.REINSTATED,
            DecisionKind.SUSPENDED,
            DecisionKind.REFUSED,
            DecisionKind.WITHDRAWN,
        )
    )
}  # of two decisions with effect on one day, the one that protects the patient speaks last
