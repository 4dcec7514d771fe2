"""The verdict on one box: accepted, quarantined or refused, with every reason. Pure.

``FINDINGS`` is the table a pharmacist reads (``docs/goods-in.md``): what each reason does, says and rests on, the next
step, who may decide otherwise. :func:`decide` knows facts alone: the same box on the same day gets the same answer.
"""

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from scanners import Scan, Status, Udi
from tracker.actor import Role
from tracker.catalogue.rules import DeviceKind
from tracker.derogations.rules import DerogationKind, DerogationStatus
from tracker.devices.rules import STATE_LABELS, USABLE, Finding, UnitState, is_past
from tracker.errors import N_


class Outcome(enum.StrEnum):
    """What happens to the box. Stored: a change needs a migration."""

    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    REFUSED = "refused"


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

_ARTICLE_59 = N_("Regulation (EU) 2017/745, art. 59; CSP L.5211-3")
_SUPPLY = N_("ANSM, derogations, page for health professionals: supply only after the decision")
_REGISTER = N_("Register: %(designation)s, ANSM's decision %(decision)s")
_TRACEABILITY = N_("CSP R.5212-38; order of 8 September 2021")
_BENCH = N_("Rule of the house: no guess on a barcode")
_IN_STOCK = N_("Rule of the house: one physical unit, one number")


@dataclass(frozen=True, slots=True)
class FindingRule:
    """What one reason does and says; texts are translated where they are shown and filled with the finding's data."""

    effect: Outcome
    """``ACCEPTED`` informs only."""
    sentence: str
    source: str
    next_step: str
    may_override: Role | None = None
    """Who may decide otherwise, always with a written reason: pass over it, or release the unit afterwards."""


_SET_ASIDE = N_("Set the box aside and ask the supplier to take it back.")

_SENTENCES: Mapping[str, str] = {
    "patient-label": N_("This is a patient's label. Nothing of it was kept."),
    "scan-ambiguous": N_("This code can be read in %(count)s ways: nothing was chosen."),
    "scan-invalid": N_("This code is not valid: %(fault)s."),
    "scan-unknown": N_("'%(text)s' is neither a known kind of code nor a reference of the catalogue."),
    "unit-label-scanned": N_("This is our own label %(number)s: this unit is already known."),
    "unit-unknown": N_("No unit of this hospital has the number %(number)s."),
    "definition-unknown": N_("The catalogue has no device with the code %(code)s."),
    "definition-several": N_("%(count)s devices of the catalogue have the code %(code)s."),
    "derogation-none": N_("The register has no derogation for devices of %(manufacturer)s."),
    "reference-not-listed": N_("The derogation %(designation)s does not list the reference %(reference)s."),
    "derogation-refused": N_("ANSM refused the derogation %(designation)s."),
    "derogation-withdrawn": N_("The derogation %(designation)s is withdrawn since %(since_on)s."),
    "derogation-suspended": N_("The derogation %(designation)s is suspended since %(since_on)s."),
    "derogation-ended": N_("The derogation %(designation)s ended on %(valid_until)s."),
    "derogation-not-yet": N_("The derogation %(designation)s begins on %(since_on)s only."),
    "derogation-unknown": N_("The derogation %(designation)s has no decision in force."),
    "serial-already-known": N_("The serial number %(serial)s is already known: unit %(number)s."),
    "shelf-life-past": N_("The shelf life ended on %(expired_on)s."),
    "lot-and-serial-missing": N_("Neither a lot nor a serial number is known."),
    "unit-on-hold": N_("The unit %(number)s is on hold: %(reason)s."),
    "unit-not-usable": N_("The unit %(number)s is '%(state)s'."),
    "derogation-end-unknown": N_("The last day of the derogation %(designation)s is not recorded."),
    "scope-reading-missing": N_("Nobody has read yet whether the words of %(designation)s cover %(reference)s."),
    "individual-patient-missing": N_("The individual derogation %(designation)s names no patient in the register yet."),
    "lot-on-hold": N_("The lot %(lot)s is on hold: %(reason)s."),
    "expiry-conflict": N_("Two dates disagree: %(expires_on)s and %(other_on)s. Neither was changed."),
    "unit-label-needed": N_("The manufacturer's label does not say which unit this is, nor whether it was released."),
    "derogation-in-force": N_("The derogation %(designation)s is in force until %(valid_until)s, last day included."),
    "derogation-ending-soon": N_("It ends soon, on %(valid_until)s: days left: %(days)s."),
    "derogation-individual": N_("The derogation is individual: for its one patient only."),
    "partial-revision-only": N_("For the partial revision of an implanted system only: %(system)s."),
    "shelf-life-short": N_("Little shelf life is left: until %(expires_on)s, days left: %(days)s."),
    "quantity-many": N_("The label announces %(count)s units; this scan makes one."),
    "check-digit-overridden": N_("The wrong check digit was passed over, with this reason: %(reason)s"),
    "reading-chosen": N_("A person chose among several readings of the code, comparing with the print."),
    "entered-by-hand": N_("Typed by a person, in whole or in part: no code proves it."),
    "derogation-demonstration": N_("This derogation is fictional: demonstration only."),
}
_NEXT_STEPS: Mapping[str, str] = {
    "patient-label": N_("Scan the label of the device."),
    "scan-ambiguous": N_("Scan the other code of the box, or compare with the print and choose the right reading."),
    "scan-invalid": N_("Scan again. If only the check digit is wrong, a pharmacist may go on with a written reason."),
    "scan-unknown": N_("Scan the other code of the box, or enter the device by hand."),
    "unit-label-scanned": N_("Scan the manufacturer's label, or open the unit's page."),
    "unit-unknown": N_("Ask the pharmacy where this label comes from."),
    "definition-unknown": N_("Set the box aside; add the device to the catalogue, then scan again."),
    "definition-several": N_("Scan the other code, or enter the device by hand and choose the manufacturer."),
    "derogation-none": _SET_ASIDE,
    "reference-not-listed": _SET_ASIDE,
    "derogation-refused": _SET_ASIDE,
    "derogation-withdrawn": _SET_ASIDE,
    "derogation-suspended": N_("Set the box aside until ANSM decides."),
    "derogation-ended": N_("If ANSM extended it, record the decision, then scan again. If not, send the box back."),
    "derogation-not-yet": N_("Set the box aside until that day."),
    "derogation-unknown": N_("Record ANSM's decision in the register and scan again."),
    "serial-already-known": N_("Compare with the box. If the label was scanned twice, there is nothing to do."),
    "shelf-life-past": _SET_ASIDE,
    "lot-and-serial-missing": N_("Scan the second code of the box, or complete the entry by hand."),
    "unit-on-hold": N_("Do not use it. Keep it apart and call the pharmacy."),
    "unit-not-usable": N_("Do not use it. Call the pharmacy."),
    "derogation-end-unknown": N_("Record the end in the register, then release the unit."),
    "scope-reading-missing": N_("Record your reading of the scope in the register, then release the unit."),
    "individual-patient-missing": N_("Bind the derogation to its patient, then release the unit."),
    "lot-on-hold": N_("Keep the unit apart; a pharmacist releases it with a reason, or sends it back."),
    "expiry-conflict": N_("Read the print on the box; a pharmacist releases the unit with a reason, or sends it back."),
    "unit-label-needed": N_("Scan our own label, T59…; without one, the unit did not go through goods-in."),
    "derogation-ending-soon": N_("Ask the manufacturer whether an extension is requested."),
    "derogation-individual": N_("Keep the unit for this patient."),
    "shelf-life-short": N_("Use it first."),
    "quantity-many": N_("Open the pack and scan each unit."),
}
_EFFECTS: Mapping[str, tuple[Outcome, str]] = {
    "patient-label": (Outcome.REFUSED, N_("GDPR art. 5(1)(c); ANS, Datamatrix INS")),
    "scan-ambiguous": (Outcome.REFUSED, _BENCH),
    "scan-invalid": (Outcome.REFUSED, _BENCH),
    "scan-unknown": (Outcome.REFUSED, _BENCH),
    "unit-label-scanned": (Outcome.REFUSED, _IN_STOCK),
    "unit-unknown": (Outcome.REFUSED, _IN_STOCK),
    "definition-unknown": (Outcome.REFUSED, _TRACEABILITY),
    "definition-several": (Outcome.REFUSED, _BENCH),
    "derogation-none": (Outcome.REFUSED, _ARTICLE_59),
    "reference-not-listed": (Outcome.REFUSED, _REGISTER),
    "derogation-refused": (Outcome.REFUSED, _REGISTER),
    "derogation-withdrawn": (Outcome.REFUSED, _REGISTER),
    "derogation-suspended": (Outcome.REFUSED, _REGISTER),
    "derogation-ended": (Outcome.REFUSED, _REGISTER),
    "derogation-not-yet": (Outcome.REFUSED, _SUPPLY),
    "derogation-unknown": (Outcome.REFUSED, _SUPPLY),
    "serial-already-known": (Outcome.REFUSED, _IN_STOCK),
    "shelf-life-past": (Outcome.REFUSED, N_("MDR annex I, 23.2(i); order of 8 September 2021")),
    "lot-and-serial-missing": (Outcome.REFUSED, _TRACEABILITY),
    "unit-on-hold": (Outcome.REFUSED, N_("Rule of the house: usable is released and without any hold")),
    "unit-not-usable": (Outcome.REFUSED, N_("Rule of the house: usable is released and without any hold")),
    "derogation-end-unknown": (Outcome.QUARANTINED, _REGISTER),
    "scope-reading-missing": (Outcome.QUARANTINED, _REGISTER),
    "individual-patient-missing": (Outcome.QUARANTINED, _ARTICLE_59),
    "lot-on-hold": (Outcome.QUARANTINED, N_("Order of 8 September 2021: no sanitary alert at receipt")),
    "expiry-conflict": (Outcome.QUARANTINED, N_("Rule of the house: a conflicting date blocks and asks")),
    "unit-label-needed": (Outcome.QUARANTINED, _IN_STOCK),
    "derogation-in-force": (Outcome.ACCEPTED, _REGISTER),
    "derogation-ending-soon": (Outcome.ACCEPTED, _REGISTER),
    "derogation-individual": (Outcome.ACCEPTED, _ARTICLE_59),
    "partial-revision-only": (Outcome.ACCEPTED, N_("CSP R.5211-19")),
    "shelf-life-short": (Outcome.ACCEPTED, N_("Order of 8 September 2021")),
    "quantity-many": (Outcome.ACCEPTED, _IN_STOCK),
    "check-digit-overridden": (Outcome.ACCEPTED, _BENCH),
    "reading-chosen": (Outcome.ACCEPTED, _BENCH),
    "entered-by-hand": (Outcome.ACCEPTED, N_("DGOS instruction of 15 June 2015")),
    "derogation-demonstration": (Outcome.ACCEPTED, N_("Demonstration data")),
}


def _who_may_override(code: str, effect: Outcome) -> Role | None:
    """Return who decides otherwise: a person passes over a doubtful reading, or releases from quarantine."""
    doubtful = code in {"scan-ambiguous", "scan-invalid"}
    released = effect is Outcome.QUARANTINED and code != "unit-label-needed"
    return Role.PHARMACIST if doubtful or released else None


FINDINGS: Mapping[str, FindingRule] = {
    code: FindingRule(
        effect=effect,
        sentence=_SENTENCES[code],
        source=source,
        next_step=_NEXT_STEPS.get(code, ""),
        may_override=_who_may_override(code, effect),
    )
    for code, (effect, source) in _EFFECTS.items()
}
"""Every reason, the severe ones first; of several, the one that stands first is said first."""

_PLACE = {code: place for place, code in enumerate(FINDINGS)}

FAULT_WORDS: Mapping[str, str] = {
    "check-digit": N_("its check digit is wrong"),
    "character": N_("it holds a character that is not allowed"),
    "date-impossible": N_("it holds a date that does not exist"),
    "expiries-differ": N_("it gives two expiry dates that differ"),
    "products-differ": N_("it names two different devices"),
    "element-repeated": N_("it gives one field twice, with different values"),
    "identifier-unknown": N_("a part of it cannot be recognised"),
    "length": N_("a part of it has the wrong length"),
    "empty-value": N_("a part of it is empty"),
    "too-long": N_("it is too long"),
    "not-a-device": N_("it is not the label of a device"),
}
"""Words for the commonest faults of the scanners; any other is shown as its code."""

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
    other_expiration_dates: tuple[date, ...] = ()
    """Dates, other than the unit's, on a second label, typed, or on units of the same lot."""
    lot_hold_reason: str = ""
    unit: UnitFacts | None = None
    """For a question about use: the unit that was recognised."""
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
        *_of_derogation(facts),
        *_of_identity(facts),
        *_of_shelf_life(facts),
        *_of_entry(facts),
    ]
    ordered = tuple(sorted(findings, key=lambda finding: _PLACE[finding.code]))
    effects = {FINDINGS[finding.code].effect for finding in ordered}
    outcome = next(effect for effect in reversed(Outcome) if effect in effects)
    return Verdict(outcome, ordered)


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
        yield Finding("unit-label-scanned", {"number": scan.unit_number})
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


def _of_catalogue(facts: Facts) -> Iterable[Finding]:
    if facts.definition is not None:
        return
    if facts.definition_count > 1:
        yield Finding("definition-several", {"code": facts.code, "count": str(facts.definition_count)})
    elif facts.scan is not None and facts.scan.status is Status.UNKNOWN:
        yield Finding("scan-unknown", {"text": facts.code})
    else:
        yield Finding("definition-unknown", {"code": facts.code})


def _of_unit(facts: Facts) -> Iterable[Finding]:
    unit = facts.unit
    if facts.purpose is Purpose.RECEIVE:
        if facts.serial_unit_number:
            data = {"serial": facts.udi.serial or "", "number": facts.serial_unit_number}
            yield Finding("serial-already-known", data)
        return
    if unit is None:
        yield Finding("unit-label-needed")
    elif unit.hold_reason:
        yield Finding("unit-on-hold", {"number": unit.number, "reason": unit.hold_reason})
    elif unit.state not in USABLE:
        yield Finding("unit-not-usable", {"number": unit.number, "state": unit.state.value})


def _of_derogation(facts: Facts) -> Iterable[Finding]:
    reference = facts.definition.reference if facts.definition else ""
    coverage = chosen_coverage(facts.coverages)
    if coverage is None:
        manufacturer = facts.definition.manufacturer_name if facts.definition else ""
        yield Finding("derogation-none", {"manufacturer": manufacturer})
        return
    data = _register_data(coverage)
    if coverage.status is not DerogationStatus.IN_FORCE:
        yield Finding(_BY_STATUS[coverage.status], data)
    if not coverage.may_cover:
        yield Finding("reference-not-listed", data | {"reference": reference})
        return
    if not coverage.is_listed:
        yield Finding("scope-reading-missing", data | {"reference": reference})
    if coverage.kind is DerogationKind.INDIVIDUAL:
        yield Finding("derogation-individual" if coverage.has_patient else "individual-patient-missing", data)
    if coverage.implanted_system:
        yield Finding("partial-revision-only", {"system": coverage.implanted_system})
    if coverage.is_fictional:
        yield Finding("derogation-demonstration")
    if coverage.status is DerogationStatus.IN_FORCE and coverage.valid_until is not None:
        yield from _of_end(coverage.valid_until, facts.today, data)


def _register_data(coverage: CoverageFacts) -> dict[str, str]:
    return {
        "designation": coverage.designation,
        "decision": coverage.decision or "–",
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
        yield Finding("lot-on-hold", {"lot": udi.lot or "", "reason": facts.lot_hold_reason})
    if facts.purpose is Purpose.RECEIVE and udi.quantity is not None and udi.quantity > 1:
        yield Finding("quantity-many", {"count": str(udi.quantity)})


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


@dataclass(frozen=True, slots=True)
class WordedFinding:
    """A finding in words, in one language."""

    code: str
    effect: str
    """``refuse``, ``quarantine`` or ``inform``."""
    sentence: str
    source: str
    next_step: str
    may_override: str


_EFFECT_WORDS = {Outcome.REFUSED: "refuse", Outcome.QUARANTINED: "quarantine", Outcome.ACCEPTED: "inform"}
_CODES = {"fault": FAULT_WORDS, "state": {state.value: label for state, label in STATE_LABELS.items()}}


def worded(finding: Finding, *, translate: Callable[[str], str], day: Callable[[date], str]) -> WordedFinding:
    """Return a finding in words.

    Args:
        finding: as a rule gave it, or as it was stored.
        translate: from a text of this program to the reader's language.
        day: a date as the reader writes it.
    """
    rule = FINDINGS[finding.code]
    data = dict(finding.data)
    for name, value in finding.data.items():
        if value and name.endswith(("_on", "_until")):
            data[name] = day(date.fromisoformat(value))
        elif value in _CODES.get(name, {}):
            data[name] = translate(_CODES[name][value])
    return WordedFinding(
        code=finding.code,
        effect=_EFFECT_WORDS[rule.effect],
        sentence=translate(rule.sentence) % data,
        source=translate(rule.source) % data,
        next_step=translate(rule.next_step) if rule.next_step else "",
        may_override=rule.may_override.value if rule.may_override else "",
    )
