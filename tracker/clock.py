"""The only place that reads the clock."""

import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
"""Calendar of ANSM's decisions: a derogation ends at the end of a day in Paris."""


def utc_now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the one reader


def paris_day(instant: datetime) -> date:
    """Return the calendar day in Paris at an instant.

    >>> paris_day(datetime(2024, 7, 26, 22, 30, tzinfo=UTC))
    datetime.date(2024, 7, 27)
    """
    return instant.astimezone(PARIS).date()


def is_hour_twice(instant: datetime) -> bool:
    """Test whether clocks in Paris show the hour of an instant twice, as they do on the night when summer time ends.

    Source: Directive 2000/84/EC art. 3 (last Sunday in October, 01:00 UTC).

    >>> [is_hour_twice(datetime(2026, 10, 25, hour, 30, tzinfo=UTC)) for hour in (0, 1, 2)]
    [True, True, False]
    """
    there = instant.astimezone(PARIS)
    return there.replace(fold=0).utcoffset() != there.replace(fold=1).utcoffset()


def monotonic_seconds() -> float:
    """Return seconds of a clock that never goes back, for measuring durations."""
    return time.monotonic()
