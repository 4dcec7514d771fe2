"""Whole lots blocked and freed, and the list of what is blocked, on PostgreSQL."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.hospital import ALICE, BOB, CHARLIE, GUY, HOSPITAL_A, HOSPITAL_B, NOW, enter
from tests.stock import SHELF_LIFE_END, a_hold, make_covered, make_definition, make_delivery, make_unit
from tracker import db
from tracker.audit.models import AuditEntry
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.models import Hold, Movement
from tracker.devices.rules import (
    Event,
    HoldCause,
    NewHold,
    ReasonMissing,
    UnitOnHold,
    UnitState,
)
from tracker.devices.service import HoldClosed
from tracker.errors import NotPermitted
from tracker.lots import queries, service
from tracker.lots.models import LotHold
from tracker.lots.queries import LotHoldNotFound

INCIDENT = NewHold(HoldCause.INCIDENT, "it broke", "incident:1")


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


def test_a_lot_is_held_with_the_units_on_hand_and_no_other(session: Session) -> None:
    definition_id = make_covered(session)
    used, stocked, delivered = (make_unit(session, definition_id) for _unit in range(3))
    other_lot = make_unit(session, definition_id, lot_number="B2")
    same_lot_of_another = make_unit(session, make_definition(session, reference="R2", udi_di=None))
    device_service.mark_used(session, used.id, event=Event.IMPLANTATION, reason="", actor=CHARLIE, now=NOW)
    make_delivery(session, delivered.number)

    held = service.hold_lot(
        session,
        definition_id=definition_id,
        lot_number="A1",
        serial_device_id=None,
        hold=a_hold("incident 1"),
        actor=BOB,
        now=NOW,
    )

    assert held == 2
    assert set(session.scalars(select(Hold.device_id))) == {stocked.id, delivered.id}
    assert session.scalars(select(LotHold.lot_number)).all() == ["A1"]
    assert devices.get_unit_by_id(session, other_lot.id).is_usable
    assert devices.get_unit_by_id(session, same_lot_of_another.id).is_usable


def test_a_unit_without_lot_is_held_alone(session: Session) -> None:
    definition_id = make_definition(session)
    unit = make_unit(session, definition_id, lot_number=None, serial_number="S1")
    other = make_unit(session, definition_id, lot_number=None, serial_number="S2")

    held = service.hold_lot(
        session,
        definition_id=definition_id,
        lot_number=None,
        serial_device_id=unit.id,
        hold=a_hold(),
        actor=BOB,
        now=NOW,
    )

    assert held == 1
    assert session.scalars(select(LotHold)).all() == []
    assert devices.get_unit_by_id(session, other.id).is_usable


def test_lifting_a_block_on_a_lot_releases_what_it_held_and_nothing_else(session: Session) -> None:
    definition_id = make_definition(session)
    free, twice = make_unit(session, definition_id), make_unit(session, definition_id)
    judged = make_unit(session, definition_id, hold=NewHold(HoldCause.VERDICT, "lot-on-hold", "reception_line:1"))
    device_service.open_hold(session, db.new_id(), number=twice.number, hold=a_hold("seal"), actor=ALICE, now=NOW)
    block = hold_lot(session, definition_id)

    released = service.release_lot(session, block, reason="notice withdrawn", actor=ALICE, now=NOW)

    assert released == 3
    assert devices.get_unit_by_id(session, free.id).is_usable
    assert [hold.reason for hold in devices.get_unit_by_id(session, twice.id).holds] == ["seal"]
    assert [hold.reason for hold in devices.get_unit_by_id(session, judged.id).holds] == ["lot-on-hold"]
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
    assert not devices.get_unit_by_id(session, unit.id).is_usable
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
        device_service.open_hold(session, db.new_id(), number=unit.number, hold=a_hold(), actor=ALICE, now=now)
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


@pytest.mark.parametrize("attempt", range(4))
def test_a_unit_whose_lot_is_held_meanwhile_is_never_used_after_the_hold(database: db.Database, attempt: int) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        unit = make_unit(session, make_definition(session))

    def use() -> UnitState:
        with db.transaction(database, HOSPITAL_A) as session:
            return device_service.mark_used(
                session, unit.id, event=Event.IMPLANTATION, reason="", actor=CHARLIE, now=NOW
            )

    def hold() -> UUID:
        with db.transaction(database, HOSPITAL_A) as session:
            return hold_lot(session, unit.definition.id)

    used, _held = at_once(use, hold) if attempt % 2 else reversed(at_once(hold, use))

    with db.transaction(database, HOSPITAL_A) as session:
        after = devices.get_unit_by_id(session, unit.id)
        movements = session.scalar(select(func.count()).select_from(Movement))
    assert not after.is_usable
    if isinstance(used, UnitOnHold):
        assert (after.state, len(after.holds), movements) == (UnitState.RELEASED, 1, 1)
    else:
        assert (after.state, movements) == (UnitState.USED, 2)
