"""Acts on what became of units: a failed implantation, an explantation."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker.accounts import queries as accounts
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.derogations import queries as derogations
from tracker.devices import queries as devices
from tracker.devices.queries import UnitView
from tracker.devices.rules import Event, NewMovement
from tracker.dispositions import service as dispositions
from tracker.errors import N_, check_same_request
from tracker.organisation import queries as organisation
from tracker.outcomes import queries, rules
from tracker.outcomes.models import Explantation, Failure
from tracker.outcomes.queries import Record
from tracker.outcomes.rules import AlreadyExplanted, NewExplantation, NewFailure, UseWithdrawn
from tracker.patients import queries as patients
from tracker.use import queries as uses
from tracker.use.models import DeviceUse


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
    values = {**new.columns(), "device_id": unit.id}
    earlier = session.get(Failure, failure_id)
    if earlier is not None:
        return _same(earlier, values)
    values |= {"id": failure_id, "operator_name": check_failure(session, new, unit=unit, today=today)}
    lost = NewMovement(failure_id, Event.FAILED_IMPLANTATION)
    dispositions.take_out(session, {unit.number: lost}, actor=actor, now=now)
    values["ordinal"] = queries.next_ordinal(Failure, unit.id)
    failure = append(session, table=Failure, values=_by(actor, now) | values)
    told = {"device": str(unit.id), "cause": new.cause.value, "stage": new.stage.value}
    audit.append(
        session, actor=actor, action="failure:recorded", subject=f"failure:{failure_id}", details=told, now=now
    )
    return failure


def check_failure(
    session: Session, new: NewFailure, *, unit: UnitView, today: date, kept: Failure | None = None
) -> str:
    """Check what a failed implantation names and says, and return the operator's name.

    ``kept`` is the record it corrects: who operated there need be no surgeon any more.

    Raises:
        PatientNotFound, PersonNotFound, OperatorInvalid, WardNotFound: what it names is not here.
        NotImplantable, FailureInvalid: see :func:`tracker.outcomes.rules.check_failure`.
    """
    if new.patient_id is not None:
        patients.get_patient(session, new.patient_id)
    is_kept = kept is not None and kept.operator_id == new.operator_id
    name = kept.operator_name if kept and is_kept else accounts.get_operator(session, new.operator_id).display_name
    organisation.get_ward(session, new.ward_id)
    received_on = derogations.paris_day(unit.created_at)
    rules.check_failure(new, kind=unit.definition.kind, received_on=received_on, today=today)
    return name


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
    values = {**columns_of_explantation(session, new), "device_id": unit.id}
    earlier = session.get(Explantation, explantation_id)
    if earlier is not None:
        return _same(earlier, values)
    use = check_explantation(session, new, use_id=use_id, unit=unit, today=today)
    if queries.find_explantation(session, unit.id) is not None:
        raise AlreadyExplanted(
            N_("This device was already taken out. Nothing was written."),
            next_step=N_("Open the page of the use to see when and why."),
        )
    values |= {"id": explantation_id, "use_id": use.id, "patient_id": use.patient_id}
    values["ordinal"] = queries.next_ordinal(Explantation, unit.id)
    explantation = append(session, table=Explantation, values=_by(actor, now) | values)
    told = {"device": str(unit.id), "use": str(use.id), "cause": new.cause.value, "fate": new.fate.value}
    subject = f"explantation:{explantation_id}"
    audit.append(session, actor=actor, action="explantation:recorded", subject=subject, details=told, now=now)
    return explantation


def columns_of_explantation(
    session: Session, new: NewExplantation, *, kept: Explantation | None = None
) -> dict[str, Any]:
    """Return what was entered, by column, with who took it out.

    ``kept`` is the record it corrects: who operated there need be no surgeon any more.

    Raises:
        PersonNotFound: there is no such operator here.
        OperatorInvalid: the operator is no surgeon here.
    """
    values = asdict(new)
    values["operator_name"] = values.pop("elsewhere")
    if new.operator_id is not None:
        is_kept = kept is not None and kept.operator_id == new.operator_id
        known = kept.operator_name if kept and is_kept else None
        values["operator_name"] = known or accounts.get_operator(session, new.operator_id).display_name
    return values


def check_explantation(
    session: Session, new: NewExplantation, *, use_id: UUID, unit: UnitView, today: date
) -> DeviceUse:
    """Check what an explantation says, and return the record of its use that stands.

    Raises:
        UseWithdrawn: a correction says that the unit was not used.
        NotImplantable, ExplantationInvalid: see :func:`tracker.outcomes.rules.check_explantation`.
    """
    use = uses.find_standing(session, use_id)
    if use is None:
        raise UseWithdrawn(
            N_("This use was withdrawn: the unit is not in this patient."),
            next_step=N_("Look for the unit that is, in the use log."),
        )
    rules.check_explantation(new, kind=unit.definition.kind, used_on=use.used_on, today=today)
    return use


def _same(earlier: Record, values: dict[str, Any]) -> Record:
    check_same_request(is_same=all(getattr(earlier, name) == value for name, value in values.items()))
    return earlier


def append(session: Session, *, table: type[Record], values: Mapping[str, Any]) -> Record:
    """Append a fact of a locked unit; the caller's action checks it and tells the trail.

    Raises:
        RequestIdReused: the id is that of another unit's or another establishment's row.
    """
    made = session.scalar(upsert(table).values(values).on_conflict_do_nothing().returning(table))
    check_same_request(is_same=made is not None)
    return session.get_one(table, values["id"])


def _by(actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "establishment_id": actor.establishment_id,
        "recorded_at": now,
        "recorded_by_id": actor.id,
        "recorded_by_name": actor.display_name,
    }
