"""The sweep that notes the examinations which new uses require."""

from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from tracker.actor import system_actor
from tracker.db import Database, transaction
from tracker.errors import TraceError
from tracker.examinations import service
from tracker.organisation import queries as organisation
from tracker.schedule import Job

EXAMINATION_JOB = "examinations.note"


def examination_job() -> Job:
    """Return the job that notes what is required, one transaction per establishment, every ten minutes.

    What fails in one establishment does not keep the others from being served; the run ends as failed.
    """

    def run(database: Database, now: datetime) -> int:
        with transaction(database, None) as session:
            establishment_ids = [row.id for row in organisation.list_establishments(session)]
        noted, failures = 0, list[Exception]()
        for establishment_id in establishment_ids:
            try:
                with transaction(database, establishment_id) as session:
                    noted += service.note_required(session, actor=system_actor(establishment_id), now=now)
            except (TraceError, SQLAlchemyError) as failure:
                failures.append(failure)
        if failures:
            raise ExceptionGroup(f"examinations were not noted in {len(failures)} establishments", failures)
        return noted

    return Job(EXAMINATION_JOB, timedelta(minutes=10), run)
