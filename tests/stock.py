"""Makers of manufacturers, definitions and units, for the tests of every room that stands on them."""

from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from tests.hospital import ALICE, NOW
from tracker import db
from tracker.actor import Actor
from tracker.devices import queries, service
from tracker.devices.queries import UnitView
from tracker.devices.rules import (
    DeviceKind,
    EntryMethod,
    Event,
    HoldCause,
    NewDefinition,
    NewHold,
    NewManufacturer,
    NewUnit,
)

GTIN = "03700000000013"
REFERENCE = "1-020163C"
SHELF_LIFE_END = date(2028, 1, 31)


def make_manufacturer(session: Session, name: str = "Amplitude", *, actor: Actor = ALICE) -> UUID:
    """Add a manufacturer and return its id."""
    new = NewManufacturer(name=name, vigilance_email="vigilance@maker.test")
    return service.create_manufacturer(session, db.new_id(), new=new, actor=actor, now=NOW).id


def make_definition(
    session: Session,
    *,
    reference: str = REFERENCE,
    udi_di: str | None = GTIN,
    manufacturer_id: UUID | None = None,
    kind: DeviceKind = DeviceKind.IMPLANT,
    actor: Actor = ALICE,
) -> UUID:
    """Add a definition and return its id."""
    new = NewDefinition(
        manufacturer_id=manufacturer_id or make_manufacturer(session, f"Maker of {reference}", actor=actor),
        reference=reference,
        designation="SCORE, insert C 14 mm",
        kind=kind,
        brand="SCORE",
        size="C 14 mm",
        udi_dis=(udi_di,) if udi_di else (),
    )
    return service.create_definition(session, db.new_id(), new=new, actor=actor, now=NOW).id


def make_unit(
    session: Session,
    definition_id: UUID,
    *,
    lot_number: str | None = "A1",
    serial_number: str | None = None,
    expiration_date: date | None = SHELF_LIFE_END,
    hold: NewHold | None = None,
    actor: Actor = ALICE,
) -> UnitView:
    """Receive a unit, in quarantine when it has a hold, and return it."""
    new = NewUnit(
        definition_id=definition_id,
        entry_method=EntryMethod.SCANNED,
        lot_number=lot_number,
        serial_number=serial_number,
        expiration_date=expiration_date,
        udi_di=GTIN,
        raw_scan=b"]d2" + GTIN.encode(),
    )
    event = Event.INVALID_RECEIPT if hold else Event.VALID_RECEIPT
    unit = service.create_unit(session, db.new_id(), new=new, event=event, reason="", hold=hold, actor=actor, now=NOW)
    return queries.get_unit_by_id(session, unit.id)


def a_hold(reason: str = "seal broken", cause: HoldCause = HoldCause.PHARMACIST) -> NewHold:
    """Return a reason to block a unit."""
    return NewHold(cause=cause, reason=reason, source_ref="test:1")
