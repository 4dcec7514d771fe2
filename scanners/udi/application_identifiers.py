"""GS1 application identifiers: how long a value is, of what characters, and what else must hold.

The table is ``data/application_identifiers.json``, made from GS1's own Barcode Syntax Dictionary. An identifier has two
to four digits, and its first two digits say how many. Those with a *predefined* length need no separator after them;
every other value ends at FNC1 (GS, ASCII 29) or at the end, also where its length is fixed (422, 7003, 8001).

Not checked here, because they need lists that change more often than labels: ISO country and currency codes, IBAN,
company prefixes, coupon and media-type codes.

>>> find("0103700000000013", 0).title
'GTIN'
>>> TABLE["10"].pattern.fullmatch("LOT 42") is None
True
>>> TABLE["7003"].predefined is None
True
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any

CHARACTER_SETS = {"N": "0-9", "X": '!"%-?A-Z_a-z', "Y": "#\\-/0-9A-Z", "Z": "A-Za-z0-9_=\\-"}
"""N digits, X the GS1 set of 82 characters, Y the set of 39, Z file-safe base 64, as classes of an expression."""


@dataclass(frozen=True, slots=True)
class Check:
    """A rule on a part of a value: its name in the dictionary and where the part stands."""

    rule: str
    start: int
    end: int | None
    """None: to the end of the value."""


@dataclass(frozen=True, slots=True)
class ApplicationIdentifier:
    """One identifier of the table."""

    identifier: str
    title: str
    predefined: int | None
    """Length of the value when it needs no separator, else None."""
    pattern: re.Pattern[str]
    minimum: int
    maximum: int
    lengths: tuple[int, ...]
    """Every length that a value may have."""
    character_set: str
    """Key of ``CHARACTER_SETS`` for the widest component."""
    checks: tuple[Check, ...]
    requires: tuple[tuple[frozenset[str], ...], ...]
    """Each group: at least one of its sets of identifiers must be on the item."""
    excludes: frozenset[str]
    link_qualifiers: tuple[tuple[str, ...], ...] | None
    """For a primary key of a Digital Link: the orders in which its qualifiers may follow."""

    @property
    def expected(self) -> str:
        """What a value must be, for the sentence of a fault."""
        size = str(self.minimum) if self.minimum == self.maximum else f"{self.minimum} to {self.maximum}"
        kind = {"N": "digits", "X": "characters of the GS1 set"}.get(self.character_set, "characters")
        return f"({self.identifier}) {self.title or 'value'} has {size} {kind}"


_CHECKED_RULES = frozenset(
    (
        *("csum", "csumalpha", "yymmd0", "yymmdd", "yyyymmdd", "hh", "hhmi", "mi", "ss", "nonzero", "zero", "yesno"),
        *("winding", "pieceoftotal", "nozeroprefix", "hasnondigit", "iso5218"),
    ),
)


def _expression(components: list[dict[str, Any]]) -> str:
    parts = []
    for component in components:
        text = f"[{CHARACTER_SETS[component['set']]}]{{{component['minimum']},{component['maximum']}}}"
        parts.append(f"(?:{text})?" if component["optional"] else text)
    return "".join(parts)


def _lengths(components: list[dict[str, Any]]) -> tuple[int, ...]:
    found = {0}
    for component in components:
        sizes = range(component["minimum"], component["maximum"] + 1)
        found = {before + size for before in found for size in sizes} | (found if component["optional"] else set())
    return tuple(sorted(found))


def _checks(components: list[dict[str, Any]]) -> tuple[Check, ...]:
    found, start = [], 0
    for component in components:
        size = component["maximum"]
        end = start + size if component["minimum"] == component["maximum"] else None
        found += [Check(rule, start, end) for rule in component["rules"] if rule in _CHECKED_RULES]
        start += size
    return tuple(found)


def _identifiers(text: str) -> list[str]:
    first, _, last = text.partition("-")
    return [f"{number:0{len(first)}d}" for number in range(int(first), int(last or first) + 1)]


def _load() -> dict[str, ApplicationIdentifier]:
    text = files("scanners.udi").joinpath("data/application_identifiers.json").read_text(encoding="utf-8")
    rows = [(_identifiers(row["identifiers"]), row) for row in json.loads(text)["rows"]]
    known = [identifier for identifiers, _ in rows for identifier in identifiers]

    @cache
    def covered(pattern: str) -> tuple[str, ...]:
        """Return the identifiers that a pattern such as ``31nn`` stands for."""
        head = pattern.rstrip("n")
        return tuple(one for one in known if one.startswith(head) and len(one) == len(pattern))

    table: dict[str, ApplicationIdentifier] = {}
    for identifiers, row in rows:
        entry = _entry(identifiers[0], row, covered)
        for identifier in identifiers:
            table[identifier] = replace(entry, identifier=identifier, excludes=entry.excludes - {identifier})
    return table


def _entry(identifier: str, row: dict[str, Any], covered: Callable[[str], tuple[str, ...]]) -> ApplicationIdentifier:
    components = row["components"]
    maximum = sum(component["maximum"] for component in components)
    return ApplicationIdentifier(
        identifier=identifier,
        title=row["title"],
        predefined=maximum if row["predefined"] else None,
        pattern=re.compile(_expression(components)),
        minimum=sum(0 if component["optional"] else component["minimum"] for component in components),
        maximum=maximum,
        lengths=_lengths(components),
        character_set=max((component["set"] for component in components), key="NYZX".index),
        checks=_checks(components),
        requires=tuple(
            tuple(frozenset(one) for group in groups for one in product(*map(covered, group)))
            for groups in row["requires"]
        ),
        excludes=frozenset(one for pattern in row["excludes"] for one in covered(pattern)),
        link_qualifiers=None if row["link_qualifiers"] is None else tuple(map(tuple, row["link_qualifiers"])),
    )


TABLE: dict[str, ApplicationIdentifier] = _load()

IDENTIFIER_LENGTHS: dict[str, int] = {identifier[:2]: len(identifier) for identifier in TABLE}
"""Length of an identifier by its first two digits."""


def find(text: str, position: int) -> ApplicationIdentifier | None:
    """Return the identifier that stands at ``position``, or None when none of the table does."""
    length = IDENTIFIER_LENGTHS.get(text[position : position + 2], 0)
    return TABLE.get(text[position : position + length])
