"""Table of what happened to an incident after its report; appended only."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.followups.rules import EventKind
from tracker.vigilance.rules import DevicePlace, ReportRecipient


class IncidentEvent(Tenant, Base):
    """One step of the follow-up. Its id is the client's request id."""

    __tablename__ = "incident_event"
    __table_args__ = (Index("ix_incident_event_incident_id", "incident_id", "recorded_at"),)

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incident.id"))
    kind: Mapped[EventKind] = code_column(EventKind)
    happened_on: Mapped[date]
    """Paris calendar."""
    recipient: Mapped[ReportRecipient | None] = code_column(ReportRecipient)
    reference: Mapped[str]
    sealed_text: Mapped[bytes]
    """Context ``incident_event.text:<id>``: a conclusion speaks of the patient."""
    device_place: Mapped[DevicePlace | None] = code_column(DevicePlace)
    is_device_kept: Mapped[bool | None]
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("document.id"))
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]
