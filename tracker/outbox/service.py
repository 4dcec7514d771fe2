"""Actions on messages. Sending itself is done by the job, outside any transaction."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.documents import queries as documents
from tracker.errors import N_
from tracker.organisation import queries as organisation
from tracker.outbox import queries, rules
from tracker.outbox.models import Attempt, Message, MessageAttachment
from tracker.outbox.rules import AttemptResult, MessageKind, MessageNotWaiting, MessageState

_DOMAIN_WITHOUT_ADDRESS = "trace59.localdomain"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to write. No patient datum in subject or body: both travel and are kept unsealed."""

    kind: MessageKind
    idempotency_key: str
    """``slice.cause:<id>:…``: the same key is the same message, for ever."""
    subject_ref: str
    """``noun:id`` of the cause."""
    recipient: str
    subject: str
    body: str
    attachments: tuple[UUID, ...] = ()
    """Frozen documents, in order."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that belongs to one worker until the lease ends."""

    message_id: UUID
    lease_until: datetime


def queue(session: Session, *, new: NewMessage, actor: Actor, now: datetime) -> Message:
    """Write a message in the transaction of its cause; the caller's own action checks the permission.

    Returns:
        The message; the one already written when the key was used before.

    Raises:
        RecipientInvalid: not an address.
        SubjectInvalid: more than one line.
        DocumentNotFound: an attachment is not a document of this establishment.
    """
    rules.check_recipient(new.recipient)
    rules.check_subject(new.subject)
    message_id = db.new_id()
    inserted: Message | None = session.scalar(
        insert(Message)
        .values(
            id=message_id,
            establishment_id=actor.establishment_id,
            kind=new.kind,
            idempotency_key=new.idempotency_key,
            subject_ref=new.subject_ref,
            recipient=new.recipient,
            subject=new.subject,
            body=new.body,
            message_id=_message_id_header(session, message_id, actor),
            state=MessageState.QUEUED,
            created_at=now,
            created_by_id=actor.id,
            next_attempt_at=now,
            attempt_count=0,
        )
        .on_conflict_do_nothing(index_elements=["establishment_id", "idempotency_key"])
        .returning(Message)
    )
    if inserted is None:
        return queries.get_by_key(session, new.idempotency_key)
    for position, document_id in enumerate(new.attachments):
        documents.get_document(session, document_id)  # a foreign key does not look at whose document it is
        session.add(
            MessageAttachment(
                id=db.new_id(),
                establishment_id=actor.establishment_id,
                message_id=message_id,
                document_id=document_id,
                position=position,
            )
        )
    _tell(session, inserted, "message:queued", actor=actor, now=now)
    return inserted


def cancel(session: Session, message_id: UUID, *, actor: Actor, now: datetime) -> Message:
    """Withdraw a message that is no longer true and was not sent; the caller's own action checks the permission.

    Raises:
        MessageNotFound: there is none with this id here.
        MessageNotWaiting: it was sent, or failed for good.
    """
    message = queries.get_message_for_update(session, message_id)
    if message.state is MessageState.CANCELLED:
        return message
    _check_state(message, MessageState.QUEUED)
    message.state = MessageState.CANCELLED
    message.finished_at = now
    _tell(session, message, "message:cancelled", actor=actor, now=now)
    return message


def retry_message(session: Session, message_id: UUID, *, actor: Actor, now: datetime) -> Message:
    """Try a message again at once, with all its attempts before it, whether it failed for good or still waits.

    Raises:
        NotPermitted: the actor may not transmit reports.
        MessageNotFound: there is none with this id here.
        MessageNotWaiting: it was sent or cancelled.
    """
    actor.require(Permission.INCIDENT_TRANSMIT)
    message = queries.get_message_for_update(session, message_id)
    _check_state(message, MessageState.FAILED, MessageState.QUEUED)
    message.state = MessageState.QUEUED
    message.next_attempt_at = now
    message.attempt_count = 0
    message.finished_at = None
    _tell(session, message, "message:retried", actor=actor, now=now)
    return message


def set_aside(session: Session, message_id: UUID, *, actor: Actor, now: datetime) -> Message:
    """Close a message that failed for good, because what it says was told by other means.

    Raises:
        NotPermitted: the actor may not transmit reports.
        MessageNotFound: there is none with this id here.
        MessageNotWaiting: it did not fail.
    """
    actor.require(Permission.INCIDENT_TRANSMIT)
    message = queries.get_message_for_update(session, message_id)
    if message.state is MessageState.CANCELLED:
        return message
    _check_state(message, MessageState.FAILED)
    message.state = MessageState.CANCELLED
    message.finished_at = now
    _tell(session, message, "message:set-aside", actor=actor, now=now)
    return message


def claim(session: Session, *, actor: Actor, now: datetime) -> Claim | None:
    """Return the next due message, reserved for the caller until the lease ends; None when none is due.

    The attempt is counted here, before it is made: a message that kills its worker comes back later each time, and
    after the last time it has failed for good like any other.
    """
    message = queries.find_due(session, now=now)
    while message is not None and rules.is_exhausted(message.attempt_count):
        _finish(message, MessageState.FAILED, now=now)
        _tell(session, message, "message:failed", actor=actor, now=now)
        session.flush()  # it is no longer due
        message = queries.find_due(session, now=now)
    if message is None:
        return None
    message.lease_until = now + rules.LEASE
    message.attempt_count += 1
    message.next_attempt_at = now + max(rules.LEASE, rules.retry_delay(message.attempt_count))
    return Claim(message.id, message.lease_until)


def record_attempt(
    session: Session, claimed: Claim, *, result: AttemptResult, actor: Actor, now: datetime
) -> MessageState:
    """Write how an attempt ended, and what follows from it.

    A success counts whoever holds the lease by now, and even when the message was cancelled meanwhile: it has left. A
    failure counts only while the lease is the caller's own.

    Raises:
        MessageNotFound: there is no such message here.
    """
    message = queries.get_message_for_update(session, claimed.message_id)
    session.add(
        Attempt(
            id=db.new_id(),
            establishment_id=message.establishment_id,
            message_id=message.id,
            at=now,
            succeeded=result.succeeded,
            permanent=result.permanent,
            answer=result.answer,
            details=dict(result.details),
        )
    )
    if result.succeeded and message.state is not MessageState.SENT:
        _finish(message, MessageState.SENT, now=now)
        _tell(session, message, "message:sent", actor=actor, now=now)
    elif not result.succeeded and message.state is MessageState.QUEUED and message.lease_until == claimed.lease_until:
        state = rules.state_after_failure(message.attempt_count, permanent=result.permanent)
        if state is MessageState.FAILED:
            _finish(message, state, now=now)
            _tell(session, message, "message:failed", actor=actor, now=now)
        else:
            message.lease_until = None
            message.next_attempt_at = now + rules.retry_delay(message.attempt_count)
    return message.state


def _finish(message: Message, state: MessageState, *, now: datetime) -> None:
    message.state = state
    message.finished_at = now
    message.lease_until = None


def _check_state(message: Message, *states: MessageState) -> None:
    if message.state not in states:
        raise MessageNotWaiting(
            N_("Somebody or something else was faster: this message is no longer where it was. Nothing was changed."),
            next_step=N_("Reload the page to see where it is."),
        )


def _message_id_header(session: Session, message_id: UUID, actor: Actor) -> str:
    """Return a Message-ID that no other message has (RFC 5322 section 3.6.4)."""
    establishment = organisation.get_establishment(session, actor.establishment_id)
    domain = establishment.email.rpartition("@")[2] if "@" in establishment.email else _DOMAIN_WITHOUT_ADDRESS
    return f"<{message_id}@{domain}>"


def _tell(session: Session, message: Message, action: str, *, actor: Actor, now: datetime) -> None:
    audit.append(
        session,
        actor=actor,
        action=action,
        subject=f"message:{message.id}",
        details={"kind": message.kind.value, "cause": message.subject_ref, "message_id": message.message_id},
        now=now,
    )
