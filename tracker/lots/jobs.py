"""The sweep that blocks units which a merge of definitions has made part of a blocked lot."""

from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from tracker.actor import system_actor
from tracker.db import Database, transaction
from tracker.errors import TraceError
from tracker.lots import service
from tracker.organisation import queries as organisation
from tracker.schedule import Job

MERGED_LOTS_JOB = "devices.merged_lots"  # stored with its runs: it keeps the name of its first room


def merged_lots_job() -> Job:
    """Return the job that looks at the blocked lots, one transaction per establishment, every minute.

    What fails in one establishment leaves the others blocked in time; the run ends as failed.
    """

    def run(database: Database, now: datetime) -> int:
        with transaction(database, None) as session:
            establishment_ids = [row.id for row in organisation.list_establishments(session)]
        held, failures = 0, list[Exception]()
        for establishment_id in establishment_ids:
            try:
                with transaction(database, establishment_id) as session:
                    held += service.hold_merged(session, actor=system_actor(establishment_id), now=now)
            except (TraceError, SQLAlchemyError) as failure:
                failures.append(failure)
        if failures:
            raise ExceptionGroup(f"merged lots were not blocked in {len(failures)} establishments", failures)
        return held

    return Job(MERGED_LOTS_JOB, timedelta(minutes=1), run)
