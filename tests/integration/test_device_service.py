"""Actions on definitions, units and holds, on PostgreSQL."""

from collections.abc import Callable
from threading import Thread

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DatabaseError, ProgrammingError
from sqlalchemy.orm import Session

from tests.hospital import ALICE, BOB, CHARLIE, GUY, HOSPITAL_A, HOSPITAL_B, NOW, enter
from tests.stock import a_hold, make_definition, make_delivery, make_unit
from tracker import db
from tracker.audit.models import AuditEntry
from tracker.devices import queries, service
from tracker.devices.models import Hold, Movement
from tracker.devices.queries import HoldNotFound, UnitNotFound
from tracker.devices.rules import (
    Event,
    EventNotPossible,
    HoldNotPossible,
    ReasonMissing,
    UnitOnHold,
    UnitState,
)
from tracker.devices.service import HoldClosed
from tracker.errors import NotPermitted, RequestIdReused


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence)))


def count(session: Session, table: type[db.Base]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_unit_begins_with_one_movement_and_one_entry_in_the_trail(session: Session) -> None:
    unit = make_unit(session, make_definition(session))

    assert unit.state is UnitState.RELEASED
    assert unit.is_usable
    assert unit.number.startswith("T59")
    assert [event.event for event in queries.life_of(session, unit.id)] == [Event.VALID_RECEIPT]
    assert actions(session).count("unit:created") == 1


def test_a_quarantined_unit_begins_with_its_hold(session: Session) -> None:
    unit = make_unit(session, make_definition(session), hold=a_hold("two dates"))

    assert unit.state is UnitState.QUARANTINED
    assert [hold.reason for hold in unit.holds] == ["two dates"]
    assert not unit.is_usable


def test_a_unit_of_another_hospital_does_not_exist_here(session: Session) -> None:
    unit = make_unit(session, make_definition(session))
    enter(session, HOSPITAL_B)

    with pytest.raises(UnitNotFound):
        queries.get_unit(session, unit.number)
    with pytest.raises(UnitNotFound):
        service.open_hold(session, db.new_id(), number=unit.number, hold=a_hold(), actor=GUY, now=NOW)


@pytest.mark.parametrize("number", ["", "T59", "T590000000179", "X590000000178", "T590000000178 or 1=1", "\x00"])
def test_what_is_no_unit_number_finds_no_unit(session: Session, number: str) -> None:
    with pytest.raises(UnitNotFound):
        queries.get_unit(session, number)


def test_the_last_hold_released_puts_a_quarantined_unit_into_stock(session: Session) -> None:
    unit = make_unit(session, make_definition(session), hold=a_hold("two dates"))
    second = service.open_hold(session, db.new_id(), number=unit.number, hold=a_hold("recall"), actor=BOB, now=NOW)

    first_answer = service.release_hold(session, unit.holds[0].id, reason="label read again", actor=ALICE, now=NOW)
    last_answer = service.release_hold(session, second.id, reason="notice withdrawn", actor=ALICE, now=NOW)

    assert (first_answer, last_answer) == (UnitState.QUARANTINED, UnitState.RELEASED)
    assert queries.get_unit_by_id(session, unit.id).is_usable
    assert queries.life_of(session, unit.id)[-1].event is Event.STOCK_IN
    assert actions(session).count("hold:released") == 2


def test_a_hold_is_released_once_and_only_with_a_reason(session: Session) -> None:
    unit = make_unit(session, make_definition(session), hold=a_hold())
    hold_id = unit.holds[0].id

    with pytest.raises(ReasonMissing):
        service.release_hold(session, hold_id, reason="  ", actor=ALICE, now=NOW)
    service.release_hold(session, hold_id, reason="seen", actor=ALICE, now=NOW)
    with pytest.raises(HoldClosed):
        service.release_hold(session, hold_id, reason="seen again", actor=ALICE, now=NOW)


def test_only_a_pharmacist_releases_a_hold(session: Session) -> None:
    unit = make_unit(session, make_definition(session), hold=a_hold())

    for actor in (BOB, CHARLIE):
        with pytest.raises(NotPermitted):
            service.release_hold(session, unit.holds[0].id, reason="seen", actor=actor, now=NOW)

    assert not queries.get_unit_by_id(session, unit.id).is_usable


def test_a_hold_of_another_hospital_does_not_exist_here(session: Session) -> None:
    unit = make_unit(session, make_definition(session), hold=a_hold())
    enter(session, HOSPITAL_B)

    with pytest.raises(HoldNotFound):
        service.release_hold(session, unit.holds[0].id, reason="seen", actor=GUY, now=NOW)


def test_the_same_hold_request_again_changes_nothing(session: Session) -> None:
    unit, hold_id = make_unit(session, make_definition(session)), db.new_id()

    for _again in range(2):
        service.open_hold(session, hold_id, number=unit.number, hold=a_hold(), actor=ALICE, now=NOW)

    assert count(session, Hold) == 1
    with pytest.raises(RequestIdReused):
        service.open_hold(session, hold_id, number=unit.number, hold=a_hold("other"), actor=ALICE, now=NOW)


def test_the_database_refuses_to_reopen_or_rewrite_a_hold(session: Session) -> None:
    unit = make_unit(session, make_definition(session), hold=a_hold())
    service.release_hold(session, unit.holds[0].id, reason="seen", actor=ALICE, now=NOW)
    hold = session.get_one(Hold, unit.holds[0].id, populate_existing=True)

    hold.closed_at = None
    with pytest.raises(DatabaseError, match="closed once"), session.begin_nested():
        session.flush()


def test_a_used_unit_stays_used(session: Session) -> None:
    unit = make_unit(session, make_definition(session))

    state = service.mark_used(session, unit.id, event=Event.IMPLANTATION, reason="", actor=CHARLIE, now=NOW)

    assert state is UnitState.USED
    with pytest.raises(EventNotPossible):
        service.mark_used(session, unit.id, event=Event.IMPLANTATION, reason="", actor=CHARLIE, now=NOW)
    with pytest.raises(EventNotPossible):
        make_delivery(session, unit.number)
    with pytest.raises(HoldNotPossible):
        service.open_hold(session, db.new_id(), number=unit.number, hold=a_hold(), actor=ALICE, now=NOW)


def test_a_unit_on_hold_is_not_used(session: Session) -> None:
    unit = make_unit(session, make_definition(session))
    service.open_hold(session, db.new_id(), number=unit.number, hold=a_hold(), actor=ALICE, now=NOW)

    with pytest.raises(UnitOnHold):
        service.mark_used(session, unit.id, event=Event.IMPLANTATION, reason="", actor=CHARLIE, now=NOW)


def test_a_movement_cannot_be_rewritten(session: Session) -> None:
    unit = make_unit(session, make_definition(session))
    movement = session.scalars(select(Movement).where(Movement.device_id == unit.id)).one()

    movement.reason = "never happened"
    with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
        session.flush()


def in_two_threads(act: Callable[[], object]) -> list[object]:
    """Run the same act twice at once and return both answers, errors included."""
    answers: list[object] = []

    def run() -> None:
        try:
            answers.append(act())
        except Exception as error:  # noqa: BLE001 - the answer of a thread
            answers.append(error)

    threads = [Thread(target=run) for _one in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_two_pharmacists_who_release_two_holds_at_once_release_the_unit(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        unit = make_unit(session, make_definition(session), hold=a_hold("one"))
        second = service.open_hold(session, db.new_id(), number=unit.number, hold=a_hold("two"), actor=ALICE, now=NOW)
        holds = [unit.holds[0].id, second.id]

    def act() -> UnitState:
        hold_id = holds.pop()
        with db.transaction(database, HOSPITAL_A) as session:
            return service.release_hold(session, hold_id, reason="seen", actor=ALICE, now=NOW)

    answers = in_two_threads(act)

    assert sorted(map(str, answers)) == ["quarantined", "released"]
