"""Reads of the register: where each derogation stands.

Every answer is for a day and an instant of knowledge; the rules compute it from the decisions that are read here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Date, Row, Select, bindparam, cast, func, or_, select, text
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.orm import Session

from tracker import db
from tracker.catalogue.models import Manufacturer
from tracker.derogations import rules
from tracker.derogations.models import Alias, Calendar, Decision, Derogation, Place, ScopeEntry, Worth
from tracker.derogations.rules import (
    DecisionFacts,
    DecisionKind,
    DerogationKind,
    DerogationStatus,
    Domain,
    Standing,
)
from tracker.errors import N_, NotFound
from tracker.terms.rules import Conditions, ScopeFacts

_Query = Select[*tuple[Any, ...]]
_Row = Row[*tuple[Any, ...]]
_PARIS = ZoneInfo("Europe/Paris")
T = TypeVar("T")


class DerogationNotFound(NotFound):
    """No such derogation in this establishment."""

    code = "derogation-not-found"


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

    @property
    def since(self) -> date | None:
        """First day of what it is worth."""
        return self.standing.since

    @property
    def patient_cap(self) -> int | None:
        """How many patients it allows; None where it sets no limit."""
        return self.standing.patient_cap


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
    return _existing(session.get(Derogation, derogation_id))


def _existing(found: T | None) -> T:
    if found is None:
        raise DerogationNotFound(N_("There is no such derogation."), next_step=N_("Search the register."))
    return found


def list_decisions(session: Session, derogation_id: UUID) -> Sequence[Decision]:
    """Return every decision on a derogation, corrected ones included, by day of effect."""
    statement = select(Decision).where(Decision.derogation_id == derogation_id)
    return session.scalars(statement.order_by(Decision.effective_from, Decision.recorded_at, Decision.id)).all()


def list_scope(session: Session, derogation_id: UUID) -> Sequence[ScopeEntry]:
    """Return every entry of the scope of a derogation, by reference and day."""
    statement = select(ScopeEntry).where(ScopeEntry.derogation_id == derogation_id)
    return session.scalars(statement.order_by(ScopeEntry.reference, ScopeEntry.effective_from, ScopeEntry.id)).all()


_INTERRUPTS = {DecisionKind.SUSPENDED, DecisionKind.WITHDRAWN}


@dataclass(frozen=True, slots=True)
class _Life:
    """The decisions of one derogation, and ANSM's number of each."""

    decisions: tuple[DecisionFacts, ...] = ()
    references: Mapping[UUID, str] = field(default_factory=dict)

    def worth(self, day: date, known_at: datetime) -> Worth:
        return self._worth(rules.standing_on(self.decisions, day, known_at=known_at), known_at)

    def worths(self, known_at: datetime) -> list[tuple[date | None, Worth]]:
        found = rules.standings_of(self.decisions, known_at=known_at)
        return [(first_day, self._worth(standing, known_at)) for first_day, standing in found]

    def _worth(self, standing: Standing, known_at: datetime) -> Worth:
        number = self.references.get(standing.decision_id, "") if standing.decision_id else ""
        return Worth(standing, number, self._end_recorded_on(standing.valid_until, known_at))

    def _end_recorded_on(self, end: date | None, known_at: datetime) -> date | None:
        """Return the day on which it was first recorded that the validity stops after ``end``."""
        if end is None:
            return None
        instants = [
            one.recorded_at
            for one in self.decisions
            if one.recorded_at <= known_at
            and (one.valid_until == end or (one.kind in _INTERRUPTS and (one.effective_from - end).days == 1))
        ]
        return paris_day(min(instants)) if instants else None

    def begins_on(self, known_at: datetime) -> date | None:
        known = [decision for decision in self.decisions if decision.recorded_at <= known_at]
        corrected = {decision.corrects_id for decision in known}
        days = (d.effective_from for d in known if d.kind is DecisionKind.GRANTED and d.id not in corrected)
        return min(days, default=None)


def _lives(session: Session, derogation_ids: Sequence[UUID]) -> dict[UUID, _Life]:
    """Return the decisions of some derogations; no statement for none."""
    found: dict[UUID, list[Decision]] = {}
    for decision in session.scalars(_LIVES, {"derogation_ids": derogation_ids}) if derogation_ids else ():
        found.setdefault(decision.derogation_id, []).append(decision)
    return {
        derogation_id: _Life(tuple([decision_facts(row) for row in rows]), {row.id: row.reference for row in rows})
        for derogation_id, rows in found.items()
    }


_LIVES = select(Decision).where(Decision.derogation_id.in_(bindparam("derogation_ids", expanding=True)))


def read_calendar(session: Session, derogation_id: UUID) -> dict[str, Any]:
    """Return what the decisions of a derogation make of every day, as known by now, by column of the calendar."""
    life = _lives(session, [derogation_id]).get(derogation_id, _Life())
    known_at = max([decision.recorded_at for decision in life.decisions], default=_ALWAYS)
    worths = life.worths(known_at)
    names = select(func.string_agg(Alias.name, " ")).where(Alias.derogation_id == Derogation.id)
    numbers = select(func.string_agg(Decision.reference, " ")).where(Decision.derogation_id == Derogation.id)
    words = (Derogation.designation, Derogation.implanted_system, Derogation.scope_text)
    told = func.concat_ws(" ", *words, names.scalar_subquery(), numbers.scalar_subquery())
    header = select(Derogation.establishment_id, folded(Derogation.designation), folded(told))
    row = session.execute(header.where(Derogation.id == derogation_id)).one()
    return {
        "id": derogation_id,
        "establishment_id": row[0],
        "known_at": known_at,
        "begins_on": life.begins_on(known_at),
        "changes_on": [first_day for first_day, _worth in worths if first_day is not None],
        "statuses": [worth.standing.status.value for _first_day, worth in worths],
        "last_days": [worth.standing.valid_until for _first_day, worth in worths],
        "standings": [worth.as_json() for _first_day, worth in worths],
        "name_key": row[1],
        "search_text": row[2],
    }


_ALWAYS = datetime(1, 1, 2, tzinfo=UTC)
IS_KNOWN = Calendar.known_at <= bindparam("known_at")
"""Whether a calendar holds nothing that was recorded after the instant asked about."""
KEPT_WORTH = Calendar.standings.op("->", return_type=JSONB())(
    func.width_bucket(cast(bindparam("day"), Date()), Calendar.changes_on)
)
"""What a calendar answers for a day."""
KEPT_STATUSES = func.jsonb_path_query_array(Calendar.standings, cast("$[*].status", JSONPATH()), type_=JSONB())
"""Status of every standing of a calendar, also of one that was kept before ``Calendar.statuses``."""
CALENDAR_COLUMNS = (IS_KNOWN.label("is_known"), KEPT_WORTH.label("kept_worth"))
"""What :func:`worths_of` reads of a row."""


def worths_of(session: Session, rows: Collection[_Row], *, day: date, known_at: datetime) -> dict[UUID, Worth]:
    """Return what each derogation is worth: from its calendar, or from its decisions as they were known."""
    lives = _lives(session, list({row.id for row in rows if not row.is_known}))
    return {
        row.id: Worth.from_json(row.kept_worth) if row.is_known else lives.get(row.id, _Life()).worth(day, known_at)
        for row in rows
    }


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
        conditions=None if decision.conditions is None else Conditions.from_json(decision.conditions),
        received_on=decision.received_on,
    )


def scope_facts(entry: ScopeEntry | _Row) -> ScopeFacts:
    """Return what the rules need of a row."""
    return ScopeFacts(entry.reference, entry.change, entry.effective_from, entry.recorded_at, entry.corrected_at)


def folded(text: Any) -> ColumnElement[str]:  # noqa: ANN401 - a column or a parameter
    """Return a text without case and French accents, as people type it."""
    return func.translate(func.lower(text), "àâäçéèêëîïôöùûü", "aaaceeeeiioouuu")


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
LINES = (
    select(*_LINE_COLUMNS, Calendar.begins_on, *CALENDAR_COLUMNS)
    .join(Calendar, Calendar.id == Derogation.id)
    .join(Manufacturer, Manufacturer.id == Derogation.manufacturer_id)
)
"""One line of the register: read it with :func:`read_lines`."""
ORDER = (Calendar.name_key, Calendar.id)


def read_lines(session: Session, statement: _Query, *, day: date, known_at: datetime) -> list[DerogationStanding]:
    """Return the derogations that a statement made from ``LINES`` selects, with their standing.

    One SQL; two where something was recorded after the instant asked about.
    """
    rows = session.execute(statement, {"day": day, "known_at": known_at}).all()
    worths = worths_of(session, rows, day=day, known_at=known_at)
    return [_line(row, worths[row.id]) for row in rows]


def _line(row: _Row, worth: Worth) -> DerogationStanding:
    told = row._asdict()
    del told["is_known"], told["kept_worth"]
    return DerogationStanding(
        **told,
        standing=worth.standing,
        decision_reference=worth.decision_reference,
        end_recorded_on=worth.end_recorded_on,
    )


def list_standings(session: Session, *, day: date, known_at: datetime) -> Sequence[DerogationStanding]:
    """Return where every derogation stands on a day, as known at an instant, by name."""
    return read_lines(session, LINES.order_by(*ORDER), day=day, known_at=known_at)


def list_standings_of(
    session: Session, derogation_ids: Collection[UUID], *, day: date, known_at: datetime
) -> Sequence[DerogationStanding]:
    """Return where several derogations stand on a day, as known at an instant; no statement for none."""
    if not derogation_ids:
        return ()
    return read_lines(session, LINES.where(Derogation.id.in_(derogation_ids)), day=day, known_at=known_at)


def get_sheet(session: Session, derogation_id: UUID, *, day: date, known_at: datetime) -> DerogationStanding:
    """Return where one derogation stands on a day, as known at an instant.

    Raises:
        DerogationNotFound: there is none with this id here.
    """
    statement = LINES.where(Derogation.id == derogation_id)
    return _existing(next(iter(read_lines(session, statement, day=day, known_at=known_at)), None))


def list_choices(session: Session, *, day: date, known_at: datetime, patient_id: UUID) -> Sequence[DerogationStanding]:
    """Return the derogations that may concern a patient, those in force first, then by name."""
    may_concern = or_(Derogation.patient_id.is_(None), Derogation.patient_id == patient_id)
    standings = read_lines(session, LINES.where(may_concern).order_by(*ORDER), day=day, known_at=known_at)
    return sorted(standings, key=lambda found: found.status is not DerogationStatus.IN_FORCE)


def designations(session: Session, derogation_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of several derogations, by id."""
    statement = select(Derogation.id, Derogation.designation).where(Derogation.id.in_(derogation_ids))
    return {row.id: row.designation for row in session.execute(statement)}


def list_aliases(session: Session, derogation_id: UUID) -> Sequence[Alias]:
    """Return the other spellings of a designation, as they were recorded."""
    return session.scalars(select(Alias).where(Alias.derogation_id == derogation_id).order_by(Alias.recorded_at)).all()


def count_places_of(session: Session, derogation_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many patients are counted under each of several derogations; one that counts none is left out."""
    statement = select(Place.derogation_id, func.count()).where(
        Place.derogation_id.in_(derogation_ids), Place.freed_at.is_(None)
    )
    return {row[0]: row[1] for row in session.execute(statement.group_by(Place.derogation_id))}


def list_global(session: Session) -> dict[UUID, str]:
    """Return the designations of the global derogations, those recorded last first."""
    statement = select(Derogation.id, Derogation.designation).where(Derogation.kind == DerogationKind.GLOBAL)
    return {row.id: row.designation for row in session.execute(statement.order_by(Derogation.recorded_at.desc()))}


def count_places(session: Session, derogation_id: UUID, *, besides: UUID | None = None) -> int:
    """Return how many patients are counted under a derogation, one left aside."""
    statement = select(func.count()).where(Place.derogation_id == derogation_id, Place.freed_at.is_(None))
    return session.scalar(statement if besides is None else statement.where(Place.patient_id != besides)) or 0


def read_pseudonym(session: Session, derogation: Derogation) -> str:
    """Return how the letter calls the one patient; empty where it is not recorded."""
    if derogation.sealed_pseudonym is None:
        return ""
    context = f"derogation.pseudonym:{derogation.id}"
    return db.keyring(session).unseal(derogation.sealed_pseudonym, context=context).decode()
