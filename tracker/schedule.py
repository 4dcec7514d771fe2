"""Periodic work: what a job is, and the record of each run.

A run is a row with a unique (job, due instant): two workers cannot run one tick twice, and the last success is what the
home page and the health page show, so that silence is seen (design, decision 11).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Index, UniqueConstraint, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from tracker.db import Base, Database

KEPT_FOR = timedelta(days=30)
"""Older runs are forgotten, but for the newest success of each job: they prove nothing and would be millions a year."""


@dataclass(frozen=True, slots=True)
class Job:
    """One periodic job. ``run`` opens its own transactions and is safe to run twice."""

    id: str
    """``"slice.job"``"""
    every: timedelta
    run: Callable[[Database, datetime], int]
    """Called with the database and the instant of the run; returns how many things it did."""


class JobRun(Base):
    """One run of one job for the whole installation; it belongs to no establishment and holds no personal data."""

    __tablename__ = "job_run"
    __table_args__ = (UniqueConstraint("job_id", "due_at"), Index("ix_job_run_due_at", "due_at"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    job_id: Mapped[str]
    due_at: Mapped[datetime]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    done_count: Mapped[int | None]
    error: Mapped[str | None]
    """Class of the error that ended the run; the trace is in the log."""


def due_instant(job: Job, now: datetime) -> datetime:
    """Return the tick that ``now`` belongs to: the last whole multiple of the period.

    >>> from datetime import UTC
    >>> due_instant(Job("a.b", timedelta(minutes=5), lambda d, n: 0), datetime(2026, 3, 2, 9, 7, 30, tzinfo=UTC))
    datetime.datetime(2026, 3, 2, 9, 5, tzinfo=datetime.timezone.utc)
    """
    period = job.every.total_seconds()
    return datetime.fromtimestamp(now.timestamp() // period * period, tz=now.tzinfo)


def claim_run(session: Session, job: Job, *, now: datetime) -> int | None:
    """Return the id of a new run for the present tick, or None when another worker has it."""
    statement = (
        insert(JobRun)
        .values(job_id=job.id, due_at=due_instant(job, now), started_at=now)
        .on_conflict_do_nothing()
        .returning(JobRun.id)
    )
    return session.scalar(statement)


def finish_run(session: Session, run_id: int, *, now: datetime, done_count: int | None, error: str | None) -> None:
    """Write how a run ended."""
    session.execute(
        update(JobRun).where(JobRun.id == run_id).values(finished_at=now, done_count=done_count, error=error)
    )


def find_last_success(session: Session, job_id: str) -> datetime | None:
    """Return when the job last ended well, None when it never did."""
    statement = (
        select(JobRun.finished_at)
        .where(JobRun.job_id == job_id, JobRun.finished_at.is_not(None), JobRun.error.is_(None))
        .order_by(JobRun.due_at.desc())
        .limit(1)
    )
    return session.scalar(statement)


def find_last_error(session: Session, job_id: str) -> str | None:
    """Return the error of the newest finished run, None when it ended well or never ran."""
    statement = (
        select(JobRun.error)
        .where(JobRun.job_id == job_id, JobRun.finished_at.is_not(None))
        .order_by(JobRun.due_at.desc())
        .limit(1)
    )
    return session.scalar(statement)


def forget_runs(session: Session, *, now: datetime) -> int:
    """Forget the runs that are older than ``KEPT_FOR``, never the newest success of a job.

    Returns:
        How many were forgotten.
    """
    newest = (
        select(func.max(JobRun.id))
        .where(JobRun.finished_at.is_not(None), JobRun.error.is_(None))
        .group_by(JobRun.job_id)
    )
    old = delete(JobRun).where(JobRun.due_at < now - KEPT_FOR, JobRun.id.not_in(newest)).returning(JobRun.id)
    return len(session.scalars(old).all())
