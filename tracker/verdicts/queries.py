"""What is known of a box, gathered for the rules: its reading, the catalogue, the stock, the register."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from scanners import Scan, Status, Udi
from scanners.udi import gtin
from scanners.udi import unit as unit_label
from tracker.candidates.queries import Candidate, Probe, find_candidates
from tracker.catalogue.queries import FoundDefinition
from tracker.coverage import queries as coverages_of
from tracker.coverage.queries import Coverage, Wanted
from tracker.derogations import queries as derogations
from tracker.derogations.rules import DerogationKind
from tracker.devices import queries as devices
from tracker.devices.queries import UnitNotFound, UnitView
from tracker.devices.rules import EntryMethod, HoldCause
from tracker.errors import N_, InvalidInput
from tracker.findings.rules import Outcome
from tracker.terms.rules import NO_CONDITIONS
from tracker.verdicts import rules
from tracker.verdicts.rules import CoverageFacts, DefinitionFacts, Facts, Purpose, UnitFacts, Verdict
from tracker.workstations.rules import Reader


class ReadingMissing(InvalidInput):
    """The reading that was chosen is not among the readings of this scan."""

    code = "reading-missing"


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
    count: int | None = None
    """How many units a person counted in the pack, or among identical ones; None where nobody counted."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """A verdict with what it was found on."""

    verdict: Verdict
    udi: Udi
    definition: FoundDefinition | None
    coverage: Coverage | None
    unit: UnitView | None
    is_pack: bool = False
    """The code is that of a pack: a person says how many units it holds before any is made."""

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
class Question:
    """What is asked of boxes, when, and what the delivery they came with says."""

    purpose: Purpose
    today: date
    """Paris calendar."""
    now: datetime
    """As the register is known at this instant."""
    reasoned_derogation_ids: frozenset[UUID] | None = None
    """Derogations for which a clinician's written reason is kept with the delivery; None outside a delivery."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What the catalogue and the stock know of a box."""

    code: str = ""
    candidates: tuple[Candidate, ...] = ()
    unit: UnitView | None = None
    is_number_known: bool = False

    @property
    def definition(self) -> FoundDefinition | None:
        if self.unit is not None:
            return self.unit.definition
        return self.candidates[0].definition if len(self.candidates) == 1 else None

    @property
    def candidate(self) -> Candidate | None:
        return self.candidates[0] if len(self.candidates) == 1 and self.unit is None else None


def assess(session: Session, box: Box, *, purpose: Purpose, today: date, now: datetime) -> Assessment:
    """Return the verdict on one box outside a delivery, with what it was found on; at most six statements."""
    return assess_many(session, [box], question=Question(purpose, today, now))[0]


def assess_many(session: Session, boxes: Sequence[Box], *, question: Question) -> list[Assessment]:
    """Return the verdict on each box, with what it was found on; as many statements for all as for one.

    The boxes are judged in their order: a serial number that comes twice and dates of one lot that disagree are found
    among them as they are found in the stock.
    """
    udis = [udi_of(box) for box in boxes]
    founds = _find(session, boxes, udis=udis, purpose=question.purpose)
    covered = _coverages(session, founds, question)
    counts = _count_patients(session, covered, question)
    seen, assessments = _Seen(), []
    for box, read, found in zip(boxes, udis, founds, strict=True):
        udi = _udi_of_unit(found.unit) if found.unit is not None else read
        definition = found.definition
        coverages = covered.get(_wanted(definition), ()) if definition else ()
        facts = _facts(box, udi, found, question=question, coverages=coverages)
        facts = seen.complete(_in_delivery(facts, question, counts), found)
        verdict = rules.decide(facts)
        seen.note(facts, found, verdict)
        chosen = rules.chosen_coverage(facts.coverages)
        coverage = next((one for one in coverages if chosen and one.derogation_id == chosen.derogation_id), None)
        assessments.append(Assessment(verdict, udi, definition, coverage, found.unit, rules.is_pack(facts)))
    return assessments


class _Seen:
    """What earlier boxes of the same request say of later ones, as the stock will once they are units."""

    def __init__(self) -> None:
        self._serials: set[tuple[UUID, str]] = set()
        self._dates: dict[tuple[UUID, str], date] = {}

    def complete(self, facts: Facts, found: _Found) -> Facts:
        definition, udi = found.definition, facts.udi
        if definition is None or facts.purpose is not Purpose.RECEIVE:
            return facts
        other = self._dates.get((definition.id, udi.lot or ""))
        if other and udi.expiration_date and other != udi.expiration_date and not facts.other_expiration_dates:
            facts = replace(facts, other_expiration_dates=(other,))
        return replace(facts, is_serial_repeated=(definition.id, udi.serial or "") in self._serials)

    def note(self, facts: Facts, found: _Found, verdict: Verdict) -> None:
        definition, udi = found.definition, facts.udi
        if definition is None or verdict.outcome is Outcome.REFUSED:
            return
        if udi.serial:
            self._serials.add((definition.id, udi.serial))
        if udi.lot and udi.expiration_date and verdict.outcome is Outcome.ACCEPTED:
            self._dates.setdefault((definition.id, udi.lot), udi.expiration_date)


def _wanted(definition: FoundDefinition) -> Wanted:
    return Wanted(definition.manufacturer_id, definition.reference)


def _coverages(session: Session, founds: Sequence[_Found], question: Question) -> Mapping[Wanted, tuple[Coverage, ...]]:
    wanted = dict.fromkeys(_wanted(found.definition) for found in founds if found.definition)
    if not wanted:
        return {}
    return coverages_of.find_coverages(session, list(wanted), day=question.today, known_at=question.now)


def _count_patients(
    session: Session, covered: Mapping[Wanted, tuple[Coverage, ...]], question: Question
) -> Mapping[UUID, int]:
    """Return how many patients count against each derogation that has a cap; no statement where none has one."""
    capped = {one.derogation_id for found in covered.values() for one in found if one.standing.patient_cap is not None}
    if not capped or question.purpose is not Purpose.RECEIVE:
        return {}
    return derogations.count_places_of(session, capped)


def _in_delivery(facts: Facts, question: Question, counts: Mapping[UUID, int]) -> Facts:
    """Return facts with what the delivery and the uses say of each derogation."""
    reasoned = question.reasoned_derogation_ids
    coverages = [
        replace(
            one,
            patient_count=counts.get(one.derogation_id, 0),
            is_reason_missing=reasoned is not None
            and one.kind is DerogationKind.GLOBAL
            and one.derogation_id not in reasoned,
        )
        for one in facts.coverages
    ]
    return replace(facts, coverages=tuple(coverages))


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
        read = Udi(reference=as_reference(scan))
    ends = [end for end in (read.expiration_date, typed.expiration_date) if end is not None]
    return replace(
        read,
        lot=read.lot or typed.lot,
        serial=read.serial or typed.serial,
        software_version=read.software_version or typed.software_version,
        expiration_date=min(ends, default=None),  # of two dates that disagree, the one that protects the patient
    )


def as_reference(scan: Scan) -> str | None:
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


def _find(session: Session, boxes: Sequence[Box], *, udis: Sequence[Udi], purpose: Purpose) -> list[_Found]:
    """Return what the catalogue and the stock know of each box; one statement, two more for a unit in question."""
    probes = {place: _probe(udi) for place, udi in enumerate(udis) if _has_code(boxes[place], udi)}
    found = find_candidates(session, list(probes.values())) if probes else []
    candidates = dict(zip(probes, found, strict=True))
    numbers = [box.scan.unit_number for box in boxes if box.scan and box.scan.unit_number]
    known = devices.list_known(session, numbers) if numbers and purpose is Purpose.RECEIVE else frozenset[str]()
    return [
        _found(session, box, udi=udi, candidates=candidates.get(place), purpose=purpose, known=known)
        for place, (box, udi) in enumerate(zip(boxes, udis, strict=True))
    ]


def _has_code(box: Box, udi: Udi) -> bool:
    is_own_label = box.scan is not None and box.scan.unit_number is not None
    return not is_own_label and (udi.udi_di is not None or udi.reference is not None)


def _probe(udi: Udi) -> Probe:
    return Probe(
        udi_di=udi.udi_di,
        pack_di=gtin.unit_of_pack(udi.udi_di) if udi.udi_di else None,
        reference=udi.reference,
        lot_number=udi.lot,
        serial_number=udi.serial,
        expiration_date=udi.expiration_date,
    )


def _found(
    session: Session,
    box: Box,
    *,
    udi: Udi,
    candidates: Sequence[Candidate] | None,
    purpose: Purpose,
    known: frozenset[str],
) -> _Found:
    number = box.scan.unit_number if box.scan else None
    if number:
        unit = _find_unit(session, number) if purpose is Purpose.USE else None
        return _Found(number, unit=unit, is_number_known=number in known)
    if candidates is None:
        return _Found(rules.printable(box.scan.text) if box.scan else "")
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


def _facts(box: Box, udi: Udi, found: _Found, *, question: Question, coverages: tuple[Coverage, ...]) -> Facts:
    candidate = found.candidate
    serial_sequence = candidate.serial_sequence if candidate else None
    return Facts(
        purpose=question.purpose,
        today=question.today,
        scan=box.scan,
        udi=udi,
        code=found.code,
        definition=_definition_facts(found.definition),
        definition_count=len(found.candidates),
        coverages=tuple([coverage_facts(coverage) for coverage in coverages]),
        serial_unit_number="" if serial_sequence is None else unit_label.format(serial_sequence),
        is_serial_elsewhere=candidate is not None and candidate.is_serial_elsewhere,
        other_expiration_dates=_other_dates(box, udi, candidate),
        lot_hold_reason=(candidate.lot_hold_reason or "") if candidate else "",
        is_lot_on_recall=candidate is not None and candidate.lot_hold_cause is HoldCause.RECALL,
        is_number_known=found.is_number_known,
        unit=_unit_facts(found.unit),
        is_found_by_pack=candidate is not None and candidate.is_found_by_pack,
        count=box.count,
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
        conditions=coverage.standing.conditions or NO_CONDITIONS,
        patient_cap=coverage.standing.patient_cap,
    )


def _unit_facts(unit: UnitView | None) -> UnitFacts | None:
    if unit is None:
        return None
    return UnitFacts(unit.number, unit.state, unit.holds[0].reason if unit.holds else "")
