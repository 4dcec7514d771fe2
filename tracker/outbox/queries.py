"""Reads of messages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from tracker.documents import queries as documents
from tracker.documents.models import Document
from tracker.errors import N_, NotFound
from tracker.organisation import queries as organisation
from tracker.outbox.models import Attempt, Message, MessageAttachment
from tracker.outbox.rules import Attachment, Letter, MessageState

PAGE_SIZE = 50


class MessageNotFound(NotFound):
    """No such message in this establishment."""

    code = "message-not-found"


@dataclass(frozen=True, slots=True)
class KeptMail:
    """A message that was put into the local mailbox."""

    message: Message
    mailbox_key: str
    kept_at: datetime


def get_message(session: Session, message_id: UUID) -> Message:
    """Return one message.

    Raises:
        MessageNotFound: there is none with this id here.
    """
    message = session.get(Message, message_id)
    if message is None:
        raise MessageNotFound(N_("There is no such message."))
    return message


def get_message_for_update(session: Session, message_id: UUID) -> Message:
    """Return one message and lock it.

    Raises:
        MessageNotFound: there is none with this id here.
    """
    message = session.get(Message, message_id, with_for_update=True, populate_existing=True)
    if message is None:
        raise MessageNotFound(N_("There is no such message."))
    return message


def get_by_key(session: Session, idempotency_key: str) -> Message:
    """Return the message that a cause has written; the caller knows that there is one."""
    return session.scalars(select(Message).where(Message.idempotency_key == idempotency_key)).one()


def find_due(session: Session, *, now: datetime) -> Message | None:
    """Return the message that has waited longest and that nobody else is sending, locked; None when none is due."""
    statement = (
        select(Message)
        .where(
            Message.state == MessageState.QUEUED,
            Message.next_attempt_at <= now,
            Message.lease_until.is_(None) | (Message.lease_until <= now),
        )
        .order_by(Message.next_attempt_at, Message.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return session.scalar(statement)


def list_messages(
    session: Session, *, before: UUID | None = None, state: MessageState | None = None, limit: int = PAGE_SIZE
) -> Sequence[Message]:
    """Return the messages, newest first.

    Args:
        session: a transaction of the establishment.
        before: only those older than this one.
        state: only those in this state.
        limit: at most so many.
    """
    statement = select(Message).order_by(Message.created_at.desc(), Message.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(Message.state == state)
    if before is not None:
        last = get_message(session, before)
        statement = statement.where(tuple_(Message.created_at, Message.id) < (last.created_at, last.id))
    return session.scalars(statement).all()


def list_attempts(session: Session, message_id: UUID) -> Sequence[Attempt]:
    """Return the attempts to send one message, oldest first."""
    return session.scalars(
        select(Attempt).where(Attempt.message_id == message_id).order_by(Attempt.at, Attempt.id)
    ).all()


def list_attachments(session: Session, message_id: UUID) -> Sequence[Document]:
    """Return the frozen documents that go with one message, in order, without their content."""
    statement = (
        select(Document)
        .join(MessageAttachment, MessageAttachment.document_id == Document.id)
        .where(MessageAttachment.message_id == message_id)
        .order_by(MessageAttachment.position)
    )
    return session.scalars(statement).all()


def list_about(session: Session, subject_ref: str) -> Sequence[Message]:
    """Return the messages of one cause (``noun:id``), oldest first."""
    statement = select(Message).where(Message.subject_ref == subject_ref).order_by(Message.created_at, Message.id)
    return session.scalars(statement).all()


def list_kept(session: Session, *, before: UUID | None = None, limit: int = PAGE_SIZE) -> Sequence[KeptMail]:
    """Return the messages of this establishment that lie in the local mailbox, newest first."""
    statement = (
        select(Message, Attempt.details["mailbox_key"].astext, Attempt.at)
        .join(Attempt, Attempt.message_id == Message.id)
        .where(Attempt.succeeded, Attempt.details.has_key("mailbox_key"))
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(limit)
    )
    if before is not None:
        last = get_message(session, before)
        statement = statement.where(tuple_(Message.created_at, Message.id) < (last.created_at, last.id))
    return [KeptMail(message, key, at) for message, key, at in session.execute(statement)]


def get_kept(session: Session, message_id: UUID) -> KeptMail:
    """Return where one message lies in the local mailbox.

    Raises:
        MessageNotFound: there is no such message here, or it was not kept in the local mailbox.
    """
    statement = (
        select(Message, Attempt.details["mailbox_key"].astext, Attempt.at)
        .join(Attempt, Attempt.message_id == Message.id)
        .where(Message.id == message_id, Attempt.succeeded, Attempt.details.has_key("mailbox_key"))
        .order_by(Attempt.at.desc())
        .limit(1)
    )
    row = session.execute(statement).one_or_none()
    if row is None:
        raise MessageNotFound(N_("This message is not in the local mailbox."))
    return KeptMail(row[0], row[1], row[2])


def count_failed(session: Session) -> int:
    """Return how many messages failed for good and still wait for somebody to care."""
    statement = select(func.count()).select_from(Message).where(Message.state == MessageState.FAILED)
    return session.scalar(statement) or 0


def count_waiting_since(session: Session, instant: datetime) -> int:
    """Return how many messages written before an instant are still waiting to be sent."""
    statement = (
        select(func.count())
        .select_from(Message)
        .where(Message.state == MessageState.QUEUED, Message.created_at < instant)
    )
    return session.scalar(statement) or 0


def get_cover(session: Session, message: Message, *, sender: str) -> Letter:
    """Return what the e-mail of a message says, without its files.

    Args:
        session: a transaction of the establishment.
        message: of this establishment.
        sender: address of the sender.
    """
    establishment = organisation.get_establishment(session, message.establishment_id)
    return Letter(
        message_id=message.message_id,
        written_at=message.created_at,
        sender=sender,
        sender_name=establishment.name,
        reply_to=establishment.email,
        recipient=message.recipient,
        subject=message.subject,
        body=message.body,
    )


def get_letter(session: Session, message: Message, *, sender: str) -> Letter:
    """Return everything the e-mail of a message is made of, its files included; only to send it.

    Args:
        session: a transaction of the establishment.
        message: of this establishment.
        sender: address of the sender.
    """
    attachments = tuple(
        Attachment(document.filename, document.media_type, documents.read_content(session, document.id))
        for document in list_attachments(session, message.id)
    )
    return replace(get_cover(session, message, sender=sender), attachments=attachments)
