"""Tables of incidents and their reports; appended only."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.vigilance.rules import Consequence, DevicePlace, ReportRecipient


class Incident(Tenant, Base):
    """One incident or risk of incident with one unit. Its id is the client's request id."""

    __tablename__ = "incident"
    __table_args__ = (
        UniqueConstraint("number"),
        Index("ix_incident_list", "establishment_id", "number"),
        Index("ix_incident_device_id", "device_id"),
    )

    number: Mapped[int] = mapped_column(BigInteger, server_default=text("nextval('incident_number_seq')"))
    """Internal case number: the only name of the case that a manufacturer sees."""
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    use_id: Mapped[UUID | None] = mapped_column(ForeignKey("device_use.id"))
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id"))
    occurred_on: Mapped[date]
    detected_on: Mapped[date]
    place: Mapped[str]
    consequences: Mapped[list[Consequence]] = mapped_column(ARRAY(TEXT))
    sealed_narrative: Mapped[bytes]
    """JSON of :class:`tracker.vigilance.rules.Narrative`, context ``incident.narrative:<id>``."""
    device_place: Mapped[DevicePlace] = code_column(DevicePlace)
    is_device_kept: Mapped[bool]
    """Kept and available for expertise."""
    declared_at: Mapped[datetime]
    declared_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    declared_by_name: Mapped[str]


class IncidentReport(Tenant, Base):
    """One frozen rendition for one recipient, and the message that carries it."""

    __tablename__ = "incident_report"
    __table_args__ = (
        UniqueConstraint("incident_id", "recipient", "follow_up"),
        UniqueConstraint("request_id", "recipient"),
    )

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incident.id"))
    recipient: Mapped[ReportRecipient] = code_column(ReportRecipient)
    follow_up: Mapped[int] = mapped_column(server_default=text("0"))
    """0: the first report; then the complements, counted from 1."""
    request_id: Mapped[UUID | None]
    """Of a complement: the client's."""
    document_id: Mapped[UUID] = mapped_column(ForeignKey("document.id"))
    message_id: Mapped[UUID] = mapped_column(ForeignKey("message.id"))
    made_at: Mapped[datetime]
    made_by_id: Mapped[UUID]
    made_by_name: Mapped[str]
