"""Makes units, many at once: the caller's action judged them and holds the lock on their lots and serial numbers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor
from tracker.audit import service as audit
from tracker.db import DirectStatement
from tracker.devices import rules
from tracker.devices.rules import CreatedUnit, UnitState
from tracker.receipts.rules import Receipt

_CREATE = DirectStatement(
    text(
        "with asked as (select * from jsonb_to_recordset(:units) as one(place int, device_id uuid, definition_id uuid,"
        " lot_number text, serial_number text, expiration_date date, manufacture_date date, software_version text,"
        " udi_di text, raw_scan text, entry_method text, state text, movement_id uuid, event text, reason text,"
        " hold_id uuid, hold_cause text, hold_reason text, hold_source text)),"
        " unit as (insert into device (id, establishment_id, definition_id, lot_number, serial_number,"
        " expiration_date, manufacture_date, software_version, udi_di, raw_scan, entry_method, state, created_at)"
        " select device_id, :establishment_id, definition_id, lot_number, serial_number, expiration_date,"
        " manufacture_date, software_version, udi_di, decode(raw_scan, 'hex'), entry_method, state, :now from asked"
        " order by place"
        " returning id, sequence),"
        " life as (insert into movement (id, establishment_id, device_id, event, state_after, at, actor_id,"
        " actor_name, reason, details) select movement_id, :establishment_id, device_id, event, state, :now,"
        " :actor_id, :actor_name, reason, '{}' from asked),"
        " block as (insert into hold (id, establishment_id, device_id, cause, reason, source_ref, opened_at,"
        " opened_by_id, opened_by_name) select hold_id, :establishment_id, device_id, hold_cause, hold_reason,"
        " hold_source, :now, :actor_id, :actor_name from asked where hold_id is not null)"
        " select id, sequence from unit"
    ).bindparams(bindparam("units", type_=JSONB))
)


def create_units(
    session: Session, receipts: Sequence[Receipt], *, also: Sequence[audit.Act] = (), actor: Actor, now: datetime
) -> dict[UUID, CreatedUnit]:
    """Make units with their first movements and holds: one statement for all.

    The caller's action checks the permission, holds the lock of ``devices.service.lock_identities``, tells the trail
    the rest in ``also``.
    """
    units = _insert(session, receipts, actor=actor, now=now) if receipts else {}
    acts = [_made(receipt, units[receipt.device_id]) for receipt in receipts]
    audit.append_many(session, actor=actor, acts=[*acts, *also], now=now)
    return units


def _insert(session: Session, receipts: Sequence[Receipt], *, actor: Actor, now: datetime) -> dict[UUID, CreatedUnit]:
    states = {receipt.device_id: rules.state_after(receipt.event, None) for receipt in receipts}
    values: dict[str, object] = {
        "establishment_id": actor.establishment_id,
        "now": now,
        "actor_id": actor.id,
        "actor_name": actor.display_name,
        "units": [_unit_row(place, receipt, states[receipt.device_id]) for place, receipt in enumerate(receipts)],
    }
    rows = _CREATE.rows(session, values)
    return {row.id: CreatedUnit(row.id, row.sequence, states[row.id]) for row in rows}


def _unit_row(place: int, receipt: Receipt, state: UnitState) -> dict[str, object]:
    unit, hold = receipt.unit, receipt.hold
    return {
        "place": place,
        "device_id": str(receipt.device_id),
        "definition_id": str(unit.definition_id),
        "lot_number": unit.lot_number,
        "serial_number": unit.serial_number,
        "expiration_date": unit.expiration_date and unit.expiration_date.isoformat(),
        "manufacture_date": unit.manufacture_date and unit.manufacture_date.isoformat(),
        "software_version": unit.software_version,
        "udi_di": unit.udi_di,
        "raw_scan": None if unit.raw_scan is None else unit.raw_scan.hex(),
        "entry_method": unit.entry_method.value,
        "state": state.value,
        "movement_id": str(db.new_id()),
        "event": receipt.event.value,
        "reason": receipt.reason,
        "hold_id": str(db.new_id()) if hold else None,
        "hold_cause": hold.cause.value if hold else None,
        "hold_reason": hold.reason if hold else None,
        "hold_source": hold.source_ref if hold else None,
    }


def _made(receipt: Receipt, unit: CreatedUnit) -> audit.Act:
    told = {"number": unit.number, "event": receipt.event.value, "state": unit.state.value, "reason": receipt.reason}
    return audit.Act("unit:created", f"device:{unit.id}", told)
