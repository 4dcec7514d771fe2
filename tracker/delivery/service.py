"""Acts of the bench: one scan delivers or takes back one unit."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from tracker.actor import Actor, Permission
from tracker.delivery import queries
from tracker.delivery.rules import Inspected
from tracker.devices import queries as devices
from tracker.devices import service as devices_service
from tracker.devices.queries import UnitView
from tracker.devices.rules import Handover, UnitState


def deliver_scanned(
    session: Session, movement_id: UUID, *, raw: str, to: Handover, actor: Actor, now: datetime, today: date
) -> UnitView:
    """Deliver the unit that a scan names, and return it as it is afterwards; the same request again changes nothing.

    Raises:
        NotPermitted: the actor may not deliver.
        UnitDoubtful: the code fits several units.
        UnitNotFound: it fits none.
        UnitOnHold: a hold is open.
    """
    actor.require(Permission.UNIT_DELIVER)
    number = _number(session, movement_id, raw=raw, state=UnitState.RELEASED, today=today)
    devices_service.deliver_unit(
        session,
        number,
        to=to,
        movement_id=movement_id,
        actor=actor,
        now=now,
        today=today,
    )
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
    number = _number(session, movement_id, raw=raw, state=UnitState.DELIVERED, today=today)
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


def _number(session: Session, movement_id: UUID, *, raw: str, state: UnitState, today: date) -> str:
    """Return the unit of a scan; of a scan sent again, the unit it named the first time, whose state has changed."""
    moved = devices.find_moved(session, movement_id)
    return moved or queries.name_unit(session, raw, state=state, today=today)
