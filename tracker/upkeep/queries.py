"""Reads of the versions and places of units."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.upkeep.models import SoftwareUpdate, UnitPlace


def list_updates(session: Session, device_id: UUID) -> Sequence[SoftwareUpdate]:
    """Return the updates of a unit, newest first."""
    statement = select(SoftwareUpdate).where(SoftwareUpdate.device_id == device_id)
    return session.scalars(statement.order_by(SoftwareUpdate.at.desc(), SoftwareUpdate.id.desc())).all()


def list_places(session: Session, device_id: UUID) -> Sequence[UnitPlace]:
    """Return the places where a unit stood, newest first."""
    statement = select(UnitPlace).where(UnitPlace.device_id == device_id)
    return session.scalars(statement.order_by(UnitPlace.at.desc(), UnitPlace.id.desc())).all()


def last_update_on(session: Session, device_id: UUID) -> date | None:
    """Return the day of the last update of a unit, None before the first."""
    return session.scalar(select(func.max(SoftwareUpdate.installed_on)).where(SoftwareUpdate.device_id == device_id))


def last_move_on(session: Session, device_id: UUID) -> date | None:
    """Return the day since which a unit stands where it stands, None where no place is recorded."""
    return session.scalar(select(func.max(UnitPlace.moved_on)).where(UnitPlace.device_id == device_id))
