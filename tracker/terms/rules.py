"""The terms of a derogation: the days a letter states, the scope, the conditions. Pure."""

import enum
import json
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Self
from uuid import UUID

from tracker.errors import N_, InvalidInput

_AS_PRINTED = N_("Type the date as the letter prints it.")
_EARLIEST_DAY = date(1990, 6, 20)
# 90/385/EEC, the first directive on medical devices: no older derogation from CE marking can exist
_LONGEST_VALIDITY = timedelta(days=3653)
# ten years, our own bound against a mistyped year: the decisions known are for 12 months (domain reference 1.2)

MOST_STATED = 50
"""Sites, wards, criteria or dates of follow-up in one decision: our own bound, far above any letter known."""
LONGEST_FOLLOW_UP_MONTHS = 600


class ScopeChangeKind(enum.StrEnum):
    """Whether a reference enters or leaves the scope. Stored: a change needs a migration."""

    ADDED = "added"
    REMOVED = "removed"


class DecisionDatesWrong(InvalidInput):
    """The dates of a decision contradict each other or cannot be those of a decision."""

    code = "decision-dates-wrong"


class ScopeWrong(InvalidInput):
    """The references that enter or leave the scope cannot do so."""

    code = "scope-wrong"


class ConditionsWrong(InvalidInput):
    """The conditions of a decision contradict each other or cannot be read."""

    code = "conditions-wrong"


def check_days(
    *,
    effective_from: date,
    valid_until: date | None,
    decided_on: date | None,
    received_on: date | None,
    today: date,
) -> None:
    """Check the days that one letter states, Paris calendar.

    Raises:
        DecisionDatesWrong: they are reversed, in the future, or impossible.
    """
    days = {
        "effective_from": effective_from,
        "valid_until": valid_until,
        "decided_on": decided_on,
        "received_on": received_on,
    }
    for name, day in days.items():
        if day is not None and (day < _EARLIEST_DAY or day - today > _LONGEST_VALIDITY):
            raise DecisionDatesWrong(
                N_("The year %(year)s is not plausible."),
                fields={name: N_("Check the year.")},
                next_step=_AS_PRINTED,
                year=day.year,
            )
    if decided_on is not None and decided_on > today:
        raise DecisionDatesWrong(
            N_("The decision is dated in the future."),
            fields={"decided_on": N_("A letter that was received cannot be dated after today.")},
            next_step=_AS_PRINTED,
        )
    if received_on is not None and not (decided_on or date.min) <= received_on <= today:
        raise DecisionDatesWrong(
            N_("The letter cannot have come on this day."),
            fields={"received_on": N_("Give a day from the date of the letter until today.")},
            next_step=N_("Check the two dates of the letter."),
        )
    if valid_until is not None and valid_until < effective_from:
        raise DecisionDatesWrong(
            N_("The last day of validity is before the first day of effect."),
            fields={"valid_until": N_("Give a day on or after the first day of effect.")},
            next_step=N_("Check the two dates in the letter."),
        )


@dataclass(frozen=True, slots=True)
class ScopeFacts:
    """What the rules need of one scope entry."""

    reference: str
    change: ScopeChangeKind
    effective_from: date
    recorded_at: datetime
    corrected_at: datetime | None = None
    """When a correction took the place of the decision that brought it; it counts until then only."""

    def is_known(self, known_at: datetime) -> bool:
        """Test whether the entry counted as the register was known at an instant."""
        return self.recorded_at <= known_at and (self.corrected_at is None or self.corrected_at > known_at)


def references_on(entries: Iterable[ScopeFacts], day: date, *, known_at: datetime) -> frozenset[str]:
    """Return the references in the scope on a day, as known at an instant; one that enters and leaves on it is out."""
    latest: dict[str, ScopeFacts] = {}
    effective = (entry for entry in entries if entry.is_known(known_at) and entry.effective_from <= day)
    for entry in sorted(effective, key=lambda e: (e.effective_from, e.change is ScopeChangeKind.REMOVED)):
        latest[entry.reference] = entry
    return frozenset(reference for reference, entry in latest.items() if entry.change is ScopeChangeKind.ADDED)


def check_scope_change(changes: Sequence[tuple[ScopeChangeKind, str]], *, present: AbstractSet[str]) -> None:
    """Check that references may enter or leave a scope.

    Raises:
        ScopeWrong: one is empty, given twice, or leaves a scope it is not in.
    """
    given = [reference for _change, reference in changes]
    if not all(given) or len(set(given)) < len(given):
        raise ScopeWrong(
            N_("A reference is empty or given twice."), fields={"references": N_("Type each reference once.")}
        )
    leaving = {reference for change, reference in changes if change is ScopeChangeKind.REMOVED}
    for reference in sorted(leaving - present):
        raise ScopeWrong(
            N_("The reference %(reference)s is not in the scope on this day."),
            fields={"references_removed": N_("Check the references that leave.")},
            reference=reference,
        )


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One examination that the decision requires after use (LAW: "extra clinical follow-up", domain reference 1.4)."""

    months: int
    """Months after the use."""
    what: str

    def due_on(self, used_on: date) -> date:
        """Return the day on which it is due; a month without such a day ends it."""
        months = used_on.year * 12 + used_on.month - 1 + self.months
        year, month = divmod(months, 12)
        return date(year, month + 1, min(used_on.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a decision asks beside its dates, its scope and its greatest number of patients."""

    sites: tuple[str, ...] = ()
    """Establishments allowed, as the decision names them; empty: the whole French territory (CSP L.5211-3 II)."""
    is_allowed_here: bool = True
    """This establishment is one of them: the pharmacist's reading of ``sites``."""
    ward_ids: tuple[UUID, ...] = ()
    """Wards of this establishment where it may be used; empty: any."""
    criteria: tuple[str, ...] = ()
    """What the patient must fulfil, one criterion each, in the decision's words."""
    follow_up: tuple[FollowUp, ...] = ()

    def allows_ward(self, ward_id: UUID | None) -> bool:
        """Test whether the device may be used in a ward; None, where it is not known yet, is not refused."""
        return not self.ward_ids or ward_id is None or ward_id in self.ward_ids

    def as_json(self) -> dict[str, Any]:
        """Return the conditions as they are stored."""
        return {
            "sites": list(self.sites),
            "is_allowed_here": self.is_allowed_here,
            "ward_ids": [str(ward_id) for ward_id in self.ward_ids],
            "criteria": list(self.criteria),
            "follow_up": [asdict(item) for item in self.follow_up],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return stored conditions."""
        return cls(
            sites=tuple(stored["sites"]),
            is_allowed_here=stored["is_allowed_here"],
            ward_ids=tuple([UUID(ward_id) for ward_id in stored["ward_ids"]]),
            criteria=tuple(stored["criteria"]),
            follow_up=tuple([FollowUp(item["months"], item["what"]) for item in stored["follow_up"]]),
        )

    def place(self) -> str:
        """Return a text that orders conditions by what they say."""
        return json.dumps(self.as_json(), sort_keys=True)


NO_CONDITIONS = Conditions()


def check_conditions(conditions: Conditions) -> None:
    """Check the conditions of one decision.

    Raises:
        ConditionsWrong: something is empty, said twice, impossible, or contradicts the rest.
    """
    stated = {
        "sites": conditions.sites,
        "criteria": conditions.criteria,
        "ward_ids": tuple([str(ward_id) for ward_id in conditions.ward_ids]),
        "follow_up": tuple([f"{item.months} {item.what}" for item in conditions.follow_up]),
    }
    for name, items in stated.items():
        if len(set(items)) < len(items) or not all(item.strip() for item in items) or len(items) > MOST_STATED:
            raise ConditionsWrong(
                N_("A condition is empty, said twice, or there are too many of them."),
                fields={name: N_("Write each condition once, one per line.")},
            )
    if any(not 0 <= item.months <= LONGEST_FOLLOW_UP_MONTHS or not item.what.strip() for item in conditions.follow_up):
        raise ConditionsWrong(
            N_("A date of the follow-up cannot be."),
            fields={"follow_up": N_("Write the number of months after the use, a semicolon, then the examination.")},
        )
    if not conditions.is_allowed_here and (conditions.ward_ids or not conditions.sites):
        raise ConditionsWrong(
            N_("The establishments of the decision and this establishment do not fit together."),
            fields={"sites": N_("Name the establishments of the letter; choose wards only if this one is among them.")},
        )
