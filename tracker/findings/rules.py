"""The table of reasons: what each does to a box, in what words, on what it rests, what is next, who may decide. Pure.

``FINDINGS`` is the one table: the bench words its verdicts from it, a page shows it to the pharmacist, and
:func:`as_markdown` writes it for ``docs/goods-in.md``; ``tracker/reception/rules.py`` decides which reasons a box has.
"""

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from tracker.actor import Role
from tracker.devices.rules import STATE_LABELS, Finding
from tracker.errors import N_


class Outcome(enum.StrEnum):
    """What happens to the box. Stored: a change needs a migration."""

    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    REFUSED = "refused"


_ARTICLE_59 = N_("Regulation (EU) 2017/745, art. 59; CSP L.5211-3")
_SUPPLY = N_("ANSM, derogations, page for health professionals: supply only after the decision")
_REGISTER = N_("Register: %(designation)s, ANSM's decision %(decision)s")
_REGISTER_ALONE = N_("Register: %(designation)s")
_NO_NUMBER = frozenset({"", "–"})
"""How a decision without a number was and is kept."""
_TRACEABILITY = N_("CSP R.5212-38; order of 8 September 2021")
_BENCH = N_("Rule of the house: no guess on a barcode")
_SOFTWARE = N_("MDR annex VI, part C, 6.5; MDCG 2018-5")
_RECEIPT = N_("Rule of the house, after ANS, circuit of implantable devices: control at receipt")
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
    "device-not-named": N_("This code gives a lot or a date, and does not say of which device: %(text)s."),
    "unit-label-scanned": N_("This is our own label %(number)s: this unit is already known."),
    "unit-label-foreign": N_(
        "The label %(number)s is of another establishment: no unit of this hospital has this number."
    ),
    "unit-unknown": N_("No unit of this hospital has the number %(number)s."),
    "definition-unknown": N_("The catalogue has no device with the code %(code)s."),
    "definition-several": N_("%(count)s devices of the catalogue have the code %(code)s."),
    "derogation-none": N_("The register has no derogation for devices of %(manufacturer)s."),
    "reference-not-listed": N_(
        "None of this manufacturer's derogations in the register lists the reference %(reference)s."
    ),
    "derogation-refused": N_("ANSM refused the derogation %(designation)s."),
    "derogation-withdrawn": N_("The derogation %(designation)s is withdrawn since %(since_on)s."),
    "derogation-suspended": N_("The derogation %(designation)s is suspended since %(since_on)s."),
    "derogation-ended": N_("The derogation %(designation)s ended on %(valid_until)s."),
    "derogation-not-yet": N_("The derogation %(designation)s begins on %(since_on)s only."),
    "derogation-unknown": N_("The derogation %(designation)s has no decision in force."),
    "site-not-allowed": N_("The derogation %(designation)s allows other establishments only: %(sites)s."),
    "serial-already-known": N_("The serial number %(serial)s is already known: unit %(number)s."),
    "serial-repeated": N_("The serial number %(serial)s comes twice in what was sent."),
    "shelf-life-past": N_("The shelf life ended on %(expired_on)s."),
    "lot-and-serial-missing": N_("Neither a lot nor a serial number is known."),
    "unit-on-hold": N_("The unit %(number)s is on hold: %(reason)s."),
    "unit-not-usable": N_("The unit %(number)s is '%(state)s'."),
    "derogation-end-unknown": N_("The last day of the derogation %(designation)s is not recorded."),
    "scope-reading-missing": N_("Nobody has read yet whether the words of %(designation)s cover %(reference)s."),
    "individual-patient-missing": N_("The individual derogation %(designation)s names no patient in the register yet."),
    "clinical-reason-missing": N_("No written reason of a clinician is kept with this delivery for %(designation)s."),
    "patient-cap-reached": N_("The derogation %(designation)s is for %(cap)s patients at most, and all are counted."),
    "serial-known-elsewhere": N_("Another establishment of the group has a unit with the serial number %(serial)s."),
    "lot-on-recall": N_("The lot %(lot)s is under recall: %(reason)s."),
    "lot-on-hold": N_("The lot %(lot)s is on hold: %(reason)s."),
    "expiry-conflict": N_("Two dates disagree: %(expires_on)s and %(other_on)s. Neither was changed."),
    "software-change-major": N_("Version %(version)s is a major change: another device, with a UDI-DI of its own."),
    "software-change-unknown": N_("Nobody knows what version %(version)s changes: it may be another device."),
    "seals-damaged": N_("The seals of this delivery were found damaged: sterility is not certain."),
    "temperature-outside": N_("The temperature of this delivery was out of range (measured: %(measured)s °C)."),
    "unit-label-needed": N_("The manufacturer's label does not say which unit this is, nor whether it was released."),
    "derogation-in-force": N_("The derogation %(designation)s is in force until %(valid_until)s, last day included."),
    "derogation-ending-soon": N_("It ends soon, on %(valid_until)s: days left: %(days)s."),
    "derogation-individual": N_("The derogation is individual: for its one patient only."),
    "patient-criteria": N_("For patients who fulfil: %(criteria)s."),
    "partial-revision-only": N_("For the partial revision of an implanted system only: %(system)s."),
    "shelf-life-short": N_("Little shelf life is left: until %(expires_on)s, days left: %(days)s."),
    "parcel-damaged": N_("The parcel of this delivery was damaged."),
    "not-announced": N_("The reference %(reference)s, or this lot of it, was not announced for this delivery."),
    "beyond-announced": N_("More of %(reference)s came than announced (%(expected)s)."),
    "pack-to-count": N_("This is the code of a pack (units announced: %(count)s)."),
    "pack-count-differs": N_("The label announces %(announced)s units; a person counted %(count)s."),
    "counted-by-person": N_("One of %(count)s identical units that a person counted."),
    "check-digit-overridden": N_("The wrong check digit was passed over, with this reason: %(reason)s"),
    "reading-chosen": N_("A person chose among several readings of the code, comparing with the print."),
    "reader-changed": N_("The reader of this workstation sends an identifier, and none arrived whole."),
    "keyboard-repaired": N_("The keyboard had changed this text; it was put right, and a check proves it."),
    "keyboard-suspected": N_("This text looks as if a wrong keyboard or Caps Lock had changed it."),
    "entered-by-hand": N_("Typed by a person, in whole or in part: no code proves it."),
    "derogation-demonstration": N_("This derogation is fictional: demonstration only."),
}
_NEXT_STEPS: Mapping[str, str] = {
    "patient-label": N_("Scan the label of the device."),
    "scan-ambiguous": N_("Scan the other code of the box, or compare with the print and choose the right reading."),
    "scan-invalid": N_("Scan again. If only the check digit is wrong, a pharmacist may go on with a written reason."),
    "scan-unknown": N_("Scan the other code of the box, or enter the device by hand."),
    "device-not-named": N_("Scan the other code of the box, or enter the device by hand."),
    "unit-label-scanned": N_("Scan the manufacturer's label, or open the unit's page."),
    "unit-label-foreign": N_("Scan the manufacturer's label: here the unit gets a number and a label of its own."),
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
    "site-not-allowed": _SET_ASIDE,
    "serial-already-known": N_("Compare with the box. If the label was scanned twice, there is nothing to do."),
    "serial-repeated": N_("Compare with the box; a serial number names one unit only."),
    "shelf-life-past": _SET_ASIDE,
    "lot-and-serial-missing": N_("Scan the second code of the box, or complete the entry by hand."),
    "unit-on-hold": N_("Do not use it. Keep it apart and call the pharmacy."),
    "unit-not-usable": N_("Do not use it. Call the pharmacy."),
    "derogation-end-unknown": N_("Record the end in the register, then release the unit."),
    "scope-reading-missing": N_("Record your reading of the scope in the register, then release the unit."),
    "individual-patient-missing": N_("Bind the derogation to its patient, then release the unit."),
    "clinical-reason-missing": N_("Record the clinician's reason on the delivery, then release the unit."),
    "patient-cap-reached": N_("Keep the unit for a patient already counted, or ask the manufacturer about the cap."),
    "serial-known-elsewhere": N_("Compare with the box, call the other pharmacies; release the unit with the reason."),
    "lot-on-recall": N_("Keep the unit apart and follow the recall notice."),
    "lot-on-hold": N_("Keep the unit apart; a pharmacist releases it with a reason, or sends it back."),
    "expiry-conflict": N_("Read the print on the box; a pharmacist releases the unit with a reason, or sends it back."),
    "software-change-major": N_("Record ANSM's decision that covers this version, then release the unit."),
    "software-change-unknown": N_("Ask the manufacturer, then release the unit with the answer."),
    "seals-damaged": N_(
        "Look at the packaging of this unit; a pharmacist releases it with a reason, or sends it back."
    ),
    "temperature-outside": N_("Ask the manufacturer; a pharmacist releases the unit with a reason, or sends it back."),
    "unit-label-needed": N_("Scan our own label, T59…; without one, the unit did not go through goods-in."),
    "derogation-ending-soon": N_("Ask the manufacturer whether an extension is requested."),
    "derogation-individual": N_("Keep the unit for this patient."),
    "shelf-life-short": N_("Use it first."),
    "reader-changed": N_("Unless you typed it: switch Caps Lock off and calibrate this workstation's reader again."),
    "keyboard-repaired": N_("Calibrate the reader of this workstation: then nothing has to be concluded."),
    "keyboard-suspected": N_("Switch Caps Lock off, calibrate the reader of this workstation, scan again."),
    "parcel-damaged": N_("Look at the packaging of each unit; write a damaged seal on the delivery."),
    "not-announced": N_("Compare with the delivery note and the order; tell the supplier what is too much."),
    "beyond-announced": N_("Compare with the delivery note and the order; tell the supplier what is too much."),
    "pack-to-count": N_("At goods-in, the number of units is asked before any is made."),
    "pack-count-differs": N_("Tell the supplier what is missing."),
}
_EFFECTS: Mapping[str, tuple[Outcome, str]] = {
    "patient-label": (Outcome.REFUSED, N_("GDPR art. 5(1)(c); ANS, Datamatrix INS")),
    "scan-ambiguous": (Outcome.REFUSED, _BENCH),
    "scan-invalid": (Outcome.REFUSED, _BENCH),
    "scan-unknown": (Outcome.REFUSED, _BENCH),
    "device-not-named": (Outcome.REFUSED, _TRACEABILITY),
    "unit-label-scanned": (Outcome.REFUSED, _IN_STOCK),
    "unit-label-foreign": (Outcome.REFUSED, _IN_STOCK),
    "unit-unknown": (Outcome.REFUSED, _IN_STOCK),
    "definition-unknown": (Outcome.REFUSED, _TRACEABILITY),
    "definition-several": (Outcome.REFUSED, _BENCH),
    "derogation-none": (Outcome.REFUSED, _ARTICLE_59),
    "reference-not-listed": (Outcome.REFUSED, N_("Register of derogations")),
    "derogation-refused": (Outcome.REFUSED, _REGISTER),
    "derogation-withdrawn": (Outcome.REFUSED, _REGISTER),
    "derogation-suspended": (Outcome.REFUSED, _REGISTER),
    "derogation-ended": (Outcome.REFUSED, _REGISTER),
    "derogation-not-yet": (Outcome.REFUSED, _SUPPLY),
    "derogation-unknown": (Outcome.REFUSED, _SUPPLY),
    "site-not-allowed": (Outcome.REFUSED, _REGISTER),
    "serial-already-known": (Outcome.REFUSED, _IN_STOCK),
    "serial-repeated": (Outcome.REFUSED, _IN_STOCK),
    "shelf-life-past": (Outcome.REFUSED, N_("MDR annex I, 23.2(i); order of 8 September 2021")),
    "lot-and-serial-missing": (Outcome.REFUSED, _TRACEABILITY),
    "unit-on-hold": (Outcome.REFUSED, N_("Rule of the house: usable is released and without any hold")),
    "unit-not-usable": (Outcome.REFUSED, N_("Rule of the house: usable is released and without any hold")),
    "derogation-end-unknown": (Outcome.QUARANTINED, _REGISTER),
    "scope-reading-missing": (Outcome.QUARANTINED, _REGISTER),
    "individual-patient-missing": (Outcome.QUARANTINED, _ARTICLE_59),
    "clinical-reason-missing": (Outcome.QUARANTINED, N_("ANSM, derogations, page for health professionals")),
    "patient-cap-reached": (Outcome.QUARANTINED, _REGISTER),
    "serial-known-elsewhere": (Outcome.QUARANTINED, _IN_STOCK),
    "lot-on-recall": (Outcome.QUARANTINED, N_("MDR art. 2(62) and (63); order of 8 September 2021")),
    "lot-on-hold": (Outcome.QUARANTINED, N_("Order of 8 September 2021: no sanitary alert at receipt")),
    "expiry-conflict": (Outcome.QUARANTINED, N_("Rule of the house: a conflicting date blocks and asks")),
    "software-change-major": (Outcome.QUARANTINED, _SOFTWARE),
    "software-change-unknown": (Outcome.QUARANTINED, _SOFTWARE),
    "seals-damaged": (Outcome.QUARANTINED, _RECEIPT),
    "temperature-outside": (Outcome.QUARANTINED, _RECEIPT),
    "unit-label-needed": (Outcome.QUARANTINED, _IN_STOCK),
    "derogation-in-force": (Outcome.ACCEPTED, _REGISTER),
    "derogation-ending-soon": (Outcome.ACCEPTED, _REGISTER),
    "derogation-individual": (Outcome.ACCEPTED, _ARTICLE_59),
    "partial-revision-only": (Outcome.ACCEPTED, N_("CSP R.5211-19")),
    "patient-criteria": (Outcome.ACCEPTED, _REGISTER),
    "shelf-life-short": (Outcome.ACCEPTED, N_("Order of 8 September 2021")),
    "parcel-damaged": (Outcome.ACCEPTED, _RECEIPT),
    "not-announced": (Outcome.ACCEPTED, _RECEIPT),
    "beyond-announced": (Outcome.ACCEPTED, _RECEIPT),
    "pack-to-count": (Outcome.ACCEPTED, N_("GS1 General Specifications, sections 2.1 and 3.6")),
    "pack-count-differs": (Outcome.ACCEPTED, _IN_STOCK),
    "counted-by-person": (Outcome.ACCEPTED, _IN_STOCK),
    "check-digit-overridden": (Outcome.ACCEPTED, _BENCH),
    "reading-chosen": (Outcome.ACCEPTED, _BENCH),
    "reader-changed": (Outcome.ACCEPTED, _BENCH),
    "keyboard-repaired": (Outcome.ACCEPTED, _BENCH),
    "keyboard-suspected": (Outcome.ACCEPTED, _BENCH),
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


PLACEHOLDER = re.compile(r"%\(([a-z_]+)\)s")


def as_markdown() -> str:
    """Return the table as ``docs/goods-in.md`` shows it; the names of what is filled in stand between brackets."""
    words = {Outcome.REFUSED: "refused", Outcome.QUARANTINED: "quarantined", Outcome.ACCEPTED: "for information"}
    lines = ["| Code | Effect | Says | Rests on | Next | Who may decide otherwise |", "|---|---|---|---|---|---|"]
    for code, rule in FINDINGS.items():
        override = rule.may_override.value if rule.may_override else ""
        cells = [f"`{code}`", words[rule.effect], rule.sentence, rule.source, rule.next_step, override]
        lines.append(PLACEHOLDER.sub(r"[\1]", "| " + " | ".join(cells) + " |"))
    return "\n".join(lines)


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
    is_unnumbered = rule.source == _REGISTER and finding.data.get("decision", "") in _NO_NUMBER
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
        source=translate(_REGISTER_ALONE if is_unnumbered else rule.source) % data,
        next_step=translate(rule.next_step) if rule.next_step else "",
        may_override=rule.may_override.value if rule.may_override else "",
    )
