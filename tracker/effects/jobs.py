"""Gives decisions that were recorded elsewhere (API, a list, a correction, a day that has come) their effects."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from tracker import clock
from tracker.actor import system_actor
from tracker.db import Database, transaction
from tracker.effects import queries, service
from tracker.errors import TraceError
from tracker.organisation import queries as organisation
from tracker.schedule import Job


def effects_job(*, public_url: str) -> Job:
    """Return the job that makes holds follow the register, each derogation in its own transaction, every 30 seconds.

    What fails for one derogation does not keep the others from it; the run ends as failed.
    """

    def run(database: Database, now: datetime) -> int:
        return reconcile(database, now, public_url=public_url)

    return Job("effects.reconcile", timedelta(seconds=30), run)


def reconcile(database: Database, now: datetime, *, public_url: str) -> int:
    """Make the holds of every establishment what the register says; return how many were set or lifted.

    Raises:
        ExceptionGroup: some derogations failed; the others were done.
    """
    with transaction(database, None) as session:
        establishment_ids = [row.id for row in organisation.list_establishments(session)]
    count, failures = 0, list[Exception]()
    for establishment_id in establishment_ids:
        with transaction(database, establishment_id) as session:
            due = queries.list_due(session, day=clock.paris_day(now), known_at=now)
        for derogation_id in due:
            try:
                count += _apply(database, establishment_id, derogation_id, now=now, public_url=public_url)
            except (TraceError, SQLAlchemyError) as failure:
                failures.append(failure)
    if failures:
        raise ExceptionGroup(f"effects failed for {len(failures)} derogations", failures)
    return count


def _apply(database: Database, establishment_id: UUID, derogation_id: UUID, *, now: datetime, public_url: str) -> int:
    with transaction(database, establishment_id) as session:
        report = service.apply(
            session,
            derogation_id,
            public_url=public_url,
            actor=system_actor(establishment_id),
            now=now,
            today=clock.paris_day(now),
        )
    return report.held_count + report.lifted_count
