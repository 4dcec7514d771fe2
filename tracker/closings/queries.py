"""Reads of the units of a delivery that are unused, and of those that went back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from scanners.udi import unit as unit_label
from tracker.catalogue.models import DeviceDefinition
from tracker.devices.models import Device, Movement
from tracker.devices.rules import TRANSITIONS, Event, UnitState
from tracker.organisation.models import Ward
from tracker.reception.models import ReceptionLine

_STILL_HERE = tuple(
    state for state in TRANSITIONS[Event.STOCK_OUT][0] if state is not None and state is not UnitState.FAILED
)
"""What was opened and not implanted is no longer unused."""
_Before = aliased(Movement)


@dataclass(frozen=True, slots=True)
class UnusedUnit:
    """A unit of a delivery that was not used: still here, or gone back."""

    id: UUID
    sequence: int
    reference: str
    designation: str
    lot_number: str | None
    serial_number: str | None
    expiration_date: date | None
    state: UnitState
    ward_name: str | None
    """Where it stands; None in the pharmacy."""
    returned_at: datetime | None
    reason: str | None
    """Why it went back."""

    @property
    def number(self) -> str:
        """Return the number on our label."""
        return unit_label.format(self.sequence)


def list_unused(session: Session, reception_id: UUID) -> Sequence[UnusedUnit]:
    """Return the units of a delivery that are still here and those that went back, in the order of their numbers."""
    is_return = and_(
        Movement.device_id == Device.id,
        Movement.event == Event.STOCK_OUT,
        Movement.state_after == UnitState.RETURNED,
    )
    state_before = (
        select(_Before.state_after)
        .where(_Before.device_id == Device.id, _Before.at <= Movement.at, _Before.id != Movement.id)
        .order_by(_Before.at.desc(), _Before.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    statement = (
        select(
            Device.id,
            Device.sequence,
            DeviceDefinition.reference,
            DeviceDefinition.designation,
            Device.lot_number,
            Device.serial_number,
            Device.expiration_date,
            Device.state,
            Ward.name,
            Movement.at,
            Movement.reason,
        )
        .join(ReceptionLine, ReceptionLine.device_id == Device.id)
        .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
        .outerjoin(Ward, Ward.id == Device.ward_id)
        .outerjoin(Movement, is_return)
        .where(
            ReceptionLine.reception_id == reception_id,
            Device.state.in_(_STILL_HERE) | ((Device.state == UnitState.RETURNED) & (state_before != UnitState.FAILED)),
        )
        .order_by(Device.sequence)
    )
    return [UnusedUnit(*row) for row in session.execute(statement)]
