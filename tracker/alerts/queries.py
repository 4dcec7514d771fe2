"""Reads of warnings and of what waits for each person."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.alerts.models import DerogationWarning
from tracker.consents.models import ConsentEvent
from tracker.consents.rules import ConsentEventKind
from tracker.devices.models import Device, Hold
from tracker.devices.rules import UnitState
from tracker.reception.models import Reception
from tracker.use.models import DeviceUse
from tracker.vigilance.models import Incident, IncidentReport


def list_warnings(session: Session) -> Sequence[DerogationWarning]:
    """Return every warning raised, newest first; which are still true is for the rules to say."""
    return session.scalars(select(DerogationWarning).order_by(DerogationWarning.raised_at.desc())).all()


def count_open_receptions(session: Session) -> int:
    """Return how many deliveries are open at the bench."""
    return session.scalar(select(func.count()).select_from(Reception).where(Reception.closed_at.is_(None))) or 0


def count_quarantined(session: Session) -> int:
    """Return how many units wait in quarantine."""
    statement = select(func.count()).select_from(Device).where(Device.state == UnitState.QUARANTINED)
    return session.scalar(statement) or 0


def count_held(session: Session) -> int:
    """Return how many units on hand have an open hold."""
    statement = (
        select(func.count(Hold.device_id.distinct()))
        .join(Device, Device.id == Hold.device_id)
        .where(Hold.closed_at.is_(None), Device.state.in_([UnitState.RELEASED, UnitState.DELIVERED]))
    )
    return session.scalar(statement) or 0


def count_delivered(session: Session) -> int:
    """Return how many units are in wards, not yet used."""
    statement = select(func.count()).select_from(Device).where(Device.state == UnitState.DELIVERED)
    return session.scalar(statement) or 0


def list_untransmitted(session: Session) -> Sequence[Incident]:
    """Return the incidents declared here and not yet reported to ANSM and the manufacturer, oldest first."""
    reported = select(IncidentReport.incident_id)
    return session.scalars(select(Incident).where(Incident.id.not_in(reported)).order_by(Incident.number)).all()


def count_informed_without_decision(session: Session) -> int:
    """Return for how many patients and derogations the patient was informed and has not yet decided."""
    latest = (
        select(ConsentEvent.kind)
        .distinct(ConsentEvent.patient_id, ConsentEvent.derogation_id)
        .order_by(ConsentEvent.patient_id, ConsentEvent.derogation_id, ConsentEvent.at.desc())
        .subquery()
    )
    statement = select(func.count()).select_from(latest).where(latest.c.kind == ConsentEventKind.INFORMED)
    return session.scalar(statement) or 0


def count_emergencies_to_inform(session: Session) -> int:
    """Return how many uses rest on an emergency, whose patient must still be informed."""
    informed_after = (
        select(ConsentEvent.id)
        .where(
            ConsentEvent.patient_id == DeviceUse.patient_id,
            ConsentEvent.derogation_id == DeviceUse.derogation_id,
            ConsentEvent.kind.in_([ConsentEventKind.INFORMED, ConsentEventKind.OBTAINED]),
        )
        .exists()
    )
    statement = (
        select(func.count())
        .select_from(DeviceUse)
        .join(ConsentEvent, ConsentEvent.id == DeviceUse.consent_event_id)
        .where(ConsentEvent.kind == ConsentEventKind.EMERGENCY, ~informed_after)
    )
    return session.scalar(statement) or 0


def count_units_on_hand(session: Session, definition_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return, per definition, how many units are in stock, in quarantine or in wards."""
    statement = (
        select(Device.definition_id, func.count())
        .where(
            Device.definition_id.in_(definition_ids),
            Device.state.in_([UnitState.QUARANTINED, UnitState.RELEASED, UnitState.DELIVERED]),
        )
        .group_by(Device.definition_id)
    )
    return {row[0]: row[1] for row in session.execute(statement)}
