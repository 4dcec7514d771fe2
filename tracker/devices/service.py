"""Actions on units and holds.

The state of a unit is written only here and, at its birth, in ``receipts``, always with the movement that leads to it.
Whoever adds a unit of a lot, and whoever holds a lot, takes the same lock first (:func:`lock_identities`): no unit
slips in between. Which lock comes after which: docs/decisions/0023.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, insert, select, text, update
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.db import DirectStatement
from tracker.devices import queries, rules
from tracker.devices.models import Device, Hold, Movement
from tracker.devices.queries import HoldNotFound, UnitView
from tracker.devices.rules import (
    CreatedUnit,
    Event,
    HoldCause,
    Identity,
    NewHold,
    NewMovement,
    UnitState,
)
from tracker.errors import N_, Conflict, check_same_request


class HoldClosed(Conflict):
    """Somebody else released this hold already."""

    code = "hold-closed"


_LOCK = DirectStatement(
    text("select pg_advisory_xact_lock(hashtextextended(name, 0)) from unnest(cast(:names as text[])) name")
)


def lock_identities(session: Session, identities: Sequence[Identity], *, establishment_id: UUID) -> None:
    """Wait until nobody else works on the same requests, the same lots or the same serial numbers; one statement.

    Two requests with one id, two boxes with one serial number, and a unit received while its lot is being held would
    otherwise not see each other. All requests first, then all lots, then all serial numbers, each in the order of their
    names: nobody waits in a circle.
    """
    requests = {f"request:{identity.request_id}" for identity in identities}
    lots = {f"lot:{establishment_id}:{one.lot_number}" for one in identities if one.lot_number}
    serials = {f"serial:{establishment_id}:{one.serial_number}" for one in identities if one.serial_number}
    _LOCK.rows(session, {"names": [*sorted(requests), *sorted(lots), *sorted(serials)]})


def void_unit(session: Session, device_id: UUID, *, reason: str, actor: Actor, now: datetime) -> CreatedUnit:
    """Take back the receipt of a unit to which nothing happened since; the caller's action checks the permission.

    The hold of its verdict, if any, closes with the same reason: there is nothing left to block.

    Raises:
        UnitNotFound: there is no such unit here.
        UnitMoved: something happened to it since its receipt.
        EventNotPossible: its receipt was already taken back.
    """
    unit = queries.get_unit_by_id_for_update(session, device_id)
    state = rules.state_after(Event.RECEIPT_CORRECTED, unit.state)
    rules.check_untouched(
        event_count=len(queries.life_of(session, device_id)), hold_causes=[hold.cause for hold in unit.holds]
    )
    for hold in unit.holds:
        _close(session, hold.id, unit=unit, reason=reason, actor=actor, now=now)
    _move(session, unit, new=NewMovement(db.new_id(), Event.RECEIPT_CORRECTED, reason), actor=actor, now=now)
    told = {"number": unit.number, "reason": reason}
    audit.append(session, actor=actor, action="unit:voided", subject=f"device:{device_id}", details=told, now=now)
    return CreatedUnit(unit.id, unit.sequence, state)


def _move(session: Session, unit: UnitView, *, new: NewMovement, actor: Actor, now: datetime) -> UnitState:
    """Append a movement of a locked unit and write the state it leads to."""
    state = new.leads_from(unit.state)
    session.execute(insert(Movement).values(_movement(unit, new, state, actor=actor, now=now)))
    place = rules.place_after(new.event, unit.ward_id, ward_id=new.ward_id)
    session.execute(update(Device).where(Device.id == unit.id).values(state=state, ward_id=place))
    return state


def _movement(unit: UnitView, new: NewMovement, state: UnitState, *, actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "id": new.id,
        "establishment_id": actor.establishment_id,
        "device_id": unit.id,
        "event": new.event,
        "state_after": state,
        "at": now,
        "actor_id": actor.id,
        "actor_name": actor.display_name,
        "ward_id": new.ward_id,
        "reason": new.reason,
        "details": new.details(),
    }


def hand_over(
    session: Session,
    unit: UnitView,
    *,
    new: NewMovement,
    ward_code: str,
    derogation_id: UUID,
    actor: Actor,
    now: datetime,
) -> UnitState:
    """Record that a locked unit goes to a ward (CSP R.5212-38), under a derogation in force.

    ``delivery`` alone calls this: its act checks the permission, the ward and the unit, and asks the register.

    Raises:
        UnitOnHold: a hold is open.
        EventNotPossible: it is not released.
    """
    rules.check_no_hold(len(unit.holds))
    state = _move(session, unit, new=new, actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="unit:delivered",
        subject=f"device:{unit.id}",
        details={"number": unit.number, "ward": ward_code, "derogation": str(derogation_id)},
        now=now,
    )
    return state


def return_unit(
    session: Session,
    number: str,
    *,
    doubt: str,
    returned_by: str,
    movement_id: UUID,
    actor: Actor,
    now: datetime,
    today: date,
) -> UnitState:
    """Take a unit back from a ward after a check: into stock when nothing is wrong, else into quarantine.

    The same request again changes nothing.

    Raises:
        NotPermitted: the actor may not deliver, nor take back.
        UnitNotFound: there is no such unit here.
        EventNotPossible: it is not with a ward.
        RequestIdReused: the id belongs to another movement.
    """
    actor.require(Permission.UNIT_DELIVER)
    unit = queries.get_unit_for_update(session, number)
    earlier = session.get(Movement, movement_id)
    if earlier is not None:
        check_same_request(is_same=earlier.device_id == unit.id and earlier.event in rules.BACK_FROM_WARD)
        return earlier.state_after
    found = rules.inspect_return(
        unit.state, open_hold_count=len(unit.holds), expiration_date=unit.expiration_date, today=today, doubt=doubt
    )
    back = NewMovement(movement_id, found.event, found.hold_reason, ward_id=unit.ward_id, requested_by=returned_by)
    state = _move(session, unit, new=back, actor=actor, now=now)
    if found.hold_reason:
        hold = NewHold(HoldCause.PHARMACIST, found.hold_reason, f"movement:{movement_id}")
        _add_hold(session, db.new_id(), unit=unit, hold=hold, actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="unit:returned",
        subject=f"device:{unit.id}",
        details={"number": unit.number, "state": state.value, "reason": found.hold_reason},
        now=now,
    )
    return state


def mark_used(
    session: Session, device_id: UUID, *, event: Event, reason: str, actor: Actor, now: datetime
) -> UnitState:
    """Record that a unit was implanted or that its implantation failed; the caller's action checks the permission.

    Raises:
        UnitNotFound: there is no such unit here.
        UnitOnHold: a hold is open.
        EventNotPossible: the unit is neither released nor delivered.
    """
    unit = queries.get_unit_by_id_for_update(session, device_id)
    rules.check_no_hold(len(unit.holds))
    state = _move(session, unit, new=NewMovement(db.new_id(), event, reason), actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="unit:used",
        subject=f"device:{device_id}",
        details={"event": event.value, "state": state.value},
        now=now,
    )
    return state


def unmark_used(session: Session, unit: UnitView, *, reason: str, doubt: str, actor: Actor, now: datetime) -> UnitState:
    """Give a locked unit back that was recorded as used by mistake; the caller's action checks the permission.

    It is with its ward again or, at any doubt, in quarantine with a hold.

    Raises:
        EventNotPossible: it is not recorded as used.
    """
    freed = NewMovement(db.new_id(), Event.USE_CORRECTED, reason)
    state = _move(session, unit, new=freed, actor=actor, now=now)
    if doubt:
        back = NewMovement(db.new_id(), Event.INVALID_RECEIPT, doubt)
        state = _move(session, replace(unit, state=state), new=back, actor=actor, now=now)
        hold = NewHold(HoldCause.PHARMACIST, doubt, f"movement:{back.id}")
        _add_hold(session, db.new_id(), unit=unit, hold=hold, actor=actor, now=now)
    told = {"number": unit.number, "state": state.value, "reason": doubt}
    audit.append(session, actor=actor, action="unit:unused", subject=f"device:{unit.id}", details=told, now=now)
    return state


def set_present(
    session: Session, device_id: UUID, *, software_version: str | None = None, place: str | None = None
) -> None:
    """Write the version or the place of a locked unit beside the dated fact that says so, which the caller records."""
    known = {"software_version": software_version, "place": place}
    values = {name: value for name, value in known.items() if value is not None}
    session.execute(update(Device).where(Device.id == device_id).values(values))


def leave_stock(
    session: Session, leaving: Sequence[tuple[UnitView, NewMovement]], *, actor: Actor, now: datetime
) -> list[UnitState]:
    """Write that locked units are non-conforming, past their shelf life, not implanted, returned or destroyed.

    A hold on a unit that has left for good, or is lost, is closed with it. ``dispositions`` alone calls this.

    Raises:
        EventNotPossible: one was used, or has left already.
    """
    left = [(unit, new, new.leads_from(unit.state)) for unit, new in leaving]
    session.execute(insert(Movement), [_movement(*one, actor=actor, now=now) for one in left])
    changes = [
        {"id": unit.id, "state": state, "ward_id": rules.place_after(new.event, unit.ward_id, ward_id=new.ward_id)}
        for unit, new, state in left
    ]
    session.execute(update(Device), changes)
    for last, reason in rules.CLOSES_HOLDS.items():
        gone = [unit.id for unit, _new, state in left if state is last and unit.holds]
        if gone:
            _close_all(session, Hold.device_id.in_(gone), reason=reason, actor=actor, now=now)
    told = [{"number": unit.number, "state": state.value, "reason": new.reason} for unit, new, state in left]
    subjects = [f"device:{unit.id}" for unit, _new in leaving]
    acts = [audit.Act("unit:taken-out", *one) for one in zip(subjects, told, strict=True)]
    audit.append_many(session, actor=actor, acts=acts, now=now)
    return [state for _unit, _new, state in left]


def open_hold(session: Session, hold_id: UUID, *, number: str, hold: NewHold, actor: Actor, now: datetime) -> Hold:
    """Block one unit with a reason; the same request again changes nothing.

    Raises:
        NotPermitted: the actor may not block.
        UnitNotFound: there is no such unit here.
        ReasonMissing: nothing was written.
        HoldNotPossible: the unit is no longer in the hospital.
        RequestIdReused: the id belongs to another hold.
    """
    actor.require(Permission.HOLD_OPEN)
    unit = queries.get_unit_for_update(session, number)
    reason = rules.check_reason(hold.reason)
    earlier = session.get(Hold, hold_id)
    if earlier is not None:
        check_same_request(is_same=(earlier.device_id, earlier.reason) == (unit.id, reason))
        return earlier
    rules.check_holdable(unit.state)
    return _add_hold(session, hold_id, unit=unit, hold=replace(hold, reason=reason), actor=actor, now=now)


def _add_hold(session: Session, hold_id: UUID, *, unit: UnitView, hold: NewHold, actor: Actor, now: datetime) -> Hold:
    opened = Hold(
        id=hold_id,
        establishment_id=actor.establishment_id,
        device_id=unit.id,
        opened_at=now,
        opened_by_id=actor.id,
        opened_by_name=actor.display_name,
        **asdict(hold),
    )
    session.add(opened)
    audit.append(
        session,
        actor=actor,
        action="hold:opened",
        subject=f"hold:{hold_id}",
        details={"number": unit.number, "cause": hold.cause.value, "reason": hold.reason},
        now=now,
    )
    return opened


def open_holds(session: Session, units: Mapping[UUID, UnitView], *, hold: NewHold, actor: Actor, now: datetime) -> None:
    """Block several locked units for one reason, by the ids of their holds: as many statements as for one.

    Raises:
        NotPermitted: the actor may not block.
        ReasonMissing: nothing was written.
        HoldNotPossible: one is no longer in the hospital.
    """
    actor.require(Permission.HOLD_OPEN)
    opened = replace(hold, reason=rules.check_reason(hold.reason))
    for unit in units.values():
        rules.check_holdable(unit.state)
    person = {"opened_at": now, "opened_by_id": actor.id, "opened_by_name": actor.display_name}
    session.add_all(
        Hold(id=hold_id, establishment_id=actor.establishment_id, device_id=unit.id, **person, **asdict(opened))
        for hold_id, unit in units.items()
    )
    told = {"cause": opened.cause.value, "reason": opened.reason}
    acts = [audit.Act("hold:opened", f"hold:{one}", {"number": unit.number} | told) for one, unit in units.items()]
    audit.append_many(session, actor=actor, acts=acts, now=now)


def release_hold(session: Session, hold_id: UUID, *, reason: str, actor: Actor, now: datetime) -> UnitState:
    """Release one hold with a reason; when it was the last one of a quarantined unit, the unit goes into stock.

    Raises:
        NotPermitted: the actor may not release.
        HoldNotFound: there is no such hold here.
        ReasonMissing: nothing was written.
        HoldClosed: somebody else released it already.
    """
    actor.require(Permission.HOLD_RELEASE)
    device_id = session.scalar(select(Hold.device_id).where(Hold.id == hold_id))
    if device_id is None:
        raise HoldNotFound(N_("There is no such hold."))
    reason = rules.check_reason(reason)
    unit = queries.get_unit_by_id_for_update(session, device_id)
    _close(session, hold_id, unit=unit, reason=reason, actor=actor, now=now)
    is_last = all(hold.id == hold_id for hold in unit.holds)
    state = unit.state
    if is_last and state is UnitState.QUARANTINED:
        state = _move(session, unit, new=NewMovement(db.new_id(), Event.STOCK_IN, reason), actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="hold:released",
        subject=f"hold:{hold_id}",
        details={"number": unit.number, "reason": reason, "state": state.value},
        now=now,
    )
    return state


def _close(session: Session, hold_id: UUID, *, unit: UnitView, reason: str, actor: Actor, now: datetime) -> None:
    if all(hold.id != hold_id for hold in unit.holds):
        raise HoldClosed(
            N_("This hold was already released."), next_step=N_("Look at the unit's page to see by whom and why.")
        )
    _close_all(session, Hold.id == hold_id, reason=reason, actor=actor, now=now)


def _close_all(session: Session, which: ColumnElement[bool], *, reason: str, actor: Actor, now: datetime) -> None:
    values = {
        "closed_at": now,
        "closed_by_id": actor.id,
        "closed_by_name": actor.display_name,
        "close_reason": reason,
    }
    session.execute(update(Hold).where(which, Hold.closed_at.is_(None)).values(values))
