"""The sweep that warns before a derogation ends."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from tracker import clock
from tracker.actor import system_actor
from tracker.alerts import service
from tracker.alerts.rules import WARNING_JOB
from tracker.db import Database, transaction
from tracker.errors import TraceError
from tracker.organisation import queries as organisation
from tracker.schedule import Job


def warning_job(*, thresholds: Sequence[int], acknowledgement_days: int, public_url: str) -> Job:
    """Return the job that raises what is due, one transaction per establishment, every ten minutes.

    What fails in one establishment does not keep the others from being warned; the run ends as failed.
    """

    def run(database: Database, now: datetime) -> int:
        with transaction(database, None) as session:
            establishment_ids = [row.id for row in organisation.list_establishments(session)]
        raised, failures = 0, list[Exception]()
        for establishment_id in establishment_ids:
            try:
                raised += run_one(database, establishment_id, now)
            except (TraceError, SQLAlchemyError) as failure:
                failures.append(failure)
        if failures:
            raise ExceptionGroup(f"warnings failed in {len(failures)} establishments", failures)
        return raised

    def run_one(database: Database, establishment_id: UUID, now: datetime) -> int:
        with transaction(database, establishment_id) as session:
            actor = system_actor(establishment_id)
            service.warn_of_late_acknowledgements(
                session, days=acknowledgement_days, public_url=public_url, actor=actor, now=now
            )
            return service.raise_warnings(
                session,
                thresholds=thresholds,
                public_url=public_url,
                actor=actor,
                now=now,
                today=clock.paris_day(now),
            )

    return Job(WARNING_JOB, timedelta(minutes=10), run)
