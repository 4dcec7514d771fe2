"""Makers of manufacturers, definitions and units, for the tests of every room that stands on them."""

from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from tests.hospital import ALICE, NOW, THEATRE, TODAY
from tracker import db
from tracker.actor import Actor
from tracker.catalogue import service as catalogue_service
from tracker.catalogue.rules import DeviceKind, NewDefinition, NewManufacturer
from tracker.delivery import service as delivery
from tracker.delivery.rules import Handover
from tracker.derogations import service as register
from tracker.derogations.models import Decision, Derogation, ScopeEntry
from tracker.derogations.rules import DecisionKind, DerogationKind, Domain
from tracker.devices import queries
from tracker.devices.queries import UnitView
from tracker.devices.rules import EntryMethod, Event, HoldCause, NewHold, UnitState
from tracker.receipts import service as receipts
from tracker.receipts.rules import NewUnit, Receipt
from tracker.terms.rules import ScopeChangeKind

GTIN = "03700000000013"
REFERENCE = "1-020163C"
RECORDED_AT = datetime(2025, 1, 1, tzinfo=UTC)
SHELF_LIFE_END = date(2028, 1, 31)


def make_manufacturer(session: Session, name: str = "Amplitude", *, actor: Actor = ALICE) -> UUID:
    """Add a manufacturer and return its id."""
    new = NewManufacturer(name=name, vigilance_email="vigilance@maker.test")
    return catalogue_service.create_manufacturer(session, db.new_id(), new=new, actor=actor, now=NOW).id


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
    return catalogue_service.create_definition(session, db.new_id(), new=new, actor=actor, now=NOW).id


def make_covered(
    session: Session, *, reference: str = REFERENCE, udi_di: str | None = GTIN, actor: Actor = ALICE
) -> UUID:
    """Add a definition under a derogation without an end in sight, and return its id: its units may be delivered."""
    manufacturer_id = make_manufacturer(session, f"Maker of {reference}", actor=actor)
    make_derogation(session, manufacturer_id, references=(reference,), valid_until=date(2099, 12, 31), actor=actor)
    return make_definition(session, reference=reference, udi_di=udi_di, manufacturer_id=manufacturer_id, actor=actor)


def make_unit(
    session: Session,
    definition_id: UUID,
    *,
    lot_number: str | None = "A1",
    serial_number: str | None = None,
    expiration_date: date | None = SHELF_LIFE_END,
    hold: NewHold | None = None,
    raw_scan: bytes = b"]d2" + GTIN.encode(),
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
        raw_scan=raw_scan,
    )
    event = Event.INVALID_RECEIPT if hold else Event.VALID_RECEIPT
    receipt = Receipt(db.new_id(), new, event, hold=hold)
    receipts.create_units(session, [receipt], actor=actor, now=NOW)
    return queries.get_unit_by_id(session, receipt.device_id)


def make_delivery(session: Session, number: str, *, actor: Actor = ALICE, movement_id: UUID | None = None) -> UnitState:
    """Deliver a unit to the theatre and return its state."""
    to = Handover(THEATRE, "Dr Test", "IBODE N")
    return delivery.deliver_unit(
        session, number, to=to, movement_id=movement_id or db.new_id(), actor=actor, now=NOW, today=TODAY
    )


def a_hold(reason: str = "seal broken", cause: HoldCause = HoldCause.PHARMACIST) -> NewHold:
    """Return a reason to block a unit."""
    return NewHold(cause=cause, reason=reason, source_ref="test:1")


def make_derogation(
    session: Session,
    manufacturer_id: UUID,
    *,
    references: tuple[str, ...] = (REFERENCE,),
    valid_until: date | None = date(2026, 12, 31),
    effective_from: date = date(2025, 1, 1),
    kind: DerogationKind = DerogationKind.PARTIAL_REVISION,
    decision_kind: DecisionKind = DecisionKind.GRANTED,
    patient_id: UUID | None = None,
    patient_cap: int | None = None,
    is_fictional: bool = False,
    actor: Actor = ALICE,
) -> UUID:
    """Write a derogation with one decision and its references, and return its id."""
    derogation_id = db.new_id()
    session.add(
        Derogation(
            id=derogation_id,
            establishment_id=actor.establishment_id,
            kind=kind,
            domain=Domain.JOINT,
            designation="SCORE inserts",
            manufacturer_id=manufacturer_id,
            legal_basis="CSP R.5211-19",
            partial_revision_only=kind is DerogationKind.PARTIAL_REVISION,
            implanted_system="SCORE knee",
            scope_text="",
            patient_id=patient_id,
            source="test",
            is_fictional=is_fictional,
            recorded_at=RECORDED_AT,
            recorded_by_id=actor.id,
        )
    )
    session.flush()  # decisions, scope and calendar refer to it
    make_decision(
        session,
        derogation_id,
        decision_kind,
        effective_from=effective_from,
        valid_until=valid_until,
        patient_cap=patient_cap,
        actor=actor,
    )
    make_scope(session, derogation_id, references, effective_from=effective_from, actor=actor)
    return derogation_id


def make_decision(
    session: Session,
    derogation_id: UUID,
    kind: DecisionKind,
    *,
    effective_from: date,
    valid_until: date | None = None,
    patient_cap: int | None = None,
    actor: Actor = ALICE,
) -> None:
    """Write a decision on a derogation."""
    session.add(
        Decision(
            id=db.new_id(),
            establishment_id=actor.establishment_id,
            derogation_id=derogation_id,
            kind=kind,
            effective_from=effective_from,
            valid_until=valid_until,
            decided_on=effective_from,
            reference="DM-2025-001",
            patient_cap=patient_cap,
            note="",
            source="test",
            document_id=None,
            corrects_id=None,
            recorded_at=RECORDED_AT,
            recorded_by_id=actor.id,
            recorded_by_name=actor.display_name,
        )
    )
    session.flush()  # the next statement of the test reads it
    register.write_calendar(session, derogation_id)


def make_scope(
    session: Session,
    derogation_id: UUID,
    references: tuple[str, ...],
    *,
    effective_from: date,
    reading: str = "",
    actor: Actor = ALICE,
) -> None:
    """Write references that enter the scope of a derogation."""
    session.add_all(
        ScopeEntry(
            id=db.new_id(),
            establishment_id=actor.establishment_id,
            derogation_id=derogation_id,
            change=ScopeChangeKind.ADDED,
            reference=reference,
            label="",
            effective_from=effective_from,
            reading=reading,
            recorded_at=RECORDED_AT,
            recorded_by_id=actor.id,
        )
        for reference in references
    )
    session.flush()  # the next statement of the test reads it
