"""Acts that take a unit out of stock."""

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from scanners.udi import unit as unit_label
from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.devices import queries as devices
from tracker.devices import rules as device_rules
from tracker.devices import service as devices_service
from tracker.devices.rules import Event, NewMovement, UnitState
from tracker.dispositions import queries, rules
from tracker.dispositions.models import Destruction
from tracker.dispositions.rules import DestructionAsked, Disposition, NewDisposition
from tracker.errors import N_, check_same_request

SWEEP_SIZE = 200
"""Units that one transaction of the sweep takes out."""


def dispose(
    session: Session, request_id: UUID, *, number: str, new: NewDisposition, actor: Actor, now: datetime
) -> UnitState:
    """Take a unit out of stock, or ask for its destruction; the same request again changes nothing.

    Raises:
        NotPermitted: the actor may not take units out.
        UnitNotFound: there is no such unit here.
        ReasonMissing: nothing was written.
        EventNotPossible: it was used, or has left already.
        DestructionAsked: its destruction is already asked for.
        RequestIdReused: the id belongs to something else.
    """
    actor.require(Permission.UNIT_DISPOSE)
    reason = device_rules.check_reason(new.reason)
    if new.kind is Disposition.DESTRUCTION:
        return _ask_destruction(session, request_id, number=number, reason=reason, actor=actor, now=now)
    movement = NewMovement(request_id, rules.EVENTS[new.kind], reason)
    return take_out(session, {number: movement}, actor=actor, now=now)[0]


def return_units(
    session: Session, request_ids: Mapping[str, UUID], *, reason: str, actor: Actor, now: datetime
) -> None:
    """Send units back to their supplier, all or none, as many statements for many as for one.

    Args:
        session: the transaction of the return.
        request_ids: by unit number, each made of the client's; the same request again changes nothing.
        reason: one for all.
        actor: who sends them back.
        now: UTC.

    Raises:
        NotPermitted: the actor may not take units out.
        UnitNotFound: one is not here.
        ReasonMissing: nothing was written.
        EventNotPossible: one was used, or has left already.
        RequestIdReused: an id belongs to something else.
    """
    actor.require(Permission.UNIT_DISPOSE)
    reason, event = device_rules.check_reason(reason), rules.EVENTS[Disposition.RETURN]
    movements = {number: NewMovement(request_id, event, reason) for number, request_id in request_ids.items()}
    take_out(session, movements, actor=actor, now=now)


def take_out(session: Session, movements: Mapping[str, NewMovement], *, actor: Actor, now: datetime) -> list[UnitState]:
    """Write that units leave the stock, by their numbers, and return their states; what was written before stays.

    As many statements for many units as for one. The caller's action checks the permission.

    Raises:
        UnitNotFound: one is not here.
        EventNotPossible: one was used, or has left already.
        RequestIdReused: an id belongs to another movement.
    """
    movements = {unit_label.format(devices.read_unit_number(number)): new for number, new in movements.items()}
    units = devices.get_units_for_update(session, movements)
    earlier = queries.find_movements(session, [movement.id for movement in movements.values()])
    for unit in units:
        new = movements[unit.number]
        if new.id in earlier:
            kept = earlier[new.id]
            check_same_request(is_same=(kept.device_id, kept.event) == (unit.id, new.event))
    leaving = [(unit, movements[unit.number]) for unit in units if movements[unit.number].id not in earlier]
    if not leaving:
        return [earlier[movements[unit.number].id].state_after for unit in units]
    return devices_service.leave_stock(session, leaving, actor=actor, now=now)


def _ask_destruction(
    session: Session, request_id: UUID, *, number: str, reason: str, actor: Actor, now: datetime
) -> UnitState:
    unit = devices.get_unit_for_update(session, number)
    earlier = session.get(Destruction, request_id)
    if earlier is not None:
        check_same_request(is_same=(earlier.device_id, earlier.reason) == (unit.id, reason))
        return unit.state
    device_rules.state_after(Event.STOCK_OUT, unit.state)
    if queries.find_open(session, unit.id) is not None:
        raise DestructionAsked(
            N_("The destruction of this unit is already asked for."),
            next_step=N_("A second person confirms it on the page of destructions."),
        )
    values = {
        "id": request_id,
        "establishment_id": actor.establishment_id,
        "device_id": unit.id,
        "reason": reason,
        "requested_at": now,
        "requested_by_id": actor.id,
        "requested_by_name": actor.display_name,
    }
    made = session.scalar(upsert(Destruction).values(values).on_conflict_do_nothing().returning(Destruction.id))
    check_same_request(is_same=made is not None)  # the id of another establishment's row, which nobody sees here
    audit.append(
        session,
        actor=actor,
        action="destruction:requested",
        subject=f"destruction:{request_id}",
        details={"number": unit.number, "reason": reason},
        now=now,
    )
    return unit.state


def confirm_destruction(session: Session, destruction_id: UUID, *, actor: Actor, now: datetime) -> UnitState:
    """Confirm, as a second person, that a unit was destroyed; the same request again changes nothing.

    Raises:
        NotPermitted: the actor may not take units out.
        DestructionNotFound: nobody asked for it here.
        DestructionUnwitnessed: the actor is who asked for it.
        DestructionClosed: the request was taken back.
        EventNotPossible: the unit was used meanwhile, or has left.
    """
    actor.require(Permission.UNIT_DISPOSE)
    asked = queries.get_destruction_for_update(session, destruction_id)
    rules.check_witness(asked.requested_by_id, actor.id)
    unit = devices.get_unit_by_id(session, asked.device_id)
    if asked.close_reason == rules.CONFIRMED:
        return unit.state
    rules.check_open(is_closed=asked.closed_at is not None)
    _close(asked, reason=rules.CONFIRMED, actor=actor, now=now)
    movement = NewMovement(
        destruction_id, Event.STOCK_OUT, asked.reason, requested_by=asked.requested_by_name, is_destruction=True
    )
    (state,) = take_out(session, {unit.number: movement}, actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="destruction:confirmed",
        subject=f"destruction:{destruction_id}",
        details={"number": unit.number, "requested_by": asked.requested_by_name},
        now=now,
    )
    return state


def withdraw_destruction(
    session: Session, destruction_id: UUID, *, reason: str, actor: Actor, now: datetime
) -> Destruction:
    """Take back a request for a destruction, with a reason: the unit stays as it is.

    Raises:
        NotPermitted: the actor may not take units out.
        DestructionNotFound: nobody asked for it here.
        ReasonMissing: nothing was written.
        DestructionClosed: it was confirmed, or taken back already.
    """
    actor.require(Permission.UNIT_DISPOSE)
    asked = queries.get_destruction_for_update(session, destruction_id)
    reason = device_rules.check_reason(reason)
    rules.check_open(is_closed=asked.closed_at is not None)
    _close(asked, reason=f"– {reason}" if reason == rules.CONFIRMED else reason, actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="destruction:withdrawn",
        subject=f"destruction:{destruction_id}",
        details={"reason": reason},
        now=now,
    )
    return asked


def _close(asked: Destruction, *, reason: str, actor: Actor, now: datetime) -> None:
    asked.closed_at, asked.closed_by_id, asked.closed_by_name = now, actor.id, actor.display_name
    asked.close_reason = reason


def expire_units(session: Session, *, actor: Actor, now: datetime, today: date) -> int:
    """Take out some units in the pharmacy whose last day of use is over (PER); return how many.

    Raises:
        NotPermitted: the actor may not take units out.
    """
    actor.require(Permission.UNIT_DISPOSE)
    numbers = queries.list_past_shelf_life(session, today=today, limit=SWEEP_SIZE)
    movements = {number: NewMovement(db.new_id(), Event.EXPIRED, "shelf-life-past") for number in numbers}
    if movements:
        take_out(session, movements, actor=actor, now=now)
    return len(numbers)
