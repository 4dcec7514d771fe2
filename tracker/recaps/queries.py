"""Reads for recaps: what was used, what is left, which incidents; the recaps made, and those that are due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from tracker.catalogue.models import DeviceDefinition
from tracker.derogations import queries as derogations
from tracker.derogations.models import Derogation, ScopeEntry
from tracker.derogations.queries import DerogationStanding
from tracker.derogations.rules import DerogationKind, DerogationStatus
from tracker.devices.models import Device, Movement
from tracker.devices.rules import UnitState
from tracker.errors import N_, NotFound
from tracker.recaps import rules
from tracker.recaps.models import RecapHandover, RecapRecord
from tracker.recaps.rules import Due, MonthCount, Recap, StateCount
from tracker.use.models import DeviceUse
from tracker.use.queries import STANDING
from tracker.vigilance.models import Incident
from tracker.vigilance.rules import case_number

_Query = Select[*tuple[Any, ...]]
_PARIS = ZoneInfo("Europe/Paris")


class RecapNotFound(NotFound):
    """No such recap in this establishment."""

    code = "recap-not-found"


@dataclass(frozen=True, slots=True)
class RecapLine:
    """One recap in the list."""

    row: RecapRecord
    designation: str
    handed_on: date | None
    """Day on which it was last handed over; None where it was not."""


@dataclass(frozen=True, slots=True)
class RecapPage:
    """One page of recaps."""

    lines: tuple[RecapLine, ...]
    next_after: tuple[datetime, UUID] | None


@dataclass(frozen=True, slots=True)
class DueRecap:
    """One derogation whose recap is due."""

    standing: DerogationStanding
    due: Due


def lock_recaps(session: Session, derogation_id: UUID) -> None:
    """Wait until nobody else makes a recap of one derogation."""
    session.execute(_LOCK, {"name": f"recap:{derogation_id}"})


_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")


def gather(session: Session, derogation: Derogation, *, period: tuple[date, date], least_count: int) -> Recap:
    """Return the recap of a derogation for a period, days included; three SQL, whatever was used."""
    return rules.make_recap(
        _uses(session, derogation.id, period),
        _units(session, derogation, until=period[1]),
        _incidents(session, derogation, period),
        period=period,
        least_count=least_count,
    )


def _uses(session: Session, derogation_id: UUID, period: tuple[date, date]) -> list[MonthCount]:
    """Return the uses under a derogation, counted by reference, lot and month.

    The log is the truth: each use that stands is counted exactly once. Equipment and software may have several.
    """
    month = func.date_trunc("month", DeviceUse.used_on).label("month")
    columns = (
        DeviceDefinition.reference,
        DeviceDefinition.designation,
        func.coalesce(Device.lot_number, "").label("lot"),
    )
    statement = (
        select(*columns, month, func.count())
        .select_from(DeviceUse)
        .join(Device, Device.id == DeviceUse.device_id)
        .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
        .where(DeviceUse.derogation_id == derogation_id, DeviceUse.used_on.between(*period), STANDING)
        .group_by(*columns, month)
    )
    return [
        MonthCount(reference, designation, lot, first.date(), count)
        for reference, designation, lot, first, count in session.execute(statement)
    ]


def _covered(derogation: Derogation) -> ColumnElement[bool]:
    """Select the definitions that a derogation has ever covered, or under which one of their units was used."""
    listed = select(ScopeEntry.reference).where(ScopeEntry.derogation_id == derogation.id)
    used = (
        select(Device.definition_id)
        .join(DeviceUse, DeviceUse.device_id == Device.id)
        .where(DeviceUse.derogation_id == derogation.id, STANDING)
    )
    of_the_maker = DeviceDefinition.manufacturer_id == derogation.manufacturer_id
    return or_(of_the_maker & DeviceDefinition.reference.in_(listed), DeviceDefinition.id.in_(used))


def _units(session: Session, derogation: Derogation, *, until: date) -> list[StateCount]:
    """Return the units that were not used, by reference and state at the end of a day in Paris."""
    end = datetime.combine(until + timedelta(days=1), time.min, tzinfo=_PARIS)
    last = (
        select(Device.definition_id, Movement.state_after)
        .join(Movement, Movement.device_id == Device.id)
        .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
        .where(_covered(derogation), Movement.at < end)
        .ext(distinct_on(Movement.device_id))
        .order_by(Movement.device_id, Movement.at.desc(), Movement.id.desc())
        .subquery()
    )
    columns = (DeviceDefinition.reference, DeviceDefinition.designation, last.c.state_after)
    statement = (
        select(*columns, func.count())
        .select_from(last)
        .join(DeviceDefinition, DeviceDefinition.id == last.c.definition_id)
        .where(last.c.state_after != UnitState.USED)
        .group_by(*columns)
    )
    return [StateCount(*row) for row in session.execute(statement)]


def _incidents(session: Session, derogation: Derogation, period: tuple[date, date]) -> list[str]:
    """Return the numbers of the cases detected in a period with a unit used under a derogation, or not used at all."""
    of_device = select(DeviceUse.id).where(DeviceUse.device_id == Device.id, STANDING)
    statement = (
        select(Incident.number)
        .join(Device, Device.id == Incident.device_id)
        .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
        .where(
            Incident.detected_on.between(*period),
            _covered(derogation),
            or_(~of_device.exists(), of_device.where(DeviceUse.derogation_id == derogation.id).exists()),
        )
        .order_by(Incident.number)
    )
    return [case_number(number) for number in session.scalars(statement)]


def get_recap(session: Session, recap_id: UUID) -> RecapRecord:
    """Return one recap.

    Raises:
        RecapNotFound: there is none with this id here.
    """
    row = session.get(RecapRecord, recap_id)
    if row is None:
        raise RecapNotFound(N_("There is no such recap."), next_step=N_("Look for it in the list of recaps."))
    return row


def list_handovers(session: Session, recap_id: UUID) -> Sequence[RecapHandover]:
    """Return when a recap was handed over, oldest first."""
    statement = select(RecapHandover).where(RecapHandover.recap_id == recap_id)
    return session.scalars(statement.order_by(RecapHandover.handed_on, RecapHandover.id)).all()


def list_recaps(
    session: Session, *, derogation_id: UUID | None, after: tuple[datetime, UUID] | None, limit: int
) -> RecapPage:
    """Return one page of recaps, newest first."""
    statement = _LINES.order_by(RecapRecord.made_at.desc(), RecapRecord.id.desc()).limit(limit + 1)
    if derogation_id is not None:
        statement = statement.where(RecapRecord.derogation_id == derogation_id)
    if after is not None:
        statement = statement.where(tuple_(RecapRecord.made_at, RecapRecord.id) < tuple_(*after))
    lines = [RecapLine(row[0], row[1], row[2]) for row in session.execute(statement)]
    last = lines[limit - 1].row if len(lines) > limit else None
    return RecapPage(tuple(lines[:limit]), (last.made_at, last.id) if last else None)


_HANDED = (
    select(func.max(RecapHandover.handed_on))
    .where(RecapHandover.recap_id == RecapRecord.id)
    .correlate(RecapRecord)
    .scalar_subquery()
)
_LINES: _Query = select(RecapRecord, Derogation.designation, _HANDED).join(
    Derogation, Derogation.id == RecapRecord.derogation_id
)


def find_told_until(session: Session, derogation_id: UUID) -> date | None:
    """Return the last day of the latest recap of a derogation, None where it has none."""
    return session.scalar(select(func.max(RecapRecord.last_day)).where(RecapRecord.derogation_id == derogation_id))


def list_annual(session: Session, *, today: date, now: datetime) -> Sequence[DerogationStanding]:
    """Return the annual derogations for partial revisions, by name."""
    return derogations.read_lines(session, _ANNUAL.order_by(*derogations.ORDER), day=today, known_at=now)


def list_due(session: Session, *, today: date, now: datetime, lead_days: int) -> Sequence[DueRecap]:
    """Return the recaps that are due, the nearest anniversary first, of derogations under which units came here."""
    answered = {row.derogation_id: row.until for row in session.execute(_ANSWERED)}
    found = []
    for standing in derogations.read_lines(session, _CONCERNED, day=today, known_at=now):
        if standing.begins_on is None:
            continue
        until = answered.get(standing.id)
        due = rules.due_of(
            standing.begins_on, ended_on=_ended_on(standing), answered_until=until, today=today, lead_days=lead_days
        )
        if due is not None:
            found.append(DueRecap(standing, due))
    return sorted(found, key=lambda one: (one.due.anniversary, one.standing.designation))


def _ended_on(standing: DerogationStanding) -> date | None:
    """Return the last day on which a derogation could be used, None where no end is known."""
    if standing.status is DerogationStatus.WITHDRAWN and standing.standing.since:
        return standing.standing.since - timedelta(days=1)
    return standing.valid_until


_ANSWERED: _Query = (
    select(RecapRecord.derogation_id, func.max(RecapRecord.last_day).label("until"))
    .join(RecapHandover, RecapHandover.recap_id == RecapRecord.id)
    .group_by(RecapRecord.derogation_id)
)
_ANNUAL = derogations.LINES.where(Derogation.kind == DerogationKind.PARTIAL_REVISION)
_USED = select(DeviceUse.id).where(DeviceUse.derogation_id == Derogation.id, STANDING).exists()
_RECEIVED = (
    select(Device.id)
    .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
    .join(ScopeEntry, ScopeEntry.reference == DeviceDefinition.reference)
    .where(ScopeEntry.derogation_id == Derogation.id, DeviceDefinition.manufacturer_id == Derogation.manufacturer_id)
    .exists()
)
_CONCERNED: _Query = _ANNUAL.where(or_(_USED, _RECEIVED))
"""Annual derogations under which a unit was used here, or of whose scope one was received."""
