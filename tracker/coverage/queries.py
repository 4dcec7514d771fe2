"""What the register says of references on a day, as known at an instant.

The rules of ``derogations`` compute each standing from the decisions that are read here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, Text, Uuid, and_, bindparam, column, func, or_, select, true, union
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased

from tracker.db import DirectStatement
from tracker.derogations import queries as derogations
from tracker.derogations.models import Calendar, Derogation, ScopeEntry, Worth
from tracker.derogations.queries import DerogationNotFound
from tracker.derogations.rules import DerogationKind, DerogationStatus, Standing
from tracker.errors import N_
from tracker.terms import rules as terms

_Query = Select[*tuple[Any, ...]]
_Row = Row[*tuple[Any, ...]]

AS_RECORDED = datetime(9999, 12, 31, tzinfo=UTC)
"""Known at: whatever the transaction sees. An act that waited for a lock began before what was recorded meanwhile, and
that counts all the same."""
MOST_OTHERS = 20
"""Derogations of the manufacturer that do not list the reference: so many are looked at, the latest recorded first."""
MOST_LISTING_OTHERS = 3
"""Of those that list other references only, so many are answered, and only where nothing else may cover."""


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
class Wanted:
    """A reference of a manufacturer, asked of the register."""

    manufacturer_id: UUID
    reference: str


_listed = aliased(ScopeEntry)
_LISTS_REFERENCES = (
    select(_listed.id)
    .where(
        _listed.derogation_id == Derogation.id,
        _listed.reading == "",
        _listed.effective_from <= bindparam("day"),
        _listed.recorded_at <= bindparam("known_at"),
        or_(_listed.corrected_at.is_(None), _listed.corrected_at > bindparam("known_at")),
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
    ScopeEntry.corrected_at.label("corrected_at"),
    ScopeEntry.reading,
    *derogations.CALENDAR_COLUMNS,
)
_SCOPE_OF_REFERENCE = and_(ScopeEntry.derogation_id == Derogation.id, ScopeEntry.reference == bindparam("reference"))
_CANDIDATES = (
    select(*_CANDIDATE_COLUMNS).join(Calendar, Calendar.id == Derogation.id).outerjoin(ScopeEntry, _SCOPE_OF_REFERENCE)
)


_ASKED = (
    func.unnest(bindparam("manufacturer_ids", type_=ARRAY(Uuid)), bindparam("references", type_=ARRAY(Text)))
    .table_valued(column("manufacturer_id", Uuid), column("reference", Text), with_ordinality="place", name="asked")
    .render_derived()
)


def _candidates_asked() -> _Query:
    """Select who may cover each reference asked: those that list it, by its index, and a bounded number of others."""
    other = aliased(Derogation)
    listing = (
        select(ScopeEntry.derogation_id)
        .join(other, other.id == ScopeEntry.derogation_id)
        .where(ScopeEntry.reference == _ASKED.c.reference, other.manufacturer_id == _ASKED.c.manufacturer_id)
    )
    others = (
        select(other.id)
        .where(other.manufacturer_id == _ASKED.c.manufacturer_id)
        .order_by(other.patient_id.is_not(None), other.recorded_at.desc())
        .limit(MOST_OTHERS)
    )
    found = union(listing.correlate(_ASKED), others.correlate(_ASKED)).lateral("found")
    of_reference = and_(ScopeEntry.derogation_id == Derogation.id, ScopeEntry.reference == _ASKED.c.reference)
    return (
        select(*_CANDIDATE_COLUMNS, _ASKED.c.place)
        .select_from(_ASKED)
        .join(found, true())
        .join(Derogation, Derogation.id == found.c[0])
        .join(Calendar, Calendar.id == Derogation.id)
        .outerjoin(ScopeEntry, of_reference)
        .order_by(_ASKED.c.place, Derogation.patient_id.is_not(None), Derogation.recorded_at.desc())
    )


_CANDIDATES_ASKED = DirectStatement(_candidates_asked())
_CANDIDATE = DirectStatement(_CANDIDATES.where(Derogation.id == bindparam("derogation_id")))


def find_coverage(
    session: Session, *, manufacturer_id: UUID, reference: str, day: date, known_at: datetime
) -> tuple[Coverage, ...]:
    """Return what the derogations of a manufacturer say of a reference, as :func:`find_coverages` does of several."""
    asked = Wanted(manufacturer_id, reference)
    return find_coverages(session, [asked], day=day, known_at=known_at)[asked]


def find_coverages(
    session: Session, wanted: Sequence[Wanted], *, day: date, known_at: datetime
) -> dict[Wanted, tuple[Coverage, ...]]:
    """Return what the derogations of manufacturers say of references on a day, as known at an instant.

    One SQL for all; two where something was recorded after the instant asked about.

    Best first: in force and listing it, in force with a scope in words, not in force, not listing it; among equals the
    one bound to no patient, then the longest end. Derogations that list other references only are answered where there
    is nothing else, to tell a reference that none of them lists from a manufacturer that has none.
    """
    parameters: dict[str, object] = {
        "manufacturer_ids": [one.manufacturer_id for one in wanted],
        "references": [one.reference for one in wanted],
    }
    found: dict[Wanted, dict[UUID, list[_Row]]] = {one: {} for one in wanted}
    for row in _CANDIDATES_ASKED.rows(session, parameters | {"day": day, "known_at": known_at}):
        found[wanted[row.place - 1]].setdefault(row.id, []).append(row)
    kept = {one: _worth_saying(rows) for one, rows in found.items()}
    firsts = [of_one[0] for rows in kept.values() for of_one in rows.values()]
    worths = derogations.worths_of(session, firsts, day=day, known_at=known_at)
    return {one: _ranked(rows, worths, day=day, known_at=known_at) for one, rows in kept.items()}


def get_coverage(session: Session, derogation_id: UUID, *, reference: str, day: date, known_at: datetime) -> Coverage:
    """Return what one derogation says of a reference on a day, as known at an instant.

    Raises:
        DerogationNotFound: there is none with this id here.
    """
    parameters = {"derogation_id": derogation_id, "reference": reference, "day": day, "known_at": known_at}
    rows = _CANDIDATE.rows(session, parameters)
    if not rows:
        raise DerogationNotFound(N_("There is no such derogation."), next_step=N_("Search the register."))
    worths = derogations.worths_of(session, rows[:1], day=day, known_at=known_at)
    return _coverage(rows, worths[derogation_id], day=day, known_at=known_at)


def _worth_saying(found: Mapping[UUID, Sequence[_Row]]) -> Mapping[UUID, Sequence[_Row]]:
    """Keep the derogations that may cover the reference; where there are none, a few of the others."""
    may_cover = {id_: rows for id_, rows in found.items() if rows[0].reference is not None or not rows[0].has_list}
    return may_cover or dict(list(found.items())[:MOST_LISTING_OTHERS])


def _ranked(
    found: Mapping[UUID, Sequence[_Row]], worths: Mapping[UUID, Worth], *, day: date, known_at: datetime
) -> tuple[Coverage, ...]:
    coverages = [_coverage(rows, worths[id_], day=day, known_at=known_at) for id_, rows in found.items()]
    return tuple(sorted(coverages, key=_rank))


def _coverage(rows: Sequence[_Row], worth: Worth, *, day: date, known_at: datetime) -> Coverage:
    first = rows[0]
    entries = [(derogations.scope_facts(row), row.reading) for row in rows if row.reference is not None]
    is_listed = bool(terms.references_on([facts for facts, _reading in entries], day, known_at=known_at))
    effective = [
        (facts.effective_from, reading)
        for facts, reading in entries
        if facts.is_known(known_at) and facts.effective_from <= day
    ]
    return Coverage(
        derogation_id=first.id,
        designation=first.designation,
        kind=first.kind,
        partial_revision_only=first.partial_revision_only,
        implanted_system=first.implanted_system,
        patient_id=first.patient_id,
        standing=worth.standing,
        is_listed=is_listed,
        is_fictional=first.is_fictional,
        decision_reference=worth.decision_reference,
        has_list=first.has_list,
        reading=max(effective)[1] if is_listed else "",
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
