"""Two at the end of one delivery at the same moment, on committed rows."""

from collections.abc import Callable
from threading import Barrier, Thread
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from tests.bench import actions, open_one
from tests.hospital import ALICE, HOSPITAL_A, NOW
from tracker import db
from tracker.arrivals import queries, service
from tracker.arrivals.rules import AnnouncedChanged, AnnouncedLine, Closing
from tracker.arrivals.service import NoRestAwaited
from tracker.closings import service as closings
from tracker.errors import TraceError


def at_once(database: db.Database, acts: list[Callable[[Session], UUID]]) -> list[UUID | TraceError]:
    """Act at the same moment, each in its own transaction; return what each got."""
    ready = Barrier(len(acts))
    answers: list[UUID | TraceError] = []

    def run(act: Callable[[Session], UUID]) -> None:
        try:
            with db.transaction(database, HOSPITAL_A) as session:
                ready.wait()
                answers.append(act(session))
        except TraceError as error:
            answers.append(error)

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.fixture
def awaited(database: db.Database) -> UUID:
    """A delivery closed with two units awaited, committed."""
    with db.transaction(database, HOSPITAL_A) as session:
        reception_id = open_one(session)
        lines = [AnnouncedLine("R1", 2)]
        service.announce(
            session, db.new_id(), reception_id=reception_id, lines=lines, replaces_id=None, actor=ALICE, now=NOW
        )
        service.close_reception(session, reception_id, closing=Closing.REST_AWAITED, actor=ALICE, now=NOW)
    return reception_id


def opening(rest_id: UUID, reception_id: UUID) -> Callable[[Session], UUID]:
    return lambda session: closings.open_rest(session, rest_id, reception_id=reception_id, actor=ALICE, now=NOW).id


def test_a_double_click_on_the_rest_opens_one_delivery(database: db.Database, awaited: UUID) -> None:
    rest_id = db.new_id()

    answers = at_once(database, [opening(rest_id, awaited)] * 3)

    assert answers == [rest_id] * 3
    with db.transaction(database, HOSPITAL_A) as session:
        assert actions(session).count("rest:opened") == 1
        assert queries.lines_of(queries.find_announcement(session, rest_id)) == (AnnouncedLine("R1", 2),)


def test_of_two_who_receive_the_rest_one_is_told(database: db.Database, awaited: UUID) -> None:
    answers = at_once(database, [opening(db.new_id(), awaited) for _person in range(2)])

    assert sum(isinstance(one, NoRestAwaited) for one in answers) == 1
    assert sum(isinstance(one, UUID) for one in answers) == 1


def test_of_two_first_lists_one_is_kept_and_the_other_told(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        reception_id = open_one(session)

    def announcing(count: int) -> Callable[[Session], UUID]:
        lines = [AnnouncedLine("R1", count)]
        return lambda session: (
            service.announce(
                session, db.new_id(), reception_id=reception_id, lines=lines, replaces_id=None, actor=ALICE, now=NOW
            ).id
        )

    answers = at_once(database, [announcing(1), announcing(2)])

    assert sum(isinstance(one, AnnouncedChanged) for one in answers) == 1
    with db.transaction(database, HOSPITAL_A) as session:
        assert actions(session).count("announcement:recorded") == 1
