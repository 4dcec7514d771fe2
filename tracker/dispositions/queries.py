"""Reads of destructions, and of the units whose shelf life is over."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from scanners.udi import unit as unit_label
from tracker.catalogue.models import DeviceDefinition
from tracker.devices.models import Device, Movement
from tracker.devices.rules import UnitState
from tracker.dispositions.models import Destruction
from tracker.errors import N_, NotFound


class DestructionNotFound(NotFound):
    """No such request for a destruction in this establishment."""

    code = "destruction-not-found"


@dataclass(frozen=True, slots=True)
class DestructionLine:
    """A destruction asked for, in a list."""

    id: UUID
    sequence: int
    reference: str
    designation: str
    lot_number: str | None
    reason: str
    requested_at: datetime
    requested_by_id: UUID
    requested_by_name: str
    closed_at: datetime | None
    closed_by_name: str | None
    close_reason: str | None

    @property
    def number(self) -> str:
        """Return the number on our label."""
        return unit_label.format(self.sequence)


def find_movements(session: Session, movement_ids: Collection[UUID]) -> dict[UUID, Movement]:
    """Return those of some movements that are written, by id: one statement."""
    found = session.scalars(select(Movement).where(Movement.id.in_(movement_ids)))
    return {movement.id: movement for movement in found}


def get_destruction(session: Session, destruction_id: UUID) -> Destruction:
    """Return one request for a destruction.

    Raises:
        DestructionNotFound: there is none with this id here.
    """
    return _found(session.get(Destruction, destruction_id))


def get_destruction_for_update(session: Session, destruction_id: UUID) -> Destruction:
    """Return one request for a destruction, locked.

    Raises:
        DestructionNotFound: there is none with this id here.
    """
    return _found(session.get(Destruction, destruction_id, with_for_update=True, populate_existing=True))


def _found(destruction: Destruction | None) -> Destruction:
    if destruction is None:
        raise DestructionNotFound(N_("There is no such request for a destruction."))
    return destruction


def find_open(session: Session, device_id: UUID) -> Destruction | None:
    """Return the request that waits for one unit, None where none does."""
    waits = select(Destruction).where(Destruction.device_id == device_id, Destruction.closed_at.is_(None))
    return session.scalar(waits)


def list_destructions(session: Session, *, limit: int, before: Destruction | None = None) -> Sequence[DestructionLine]:
    """Return the destructions asked for, newest first."""
    statement: Select[*tuple[Any, ...]] = (
        select(
            Destruction.id,
            Device.sequence,
            DeviceDefinition.reference,
            DeviceDefinition.designation,
            Device.lot_number,
            Destruction.reason,
            Destruction.requested_at,
            Destruction.requested_by_id,
            Destruction.requested_by_name,
            Destruction.closed_at,
            Destruction.closed_by_name,
            Destruction.close_reason,
        )
        .join(Device, Device.id == Destruction.device_id)
        .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
        .order_by(Destruction.requested_at.desc(), Destruction.id.desc())
        .limit(limit)
    )
    if before is not None:
        order = tuple_(Destruction.requested_at, Destruction.id)
        statement = statement.where(order < tuple_(before.requested_at, before.id))
    return [DestructionLine(*row) for row in session.execute(statement)]


IN_PHARMACY = (UnitState.QUARANTINED, UnitState.RELEASED)


def list_past_shelf_life(session: Session, *, today: date, limit: int) -> Sequence[str]:
    """Return numbers of units in the pharmacy whose last day of use is over, the oldest first.

    Units with a ward are left alone: their use on their last day may still be recorded; they come back into quarantine.
    """
    statement = (
        select(Device.sequence)
        .where(Device.state.in_(IN_PHARMACY), Device.expiration_date < today)
        .order_by(Device.expiration_date, Device.sequence)
        .limit(limit)
    )
    return [unit_label.format(sequence) for sequence in session.scalars(statement)]
