"""Reads the files that wait: outside any transaction, in a process of its own, telling how far it is."""

from datetime import datetime, timedelta
from functools import partial

from scanners.readers.apart import read_apart
from tracker import clock
from tracker.actor import Actor, system_actor
from tracker.db import Database, transaction
from tracker.organisation import queries as organisation
from tracker.publications import rules, service
from tracker.publications.rules import ListUnreadable
from tracker.publications.service import Claimed
from tracker.schedule import Job

_PAGES_BETWEEN = 10
"""Progress is written once for so many pages."""


def reading_job() -> Job:
    """Return the job that reads uploaded lists."""
    return Job("publications.read", timedelta(seconds=10), read_waiting)


def read_waiting(database: Database, now: datetime) -> int:
    """Read every file that waits, establishment by establishment; return how many were read."""
    with transaction(database, None) as session:
        establishments = [row.id for row in organisation.list_establishments(session)]
    count = 0
    for establishment_id in establishments:
        actor = system_actor(establishment_id)
        while claimed := _claim(database, actor, now=now):
            _read(database, claimed, actor=actor)
            count += 1
    return count


def _claim(database: Database, actor: Actor, *, now: datetime) -> Claimed | None:
    with transaction(database, actor.establishment_id) as session:
        return service.claim(session, actor=actor, now=now)


def _read(database: Database, claimed: Claimed, *, actor: Actor) -> None:
    def tell(pages_read: int, page_count: int) -> None:
        if pages_read % _PAGES_BETWEEN == 0:
            with transaction(database, actor.establishment_id) as session:
                service.tell_progress(
                    session, claimed.publication_id, pages_read=pages_read, page_count=page_count, now=clock.utc_now()
                )

    reading, fault = None, None
    try:
        reading = rules.read_file(claimed.content, filename=claimed.filename, read=partial(read_apart, progress=tell))
    except ListUnreadable as error:
        fault = error
    now = clock.utc_now()
    with transaction(database, actor.establishment_id) as session:
        if fault is not None:
            service.fail_reading(session, claimed.publication_id, fault=fault, actor=actor, now=now)
        elif reading is not None:
            today = clock.paris_day(now)
            service.finish_reading(session, claimed.publication_id, reading=reading, actor=actor, now=now, today=today)
