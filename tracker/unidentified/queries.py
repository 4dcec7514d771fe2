"""Reads of the tray."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import Session

from scanners.udi import unit as unit_label
from tracker.arrivals.models import Reception
from tracker.devices.models import Device
from tracker.errors import N_, NotFound
from tracker.reception.models import ReceptionLine
from tracker.unidentified.models import UnidentifiedItem, UnidentifiedOutcome
from tracker.unidentified.rules import Cause, Disposition

T = TypeVar("T")


class ItemNotFound(NotFound):
    """No such item in the tray of this establishment."""

    code = "unidentified-not-found"


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """What became of an item."""

    disposition: Disposition
    reason: str
    unit_number: str | None
    at: datetime
    actor_name: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """One box that could not be identified."""

    id: UUID
    number: int
    cause: Cause
    description: str
    place: str
    raw_scan: bytes | None
    document_id: UUID | None
    reception_id: UUID | None
    reception_number: int | None
    supplier: str | None
    put_aside_at: datetime
    put_aside_by_name: str
    outcome: OutcomeView | None

    @property
    def raw_text(self) -> str:
        """Return what could be read, as text; empty where nothing could."""
        return (self.raw_scan or b"").decode("utf-8", "surrogatepass")


_ITEMS = (
    select(
        UnidentifiedItem,
        Reception.number.label("reception_number"),
        Reception.supplier,
        UnidentifiedOutcome,
        Device.sequence,
    )
    .outerjoin(Reception, Reception.id == UnidentifiedItem.reception_id)
    .outerjoin(UnidentifiedOutcome, UnidentifiedOutcome.item_id == UnidentifiedItem.id)
    .outerjoin(ReceptionLine, ReceptionLine.id == UnidentifiedOutcome.line_id)
    .outerjoin(Device, Device.id == ReceptionLine.device_id)
)


def get_item(session: Session, item_id: UUID) -> ItemView:
    """Return one item, or raise ``ItemNotFound``."""
    row = session.execute(_ITEMS.where(UnidentifiedItem.id == item_id)).one_or_none()
    return _view(_existing(row))


def get_item_for_update(session: Session, item_id: UUID) -> UnidentifiedItem:
    """Return one item, locked until the transaction ends, or raise ``ItemNotFound``."""
    return _existing(session.get(UnidentifiedItem, item_id, with_for_update=True, populate_existing=True))


def _existing(found: T | None) -> T:
    if found is None:
        raise ItemNotFound(N_("There is no such box in the tray."), next_step=N_("Open the tray and choose one."))
    return found


def list_items(session: Session, *, is_open: bool, before: int | None, limit: int) -> Sequence[ItemView]:
    """Return items, newest first, from before the number ``before``: those that wait, or those that are closed."""
    closed = UnidentifiedItem.closed_at
    statement = _ITEMS.where(closed.is_(None) if is_open else closed.is_not(None))
    if before is not None:
        statement = statement.where(UnidentifiedItem.number < before)
    return [_view(row) for row in session.execute(statement.order_by(UnidentifiedItem.number.desc()).limit(limit))]


def _view(row: Row[*tuple[Any, ...]]) -> ItemView:
    item, outcome = row.UnidentifiedItem, row.UnidentifiedOutcome
    return ItemView(
        id=item.id,
        number=item.number,
        cause=item.cause,
        description=item.description,
        place=item.place,
        raw_scan=item.raw_scan,
        document_id=item.document_id,
        reception_id=item.reception_id,
        reception_number=row.reception_number,
        supplier=row.supplier,
        put_aside_at=item.put_aside_at,
        put_aside_by_name=item.put_aside_by_name,
        outcome=outcome
        and OutcomeView(
            disposition=outcome.disposition,
            reason=outcome.reason,
            unit_number=None if row.sequence is None else unit_label.format(row.sequence),
            at=outcome.at,
            actor_name=outcome.actor_name,
        ),
    )


def photo_subject(item_id: UUID) -> str:
    """Return the subject under which the photo of an item is kept."""
    return f"unidentified_item:{item_id}"


@dataclass(frozen=True, slots=True)
class Origin:
    """How a unit came in: the box presented to the bench, and the item of the tray that it was before."""

    line_id: UUID
    at: datetime
    actor_name: str
    reception_id: UUID
    reception_number: int
    supplier: str
    delivery_note: str
    item_id: UUID | None
    item_number: int | None
    put_aside_at: datetime | None
    put_aside_by_name: str | None


def find_origin(session: Session, device_id: UUID) -> Origin | None:
    """Return how a unit came in, None where it came by no delivery."""
    statement = (
        select(
            ReceptionLine.id,
            ReceptionLine.at,
            ReceptionLine.actor_name,
            Reception.id,
            Reception.number,
            Reception.supplier,
            Reception.delivery_note,
            UnidentifiedItem.id,
            UnidentifiedItem.number,
            UnidentifiedItem.put_aside_at,
            UnidentifiedItem.put_aside_by_name,
        )
        .join(Reception, Reception.id == ReceptionLine.reception_id)
        .outerjoin(UnidentifiedOutcome, UnidentifiedOutcome.line_id == ReceptionLine.id)
        .outerjoin(UnidentifiedItem, UnidentifiedItem.id == UnidentifiedOutcome.item_id)
        .where(ReceptionLine.device_id == device_id)
    )
    row = session.execute(statement).one_or_none()
    return None if row is None else Origin(*row)


def count_open(session: Session) -> int:
    """Return how many boxes wait in the tray."""
    statement = select(func.count()).select_from(UnidentifiedItem).where(UnidentifiedItem.closed_at.is_(None))
    return session.scalar(statement) or 0


def list_open_receptions(session: Session, *, limit: int) -> Sequence[Reception]:
    """Return the deliveries into which an item may still be received, newest first."""
    statement = select(Reception).where(Reception.closed_at.is_(None)).order_by(Reception.number.desc())
    return session.scalars(statement.limit(limit)).all()


def is_received_as(session: Session, item_id: UUID, line_id: UUID) -> bool:
    """Test whether an item was received as one line."""
    return session.scalar(_OUTCOME.where(UnidentifiedOutcome.line_id == line_id), {"item_id": item_id}) is not None


def is_outcome(session: Session, item_id: UUID, outcome_id: UUID) -> bool:
    """Test whether one request wrote what became of an item."""
    return session.scalar(_OUTCOME.where(UnidentifiedOutcome.id == outcome_id), {"item_id": item_id}) is not None


_OUTCOME = select(UnidentifiedOutcome.id).where(UnidentifiedOutcome.item_id == bindparam("item_id"))


def lock_request(session: Session, item_id: UUID) -> None:
    """Let the same request that arrives twice at one moment wait for the first one."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(item_id), 0))))
