"""Tables of information notices and consent events. Events are appended only."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.consents.rules import ConsentEventKind, SignerCapacity
from tracker.db import Base, Tenant, code_column


class Notice(Tenant, Base):
    """One version of the information given before consent; frozen once made."""

    __tablename__ = "notice"
    __table_args__ = (UniqueConstraint("establishment_id", "derogation_id", "version"),)

    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    version: Mapped[int]
    texts: Mapped[dict[str, Any]]
    """:class:`tracker.consents.rules.NoticeTexts`, field by field."""
    sha256: Mapped[str]
    """Of the texts (``rules.notice_hash``); printed on the form and kept with each event."""
    effective_from: Mapped[date]
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID]


class ConsentEvent(Tenant, Base):
    """One dated fact about one patient's information and consent for one derogation."""

    __tablename__ = "consent_event"
    __table_args__ = (
        Index("ix_consent_event_patient_id", "patient_id", "derogation_id", "at"),
        Index("ix_consent_event_derogation_id", "derogation_id", "patient_id", "at"),
        Index("ix_consent_event_informed", "establishment_id", "at", postgresql_where=text("kind = 'informed'")),
        Index("ix_consent_event_emergency", "establishment_id", "at", postgresql_where=text("kind = 'emergency'")),
    )

    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    notice_id: Mapped[UUID | None] = mapped_column(ForeignKey("notice.id"))
    kind: Mapped[ConsentEventKind] = code_column(ConsentEventKind)
    at: Mapped[datetime]
    """When the patient was informed or decided; not when it was typed."""
    informed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    informed_by_name: Mapped[str]
    signer_capacity: Mapped[SignerCapacity | None] = code_column(SignerCapacity)
    sealed_signer_name: Mapped[bytes | None]
    """Context ``consent_event.signer:<id>``."""
    sealed_reason: Mapped[bytes | None]
    """Reason of an emergency or a withdrawal, and who was consulted; context ``consent_event.reason:<id>``."""
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("document.id"))
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]
