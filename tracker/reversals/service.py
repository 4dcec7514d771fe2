"""Acts on failed implantations and explantations that were entered wrongly."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.corrections.rules import Whereabouts, check_changes, check_why
from tracker.coverage import queries as coverages
from tracker.delivery import queries as delivery
from tracker.derogations import queries as derogations
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.queries import UnitView
from tracker.devices.rules import CLOSES_HOLDS, Event, Identity, UnitState, is_past, state_after
from tracker.errors import N_, check_same_request
from tracker.lots import queries as lots
from tracker.outcomes import queries as outcomes
from tracker.outcomes import service as outcome_service
from tracker.outcomes.models import Explantation, Failure
from tracker.outcomes.queries import CORRECTION_OF, Record
from tracker.outcomes.rules import NewExplantation, NewFailure
from tracker.reversals import rules
from tracker.reversals.rules import OutcomeCorrected


def amend_failure(
    session: Session,
    correction_id: UUID,
    *,
    failure_id: UUID,
    new: NewFailure,
    why: str,
    actor: Actor,
    now: datetime,
    today: date,
) -> Failure:
    """Correct how a unit was opened and not implanted: a new record stands instead; the same request again is the same.

    The unit stays that of the first record, whatever ``new`` names.

    Raises:
        NotPermitted: the actor may not record uses.
        FailureNotFound: there is no such failure here.
        OutcomeCorrected: another correction took this record back.
        PatientNotFound, PersonNotFound, OperatorInvalid, WardNotFound, FailureInvalid: see ``record_failure``.
        CorrectionInvalid: nothing differs, or nobody says what was wrong.
        RequestIdReused: the id belongs to another correction.
    """
    actor.require(Permission.USE_WRITE)
    why, new = check_why(why), new.tidied()
    wrong = outcomes.get_failure(session, failure_id)
    unit = devices.get_unit_by_id_for_update(session, wrong.device_id)
    values = new.columns()
    made_before = _find_amended(session, Failure, correction_id, wrong=wrong, values=values, why=why)
    if made_before is not None:
        return made_before
    _check_stands(session, wrong)
    check_changes(_columns(wrong, values), values)
    values["operator_name"] = outcome_service.check_failure(session, new, unit=unit, today=today, kept=wrong)
    return _replace(session, Failure, correction_id, wrong=wrong, values=values, why=why, actor=actor, now=now)


def amend_explantation(
    session: Session,
    correction_id: UUID,
    *,
    explantation_id: UUID,
    new: NewExplantation,
    why: str,
    actor: Actor,
    now: datetime,
    today: date,
) -> Explantation:
    """Correct how an implant was taken out: a new record stands instead; the same request again is the same.

    Raises:
        NotPermitted: the actor may not record uses.
        ExplantationNotFound: there is no such explantation here.
        OutcomeCorrected: another correction took this record back.
        PersonNotFound, OperatorInvalid, ExplantationInvalid: see ``record_explantation``.
        CorrectionInvalid: nothing differs, or nobody says what was wrong.
        RequestIdReused: the id belongs to another correction.
    """
    actor.require(Permission.USE_WRITE)
    why, new = check_why(why), new.tidied()
    wrong = outcomes.get_explantation(session, explantation_id)
    unit = devices.get_unit_by_id_for_update(session, wrong.device_id)
    values = outcome_service.columns_of_explantation(session, new, kept=wrong)
    made_before = _find_amended(session, Explantation, correction_id, wrong=wrong, values=values, why=why)
    if made_before is not None:
        return made_before
    _check_stands(session, wrong)
    check_changes(_columns(wrong, values), values)
    use = outcome_service.check_explantation(session, new, use_id=wrong.use_id, unit=unit, today=today)
    values["use_id"] = use.id
    return _replace(session, Explantation, correction_id, wrong=wrong, values=values, why=why, actor=actor, now=now)


def withdraw_failure(
    session: Session,
    correction_id: UUID,
    *,
    failure_id: UUID,
    why: str,
    whereabouts: Whereabouts,
    actor: Actor,
    now: datetime,
    today: date,
) -> UnitState:
    """Take a failed implantation back that was recorded for the wrong unit, and return the state of the unit then.

    The unit is with its ward again where a pharmacist saw it there intact, else in quarantine. The same request again
    changes nothing.

    Raises:
        NotPermitted: the actor may not take uses back.
        FailureNotFound: there is no such failure here.
        OutcomeCorrected: another correction took this record back.
        EventNotPossible: the unit went back to the manufacturer since, or was destroyed.
        CorrectionInvalid: nobody says what was wrong.
        RequestIdReused: the id belongs to another correction.
    """
    actor.require(Permission.USE_WITHDRAW)
    why, wrong = check_why(why), outcomes.get_failure(session, failure_id)
    unit = _lock_with_register(session, wrong, today=today)
    if _is_withdrawn_by(session, Failure, correction_id, wrong=wrong, why=why):
        return unit.state
    _check_stands(session, wrong)
    state_after(Event.USE_CORRECTED, unit.state)
    doubt = _doubt_about(session, unit, whereabouts, today=today)
    _correct(session, correction_id, wrong=wrong, replacement_id=None, why=why, actor=actor, now=now)
    state = device_service.unmark_used(session, unit, reason=why, doubt=doubt, actor=actor, now=now)
    told = {"reason": why, "device": str(unit.id), "state": state.value}
    subject = f"failure:{failure_id}"
    audit.append(session, actor=actor, action="failure:withdrawn", subject=subject, details=told, now=now)
    return state


def withdraw_explantation(
    session: Session, correction_id: UUID, *, explantation_id: UUID, why: str, actor: Actor, now: datetime
) -> None:
    """Take an explantation back that did not happen: the patient carries the unit, and recalls name them again.

    The same request again changes nothing.

    Raises:
        NotPermitted: the actor may not take uses back.
        ExplantationNotFound: there is no such explantation here.
        OutcomeCorrected: another correction took this record back.
        CorrectionInvalid: nobody says what was wrong.
        RequestIdReused: the id belongs to another correction.
    """
    actor.require(Permission.USE_WITHDRAW)
    why, wrong = check_why(why), outcomes.get_explantation(session, explantation_id)
    unit = devices.get_unit_by_id_for_update(session, wrong.device_id)
    if _is_withdrawn_by(session, Explantation, correction_id, wrong=wrong, why=why):
        return
    _check_stands(session, wrong)
    _correct(session, correction_id, wrong=wrong, replacement_id=None, why=why, actor=actor, now=now)
    told = {"reason": why, "device": str(unit.id)}
    subject = f"explantation:{explantation_id}"
    audit.append(session, actor=actor, action="explantation:withdrawn", subject=subject, details=told, now=now)


def _lock_with_register(session: Session, wrong: Failure, *, today: date) -> UnitView:
    """Lock what a unit that is given back rests on, in the order of decision 0023: derogations, lot, unit."""
    unit = devices.get_unit_by_id(session, wrong.device_id)
    found = coverages.find_coverage(
        session,
        manufacturer_id=unit.definition.manufacturer_id,
        reference=unit.definition.reference,
        day=today,
        known_at=coverages.AS_RECORDED,
    )
    for derogation_id in sorted(one.derogation_id for one in found if one.is_listed):
        derogations.lock_derogation(session, derogation_id)
    identity = Identity(wrong.id, unit.lot_number)
    device_service.lock_identities(session, [identity], establishment_id=wrong.establishment_id)
    return devices.get_unit_by_id_for_update(session, wrong.device_id)


def _doubt_about(session: Session, unit: UnitView, whereabouts: Whereabouts, *, today: date) -> str:
    """Return why a unit that was not opened after all is blocked; empty where it may be used in its ward."""
    refusal = delivery.find_refusal(session, unit, today=today)
    closed = CLOSES_HOLDS[UnitState.FAILED]
    return rules.doubt_about(
        whereabouts,
        has_ward=unit.ward_id is not None,
        was_held=any(hold.close_reason == closed for hold in devices.list_holds(session, unit.id)),
        is_lot_held=lots.count_lot_holds(session, unit.lot_number or "", unit.definition.id) > 0,
        uncovered=refusal.finding.code if refusal else "",
        is_past=is_past(unit.expiration_date, today),
    )


def _columns(record: Failure | Explantation, values: Mapping[str, object]) -> dict[str, object]:
    return {name: getattr(record, name) for name in values}


def _check_stands(session: Session, wrong: Failure | Explantation) -> None:
    """Check that a record stands.

    Raises:
        OutcomeCorrected: it does not.
    """
    if outcomes.find_correction(session, wrong) is not None:
        raise OutcomeCorrected(
            N_("Somebody corrected this record already. Nothing was written."),
            next_step=N_("Open the unit's page: its life leads to the record that stands."),
        )


def _find_amended(
    session: Session,
    table: type[Record],
    correction_id: UUID,
    *,
    wrong: Record,
    values: Mapping[str, object],
    why: str,
) -> Record | None:
    """Return the record that this request made before, None where it did not.

    Raises:
        RequestIdReused: the id belongs to another correction.
    """
    earlier = session.get(CORRECTION_OF[table], correction_id)
    if earlier is None:
        return None
    made = session.get(table, earlier.replacement_id) if earlier.replacement_id else None
    is_same = made is not None and (earlier.record_id, earlier.reason) == (wrong.id, why)
    check_same_request(is_same=is_same and made is not None and _columns(made, values) == dict(values))
    return made


def _is_withdrawn_by(session: Session, table: type[Record], correction_id: UUID, *, wrong: Record, why: str) -> bool:
    """Test whether this very request took a record back before.

    Raises:
        RequestIdReused: the id belongs to another correction.
    """
    earlier = session.get(CORRECTION_OF[table], correction_id)
    if earlier is None:
        return False
    check_same_request(is_same=(earlier.record_id, earlier.replacement_id, earlier.reason) == (wrong.id, None, why))
    return True


def _replace(
    session: Session,
    table: type[Record],
    correction_id: UUID,
    *,
    wrong: Record,
    values: Mapping[str, Any],
    why: str,
    actor: Actor,
    now: datetime,
) -> Record:
    """Append the record that stands in place of a wrong one, and that it does."""
    kept = {column.name: getattr(wrong, column.name) for column in table.__table__.columns}
    new = {"id": db.new_id(), "ordinal": outcomes.ordinal_after(table, wrong.device_id), **_by(actor, now)}
    made = outcome_service.append(session, table=table, values={**kept, **values, **new})
    _correct(session, correction_id, wrong=wrong, replacement_id=made.id, why=why, actor=actor, now=now)
    changed = [name for name, value in values.items() if getattr(wrong, name) != value]
    kind, told = table.__tablename__, {"replacement": str(made.id), "changed": ",".join(changed), "reason": why}
    audit.append(session, actor=actor, action=f"{kind}:amended", subject=f"{kind}:{wrong.id}", details=told, now=now)
    return made


def _correct(
    session: Session,
    correction_id: UUID,
    *,
    wrong: Failure | Explantation,
    replacement_id: UUID | None,
    why: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Append that a record was wrong.

    Raises:
        RequestIdReused: the id is that of another establishment's row, which nobody sees here.
    """
    table = CORRECTION_OF[type(wrong)]
    values = {"id": correction_id, "record_id": wrong.id, "replacement_id": replacement_id, "reason": why}
    values |= _by(actor, now)
    made = session.scalar(upsert(table).values(values).on_conflict_do_nothing().returning(table.id))
    check_same_request(is_same=made is not None)


def _by(actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "establishment_id": actor.establishment_id,
        "recorded_at": now,
        "recorded_by_id": actor.id,
        "recorded_by_name": actor.display_name,
    }
