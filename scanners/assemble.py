"""The symbols of one picture: what they say together, where all of them can belong to one unit.

A label often carries several symbols: the device in one and the lot in another, or the same in two symbologies. They
are put together as :mod:`scanners.combine` puts two; where one contradicts another, is broken, or names a unit of ours
beside a manufacturer's code, nothing is chosen: a person says which of them are on the box.

>>> day = date(2026, 11, 22)
>>> read_symbols(["]C10103700000000013", "]C11728123110LOT42"], reference_date=day).udi.lot
'LOT42'
>>> read_symbols(["]d20103700000000013" + "10A", "]d20103700000000013" + "10B"], reference_date=day) is None
True
"""

from collections.abc import Iterable, Sequence
from datetime import date

from scanners.combine import combine
from scanners.recognition import scan
from scanners.result import Scan, Status
from scanners.udi.symbology import GS1

SYMBOL_SEPARATOR = "\n"
"""Between the texts of the symbols of one unit, where they are kept as one."""

_GS1_PREFIXES = tuple(sorted(f"]{identifier}" for identifier in GS1))


def read_symbol(text: str, *, reference_date: date) -> Scan:
    """Read the text of one symbol as a decoder gives it: where it names GS1, its separators are all there."""
    known = text.startswith(_GS1_PREFIXES)
    return scan(text, reference_date=reference_date, group_separator_known=known)


def read_symbols(texts: Iterable[str], *, reference_date: date) -> Scan | None:
    """Return what the symbols of one picture say together, as :func:`assemble` does."""
    return assemble([read_symbol(text, reference_date=reference_date) for text in texts])


def assemble(scans: Sequence[Scan]) -> Scan | None:
    """Return what scans of one picture say together; None where there is none, or they cannot be of one unit.

    The label of a patient goes before everything else. An unknown text counts only where nothing else was read.
    """
    patient = next((read for read in scans if read.status is Status.PATIENT), None)
    if patient is not None:
        return patient
    distinct = {(read.udi, read.unit_number, read.raw if read.udi is None else ""): read for read in scans}
    known = [read for read in distinct.values() if read.status is not Status.UNKNOWN] or list(distinct.values())
    if len(known) <= 1:
        return known[0] if known else None
    if any(not _may_join(read) for read in known):
        return None
    together = known[0]
    for other in known[1:]:
        together = combine(together, other)
        if not _may_join(together):
            return None
    return together


def _may_join(read: Scan) -> bool:
    return read.status in {Status.OK, Status.AMBIGUOUS} and read.unit_number is None
