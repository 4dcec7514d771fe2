"""Reads of blocked lots, and of the units that wait for a decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session

from scanners.udi import unit as unit_label
from tracker.catalogue import queries as catalogue
from tracker.catalogue.models import DeviceDefinition
from tracker.devices.models import Device, Hold
from tracker.devices.queries import HoldNotFound
from tracker.devices.rules import HoldCause
from tracker.errors import N_, NotFound
from tracker.lots.models import LotHold

_Query = Select[*tuple[Any, ...]]


class LotHoldNotFound(NotFound):
    """No such block on a lot in this establishment."""

    code = "lot-hold-not-found"


@dataclass(frozen=True, slots=True)
class LotHoldLine:
    """A block on a lot, in a list."""

    id: UUID
    lot_number: str
    cause: HoldCause
    reason: str
    source_ref: str
    opened_at: datetime
    opened_by_name: str
    closed_at: datetime | None
    closed_by_name: str | None
    close_reason: str | None
    reference: str
    designation: str
    held_count: int
    """Units that a hold of this block still keeps."""


def list_lot_holds(session: Session, *, limit: int, before: LotHold | None = None) -> Sequence[LotHoldLine]:
    """Return the blocks on lots, newest first, those opened before ``before``."""
    held = (
        select(func.count())
        .select_from(Hold)
        .join(Device, Device.id == Hold.device_id)
        .where(*_set_with(LotHold))
        .correlate(LotHold)
        .scalar_subquery()
    )
    statement: _Query = select(
        LotHold.id,
        LotHold.lot_number,
        LotHold.cause,
        LotHold.reason,
        LotHold.source_ref,
        LotHold.opened_at,
        LotHold.opened_by_name,
        LotHold.closed_at,
        LotHold.closed_by_name,
        LotHold.close_reason,
        DeviceDefinition.reference,
        DeviceDefinition.designation,
        held,
    ).join(DeviceDefinition, DeviceDefinition.id == LotHold.definition_id)
    order = tuple_(LotHold.opened_at, LotHold.id)
    if before is not None:
        statement = statement.where(order < tuple_(before.opened_at, before.id))
    statement = statement.order_by(LotHold.opened_at.desc(), LotHold.id.desc()).limit(limit)
    return [LotHoldLine(*row) for row in session.execute(statement)]


def _set_with(block: LotHold | type[LotHold]) -> tuple[Any, ...]:
    """Return the conditions of a hold on a unit that was set with the block on its lot, and is still open."""
    return (
        Device.lot_number == block.lot_number,
        Hold.source_ref == block.source_ref,
        Hold.opened_at >= block.opened_at,  # a merge of definitions may have brought units into the lot later
        Hold.closed_at.is_(None),
    )


def get_lot_hold(session: Session, lot_hold_id: UUID) -> LotHold:
    """Return one block on a lot.

    Raises:
        LotHoldNotFound: there is none with this id here.
    """
    block = session.get(LotHold, lot_hold_id)
    if block is None:
        raise LotHoldNotFound(N_("There is no such block on a lot."))
    return block


def get_lot_hold_for_update(session: Session, lot_hold_id: UUID) -> LotHold:
    """Return one block on a lot, locked.

    Raises:
        LotHoldNotFound: there is none with this id here.
    """
    block = session.get(LotHold, lot_hold_id, with_for_update=True, populate_existing=True)
    if block is None:
        raise LotHoldNotFound(N_("There is no such block on a lot."))
    return block


def count_lot_holds(session: Session, lot_number: str, definition_id: UUID | None) -> int:
    """Return how many open holds block a lot, of one device or of any."""
    statement = (
        select(func.count()).select_from(LotHold).where(LotHold.lot_number == lot_number, LotHold.closed_at.is_(None))
    )
    if definition_id is not None:
        statement = statement.where(LotHold.definition_id.in_(catalogue.family_of(definition_id)))
    return session.scalar(statement) or 0


def find_lot_hold(session: Session, source_ref: str, *, definition_id: UUID, lot_number: str) -> LotHold | None:
    """Return the hold that a cause set on a lot, closed or not; None where it set none."""
    statement = select(LotHold).where(
        LotHold.definition_id == definition_id, LotHold.lot_number == lot_number, LotHold.source_ref == source_ref
    )
    return session.scalar(statement.limit(1))


def list_holds_set_with(session: Session, block: LotHold) -> Sequence[UUID]:
    """Return the open holds on units that were set with the block on their lot."""
    statement = select(Hold.id).join(Device, Device.id == Hold.device_id).where(*_set_with(block))
    return session.scalars(statement.order_by(Hold.id)).all()


@dataclass(frozen=True, slots=True)
class WaitingHold:
    """An open hold on a unit, in a list."""

    id: UUID
    cause: HoldCause
    reason: str
    opened_at: datetime
    opened_by_name: str
    sequence: int
    lot_number: str | None
    reference: str
    designation: str

    @property
    def number(self) -> str:
        """Return the number on our label."""
        return unit_label.format(self.sequence)


def list_waiting_holds(session: Session, *, limit: int, after: Hold | None = None) -> Sequence[WaitingHold]:
    """Return the open holds on units, the one that waits longest first."""
    statement = (
        select(
            Hold.id,
            Hold.cause,
            Hold.reason,
            Hold.opened_at,
            Hold.opened_by_name,
            Device.sequence,
            Device.lot_number,
            DeviceDefinition.reference,
            DeviceDefinition.designation,
        )
        .join(Device, Device.id == Hold.device_id)
        .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
        .where(Hold.closed_at.is_(None))
    )
    if after is not None:
        statement = statement.where(tuple_(Hold.opened_at, Hold.id) > tuple_(after.opened_at, after.id))
    return [WaitingHold(*row) for row in session.execute(statement.order_by(Hold.opened_at, Hold.id).limit(limit))]


def get_hold(session: Session, hold_id: UUID) -> Hold:
    """Return one hold, open or closed.

    Raises:
        HoldNotFound: there is none with this id here.
    """
    hold = session.get(Hold, hold_id)
    if hold is None:
        raise HoldNotFound(N_("There is no such hold."))
    return hold
