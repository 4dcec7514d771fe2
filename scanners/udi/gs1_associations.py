"""Which GS1 application identifiers must, or must not, stand on the same item.

The rules come with the table (GS1 General Specifications, sections 4.13 and 4.14). GS1 applies them to everything that
the carriers of one item say together, so on one scan a missing partner is only worth a warning: it may be on the second
symbol. Two identifiers that exclude each other stay a fault however many symbols there are; since every value is read
with certainty, a person may go on with a reason. One pair is only warned of, because labels in the field do it and mean
a quantity: 37 beside 01.

>>> check_associations({"10": "A1", "01": "03700000000013"})
(None, [])
>>> check_associations({"21": "7", "235": "8", "01": "03700000000013"})[0].code
'elements-exclusive'
>>> check_associations({"250": "8", "01": "03700000000013"})[1]
['association-missing']
"""

from collections.abc import Mapping
from functools import lru_cache

from scanners.result import Fault
from scanners.udi.application_identifiers import TABLE

_TOLERATED = frozenset({"01", "37"})
_ITEM_KEYS = frozenset({"01", "02", "03", "8006", "8026"})


def check_associations(values: Mapping[str, str]) -> tuple[Fault | None, list[str]]:
    """Return the first pair that excludes itself as a fault, and the codes of what is missing."""
    fault, missing = _judged(frozenset(values))
    return fault, ["association-missing"] if missing else []


@lru_cache(maxsize=1024)  # the same few sets of identifiers come again and again
def _judged(present: frozenset[str]) -> tuple[Fault | None, bool]:
    fault = None
    missing = False
    for identifier in sorted(present):
        entry = TABLE[identifier]
        if fault is None and not entry.excludes.isdisjoint(present):
            fault = _exclusion(identifier, entry.excludes & present)
        if not (identifier == "37" and "01" in present):
            missing = missing or not all(_is_met(group, present) for group in entry.requires)
    return fault, missing


def _exclusion(identifier: str, others: frozenset[str]) -> Fault | None:
    if {identifier} | others == _TOLERATED:
        return None
    detail = f"({identifier}) and ({min(others)}) may not stand on the same item"
    return Fault("elements-exclusive", None, detail, overridable=True)


def _is_met(group: tuple[frozenset[str], ...], present: frozenset[str]) -> bool:
    """Test whether one of the group's alternatives is there; the item's key may still come on the other symbol."""
    if any(alternative <= present for alternative in group):
        return True
    return present.isdisjoint(_ITEM_KEYS) and any(alternative <= _ITEM_KEYS for alternative in group)
