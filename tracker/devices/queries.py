"""Reads of units, their life and their holds."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Row, Select, Uuid, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from scanners.errors import ScanError
from scanners.udi import unit as unit_label
from tracker.catalogue import queries as catalogue
from tracker.catalogue.models import DeviceDefinition, Manufacturer
from tracker.db import DirectStatement
from tracker.devices.models import Device, Hold, Movement
from tracker.devices.rules import EntryMethod, Event, HoldCause, UnitState, is_usable
from tracker.documents import queries as documents
from tracker.documents.models import Document, DocumentKind
from tracker.errors import N_, NotFound
from tracker.organisation.models import Ward

_Query = Select[*tuple[Any, ...]]
_Row = Row[*tuple[Any, ...]]
_WIDTH = len(catalogue.DEFINITION_COLUMNS)


UNIT_COLUMNS = (
    Device.id,
    Device.sequence,
    Device.state,
    Device.lot_number,
    Device.serial_number,
    Device.expiration_date,
    DeviceDefinition.reference,
    DeviceDefinition.designation,
)
"""What every list of units says of one; each list adds what its readers need."""
OPEN_HOLD_COUNT = (
    select(func.count())
    .select_from(Hold)
    .where(Hold.device_id == Device.id, Hold.closed_at.is_(None))
    .correlate(Device)
    .scalar_subquery()
    .label("open_hold_count")
)


class UnitNotFound(NotFound):
    """No such unit in this establishment."""

    code = "unit-not-found"


class HoldNotFound(NotFound):
    """No such hold on this unit."""

    code = "hold-not-found"


@dataclass(frozen=True, slots=True)
class HoldView:
    """An open hold."""

    id: UUID
    cause: HoldCause
    reason: str
    source_ref: str
    opened_at: datetime
    opened_by_name: str


@dataclass(frozen=True, slots=True)
class UnitView:
    """One unit with its definition, its manufacturer and its open holds."""

    definition: catalogue.FoundDefinition
    holds: tuple[HoldView, ...]
    id: UUID
    sequence: int
    state: UnitState
    lot_number: str | None
    serial_number: str | None
    expiration_date: date | None
    manufacture_date: date | None
    software_version: str | None
    udi_di: str | None
    entry_method: EntryMethod
    raw_scan: bytes | None
    created_at: datetime
    expected_lifetime: str
    follow_up: str
    manufacturer_address: str
    manufacturer_website: str
    vigilance_email: str
    ward_id: UUID | None
    ward_name: str | None
    place: str | None

    @property
    def number(self) -> str:
        """Return the number on our label."""
        return unit_label.format(self.sequence)

    @property
    def is_usable(self) -> bool:
        """Test whether it is released and without any open hold."""
        return is_usable(self.state, len(self.holds))


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """One event in the life of a unit."""

    at: datetime
    event: Event
    state_after: UnitState
    actor_name: str
    ward_name: str | None
    reason: str
    details: dict[str, Any]
    """Names of the people who asked and received, where they were given."""


def read_unit_number(number: str) -> int:
    """Return the sequence that a unit number carries.

    Raises:
        UnitNotFound: it is no unit number, or its check digit is wrong.
    """
    try:
        return unit_label.parse(number.strip())
    except ScanError as error:
        raise UnitNotFound(
            N_("There is no unit with this number."), next_step=N_("Scan our label, or type all thirteen characters.")
        ) from error


_UNIT: _Query = (
    select(
        *catalogue.DEFINITION_COLUMNS,
        Device.id.label("device_id"),
        Device.sequence,
        Device.state,
        Device.lot_number,
        Device.serial_number,
        Device.expiration_date,
        Device.manufacture_date,
        Device.software_version,
        Device.udi_di,
        Device.entry_method,
        Device.raw_scan,
        Device.created_at,
        DeviceDefinition.expected_lifetime,
        DeviceDefinition.follow_up,
        Manufacturer.address,
        Manufacturer.website,
        Manufacturer.vigilance_email,
        Device.ward_id,
        Ward.name.label("ward_name"),
        Device.place,
    )
    .select_from(Device)
    .outerjoin(Ward, Ward.id == Device.ward_id)
    .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
    .join(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
)
_BY_SEQUENCE = _UNIT.where(Device.sequence == bindparam("sequence"))
_BY_ID = _UNIT.where(Device.id == bindparam("device_id"))
_UNIT_BY_SEQUENCE = DirectStatement(_BY_SEQUENCE)
_UNIT_BY_ID = DirectStatement(_BY_ID)
_LOCKED_BY_SEQUENCE = DirectStatement(_BY_SEQUENCE.with_for_update(of=Device, key_share=True))
_LOCKED_BY_ID = DirectStatement(_BY_ID.with_for_update(of=Device, key_share=True))
"""Without the key, which nobody changes: a row that only names a unit, such as an incident, waits for nobody."""
_LOCK_UNITS = DirectStatement(
    text(
        "select id from device where sequence = any(:sequences)"
        " or id in (select device_id from hold where id = any(:hold_ids)) order by sequence for no key update"
    )
)
_SEQUENCES = bindparam("sequences", type_=ARRAY(BigInteger))
_LOCKED_BY_SEQUENCES = DirectStatement(
    _UNIT.where(Device.sequence == func.any(_SEQUENCES))
    .order_by(Device.sequence)
    .with_for_update(of=Device, key_share=True)
)
_OPEN_HOLDS_OF = DirectStatement(
    select(Hold.id, Hold.cause, Hold.reason, Hold.source_ref, Hold.opened_at, Hold.opened_by_name, Hold.device_id)
    .where(Hold.device_id == func.any(bindparam("device_ids", type_=ARRAY(Uuid))), Hold.closed_at.is_(None))
    .order_by(Hold.opened_at, Hold.id)
)
_OPEN_HOLDS = DirectStatement(
    select(Hold.id, Hold.cause, Hold.reason, Hold.source_ref, Hold.opened_at, Hold.opened_by_name)
    .where(Hold.device_id == bindparam("device_id"), Hold.closed_at.is_(None))
    .order_by(Hold.opened_at, Hold.id)
)


def get_unit(session: Session, number: str) -> UnitView:
    """Return the unit that carries our label ``number``, or raise ``UnitNotFound``."""
    return _get_unit(session, _UNIT_BY_SEQUENCE, {"sequence": read_unit_number(number)})


def get_unit_by_id(session: Session, device_id: UUID) -> UnitView:
    """Return one unit, or raise ``UnitNotFound``."""
    return _get_unit(session, _UNIT_BY_ID, {"device_id": device_id})


def get_unit_for_update(session: Session, number: str) -> UnitView:
    """Return the unit that carries our label ``number``, locked, or raise ``UnitNotFound``."""
    return _get_unit(session, _LOCKED_BY_SEQUENCE, {"sequence": read_unit_number(number)})


def get_unit_by_id_for_update(session: Session, device_id: UUID) -> UnitView:
    """Return one unit, locked, or raise ``UnitNotFound``."""
    return _get_unit(session, _LOCKED_BY_ID, {"device_id": device_id})


def get_units_for_update(session: Session, numbers: Collection[str]) -> list[UnitView]:
    """Return the units that carry some of our labels, locked, in the order of their numbers: two statements.

    Raises:
        UnitNotFound: one is not here.
    """
    sequences = sorted({read_unit_number(number) for number in numbers})
    rows = _LOCKED_BY_SEQUENCES.rows(session, {"sequences": sequences})
    if len(rows) != len(sequences):
        raise UnitNotFound(
            N_("There is no unit with this number."), next_step=N_("Scan our label, or type all thirteen characters.")
        )
    holds: dict[UUID, list[HoldView]] = {row.device_id: [] for row in rows}
    for *hold, device_id in _OPEN_HOLDS_OF.rows(session, {"device_ids": list(holds)}):
        holds[device_id].append(HoldView(*hold))
    return [UnitView(catalogue.read_definition(row), tuple(holds[row.device_id]), *row[_WIDTH:]) for row in rows]


def lock_units(session: Session, *, numbers: Collection[str] = (), hold_ids: Collection[UUID] = ()) -> None:
    """Lock several units, and those of several holds, in the order of their numbers (docs/decisions/0023).

    For an act that then takes them one by one and tells the trail of each: nobody waits for it in a circle.
    """
    sequences = [read_unit_number(number) for number in numbers]
    _LOCK_UNITS.rows(session, {"sequences": sequences, "hold_ids": list(hold_ids)})


def _get_unit(session: Session, statement: DirectStatement, parameters: dict[str, object]) -> UnitView:
    row = statement.first(session, parameters)
    if row is None:
        raise UnitNotFound(
            N_("There is no unit with this number."), next_step=N_("Scan our label, or type all thirteen characters.")
        )
    holds = _OPEN_HOLDS.rows(session, {"device_id": row.device_id})
    return UnitView(
        catalogue.read_definition(row),
        tuple([HoldView(*hold) for hold in holds]),
        *row[_WIDTH:],
    )


def list_known(session: Session, numbers: Collection[str]) -> frozenset[str]:
    """Return those numbers of our labels that a unit of this establishment carries; one statement."""
    asked: dict[int, str] = {}
    for number in numbers:
        with suppress(UnitNotFound):
            asked[read_unit_number(number)] = number
    found = session.scalars(select(Device.sequence).where(Device.sequence.in_(asked)))
    return frozenset(asked[sequence] for sequence in found)


def life_of(session: Session, device_id: UUID) -> Sequence[LifeEvent]:
    """Return the events in the life of a unit, oldest first."""
    statement = (
        select(
            Movement.at,
            Movement.event,
            Movement.state_after,
            Movement.actor_name,
            Ward.name,
            Movement.reason,
            Movement.details,
        )
        .outerjoin(Ward, Ward.id == Movement.ward_id)
        .where(Movement.device_id == device_id)
        .order_by(Movement.at, Movement.id)
    )
    return [LifeEvent(*row) for row in session.execute(statement)]


def photo_subject(device_id: UUID) -> str:
    """Return the subject under which the photos of a unit are kept."""
    return f"device:{device_id}"


def list_photos(session: Session, device_id: UUID) -> Sequence[Document]:
    """Return the photos kept with a unit, newest first."""
    return documents.list_documents(session, photo_subject(device_id), DocumentKind.PHOTO)


def list_holds(session: Session, device_id: UUID) -> Sequence[Hold]:
    """Return every hold there was on a unit, oldest first."""
    return session.scalars(select(Hold).where(Hold.device_id == device_id).order_by(Hold.opened_at, Hold.id)).all()


def find_movement(session: Session, movement_id: UUID) -> Movement | None:
    """Return one movement, None where there is none with this id here."""
    return session.get(Movement, movement_id)


def find_moved(session: Session, movement_id: UUID) -> str | None:
    """Return the number of the unit that a movement moved, None where there is no such movement."""
    statement = (
        select(Device.sequence).join(Movement, Movement.device_id == Device.id).where(Movement.id == movement_id)
    )
    sequence = session.scalar(statement)
    return None if sequence is None else unit_label.format(sequence)
