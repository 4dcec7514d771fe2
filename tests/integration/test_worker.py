"""One tick is run once, whoever wakes; what fails is recorded, and the loop goes on."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from tests.hospital import NOW
from tracker import schedule, worker
from tracker.db import Database, transaction
from tracker.schedule import Job, JobRun

LONG = timedelta(days=30)  # one tick for the whole test
TEN_MINUTES = timedelta(minutes=10)


@dataclass
class Calls:
    """Counts how often a job ran."""

    count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, _database: Database, _now: datetime) -> int:
        with self.lock:
            self.count += 1
        return 7


def fail(_database: Database, _now: datetime) -> int:
    raise ZeroDivisionError("a secret of a patient")


def job(run: Callable[[Database, datetime], int], *, every: timedelta = LONG, name: str = "tests.job") -> Job:
    return Job(name, every, run)


def runs(database: Database) -> list[JobRun]:
    with transaction(database, None) as session:
        return list(session.scalars(select(JobRun).order_by(JobRun.id)))


def test_a_run_is_recorded_with_what_it_did(database: Database) -> None:
    calls = Calls()

    ran = worker.run_once(job(calls.run), database)

    (row,) = runs(database)
    assert (ran, calls.count) == (True, 1)
    assert (row.job_id, row.done_count, row.error) == ("tests.job", 7, None)
    assert row.finished_at is not None
    assert row.due_at <= row.started_at <= row.finished_at


def test_one_tick_runs_once(database: Database) -> None:
    calls = Calls()

    ran = [worker.run_once(job(calls.run), database) for _attempt in range(3)]

    assert (ran, calls.count) == ([True, False, False], 1)


def test_two_workers_that_wake_together_run_one_tick_once(database: Database) -> None:
    calls, ran = Calls(), list[bool]()
    together = threading.Barrier(4)

    def wake() -> None:
        together.wait()
        ran.append(worker.run_once(job(calls.run), database))

    workers = [threading.Thread(target=wake) for _worker in range(4)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()

    assert calls.count == 1
    assert sorted(ran) == [False, False, False, True]
    assert len(runs(database)) == 1


def test_two_jobs_do_not_take_each_others_tick(database: Database) -> None:
    calls = Calls()

    ran = [worker.run_once(job(calls.run, name=name), database) for name in ("tests.first", "tests.second")]

    assert (ran, calls.count) == ([True, True], 2)


def test_a_failing_job_is_recorded_and_told_and_the_next_one_runs(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    calls = Calls()

    with caplog.at_level(logging.ERROR):
        ran = [
            worker.run_once(job(fail, name="tests.broken"), database),
            worker.run_once(job(calls.run), database),
        ]

    broken, good = runs(database)
    assert ran == [True, True]
    assert (broken.error, broken.done_count) == ("ZeroDivisionError", None)
    assert broken.finished_at is not None
    assert (good.error, calls.count) == (None, 1)
    assert [record.getMessage() for record in caplog.records] == ["job tests.broken failed"]


def claim(database: Database, at: datetime, *, error: str | None = None, ends: bool = True) -> None:
    with transaction(database, None) as session:
        run_id = schedule.claim_run(session, job(fail, every=TEN_MINUTES), now=at)
        assert run_id is not None
        if ends:
            schedule.finish_run(session, run_id, now=at, done_count=0, error=error)


def last(database: Database) -> tuple[datetime | None, str | None]:
    with transaction(database, None) as session:
        return schedule.find_last_success(session, "tests.job"), schedule.find_last_error(session, "tests.job")


def test_a_job_that_never_ran_has_no_success_and_no_error(database: Database) -> None:
    assert last(database) == (None, None)


def test_the_last_success_stays_while_later_runs_fail(database: Database) -> None:
    claim(database, NOW)
    claim(database, NOW + TEN_MINUTES, error="OperationalError")

    assert last(database) == (NOW, "OperationalError")


def test_a_success_after_failures_clears_the_error(database: Database) -> None:
    claim(database, NOW, error="OperationalError")
    claim(database, NOW + TEN_MINUTES)

    assert last(database) == (NOW + TEN_MINUTES, None)


def test_a_run_that_a_killed_worker_left_counts_for_nothing_and_the_next_tick_runs(database: Database) -> None:
    claim(database, NOW)
    claim(database, NOW + TEN_MINUTES, ends=False)

    assert last(database) == (NOW, None)
    claim(database, NOW + 2 * TEN_MINUTES)
    assert last(database) == (NOW + 2 * TEN_MINUTES, None)


def test_runs_of_a_month_ago_are_forgotten_but_for_the_newest_success(database: Database) -> None:
    long_ago, lately = NOW - 2 * schedule.KEPT_FOR, NOW - schedule.KEPT_FOR / 2
    for minutes in (0, 10, 20):
        claim(database, long_ago + timedelta(minutes=minutes))
    claim(database, long_ago + timedelta(minutes=30), error="ZeroDivisionError")
    claim(database, lately, error="ZeroDivisionError")

    with transaction(database, None) as session:
        forgotten = schedule.forget_runs(session, now=NOW)

    assert forgotten == 3
    assert last(database) == (long_ago + timedelta(minutes=20), "ZeroDivisionError")
