"""The only way into the trail, and its verification."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from tracker.actor import Actor
from tracker.audit import queries, rules
from tracker.audit.models import AuditHead
from tracker.audit.rules import BrokenLink, Entry

_APPEND = text(
    "with entry as ("
    " insert into audit_entry (establishment_id, sequence, at, actor_id, actor_name, action, subject, details,"
    " previous_hash, hash) values (:establishment_id, :sequence, :at, :actor_id, :actor_name, :action, :subject,"
    " :details, :previous_hash, :hash))"
    " update audit_head set sequence = :sequence, hash = :hash where establishment_id = :establishment_id"
).bindparams(bindparam("details", type_=JSONB))
_LOCK_HEAD = select(AuditHead.sequence, AuditHead.hash).with_for_update()


def append(
    session: Session, *, actor: Actor, action: str, subject: str, details: Mapping[str, str], now: datetime
) -> None:
    """Append one entry in the transaction of the change it tells.

    Args:
        session: the transaction of the change.
        actor: who did it.
        action: ``noun:past-participle``.
        subject: ``noun:id``; never a name or an identifier of a patient.
        details: codes, numbers and ids as strings; no personal datum, no free object.
        now: instant of the act.
    """
    head = session.execute(_LOCK_HEAD.where(AuditHead.establishment_id == actor.establishment_id)).one()
    entry = Entry(
        establishment_id=actor.establishment_id,
        sequence=head.sequence + 1,
        at=now,
        actor_id=actor.id,
        actor_name=actor.display_name,
        action=action,
        subject=subject,
        details=dict(details),
        previous_hash=head.hash,
    )
    values = {
        "establishment_id": entry.establishment_id,
        "sequence": entry.sequence,
        "at": now,
        "actor_id": actor.id,
        "actor_name": actor.display_name,
        "action": action,
        "subject": subject,
        "details": dict(details),
        "previous_hash": entry.previous_hash,
        "hash": rules.entry_hash(entry),
    }
    session.execute(_APPEND, values)


def start_chain(session: Session, establishment_id: UUID) -> None:
    """Give a new establishment its empty chain."""
    session.add(AuditHead(establishment_id=establishment_id, sequence=0, hash=rules.GENESIS))


def verify_chain(session: Session, establishment_id: UUID) -> tuple[int, BrokenLink | None]:
    """Return how many entries the head counts, and the first broken link or None."""
    head = queries.get_head(session, establishment_id)
    entries = ((row.facts(), row.hash) for row in queries.iterate_entries(session, establishment_id))
    broken = rules.find_broken_link(entries, head_sequence=head.sequence, head_hash=head.hash)
    return head.sequence, broken


def sign_head(session: Session, establishment_id: UUID, *, signing_key: bytes, now: datetime) -> dict[str, str]:
    """Return a signed statement of where the chain ends, to be kept outside this database.

    Args:
        session: a transaction of the establishment.
        establishment_id: whose chain.
        signing_key: Ed25519 seed (RFC 8032), 32 bytes.
        now: instant of the statement.
    """
    head = queries.get_head(session, establishment_id)
    statement = rules.head_statement(establishment_id, head.sequence, head.hash, now)
    signature = Ed25519PrivateKey.from_private_bytes(signing_key).sign(statement)
    return {"statement": statement.decode(), "signature": signature.hex()}
