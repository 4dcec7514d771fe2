"""The chain: SHA-256 over canonical JSON, each entry naming the one before. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from tracker.errors import N_

GENESIS = "0" * 64
"""Previous hash of the first entry of every chain."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. ``subject`` is ``noun:id``, ``action`` is ``noun:past-participle``; no personal datum in either."""

    establishment_id: UUID
    sequence: int
    at: datetime
    actor_id: UUID
    actor_name: str
    action: str
    subject: str
    details: Mapping[str, str]
    previous_hash: str


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """The first place where a chain does not hold."""

    sequence: int
    reason: str
    """A key of ``REASON_LABELS``."""


REASON_LABELS: Mapping[str, str] = {
    "altered": N_("this entry, or the one before it, was changed after it was written"),
    "missing": N_("this entry was removed"),
    "cut": N_("the end of the trail was removed, or its head was moved"),
    "rewritten": N_("the trail was computed anew and differs from what was signed"),
}
"""What each way of breaking a chain means."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where one chain ended at an instant; signed, it is kept outside the database."""

    establishment_id: UUID
    sequence: int
    hash: str
    at: datetime


def canonical(entry: Entry) -> bytes:
    """Return the bytes that are hashed: JSON with sorted keys, no spaces, UTF-8, instants in UTC to the microsecond."""
    content = {
        "action": entry.action,
        "actor_id": str(entry.actor_id),
        "actor_name": entry.actor_name,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "details": dict(entry.details),
        "establishment_id": str(entry.establishment_id),
        "previous_hash": entry.previous_hash,
        "sequence": entry.sequence,
        "subject": entry.subject,
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def entry_hash(entry: Entry) -> str:
    """Return the hash of an entry: 64 lowercase hexadecimal digits."""
    return hashlib.sha256(canonical(entry)).hexdigest()


def find_broken_link(
    entries: Iterable[tuple[Entry, str]], *, head_sequence: int, head_hash: str, start: tuple[int, str] = (0, GENESIS)
) -> BrokenLink | None:
    """Return the first broken link of a chain, None when it holds.

    Args:
        entries: each entry with its stored hash, in order of sequence.
        head_sequence: sequence that the chain must reach.
        head_hash: hash that the last entry must have.
        start: sequence and hash of the entry before the first.
    """
    sequence, previous = start
    for entry, stored in entries:
        if entry.sequence != sequence + 1:
            return BrokenLink(sequence + 1, "missing")
        if entry.previous_hash != previous or entry_hash(entry) != stored:
            return BrokenLink(entry.sequence, "altered")
        sequence, previous = entry.sequence, stored
    if sequence != head_sequence or previous != head_hash:
        return BrokenLink(sequence + 1, "cut")
    return None


def head_statement(head: Head) -> bytes:
    """Return the bytes that are signed for one head: they say how long the chain was at an instant."""
    content = {
        "at": head.at.astimezone(UTC).isoformat(timespec="seconds"),
        "establishment_id": str(head.establishment_id),
        "hash": head.hash,
        "sequence": head.sequence,
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def read_statement(statement: bytes) -> Head:
    """Return the head that a statement tells of; only of a statement whose signature holds."""
    content = json.loads(statement)
    return Head(
        establishment_id=UUID(content["establishment_id"]),
        sequence=content["sequence"],
        hash=content["hash"],
        at=datetime.fromisoformat(content["at"]),
    )


def find_contradiction(heads: Sequence[Head], stored_hashes: Mapping[int, str]) -> BrokenLink | None:
    """Return the first place where a chain differs from what was once signed of it, None where it does not.

    A chain alone cannot show that its tail was cut, or that somebody recomputed it from a place on: only what was
    kept outside can.

    Args:
        heads: signed heads of one chain, in any order.
        stored_hashes: hash of each entry of the chain that a head names.
    """
    for head in sorted(heads, key=lambda head: head.sequence):
        stored = GENESIS if head.sequence == 0 else stored_hashes.get(head.sequence)
        if stored is None:
            return BrokenLink(head.sequence, "cut")
        if stored != head.hash:
            return BrokenLink(head.sequence, "rewritten")
    return None
