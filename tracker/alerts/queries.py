"""Reads of warnings and of what waits for each person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from tracker.alerts.models import DerogationWarning, OperationWarning
from tracker.arrivals.models import Reception
from tracker.catalogue.models import DeviceDefinition
from tracker.consents.models import ConsentEvent
from tracker.consents.rules import ConsentEventKind
from tracker.derogations.models import Derogation
from tracker.devices.models import Device
from tracker.devices.rules import UnitState
from tracker.operations.models import PlannedOperation
from tracker.outbox.models import Message
from tracker.outbox.rules import MessageKind, MessageState
from tracker.use.models import DeviceUse
from tracker.use.queries import STANDING
from tracker.vigilance.models import Incident, IncidentReport


def list_warnings(session: Session, *, from_day: date) -> Sequence[DerogationWarning]:
    """Return the warnings of ends on a day or later, earliest end and nearest threshold first."""
    statement = select(DerogationWarning).where(DerogationWarning.valid_until >= from_day)
    return session.scalars(
        statement.order_by(
            DerogationWarning.valid_until, DerogationWarning.threshold_days, DerogationWarning.derogation_id
        )
    ).all()


def list_waiting_mails(session: Session) -> Sequence[Message]:
    """Return the warning mails that were not sent yet."""
    statement = select(Message).where(
        Message.state == MessageState.QUEUED, Message.kind == MessageKind.DEROGATION_WARNING
    )
    return session.scalars(statement.order_by(Message.created_at, Message.id)).all()


@dataclass(frozen=True, slots=True)
class OperationAlert:
    """One planned operation that nothing allows on its day, as the home page shows it: no patient is named."""

    operation_id: UUID
    planned_on: date
    operator_name: str
    subject: str
    status: str
    valid_until: date | None


def list_operation_warnings(session: Session) -> dict[UUID, OperationWarning]:
    """Return the open warnings about planned operations, by operation."""
    statement = select(OperationWarning).where(OperationWarning.withdrawn_at.is_(None))
    return {warning.operation_id: warning for warning in session.scalars(statement)}


def list_operation_alerts(session: Session, *, from_day: date, limit: int) -> Sequence[OperationAlert]:
    """Return the operations still planned on a day or later that are warned of, by day; one SQL."""
    statement = (
        select(
            PlannedOperation.id,
            PlannedOperation.planned_on,
            PlannedOperation.operator_name,
            func.coalesce(DeviceDefinition.designation, Derogation.designation),
            OperationWarning.status,
            OperationWarning.valid_until,
        )
        .join(PlannedOperation, PlannedOperation.id == OperationWarning.operation_id)
        .outerjoin(Derogation, Derogation.id == PlannedOperation.derogation_id)
        .outerjoin(DeviceDefinition, DeviceDefinition.id == PlannedOperation.definition_id)
        .where(
            OperationWarning.withdrawn_at.is_(None),
            PlannedOperation.closed_at.is_(None),
            PlannedOperation.planned_on >= from_day,
        )
        .order_by(PlannedOperation.planned_on, PlannedOperation.id)
        .limit(limit)
    )
    return [OperationAlert(*row) for row in session.execute(statement)]


def count_open_receptions(session: Session) -> int:
    """Return how many deliveries are open at the bench."""
    return session.scalar(select(func.count()).select_from(Reception).where(Reception.closed_at.is_(None))) or 0


def count_quarantined(session: Session) -> int:
    """Return how many units wait in quarantine."""
    statement = select(func.count()).select_from(Device).where(Device.state == UnitState.QUARANTINED)
    return session.scalar(statement) or 0


def list_untransmitted(session: Session) -> Sequence[Incident]:
    """Return the incidents declared here and not yet reported to ANSM and the manufacturer, oldest first."""
    reported = select(IncidentReport.id).where(IncidentReport.incident_id == Incident.id).exists()
    return session.scalars(select(Incident).where(~reported).order_by(Incident.number)).all()


def count_informed_without_decision(session: Session, *, since: datetime) -> int:
    """Return how many times a patient was informed after ``since`` and nothing followed."""
    later = aliased(ConsentEvent)
    followed = (
        select(later.id)
        .where(
            later.patient_id == ConsentEvent.patient_id,
            later.derogation_id == ConsentEvent.derogation_id,
            later.at > ConsentEvent.at,
        )
        .exists()
    )
    statement = (
        select(func.count())
        .select_from(ConsentEvent)
        .where(ConsentEvent.kind == ConsentEventKind.INFORMED, ConsentEvent.at > since, ~followed)
    )
    return session.scalar(statement) or 0


def count_emergencies_to_inform(session: Session) -> int:
    """Return how many uses rest on an emergency, whose patient must still be informed."""
    later = aliased(ConsentEvent)
    informed = (
        select(later.id)
        .where(
            later.patient_id == ConsentEvent.patient_id,
            later.derogation_id == ConsentEvent.derogation_id,
            later.kind.in_([ConsentEventKind.INFORMED, ConsentEventKind.OBTAINED, ConsentEventKind.REFUSED]),
            later.at >= ConsentEvent.at,
        )
        .exists()
    )
    statement = (
        select(func.count())
        .select_from(ConsentEvent)
        .join(
            DeviceUse,
            (DeviceUse.consent_event_id == ConsentEvent.id) & (DeviceUse.patient_id == ConsentEvent.patient_id),
        )
        .where(ConsentEvent.kind == ConsentEventKind.EMERGENCY, ~informed, STANDING)
    )
    return session.scalar(statement) or 0
