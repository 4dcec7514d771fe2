"""Reads of what depends on one derogation: units, planned operations, patients; and of what decisions did."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from scanners.udi import unit as unit_label
from tracker.catalogue.models import DeviceDefinition
from tracker.consents.models import ConsentEvent
from tracker.consents.rules import IN_FORCE, ConsentEventKind
from tracker.derogations import queries as derogations
from tracker.derogations.models import Derogation, ScopeEntry
from tracker.derogations.queries import DerogationStanding
from tracker.derogations.rules import DerogationStatus
from tracker.devices import rules as device_rules
from tracker.devices.models import Device, Hold
from tracker.devices.rules import HoldCause, UnitState
from tracker.effects import rules
from tracker.effects.models import Effect, source_ref
from tracker.operations import queries as operations
from tracker.operations.queries import OperationLine
from tracker.organisation.models import Ward
from tracker.outcomes.models import Explantation
from tracker.outcomes.queries import EXPLANTATION_STANDS
from tracker.terms import rules as terms
from tracker.use.models import DeviceUse
from tracker.use.queries import STANDING

MOST_LISTED = 500
"""Units, operations and patients that one page lists; the counts are always whole."""


@dataclass(frozen=True, slots=True)
class Concerned:
    """The devices of the catalogue that one derogation alone allows on a day."""

    sheet: DerogationStanding
    """The derogation on that day."""
    references: frozenset[str]
    """Those in its scope."""
    covered: frozenset[str]
    """Those of them that another derogation in force covers."""
    definition_ids: tuple[UUID, ...]
    """Of the catalogue, for the references that nothing else covers."""


@dataclass(frozen=True, slots=True)
class ShelfCount:
    """How many units of one reference stand on one shelf."""

    ward: str
    """Empty for the pharmacy."""
    reference: str
    designation: str
    count: int


@dataclass(frozen=True, slots=True)
class UnitLine:
    """One unit that would be stopped."""

    number: str
    reference: str
    lot_number: str | None
    state: UnitState
    ward: str


@dataclass(frozen=True, slots=True)
class Simulation:
    """What stands on one derogation, were a day its last one."""

    concerned: Concerned
    ends_on: date
    shelves: tuple[ShelfCount, ...]
    units: tuple[UnitLine, ...]
    operations: tuple[OperationLine, ...]
    """Planned after that day."""
    consented: tuple[UUID, ...]
    """Patients whose consent is in force and for whom nothing was used yet."""
    implanted: tuple[UUID, ...]
    """Patients for whom a unit was used under it."""

    @property
    def patient_ids(self) -> list[UUID]:
        """Return the patients who wait, then those who carry a unit."""
        return [*self.consented, *self.implanted]

    @property
    def unit_count(self) -> int:
        """Return how many units would be stopped."""
        return sum(shelf.count for shelf in self.shelves)


def find_concerned(session: Session, derogation_id: UUID, *, day: date, known_at: datetime) -> Concerned:
    """Return the devices that one derogation alone allows on a day; at most five SQL, whatever is stored.

    Raises:
        DerogationNotFound: there is none with this id here.
    """
    sheet = derogations.get_sheet(session, derogation_id, day=day, known_at=known_at)
    own = [derogations.scope_facts(entry) for entry in derogations.list_scope(session, derogation_id)]
    references = terms.references_on(own, day, known_at=known_at)
    covered = _covered_elsewhere(session, sheet, references, day=day, known_at=known_at)
    alone = references - covered
    of_these = (
        DeviceDefinition.manufacturer_id == sheet.manufacturer_id,
        DeviceDefinition.reference.in_(alone),
    )
    definition_ids = session.scalars(select(DeviceDefinition.id).where(*of_these)).all() if alone else ()
    return Concerned(sheet, references, covered, tuple(definition_ids))


def _covered_elsewhere(
    session: Session, sheet: DerogationStanding, references: frozenset[str], *, day: date, known_at: datetime
) -> frozenset[str]:
    """Return the references that another derogation in force covers, one bound to a patient left aside."""
    if not references:
        return frozenset()
    listing = (
        select(ScopeEntry.derogation_id)
        .join(Derogation, Derogation.id == ScopeEntry.derogation_id)
        .where(
            ScopeEntry.reference.in_(references),
            ScopeEntry.derogation_id != sheet.id,
            Derogation.manufacturer_id == sheet.manufacturer_id,
            Derogation.patient_id.is_(None),
        )
    )
    others = derogations.read_lines(
        session, derogations.LINES.where(Derogation.id.in_(listing)), day=day, known_at=known_at
    )
    in_force = [one.id for one in others if one.status is DerogationStatus.IN_FORCE]
    if not in_force:
        return frozenset()
    entries: dict[UUID, list[terms.ScopeFacts]] = {}
    statement = select(ScopeEntry).where(ScopeEntry.derogation_id.in_(in_force), ScopeEntry.reference.in_(references))
    for entry in session.scalars(statement):
        entries.setdefault(entry.derogation_id, []).append(derogations.scope_facts(entry))
    listed = [terms.references_on(facts, day, known_at=known_at) for facts in entries.values()]
    return references & frozenset().union(*listed)


def simulate(session: Session, derogation_id: UUID, *, ends_on: date, today: date, known_at: datetime) -> Simulation:
    """Return what stands on a derogation, were a day its last one; at most ten SQL, whatever is stored.

    Units are those on the shelves today: nobody knows which will be used until that day.

    Raises:
        DerogationNotFound: there is none with this id here.
    """
    after = ends_on + timedelta(days=1)
    concerned = find_concerned(session, derogation_id, day=max(after, today), known_at=known_at)
    ids = concerned.definition_ids
    planned = operations.list_planned_operations(
        session, from_day=max(after, today), derogation_ids=[derogation_id], definition_ids=ids
    )
    implanted = _implanted(session, derogation_id)
    consented = [patient for patient in _consented(session, derogation_id) if patient not in set(implanted)]
    return Simulation(
        concerned=concerned,
        ends_on=ends_on,
        shelves=list_shelves(session, ids),
        units=_units(session, ids),
        operations=tuple(planned),
        consented=tuple(consented),
        implanted=tuple(implanted),
    )


def _on_hand(definition_ids: Collection[UUID]) -> tuple[ColumnElement[bool], ...]:
    return (Device.definition_id.in_(definition_ids), Device.state.in_(device_rules.ON_HAND))


def list_shelves(session: Session, definition_ids: Collection[UUID]) -> tuple[ShelfCount, ...]:
    """Return how many units of these devices stand on each shelf; one SQL, none for none."""
    if not definition_ids:
        return ()
    columns = (func.coalesce(Ward.name, ""), DeviceDefinition.reference, DeviceDefinition.designation)
    statement = (
        select(*columns, func.count())
        .select_from(Device)
        .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
        .outerjoin(Ward, Ward.id == Device.ward_id)
        .where(*_on_hand(definition_ids))
        .group_by(*columns)
        .order_by(*columns)
    )
    return tuple(ShelfCount(*row) for row in session.execute(statement))


def _units(session: Session, definition_ids: Collection[UUID]) -> tuple[UnitLine, ...]:
    if not definition_ids:
        return ()
    ward = func.coalesce(Ward.name, "")
    statement = (
        select(Device.sequence, DeviceDefinition.reference, Device.lot_number, Device.state, ward)
        .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
        .outerjoin(Ward, Ward.id == Device.ward_id)
        .where(*_on_hand(definition_ids))
        .order_by(ward, DeviceDefinition.reference, Device.sequence)
        .limit(MOST_LISTED)
    )
    rows = session.execute(statement)
    return tuple(UnitLine(unit_label.format(row[0]), *row[1:]) for row in rows)


def _consented(session: Session, derogation_id: UUID) -> list[UUID]:
    """Return the patients whose last word on a derogation lets a device be used, an information left aside."""
    latest = (
        select(ConsentEvent.patient_id, ConsentEvent.kind)
        .where(ConsentEvent.derogation_id == derogation_id, ConsentEvent.kind != ConsentEventKind.INFORMED)
        .ext(distinct_on(ConsentEvent.patient_id))
        .order_by(ConsentEvent.patient_id, ConsentEvent.at.desc(), ConsentEvent.recorded_at.desc())
    )
    return [row.patient_id for row in session.execute(latest) if row.kind in IN_FORCE]


def _implanted(session: Session, derogation_id: UUID) -> list[UUID]:
    explanted = (
        select(Explantation.id).where(Explantation.device_id == DeviceUse.device_id, EXPLANTATION_STANDS).exists()
    )
    statement = select(DeviceUse.patient_id).where(DeviceUse.derogation_id == derogation_id, STANDING, ~explanted)
    statement = statement.distinct()
    return list(session.scalars(statement.order_by(DeviceUse.patient_id)))


def list_effects(session: Session, derogation_id: UUID) -> Sequence[Effect]:
    """Return what the decisions on a derogation did, the newest first."""
    statement = select(Effect).where(Effect.derogation_id == derogation_id)
    return session.scalars(statement.order_by(Effect.applied_at.desc())).all()


def list_due(session: Session, *, day: date, known_at: datetime) -> list[UUID]:
    """Return the derogations whose holds may not be as they should; two SQL.

    Those that are stopped on the day and whose decision has had no effect yet, or had it a moment ago; and those that
    are stopped no longer and have holds left.
    """
    word = derogations.KEPT_WORTH["status"].astext
    stopped_now = derogations.LINES.where(word.in_([status.value for status in rules.STOPS]))
    stopped = derogations.read_lines(session, stopped_now, day=day, known_at=known_at)
    opened = session.scalars(select(Effect).where(Effect.lifted_at.is_(None)))
    effects = {effect.decision_id: effect for effect in opened}
    settling = known_at - rules.SETTLING
    due = [one.id for one in stopped if _is_due(effects.get(one.standing.decision_id or one.id), settling)]
    standing = {one.id for one in stopped}
    over = {effect.derogation_id for effect in effects.values()} - standing
    return [*due, *sorted(over)]


def _is_due(effect: Effect | None, settling: datetime) -> bool:
    return effect is None or effect.applied_at > settling


_LOCK_UNITS = text(
    "select id from device where id in ("
    " select unit.id from derogation"
    " join device_definition definition on definition.manufacturer_id = derogation.manufacturer_id"
    "  and (definition.reference = any(:entering) or definition.reference in ("
    "   select reference from derogation_scope_entry where derogation_id = :derogation_id))"
    " join device unit on unit.definition_id = definition.id and unit.state = any(:states)"
    " where derogation.id = :derogation_id"
    " union select hold.device_id from derogation_effect effect"
    " join hold on hold.cause = 'derogation' and hold.closed_at is null"
    "  and hold.source_ref = 'derogation_decision:' || effect.decision_id"
    " where effect.derogation_id = :derogation_id and effect.lifted_at is null)"
    " order by sequence for no key update"
)


def lock_units(session: Session, derogation_id: UUID, *, entering: Collection[str] = ()) -> None:
    """Lock the units that an act on a derogation may hold or release, in the order of their numbers.

    Args:
        session: the transaction of the act.
        derogation_id: which derogation.
        entering: references that the act brings into the scope.

    Whoever uses or delivers one of them at this moment ends first. They come before the trail, whose head every act
    takes last (docs/decisions/0023).
    """
    states = [state.value for state in device_rules.ON_HAND]
    values = {"derogation_id": derogation_id, "states": states, "entering": list(entering)}
    session.execute(_LOCK_UNITS, values)


def list_open_holds(session: Session, decision_ids: Collection[UUID]) -> Sequence[UUID]:
    """Return the open holds that decisions set, unit by unit."""
    refs = [source_ref(decision_id) for decision_id in decision_ids]
    statement = select(Hold.id).where(
        Hold.cause == HoldCause.DEROGATION, Hold.source_ref.in_(refs), Hold.closed_at.is_(None)
    )
    return session.scalars(statement.order_by(Hold.device_id, Hold.id)).all()


def count_by_ward(shelves: Sequence[ShelfCount]) -> dict[str, int]:
    """Return how many units stand on each shelf, by its name."""
    counts: Counter[str] = Counter()
    for shelf in shelves:
        counts[shelf.ward] += shelf.count
    return dict(counts)
