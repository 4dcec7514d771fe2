"""The scope of a derogation on a day, from dated entries. Pure."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime


class ScopeChangeKind(enum.StrEnum):
    """Whether a reference enters or leaves the scope. Stored: a change needs a migration."""

    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ScopeFacts:
    """What the rules need of one scope entry."""

    reference: str
    change: ScopeChangeKind
    effective_from: date
    recorded_at: datetime


def references_on(entries: Iterable[ScopeFacts], day: date, *, known_at: datetime) -> frozenset[str]:
    """Return the references in the scope on a day, as known at an instant; one that enters and leaves on it is out."""
    latest: dict[str, ScopeFacts] = {}
    effective = (entry for entry in entries if entry.recorded_at <= known_at and entry.effective_from <= day)
    for entry in sorted(effective, key=lambda e: (e.effective_from, e.change is ScopeChangeKind.REMOVED)):
        latest[entry.reference] = entry
    return frozenset(reference for reference, entry in latest.items() if entry.change is ScopeChangeKind.ADDED)
