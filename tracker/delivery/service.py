"""Acts of the bench: one scan delivers or takes back one unit.

:func:`deliver_unit` is the only way of a unit to a ward, whoever sends it: the register is asked with the unit locked.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from tracker.actor import Actor, Permission
from tracker.delivery import queries, rules
from tracker.delivery.rules import Handover, Held, Inspected
from tracker.derogations import queries as derogations
from tracker.devices import queries as devices
from tracker.devices import rules as device_rules
from tracker.devices import service as devices_service
from tracker.devices.queries import UnitView
from tracker.devices.rules import Event, NewMovement, UnitState
from tracker.errors import check_same_request
from tracker.organisation import queries as organisation


def deliver_unit(
    session: Session, number: str, *, to: Handover, movement_id: UUID, actor: Actor, now: datetime, today: date
) -> UnitState:
    """Deliver a unit to a ward (CSP R.5212-38); the same request again changes nothing.

    The register is asked with the unit locked: a suspension recorded meanwhile either counts here, or finds the unit
    with its ward and holds it there.

    Raises:
        NotPermitted: the actor may not deliver.
        UnitNotFound: there is no such unit here.
        WardNotFound: there is no such ward here.
        WardClosed: the ward is closed.
        UnitOnHold: a hold is open.
        UnitPastShelfLife: its last day of use is over.
        EventNotPossible: it is not released.
        NotCovered: no derogation in force covers it today.
        RequestIdReused: the id belongs to another movement.
    """
    actor.require(Permission.UNIT_DELIVER)
    unit = devices.get_unit_for_update(session, number)
    earlier = devices.find_movement(session, movement_id)
    if earlier is not None:
        check_same_request(is_same=(earlier.device_id, earlier.ward_id) == (unit.id, to.ward_id))
        return earlier.state_after
    ward = organisation.get_open_ward(session, to.ward_id)
    rules.check_not_held([Held(hold.reason, derogations.paris_day(hold.opened_at)) for hold in unit.holds])
    device_rules.check_deliverable(
        unit.state, open_hold_count=len(unit.holds), expiration_date=unit.expiration_date, today=today
    )
    covered = queries.get_covering(session, unit, today=today)
    movement = NewMovement(
        movement_id,
        Event.DELIVERY,
        ward_id=ward.id,
        requested_by=to.requested_by.strip(),
        received_by=to.received_by.strip(),
    )
    return devices_service.hand_over(
        session,
        unit,
        new=movement,
        ward_code=ward.code,
        derogation_id=covered.derogation_id,
        actor=actor,
        now=now,
    )


def deliver_scanned(
    session: Session, movement_id: UUID, *, raw: str, to: Handover, actor: Actor, now: datetime, today: date
) -> UnitView:
    """Deliver the unit that a scan names, and return it as it is afterwards; the same request again changes nothing.

    Raises:
        NotPermitted: the actor may not deliver.
        UnitDoubtful: the code fits several units.
        UnitNotFound: it fits none.
        UnitOnHold, UnitPastShelfLife, EventNotPossible, NotCovered: see :func:`deliver_unit`.
    """
    actor.require(Permission.UNIT_DELIVER)
    number = _number(session, movement_id, raw=raw, today=today)
    deliver_unit(session, number, to=to, movement_id=movement_id, actor=actor, now=now, today=today)
    return devices.get_unit(session, number)


def return_scanned(
    session: Session, movement_id: UUID, *, raw: str, inspected: Inspected, actor: Actor, now: datetime, today: date
) -> UnitView:
    """Take back the unit that a scan names after a check, and return it as it is afterwards.

    Raises:
        NotPermitted: the actor may not take back.
        UnitDoubtful: the code fits several units.
        UnitNotFound: it fits none.
        EventNotPossible: the unit is not with a ward.
    """
    actor.require(Permission.UNIT_DELIVER)
    number = _number(session, movement_id, raw=raw, today=today)
    devices_service.return_unit(
        session,
        number,
        doubt=inspected.doubt,
        returned_by=inspected.returned_by,
        movement_id=movement_id,
        actor=actor,
        now=now,
        today=today,
    )
    return devices.get_unit(session, number)


def _number(session: Session, movement_id: UUID, *, raw: str, today: date) -> str:
    """Return the unit of a scan; of a scan sent again, the unit it named the first time, whose state has changed."""
    moved = devices.find_moved(session, movement_id)
    return moved or queries.name_unit(session, raw, today=today)
