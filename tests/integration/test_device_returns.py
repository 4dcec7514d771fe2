"""Returns from a ward, and what happens when two people act at once, on PostgreSQL."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from tests.hospital import ALICE, BOB, CHARLIE, HOSPITAL_A, NOW, THEATRE, TODAY
from tests.stock import a_hold, make_covered, make_definition, make_delivery, make_unit
from tracker import db
from tracker.actor import Actor
from tracker.devices import queries, service
from tracker.devices.models import Device
from tracker.devices.queries import UnitView
from tracker.devices.rules import (
    Event,
    EventNotPossible,
    UnitState,
)
from tracker.errors import NotPermitted, RequestIdReused


def delivered(session: Session, *, lot_number: str = "A1", definition_id: UUID | None = None) -> UnitView:
    unit = make_unit(session, definition_id or make_covered(session), lot_number=lot_number)
    make_delivery(session, unit.number)
    return queries.get_unit_by_id(session, unit.id)


def take_back(
    session: Session, unit: UnitView, *, doubt: str = "", actor: Actor = ALICE, movement_id: UUID | None = None
) -> UnitView:
    service.return_unit(
        session,
        unit.number,
        doubt=doubt,
        returned_by="IBODE N",
        movement_id=movement_id or db.new_id(),
        actor=actor,
        now=NOW,
        today=TODAY,
    )
    return queries.get_unit_by_id(session, unit.id)


def test_a_delivered_unit_is_in_its_ward_with_the_names_of_who_asked_and_received(session: Session) -> None:
    unit = delivered(session)

    last = queries.life_of(session, unit.id)[-1]
    assert (unit.ward_id, unit.ward_name) == (THEATRE, "Bloc opératoire")
    assert last.details == {"requested_by": "Dr Test", "received_by": "IBODE N"}


def test_a_sound_unit_comes_back_into_stock(session: Session) -> None:
    unit = take_back(session, delivered(session))

    assert (unit.state, unit.ward_id, unit.is_usable) == (UnitState.RELEASED, None, True)
    last = queries.life_of(session, unit.id)[-1]
    assert (last.event, last.ward_name) == (Event.RESTOCK, "Bloc opératoire")


def test_a_doubtful_unit_comes_back_into_quarantine_with_what_was_seen(session: Session) -> None:
    unit = take_back(session, delivered(session), doubt="outer bag torn")

    assert (unit.state, unit.ward_id, unit.is_usable) == (UnitState.QUARANTINED, None, False)
    assert [hold.reason for hold in unit.holds] == ["outer bag torn"]
    assert queries.life_of(session, unit.id)[-1].event is Event.INVALID_RECEIPT


def test_a_unit_past_its_shelf_life_comes_back_into_quarantine(session: Session) -> None:
    unit = delivered(session)
    session.get_one(Device, unit.id).expiration_date = TODAY - timedelta(1)
    session.flush()  # the return reads it

    assert [hold.reason for hold in take_back(session, unit).holds] == ["shelf-life-past"]


def test_a_unit_on_hold_comes_back_into_quarantine_under_the_same_hold(session: Session) -> None:
    unit = delivered(session)
    service.open_hold(session, db.new_id(), number=unit.number, hold=a_hold("notice"), actor=BOB, now=NOW)

    back = take_back(session, unit)

    assert back.state is UnitState.QUARANTINED
    assert [hold.reason for hold in back.holds] == ["notice"]


def test_only_what_is_with_a_ward_comes_back_and_only_once(session: Session) -> None:
    unit, movement_id = delivered(session), db.new_id()
    stocked = make_unit(session, unit.definition.id)

    for _again in range(2):
        take_back(session, unit, movement_id=movement_id)

    assert len(queries.life_of(session, unit.id)) == 3
    with pytest.raises(EventNotPossible):
        take_back(session, unit)
    with pytest.raises(EventNotPossible):
        take_back(session, stocked)
    with pytest.raises(RequestIdReused):
        take_back(session, stocked, movement_id=movement_id)
    with pytest.raises(NotPermitted):
        take_back(session, unit, actor=CHARLIE)


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Run acts at the same time and return their answers in order, errors included."""
    answers: list[object] = [None] * len(acts)

    def run(number: int) -> None:
        try:
            answers[number] = acts[number]()
        except Exception as error:  # noqa: BLE001 - the answer of a thread
            answers[number] = error

    threads = [Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_two_pharmacists_who_release_one_hold_at_once_release_it_once(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        unit = make_unit(session, make_definition(session), hold=a_hold())

    def release() -> UnitState:
        with db.transaction(database, HOSPITAL_A) as session:
            return service.release_hold(session, unit.holds[0].id, reason="seen", actor=ALICE, now=NOW)

    answers = at_once(release, release)

    assert sorted(type(answer).__name__ for answer in answers) == ["HoldClosed", "UnitState"]
    with db.transaction(database, HOSPITAL_A) as session:
        assert [event.event for event in queries.life_of(session, unit.id)] == [Event.INVALID_RECEIPT, Event.STOCK_IN]
