"""Acts on uses that were entered wrongly: details corrected, or the whole use taken back."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker import db
from tracker.accounts import queries as accounts
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.corrections import rules
from tracker.corrections.rules import Amendment, UseCorrected, Whereabouts
from tracker.coverage import queries as coverages
from tracker.derogations import queries as derogations
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.queries import UnitView
from tracker.devices.rules import Identity, UnitState, is_past
from tracker.errors import N_, check_same_request
from tracker.lots import queries as lots
from tracker.organisation import queries as organisation
from tracker.outcomes import queries as outcomes
from tracker.places import service as places
from tracker.use import queries as uses
from tracker.use import rules as use_rules
from tracker.use import service as use_service
from tracker.use.models import DeviceUse, UseCorrection
from tracker.use.service import Check, Question


@dataclass(frozen=True, slots=True)
class _Locked:
    """A use with its unit, locked."""

    use: DeviceUse
    unit: UnitView
    explanted_on: date | None


def _lock(session: Session, use_id: UUID) -> _Locked:
    """Lock the derogation, the lot and the unit of a use, in the order of decision 0023.

    Raises:
        UseNotFound: there is no such use here.
    """
    use = uses.get_use(session, use_id).use
    unit = devices.get_unit_by_id(session, use.device_id)
    derogations.lock_derogation(session, use.derogation_id)
    identity = Identity(use_id, unit.lot_number)
    device_service.lock_identities(session, [identity], establishment_id=use.establishment_id)
    unit = devices.get_unit_by_id_for_update(session, use.device_id)
    gone = outcomes.find_explantation(session, unit.id)
    return _Locked(use, unit, gone.explanted_on if gone else None)


def amend_use(
    session: Session,
    correction_id: UUID,
    *,
    use_id: UUID,
    new: Amendment,
    why: str,
    actor: Actor,
    now: datetime,
    today: date,
) -> DeviceUse:
    """Correct the details of a use: a new record stands in place of the wrong one; the same request again is the same.

    The gate is asked for the corrected day and its answer kept, but it refuses nothing: the device is in the patient,
    and the register says what happened. The derogation, the unit and the patient stay those of the first record.

    Raises:
        NotPermitted: the actor may not record uses.
        UseNotFound: there is no such use here.
        UseCorrected: another correction took this record back.
        PersonNotFound: there is no such operator here.
        OperatorInvalid: the operator is no surgeon here.
        WardNotFound: there is no such ward here.
        UseDayInvalid: the day cannot be.
        UseExplanted: the device was taken out before the corrected day.
        CorrectionInvalid: nothing differs, or nobody says what was wrong.
        RequestIdReused: the id belongs to another correction.
    """
    actor.require(Permission.USE_WRITE)
    why = rules.check_why(why)
    locked = _lock(session, use_id)
    use, unit, values = locked.use, locked.unit, _values(new)
    earlier = session.get(UseCorrection, correction_id)
    if earlier is not None:
        return _same_amendment(session, earlier, use_id=use_id, values=values, why=why)
    _check_standing(session, use)
    changed = rules.check_changes({name: getattr(use, name) for name in values}, values)
    if "operator_id" in changed:
        values["operator_name"] = accounts.get_operator(session, new.operator_id).display_name
    organisation.get_ward(session, new.ward_id)
    use_rules.check_day(new.used_on, today=today, received_on=derogations.paris_day(unit.created_at))
    use_rules.check_time(use_rules.use_instant(new.used_on, new.used_time), now=now)
    rules.check_not_explanted(locked.explanted_on, used_on=new.used_on)
    check = _ask_gate(session, locked, new, now=now)
    made = _replace(session, use, values=values, check=check, actor=actor, now=now)
    _correct(session, correction_id, use=use, replacement_id=made.id, why=why, actor=actor, now=now)
    told = {
        "replacement": str(made.id),
        "changed": ",".join(changed),
        "reason": why,
        "gate": "open" if check.gate.is_open else "closed",
    }
    audit.append(session, actor=actor, action="use:amended", subject=f"use:{use_id}", details=told, now=now)
    return made


def _values(new: Amendment) -> dict[str, object]:
    """Return what was entered, by column."""
    return {
        "used_on": new.used_on,
        "used_at": use_rules.use_instant(new.used_on, new.used_time),
        "operator_id": new.operator_id,
        "ward_id": new.ward_id,
        "side": new.side,
        "intervention": new.intervention,
        "implanted_system": new.implanted_system.strip(),
        "reason": new.reason.strip(),
    }


def _same_amendment(
    session: Session, earlier: UseCorrection, *, use_id: UUID, values: dict[str, object], why: str
) -> DeviceUse:
    made = session.get(DeviceUse, earlier.replacement_id) if earlier.replacement_id else None
    is_same = (earlier.use_id, earlier.reason) == (use_id, why)
    check_same_request(is_same=is_same and all(getattr(made, name, None) == value for name, value in values.items()))
    return session.get_one(DeviceUse, earlier.replacement_id)


def _check_standing(session: Session, use: DeviceUse) -> None:
    """Check that a record stands.

    Raises:
        UseCorrected: it does not.
    """
    if uses.find_correction(session, use.id) is not None:
        raise UseCorrected(
            N_("Somebody corrected this record already. Nothing was written."),
            next_step=N_("Open the page of the use: it leads to the record that stands."),
        )


def _ask_gate(session: Session, locked: _Locked, new: Amendment, *, now: datetime) -> Check:
    """Ask the gate as if the unit were not used yet, under the derogation of the first record."""
    use, unit = locked.use, locked.unit
    question = Question(
        patient_id=use.patient_id,
        day=new.used_on,
        intervention=new.intervention,
        implanted_system=new.implanted_system,
        at=new.used_time,
        ward_id=new.ward_id,
        are_criteria_confirmed=any(finding["code"] == "criteria-confirmed" for finding in use.findings) or None,
    )
    coverage = coverages.get_coverage(
        session, use.derogation_id, reference=unit.definition.reference, day=new.used_on, known_at=now
    )
    before = replace(unit, state=UnitState.DELIVERED, holds=())
    return use_service.check_under(session, coverage, unit=before, question=question, now=now)


def _replace(
    session: Session, use: DeviceUse, *, values: dict[str, object], check: Check, actor: Actor, now: datetime
) -> DeviceUse:
    """Append the record that stands in place of a wrong one."""
    kept = {column.name: getattr(use, column.name) for column in DeviceUse.__table__.columns}
    changed = {
        "id": db.new_id(),
        "ordinal": uses.ordinal_after(use.device_id),
        "findings": [finding.as_json() for finding in check.gate.findings],
        "recorded_at": now,
        "recorded_by_id": actor.id,
        "recorded_by_name": actor.display_name,
    }
    if check.consent is not None:
        changed["consent_event_id"] = check.consent.event_id
    statement = upsert(DeviceUse).values({**kept, **values, **changed}).returning(DeviceUse)
    return session.scalars(statement).one()


def _correct(
    session: Session,
    correction_id: UUID,
    *,
    use: DeviceUse,
    replacement_id: UUID | None,
    why: str,
    actor: Actor,
    now: datetime,
) -> UseCorrection:
    """Append that a record was wrong.

    Raises:
        RequestIdReused: the id is that of another establishment's row, which nobody sees here.
    """
    values = {
        "id": correction_id,
        "establishment_id": actor.establishment_id,
        "use_id": use.id,
        "replacement_id": replacement_id,
        "reason": why,
        "recorded_at": now,
        "recorded_by_id": actor.id,
        "recorded_by_name": actor.display_name,
    }
    statement = upsert(UseCorrection).values(values).on_conflict_do_nothing().returning(UseCorrection)
    made: UseCorrection | None = session.scalar(statement)
    check_same_request(is_same=made is not None)
    return session.get_one(UseCorrection, correction_id)


def withdraw_use(
    session: Session,
    correction_id: UUID,
    *,
    use_id: UUID,
    why: str,
    whereabouts: Whereabouts,
    actor: Actor,
    now: datetime,
    today: date,
) -> UnitState:
    """Take a use back that was recorded for the wrong unit or patient, and return the state of the unit afterwards.

    The unit is free again: with its ward where a pharmacist saw it there intact, else in quarantine. The patient's
    place under a cap is free where no other use of theirs stands. The right unit is recorded at the gate like any use.
    The same request again changes nothing.

    Raises:
        NotPermitted: the actor may not take uses back.
        UseNotFound: there is no such use here.
        UseCorrected: another correction took this record back.
        UseExplanted: the device was taken out of the patient, so it was used.
        CorrectionInvalid: nobody says what was wrong.
        RequestIdReused: the id belongs to another correction.
    """
    actor.require(Permission.USE_WITHDRAW)
    why = rules.check_why(why)
    locked = _lock(session, use_id)
    use, unit = locked.use, locked.unit
    earlier = session.get(UseCorrection, correction_id)
    if earlier is not None:
        kept = (earlier.use_id, earlier.replacement_id, earlier.reason)
        check_same_request(is_same=kept == (use_id, None, why))
        return unit.state
    _check_standing(session, use)
    rules.check_not_explanted(locked.explanted_on)
    _correct(session, correction_id, use=use, replacement_id=None, why=why, actor=actor, now=now)
    doubt = _doubt_about(session, locked, whereabouts, now=now, today=today)
    state = unit.state
    if state is UnitState.USED:  # what stays in service stays where it is
        state = device_service.unmark_used(session, unit, reason=why, doubt=doubt, actor=actor, now=now)
    if not uses.is_counted(session, derogation_id=use.derogation_id, patient_id=use.patient_id):
        places.free_place(session, derogation_id=use.derogation_id, patient_id=use.patient_id, now=now)
    told = {"reason": why, "device": str(unit.id), "state": state.value}
    audit.append(session, actor=actor, action="use:withdrawn", subject=f"use:{use_id}", details=told, now=now)
    return state


def _doubt_about(session: Session, locked: _Locked, whereabouts: Whereabouts, *, now: datetime, today: date) -> str:
    """Return why a unit that was not used after all is blocked; empty where it may be used in its ward."""
    unit = locked.unit
    coverage = coverages.get_coverage(
        session, locked.use.derogation_id, reference=unit.definition.reference, day=today, known_at=now
    )
    return rules.doubt_about(
        whereabouts,
        has_ward=unit.ward_id is not None,
        is_lot_held=lots.count_lot_holds(session, unit.lot_number or "", unit.definition.id) > 0,
        status=coverage.standing.status,
        is_past=is_past(unit.expiration_date, today),
    )
