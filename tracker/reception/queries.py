"""Reads of deliveries and their lines."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, func, select
from sqlalchemy.orm import Session

from scanners import Scan, Status, Udi
from scanners.udi import unit as unit_label
from tracker.catalogue.models import DeviceDefinition, Manufacturer
from tracker.catalogue.queries import FoundDefinition
from tracker.db import DirectStatement
from tracker.derogations import queries as derogations
from tracker.derogations.queries import Coverage
from tracker.devices import queries as devices
from tracker.devices.models import Device
from tracker.devices.queries import Candidate, UnitNotFound, UnitView
from tracker.devices.rules import EntryMethod, Finding
from tracker.errors import N_, InvalidInput, NotFound
from tracker.findings.rules import Outcome
from tracker.reception import rules
from tracker.reception.models import Reception, ReceptionLine
from tracker.reception.rules import CoverageFacts, DefinitionFacts, Facts, Purpose, UnitFacts, Verdict
from tracker.workstations.models import Calibration
from tracker.workstations.queries import reader_of
from tracker.workstations.rules import Reader


class ReceptionNotFound(NotFound):
    """No such delivery in this establishment."""

    code = "reception-not-found"


class LineNotFound(NotFound):
    """No such line in this establishment."""

    code = "reception-line-not-found"


class ReadingMissing(InvalidInput):
    """The reading that was chosen is not among the readings of this scan."""

    code = "reading-missing"


@dataclass(frozen=True, slots=True)
class LineView:
    """One box presented to the bench, with what was decided."""

    id: UUID
    reception_id: UUID
    outcome: Outcome
    findings: tuple[Finding, ...]
    entry_method: EntryMethod
    raw_scan: bytes | None
    """As it arrived; ``reader`` and ``keyed`` read it again as it was read then."""
    reader: Reader
    keyed: str
    lot_number: str | None
    serial_number: str | None
    expiration_date: date | None
    at: datetime
    actor_name: str
    device_id: UUID | None
    derogation_id: UUID | None
    definition_id: UUID | None
    unit_number: str | None
    """None for a refused box."""
    reference: str | None
    designation: str | None
    manufacturer_name: str | None


@dataclass(frozen=True, slots=True)
class ReceptionView:
    """One delivery in a list."""

    id: UUID
    number: int
    supplier: str
    delivery_note: str
    opened_at: datetime
    opened_by_name: str
    closed_at: datetime | None
    line_count: int


@dataclass(frozen=True, slots=True)
class Box:
    """What was presented to the bench: a scan, what a person typed, or both."""

    scan: Scan | None
    entry_method: EntryMethod
    typed: Udi = field(default_factory=Udi)
    """What a person read on the box; it completes the scan and never replaces what was scanned."""
    definition_id: UUID | None = None
    """Chosen where one code names several devices."""
    reading: int | None = None
    """Which of the readings of an ambiguous scan a person chose, counted from 0."""
    override: str = ""
    """Reason to pass over a wrong check digit."""
    reader: Reader = field(default_factory=Reader)
    """What the scan was read by."""
    keyed: str = ""
    """What the physical keys meant, where they said something else than the text."""


@dataclass(frozen=True, slots=True)
class NewReception:
    """What is known of a delivery when it is opened."""

    supplier: str
    delivery_note: str = ""
    order_number: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """A verdict with what it was found on."""

    verdict: Verdict
    udi: Udi
    definition: FoundDefinition | None
    coverage: Coverage | None
    unit: UnitView | None

    @property
    def known_definition(self) -> FoundDefinition:
        """Return the definition of a box that is not refused.

        Raises:
            AssertionError: there is none, which the rules refuse.
        """
        if self.definition is None:
            raise AssertionError("a box without definition is refused")
        return self.definition


@dataclass(frozen=True, slots=True)
class _Found:
    """What the catalogue and the stock know of a box."""

    code: str = ""
    candidates: tuple[Candidate, ...] = ()
    unit: UnitView | None = None

    @property
    def definition(self) -> FoundDefinition | None:
        if self.unit is not None:
            return self.unit.definition
        return self.candidates[0].definition if len(self.candidates) == 1 else None


def assess(session: Session, box: Box, *, purpose: Purpose, today: date, now: datetime) -> Assessment:
    """Return the verdict on a box with what it was found on; at most four statements.

    Args:
        session: a transaction of the establishment.
        box: what was presented.
        purpose: what is asked of it.
        today: Paris calendar.
        now: as the register is known at this instant.
    """
    udi = udi_of(box)
    found = _find(session, box, udi=udi, purpose=purpose)
    coverages: tuple[Coverage, ...] = ()
    if found.definition is not None:
        coverages = derogations.find_coverage(
            session,
            manufacturer_id=found.definition.manufacturer_id,
            reference=found.definition.reference,
            day=today,
            known_at=now,
        )
    if found.unit is not None:
        udi = _udi_of_unit(found.unit)
    facts = _facts(box, udi, found, purpose=purpose, today=today, coverages=coverages)
    chosen = rules.chosen_coverage(facts.coverages)
    coverage = next((one for one in coverages if chosen and one.derogation_id == chosen.derogation_id), None)
    return Assessment(rules.decide(facts), udi, found.definition, coverage, found.unit)


def udi_of(box: Box) -> Udi:
    """Return what is known of the unit: what was scanned or chosen, completed by what was typed.

    Raises:
        ReadingMissing: the chosen reading does not exist.
    """
    scan, typed = box.scan, box.typed
    if scan is None:
        return typed
    read = scan.udi or Udi()
    if scan.status is Status.AMBIGUOUS and box.reading is not None:
        if not 0 <= box.reading < len(scan.readings):
            raise ReadingMissing(
                N_("This scan has no such reading."), next_step=N_("Scan again and choose among what is shown.")
            )
        read = scan.readings[box.reading]
    elif scan.status is Status.UNKNOWN:
        read = Udi(reference=_as_reference(scan))
    ends = [end for end in (read.expiration_date, typed.expiration_date) if end is not None]
    return replace(
        read,
        lot=read.lot or typed.lot,
        serial=read.serial or typed.serial,
        software_version=read.software_version or typed.software_version,
        expiration_date=min(ends, default=None),  # of two dates that disagree, the one that protects the patient
    )


def _as_reference(scan: Scan) -> str | None:
    """Return a text of no known standard as a reference to search, None where no reference looks like it."""
    text = scan.content
    return text.strip() if text.isprintable() and 0 < len(text) <= _LONGEST_REFERENCE else None


_LONGEST_REFERENCE = 100


def _udi_of_unit(unit: UnitView) -> Udi:
    return Udi(
        udi_di=unit.udi_di,
        lot=unit.lot_number,
        serial=unit.serial_number,
        expiration_date=unit.expiration_date,
        manufacture_date=unit.manufacture_date,
        software_version=unit.software_version,
        reference=unit.definition.reference,
    )


def _find(session: Session, box: Box, *, udi: Udi, purpose: Purpose) -> _Found:
    number = box.scan.unit_number if box.scan else None
    if number:
        unit = _find_unit(session, number) if purpose is Purpose.USE else None
        return _Found(number, unit=unit)
    if udi.udi_di is None and udi.reference is None:
        return _Found(rules.printable(box.scan.text) if box.scan else "")
    candidates = devices.find_candidates(
        session,
        udi_di=udi.udi_di,
        reference=udi.reference,
        lot_number=udi.lot,
        serial_number=udi.serial,
        expiration_date=udi.expiration_date,
    )
    kept = tuple([one for one in candidates if box.definition_id in {None, one.definition.id}])
    sequence = kept[0].serial_sequence if len(kept) == 1 else None
    is_known_unit = purpose is Purpose.USE and sequence is not None
    unit = _find_unit(session, unit_label.format(sequence or 0)) if is_known_unit else None
    return _Found(udi.udi_di or udi.reference or "", kept, unit)


def _find_unit(session: Session, number: str) -> UnitView | None:
    try:
        return devices.get_unit(session, number)
    except UnitNotFound:
        return None


def _facts(
    box: Box, udi: Udi, found: _Found, *, purpose: Purpose, today: date, coverages: tuple[Coverage, ...]
) -> Facts:
    candidate = found.candidates[0] if len(found.candidates) == 1 and found.unit is None else None
    serial_sequence = candidate.serial_sequence if candidate else None
    return Facts(
        purpose=purpose,
        today=today,
        scan=box.scan,
        udi=udi,
        code=found.code,
        definition=_definition_facts(found.definition),
        definition_count=len(found.candidates),
        coverages=tuple([coverage_facts(coverage) for coverage in coverages]),
        serial_unit_number="" if serial_sequence is None else unit_label.format(serial_sequence),
        other_expiration_dates=_other_dates(box, udi, candidate),
        lot_hold_reason=(candidate.lot_hold_reason or "") if candidate else "",
        unit=_unit_facts(found.unit),
        is_reading_chosen=box.reading is not None and box.scan is not None and box.scan.status is Status.AMBIGUOUS,
        is_typed=box.scan is None or _completes(box, udi),
        override=box.override,
    )


def _completes(box: Box, udi: Udi) -> bool:
    """Test whether something typed is part of the unit's identity although a code was scanned."""
    read = udi_of(replace(box, typed=Udi()))
    return (read.lot, read.serial, read.software_version) != (udi.lot, udi.serial, udi.software_version)


def _other_dates(box: Box, udi: Udi, candidate: Candidate | None) -> tuple[date, ...]:
    """Return the dates that are not the unit's: the later one of scan and typing, and one of the same lot."""
    scanned = udi_of(replace(box, typed=Udi())).expiration_date if box.scan else None
    known = (scanned, box.typed.expiration_date, candidate.other_expiration_date if candidate else None)
    return tuple(sorted({other for other in known if other is not None and other != udi.expiration_date}))


def _definition_facts(definition: FoundDefinition | None) -> DefinitionFacts | None:
    if definition is None:
        return None
    return DefinitionFacts(definition.manufacturer_name, definition.reference, definition.kind)


def coverage_facts(coverage: Coverage) -> CoverageFacts:
    """Return what the rules need of a coverage."""
    return CoverageFacts(
        derogation_id=coverage.derogation_id,
        designation=coverage.designation,
        kind=coverage.kind,
        status=coverage.standing.status,
        since=coverage.standing.since,
        valid_until=coverage.standing.valid_until,
        decision=coverage.decision_reference,
        is_listed=coverage.is_listed,
        has_list=coverage.has_list,
        has_patient=coverage.patient_id is not None,
        implanted_system=coverage.implanted_system if coverage.partial_revision_only else "",
        is_fictional=coverage.is_fictional,
    )


def _unit_facts(unit: UnitView | None) -> UnitFacts | None:
    if unit is None:
        return None
    return UnitFacts(unit.number, unit.state, unit.holds[0].reason if unit.holds else "")


_LINES = (
    select(
        ReceptionLine.id,
        ReceptionLine.reception_id,
        ReceptionLine.outcome,
        ReceptionLine.findings,
        ReceptionLine.entry_method,
        ReceptionLine.raw_scan,
        ReceptionLine.calibration_id,
        ReceptionLine.keyed_scan,
        Calibration.profile,
        ReceptionLine.lot_number,
        ReceptionLine.serial_number,
        ReceptionLine.expiration_date,
        ReceptionLine.at,
        ReceptionLine.actor_name,
        ReceptionLine.device_id,
        ReceptionLine.derogation_id,
        ReceptionLine.definition_id,
        Device.sequence,
        DeviceDefinition.reference,
        DeviceDefinition.designation,
        Manufacturer.name.label("manufacturer_name"),
    )
    .outerjoin(Device, Device.id == ReceptionLine.device_id)
    .outerjoin(Calibration, Calibration.id == ReceptionLine.calibration_id)
    .outerjoin(DeviceDefinition, DeviceDefinition.id == ReceptionLine.definition_id)
    .outerjoin(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
)
_LINE = _LINES.where(ReceptionLine.id == bindparam("line_id"))
_BENCH = DirectStatement(
    select(Reception.id, Reception.closed_at, ReceptionLine.id.label("line_id"))
    .outerjoin(ReceptionLine, ReceptionLine.id == bindparam("line_id"))
    .where(Reception.id == bindparam("reception_id"))
    .with_for_update(read=True, of=Reception)
)


@dataclass(frozen=True, slots=True)
class BenchState:
    """Whether a delivery is open, and whether the client's line already exists."""

    is_closed: bool
    has_line: bool


def get_reception(session: Session, reception_id: UUID) -> Reception:
    """Return one delivery.

    Raises:
        ReceptionNotFound: there is none with this id here.
    """
    return _existing(session.get(Reception, reception_id))


def get_reception_for_update(session: Session, reception_id: UUID) -> Reception:
    """Return one delivery, locked until the transaction ends, or raise ``ReceptionNotFound``."""
    return _existing(session.get(Reception, reception_id, with_for_update=True, populate_existing=True))


def _existing(reception: Reception | None) -> Reception:
    if reception is None:
        raise ReceptionNotFound(
            N_("There is no such delivery."), next_step=N_("Open the list of deliveries and choose one.")
        )
    return reception


def get_bench(session: Session, *, reception_id: UUID, line_id: UUID) -> BenchState:
    """Return the state of a delivery, which nobody closes before the transaction ends, or ``ReceptionNotFound``.

    Raises:
        ReceptionNotFound: there is none with this id here.
    """
    row = _BENCH.first(session, {"reception_id": reception_id, "line_id": line_id})
    if row is None:
        raise ReceptionNotFound(
            N_("There is no such delivery."), next_step=N_("Open the list of deliveries and choose one.")
        )
    return BenchState(is_closed=row.closed_at is not None, has_line=row.line_id is not None)


def get_line(session: Session, line_id: UUID) -> LineView:
    """Return one line.

    Raises:
        LineNotFound: there is none with this id here.
    """
    row = session.execute(_LINE, {"line_id": line_id}).one_or_none()
    if row is None:
        raise LineNotFound(N_("There is no such line."))
    return _line(row)


def list_lines(session: Session, reception_id: UUID, *, limit: int | None = None) -> Sequence[LineView]:
    """Return the lines of a delivery, newest first."""
    statement = _LINES.where(ReceptionLine.reception_id == reception_id)
    rows = session.execute(statement.order_by(ReceptionLine.at.desc(), ReceptionLine.id.desc()).limit(limit))
    return [_line(row) for row in rows]


def _line(row: Row[*tuple[Any, ...]]) -> LineView:
    return LineView(
        id=row.id,
        reception_id=row.reception_id,
        outcome=row.outcome,
        findings=tuple([Finding(found["code"], found["data"]) for found in row.findings]),
        entry_method=row.entry_method,
        raw_scan=row.raw_scan,
        reader=reader_of(row.calibration_id, row.profile),
        keyed=(row.keyed_scan or b"").decode("utf-8", "surrogatepass"),
        lot_number=row.lot_number,
        serial_number=row.serial_number,
        expiration_date=row.expiration_date,
        at=row.at,
        actor_name=row.actor_name,
        device_id=row.device_id,
        derogation_id=row.derogation_id,
        definition_id=row.definition_id,
        unit_number=None if row.sequence is None else unit_label.format(row.sequence),
        reference=row.reference,
        designation=row.designation,
        manufacturer_name=row.manufacturer_name,
    )


def count_outcomes(session: Session, reception_id: UUID) -> dict[Outcome, int]:
    """Return how many boxes of a delivery had each outcome."""
    statement = (
        select(ReceptionLine.outcome, func.count())
        .where(ReceptionLine.reception_id == reception_id)
        .group_by(ReceptionLine.outcome)
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def list_unit_numbers(session: Session, reception_id: UUID) -> Sequence[str]:
    """Return the numbers of the units made in a delivery, in their order."""
    statement = (
        select(Device.sequence)
        .join(ReceptionLine, ReceptionLine.device_id == Device.id)
        .where(ReceptionLine.reception_id == reception_id)
        .order_by(Device.sequence)
    )
    return [unit_label.format(sequence) for sequence in session.scalars(statement)]


_LINE_COUNT = (
    select(func.count()).where(ReceptionLine.reception_id == Reception.id).correlate(Reception).scalar_subquery()
)
_RECEPTIONS: Select[*tuple[Any, ...]] = select(
    Reception.id,
    Reception.number,
    Reception.supplier,
    Reception.delivery_note,
    Reception.opened_at,
    Reception.opened_by_name,
    Reception.closed_at,
    _LINE_COUNT,
)


def list_receptions(session: Session, *, before: int | None, limit: int) -> Sequence[ReceptionView]:
    """Return deliveries, newest first, from before the number ``before``."""
    statement = _RECEPTIONS if before is None else _RECEPTIONS.where(Reception.number < before)
    return [ReceptionView(*row) for row in session.execute(statement.order_by(Reception.number.desc()).limit(limit))]
