"""Takes confirmed imports over, a batch of lines per transaction: after a stop it goes on where it stood."""

from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from tracker import clock
from tracker.actor import Actor, Permission
from tracker.db import Database, transaction
from tracker.imports import queries, service
from tracker.organisation import queries as organisation
from tracker.schedule import Job

JOB_ID = "imports.take_over"


def import_job() -> Job:
    """Return the job that takes over what was confirmed, every five seconds; it counts lines."""

    def run(database: Database, _now: datetime) -> int:
        with transaction(database, None) as session:
            establishment_ids = [row.id for row in organisation.list_establishments(session)]
        return sum(_take_all(database, establishment_id) for establishment_id in establishment_ids)

    return Job(JOB_ID, timedelta(seconds=5), run)


def _take_all(database: Database, establishment_id: UUID) -> int:
    done = 0
    while True:
        with transaction(database, establishment_id) as session:
            import_id = queries.find_waiting(session)
        count = _take_one(database, establishment_id, import_id) if import_id else None
        if count is None:
            return done
        done += count


def _take_one(database: Database, establishment_id: UUID, import_id: UUID) -> int | None:
    """Return how many lines were taken over, None where another worker has the import."""
    with transaction(database, establishment_id) as session:
        state = queries.get_import(session, import_id)
        content = queries.read_content(session, import_id)
    actor = _on_behalf_of(state.confirmed_by_id, state.confirmed_by_name, establishment_id)
    lines = service.read_lines(content, today=clock.paris_day(state.sent_at))
    begun = position = state.done_count
    waiting = islice(lines, position, None)
    while position < state.total_count:
        batch = list(islice(waiting, service.BATCH))
        with transaction(database, establishment_id) as session:
            is_mine = service.take_batch(
                session, import_id, lines=batch, done_before=position, actor=actor, now=clock.utc_now()
            )
        if not is_mine:
            return None
        position += len(batch)
    return position - begun


def _on_behalf_of(person_id: UUID | None, name: str | None, establishment_id: UUID) -> Actor:
    """Return who confirmed, with the one right that an import needs: the trail names the person."""
    return Actor(
        id=person_id or UUID(int=0),
        display_name=name or "",
        establishment_id=establishment_id,
        roles=frozenset(),
        permissions=frozenset({Permission.DEFINITION_WRITE}),
    )
