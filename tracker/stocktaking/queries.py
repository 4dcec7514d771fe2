"""Reads of counts and of their differences."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, func, select, tuple_
from sqlalchemy.orm import Session

from scanners.udi import unit as unit_label
from tracker.catalogue.models import DeviceDefinition
from tracker.devices.models import Device, Hold
from tracker.devices.rules import ON_HAND, UnitState
from tracker.errors import N_, NotFound
from tracker.organisation.models import Ward
from tracker.stocktaking import rules
from tracker.stocktaking.models import CountedUnit, CountResolution, StockCount
from tracker.stocktaking.rules import Difference, Resolution

_Query = Select[*tuple[Any, ...]]


class CountNotFound(NotFound):
    """No such count in this establishment."""

    code = "count-not-found"


@dataclass(frozen=True, slots=True)
class CountLine:
    """One count in a list."""

    id: UUID
    ward_name: str | None
    reference: str | None
    note: str
    opened_at: datetime
    opened_by_name: str
    closed_at: datetime | None
    closed_by_name: str | None
    counted_count: int


def get_count(session: Session, count_id: UUID) -> StockCount:
    """Return one count.

    Raises:
        CountNotFound: there is none with this id here.
    """
    return _found(session.get(StockCount, count_id))


def get_count_for_update(session: Session, count_id: UUID) -> StockCount:
    """Return one count, locked: nobody closes it meanwhile.

    Raises:
        CountNotFound: there is none with this id here.
    """
    return _found(session.get(StockCount, count_id, with_for_update=True, populate_existing=True))


def _found(count: StockCount | None) -> StockCount:
    if count is None:
        raise CountNotFound(N_("There is no such count."))
    return count


@dataclass(frozen=True, slots=True)
class Sighting:
    """One count that saw a unit."""

    count_id: UUID
    at: datetime
    actor_name: str
    ward_name: str | None
    """Where it was counted; None for the pharmacy."""


def list_sightings(session: Session, device_id: UUID, *, limit: int) -> Sequence[Sighting]:
    """Return the counts in which a unit was scanned, the latest first."""
    statement = (
        select(CountedUnit.count_id, CountedUnit.at, CountedUnit.actor_name, Ward.name)
        .join(StockCount, StockCount.id == CountedUnit.count_id)
        .outerjoin(Ward, Ward.id == StockCount.ward_id)
        .where(CountedUnit.device_id == device_id)
        .order_by(CountedUnit.at.desc(), CountedUnit.id)
    )
    return [Sighting(*row) for row in session.execute(statement.limit(limit))]


_SCANNED = select(func.count()).where(CountedUnit.count_id == StockCount.id).correlate(StockCount).scalar_subquery()
_LINES: _Query = (
    select(
        StockCount.id,
        Ward.name,
        DeviceDefinition.reference,
        StockCount.note,
        StockCount.opened_at,
        StockCount.opened_by_name,
        StockCount.closed_at,
        StockCount.closed_by_name,
        _SCANNED,
    )
    .outerjoin(Ward, Ward.id == StockCount.ward_id)
    .outerjoin(DeviceDefinition, DeviceDefinition.id == StockCount.definition_id)
)


def list_counts(session: Session, *, limit: int, before: StockCount | None = None) -> Sequence[CountLine]:
    """Return the counts, newest first."""
    statement = _LINES.order_by(StockCount.opened_at.desc(), StockCount.id.desc()).limit(limit)
    if before is not None:
        order = tuple_(StockCount.opened_at, StockCount.id)
        statement = statement.where(order < tuple_(before.opened_at, before.id))
    return [CountLine(*row) for row in session.execute(statement)]


def get_line(session: Session, count_id: UUID) -> CountLine:
    """Return one count as a list shows it.

    Raises:
        CountNotFound: there is none with this id here.
    """
    row = session.execute(_LINES.where(StockCount.id == count_id)).one_or_none()
    if row is None:
        raise CountNotFound(N_("There is no such count."))
    return CountLine(*row)


def list_counted(session: Session, count_id: UUID, device_ids: Collection[UUID]) -> frozenset[UUID]:
    """Return which of some units were scanned in a count."""
    statement = select(CountedUnit.device_id).where(
        CountedUnit.count_id == count_id, CountedUnit.device_id.in_(device_ids)
    )
    return frozenset(session.scalars(statement))


def find_resolutions(session: Session, count_id: UUID, device_ids: Collection[UUID]) -> dict[UUID, CountResolution]:
    """Return what was decided about some units in a count, by unit."""
    statement = select(CountResolution).where(
        CountResolution.count_id == count_id, CountResolution.device_id.in_(device_ids)
    )
    return {one.device_id: one for one in session.scalars(statement)}


@dataclass(frozen=True, slots=True)
class DifferenceLine:
    """One unit that differs from what is recorded, with what was decided."""

    difference: Difference
    sequence: int
    state: UnitState
    ward_name: str | None
    lot_number: str | None
    reference: str
    designation: str
    resolution: Resolution | None
    reason: str | None
    decided_by: str | None
    is_held: bool
    """Blocked by an open hold, whatever its state."""

    @property
    def number(self) -> str:
        """Return the number on our label."""
        return unit_label.format(self.sequence)


_IS_HELD = exists().where(Hold.device_id == Device.id, Hold.closed_at.is_(None)).correlate(Device)
_UNIT_COLUMNS = (
    Device.sequence,
    Device.state,
    Ward.name,
    Device.lot_number,
    DeviceDefinition.reference,
    DeviceDefinition.designation,
    CountResolution.resolution,
    CountResolution.reason,
    CountResolution.actor_name,
    _IS_HELD,
    CountResolution.difference,
    Device.ward_id,
)


def _units(count: StockCount) -> _Query:
    decided = (CountResolution.device_id == Device.id) & (CountResolution.count_id == count.id)
    return (
        select(*_UNIT_COLUMNS)
        .select_from(Device)
        .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
        .outerjoin(Ward, Ward.id == Device.ward_id)
        .outerjoin(CountResolution, decided)
        .order_by(DeviceDefinition.reference, Device.sequence)
    )


def list_differences(session: Session, count: StockCount) -> Sequence[DifferenceLine]:
    """Return the units of a count that differ, as they stand now, with the decisions; two SQL.

    What was moved or found meanwhile is no difference any more; what was decided stays in sight.
    """
    scanned = select(CountedUnit.device_id).where(CountedUnit.count_id == count.id)
    expected = _units(count).where(
        Device.state.in_(sorted(ON_HAND)),
        Device.ward_id.is_not_distinct_from(count.ward_id)
        if count.ward_id is None
        else Device.ward_id == count.ward_id,
        Device.id.not_in(scanned),
    )
    if count.definition_id is not None:
        expected = expected.where(Device.definition_id == count.definition_id)
    found = [_difference(row, Difference.MISSING) for row in session.execute(expected.limit(rules.MOST_MISSING))]
    for row in session.execute(_units(count).where(Device.id.in_(scanned))):
        differs = rules.difference_of(row.state, row.ward_id, ward_id=count.ward_id, is_counted=True)
        if differs or row.difference:
            found.append(_difference(row, differs or row.difference))
    return found


def _difference(row: Any, difference: Difference) -> DifferenceLine:  # noqa: ANN401 - SQLAlchemy's row
    return DifferenceLine(row.difference or difference, *row[:10])
