"""Which tick an instant belongs to."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hospital import NOW
from tracker.schedule import Job, due_instant


def job(every: timedelta) -> Job:
    return Job("tests.nothing", every, lambda _database, _now: 0)


@pytest.mark.parametrize(
    ("offset", "tick"),
    [
        (timedelta(0), NOW),
        (timedelta(minutes=9, seconds=59, microseconds=999999), NOW),
        (timedelta(minutes=10), NOW + timedelta(minutes=10)),
    ],
)
def test_two_workers_that_wake_in_one_period_mean_the_same_tick(offset: timedelta, tick: datetime) -> None:
    assert due_instant(job(timedelta(minutes=10)), NOW + offset) == tick


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
    st.sampled_from([timedelta(seconds=15), timedelta(minutes=10), timedelta(hours=1)]),
)
def test_a_tick_is_never_in_the_future_and_at_most_a_period_old(now: datetime, every: timedelta) -> None:
    tick = due_instant(job(every), now)

    assert timedelta(0) <= now - tick < every
    assert due_instant(job(every), tick) == tick
