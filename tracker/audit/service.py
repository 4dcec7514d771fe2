"""The only way into the trail, and its verification."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from tracker.actor import Actor
from tracker.audit import queries, rules
from tracker.audit.models import AuditHead
from tracker.audit.rules import BrokenLink, Entry, Head
from tracker.db import DirectStatement

_APPEND = DirectStatement(
    text(
        "with entry as ("
        " insert into audit_entry (establishment_id, sequence, at, actor_id, actor_name, action, subject, details,"
        " previous_hash, hash) values (:establishment_id, :sequence, :at, :actor_id, :actor_name, :action, :subject,"
        " :details, :previous_hash, :hash))"
        " update audit_head set sequence = :sequence, hash = :hash where establishment_id = :establishment_id"
    ).bindparams(bindparam("details", type_=JSONB))
)
_APPEND_MANY = DirectStatement(
    text(
        "with entry as ("
        " insert into audit_entry (establishment_id, sequence, at, actor_id, actor_name, action, subject, details,"
        " previous_hash, hash) select :establishment_id, one.sequence, :at, :actor_id, :actor_name, one.action,"
        " one.subject, one.details, one.previous_hash, one.hash from jsonb_to_recordset(:entries) as one("
        " sequence bigint, action text, subject text, details jsonb, previous_hash text, hash text))"
        " update audit_head set sequence = :last_sequence, hash = :last_hash"
        " where establishment_id = :establishment_id"
    ).bindparams(bindparam("entries", type_=JSONB))
)
_LOCK_HEAD = DirectStatement(
    select(AuditHead.sequence, AuditHead.hash)
    .where(AuditHead.establishment_id == bindparam("establishment_id"))
    .with_for_update()
)


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
    (head,) = _LOCK_HEAD.rows(session, {"establishment_id": actor.establishment_id})
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
    _APPEND.rows(session, values)


@dataclass(frozen=True, slots=True)
class Act:
    """One of several acts that happen at once."""

    action: str
    subject: str
    details: Mapping[str, str]


def append_many(session: Session, *, actor: Actor, acts: Sequence[Act], now: datetime) -> None:
    """Append the entries of several acts of one person at one instant, in their order; two statements.

    What :func:`append` asks of an act holds for each.
    """
    if not acts:
        return
    (head,) = _LOCK_HEAD.rows(session, {"establishment_id": actor.establishment_id})
    last, rows = head.hash, []
    for sequence, act in enumerate(acts, start=head.sequence + 1):
        entry = Entry(
            establishment_id=actor.establishment_id,
            sequence=sequence,
            at=now,
            actor_id=actor.id,
            actor_name=actor.display_name,
            action=act.action,
            subject=act.subject,
            details=dict(act.details),
            previous_hash=last,
        )
        last = rules.entry_hash(entry)
        kept = {"action": act.action, "subject": act.subject, "details": dict(act.details)}
        rows.append(kept | {"sequence": sequence, "previous_hash": entry.previous_hash, "hash": last})
    values = {
        "establishment_id": actor.establishment_id,
        "at": now,
        "actor_id": actor.id,
        "actor_name": actor.display_name,
        "entries": rows,
        "last_sequence": head.sequence + len(rows),
        "last_hash": last,
    }
    _APPEND_MANY.rows(session, values)


def start_chain(session: Session, establishment_id: UUID) -> None:
    """Give a new establishment its empty chain."""
    session.add(AuditHead(establishment_id=establishment_id, sequence=0, hash=rules.GENESIS))


def verify_chain(session: Session, establishment_id: UUID) -> tuple[int, BrokenLink | None]:
    """Return how many entries the head counts, and the first broken link or None."""
    with closing(queries.iterate_chain(session, establishment_id)) as rows:
        first = next(rows)
        _entry, head_sequence, head_hash = first
        entries = ((entry.facts(), entry.hash) for entry, _sequence, _hash in chain([first], rows) if entry is not None)
        broken = rules.find_broken_link(entries, head_sequence=head_sequence, head_hash=head_hash)
    return head_sequence, broken


def sign_head(session: Session, establishment_id: UUID, *, signing_key: bytes, now: datetime) -> dict[str, str]:
    """Return a signed statement of where the chain ends, to be kept outside this database.

    Args:
        session: a transaction of the establishment.
        establishment_id: whose chain.
        signing_key: Ed25519 seed (RFC 8032), 32 bytes.
        now: instant of the statement.
    """
    head = queries.get_head(session, establishment_id)
    statement = rules.head_statement(Head(establishment_id, head.sequence, head.hash, at=now))
    signature = Ed25519PrivateKey.from_private_bytes(signing_key).sign(statement)
    return {"statement": statement.decode(), "signature": signature.hex()}


@dataclass(frozen=True, slots=True)
class HeadsReport:
    """What the signed heads kept outside say of a chain."""

    head_count: int
    """Heads of this chain whose signature holds."""
    broken: BrokenLink | None
    """First place where the chain differs from what was signed."""
    unsigned_lines: tuple[int, ...]
    """Lines of the file, from 1, that hold no statement of ours: their signature does not hold."""


def public_key_of(signing_key: bytes) -> bytes:
    """Return the 32 bytes with which anybody can check the signed heads, and nobody can sign one."""
    return Ed25519PrivateKey.from_private_bytes(signing_key).public_key().public_bytes_raw()


def check_heads(session: Session, establishment_id: UUID, *, lines: Iterable[str], public_key: bytes) -> HeadsReport:
    """Compare a chain with its signed heads: a tail that was cut, with the head rewritten, shows here.

    Args:
        session: a transaction of the establishment.
        establishment_id: whose chain; heads of other establishments are passed over.
        lines: a file of heads as :func:`sign_head` returns them, one JSON object per line.
        public_key: of the key that signed them, 32 bytes (RFC 8032).
    """
    key = Ed25519PublicKey.from_public_bytes(public_key)
    read = [(number, _read_head(line, key)) for number, line in enumerate(lines, start=1) if line.strip()]
    heads = [head for _number, head in read if head is not None and head.establishment_id == establishment_id]
    sequences = sorted({head.sequence for head in heads})
    return HeadsReport(
        head_count=len(heads),
        broken=rules.find_contradiction(heads, queries.read_hashes(session, establishment_id, sequences)),
        unsigned_lines=tuple(number for number, head in read if head is None),
    )


def _read_head(line: str, key: Ed25519PublicKey) -> Head | None:
    """Return the head of one line, None where its signature does not hold."""
    try:
        signed = json.loads(line)
        statement = str(signed["statement"]).encode()
        key.verify(bytes.fromhex(str(signed["signature"])), statement)
    except (ValueError, KeyError, TypeError, InvalidSignature):
        return None
    return rules.read_statement(statement)
