"""The verdict on one box: accepted, quarantined or refused, with every reason. Pure.

:func:`decide` knows facts alone, so that the same box on the same day always gets the same answer; what each reason
does and says is in the table of ``tracker/findings/rules.py``.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from scanners import Scan, Status, Udi
from tracker.catalogue.rules import DeviceKind
from tracker.derogations.rules import DerogationKind, DerogationStatus
from tracker.devices.rules import USABLE, Finding, UnitState, is_past
from tracker.findings.rules import FINDINGS, Outcome
from tracker.terms.rules import NO_CONDITIONS, Conditions


class Purpose(enum.StrEnum):
    """What is asked: may this box come in, or may this device be used. Sent by the API."""

    RECEIVE = "receive"
    USE = "use"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of goods-in on one box, with its findings, most severe first."""

    outcome: Outcome
    findings: tuple[Finding, ...]


ENDING_SOON_DAYS = 30  # before the end of a derogation, from which the bench says so [design]
SHORT_SHELF_LIFE_DAYS = 90  # from which the bench says that little is left [design]; usual first-expiry limit
_MOST_TEXT = 80  # characters of a scan that a sentence repeats

_PLACE = {code: place for place, code in enumerate(FINDINGS)}
_BY_STATUS = {
    DerogationStatus.REFUSED: "derogation-refused",
    DerogationStatus.WITHDRAWN: "derogation-withdrawn",
    DerogationStatus.SUSPENDED: "derogation-suspended",
    DerogationStatus.ENDED: "derogation-ended",
    DerogationStatus.NOT_YET: "derogation-not-yet",
    DerogationStatus.UNKNOWN: "derogation-unknown",
    DerogationStatus.END_UNKNOWN: "derogation-end-unknown",
}


@dataclass(frozen=True, slots=True)
class DefinitionFacts:
    """What the rules need of a definition."""

    manufacturer_name: str
    reference: str
    kind: DeviceKind


@dataclass(frozen=True, slots=True)
class CoverageFacts:
    """What one derogation says of the reference today."""

    derogation_id: UUID
    designation: str
    kind: DerogationKind
    status: DerogationStatus
    since: date | None
    valid_until: date | None
    decision: str
    """ANSM's number of the decision; empty where none."""
    is_listed: bool
    has_list: bool
    has_patient: bool
    implanted_system: str
    """The system whose partial revision is allowed; empty where any use is."""
    is_fictional: bool
    conditions: Conditions = NO_CONDITIONS
    patient_cap: int | None = None
    """Most patients that ANSM allows; None where it set no number."""
    patient_count: int = 0
    """Patients already counted against the cap."""
    is_reason_missing: bool = False
    """A global derogation, received without the clinician's written reason of the order."""

    @property
    def may_cover(self) -> bool:
        """Test whether the reference is in the scope, or may be once a pharmacist has read the scope's words."""
        return self.is_listed or not self.has_list


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """What the rules need of a unit that is already known."""

    number: str
    state: UnitState
    hold_reason: str
    """Reason of the first open hold; empty without one."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a verdict depends on."""

    purpose: Purpose
    today: date
    """Paris calendar."""
    scan: Scan | None
    """None for an entry by hand."""
    udi: Udi
    """What is known of the unit: read, chosen among readings, or typed."""
    code: str = ""
    """The code that was searched in the catalogue, printable."""
    definition: DefinitionFacts | None = None
    definition_count: int = 0
    coverages: tuple[CoverageFacts, ...] = ()
    """Best first."""
    serial_unit_number: str = ""
    """The unit that already carries the serial number."""
    is_serial_repeated: bool = False
    """An earlier box of the same request carries it."""
    is_serial_elsewhere: bool = False
    """A unit of another establishment of the group carries it."""
    other_expiration_dates: tuple[date, ...] = ()
    """Dates, other than the unit's, on a second label, typed, or on units of the same lot."""
    lot_hold_reason: str = ""
    is_lot_on_recall: bool = False
    is_number_known: bool = False
    """A unit of this establishment has the number of our own label that was scanned."""
    unit: UnitFacts | None = None
    """For a question about use: the unit that was recognised."""
    is_found_by_pack: bool = False
    """The code is that of a pack, known by the code of the unit inside."""
    count: int | None = None
    """How many units a person counted."""
    is_reading_chosen: bool = False
    is_typed: bool = False
    """A person typed what identifies the unit, in whole or in part."""
    override: str = ""
    """A pharmacist's reason to pass over a wrong check digit."""


def decide(facts: Facts) -> Verdict:
    """Return the verdict on one box."""
    stop = list(_of_reading(facts)) or list(_of_catalogue(facts))
    findings = stop or [
        *_of_unit(facts),
        *findings_of_register(facts),
        *_of_identity(facts),
        *_of_shelf_life(facts),
        *_of_entry(facts),
    ]
    return verdict_of([*findings, *_of_reader(facts)])


def also(verdict: Verdict, findings: Iterable[Finding]) -> Verdict:
    """Return a verdict with what the delivery says of the box besides; a refused box stays refused for its reasons."""
    if verdict.outcome is Outcome.REFUSED:
        return verdict
    return verdict_of([*verdict.findings, *findings])


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """Return the verdict that some reasons make together: the most severe decides, and stands first."""
    ordered = tuple(sorted(findings, key=lambda finding: _PLACE[finding.code]))
    effects = {FINDINGS[finding.code].effect for finding in ordered}
    return Verdict(next(effect for effect in reversed(Outcome) if effect in effects), ordered)


def is_pack(facts: Facts) -> bool:
    """Test whether a code stands for several units, or for a pack whose content it does not tell.

    GS1 General Specifications: AI 30 and 37 (section 3.6), indicator digit 1 to 8 of a GTIN-14 (section 2.1).
    """
    return facts.definition is not None and (facts.is_found_by_pack or (facts.udi.quantity or 0) > 1)


def chosen_coverage(coverages: Iterable[CoverageFacts]) -> CoverageFacts | None:
    """Return the derogation the verdict rests on: the best one, and of those in force one that anybody may have."""
    ranked = list(coverages)
    usable = [found for found in ranked if found.status is DerogationStatus.IN_FORCE and found.is_listed]
    for_anybody = [found for found in usable if found.kind is not DerogationKind.INDIVIDUAL]
    return next(iter(for_anybody or usable or ranked), None)


def _of_reading(facts: Facts) -> Iterable[Finding]:
    """Give the reasons for which the code itself says nothing."""
    scan = facts.scan
    if scan is None:
        return
    if scan.status is Status.PATIENT:
        yield Finding("patient-label")
    elif scan.status is Status.INVALID and not (facts.override and is_overridable(scan)):
        yield Finding("scan-invalid", {"fault": scan.fault.code if scan.fault else ""})
    elif scan.status is Status.AMBIGUOUS and not facts.is_reading_chosen:
        yield Finding("scan-ambiguous", {"count": str(len(scan.readings))})
    elif scan.unit_number and facts.purpose is Purpose.RECEIVE:
        yield Finding(
            "unit-label-scanned" if facts.is_number_known else "unit-label-foreign", {"number": scan.unit_number}
        )
    elif scan.unit_number and facts.unit is None:
        yield Finding("unit-unknown", {"number": scan.unit_number})


def printable(text: str) -> str:
    """Return a scan as a sentence may repeat it: short, its group separators visible, nothing unprintable.

    >>> printable("10A1" + chr(29) + "21S" + chr(0)) == "10A1\u2039GS\u203a21S\ufffd"
    True
    """
    shown = "".join(c if c.isprintable() else "\u2039GS\u203a" if c == "\x1d" else "\ufffd" for c in text[:_MOST_TEXT])
    return shown if len(text) <= _MOST_TEXT else shown + "…"


def is_overridable(scan: Scan) -> bool:
    """Test whether only a check digit is wrong, so that a pharmacist may go on with a reason."""
    return scan.fault is not None and scan.fault.overridable


def _names_no_device(scan: Scan) -> bool:
    udi = scan.udi
    return scan.status is Status.OK and udi is not None and udi.udi_di is None and udi.reference is None


def _of_catalogue(facts: Facts) -> Iterable[Finding]:
    if facts.definition is not None:
        return
    if facts.definition_count > 1:
        yield Finding("definition-several", {"code": facts.code, "count": str(facts.definition_count)})
    elif facts.scan is not None and facts.scan.status is Status.UNKNOWN:
        yield Finding("scan-unknown", {"text": facts.code})
    elif facts.scan is not None and _names_no_device(facts.scan):
        yield Finding("device-not-named", {"text": printable(facts.scan.text)})
    else:
        yield Finding("definition-unknown", {"code": facts.code})


def _of_unit(facts: Facts) -> Iterable[Finding]:
    unit = facts.unit
    if facts.purpose is Purpose.RECEIVE:
        serial = {"serial": facts.udi.serial or ""}
        if facts.serial_unit_number:
            yield Finding("serial-already-known", serial | {"number": facts.serial_unit_number})
        elif facts.is_serial_repeated:
            yield Finding("serial-repeated", serial)
        elif facts.is_serial_elsewhere:
            yield Finding("serial-known-elsewhere", serial)
        return
    if unit is None:
        yield Finding("unit-label-needed")
    elif unit.hold_reason:
        yield Finding("unit-on-hold", {"number": unit.number, "reason": unit.hold_reason})
    elif unit.state not in USABLE:
        yield Finding("unit-not-usable", {"number": unit.number, "state": unit.state.value})


def findings_of_register(facts: Facts) -> Iterable[Finding]:
    """Give what the register alone says of a device on its day: at goods-in, at use, and at each update of software."""
    reference = facts.definition.reference if facts.definition else ""
    coverage = chosen_coverage(facts.coverages)
    if coverage is None:
        manufacturer = facts.definition.manufacturer_name if facts.definition else ""
        yield Finding("derogation-none", {"manufacturer": manufacturer})
        return
    data = _register_data(coverage)
    if not coverage.may_cover:  # then none may: one that does not list the reference comes last, and says nothing else
        yield Finding("reference-not-listed", data | {"reference": reference})
        return
    if coverage.status is not DerogationStatus.IN_FORCE:
        yield Finding(_BY_STATUS[coverage.status], data)
    if not coverage.is_listed:
        yield Finding("scope-reading-missing", data | {"reference": reference})
    yield from _of_patients(coverage, facts.purpose, data)
    if coverage.implanted_system:
        yield Finding("partial-revision-only", {"system": coverage.implanted_system})
    if coverage.is_fictional:
        yield Finding("derogation-demonstration")
    if coverage.status is DerogationStatus.IN_FORCE and coverage.valid_until is not None:
        yield from _of_end(coverage.valid_until, facts.today, data)


def _of_patients(coverage: CoverageFacts, purpose: Purpose, data: dict[str, str]) -> Iterable[Finding]:
    if coverage.kind is DerogationKind.INDIVIDUAL or coverage.has_patient:
        yield Finding("derogation-individual" if coverage.has_patient else "individual-patient-missing", data)
    if coverage.is_reason_missing:
        yield Finding("clinical-reason-missing", data)
    if not coverage.conditions.is_allowed_here:
        yield Finding("site-not-allowed", data | {"sites": "; ".join(coverage.conditions.sites)})
    if coverage.conditions.criteria:
        yield Finding("patient-criteria", data | {"criteria": "; ".join(coverage.conditions.criteria)})
    cap = coverage.patient_cap
    if purpose is Purpose.RECEIVE and cap is not None and coverage.patient_count >= cap:
        yield Finding("patient-cap-reached", data | {"cap": str(cap)})


def _register_data(coverage: CoverageFacts) -> dict[str, str]:
    return {
        "designation": coverage.designation,
        "decision": coverage.decision,
        "since_on": str(coverage.since or ""),
        "valid_until": str(coverage.valid_until or ""),
    }


def _of_end(end: date, today: date, data: dict[str, str]) -> Iterable[Finding]:
    yield Finding("derogation-in-force", data)
    days = (end - today).days
    if days <= ENDING_SOON_DAYS:
        yield Finding("derogation-ending-soon", data | {"days": str(days)})


def _of_identity(facts: Facts) -> Iterable[Finding]:
    udi = facts.udi
    is_software = facts.definition is not None and facts.definition.kind is DeviceKind.SOFTWARE
    if not (udi.lot or udi.serial or (is_software and udi.software_version)):
        yield Finding("lot-and-serial-missing")
    if facts.lot_hold_reason:
        code = "lot-on-recall" if facts.is_lot_on_recall else "lot-on-hold"
        yield Finding(code, {"lot": udi.lot or "", "reason": facts.lot_hold_reason})
    if facts.purpose is Purpose.RECEIVE:
        yield from _of_count(facts)


def _of_count(facts: Facts) -> Iterable[Finding]:
    announced = facts.udi.quantity if facts.udi.quantity and facts.udi.quantity > 1 else None
    if facts.count is None:
        if is_pack(facts):
            yield Finding("pack-to-count", {"count": str(announced)} if announced else {"count": "?"})
        return
    if announced is not None and announced != facts.count:
        yield Finding("pack-count-differs", {"announced": str(announced), "count": str(facts.count)})
    elif facts.count > 1:
        yield Finding("counted-by-person", {"count": str(facts.count)})


def _of_shelf_life(facts: Facts) -> Iterable[Finding]:
    end = facts.udi.expiration_date
    for other in facts.other_expiration_dates:
        yield Finding("expiry-conflict", {"expires_on": str(end or ""), "other_on": str(other)})
    if end is None:
        return
    if is_past(end, facts.today):
        yield Finding("shelf-life-past", {"expired_on": str(end)})
    elif (end - facts.today).days <= SHORT_SHELF_LIFE_DAYS:
        yield Finding("shelf-life-short", {"expires_on": str(end), "days": str((end - facts.today).days)})


def _of_entry(facts: Facts) -> Iterable[Finding]:
    if facts.is_typed:
        yield Finding("entered-by-hand")
    if facts.scan is not None and facts.scan.status is Status.INVALID:
        yield Finding("check-digit-overridden", {"reason": facts.override})
    if facts.is_reading_chosen:
        yield Finding("reading-chosen")


_READER_FINDINGS = {
    "no-identifier": "reader-changed",
    "keyboard-repaired": "keyboard-repaired",
    "keyboard-suspected": "keyboard-suspected",
}


def _of_reader(facts: Facts) -> Iterable[Finding]:
    """Give what the text shows of the reader and its keyboard; of a patient's label nothing more is said."""
    if facts.scan is not None and facts.scan.status is not Status.PATIENT:
        yield from [Finding(code) for warning, code in _READER_FINDINGS.items() if warning in facts.scan.warnings]
