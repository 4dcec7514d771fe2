"""The gate before a device is used: every condition of the design, section 1 step 7. Pure."""

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from tracker.consents.rules import ConsentState
from tracker.derogations.rules import DerogationKind, DerogationStatus
from tracker.devices.rules import STATE_LABELS, USABLE, Finding, UnitState, is_past, reason_parts
from tracker.errors import N_, InvalidInput, RuleRefused
from tracker.terms.rules import NO_CONDITIONS, Conditions


class Side(enum.StrEnum):
    """Side of the body. Stored: a change needs a migration."""

    LEFT = "left"
    RIGHT = "right"
    NOT_APPLICABLE = "not_applicable"


class Intervention(enum.StrEnum):
    """What is done. Stored: a change needs a migration."""

    PARTIAL_REVISION = "partial_revision"
    FIRST_IMPLANTATION = "first_implantation"
    COMPLETE_REPLACEMENT = "complete_replacement"
    OTHER = "other"


SIDE_LABELS: Mapping[Side, str] = {
    Side.LEFT: N_("left"),
    Side.RIGHT: N_("right"),
    Side.NOT_APPLICABLE: N_("not applicable"),
}
INTERVENTION_LABELS: Mapping[Intervention, str] = {
    Intervention.PARTIAL_REVISION: N_("partial revision of an implanted system"),
    Intervention.FIRST_IMPLANTATION: N_("first implantation"),
    Intervention.COMPLETE_REPLACEMENT: N_("replacement of a complete system"),
    Intervention.OTHER: N_("other use"),
}


@dataclass(frozen=True, slots=True)
class GateRule:
    """What a finding means: whether it closes the gate, its words, its source, what to do next."""

    sentence: str
    source: str
    next_step: str
    blocks: bool = True


_ART_59 = N_("Regulation (EU) 2017/745 art. 59; CSP L.5211-3 II")
_CONDITION = N_("Condition set by ANSM in its decision")
_CONSENT_SOURCE = N_("CSP L.1111-4; ANSM, page for health professionals")
_PARTIAL_SOURCE = N_("CSP R.5211-19; ANSM, annual procedure for partial revisions")
_HOUSE_RULE = N_("Rule of this register: only released units without any hold are used")
_CALL_PHARMACY = N_("Do not use it. Call the pharmacy.")

FOLLOW_UP_REQUIRED = "follow-up-required"
"""Code of the finding that tells one examination, with its day and what it is; ``examinations`` lists them."""
FINDINGS: Mapping[str, GateRule] = {
    "unit-already-used": GateRule(
        N_("This unit is already recorded as used."),
        N_("One label, one use"),
        N_("Scan the label of the unit in your hand."),
    ),
    "unit-not-released": GateRule(N_("This unit is not released (%(state)s)."), _HOUSE_RULE, _CALL_PHARMACY),
    "unit-on-hold": GateRule(N_("This unit is on hold: %(reason)s"), _HOUSE_RULE, _CALL_PHARMACY),
    "shelf-life-past": GateRule(
        N_("The shelf life ended on %(expired_on)s."), N_("Expiry date on the label"), _CALL_PHARMACY
    ),
    "derogation-none": GateRule(N_("No derogation covers this device."), _ART_59, _CALL_PHARMACY),
    "reference-not-listed": GateRule(
        N_("The reference %(reference)s is not in the scope of the derogation."), _ART_59, _CALL_PHARMACY
    ),
    "scope-reading-missing": GateRule(
        N_("The scope of the derogation is written in words, and nobody has read yet whether it covers %(reference)s."),
        _ART_59,
        N_("Do not use it. A pharmacist records a reading of the scope."),
    ),
    "derogation-not-yet": GateRule(N_("The derogation is not yet in force on %(used_on)s."), _ART_59, _CALL_PHARMACY),
    "derogation-ended": GateRule(
        N_("The derogation ended on %(valid_until)s."),
        _ART_59,
        N_("Do not use it. The pharmacy records an extension if ANSM grants one."),
    ),
    "derogation-suspended": GateRule(N_("ANSM has suspended the derogation."), _ART_59, _CALL_PHARMACY),
    "derogation-withdrawn": GateRule(N_("ANSM has withdrawn the derogation."), _ART_59, _CALL_PHARMACY),
    "derogation-refused": GateRule(N_("ANSM has refused the derogation."), _ART_59, _CALL_PHARMACY),
    "derogation-end-unknown": GateRule(
        N_("The end of the derogation is not known."),
        _ART_59,
        N_("The pharmacy records the decision with its end."),
    ),
    "derogation-unknown": GateRule(N_("No decision on this derogation is known."), _ART_59, _CALL_PHARMACY),
    "patient-mismatch": GateRule(
        N_("The derogation was granted for another patient."),
        N_("Individual derogation: one identified patient (ANSM, page for health professionals)"),
        N_("Check the patient's identity, then call the pharmacy."),
    ),
    "individual-patient-missing": GateRule(
        N_("The derogation is individual, and the register does not say yet for which patient."),
        N_("Individual derogation: one identified patient (ANSM, page for health professionals)"),
        N_("Do not use it. The pharmacy binds the derogation to its patient."),
    ),
    "patient-cap-reached": GateRule(
        N_("The number of patients that the derogation allows is reached (%(cap)s)."),
        _CONDITION,
        N_("Ask the manufacturer for a change of the condition."),
    ),
    "site-not-allowed": GateRule(
        N_("The derogation allows other establishments only: %(sites)s."), _CONDITION, _CALL_PHARMACY
    ),
    "ward-not-allowed": GateRule(
        N_("The derogation does not allow the use in this ward."),
        _CONDITION,
        N_("Use it in a ward that the derogation allows, or call the pharmacy."),
    ),
    "criteria-unconfirmed": GateRule(
        N_("Nobody has confirmed that the patient fulfils: %(criteria)s."),
        _CONDITION,
        N_("Check each criterion with the patient's record, then confirm."),
    ),
    "partial-revision-only": GateRule(
        N_("The derogation covers only the partial revision of an implanted system."),
        _PARTIAL_SOURCE,
        N_("For a complete system, choose a device with CE marking."),
    ),
    "implanted-system-missing": GateRule(
        N_("The system already implanted is not stated."),
        _PARTIAL_SOURCE,
        N_("Fill in the system already implanted."),
    ),
    "consent-missing": GateRule(
        N_("The patient has not been told that the device has no CE marking."),
        _CONSENT_SOURCE,
        N_("Inform the patient and record the decision."),
    ),
    "consent-undecided": GateRule(
        N_("The patient is informed but has not decided."), _CONSENT_SOURCE, N_("Record the patient's decision.")
    ),
    "consent-refused": GateRule(N_("The patient refused."), _CONSENT_SOURCE, N_("Do not use it.")),
    "consent-withdrawn": GateRule(N_("The patient withdrew the consent."), _CONSENT_SOURCE, N_("Do not use it.")),
    "implanted-system-to-compare": GateRule(
        N_("The derogation is for the partial revision of: %(expected)s."),
        _PARTIAL_SOURCE,
        N_("Check that this is the system already implanted."),
        blocks=False,
    ),
    "criteria-to-confirm": GateRule(
        N_("The patient must fulfil: %(criteria)s."), _CONDITION, N_("Confirm it with the use."), blocks=False
    ),
    "criteria-confirmed": GateRule(N_("Confirmed: the patient fulfils %(criteria)s."), _CONDITION, "", blocks=False),
    FOLLOW_UP_REQUIRED: GateRule(
        N_("Follow-up required by %(due_on)s: %(what)s."), _CONDITION, N_("Plan it with the patient."), blocks=False
    ),
    "consent-emergency": GateRule(
        N_("Emergency: consent could not be asked."),
        _CONSENT_SOURCE,
        N_("Inform the patient as soon as possible."),
        blocks=False,
    ),
    "derogation-in-force": GateRule(
        N_("Derogation in force until %(valid_until)s (included)."), _ART_59, "", blocks=False
    ),
    "consent-in-force": GateRule(N_("Consent of the patient in force."), _CONSENT_SOURCE, "", blocks=False),
}
"""Every code the gate can give. A code that does not block is a remark in favour or a duty that remains."""

_BY_STATUS: Mapping[DerogationStatus, str] = {
    DerogationStatus.NOT_YET: "derogation-not-yet",
    DerogationStatus.ENDED: "derogation-ended",
    DerogationStatus.SUSPENDED: "derogation-suspended",
    DerogationStatus.WITHDRAWN: "derogation-withdrawn",
    DerogationStatus.REFUSED: "derogation-refused",
    DerogationStatus.END_UNKNOWN: "derogation-end-unknown",
    DerogationStatus.UNKNOWN: "derogation-unknown",
}
_BY_CONSENT: Mapping[ConsentState, str] = {
    ConsentState.NOT_ASKED: "consent-missing",
    ConsentState.INFORMED: "consent-undecided",
    ConsentState.REFUSED: "consent-refused",
    ConsentState.WITHDRAWN: "consent-withdrawn",
    ConsentState.EMERGENCY: "consent-emergency",
    ConsentState.OBTAINED: "consent-in-force",
}


class UseRefused(RuleRefused):
    """The gate is closed; nothing was written. ``findings`` says every reason."""

    code = "use-refused"

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        first = next(finding for finding in findings if FINDINGS[finding.code].blocks)
        rule = FINDINGS[first.code]
        super().__init__(rule.sentence, next_step=rule.next_step, **first.data)
        self.findings = findings

    def explain(self, translate: Callable[[str], str]) -> list[dict[str, str]]:
        """Return every reason against, in words; days as ISO dates."""
        reasons = [worded(finding, translate=translate, day=date.isoformat) for finding in self.findings]
        return [
            {"code": reason.code, "sentence": reason.sentence, "source": reason.source, "next_step": reason.next_step}
            for reason in reasons
            if reason.blocks
        ]


class UseDayInvalid(InvalidInput):
    """The day of use lies in the future, or before the unit was received."""

    code = "use-day-invalid"


@dataclass(frozen=True, slots=True)
class CoverageFacts:
    """What the gate needs of the derogation that speaks for the device on the day of use."""

    kind: DerogationKind
    status: DerogationStatus
    valid_until: date | None
    is_listed: bool
    has_list: bool
    """The decision lists references; False: its scope is written in words."""
    partial_revision_only: bool
    implanted_system: str
    patient_id: UUID | None
    patient_cap: int | None
    other_patient_count: int
    """Patients other than this one, already counted against the cap."""
    conditions: Conditions = NO_CONDITIONS


@dataclass(frozen=True, slots=True)
class GateFacts:
    """Everything the gate decides from."""

    unit_state: UnitState
    hold_reasons: tuple[str, ...]
    expiration_date: date | None
    reference: str
    day: date
    """Day of use, Paris calendar."""
    patient_id: UUID
    coverage: CoverageFacts | None
    consent: ConsentState
    intervention: Intervention
    implanted_system: str
    ward_id: UUID | None = None
    """None: not said yet."""
    are_criteria_confirmed: bool | None = None
    """None: not asked yet."""


@dataclass(frozen=True, slots=True)
class Gate:
    """May the device be used for this patient on this day, and why."""

    is_open: bool
    findings: tuple[Finding, ...]
    """Reasons against first, then remarks."""

    @property
    def blocking_count(self) -> int:
        """Number of reasons against."""
        return sum(FINDINGS[finding.code].blocks for finding in self.findings)


PARIS = ZoneInfo("Europe/Paris")
_CLOCK_DRIFT = timedelta(minutes=5)
"""A person reads another clock than the server's."""
_LISTED = "; "  # between the sites or criteria of one sentence


def without_offset(at: time | None) -> time | None:
    """Return a time of day on the hospital's clock as it is.

    Raises:
        ValueError: it carries an offset of its own.
    """
    if at is not None and at.tzinfo is not None:
        raise ValueError("give the time on the hospital's clock, without offset")
    return at


def use_instant(day: date, at: time | None) -> datetime | None:
    """Return the instant of a use on the hospital's clock, None where no time of day is known.

    An hour that the clock shows twice, on the last Sunday of October, is read as the second one: a consent must stand
    until the later of both.

    Raises:
        UseDayInvalid: the clock never showed this hour, on the last Sunday of March.
    """
    if at is None:
        return None
    instant = datetime.combine(day, at, tzinfo=PARIS).replace(fold=1).astimezone(UTC)
    if instant.astimezone(PARIS).time() != at:
        sentence = N_("Clocks went forward in this hour: it was never shown.")
        raise UseDayInvalid(sentence, fields={"used_time": sentence})
    return instant


def instant_of(day: date, at: time | None, *, now: datetime) -> datetime:
    """Return the instant at which a consent must stand for a use.

    A consent given after it does not count, a withdrawal after it takes nothing back, even on the same day. Where the
    time of day is not known, it is the end of the day, or now if that is sooner.
    """
    end_of_day = datetime.combine(day + timedelta(days=1), time.min, tzinfo=PARIS)
    return use_instant(day, at) or min(now, end_of_day)


def check_time(used_at: datetime | None, *, now: datetime) -> None:
    """Check that a use has happened.

    Raises:
        UseDayInvalid: its time is still to come.
    """
    if used_at is not None and used_at > now + _CLOCK_DRIFT:
        sentence = N_("This time of day is still to come.")
        raise UseDayInvalid(sentence, fields={"used_time": sentence})


def check_day(day: date, *, today: date, received_on: date) -> None:
    """Check that a day of use can be.

    Raises:
        UseDayInvalid: in the future, or before receipt.
    """
    if day > today:
        raise UseDayInvalid(
            N_("The day of use is in the future."), fields={"used_on": N_("Give the day on which the device was used.")}
        )
    if day < received_on:
        raise UseDayInvalid(
            N_("The unit was not yet received on this day."),
            fields={"used_on": N_("Give a day on or after receipt.")},
        )


def decide(facts: GateFacts) -> Gate:
    """Decide whether the gate is open: no finding may block."""
    findings = [*_unit_findings(facts), *_derogation_findings(facts), *_consent_findings(facts)]
    findings.sort(key=lambda finding: not FINDINGS[finding.code].blocks)
    return Gate(is_open=not any(FINDINGS[finding.code].blocks for finding in findings), findings=tuple(findings))


def _unit_findings(facts: GateFacts) -> list[Finding]:
    findings = []
    if facts.unit_state is UnitState.USED:
        findings.append(Finding("unit-already-used"))
    elif facts.unit_state not in USABLE:
        findings.append(Finding("unit-not-released", {"state": facts.unit_state.value}))
    findings += [Finding("unit-on-hold", {"reason": reason}) for reason in facts.hold_reasons]
    if is_past(facts.expiration_date, facts.day):
        findings.append(Finding("shelf-life-past", {"expired_on": str(facts.expiration_date)}))
    return findings


def _derogation_findings(facts: GateFacts) -> list[Finding]:
    coverage = facts.coverage
    if coverage is None:
        return [Finding("derogation-none")]
    if not coverage.is_listed:
        code = "reference-not-listed" if coverage.has_list else "scope-reading-missing"
        return [Finding(code, {"reference": facts.reference})]
    findings = [_standing_finding(coverage, facts.day)]
    if coverage.kind is DerogationKind.INDIVIDUAL and coverage.patient_id is None:
        findings.append(Finding("individual-patient-missing"))
    if coverage.patient_id not in {None, facts.patient_id}:
        findings.append(Finding("patient-mismatch"))
    if coverage.patient_cap is not None and coverage.other_patient_count >= coverage.patient_cap:
        findings.append(Finding("patient-cap-reached", {"cap": str(coverage.patient_cap)}))
    return [*findings, *_condition_findings(facts, coverage.conditions), *_revision_findings(facts, coverage)]


def _condition_findings(facts: GateFacts, conditions: Conditions) -> Iterator[Finding]:
    if not conditions.is_allowed_here:
        yield Finding("site-not-allowed", {"sites": _LISTED.join(conditions.sites)})
    elif not conditions.allows_ward(facts.ward_id):
        yield Finding("ward-not-allowed")
    if conditions.criteria:
        code = {None: "criteria-to-confirm", True: "criteria-confirmed", False: "criteria-unconfirmed"}
        yield Finding(code[facts.are_criteria_confirmed], {"criteria": _LISTED.join(conditions.criteria)})
    for item in conditions.follow_up:
        yield Finding(FOLLOW_UP_REQUIRED, {"due_on": item.due_on(facts.day).isoformat(), "what": item.what})


def _standing_finding(coverage: CoverageFacts, day: date) -> Finding:
    data = {"valid_until": str(coverage.valid_until or ""), "used_on": str(day)}
    code = "derogation-in-force" if coverage.status is DerogationStatus.IN_FORCE else _BY_STATUS[coverage.status]
    return Finding(code, data)


def _revision_findings(facts: GateFacts, coverage: CoverageFacts) -> list[Finding]:
    if facts.intervention is not Intervention.PARTIAL_REVISION:
        return [Finding("partial-revision-only")] if coverage.partial_revision_only else []
    if not facts.implanted_system.strip():
        return [Finding("implanted-system-missing")]
    if coverage.implanted_system:
        return [Finding("implanted-system-to-compare", {"expected": coverage.implanted_system})]
    return []


def _consent_findings(facts: GateFacts) -> list[Finding]:
    """Ask for the consent only where a derogation speaks: it is given for one derogation."""
    if facts.coverage is None or not facts.coverage.is_listed:
        return []
    return [Finding(_BY_CONSENT[facts.consent])]


@dataclass(frozen=True, slots=True)
class WordedFinding:
    """A finding in words, in one language."""

    code: str
    effect: str
    """``refuse`` or ``inform``."""
    sentence: str
    source: str
    next_step: str

    @property
    def blocks(self) -> bool:
        """Test whether it closes the gate."""
        return self.effect == "refuse"


def worded(finding: Finding, *, translate: Callable[[str], str], day: Callable[[date], str]) -> WordedFinding:
    """Return a finding in words.

    Args:
        finding: as the gate gave it, or as it was stored.
        translate: from a text of this program to the reader's language.
        day: a date as the reader writes it.
    """
    rule, data = FINDINGS[finding.code], dict(finding.data)
    for name, value in finding.data.items():
        if value and name.endswith(("_on", "_until")):
            data[name] = day(date.fromisoformat(value))
        elif name == "state":
            data[name] = translate(STATE_LABELS[UnitState(value)])
        elif name == "reason":
            data[name] = ", ".join([translate(part) for part in reason_parts(value)])
    return WordedFinding(
        code=finding.code,
        effect="refuse" if rule.blocks else "inform",
        sentence=translate(rule.sentence) % data,
        source=translate(rule.source),
        next_step=translate(rule.next_step) if rule.next_step else "",
    )
