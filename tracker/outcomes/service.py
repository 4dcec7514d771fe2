"""Acts on what became of units: a failed implantation, an explantation."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker.accounts import queries as accounts
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.derogations import queries as derogations
from tracker.devices import queries as devices
from tracker.devices.rules import Event, NewMovement
from tracker.dispositions import service as dispositions
from tracker.errors import N_, check_same_request
from tracker.organisation import queries as organisation
from tracker.outcomes import queries, rules
from tracker.outcomes.models import Explantation, Failure
from tracker.outcomes.rules import AlreadyExplanted, NewExplantation, NewFailure, UseWithdrawn
from tracker.patients import queries as patients
from tracker.use import queries as uses

Row = TypeVar("Row", Failure, Explantation)


def record_failure(
    session: Session, failure_id: UUID, *, new: NewFailure, actor: Actor, now: datetime, today: date
) -> Failure:
    """Record that a unit was opened or tried and not implanted (ECH); the same request again changes nothing.

    No derogation and no consent is asked for: it happened, and the unit is gone whether or not it might have been
    used. It takes no place under a cap and counts in no recap as used. Holds on it close: nothing is left to block.

    Raises:
        NotPermitted: the actor may not record uses.
        UnitNotFound: there is no such unit here.
        PatientNotFound: there is no such patient here.
        PersonNotFound: there is no such operator here.
        OperatorInvalid: the operator is no surgeon here.
        WardNotFound: there is no such ward here.
        NotImplantable: equipment or software.
        FailureInvalid: a field is missing or wrong.
        EventNotPossible: the unit was used, or has left the stock.
        RequestIdReused: the id belongs to another failure.
    """
    actor.require(Permission.USE_WRITE)
    new = new.tidied()
    unit = devices.get_unit_for_update(session, new.unit_number)
    values = {**asdict(new), "device_id": unit.id}
    del values["unit_number"]
    earlier = session.get(Failure, failure_id)
    if earlier is not None:
        return _same(earlier, values)
    if new.patient_id is not None:
        patients.get_patient(session, new.patient_id)
    operator = accounts.get_operator(session, new.operator_id)
    organisation.get_ward(session, new.ward_id)
    received_on = derogations.paris_day(unit.created_at)
    rules.check_failure(new, kind=unit.definition.kind, received_on=received_on, today=today)
    lost = NewMovement(failure_id, Event.FAILED_IMPLANTATION)
    dispositions.take_out(session, {unit.number: lost}, actor=actor, now=now)
    values |= {"id": failure_id, "operator_name": operator.display_name}
    failure = _append(session, Failure, values, actor=actor, now=now)
    told = {"device": str(unit.id), "cause": new.cause.value, "stage": new.stage.value}
    audit.append(
        session, actor=actor, action="failure:recorded", subject=f"failure:{failure_id}", details=told, now=now
    )
    return failure


def record_explantation(
    session: Session,
    explantation_id: UUID,
    *,
    use_id: UUID,
    new: NewExplantation,
    actor: Actor,
    now: datetime,
    today: date,
) -> Explantation:
    """Record that an implanted unit was taken out of its patient; the same request again changes nothing.

    Raises:
        NotPermitted: the actor may not record uses.
        UseNotFound: there is no such use here.
        PersonNotFound: there is no such operator here.
        OperatorInvalid: the operator is no surgeon here.
        NotImplantable: the device is no implant.
        ExplantationInvalid: a field is missing or wrong.
        UseWithdrawn: a correction says that the unit was not used.
        AlreadyExplanted: it was taken out before.
        RequestIdReused: the id belongs to another explantation.
    """
    actor.require(Permission.USE_WRITE)
    new = new.tidied()
    unit = devices.get_unit_by_id_for_update(session, uses.get_use(session, use_id).use.device_id)
    use = uses.find_standing(session, use_id)
    values = {**asdict(new), "device_id": unit.id}
    elsewhere = values.pop("elsewhere")
    values["operator_name"] = (
        accounts.get_operator(session, new.operator_id).display_name if new.operator_id else elsewhere
    )
    earlier = session.get(Explantation, explantation_id)
    if earlier is not None:
        return _same(earlier, values)
    if use is None:
        raise UseWithdrawn(
            N_("This use was withdrawn: the unit is not in this patient."),
            next_step=N_("Look for the unit that is, in the use log."),
        )
    rules.check_explantation(new, kind=unit.definition.kind, used_on=use.used_on, today=today)
    if queries.find_explantation(session, unit.id) is not None:
        raise AlreadyExplanted(
            N_("This device was already taken out. Nothing was written."),
            next_step=N_("Open the page of the use to see when and why."),
        )
    values |= {"id": explantation_id, "use_id": use.id, "patient_id": use.patient_id}
    explantation = _append(session, Explantation, values, actor=actor, now=now)
    told = {"device": str(unit.id), "use": str(use.id), "cause": new.cause.value, "fate": new.fate.value}
    subject = f"explantation:{explantation_id}"
    audit.append(session, actor=actor, action="explantation:recorded", subject=subject, details=told, now=now)
    return explantation


def _same(earlier: Row, values: dict[str, Any]) -> Row:
    check_same_request(is_same=all(getattr(earlier, name) == value for name, value in values.items()))
    return earlier


def _append(session: Session, table: type[Row], values: dict[str, Any], *, actor: Actor, now: datetime) -> Row:
    """Append a fact of a locked unit.

    Raises:
        RequestIdReused: the id is that of another unit's or another establishment's row.
    """
    by = {"recorded_at": now, "recorded_by_id": actor.id, "recorded_by_name": actor.display_name}
    values = {"establishment_id": actor.establishment_id, **by, **values}
    made = session.scalar(upsert(table).values(values).on_conflict_do_nothing().returning(table))
    check_same_request(is_same=made is not None)
    return session.get_one(table, values["id"])
