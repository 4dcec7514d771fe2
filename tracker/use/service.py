"""Actions on uses: the gate, the use itself, its papers."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker.accounts import queries as accounts
from tracker.accounts.models import Person
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.consents import queries as consents
from tracker.consents import rules as consent_rules
from tracker.consents.rules import ConsentFacts
from tracker.coverage import queries as coverage_queries
from tracker.coverage.queries import Coverage
from tracker.derogations import queries as derogations
from tracker.derogations.rules import DerogationStatus
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.queries import UnitView
from tracker.devices.rules import use_event
from tracker.documents import queries as documents
from tracker.documents import service as document_service
from tracker.documents.documents import Locale, RenderingFailed
from tracker.documents.service import NewFile
from tracker.errors import N_, Conflict
from tracker.organisation import queries as organisation
from tracker.patients import queries as patients
from tracker.places import service as places
from tracker.terms.rules import NO_CONDITIONS
from tracker.use import queries, rules
from tracker.use.documents import Paper, UseSource, print_papers
from tracker.use.models import DeviceUse
from tracker.use.rules import CoverageFacts, Gate, GateFacts, Intervention, Side, UseRefused

logger = logging.getLogger(__name__)

_MOST_ASKED = 5
"""Derogations in force asked for one use: one is the rule, two already a curiosity."""


class UseChanged(Conflict):
    """The same request was already sent with another content."""

    code = "use-changed"


class RegisterChanged(Conflict):
    """Another derogation speaks for the unit than when the use began to be recorded."""

    code = "register-changed"


@dataclass(frozen=True, slots=True)
class NewUse:
    """What was entered of a use."""

    unit_number: str
    """As on our label."""
    patient_id: UUID
    used_on: date
    """Paris calendar."""
    operator_id: UUID
    ward_id: UUID
    side: Side
    intervention: Intervention
    implanted_system: str
    reason: str
    used_time: time | None = None
    """Hospital's clock; None where it is not known."""
    are_criteria_confirmed: bool = False
    """The operator says that the patient fulfils every criterion of the derogation."""


@dataclass(frozen=True, slots=True)
class Question:
    """For whom, when and for what a unit is to be used."""

    patient_id: UUID
    day: date
    """Paris calendar."""
    intervention: Intervention
    implanted_system: str
    at: time | None = None
    """Hospital's clock; None where it is not known."""
    ward_id: UUID | None = None
    """None: not said yet."""
    are_criteria_confirmed: bool | None = None
    """None: not asked yet."""


@dataclass(frozen=True, slots=True)
class Check:
    """The gate, with what it was decided from."""

    gate: Gate
    unit: UnitView
    coverage: Coverage | None
    consent: ConsentFacts | None


def check_use(session: Session, *, unit: UnitView, question: Question, now: datetime) -> Check:
    """Return whether a unit may be used for a patient on a day, and why; nothing is written.

    Where several derogations may allow it, the first that does speaks; where none does, the one with fewest objections.
    """
    coverages = _coverages(session, unit, question.day)
    best: Check | None = None
    for coverage in _speaking(coverages, question.patient_id) or (None,):
        check = check_under(session, coverage, unit=unit, question=question, now=now)
        if check.gate.is_open:
            return check
        if best is None or check.gate.blocking_count < best.gate.blocking_count:
            best = check
    return best or check


def _coverages(session: Session, unit: UnitView, day: date) -> tuple[Coverage, ...]:
    """Return what the register says of a unit on a day, as it stands in this transaction."""
    return coverage_queries.find_coverage(
        session,
        manufacturer_id=unit.definition.manufacturer_id,
        reference=unit.definition.reference,
        day=day,
        known_at=coverage_queries.AS_RECORDED,
    )


def _speaking(coverages: tuple[Coverage, ...], patient_id: UUID) -> tuple[Coverage, ...]:
    """Return the derogations to ask: those that may allow this patient, best first, else the first of all."""
    may_allow = [
        coverage
        for coverage in coverages
        if coverage.is_listed
        and coverage.standing.status is DerogationStatus.IN_FORCE
        and coverage.patient_id in {None, patient_id}
    ]
    return tuple(may_allow[:_MOST_ASKED]) or coverages[:1]


def check_under(
    session: Session, coverage: Coverage | None, *, unit: UnitView, question: Question, now: datetime
) -> Check:
    """Ask the gate under one derogation, or under none; nothing is written."""
    instant = rules.instant_of(question.day, question.at, now=now)
    events = consents.list_facts(session, question.patient_id, coverage.derogation_id) if coverage else []
    facts = GateFacts(
        unit_state=unit.state,
        hold_reasons=tuple([hold.reason for hold in unit.holds]),
        expiration_date=unit.expiration_date,
        reference=unit.definition.reference,
        day=question.day,
        patient_id=question.patient_id,
        coverage=_coverage_facts(session, coverage, question.patient_id) if coverage else None,
        consent=consent_rules.state_at(events, instant),
        intervention=question.intervention,
        implanted_system=question.implanted_system,
        ward_id=question.ward_id,
        are_criteria_confirmed=question.are_criteria_confirmed,
    )
    return Check(rules.decide(facts), unit, coverage, consent_rules.in_force_at(events, instant))


def _coverage_facts(session: Session, coverage: Coverage, patient_id: UUID) -> CoverageFacts:
    cap = coverage.standing.patient_cap
    others = derogations.count_places(session, coverage.derogation_id, besides=patient_id) if cap is not None else 0
    return CoverageFacts(
        kind=coverage.kind,
        status=coverage.standing.status,
        valid_until=coverage.standing.valid_until,
        is_listed=coverage.is_listed,
        has_list=coverage.has_list,
        partial_revision_only=coverage.partial_revision_only,
        implanted_system=coverage.implanted_system,
        patient_id=coverage.patient_id,
        patient_cap=cap,
        other_patient_count=others,
        conditions=coverage.standing.conditions or NO_CONDITIONS,
    )


def record_use(session: Session, use_id: UUID, *, new: NewUse, actor: Actor, now: datetime, today: date) -> DeviceUse:
    """Record that a unit was used; the same id again is the same use.

    A use ends the life of an implant and of what is used up; equipment and software stay in service, and every use of
    them passes the gate like the first. The gate is asked here, with the derogation and the unit locked, in this order
    (docs/decisions/0023), whatever a page said before.

    Raises:
        NotPermitted: the actor may not.
        UnitNotFound: no such unit here.
        PatientNotFound: no such patient here.
        PersonNotFound: no such operator here.
        OperatorInvalid: the operator is no surgeon here.
        WardNotFound: no such ward here.
        UseDayInvalid: the day cannot be.
        UseRefused: the gate is closed; it says every reason.
        UseChanged: the id was used for something else.
        RegisterChanged: another derogation speaks for the unit than a moment ago.
    """
    actor.require(Permission.USE_WRITE)
    locked = _lock_what_speaks(session, new)
    unit = devices.get_unit_for_update(session, new.unit_number)
    existing = session.get(DeviceUse, use_id)
    if existing is not None:
        return _same_or_conflict(existing, unit.id, new)
    patients.get_patient(session, new.patient_id)
    operator = accounts.get_operator(session, new.operator_id)
    organisation.get_ward(session, new.ward_id)
    rules.check_day(new.used_on, today=today, received_on=derogations.paris_day(unit.created_at))
    rules.check_time(rules.use_instant(new.used_on, new.used_time), now=now)
    check = _check_locked(session, unit, new, locked=locked, now=now)
    if not check.gate.is_open:
        raise UseRefused(check.gate.findings)
    use = _insert(session, use_id, new=new, check=check, operator=operator, actor=actor, now=now)
    places.take_place(
        session,
        derogation_id=use.derogation_id,
        patient_id=use.patient_id,
        establishment_id=use.establishment_id,
        now=now,
    )
    event = use_event(unit.definition.kind)
    device_service.mark_used(session, unit.id, event=event, reason=new.intervention.value, actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="use:recorded",
        subject=f"use:{use_id}",
        details={
            "device": str(unit.id),
            "patient": str(new.patient_id),
            "derogation": str(use.derogation_id),
            "used_on": new.used_on.isoformat(),
        },
        now=now,
    )
    return use


def _insert(
    session: Session,
    use_id: UUID,
    *,
    new: NewUse,
    check: Check,
    operator: Person,
    actor: Actor,
    now: datetime,
) -> DeviceUse:
    """Write the use of an open gate.

    Raises:
        UseRefused: nothing that allows the use is named.
        UseChanged: the same id came for another unit at this very moment.
    """
    if check.coverage is None or check.consent is None:
        raise UseRefused(check.gate.findings)
    values = {
        **_values(new),
        "id": use_id,
        "establishment_id": actor.establishment_id,
        "device_id": check.unit.id,
        "ordinal": queries.next_ordinal(check.unit),
        "origin_id": use_id,
        "derogation_id": check.coverage.derogation_id,
        "consent_event_id": check.consent.event_id,
        "operator_name": operator.display_name,
        "findings": [finding.as_json() for finding in check.gate.findings],
        "recorded_at": now,
        "recorded_by_id": actor.id,
        "recorded_by_name": actor.display_name,
    }
    use: DeviceUse | None = session.scalar(
        upsert(DeviceUse).values(values).on_conflict_do_nothing().returning(DeviceUse)
    )
    if use is None:
        raise UseChanged(_OTHER_CONTENT, next_step=N_("Start again."))
    return use


_OTHER_CONTENT = N_("This form was already sent with another content.")


def _values(new: NewUse) -> dict[str, object]:
    """Return what was entered, by column."""
    return {
        "patient_id": new.patient_id,
        "used_on": new.used_on,
        "used_at": rules.use_instant(new.used_on, new.used_time),
        "operator_id": new.operator_id,
        "ward_id": new.ward_id,
        "side": new.side,
        "intervention": new.intervention,
        "implanted_system": new.implanted_system.strip(),
        "reason": new.reason.strip(),
    }


def _same_or_conflict(existing: DeviceUse, device_id: UUID, new: NewUse) -> DeviceUse:
    entered = _values(new) | {"device_id": device_id}
    if any(getattr(existing, name) != value for name, value in entered.items()):
        raise UseChanged(_OTHER_CONTENT, next_step=N_("Start again."))
    return existing


def _lock_what_speaks(session: Session, new: NewUse) -> frozenset[UUID]:
    """Lock the derogations and the consents that a use may rest on, before its unit; return which derogations.

    No decision is recorded, no last place given twice and no consent withdrawn between the gate's answer and the use.
    """
    unit = devices.get_unit(session, new.unit_number)
    found = sorted(one.derogation_id for one in _speaking(_coverages(session, unit, new.used_on), new.patient_id))
    for derogation_id in found:
        derogations.lock_derogation(session, derogation_id)
    for derogation_id in found:
        consents.lock_consent(session, new.patient_id, derogation_id)
    return frozenset(found)


def _check_locked(session: Session, unit: UnitView, new: NewUse, *, locked: frozenset[UUID], now: datetime) -> Check:
    """Ask the gate with everything locked that it rests on.

    Raises:
        RegisterChanged: it would rest on a derogation that is not locked.
    """
    question = Question(
        patient_id=new.patient_id,
        day=new.used_on,
        intervention=new.intervention,
        implanted_system=new.implanted_system,
        ward_id=new.ward_id,
        are_criteria_confirmed=new.are_criteria_confirmed,
        at=new.used_time,
    )
    check = check_use(session, unit=unit, question=question, now=now)
    if check.gate.is_open and check.coverage is not None and check.coverage.derogation_id not in locked:
        raise RegisterChanged(
            N_("The register changed while this use was being recorded. Nothing was written."),
            next_step=N_("Send it again."),
        )
    return check


def find_paper_source(session: Session, use_id: UUID) -> UseSource | None:
    """Return what the patient's papers are printed from; None where they were made already, or the record is wrong.

    Papers are printed between two transactions: nothing slow is done inside one that writes.

    Raises:
        UseNotFound: no such use here.
    """
    if documents.list_documents(session, _subject(use_id)) or queries.find_correction(session, use_id):
        return None
    use = queries.get_use(session, use_id).use
    sheet = derogations.get_sheet(session, use.derogation_id, day=use.used_on, known_at=use.recorded_at)
    return UseSource(
        unit=devices.get_unit_by_id(session, use.device_id),
        used_on=use.used_on,
        operator_name=use.operator_name,
        operator_rpps=accounts.get_person(session, use.operator_id).rpps or "",
        side=use.side,
        intervention=use.intervention,
        implanted_system=use.implanted_system,
        patient=patients.get_patient(session, use.patient_id),
        establishment=organisation.get_establishment(session, use.establishment_id),
        ward_name=organisation.get_ward(session, use.ward_id).name,
        derogation={
            "kind": sheet.kind.value,
            "reference": sheet.decision_reference,
            "valid_until": sheet.valid_until.isoformat() if sheet.valid_until else "",
        },
    )


def freeze_papers(session: Session, use_id: UUID, *, papers: Iterable[Paper], actor: Actor, now: datetime) -> None:
    """Keep the patient's papers of a use for ever; where they were made meanwhile, those stand.

    Raises:
        NotPermitted: the actor may not.
    """
    actor.require(Permission.USE_WRITE)
    queries.lock_papers(session, use_id)
    if documents.list_documents(session, _subject(use_id)):  # the same form, sent twice at once
        return
    for paper in papers:
        file = NewFile(paper.kind, _subject(use_id), f"{paper.kind.value}.pdf", paper.content, has_patient_data=True)
        document_service.freeze(session, file, actor=actor, now=now)


@dataclass(frozen=True, slots=True)
class PapersOfUse:
    """Making the patient's papers of a use: read, print, freeze (:class:`tracker.http.Slow`).

    All are made at once; a crash or a failure in between leaves the use, and its page offers to make them.
    """

    use_id: UUID
    locale: Locale
    actor: Actor
    now: datetime

    def read(self, session: Session) -> UseSource | None:
        """Return what they are printed from, None where they were made already."""
        return find_paper_source(session, self.use_id)

    def make(self, source: UseSource) -> tuple[Paper, ...] | None:
        """Print them; None where they cannot be made, which the log tells."""
        try:
            return print_papers(source, locale=self.locale, generated_at=self.now.astimezone(rules.PARIS))
        except RenderingFailed:
            logger.exception("papers of use %s", self.use_id)
            return None

    def keep(self, session: Session, made: tuple[Paper, ...]) -> None:
        """Freeze them."""
        freeze_papers(session, self.use_id, papers=made, actor=self.actor, now=self.now)


def _subject(use_id: UUID) -> str:
    return f"use:{use_id}"
