"""What the bench decides about scans before there is a verdict: halves of a label, units of a pack. Pure."""

import hashlib
from uuid import UUID

from scanners import Scan, Status

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


def is_half(scan: Scan) -> bool:
    """Test whether a code says only one half of a unit: which device, or which lot and date.

    HIBC and GS1 labels may carry the device identifier and the production data in two symbols (ANSI/HIBC 2.6 section
    2.3; GS1 General Specifications section 4.2).
    """
    if scan.status is not Status.OK or scan.udi is None or scan.unit_number is not None:
        return False
    udi = scan.udi
    names_device = udi.udi_di is not None or udi.reference is not None
    names_unit = udi.lot is not None or udi.serial is not None or udi.software_version is not None
    return names_device is not names_unit or not (names_device or names_unit)
