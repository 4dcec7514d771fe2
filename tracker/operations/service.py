"""Actions on planned operations."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker.accounts import queries as accounts
from tracker.accounts.models import Person
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.catalogue import queries as catalogue
from tracker.derogations import queries as derogations
from tracker.devices.rules import check_reason
from tracker.errors import N_, Conflict
from tracker.operations import queries, rules
from tracker.operations.models import PlannedOperation
from tracker.patients import queries as patients


class OperationChanged(Conflict):
    """The operation was closed meanwhile, or the same request planned another one."""

    code = "operation-changed"


@dataclass(frozen=True, slots=True)
class NewOperation:
    """What is known of an operation to plan."""

    patient_id: UUID
    planned_on: date
    """Paris calendar."""
    operator_id: UUID
    derogation_id: UUID | None = None
    definition_id: UUID | None = None


def plan_operation(
    session: Session, operation_id: UUID, *, new: NewOperation, actor: Actor, now: datetime, today: date
) -> PlannedOperation:
    """Plan an operation; the same id again is the same one. It is planned whatever the derogation is worth that day.

    Raises:
        NotPermitted: the actor may not.
        PlanInvalid: the day is past, or nothing says with which device.
        PatientNotFound: no such patient here.
        PersonNotFound: no such operator here.
        OperatorInvalid: the operator is no surgeon here.
        DerogationNotFound: no such derogation here.
        DefinitionNotFound: no such device in the catalogue.
        OperationChanged: the id was used for something else.
    """
    actor.require(Permission.USE_WRITE)
    patients.get_patient(session, new.patient_id)
    operator = accounts.get_operator(session, new.operator_id)
    if new.derogation_id is not None:
        derogations.get_derogation(session, new.derogation_id)
    if new.definition_id is not None:
        catalogue.get_definition(session, new.definition_id)
    existing = session.get(PlannedOperation, operation_id)
    if existing is None:
        rules.check_plan(new.planned_on, today=today, names_device=bool(new.derogation_id or new.definition_id))
        planned = _insert_operation(session, operation_id, new, operator=operator, actor=actor, now=now)
        if planned is not None:
            _audit_operation(session, planned, "operation:planned", actor=actor, now=now)
            return planned
        existing = session.get(PlannedOperation, operation_id)
    if existing is None or any(getattr(existing, name) != value for name, value in asdict(new).items()):
        raise OperationChanged(_OTHER_CONTENT, next_step=N_("Start again."))
    return existing


def _insert_operation(
    session: Session, operation_id: UUID, new: NewOperation, *, operator: Person, actor: Actor, now: datetime
) -> PlannedOperation | None:
    """Write a planned operation, or return None when its id is taken."""
    values = asdict(new) | {
        "id": operation_id,
        "establishment_id": actor.establishment_id,
        "operator_name": operator.display_name,
        "recorded_at": now,
        "recorded_by_id": actor.id,
        "recorded_by_name": actor.display_name,
    }
    planned: PlannedOperation | None = session.scalar(
        upsert(PlannedOperation).values(values).on_conflict_do_nothing().returning(PlannedOperation)
    )
    return planned


def close_operation(
    session: Session, operation_id: UUID, *, reason: str, actor: Actor, now: datetime
) -> PlannedOperation:
    """Close a planned operation: done, given up, or to be planned anew; closed twice with one reason is closed once.

    Raises:
        NotPermitted: the actor may not.
        OperationNotFound: there is none with this id here.
        ReasonMissing: no reason was given.
        OperationChanged: somebody else closed it, for another reason.
    """
    actor.require(Permission.USE_WRITE)
    operation = queries.lock_operation(session, operation_id)
    reason = check_reason(reason)
    if operation.closed_at is not None:
        if operation.close_reason == reason:
            return operation
        raise OperationChanged(
            N_("%(name)s has closed this operation: %(reason)s"),
            next_step=N_("Plan a new one if it still takes place."),
            name=operation.closed_by_name,
            reason=operation.close_reason,
        )
    operation.closed_at, operation.close_reason = now, reason
    operation.closed_by_id, operation.closed_by_name = actor.id, actor.display_name
    _audit_operation(session, operation, "operation:closed", actor=actor, now=now)
    return operation


def _audit_operation(
    session: Session, operation: PlannedOperation, action: str, *, actor: Actor, now: datetime
) -> None:
    audit.append(
        session,
        actor=actor,
        action=action,
        subject=f"operation:{operation.id}",
        details={"patient": str(operation.patient_id), "planned_on": operation.planned_on.isoformat()},
        now=now,
    )


_OTHER_CONTENT = N_("This form was already sent with another content.")
