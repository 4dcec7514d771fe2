"""Reads of the stock: lists by keyset, search, counts for its picture."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, bindparam, func, select, true, tuple_, union
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.orm import Session

from scanners.udi import unit as unit_label
from tracker.arrivals.models import Reception
from tracker.catalogue.models import DefinitionIdentifier, DeviceDefinition, Manufacturer
from tracker.derogations import queries as derogations
from tracker.derogations.models import Derogation, ScopeEntry
from tracker.derogations.queries import DerogationStanding
from tracker.derogations.rules import DerogationStatus
from tracker.devices.models import Device
from tracker.devices.queries import OPEN_HOLD_COUNT, UNIT_COLUMNS, read_unit_number
from tracker.devices.rules import ON_HAND, UnitState
from tracker.organisation.models import Ward
from tracker.reception.models import ReceptionLine
from tracker.stock.rules import Position, StockFilters, end_code
from tracker.terms.rules import ScopeChangeKind

_Query = Select[*tuple[Any, ...]]

EXPORT_PAGE = 2000
"""Units that one statement of an export brings."""
MOST_DEFINITIONS = 200
"""Devices whose units are looked up for the beginning of a designation."""


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
    ward_name: str | None
    open_hold_count: int

    @property
    def number(self) -> str:
        """Return the number on our label."""
        return unit_label.format(self.sequence)

    @property
    def position(self) -> Position:
        """Return where the page behind this line begins, in the order of the list."""
        return Position(self.sequence, self.expiration_date)


_LINES = (
    select(
        *UNIT_COLUMNS,
        Manufacturer.name.label("manufacturer_name"),
        Ward.name.label("ward_name"),
        OPEN_HOLD_COUNT,
    )
    .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
    .join(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
    .outerjoin(Ward, Ward.id == Device.ward_id)
)


def list_units(session: Session, *, after: Position | None, limit: int, filters: StockFilters) -> Sequence[UnitLine]:
    """Return units behind ``after``: newest first, or the first shelf life to end first where that is what is asked.

    The cost is that of what is shown: every way has an index that gives its order.
    """
    if filters.is_by_shelf_life:
        return _read(session, _by_shelf_life(filters, after).limit(limit))
    conditions = _conditions(filters)
    if after is not None:
        conditions.append(Device.sequence < after.sequence)
    if filters.text or filters.definition_ids is not None:
        found = _matching(filters, conditions, limit)
        # An array, so that each unit is looked up: a join invites PostgreSQL to walk the stock from its newest unit.
        conditions = [Device.sequence == func.any(func.array(select(found.c.sequence).scalar_subquery()))]
    return _read(session, _LINES.where(*conditions).order_by(Device.sequence.desc()).limit(limit))


def _read(session: Session, statement: _Query) -> list[UnitLine]:
    return [UnitLine(*row) for row in session.execute(statement)]


def _conditions(filters: StockFilters) -> list[Any]:
    conditions: list[Any] = []
    if filters.state is not None:
        conditions.append(Device.state == filters.state)
    if filters.ward_id is not None:
        conditions.append(Device.ward_id == filters.ward_id)
    if filters.expires_until is not None:
        conditions.append(Device.expiration_date <= filters.expires_until)
    if filters.expires_until is not None or filters.end:
        conditions.append(Device.state.in_(sorted(ON_HAND)))
    return conditions


def _by_shelf_life(filters: StockFilters, after: Position | None) -> _Query:
    order = tuple_(Device.expiration_date, Device.sequence)
    statement = _LINES.where(*_conditions(filters), Device.expiration_date.is_not(None))
    if after is not None and after.expiration_date is not None:
        statement = statement.where(order > tuple_(after.expiration_date, after.sequence))
    return statement.order_by(Device.expiration_date, Device.sequence)


def _matching(filters: StockFilters, conditions: list[Any], limit: int) -> Any:  # noqa: ANN401 - SQLAlchemy's own type
    """Return the sequences of one search: each way to match has an index of its own, so each is asked alone."""
    newest = select(Device.sequence).order_by(Device.sequence.desc()).limit(limit)
    of_derogation = filters.definition_ids
    if of_derogation is not None:
        conditions = [*conditions, Device.definition_id.in_(of_derogation)]
    newest = newest.where(*conditions)
    text = filters.text
    if unit_label.is_unit_label(text):
        return newest.where(Device.sequence == read_unit_number(text)).subquery()
    if not text:
        named = select(DeviceDefinition.id.label("definition_id")).where(DeviceDefinition.id.in_(of_derogation or ()))
        return _of_definitions(newest, named).subquery()
    named = select(DefinitionIdentifier.definition_id).where(DefinitionIdentifier.value == text)
    begins = func.lower(DeviceDefinition.designation).startswith(text.lower(), autoescape=True)
    called = select(DeviceDefinition.id).where(begins).limit(MOST_DEFINITIONS)
    both = union(named, called).subquery()
    absorbed = select(DeviceDefinition.id).where(DeviceDefinition.merged_into_id.in_(select(both.c[0])))
    ways = [
        select(newest.where(Device.lot_number == text).subquery().c.sequence),
        select(newest.where(Device.serial_number == text).subquery().c.sequence),
        _of_definitions(newest, union(select(both.c[0]), absorbed)),
    ]
    return union(*ways).subquery()


def _of_definitions(newest: _Query, definitions: Any) -> _Query:  # noqa: ANN401 - a select or a union of selects
    """Return the newest units of each of some definitions: a walk of the index for each, not one of the stock."""
    named = definitions.subquery()
    of_each = newest.where(Device.definition_id == named.c[0]).lateral()
    return select(of_each.c.sequence).select_from(named).join(of_each, true())


@dataclass(frozen=True, slots=True)
class Origin:
    """How a unit came in; empty where it was received otherwise than from a delivery."""

    supplier: str = ""
    delivery_number: int | None = None
    derogation: str = ""
    """Designation of the one that its verdict rested on."""


def find_origins(session: Session, device_ids: Sequence[UUID]) -> dict[UUID, Origin]:
    """Return how some units came in, in one statement."""
    statement: _Query = (
        select(ReceptionLine.device_id, Reception.supplier, Reception.number, func.coalesce(Derogation.designation, ""))
        .join(Reception, Reception.id == ReceptionLine.reception_id)
        .outerjoin(Derogation, Derogation.id == ReceptionLine.derogation_id)
        .where(ReceptionLine.device_id == func.any(bindparam("device_ids", list(device_ids), type_=ARRAY(Uuid))))
    )
    return {row[0]: Origin(row[1], row[2], row[3]) for row in session.execute(statement)}


def walk_units(session: Session, *, filters: StockFilters) -> Iterator[tuple[UnitLine, Origin]]:
    """Return every unit of a list with how it came in.

    A page at a time, in two statements, so that neither memory nor one statement grows with the stock.
    """
    position: Position | None = None
    while True:
        lines = list_units(session, after=position, limit=EXPORT_PAGE, filters=filters)
        origins = find_origins(session, [line.id for line in lines])
        yield from ((line, origins.get(line.id, Origin())) for line in lines)
        if len(lines) < EXPORT_PAGE:
            return
        position = lines[-1].position


def count_on_hand(session: Session) -> dict[tuple[UUID, UnitState], int]:
    """Return how many units of each device are on hand in each state: one walk of the index of what is on hand."""
    statement = (
        select(Device.definition_id, Device.state, func.count())
        .where(Device.state.in_(sorted(ON_HAND)))
        .group_by(Device.definition_id, Device.state)
    )
    return {(definition_id, state): count for definition_id, state, count in session.execute(statement)}


@dataclass(frozen=True, slots=True)
class Listing:
    """A device that a derogation lists."""

    definition_id: UUID
    derogation_id: UUID


def list_listings(session: Session, *, day: date, derogation_id: UUID | None = None) -> Sequence[Listing]:
    """Return which devices of the catalogue are in the scope of which derogation on a day, by their references."""
    last = (
        select(DeviceDefinition.id, ScopeEntry.derogation_id, ScopeEntry.change)
        .select_from(ScopeEntry)
        .join(Derogation, Derogation.id == ScopeEntry.derogation_id)
        .join(
            DeviceDefinition,
            (DeviceDefinition.manufacturer_id == Derogation.manufacturer_id)
            & (DeviceDefinition.reference == ScopeEntry.reference),
        )
        .where(ScopeEntry.effective_from <= day)
        .ext(distinct_on(DeviceDefinition.id, ScopeEntry.derogation_id))
        .order_by(
            DeviceDefinition.id,
            ScopeEntry.derogation_id,
            ScopeEntry.effective_from.desc(),
            ScopeEntry.recorded_at.desc(),
        )
    )
    if derogation_id is not None:
        last = last.where(ScopeEntry.derogation_id == derogation_id)
    found = last.subquery()
    statement = select(found.c.id, found.c.derogation_id).where(found.c.change == ScopeChangeKind.ADDED)
    return [Listing(*row) for row in session.execute(statement)]


def narrow(session: Session, filters: StockFilters, *, day: date, now: datetime) -> StockFilters:
    """Return the filters with the devices that their derogation lists on a day, or whose derogation ends as asked."""
    chosen: set[UUID] | None = None
    if filters.derogation_id is not None:
        listed = list_listings(session, day=day, derogation_id=filters.derogation_id)
        chosen = {one.definition_id for one in listed}
    if filters.end:
        groups = _group_ends(session, {one for one, _state in count_on_hand(session)}, today=day, now=now)
        ending = {definition_id for definition_id, code in groups.items() if code == filters.end}
        chosen = ending if chosen is None else chosen & ending
    return filters if chosen is None else replace(filters, definition_ids=tuple(sorted(chosen)))


def count_ends(
    session: Session, counts: Mapping[tuple[UUID, UnitState], int], *, today: date, now: datetime
) -> list[tuple[str, int]]:
    """Return the counts of units on hand, each with the group of its derogation's end; three SQL whatever is stored."""
    groups = _group_ends(session, {one for one, _state in counts}, today=today, now=now)
    return [(groups[definition_id], count) for (definition_id, _state), count in counts.items()]


def _group_ends(session: Session, definition_ids: Collection[UUID], *, today: date, now: datetime) -> dict[UUID, str]:
    """Return the group of some devices by the end of the derogation that lists each of them longest."""
    standings = {one.id: one for one in derogations.list_standings(session, day=today, known_at=now)}
    best: dict[UUID, DerogationStanding] = {}
    for listing in list_listings(session, day=today):
        found, known = standings[listing.derogation_id], best.get(listing.definition_id)
        if known is None or _rank(found) > _rank(known):
            best[listing.definition_id] = found
    return {one: _group_of(best.get(one), today) for one in definition_ids}


def _rank(standing: DerogationStanding) -> tuple[bool, date]:
    return _is_in_force(standing), standing.valid_until or date.max


def _is_in_force(standing: DerogationStanding) -> bool:
    return standing.status in {DerogationStatus.IN_FORCE, DerogationStatus.END_UNKNOWN}


def _group_of(standing: DerogationStanding | None, today: date) -> str:
    if standing is None:
        return "none"
    return end_code(is_covered=_is_in_force(standing), valid_until=standing.valid_until, today=today)
