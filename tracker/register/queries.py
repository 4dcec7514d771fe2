"""Reads of the whole register: one page of it, narrowed to what is asked, and the life of what a page shows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Date, and_, bindparam, cast, func, not_, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from tracker.catalogue.models import Manufacturer
from tracker.derogations.models import Calendar, Decision, Derogation, ScopeEntry
from tracker.derogations.queries import IS_KNOWN, KEPT_STATUSES, LINES, ORDER, DerogationStanding, folded, read_lines
from tracker.derogations.rules import DecisionKind, DerogationKind, DerogationStatus, Domain

SHORTEST_REFERENCE = 3
"""Characters from which the beginning of a reference is searched: fewer would match most of the register."""
_READ_AHEAD = 200
"""Lines read at once where a past knowledge is asked for, which calendars do not answer."""
_PLACE_ON_DAY = func.width_bucket(cast(bindparam("day"), Date()), Calendar.changes_on) + 1  # arrays count from 1
_AFTER_ALL = "\U0010ffff"  # sorts after every character that can follow the beginning of a reference


@dataclass(frozen=True, slots=True)
class RegisterFilters:
    """What the register is narrowed to."""

    text: str = ""
    """Part of a name, of the scope's words, of the company or of ANSM's number; the beginning of a reference."""
    kind: DerogationKind | None = None
    domain: Domain | None = None
    manufacturer_id: UUID | None = None
    status: DerogationStatus | None = None
    ends_by: date | None = None
    """In force, and until this day at the latest."""


@dataclass(frozen=True, slots=True)
class RegisterPage:
    """One page of the register."""

    standings: tuple[DerogationStanding, ...]
    next_after: UUID | None
    """Where the next page begins; None at the end."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days, first and last included, on which a derogation is worth the same; an open side is None."""

    starts_on: date | None
    ends_on: date | None
    status: DerogationStatus


@dataclass(frozen=True, slots=True)
class Life:
    """A derogation over time, as known now."""

    stretches: tuple[Stretch, ...]
    extended_on: tuple[date, ...]
    """First days of effect of the extensions that stand."""


def list_derogations(
    session: Session, *, filters: RegisterFilters, day: date, known_at: datetime, after: UUID | None, limit: int
) -> RegisterPage:
    """Return one page of the register, by name.

    One statement, whatever is stored, as the register is known now; as it was known earlier, what was recorded later is
    taken away from each derogation first, so it reads on until the page is full.
    """
    kept: list[DerogationStanding] = []
    step = limit + 1
    while True:
        statement = LINES.where(*_conditions(filters, after)).order_by(*ORDER).limit(step)
        read = read_lines(session, statement, day=day, known_at=known_at)
        kept += [found for found in read if _matches(filters, found)]
        if len(kept) > limit:
            return RegisterPage(tuple(kept[:limit]), kept[limit - 1].id)
        if len(read) < step:
            return RegisterPage(tuple(kept), None)
        after, step = read[-1].id, max(step, _READ_AHEAD)


def _matches(filters: RegisterFilters, found: DerogationStanding) -> bool:
    """Test what a statement can only ask of a calendar."""
    if filters.status not in {None, found.status}:
        return False
    if filters.ends_by is None:
        return True
    is_running = found.status is DerogationStatus.IN_FORCE
    return is_running and found.valid_until is not None and found.valid_until <= filters.ends_by


def _conditions(filters: RegisterFilters, after: UUID | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for column, value in (
        (Derogation.kind, filters.kind),
        (Derogation.domain, filters.domain),
        (Derogation.manufacturer_id, filters.manufacturer_id),
    ):
        if value is not None:
            conditions.append(column == value)
    status, last_day = Calendar.statuses[_PLACE_ON_DAY], Calendar.last_days[_PLACE_ON_DAY]
    if filters.status is not None:
        conditions.append(or_(not_(IS_KNOWN), status == filters.status.value))
    if filters.ends_by is not None:
        ends = and_(status == DerogationStatus.IN_FORCE.value, last_day <= filters.ends_by)
        conditions.append(or_(not_(IS_KNOWN), ends))
    if filters.text.strip():
        conditions.append(_mentions(filters.text.strip()))
    if after is not None:
        last = aliased(Calendar)
        place = select(last.name_key, last.id).where(last.id == after).scalar_subquery()
        conditions.append(tuple_(*ORDER) > place)
    return conditions


def _mentions(words: str) -> ColumnElement[bool]:
    """Match words in names, companies, scopes and ANSM's numbers, or the beginning of a reference."""
    sought = folded(bindparam("words", words, unique=True))
    companies = select(Manufacturer.id).where(func.strpos(folded(Manufacturer.name), sought) > 0)
    found: list[ColumnElement[bool]] = [
        func.strpos(Calendar.search_text, sought) > 0,
        Derogation.manufacturer_id.in_(companies),
    ]
    if len(words) >= SHORTEST_REFERENCE:
        beginning = words.lower()
        listed = select(ScopeEntry.derogation_id).where(
            ScopeEntry.reference_key >= beginning, ScopeEntry.reference_key < beginning + _AFTER_ALL
        )
        found.append(Derogation.id.in_(listed))
    return or_(*found)


def list_lives(session: Session, derogation_ids: Collection[UUID]) -> dict[UUID, Life]:
    """Return some derogations over time, as known now; two statements."""
    corrections = aliased(Decision)
    extended = select(Decision.derogation_id, Decision.effective_from).where(
        Decision.derogation_id.in_(derogation_ids),
        Decision.kind == DecisionKind.EXTENDED,
        ~select(corrections.id).where(corrections.corrects_id == Decision.id).exists(),
    )
    days: dict[UUID, list[date]] = {}
    for row in session.execute(extended.order_by(Decision.effective_from)):
        days.setdefault(row.derogation_id, []).append(row.effective_from)
    calendars = select(Calendar.id, Calendar.changes_on, KEPT_STATUSES.label("statuses")).where(
        Calendar.id.in_(derogation_ids)
    )
    return {
        row.id: Life(_stretches(row.changes_on, row.statuses), tuple(days.get(row.id, ())))
        for row in session.execute(calendars.where(Calendar.id.in_(derogation_ids)))
    }


def _stretches(changes_on: Sequence[date], statuses: Sequence[str]) -> tuple[Stretch, ...]:
    """Return the stretches of a calendar; neighbours with one status are one."""
    found: list[Stretch] = []
    ends = [*(first_day - timedelta(days=1) for first_day in changes_on), None]
    for starts_on, ends_on, code in zip([None, *changes_on], ends, statuses, strict=False):
        status = DerogationStatus(code)
        goes_on = bool(found) and found[-1].status is status
        found.append(Stretch(found.pop().starts_on if goes_on else starts_on, ends_on, status))
    return tuple(found)
