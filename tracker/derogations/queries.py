"""Reads of the register: what covers a reference, where each derogation stands, and the register's pages.

Every answer is for a day and an instant of knowledge; the rules compute it from the decisions that are read here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, func, or_, select, text, tuple_, union
from sqlalchemy.orm import Session, aliased

from tracker.catalogue.models import Manufacturer
from tracker.derogations import rules
from tracker.derogations.models import Decision, Derogation, ScopeEntry
from tracker.derogations.rules import (
    DecisionFacts,
    DecisionKind,
    DerogationKind,
    DerogationStatus,
    Domain,
    Standing,
)
from tracker.errors import N_, NotFound
from tracker.terms import rules as terms
from tracker.terms.rules import ScopeFacts

_Query = Select[*tuple[Any, ...]]
_Row = Row[*tuple[Any, ...]]
_PARIS = ZoneInfo("Europe/Paris")

MOST_OTHERS = 20
"""Derogations of the manufacturer that do not list the reference: so many are looked at, the latest recorded first."""
MOST_LISTING_OTHERS = 3
"""Of those that list other references only, so many are answered, and only where nothing else may cover."""
MOST_SCANNED = 500
"""Derogations read for one page that is narrowed to a status, which is computed and cannot be searched."""


class DerogationNotFound(NotFound):
    """No such derogation in this establishment."""

    code = "derogation-not-found"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one derogation says of one reference on one day."""

    derogation_id: UUID
    designation: str
    kind: DerogationKind
    partial_revision_only: bool
    implanted_system: str
    patient_id: UUID | None
    """For an individual derogation: the one patient."""
    standing: Standing
    is_listed: bool
    """The reference is in the scope, by the decision's list or by the pharmacist's written reading."""
    is_fictional: bool
    decision_reference: str
    """ANSM's number of the decision that the standing rests on; empty where none."""
    has_list: bool
    """The decision lists references; False: its scope is written in words."""
    reading: str
    """The pharmacist's reading by which the reference is in the scope; empty where the decision lists it."""


@dataclass(frozen=True, slots=True)
class DerogationStanding:
    """One derogation with its standing on a day."""

    id: UUID
    designation: str
    kind: DerogationKind
    domain: Domain
    manufacturer_id: UUID
    manufacturer_name: str
    implanted_system: str
    is_fictional: bool
    recorded_at: datetime
    standing: Standing
    decision_reference: str
    """ANSM's number of the decision that the standing rests on; empty where none."""
    end_recorded_on: date | None
    """Day, in Paris, on which the end that stands was recorded; None where no end stands."""
    begins_on: date | None
    """First day of the first grant known; None where nothing was granted."""

    @property
    def status(self) -> DerogationStatus:
        """What the derogation is worth on the day."""
        return self.standing.status

    @property
    def valid_until(self) -> date | None:
        """The last day of validity as it stands, included."""
        return self.standing.valid_until


@dataclass(frozen=True, slots=True)
class RegisterPage:
    """One page of the register."""

    standings: tuple[DerogationStanding, ...]
    next_after: UUID | None
    """Where the next page begins; None at the end."""


@dataclass(frozen=True, slots=True)
class RegisterFilters:
    """What the register is narrowed to."""

    text: str = ""
    """Part of a name, of the scope's words, of the company or of ANSM's number; the beginning of a reference."""
    kind: DerogationKind | None = None
    manufacturer_id: UUID | None = None
    status: DerogationStatus | None = None


def paris_day(instant: datetime) -> date:
    """Return the calendar day in Paris at an instant; for services, which do not know the clock."""
    return instant.astimezone(_PARIS).date()


def lock_derogation(session: Session, derogation_id: UUID) -> None:
    """Wait until nobody else writes on one derogation: its rows are appended only, so no row can be locked."""
    session.execute(_LOCK, {"name": f"derogation:{derogation_id}"})


_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")


def get_derogation(session: Session, derogation_id: UUID) -> Derogation:
    """Return one derogation.

    Raises:
        DerogationNotFound: there is none with this id here.
    """
    derogation = session.get(Derogation, derogation_id)
    if derogation is None:
        raise DerogationNotFound(N_("There is no such derogation."), next_step=N_("Search the register."))
    return derogation


def list_decisions(session: Session, derogation_id: UUID) -> Sequence[Decision]:
    """Return every decision on a derogation, corrected ones included, by day of effect."""
    statement = select(Decision).where(Decision.derogation_id == derogation_id)
    return session.scalars(statement.order_by(Decision.effective_from, Decision.recorded_at, Decision.id)).all()


def list_scope(session: Session, derogation_id: UUID) -> Sequence[ScopeEntry]:
    """Return every entry of the scope of a derogation, by reference and day."""
    statement = select(ScopeEntry).where(ScopeEntry.derogation_id == derogation_id)
    return session.scalars(statement.order_by(ScopeEntry.reference, ScopeEntry.effective_from, ScopeEntry.id)).all()


_INTERRUPTS = {DecisionKind.SUSPENDED, DecisionKind.WITHDRAWN}
_FACTS = (
    Decision.derogation_id,
    Decision.reference,
    Decision.id,
    Decision.kind,
    Decision.effective_from,
    Decision.valid_until,
    Decision.patient_cap,
    Decision.decided_on,
    Decision.recorded_at,
    Decision.corrects_id,
)


@dataclass(frozen=True, slots=True)
class _Life:
    """The decisions of one derogation, and ANSM's number of each."""

    decisions: tuple[DecisionFacts, ...] = ()
    references: Mapping[UUID, str] | None = None

    def standing(self, day: date, known_at: datetime) -> Standing:
        return rules.standing_on(self.decisions, day, known_at=known_at)

    def reference_of(self, standing: Standing) -> str:
        return (self.references or {}).get(standing.decision_id, "") if standing.decision_id else ""

    def end_recorded_on(self, end: date | None, known_at: datetime) -> date | None:
        """Return the day on which it was first recorded that the validity stops after ``end``."""
        if end is None:
            return None
        instants = [
            decision.recorded_at
            for decision in self.decisions
            if decision.recorded_at <= known_at
            and (
                decision.valid_until == end
                or (decision.kind in _INTERRUPTS and (decision.effective_from - end).days == 1)
            )
        ]
        return paris_day(min(instants)) if instants else None

    def begins_on(self, known_at: datetime) -> date | None:
        known = [decision for decision in self.decisions if decision.recorded_at <= known_at]
        corrected = {decision.corrects_id for decision in known}
        grants = (d for d in known if d.kind is DecisionKind.GRANTED and d.id not in corrected)
        return min((grant.effective_from for grant in grants), default=None)


def _lives(session: Session, derogation_ids: Sequence[UUID] | None) -> dict[UUID, _Life]:
    """Return the decisions of some derogations, or of all."""
    statement, parameters = (_LIVES, {}) if derogation_ids is None else (_LIVES_OF, {"derogation_ids": derogation_ids})
    found: dict[UUID, list[_Row]] = {}
    for row in session.execute(statement, parameters):
        found.setdefault(row.derogation_id, []).append(row)
    return {
        derogation_id: _Life(tuple(DecisionFacts(*row[2:]) for row in rows), {row.id: row.reference for row in rows})
        for derogation_id, rows in found.items()
    }


_LIVES = select(*_FACTS)
_LIVES_OF = _LIVES.where(Decision.derogation_id.in_(bindparam("derogation_ids", expanding=True)))


def decision_facts(decision: Decision) -> DecisionFacts:
    """Return what the rules need of a row."""
    return DecisionFacts(
        id=decision.id,
        kind=decision.kind,
        effective_from=decision.effective_from,
        valid_until=decision.valid_until,
        patient_cap=decision.patient_cap,
        decided_on=decision.decided_on,
        recorded_at=decision.recorded_at,
        corrects_id=decision.corrects_id,
    )


def scope_facts(entry: ScopeEntry) -> ScopeFacts:
    """Return what the rules need of a row."""
    return ScopeFacts(entry.reference, entry.change, entry.effective_from, entry.recorded_at)


_listed = aliased(ScopeEntry)
_LISTS_REFERENCES = (
    select(_listed.id)
    .where(
        _listed.derogation_id == Derogation.id,
        _listed.reading == "",
        _listed.effective_from <= bindparam("day"),
        _listed.recorded_at <= bindparam("known_at"),
    )
    .exists()
)
_CANDIDATE_COLUMNS = (
    Derogation.id,
    Derogation.designation,
    Derogation.kind,
    Derogation.partial_revision_only,
    Derogation.implanted_system,
    Derogation.patient_id,
    Derogation.is_fictional,
    _LISTS_REFERENCES.label("has_list"),
    ScopeEntry.reference,
    ScopeEntry.change,
    ScopeEntry.effective_from,
    ScopeEntry.recorded_at,
    ScopeEntry.reading,
)
_SCOPE_OF_REFERENCE = and_(ScopeEntry.derogation_id == Derogation.id, ScopeEntry.reference == bindparam("reference"))
_CANDIDATES = select(*_CANDIDATE_COLUMNS).outerjoin(ScopeEntry, _SCOPE_OF_REFERENCE)


def _candidate_ids() -> _Query:
    """Select who may cover a reference: those that list it, by its index, and a bounded number of others."""
    other = aliased(Derogation)
    listing = (
        select(ScopeEntry.derogation_id)
        .join(other, other.id == ScopeEntry.derogation_id)
        .where(ScopeEntry.reference == bindparam("reference"), other.manufacturer_id == bindparam("manufacturer_id"))
    )
    others = (
        select(other.id)
        .where(other.manufacturer_id == bindparam("manufacturer_id"))
        .order_by(other.patient_id.is_not(None), other.recorded_at.desc())
        .limit(MOST_OTHERS)
    )
    found = union(listing, others).subquery()
    return select(found.c[0])


_CANDIDATES_FOR_REFERENCE = _CANDIDATES.where(Derogation.id.in_(_candidate_ids())).order_by(
    Derogation.patient_id.is_not(None), Derogation.recorded_at.desc()
)
_CANDIDATE = _CANDIDATES.where(Derogation.id == bindparam("derogation_id"))


def find_coverage(
    session: Session, *, manufacturer_id: UUID, reference: str, day: date, known_at: datetime
) -> tuple[Coverage, ...]:
    """Return what the derogations of a manufacturer say of a reference on a day, as known at an instant; two SQL.

    Best first: in force and listing it, in force with a scope in words, not in force, not listing it; among equals the
    one bound to no patient, then the longest end. Derogations that list other references only are answered where there
    is nothing else, so that a refusal can name them.
    """
    parameters = {"manufacturer_id": manufacturer_id, "reference": reference}
    return _coverages(session, _CANDIDATES_FOR_REFERENCE, parameters, day=day, known_at=known_at)


def get_coverage(session: Session, derogation_id: UUID, *, reference: str, day: date, known_at: datetime) -> Coverage:
    """Return what one derogation says of a reference on a day, as known at an instant; two SQL.

    Raises:
        DerogationNotFound: there is none with this id here.
    """
    parameters = {"derogation_id": derogation_id, "reference": reference}
    found = _coverages(session, _CANDIDATE, parameters, day=day, known_at=known_at)
    if not found:
        raise DerogationNotFound(N_("There is no such derogation."), next_step=N_("Search the register."))
    return found[0]


def _coverages(
    session: Session, statement: _Query, parameters: dict[str, object], *, day: date, known_at: datetime
) -> tuple[Coverage, ...]:
    found: dict[UUID, list[_Row]] = {}
    for row in session.execute(statement, parameters | {"day": day, "known_at": known_at}):
        found.setdefault(row.id, []).append(row)
    if not found:
        return ()
    may_cover = {id_: rows for id_, rows in found.items() if rows[0].reference is not None or not rows[0].has_list}
    found = may_cover or dict(list(found.items())[:MOST_LISTING_OTHERS])
    lives = _lives(session, list(found))
    coverages = [
        _coverage(rows, lives.get(derogation_id, _Life()), day=day, known_at=known_at)
        for derogation_id, rows in found.items()
    ]
    return tuple(sorted(coverages, key=_rank))


def _coverage(rows: Sequence[_Row], life: _Life, *, day: date, known_at: datetime) -> Coverage:
    first = rows[0]
    standing = life.standing(day, known_at)
    entries = [row for row in rows if row.reference is not None]
    facts = [ScopeFacts(row.reference, row.change, row.effective_from, row.recorded_at) for row in entries]
    is_listed = bool(terms.references_on(facts, day, known_at=known_at))
    effective = [row for row in entries if row.recorded_at <= known_at and row.effective_from <= day]
    return Coverage(
        derogation_id=first.id,
        designation=first.designation,
        kind=first.kind,
        partial_revision_only=first.partial_revision_only,
        implanted_system=first.implanted_system,
        patient_id=first.patient_id,
        standing=standing,
        is_listed=is_listed,
        is_fictional=first.is_fictional,
        decision_reference=life.reference_of(standing),
        has_list=first.has_list,
        reading=max(effective, key=lambda row: row.effective_from).reading if is_listed else "",
    )


def _rank(coverage: Coverage) -> tuple[int, bool, int, str, UUID]:
    """Return the place of a coverage: best first."""
    in_force = coverage.standing.status is DerogationStatus.IN_FORCE
    if not coverage.is_listed and coverage.has_list:
        place = 4
    elif coverage.is_listed:
        place = 0 if in_force else 2
    else:
        place = 1 if in_force else 3
    end = (coverage.standing.valid_until or date.min).toordinal()
    return place, coverage.patient_id is not None, -end, coverage.designation, coverage.derogation_id


def _folded(column: Any) -> ColumnElement[str]:  # noqa: ANN401 - a column or a parameter
    """Return a text without case and French accents, as people type it."""
    return func.translate(func.lower(column), "àâäçéèêëîïôöùûü", "aaaceeeeiioouuu")


_LINE_COLUMNS = (
    Derogation.id,
    Derogation.designation,
    Derogation.kind,
    Derogation.domain,
    Derogation.manufacturer_id,
    Manufacturer.name.label("manufacturer_name"),
    Derogation.implanted_system,
    Derogation.is_fictional,
    Derogation.recorded_at,
)
_ORDER = (_folded(Derogation.designation), Derogation.id)
_LINES = select(*_LINE_COLUMNS).join(Manufacturer, Manufacturer.id == Derogation.manufacturer_id)


def list_standings(session: Session, *, day: date, known_at: datetime) -> Sequence[DerogationStanding]:
    """Return where every derogation stands on a day, as known at an instant, by name; two SQL."""
    rows = session.execute(_LINES.order_by(*_ORDER)).all()
    return _standings(rows, _lives(session, None), day=day, known_at=known_at)


def get_sheet(session: Session, derogation_id: UUID, *, day: date, known_at: datetime) -> DerogationStanding:
    """Return where one derogation stands on a day, as known at an instant.

    Raises:
        DerogationNotFound: there is none with this id here.
    """
    rows = session.execute(_LINES.where(Derogation.id == derogation_id)).all()
    if not rows:
        raise DerogationNotFound(N_("There is no such derogation."), next_step=N_("Search the register."))
    lives = _lives(session, [derogation_id])
    return _standings(rows, lives, day=day, known_at=known_at)[0]


def list_choices(session: Session, *, day: date, known_at: datetime, patient_id: UUID) -> Sequence[DerogationStanding]:
    """Return the derogations that may concern a patient, those in force first, then by name; two SQL."""
    may_concern = or_(Derogation.patient_id.is_(None), Derogation.patient_id == patient_id)
    rows = session.execute(_LINES.where(may_concern).order_by(*_ORDER)).all()
    lives = _lives(session, [row.id for row in rows])
    standings = _standings(rows, lives, day=day, known_at=known_at)
    return sorted(standings, key=lambda found: found.status is not DerogationStatus.IN_FORCE)


def designations(session: Session, derogation_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of several derogations, by id."""
    statement = select(Derogation.id, Derogation.designation).where(Derogation.id.in_(derogation_ids))
    return {row.id: row.designation for row in session.execute(statement)}


def list_derogations(
    session: Session, *, filters: RegisterFilters, day: date, known_at: datetime, after: UUID | None, limit: int
) -> RegisterPage:
    """Return one page of the register, by name; two SQL whatever is stored.

    A status is computed, so a page narrowed to one reads at most ``MOST_SCANNED`` derogations: it may show fewer than
    ``limit`` and still have a next page.
    """
    read_count = limit if filters.status is None else MOST_SCANNED
    statement = _LINES.where(*_conditions(filters, after)).order_by(*_ORDER).limit(read_count + 1)
    rows = session.execute(statement).all()
    lives = _lives(session, [row.id for row in rows]) if rows else {}
    read = _standings(rows[:read_count], lives, day=day, known_at=known_at)
    kept = [found for found in read if filters.status in {None, found.status}]
    if len(kept) > limit:
        return RegisterPage(tuple(kept[:limit]), kept[limit - 1].id)
    return RegisterPage(tuple(kept), read[-1].id if len(rows) > read_count else None)


def _standings(
    rows: Sequence[_Row], lives: Mapping[UUID, _Life], *, day: date, known_at: datetime
) -> list[DerogationStanding]:
    found = []
    for row in rows:
        life = lives.get(row.id, _Life())
        standing = life.standing(day, known_at)
        found.append(
            DerogationStanding(
                **row._asdict(),
                standing=standing,
                decision_reference=life.reference_of(standing),
                end_recorded_on=life.end_recorded_on(standing.valid_until, known_at),
                begins_on=life.begins_on(known_at),
            )
        )
    return found


def _conditions(filters: RegisterFilters, after: UUID | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.kind is not None:
        conditions.append(Derogation.kind == filters.kind)
    if filters.manufacturer_id is not None:
        conditions.append(Derogation.manufacturer_id == filters.manufacturer_id)
    if filters.text.strip():
        conditions.append(_mentions(filters.text.strip()))
    if after is not None:
        last = aliased(Derogation)
        place = select(_folded(last.designation), last.id).where(last.id == after).scalar_subquery()
        conditions.append(tuple_(*_ORDER) > place)
    return conditions


def _mentions(words: str) -> ColumnElement[bool]:
    """Match words in names, companies and scopes, the beginning of a reference, or part of ANSM's number."""
    sought = _folded(bindparam("words", words, unique=True))
    written = (Derogation.designation, Derogation.scope_text, Derogation.implanted_system, Manufacturer.name)
    listed = select(ScopeEntry.derogation_id).where(ScopeEntry.reference.istartswith(words, autoescape=True))
    decided = select(Decision.derogation_id).where(Decision.reference.icontains(words, autoescape=True))
    return or_(
        *(func.strpos(_folded(column), sought) > 0 for column in written),
        Derogation.id.in_(listed),
        Derogation.id.in_(decided),
    )
