"""Delivery and return by scan, on PostgreSQL."""

from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from tests.hospital import ALICE, CHARLIE, NOW, THEATRE, TODAY
from tests.stock import GTIN, a_hold, make_definition, make_unit
from tracker import db
from tracker.actor import Actor
from tracker.delivery import service
from tracker.delivery.queries import CodeOfNoUnit, PatientLabelAtDelivery, UnitDoubtful
from tracker.delivery.rules import Inspected
from tracker.devices.queries import UnitNotFound, UnitView
from tracker.devices.rules import Handover, UnitOnHold, UnitState
from tracker.errors import NotPermitted

LOT_CODE = f"]d201{GTIN}17280131\x1d10A1"
SERIAL_CODE = f"]d201{GTIN}21S7"
PATIENT = "IS010000000000000000000000S1160045512005003S2MARTINXS3PAULXS4MXS519-07-1960XS675056XS7X"


def deliver(session: Session, raw: str, *, actor: Actor = ALICE, movement_id: UUID | None = None) -> UnitView:
    return service.deliver_scanned(
        session,
        movement_id or db.new_id(),
        raw=raw,
        to=Handover(THEATRE, "Dr T"),
        actor=actor,
        now=NOW,
        today=TODAY,
    )


def take_back(session: Session, raw: str, *, doubt: str = "") -> UnitView:
    return service.return_scanned(
        session, db.new_id(), raw=raw, inspected=Inspected(doubt, "IBODE N"), actor=ALICE, now=NOW, today=TODAY
    )


def test_our_label_delivers_its_unit_and_brings_it_back(session: Session) -> None:
    unit = make_unit(session, make_definition(session))

    out = deliver(session, f"{unit.number}\n")
    back = take_back(session, unit.number.lower())

    assert (out.state, out.ward_id) == (UnitState.DELIVERED, THEATRE)
    assert (back.state, back.ward_id) == (UnitState.RELEASED, None)


def test_a_manufacturers_code_names_the_one_unit_it_fits(session: Session) -> None:
    definition_id = make_definition(session)
    of_lot = make_unit(session, definition_id)
    of_serial = make_unit(session, definition_id, lot_number=None, serial_number="S7")

    assert deliver(session, LOT_CODE).id == of_lot.id
    assert deliver(session, SERIAL_CODE).id == of_serial.id
    assert take_back(session, LOT_CODE).id == of_lot.id


def test_a_code_that_fits_several_units_or_none_delivers_nothing(session: Session) -> None:
    definition_id = make_definition(session)
    units = [make_unit(session, definition_id) for _unit in range(2)]

    with pytest.raises(UnitDoubtful):
        deliver(session, LOT_CODE)
    with pytest.raises(CodeOfNoUnit):
        deliver(session, f"]d201{GTIN}10ZZ")
    with pytest.raises(UnitNotFound):
        deliver(session, "no label at all")
    with pytest.raises(CodeOfNoUnit):
        take_back(session, LOT_CODE)
    assert {deliver(session, unit.number).state for unit in units} == {UnitState.DELIVERED}


def test_the_label_of_a_patient_is_refused(session: Session) -> None:
    with pytest.raises(PatientLabelAtDelivery):
        deliver(session, PATIENT)


def test_the_same_scan_sent_again_names_the_same_unit_although_its_state_has_changed(session: Session) -> None:
    unit, movement_id = make_unit(session, make_definition(session)), db.new_id()

    first = deliver(session, LOT_CODE, movement_id=movement_id)
    again = deliver(session, LOT_CODE, movement_id=movement_id)

    assert first.id == again.id == unit.id


def test_what_is_on_hold_is_not_delivered_and_nobody_else_than_a_pharmacist_delivers(session: Session) -> None:
    definition_id = make_definition(session)
    held, free = make_unit(session, definition_id, hold=a_hold()), make_unit(session, definition_id)

    with pytest.raises(UnitOnHold):
        deliver(session, held.number)
    with pytest.raises(NotPermitted):
        deliver(session, free.number, actor=CHARLIE)
