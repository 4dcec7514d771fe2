"""Tables of messages to the outside."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.outbox.rules import MessageKind, MessageState


class Message(Tenant, Base):
    """One message, written in the transaction of its cause."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("establishment_id", "idempotency_key"),
        Index("ix_message_due", "next_attempt_at", postgresql_where=text("state = 'queued'")),
        Index("ix_message_list", "establishment_id", "created_at", "id"),
        Index("ix_message_failed", "establishment_id", "created_at", "id", postgresql_where=text("state = 'failed'")),
        Index("ix_message_subject_ref", "establishment_id", "subject_ref"),
    )

    kind: Mapped[MessageKind] = code_column(MessageKind)
    idempotency_key: Mapped[str]
    """``slice.cause:<id>:…``: the same cause writes one message."""
    subject_ref: Mapped[str]
    """``noun:id`` of the cause."""
    recipient: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    message_id: Mapped[str]
    """Message-ID header (RFC 5322 section 3.6.4), the same at every attempt."""
    state: Mapped[MessageState] = code_column(MessageState)
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID]
    next_attempt_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    """Until then the worker that claimed it may be sending it."""
    attempt_count: Mapped[int]
    finished_at: Mapped[datetime | None]
    """When it was sent, failed for good or was cancelled."""


class MessageAttachment(Tenant, Base):
    """A frozen document that goes with a message."""

    __tablename__ = "message_attachment"
    __table_args__ = (UniqueConstraint("message_id", "position"),)

    message_id: Mapped[UUID] = mapped_column(ForeignKey("message.id"))
    document_id: Mapped[UUID] = mapped_column(ForeignKey("document.id"))
    position: Mapped[int]


class Attempt(Tenant, Base):
    """One attempt to send, with the server's answer: the proof of sending; appended only."""

    __tablename__ = "message_attempt"
    __table_args__ = (Index("ix_message_attempt_message_id", "message_id"),)

    message_id: Mapped[UUID] = mapped_column(ForeignKey("message.id"))
    at: Mapped[datetime]
    succeeded: Mapped[bool]
    permanent: Mapped[bool]
    """A refusal that no further attempt can change."""
    answer: Mapped[str]
    """What the server said, or what happened to the connection."""
    details: Mapped[dict[str, Any]]
