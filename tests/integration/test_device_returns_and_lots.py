"""Returns from a ward, blocks on lots, and what happens when two people act at once, on PostgreSQL."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.hospital import ALICE, BOB, CHARLIE, GUY, HOSPITAL_A, HOSPITAL_B, NOW, THEATRE, TODAY, enter
from tests.stock import SHELF_LIFE_END, a_hold, make_covered, make_definition, make_delivery, make_unit
from tracker import db
from tracker.actor import Actor
from tracker.audit.models import AuditEntry
from tracker.devices import queries, service
from tracker.devices.models import Device, LotHold, Movement
from tracker.devices.queries import LotHoldNotFound, UnitView
from tracker.devices.rules import (
    Event,
    EventNotPossible,
    HoldCause,
    NewHold,
    ReasonMissing,
    UnitOnHold,
    UnitState,
)
from tracker.devices.service import HoldClosed
from tracker.errors import NotPermitted, RequestIdReused

INCIDENT = NewHold(HoldCause.INCIDENT, "it broke", "incident:1")


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


def hold_lot(session: Session, definition_id: UUID) -> UUID:
    service.hold_lot(
        session,
        definition_id=definition_id,
        lot_number="A1",
        serial_device_id=None,
        hold=INCIDENT,
        actor=BOB,
        now=NOW,
    )
    return session.scalars(select(LotHold.id).order_by(LotHold.opened_at.desc())).first() or UUID(int=0)


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


def test_lifting_a_block_on_a_lot_releases_what_it_held_and_nothing_else(session: Session) -> None:
    definition_id = make_definition(session)
    free, twice = make_unit(session, definition_id), make_unit(session, definition_id)
    judged = make_unit(session, definition_id, hold=NewHold(HoldCause.VERDICT, "lot-on-hold", "reception_line:1"))
    service.open_hold(session, db.new_id(), number=twice.number, hold=a_hold("seal"), actor=ALICE, now=NOW)
    block = hold_lot(session, definition_id)

    released = service.release_lot(session, block, reason="notice withdrawn", actor=ALICE, now=NOW)

    assert released == 3
    assert queries.get_unit_by_id(session, free.id).is_usable
    assert [hold.reason for hold in queries.get_unit_by_id(session, twice.id).holds] == ["seal"]
    assert [hold.reason for hold in queries.get_unit_by_id(session, judged.id).holds] == ["lot-on-hold"]
    (line,) = queries.list_lot_holds(session, limit=10)
    assert (line.closed_by_name, line.close_reason, line.held_count) == (ALICE.display_name, "notice withdrawn", 0)
    assert session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence.desc())).first() == "lot:released"


def test_a_block_on_a_lot_is_lifted_once_by_a_pharmacist_with_a_reason(session: Session) -> None:
    unit = make_unit(session, make_definition(session))
    block = hold_lot(session, unit.definition.id)

    with pytest.raises(NotPermitted):
        service.release_lot(session, block, reason="seen", actor=BOB, now=NOW)
    with pytest.raises(ReasonMissing):
        service.release_lot(session, block, reason=" ", actor=ALICE, now=NOW)
    assert not queries.get_unit_by_id(session, unit.id).is_usable
    service.release_lot(session, block, reason="seen", actor=ALICE, now=NOW)
    with pytest.raises(HoldClosed):
        service.release_lot(session, block, reason="seen", actor=ALICE, now=NOW)
    session.expunge_all()
    enter(session, HOSPITAL_B)
    with pytest.raises(LotHoldNotFound):
        service.release_lot(session, block, reason="seen", actor=GUY, now=NOW)


def test_what_waits_longest_is_listed_first_and_a_page_goes_on_where_it_stopped(session: Session) -> None:
    definition_id = make_definition(session)
    units = [make_unit(session, definition_id, expiration_date=SHELF_LIFE_END) for _unit in range(3)]
    for age, unit in enumerate(units):
        now = NOW - timedelta(days=age)
        service.open_hold(session, db.new_id(), number=unit.number, hold=a_hold(), actor=ALICE, now=now)
    session.flush()  # the list reads them

    first = queries.list_waiting_holds(session, limit=2)
    rest = queries.list_waiting_holds(session, limit=2, after=queries.get_hold(session, first[-1].id))

    assert [line.number for line in [*first, *rest]] == [unit.number for unit in units[::-1]]


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


@pytest.mark.parametrize("attempt", range(4))
def test_a_unit_whose_lot_is_held_meanwhile_is_never_used_after_the_hold(database: db.Database, attempt: int) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        unit = make_unit(session, make_definition(session))

    def use() -> UnitState:
        with db.transaction(database, HOSPITAL_A) as session:
            return service.mark_used(session, unit.id, event=Event.IMPLANTATION, reason="", actor=CHARLIE, now=NOW)

    def hold() -> UUID:
        with db.transaction(database, HOSPITAL_A) as session:
            return hold_lot(session, unit.definition.id)

    used, _held = at_once(use, hold) if attempt % 2 else reversed(at_once(hold, use))

    with db.transaction(database, HOSPITAL_A) as session:
        after = queries.get_unit_by_id(session, unit.id)
        movements = session.scalar(select(func.count()).select_from(Movement))
    assert not after.is_usable
    if isinstance(used, UnitOnHold):
        assert (after.state, len(after.holds), movements) == (UnitState.RELEASED, 1, 1)
    else:
        assert (after.state, movements) == (UnitState.USED, 2)
