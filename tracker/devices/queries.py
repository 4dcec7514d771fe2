"""Reads of definitions, units, their life and their holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, bindparam, func, select, true, union
from sqlalchemy.orm import Session

from scanners.errors import ScanError
from scanners.udi import unit as unit_label
from tracker.catalogue import queries as catalogue
from tracker.catalogue.models import DefinitionIdentifier, DeviceDefinition, Manufacturer
from tracker.catalogue.rules import IdentifierKind
from tracker.devices.models import Device, Hold, LotHold, Movement
from tracker.devices.rules import EntryMethod, Event, HoldCause, UnitState, is_usable
from tracker.errors import N_, NotFound
from tracker.organisation.models import Ward

_Query = Select[*tuple[Any, ...]]
_Row = Row[*tuple[Any, ...]]
_WIDTH = len(catalogue.DEFINITION_COLUMNS)


class UnitNotFound(NotFound):
    """No such unit in this establishment."""

    code = "unit-not-found"


class HoldNotFound(NotFound):
    """No such hold on this unit."""

    code = "hold-not-found"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A definition that a code may mean, and what is already known of the same lot and serial number."""

    definition: catalogue.FoundDefinition
    found_by: IdentifierKind
    serial_sequence: int | None
    """The unit that already carries this serial number."""
    other_expiration_date: date | None
    """Another date that a unit of the same lot carries, those in quarantine left out."""
    lot_hold_cause: HoldCause | None
    lot_hold_reason: str | None


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

    @property
    def number(self) -> str:
        """Return the number on our label."""
        return unit_label.format(self.sequence)

    @property
    def is_usable(self) -> bool:
        """Test whether it is released and without any open hold."""
        return is_usable(self.state, len(self.holds))


@dataclass(frozen=True, slots=True)
class UnitLine:
    """One unit in a list."""

    id: UUID
    sequence: int
    state: UnitState
    lot_number: str | None
    serial_number: str | None
    expiration_date: date | None
    reference: str
    designation: str
    manufacturer_name: str
    open_hold_count: int

    @property
    def number(self) -> str:
        """Return the number on our label."""
        return unit_label.format(self.sequence)


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """One event in the life of a unit."""

    at: datetime
    event: Event
    state_after: UnitState
    actor_name: str
    ward_name: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class UnitFilters:
    """What a list of units is narrowed to."""

    text: str = ""
    """A unit number, a lot, a serial number, a reference or a UDI-DI: the whole of it."""
    state: UnitState | None = None


def _candidates() -> _Query:
    same_lot = and_(Device.lot_number == bindparam("lot_number"), Device.definition_id == DeviceDefinition.id)
    serial = (
        select(Device.sequence)
        .where(Device.serial_number == bindparam("serial_number"), Device.definition_id == DeviceDefinition.id)
        .limit(1)
    )
    other_date = (
        select(Device.expiration_date)
        .where(
            same_lot,
            Device.expiration_date != bindparam("expiration_date"),
            Device.state != UnitState.QUARANTINED,  # a date in question does not put the next ones in question
        )
        .limit(1)
    )
    open_lot_hold = (
        select(LotHold)
        .where(
            LotHold.lot_number == bindparam("lot_number"),
            LotHold.definition_id == DeviceDefinition.id,
            LotHold.closed_at.is_(None),
        )
        .order_by(LotHold.opened_at)
        .limit(1)
        .lateral("open_lot_hold")
    )
    return (
        catalogue.select_identified()
        .add_columns(
            serial.scalar_subquery().label("serial_sequence"),
            other_date.scalar_subquery().label("other_expiration_date"),
            open_lot_hold.c.cause.label("lot_hold_cause"),
            open_lot_hold.c.reason.label("lot_hold_reason"),
        )
        .outerjoin(open_lot_hold, bindparam("always", value=True))
    )


_CANDIDATES = _candidates()


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


def find_candidates(
    session: Session,
    *,
    udi_di: str | None,
    reference: str | None,
    lot_number: str | None,
    serial_number: str | None,
    expiration_date: date | None,
) -> Sequence[Candidate]:
    """Return the definitions that a code names, each with what is known of the same lot and serial number; one SQL."""
    parameters = {
        "udi_di": udi_di,
        "reference": reference,
        "lot_number": lot_number,
        "serial_number": serial_number,
        "expiration_date": expiration_date,
    }
    rows = session.execute(_CANDIDATES, parameters).all()
    return [Candidate(catalogue.read_definition(row), *row[_WIDTH:]) for row in catalogue.best_found(rows)]


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
    )
    .select_from(Device)
    .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
    .join(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
)
_UNIT_BY_SEQUENCE = _UNIT.where(Device.sequence == bindparam("sequence"))
_UNIT_BY_ID = _UNIT.where(Device.id == bindparam("device_id"))
_OPEN_HOLDS = (
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
    return _get_unit(session, _UNIT_BY_SEQUENCE.with_for_update(of=Device), {"sequence": read_unit_number(number)})


def get_unit_by_id_for_update(session: Session, device_id: UUID) -> UnitView:
    """Return one unit, locked, or raise ``UnitNotFound``."""
    return _get_unit(session, _UNIT_BY_ID.with_for_update(of=Device), {"device_id": device_id})


def _get_unit(session: Session, statement: _Query, parameters: dict[str, object]) -> UnitView:
    row = session.execute(statement, parameters).one_or_none()
    if row is None:
        raise UnitNotFound(
            N_("There is no unit with this number."), next_step=N_("Scan our label, or type all thirteen characters.")
        )
    holds = session.execute(_OPEN_HOLDS, {"device_id": row.device_id}).all()
    return UnitView(
        catalogue.read_definition(row),
        tuple([HoldView(*hold) for hold in holds]),
        *row[_WIDTH:],
    )


_LINE_COLUMNS = (
    Device.id,
    Device.sequence,
    Device.state,
    Device.lot_number,
    Device.serial_number,
    Device.expiration_date,
    DeviceDefinition.reference,
    DeviceDefinition.designation,
    Manufacturer.name.label("manufacturer_name"),
    select(func.count())
    .where(Hold.device_id == Device.id, Hold.closed_at.is_(None))
    .correlate(Device)
    .scalar_subquery()
    .label("open_hold_count"),
)
_LINES = (
    select(*_LINE_COLUMNS)
    .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
    .join(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
)


def list_units(session: Session, *, before: int | None, limit: int, filters: UnitFilters) -> Sequence[UnitLine]:
    """Return units, newest first, that come before the sequence ``before``; the cost is that of what is shown."""
    conditions = []
    if before is not None:
        conditions.append(Device.sequence < before)
    if filters.state is not None:
        conditions.append(Device.state == filters.state)
    if filters.text:
        found = _matching(filters.text, conditions, limit)
        conditions = [Device.sequence.in_(select(found.c.sequence))]
    statement = _LINES.where(*conditions).order_by(Device.sequence.desc()).limit(limit)
    return [UnitLine(*row) for row in session.execute(statement)]


def _matching(text: str, conditions: list[Any], limit: int) -> Any:  # noqa: ANN401 - SQLAlchemy's own subquery type
    """Return the sequences of one search: each way to match has an index of its own, so each is asked alone."""
    newest = select(Device.sequence).where(*conditions).order_by(Device.sequence.desc()).limit(limit)
    if unit_label.is_unit_label(text):
        return newest.where(Device.sequence == read_unit_number(text)).subquery()
    of_definition = newest.where(Device.definition_id == DefinitionIdentifier.definition_id).lateral()
    ways = [
        select(newest.where(Device.lot_number == text).subquery().c.sequence),
        select(newest.where(Device.serial_number == text).subquery().c.sequence),
        select(of_definition.c.sequence)  # one walk of the index per definition, never one over the whole stock
        .select_from(DefinitionIdentifier)
        .join(of_definition, true())
        .where(DefinitionIdentifier.value == text),
    ]
    return union(*ways).subquery()


def list_units_of_lot(session: Session, *, lot_number: str, definition_id: UUID | None = None) -> Sequence[UnitLine]:
    """Return every unit of a lot, oldest first."""
    statement = _LINES.where(Device.lot_number == lot_number)
    if definition_id is not None:
        statement = statement.where(Device.definition_id == definition_id)
    return [UnitLine(*row) for row in session.execute(statement.order_by(Device.sequence))]


def life_of(session: Session, device_id: UUID) -> Sequence[LifeEvent]:
    """Return the events in the life of a unit, oldest first."""
    statement = (
        select(Movement.at, Movement.event, Movement.state_after, Movement.actor_name, Ward.name, Movement.reason)
        .outerjoin(Ward, Ward.id == Movement.ward_id)
        .where(Movement.device_id == device_id)
        .order_by(Movement.at, Movement.id)
    )
    return [LifeEvent(*row) for row in session.execute(statement)]


def list_holds(session: Session, device_id: UUID) -> Sequence[Hold]:
    """Return every hold there was on a unit, oldest first."""
    return session.scalars(select(Hold).where(Hold.device_id == device_id).order_by(Hold.opened_at, Hold.id)).all()
