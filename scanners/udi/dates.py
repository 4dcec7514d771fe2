"""Dates as labels print them: two-digit years, day 00, Julian days, hours.

The century is decided against a reference date that the caller passes in (GS1 General Specifications, section 7.12):
the two-digit year is taken within 49 years before and 50 years after the reference year.

>>> today = date(2026, 11, 22)
>>> yymmdd("281231", today)
(datetime.date(2028, 12, 31), <Precision.DAY: 'day'>)
>>> yymmdd("280200", today)
(datetime.date(2028, 2, 29), <Precision.MONTH: 'month'>)
>>> yyjjj("28366", today)
(datetime.date(2028, 12, 31), <Precision.DAY: 'day'>)
>>> century(77, 2026), century(76, 2026)
(1977, 2076)
>>> yymmdd("280230", today)
Traceback (most recent call last):
    ...
ValueError: month 2 of 2028 has no day 30
"""

from calendar import monthrange
from datetime import date, timedelta

from scanners.result import Precision

Dated = tuple[date, Precision]

_EARLIER, _LATER = 51, -50
"""Distances from the reference year at which the century turns (GS1 General Specifications, section 7.12)."""

FAR_YEARS = 30
"""An expiry further away than this is odd enough to say so (our own limit)."""

_MONTHS = 12


def century(two_digits: int, reference_year: int) -> int:
    """Return the full year of two printed digits."""
    base, current = divmod(reference_year, 100)
    distance = two_digits - current
    if distance >= _EARLIER:
        base -= 1
    elif distance <= _LATER:
        base += 1
    return base * 100 + two_digits


def calendar_day(year: int, month: int, day: int) -> Dated:
    """Return the day; day 0 means the whole month, whose last day is returned.

    Raises:
        ValueError: no calendar has this day.
    """
    if not 1 <= month <= _MONTHS:
        raise ValueError(f"there is no month {month}")
    if not 1 <= year <= 9999:  # noqa: PLR2004 - what a calendar of Python holds
        raise ValueError(f"there is no year {year}")
    if day == 0:
        return date(year, month, monthrange(year, month)[1]), Precision.MONTH
    try:
        return date(year, month, day), Precision.DAY
    except ValueError:
        raise ValueError(f"month {month} of {year} has no day {day}") from None


def yymmdd(digits: str, reference: date) -> Dated:
    """Read six ASCII digits YYMMDD; raises ValueError like ``calendar_day``."""
    year = century(int(digits[:2]), reference.year)
    return calendar_day(year, int(digits[2:4]), int(digits[4:6]))


def yyyymmdd(digits: str) -> Dated:
    """Read eight ASCII digits YYYYMMDD; raises ValueError like ``calendar_day``."""
    return calendar_day(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))


def year_day(year: int, day: int) -> Dated:
    """Return the day that is the ``day``-th of the year, from 1.

    Raises:
        ValueError: the year is shorter, or the day is 0.
    """
    first = date(year, 1, 1)
    found = first + timedelta(days=day - 1)
    if day < 1 or found.year != year:
        raise ValueError(f"{year} has no day {day}")
    return found, Precision.DAY


def yyjjj(digits: str, reference: date) -> Dated:
    """Read five ASCII digits, year and day of the year; raises ValueError like ``year_day``."""
    return year_day(century(int(digits[:2]), reference.year), int(digits[2:5]))


def is_hour(digits: str) -> bool:
    """Test whether two ASCII digits are an hour of the day, 00 to 23."""
    return digits < "24"


def is_minute(digits: str) -> bool:
    """Test whether two ASCII digits are a minute or second, 00 to 59."""
    return digits < "60"


def add_years(day: date, years: int) -> date:
    """Return the first of the month that is ``years`` away; used for limits, where a day more or less is no matter."""
    return date(min(day.year + years, 9999), day.month, 1)
