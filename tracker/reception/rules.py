"""What the bench decides about scans before there is a verdict: halves of a label, units of a pack. Pure."""

import hashlib
from collections.abc import Sequence
from uuid import UUID

from scanners import Scan, Status
from tracker.checks.rules import is_half

_KEPT_BITS = 64


def id_in_pack(line_id: UUID, place: int) -> UUID:
    """Return the id of the line of one unit of a pack: always the same, so that a repeated request makes no other.

    The first unit has the client's own id. The others keep its time and version (RFC 9562 section 5.7); their random
    part is derived.

    >>> one = UUID("0190b5a0-0000-7000-8000-000000000001")
    >>> id_in_pack(one, 0) == one
    True
    >>> str(id_in_pack(one, 1))[:19], id_in_pack(one, 1) == id_in_pack(one, 1), id_in_pack(one, 2) == id_in_pack(one, 1)
    ('0190b5a0-0000-7000-', True, False)
    """
    if place == 0:
        return line_id
    digest = hashlib.sha256(line_id.bytes + place.to_bytes(4)).digest()
    random = int.from_bytes(digest[:8]) & ~(0b11 << 62) | 0b10 << 62
    return UUID(int=line_id.int >> _KEPT_BITS << _KEPT_BITS | random)


def place_of_half(scans: Sequence[Scan]) -> int | None:
    """Return which of two scans that are not of one label waits for its own other code; None where neither does.

    A half waits on when nothing can be read of what followed it; what followed it waits where it is itself a half.
    """
    if is_stray(scans):
        return 0
    return 1 if is_half(scans[-1]) else None


def is_stray(scans: Sequence[Scan]) -> bool:
    """Test whether nothing can be read of the code that followed another one."""
    return len(scans) > 1 and scans[-1].status is Status.UNKNOWN
