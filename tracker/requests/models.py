"""Tables of requests: the request, and what is appended to it: savings of its file, events, attachments."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.derogations.rules import DerogationKind
from tracker.requests.rules import RequestEventKind, RequestState


class DerogationRequest(Tenant, Base):
    """One request; state, version and designation are written with the last event or saving that gives them."""

    __tablename__ = "derogation_request"
    __table_args__ = (
        UniqueConstraint("number"),
        Index("ix_derogation_request_list", "establishment_id", "number"),
        Index(
            "ix_derogation_request_open",
            "establishment_id",
            "moved_at",
            postgresql_where=text("state in ('drafting', 'given', 'filed')"),
        ),
    )

    number: Mapped[int] = mapped_column(BigInteger, server_default=text("nextval('derogation_request_number_seq')"))
    kind: Mapped[DerogationKind] = code_column(DerogationKind)
    state: Mapped[RequestState] = code_column(RequestState)
    version: Mapped[int]
    """Of the last saving of its file."""
    designation: Mapped[str]
    """As last saved."""
    moved_at: Mapped[datetime]
    """Last saving or step; a reminder is none."""
    derogation_id: Mapped[UUID | None] = mapped_column(ForeignKey("derogation.id"))
    """The derogation that ANSM's answer made, granted or refused."""
    route: Mapped[str]
    """Answer of the guided questions from which it was opened; empty where none."""
    opened_at: Mapped[datetime]
    opened_by_id: Mapped[UUID]
    opened_by_name: Mapped[str]


class RequestRevision(Tenant, Base):
    """One saving of the file; its id is the client's. Nothing typed is ever overwritten."""

    __tablename__ = "derogation_request_revision"
    __table_args__ = (UniqueConstraint("request_id", "version"),)

    request_id: Mapped[UUID] = mapped_column(ForeignKey("derogation_request.id"))
    version: Mapped[int]
    sealed_file: Mapped[bytes]
    """JSON of :class:`tracker.requests.rules.RequestFile`, context ``derogation_request.file:<id>``."""
    saved_at: Mapped[datetime]
    saved_by_id: Mapped[UUID]
    saved_by_name: Mapped[str]


class RequestEvent(Tenant, Base):
    """One dated fact; its id is the client's."""

    __tablename__ = "derogation_request_event"
    __table_args__ = (Index("ix_derogation_request_event_request_id", "request_id", "recorded_at"),)

    request_id: Mapped[UUID] = mapped_column(ForeignKey("derogation_request.id"))
    kind: Mapped[RequestEventKind] = code_column(RequestEventKind)
    state_after: Mapped[RequestState] = code_column(RequestState)
    happened_on: Mapped[date]
    """Paris calendar."""
    version: Mapped[int]
    """Of the file at that moment."""
    sha256: Mapped[str]
    """For a signature: hash of the justification that was signed; empty otherwise."""
    sealed_note: Mapped[bytes | None]
    """Context ``derogation_request_event.note:<id>``."""
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("document.id"))
    """The dossier that was given, or the decision letter."""
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]


class RequestAttachment(Tenant, Base):
    """One document attached to a request; its id is the client's."""

    __tablename__ = "derogation_request_attachment"
    __table_args__ = (Index("ix_derogation_request_attachment_request_id", "request_id"),)

    request_id: Mapped[UUID] = mapped_column(ForeignKey("derogation_request.id"))
    document_id: Mapped[UUID] = mapped_column(ForeignKey("document.id"))
    sealed_title: Mapped[bytes]
    """Context ``derogation_request_attachment.title:<id>``."""
    names_patient: Mapped[bool]
    """It never goes to the operator."""
    attached_at: Mapped[datetime]
    attached_by_id: Mapped[UUID]
    attached_by_name: Mapped[str]
