"""Table of frozen documents."""

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column


class DocumentKind(enum.StrEnum):
    """What a document is. Stored: a change needs a migration."""

    DECISION = "decision"
    NOTICE = "notice"
    CONSENT = "consent"
    PATIENT_DOCUMENT = "patient_document"
    IMPLANT_CARD = "implant_card"
    REPORT_ANSM = "report_ansm"
    REPORT_MANUFACTURER = "report_manufacturer"
    LABEL = "label"
    PHOTO = "photo"
    REQUEST_ATTACHMENT = "request_attachment"
    REQUEST_DOSSIER = "request_dossier"
    RECAP = "recap"
    PUBLICATION = "publication"
    INCIDENT_LETTER = "incident_letter"


class Document(Tenant, Base):
    """One frozen file; appended only. The content is sealed, the hash is that of the plain bytes."""

    __tablename__ = "document"
    __table_args__ = (Index("ix_document_subject", "establishment_id", "subject"),)

    kind: Mapped[DocumentKind] = code_column(DocumentKind)
    subject: Mapped[str]
    """``noun:id`` of what the document is about."""
    filename: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    """Bytes of the plain content."""
    sha256: Mapped[str]
    """64 lowercase hexadecimal digits, of the plain content."""
    sealed_content: Mapped[bytes] = mapped_column(deferred=True)
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID]
    has_patient_data: Mapped[bool]
    """Reading it needs the permission to read patients."""
