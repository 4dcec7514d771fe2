"""Actions on uses: the gate, and the use itself."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from tracker.accounts import queries as accounts
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.consents import queries as consents
from tracker.consents import rules as consent_rules
from tracker.consents.rules import ConsentFacts, ConsentState
from tracker.derogations import queries as derogations
from tracker.derogations.queries import Coverage
from tracker.derogations.rules import DerogationStatus
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.queries import UnitView
from tracker.devices.rules import Event
from tracker.errors import N_, Conflict
from tracker.organisation import queries as organisation
from tracker.patients import queries as patients
from tracker.use import queries, rules
from tracker.use.models import DeviceUse
from tracker.use.rules import CoverageFacts, Gate, GateFacts, Intervention, Side, UseRefused


class UseChanged(Conflict):
    """The same request was already sent with another content."""

    code = "use-changed"


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


@dataclass(frozen=True, slots=True)
class Check:
    """The gate, with what it was decided from."""

    gate: Gate
    unit: UnitView
    coverage: Coverage | None
    consent: ConsentFacts | None


def check_use(
    session: Session,
    *,
    unit: UnitView,
    patient_id: UUID,
    day: date,
    intervention: Intervention,
    implanted_system: str,
    now: datetime,
) -> Check:
    """Return whether a unit may be used for a patient on a day, and why; nothing is written."""
    coverages = derogations.find_coverage(
        session,
        manufacturer_id=unit.definition.manufacturer_id,
        reference=unit.definition.reference,
        day=day,
        known_at=now,
    )
    coverage = _speaking(coverages, patient_id)
    events = consents.list_facts(session, patient_id, coverage.derogation_id) if coverage else []
    facts = GateFacts(
        unit_state=unit.state,
        hold_reasons=tuple(hold.reason for hold in unit.holds),
        expiration_date=unit.expiration_date,
        reference=unit.definition.reference,
        day=day,
        patient_id=patient_id,
        coverage=_coverage_facts(session, coverage, patient_id) if coverage else None,
        consent=consent_rules.state_at(events, now) if coverage else ConsentState.NOT_ASKED,
        intervention=intervention,
        implanted_system=implanted_system,
    )
    return Check(rules.decide(facts), unit, coverage, consent_rules.in_force_at(events, now))


def _speaking(coverages: tuple[Coverage, ...], patient_id: UUID) -> Coverage | None:
    """Return the derogation that speaks for this patient: the first that fully allows, else the first of all."""
    allowing = (
        coverage
        for coverage in coverages
        if coverage.is_listed
        and coverage.standing.status is DerogationStatus.IN_FORCE
        and coverage.patient_id in {None, patient_id}
    )
    return next(allowing, coverages[0] if coverages else None)


def _coverage_facts(session: Session, coverage: Coverage, patient_id: UUID) -> CoverageFacts:
    cap = coverage.standing.patient_cap
    others = queries.count_other_patients(session, coverage.derogation_id, patient_id) if cap is not None else 0
    return CoverageFacts(
        status=coverage.standing.status,
        valid_until=coverage.standing.valid_until,
        is_listed=coverage.is_listed,
        partial_revision_only=coverage.partial_revision_only,
        implanted_system=coverage.implanted_system,
        patient_id=coverage.patient_id,
        patient_cap=cap,
        other_patient_count=others,
    )


def record_use(session: Session, use_id: UUID, *, new: NewUse, actor: Actor, now: datetime, today: date) -> DeviceUse:
    """Record that a unit was used; the same id again is the same use.

    The gate is asked here, with the unit locked and the derogation's count serialised, whatever a page said before.

    Raises:
        NotPermitted: the actor may not.
        UnitNotFound: no such unit here.
        PatientNotFound: no such patient here.
        UseDayInvalid: the day cannot be.
        UseRefused: the gate is closed; it says every reason.
        UseChanged: the id was used for something else.
    """
    actor.require(Permission.USE_WRITE)
    existing = session.get(DeviceUse, use_id)
    if existing is not None:
        return _same_or_conflict(session, existing, new)
    unit = devices.get_unit_for_update(session, new.unit_number)
    patients.get_patient(session, new.patient_id)
    rules.check_day(new.used_on, today=today, received_on=unit.created_at.date())
    check = _check_locked(session, unit, new, now=now)
    if not check.gate.is_open or check.coverage is None or check.consent is None:
        raise UseRefused(check.gate.findings)
    use = _insert(
        session, use_id, new=new, check=check, coverage=check.coverage, consent=check.consent, actor=actor, now=now
    )
    device_service.mark_used(
        session, unit.id, event=Event.IMPLANTATION, reason=new.intervention.value, actor=actor, now=now
    )
    audit.append(
        session,
        actor=actor,
        action="use:recorded",
        subject=f"use:{use_id}",
        details={
            "device": str(unit.id),
            "patient": str(new.patient_id),
            "derogation": str(check.coverage.derogation_id),
            "used_on": new.used_on.isoformat(),
        },
        now=now,
    )
    return use


def _same_or_conflict(session: Session, existing: DeviceUse, new: NewUse) -> DeviceUse:
    unit = devices.get_unit(session, new.unit_number)
    if (existing.device_id, existing.patient_id, existing.used_on) != (unit.id, new.patient_id, new.used_on):
        raise UseChanged(N_("This form was already sent with another content."), next_step=N_("Start again."))
    return existing


def _check_locked(session: Session, unit: UnitView, new: NewUse, *, now: datetime) -> Check:
    def check() -> Check:
        return check_use(
            session,
            unit=unit,
            patient_id=new.patient_id,
            day=new.used_on,
            intervention=new.intervention,
            implanted_system=new.implanted_system,
            now=now,
        )

    first = check()
    if first.coverage is None or first.coverage.standing.patient_cap is None:
        return first
    derogations.lock_derogation(session, first.coverage.derogation_id)  # two last places are not given at once
    return check()


def _insert(
    session: Session,
    use_id: UUID,
    *,
    new: NewUse,
    check: Check,
    coverage: Coverage,
    consent: ConsentFacts,
    actor: Actor,
    now: datetime,
) -> DeviceUse:
    operator = accounts.get_person(session, new.operator_id)
    ward = organisation.get_ward(session, new.ward_id)
    use = DeviceUse(
        id=use_id,
        establishment_id=actor.establishment_id,
        device_id=check.unit.id,
        patient_id=new.patient_id,
        derogation_id=coverage.derogation_id,
        consent_event_id=consent.event_id,
        used_on=new.used_on,
        operator_id=operator.id,
        operator_name=operator.display_name,
        ward_id=ward.id,
        side=new.side,
        intervention=new.intervention,
        implanted_system=new.implanted_system.strip(),
        reason=new.reason.strip(),
        findings=[finding.as_json() for finding in check.gate.findings],
        recorded_at=now,
        recorded_by_id=actor.id,
        recorded_by_name=actor.display_name,
    )
    session.add(use)
    session.flush()  # a unit used twice at once is refused by its unique key
    return use
