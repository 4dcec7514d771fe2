"""Every use counted once, no stretch of time that holds too few, and the day on which a recap is due."""

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hospital import TODAY
from tracker.devices.rules import UnitState
from tracker.recaps import rules
from tracker.recaps.rules import Due, DueState, MonthCount, RecapDayWrong, RecapPeriodWrong, StateCount

PERIOD = (date(2025, 3, 10), date(2026, 3, 1))
BEGINS = date(2025, 5, 1)


def month_of(day: date) -> date:
    return day.replace(day=1)


def used(*days: date, reference: str = "A", lot: str = "L1") -> list[MonthCount]:
    return [MonthCount(reference, "insert", lot, month_of(day), 1) for day in days]


USES = st.lists(
    st.builds(
        MonthCount,
        reference=st.sampled_from(["A", "B"]),
        designation=st.just("insert"),
        lot=st.sampled_from(["", "L1", "L2"]),
        month=st.dates(*PERIOD).map(month_of),
        count=st.integers(1, 7),
    ),
    max_size=25,
)


@given(uses=USES, least=st.integers(1, 12))
def test_every_use_is_counted_exactly_once(uses: list[MonthCount], least: int) -> None:
    recap = rules.make_recap(uses, (), (), period=PERIOD, least_count=least)

    total = sum(one.count for one in uses)
    assert recap.use_count == total
    assert sum(stretch.count for stretch in recap.stretches) == total
    for reference, lot in {(one.reference, one.lot) for one in uses}:
        (line,) = [line for line in recap.lines if (line.reference, line.lot) == (reference, lot)]
        assert line.total == sum(one.count for one in uses if (one.reference, one.lot) == (reference, lot))


@given(uses=USES, least=st.integers(1, 12))
def test_no_stretch_of_time_holds_fewer_uses_than_allowed_unless_it_is_the_whole_period(
    uses: list[MonthCount], least: int
) -> None:
    stretches = rules.stretches_of(uses, period=PERIOD, least_count=least)

    assert len(stretches) == 1 or min(stretch.count for stretch in stretches) >= least


@given(uses=USES, least=st.integers(1, 12))
def test_the_stretches_cover_the_period_without_gap_or_overlap(uses: list[MonthCount], least: int) -> None:
    stretches = rules.stretches_of(uses, period=PERIOD, least_count=least)

    assert (stretches[0].first, stretches[-1].last) == (month_of(PERIOD[0]), month_of(PERIOD[1]))
    for before, after in itertools.pairwise(stretches):
        assert month_of(before.last + timedelta(days=31)) == after.first


@given(uses=USES, least=st.integers(1, 12))
def test_each_column_counts_what_its_stretch_says(uses: list[MonthCount], least: int) -> None:
    recap = rules.make_recap(uses, (), (), period=PERIOD, least_count=least)

    sums = [sum(line.counts[place] for line in recap.lines) for place in range(len(recap.stretches))]
    assert sums == [stretch.count for stretch in recap.stretches]


@given(uses=USES, least=st.integers(1, 12))
def test_a_recap_comes_back_as_it_was_kept(uses: list[MonthCount], least: int) -> None:
    units = [StateCount("A", "insert", UnitState.RELEASED, 3), StateCount("A", "insert", UnitState.FAILED, 1)]
    recap = rules.make_recap(uses, units, ["MV-2026-0001"], period=PERIOD, least_count=least)

    assert rules.recap_from_json(rules.recap_to_json(recap)) == recap


def test_a_month_with_enough_uses_stands_alone_and_the_rest_is_joined() -> None:
    uses = used(*[date(2025, 4, 2)] * 5, *[date(2025, 6, 2)] * 4, date(2025, 8, 2), date(2026, 1, 2))

    stretches = rules.stretches_of(uses, period=PERIOD, least_count=5)

    assert [(one.label, one.count) for one in stretches] == [("2025-03/2025-04", 5), ("2025-05/2026-03", 6)]
    assert [one.months for one in stretches] == ["03/2025 – 04/2025", "05/2025 – 03/2026"]


def test_few_uses_are_told_without_any_month() -> None:
    recap = rules.make_recap(used(date(2025, 4, 2)), (), (), period=PERIOD, least_count=5)

    assert [one.label for one in recap.stretches] == ["2025-03/2026-03"]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (TODAY, TODAY),
        (TODAY - timedelta(days=9), TODAY),
        (TODAY - timedelta(days=1), TODAY - timedelta(days=2)),
        (date(2016, 3, 2), TODAY - timedelta(days=1)),
    ],
)
def test_a_period_that_cannot_be_is_refused(first: date, last: date) -> None:
    with pytest.raises(RecapPeriodWrong):
        rules.check_period(first, last, today=TODAY)


def test_a_period_of_one_day_may_end_yesterday() -> None:
    yesterday = TODAY - timedelta(days=1)

    rules.check_period(yesterday, yesterday, today=TODAY)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_handing_over_before_the_recap_or_in_the_future_is_refused(days: int) -> None:
    with pytest.raises(RecapDayWrong):
        rules.check_handover(TODAY + timedelta(days=days), made_on=TODAY, today=TODAY)


def due(today: date, *, ended_on: date | None = date(2027, 1, 1), answered: date | None = None) -> Due | None:
    return rules.due_of(BEGINS, ended_on=ended_on, answered_until=answered, today=today, lead_days=45)


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 3, 16), None),
        (date(2026, 3, 17), Due(date(2026, 5, 1), date(2026, 3, 17), DueState.SOON)),
        (date(2026, 5, 1), Due(date(2026, 5, 1), date(2026, 3, 17), DueState.SOON)),
        (date(2026, 5, 2), Due(date(2026, 5, 1), date(2026, 3, 17), DueState.LATE)),
        (date(2026, 7, 30), Due(date(2026, 5, 1), date(2026, 3, 17), DueState.LATE)),
        (date(2026, 7, 31), None),
    ],
)
def test_a_recap_is_due_around_the_anniversary(today: date, expected: Due | None) -> None:
    assert due(today) == expected


def test_no_recap_is_due_before_the_first_year_is_over() -> None:
    assert due(BEGINS + timedelta(days=30)) is None
    assert due(BEGINS - timedelta(days=1)) is None


@pytest.mark.parametrize(("answered", "is_due"), [(date(2026, 3, 15), True), (date(2026, 3, 16), False)])
def test_a_recap_answers_when_it_goes_on_to_the_day_before_it_became_due(answered: date, *, is_due: bool) -> None:
    assert (due(date(2026, 4, 1), answered=answered) is not None) is is_due


def test_a_derogation_that_ended_in_its_year_still_owes_the_recap_of_that_year_and_no_other() -> None:
    assert due(date(2026, 5, 1), ended_on=date(2025, 5, 1)) is not None
    assert due(date(2026, 5, 1), ended_on=date(2025, 4, 30)) is None


def test_the_period_proposed_goes_from_the_last_recap_to_yesterday() -> None:
    yesterday = TODAY - timedelta(days=1)

    assert rules.proposed_period(BEGINS, told_until=None, today=TODAY) == (BEGINS, yesterday)
    assert rules.proposed_period(date(2019, 1, 1), told_until=None, today=TODAY) == (date(2025, 3, 2), yesterday)
    assert rules.proposed_period(BEGINS, told_until=date(2026, 1, 31), today=TODAY) == (date(2026, 2, 1), yesterday)
    assert rules.proposed_period(BEGINS, told_until=yesterday, today=TODAY) == (yesterday, yesterday)
