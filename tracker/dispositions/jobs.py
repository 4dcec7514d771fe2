"""The sweep that takes out of stock what is past its shelf life."""

from datetime import datetime, timedelta

from tracker import clock
from tracker.actor import system_actor
from tracker.db import Database, transaction
from tracker.dispositions import service
from tracker.organisation import queries as organisation
from tracker.schedule import Job

JOB_ID = "dispositions.expire"


def expire_job() -> Job:
    """Return the job that takes out what ended, every hour: a batch per transaction, until nothing is left."""

    def run(database: Database, now: datetime) -> int:
        with transaction(database, None) as session:
            establishment_ids = [row.id for row in organisation.list_establishments(session)]
        done = 0
        for establishment_id in establishment_ids:
            actor, count = system_actor(establishment_id), service.SWEEP_SIZE
            while count == service.SWEEP_SIZE:
                with transaction(database, establishment_id) as session:
                    count = service.expire_units(session, actor=actor, now=now, today=clock.paris_day(now))
                done += count
        return done

    return Job(JOB_ID, timedelta(hours=1), run)
