"""Actions on whole lots: block one, lift its block, catch up with a merge of definitions.

Whoever holds a lot takes the lock of those who add a unit of it: ``devices.service.lock_identities``.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.catalogue import queries as catalogue
from tracker.devices import service as devices
from tracker.devices.queries import lock_units
from tracker.devices.rules import ON_HAND, Identity, NewHold, check_reason
from tracker.devices.service import HoldClosed
from tracker.errors import N_
from tracker.lots import queries

_HOLD_LOT = text(
    "insert into lot_hold (id, establishment_id, definition_id, lot_number, cause, reason, source_ref, opened_at,"
    " opened_by_id, opened_by_name) values (:id, :establishment_id, :definition_id, :lot_number, :cause, :reason,"
    " :source_ref, :now, :actor_id, :actor_name)"
)
_HOLD_UNITS = text(
    "with unit as (select id from device where state = any(:states) and id in ("  # two look-ups by index, not an 'or'
    " select id from device where lot_number = :lot_number and definition_id = any(:family)"
    " union select id from device where id = :device_id and definition_id = any(:family))"
    " order by sequence for no key update)"
    " insert into hold (id, establishment_id, device_id, cause, reason, source_ref, opened_at, opened_by_id,"
    " opened_by_name) select gen_random_uuid(), :establishment_id, id, :cause, :reason, :source_ref, :now, :actor_id,"
    " :actor_name from unit"
)


def hold_lot(
    session: Session,
    *,
    definition_id: UUID,
    lot_number: str | None,
    serial_device_id: UUID | None,
    hold: NewHold,
    actor: Actor,
    now: datetime,
) -> int:
    """Block a whole lot: the units on hand now, and those received later; return how many units were blocked.

    Units recorded under a definition that was merged with this one are of the same lot. Used units are left alone: they
    are not here any more. The caller's action checks the permission.

    Args:
        session: the transaction of the cause.
        definition_id: whose lot.
        lot_number: None where the device carries none; then only ``serial_device_id`` is blocked.
        serial_device_id: a unit to block whatever its lot.
        hold: why.
        actor: who.
        now: when.
    """
    devices.lock_identities(session, [Identity(definition_id, lot_number)], establishment_id=actor.establishment_id)
    values = {
        "id": db.new_id(),
        "establishment_id": actor.establishment_id,
        "cause": hold.cause.value,
        "reason": hold.reason,
        "source_ref": hold.source_ref,
        "now": now,
        "actor_id": actor.id,
        "actor_name": actor.display_name,
        "definition_id": definition_id,
        "family": session.scalars(catalogue.family_of(definition_id)).all(),
        "states": [state.value for state in ON_HAND],
        "lot_number": lot_number,
        "device_id": serial_device_id,
    }
    if lot_number:
        session.execute(_HOLD_LOT, values)
    result = session.execute(_HOLD_UNITS, values)
    count = result.rowcount if isinstance(result, CursorResult) else 0
    audit.append(
        session,
        actor=actor,
        action="lot:held",
        subject=f"definition:{definition_id}",
        details={"lot": lot_number or "", "count": str(count), "cause": hold.cause.value, "of": hold.source_ref},
        now=now,
    )
    return count


_HOLD_MERGED = text(
    "with found as (select unit.id, unit.establishment_id, block.cause, block.reason, block.source_ref"
    " from lot_hold block join device_definition held on held.id = block.definition_id"
    " join device unit on unit.lot_number = block.lot_number and unit.definition_id <> block.definition_id"
    " join device_definition other on other.id = unit.definition_id"
    " and coalesce(other.merged_into_id, other.id) = coalesce(held.merged_into_id, held.id)"
    " where block.closed_at is null and unit.state = any(:states) and not exists (select 1 from hold earlier"
    "  where earlier.device_id = unit.id and earlier.source_ref = block.source_ref)"
    " order by unit.sequence for no key update of unit)"
    " insert into hold (id, establishment_id, device_id, cause, reason, source_ref, opened_at, opened_by_id,"
    " opened_by_name) select gen_random_uuid(), establishment_id, id, cause, reason, source_ref, :now, :actor_id,"
    " :actor_name from found"
    " returning device_id"
)
"""A unit that this block held once is not held again: whoever released it had a reason."""


def hold_merged(session: Session, *, actor: Actor, now: datetime) -> int:
    """Block the units that a merge of definitions has made part of a blocked lot; return how many there were.

    Raises:
        NotPermitted: the actor may not block.
    """
    actor.require(Permission.HOLD_OPEN)
    values = {
        "now": now,
        "actor_id": actor.id,
        "actor_name": actor.display_name,
        "states": [state.value for state in ON_HAND],
    }
    held = session.scalars(_HOLD_MERGED, values).all()
    acts = [audit.Act("hold:opened", f"device:{device_id}", {"of": "definition:merged"}) for device_id in held]
    if acts:
        audit.append_many(session, actor=actor, acts=acts, now=now)
    return len(held)


def release_lot(session: Session, lot_hold_id: UUID, *, reason: str, actor: Actor, now: datetime) -> int:
    """Lift the block on a lot with a reason, and release the holds it set on units; return how many there were.

    Units that another hold blocks stay blocked, and so do those that goods-in quarantined because of the lot: each of
    them is judged by itself.

    Raises:
        NotPermitted: the actor may not release.
        LotHoldNotFound: there is no such block here.
        ReasonMissing: nothing was written.
        HoldClosed: somebody else lifted it already.
    """
    actor.require(Permission.HOLD_RELEASE)
    block = queries.get_lot_hold_for_update(session, lot_hold_id)
    reason = check_reason(reason)
    if block.closed_at is not None:
        raise HoldClosed(
            N_("The block on this lot was already lifted."), next_step=N_("Look at the list to see by whom and why.")
        )
    block.closed_at, block.closed_by_id, block.closed_by_name = now, actor.id, actor.display_name
    block.close_reason = reason
    held = queries.list_holds_set_with(session, block)
    lock_units(session, hold_ids=held)
    for hold_id in held:
        devices.release_hold(session, hold_id, reason=reason, actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="lot:released",
        subject=f"lot_hold:{lot_hold_id}",
        details={"lot": block.lot_number, "count": str(len(held)), "reason": reason},
        now=now,
    )
    return len(held)
