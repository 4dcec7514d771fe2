"""When a derogation's end is warned of."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.alerts.rules import (
    SHOWN_AFTER_END_DAYS,
    EndFacts,
    days_left,
    due_threshold,
    first_end_shown,
    mail_key_prefix,
)

THRESHOLDS = (180, 90, 60, 30, 14, 7, 1, 0)
END = date(2026, 12, 31)
LONG_AGO = date(2025, 1, 1)
DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))


def due(left: int, *, recorded_on: date = LONG_AGO) -> int | None:
    return due_threshold(EndFacts(END, recorded_on), today=END - timedelta(days=left), thresholds=THRESHOLDS)


@pytest.mark.parametrize(
    ("left", "threshold"),
    [
        (181, None),
        (180, 180),
        (91, 180),
        (90, 90),
        (61, 90),
        (60, 60),
        (31, 60),
        (30, 30),
        (15, 30),
        (14, 14),
        (8, 14),
        (7, 7),
        (2, 7),
        (1, 1),
        (0, 0),
        (-1, 0),
        (-400, 0),
    ],
)
def test_each_threshold_is_due_from_its_day_until_the_next(left: int, threshold: int | None) -> None:
    assert due(left) == threshold


def test_an_end_already_past_when_recorded_warns_of_nothing() -> None:
    assert due(-10, recorded_on=END + timedelta(days=1)) is None


def test_an_end_recorded_on_its_last_day_warns_that_day() -> None:
    assert due(0, recorded_on=END) == 0


def test_a_derogation_recorded_late_warns_of_the_nearest_threshold_only() -> None:
    assert due(10, recorded_on=END - timedelta(days=10)) == 14


@given(DAYS, DAYS, st.lists(st.integers(0, 400), unique=True))
def test_what_is_due_is_a_threshold_that_was_reached_and_none_nearer_was(
    end: date, today: date, thresholds: list[int]
) -> None:
    threshold = due_threshold(EndFacts(end, LONG_AGO), today=today, thresholds=thresholds)

    left = (end - today).days
    reached = [value for value in thresholds if left <= value]
    if end < LONG_AGO or not reached:
        assert threshold is None
    else:
        assert threshold in reached
        assert not [value for value in reached if value < (threshold or 0)]


@given(DAYS, DAYS, st.lists(st.integers(0, 400), unique=True))
def test_from_one_day_to_the_next_the_due_threshold_only_comes_nearer(
    end: date, today: date, thresholds: list[int]
) -> None:
    facts = EndFacts(end, LONG_AGO)
    first = due_threshold(facts, today=today, thresholds=thresholds)
    second = due_threshold(facts, today=today + timedelta(days=1), thresholds=thresholds)

    assert first is None or (second is not None and second <= first)


@given(DAYS, DAYS)
def test_days_left_counts_calendar_days(end: date, today: date) -> None:
    assert today + timedelta(days=days_left(end, today)) == end


def test_a_past_end_leaves_the_home_page_after_a_season() -> None:
    last_day = END + timedelta(days=SHOWN_AFTER_END_DAYS)

    assert first_end_shown(last_day) == END
    assert first_end_shown(last_day + timedelta(days=1)) > END


def test_the_keys_of_two_ends_never_begin_alike() -> None:
    first, second = UUID(int=1), UUID(int=2)

    prefixes = {
        mail_key_prefix(first, END),
        mail_key_prefix(second, END),
        mail_key_prefix(first, END + timedelta(days=1)),
    }

    assert len(prefixes) == 3
    assert all(prefix.endswith(":") for prefix in prefixes)
