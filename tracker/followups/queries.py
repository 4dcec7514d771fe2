"""Reads of the follow-up of incidents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

from tracker import db
from tracker.followups.models import IncidentEvent
from tracker.followups.rules import EventFacts, EventKind
from tracker.outbox.models import Message
from tracker.outbox.rules import MessageState
from tracker.vigilance.models import Incident, IncidentReport
from tracker.vigilance.queries import Dossier
from tracker.vigilance.rules import IncidentState, ReportRecipient, case_number, state_of


@dataclass(frozen=True, slots=True)
class EventView:
    """One step of the follow-up with its text in the clear."""

    event: IncidentEvent
    text: str

    @property
    def facts(self) -> EventFacts:
        """Return what the rules need of it."""
        event = self.event
        return EventFacts(
            kind=event.kind,
            happened_on=event.happened_on,
            recipient=event.recipient,
            reference=event.reference,
            text=self.text,
            device_place=event.device_place,
            is_device_kept=event.is_device_kept,
            has_document=event.document_id is not None,
        )


@dataclass(frozen=True, slots=True)
class LateReport:
    """A report that was sent and that its recipient has not acknowledged."""

    report_id: UUID
    incident_id: UUID
    incident_number: int
    recipient: ReportRecipient
    sent_at: datetime

    @property
    def number(self) -> str:
        """Return the number of the case."""
        return case_number(self.incident_number)


def first_state(dossier: Dossier) -> IncidentState:
    """Return how far the first reports of an incident are, whatever became of its complements."""
    return state_of([line.message_state for line in dossier.reports if line.report.follow_up == 0])


def list_events(session: Session, incident_id: UUID) -> Sequence[EventView]:
    """Return the follow-up of an incident, in the order of recording."""
    statement = select(IncidentEvent).where(IncidentEvent.incident_id == incident_id)
    rows = session.scalars(statement.order_by(IncidentEvent.recorded_at, IncidentEvent.id))
    return [EventView(row, read_text(session, row)) for row in rows]


def read_text(session: Session, event: IncidentEvent) -> str:
    """Return the text of an event in the clear."""
    return db.keyring(session).unseal(event.sealed_text, context=f"incident_event.text:{event.id}").decode()


def list_complements(session: Session, request_id: UUID) -> Sequence[IncidentReport]:
    """Return the renditions of a complement that a request made, ANSM's first; empty where it made none."""
    statement = select(IncidentReport).where(IncidentReport.request_id == request_id)
    return session.scalars(statement.order_by(IncidentReport.recipient)).all()


_heard = aliased(IncidentEvent)
_closing = aliased(IncidentEvent)
_reopening = aliased(IncidentEvent)
_IS_HEARD = (
    select(_heard.id)
    .where(
        _heard.incident_id == IncidentReport.incident_id,
        _heard.recipient == IncidentReport.recipient,
        _heard.kind.in_([EventKind.ACKNOWLEDGED, EventKind.ANSWERED]),
    )
    .exists()
)
_IS_CLOSED = (
    select(_closing.id)
    .where(
        _closing.incident_id == IncidentReport.incident_id,
        _closing.kind == EventKind.CLOSED,
        ~select(_reopening.id)
        .where(
            _reopening.incident_id == _closing.incident_id,
            _reopening.kind == EventKind.REOPENED,
            _reopening.recorded_at > _closing.recorded_at,
        )
        .exists(),
    )
    .exists()
)


def list_late(session: Session, *, sent_before: datetime, limit: int) -> Sequence[LateReport]:
    """Return the first reports sent before an instant that nobody acknowledged, of open incidents, oldest first."""
    statement: Select[*tuple[Any, ...]] = (
        select(IncidentReport.id, Incident.id, Incident.number, IncidentReport.recipient, Message.finished_at)
        .join(Incident, Incident.id == IncidentReport.incident_id)
        .join(Message, Message.id == IncidentReport.message_id)
        .where(
            IncidentReport.follow_up == 0,
            Message.state == MessageState.SENT,
            Message.finished_at < sent_before,
            ~_IS_HEARD,
            ~_IS_CLOSED,
        )
        .order_by(Message.finished_at, IncidentReport.recipient)
        .limit(limit)
    )
    return [LateReport(*row) for row in session.execute(statement)]
