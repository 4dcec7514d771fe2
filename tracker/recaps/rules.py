"""When a recap is due, and how what was used is counted so that nobody is known by it. Pure.

Small numbers: the manufacturer may know from elsewhere that a person was operated on in a month. A month in which few
elements were used would then tell which element this person carries. So time is told in stretches of whole months, each
with at least a few uses; references, lots and totals stay exact, because the manufacturer shipped these units and must
account for each. The number is a setting: no text fixes one for this recap, the default of 5 is our choice.
"""

import enum
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

from tracker.devices.rules import UnitState
from tracker.errors import N_, Conflict, InvalidInput

SHOWN_AFTER_DAYS = 90
"""How long after an anniversary its missing recap is still shown as something to do; our choice."""
LONGEST_PERIOD = timedelta(days=1096)
"""Three years, our own bound against a mistyped year: the recap is yearly."""


class DueState(enum.StrEnum):
    """How urgent a recap is."""

    SOON = "soon"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Due:
    """The recap that one derogation asks for."""

    anniversary: date
    """ANSM expects the manufacturer's recap on this day."""
    due_on: date
    """The hospital's counts are with the manufacturer by the anniversary when they are handed over from this day on."""
    state: DueState


@dataclass(frozen=True, slots=True)
class MonthCount:
    """Uses of one reference and lot in one month."""

    reference: str
    designation: str
    lot: str
    """Empty where the unit has none: a serial number is one unit and is not told."""
    month: date
    """Its first day."""
    count: int


@dataclass(frozen=True, slots=True)
class StateCount:
    """Units of one reference in one state at the end of the period."""

    reference: str
    designation: str
    state: UnitState
    count: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Whole months told together, both included."""

    first: date
    last: date
    """First day of the last month."""
    count: int

    @property
    def label(self) -> str:
        """Return the months as ``2026-01`` or ``2026-01/2026-03`` (ISO 8601 interval)."""
        first, last = f"{self.first:%Y-%m}", f"{self.last:%Y-%m}"
        return first if first == last else f"{first}/{last}"

    @property
    def months(self) -> str:
        """Return the months as people read them: ``01/2026`` or ``01/2026 – 03/2026``."""
        first, last = f"{self.first:%m/%Y}", f"{self.last:%m/%Y}"
        return first if first == last else f"{first} – {last}"


@dataclass(frozen=True, slots=True)
class Line:
    """Uses of one reference and lot, by stretch."""

    reference: str
    designation: str
    lot: str
    counts: tuple[int, ...]
    """One for each stretch, in order."""

    @property
    def total(self) -> int:
        """Return how many were used in the period."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Recap:
    """What the manufacturer is told; no patient, no day, no serial number."""

    stretches: tuple[Stretch, ...]
    lines: tuple[Line, ...]
    units: tuple[StateCount, ...]
    incidents: tuple[str, ...]
    """Numbers of cases, which the manufacturer knows from their reports."""
    least_count: int
    """Fewest uses told together as one stretch."""

    @property
    def use_count(self) -> int:
        """Return how many elements were used in the period."""
        return sum(line.total for line in self.lines)


class RecapPeriodWrong(InvalidInput):
    """The period ends before it begins, after yesterday, or is too long."""

    code = "recap-period-wrong"


class RecapNotAsked(Conflict):
    """This derogation asks for no recap: it is not an annual one for partial revisions."""

    code = "recap-not-asked"


class RecapDayWrong(InvalidInput):
    """The day on which a recap was handed over lies in the future, or before it was made."""

    code = "recap-day-wrong"


def check_period(first_day: date, last_day: date, *, today: date) -> None:
    """Check the period of a recap: today is not over, so that what is used later today would be in no recap.

    Raises:
        RecapPeriodWrong: it cannot be.
    """
    if last_day < first_day:
        raise RecapPeriodWrong(
            N_("The period ends before it begins."), fields={"last_day": N_("Give a day on or after the first one.")}
        )
    if last_day >= today:
        raise RecapPeriodWrong(
            N_("The period ends before today: this day is not over."),
            fields={"last_day": N_("Give yesterday or an earlier day.")},
        )
    if last_day - first_day > LONGEST_PERIOD:
        raise RecapPeriodWrong(
            N_("The period is longer than three years."), fields={"first_day": N_("Check the year.")}
        )


def check_handover(day: date, *, made_on: date, today: date) -> None:
    """Check the day on which a recap was handed over.

    Raises:
        RecapDayWrong: it cannot be.
    """
    if not made_on <= day <= today:
        raise RecapDayWrong(
            N_("A recap is handed over after it was made, and not in the future."),
            fields={"handed_on": N_("Give a day from the making of the recap until today.")},
        )


def make_recap(
    counts: Iterable[MonthCount],
    units: Iterable[StateCount],
    incidents: Iterable[str],
    *,
    period: tuple[date, date],
    least_count: int,
) -> Recap:
    """Return the recap of a period: every use once, in its reference, its lot and its stretch of months."""
    counted = list(counts)
    stretches = stretches_of(counted, period=period, least_count=least_count)
    cells: Counter[tuple[str, str, int]] = Counter()
    names: dict[tuple[str, str], str] = {}
    for one in counted:
        place = next(i for i, stretch in enumerate(stretches) if stretch.first <= one.month <= stretch.last)
        cells[one.reference, one.lot, place] += one.count
        names[one.reference, one.lot] = one.designation
    lines = tuple(
        Line(reference, name, lot, tuple(cells[reference, lot, place] for place in range(len(stretches))))
        for (reference, lot), name in sorted(names.items())
    )
    ordered = sorted(units, key=lambda unit: (unit.reference, unit.state.value))
    return Recap(stretches, lines, tuple(ordered), tuple(incidents), least_count)


def stretches_of(counts: Iterable[MonthCount], *, period: tuple[date, date], least_count: int) -> tuple[Stretch, ...]:
    """Return the whole months of a period, joined until each stretch holds at least so many uses.

    What is left at the end joins the last stretch; with fewer uses in all, the period is one stretch.
    """
    by_month: Counter[date] = Counter()
    for one in counts:
        by_month[one.month] += one.count
    found: list[Stretch] = []
    first, count = period[0].replace(day=1), 0
    for month in _months(*period):
        count += by_month[month]
        if count >= least_count:
            found.append(Stretch(first, month, count))
            first, count = _next_month(month), 0
    last = period[1].replace(day=1)
    if not found:
        return (Stretch(first, last, count),)
    if first <= last:
        found[-1] = Stretch(found[-1].first, last, found[-1].count + count)
    return tuple(found)


def _months(first_day: date, last_day: date) -> Iterable[date]:
    month = first_day.replace(day=1)
    while month <= last_day:
        yield month
        month = _next_month(month)


def _next_month(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def due_of(
    begins_on: date, *, ended_on: date | None, answered_until: date | None, today: date, lead_days: int
) -> Due | None:
    """Return the recap that a derogation asks for today; None where none is due.

    Args:
        begins_on: first day of the first grant; the anniversaries are counted from it.
        ended_on: last day on which it could be used; None where no end is known.
        answered_until: last day of the latest recap that was handed over.
        today: Paris calendar.
        lead_days: days before the anniversary from which the recap is due.

    A recap answers for an anniversary when it goes on at least to the day before it became due.
    """
    lead = timedelta(days=lead_days)
    years = (today + lead).year - begins_on.year
    passed = [anniversary_of(begins_on, year) for year in (years - 1, years)]
    anniversary = max((day for day in passed if begins_on < day <= today + lead), default=None)
    if anniversary is None or today - anniversary > timedelta(days=SHOWN_AFTER_DAYS):
        return None
    began_on, due_on = anniversary_of(anniversary, -1), anniversary - lead
    if (ended_on is not None and ended_on < began_on) or (answered_until and answered_until >= due_on - _ONE_DAY):
        return None
    return Due(anniversary, due_on, DueState.LATE if today > anniversary else DueState.SOON)


_ONE_DAY = timedelta(days=1)


def anniversary_of(day: date, years: int) -> date:
    """Return the same day in another year; 29 February becomes the 28th.

    >>> anniversary_of(date(2024, 2, 29), 1)
    datetime.date(2025, 2, 28)
    """
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def proposed_period(begins_on: date | None, *, told_until: date | None, today: date) -> tuple[date, date]:
    """Return the period to propose: from the day after the last recap until yesterday.

    Without an earlier recap it begins with the derogation, a year ago at most: what was told before is not known here.
    """
    yesterday = today - _ONE_DAY
    a_year_ago = anniversary_of(today, -1)
    first = told_until + _ONE_DAY if told_until else max(begins_on or a_year_ago, a_year_ago)
    return min(first, yesterday), yesterday


def recap_to_json(recap: Recap) -> dict[str, object]:
    """Return a recap as it is kept and sent."""
    return {
        "stretches": [{"months": one.label, "count": one.count} for one in recap.stretches],
        "lines": [asdict(one) | {"counts": list(one.counts), "total": one.total} for one in recap.lines],
        "units": [asdict(one) | {"state": one.state.value} for one in recap.units],
        "incidents": list(recap.incidents),
        "least_count": recap.least_count,
        "use_count": recap.use_count,
    }


def recap_from_json(content: Mapping[str, object]) -> Recap:
    """Return a recap that was kept."""
    lines: Sequence[Mapping[str, object]] = content["lines"]  # type: ignore[assignment] # as recap_to_json wrote it
    units: Sequence[Mapping[str, object]] = content["units"]  # type: ignore[assignment]
    stretches: Sequence[Mapping[str, object]] = content["stretches"]  # type: ignore[assignment]
    return Recap(
        stretches=tuple(_stretch(str(one["months"]), int(str(one["count"]))) for one in stretches),
        lines=tuple(
            Line(
                str(one["reference"]),
                str(one["designation"]),
                str(one["lot"]),
                tuple(one["counts"]),  # type: ignore[arg-type]
            )
            for one in lines
        ),
        units=tuple(
            StateCount(
                str(one["reference"]), str(one["designation"]), UnitState(str(one["state"])), int(str(one["count"]))
            )
            for one in units
        ),
        incidents=tuple(content["incidents"]),  # type: ignore[arg-type]
        least_count=int(str(content["least_count"])),
    )


def _stretch(months: str, count: int) -> Stretch:
    first, _slash, last = months.partition("/")
    return Stretch(date.fromisoformat(f"{first}-01"), date.fromisoformat(f"{last or first}-01"), count)


def recap_hash(content: Mapping[str, object]) -> str:
    """Return the SHA-256 of a recap as it is kept: 64 lowercase hexadecimal digits."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
