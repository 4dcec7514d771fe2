"""ISBT 128: products of human origin and blood containers, structures of fixed length one after the other.

Issued by ICCBBA. Every structure begins with ``=`` or ``&`` and one more character and has a fixed length, so a text is
cut by length; the next ``=`` is never searched for. The identifiers below are those that FDA and HL7 publish for UDIs;
those marked * are from ICCBBA's public list of data structures and were not checked against the standard, which is
licensed.

===========  =====================================================================================  ======
``=/``       processor product identification code, the UDI-DI: facility 5, product 6, description 5      16
``=,``       product divisions: pack or serial number                                                   6
``=``A       donation identification number (its first character is A-Z or 1-9)                        15
``=>``       expiry, century digit, year, day of the year                                               6
``&>`` *     expiry with hour and minute                                                               10
``=}``       production date                                                                            6
``&}`` *     production date with hour and minute                                                      10
``&,1``      lot of a processor, padded with zeros on the left                                         18
``=)``       blood container: manufacturer and catalogue number                                        10
``&)``       blood container: lot                                                                      10
``=+``       compound message: number of structures that follow 2, reference 3                         5
===========  =====================================================================================  ======

The century digit is 0 for 20xx, 9 for 19xx. There is no check character in the data.

>>> text = "=/A9999XYZ100T0944=,000025=A99971812345600=>028366=}026001&,1000000000000XYZ123"
>>> label = parse(text)
>>> label.udi.udi_di, label.udi.serial, label.udi.lot
('A9999XYZ100T0944', '000025', '000000000000XYZ123')
>>> str(label.udi.expiration_date), str(label.udi.manufacture_date)
('2028-12-31', '2026-01-01')
>>> format(label.elements) == text
True
>>> parse("=>028367")
Traceback (most recent call last):
    ...
scanners.errors.ImpossibleDate: 028367: 2028 has no day 367
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from scanners.errors import BrokenStructure, Contradiction, ImpossibleDate
from scanners.result import Element, Precision, Standard, Udi
from scanners.udi import dates
from scanners.udi.label import Label

DONATION = "="
"""Identifier of the donation identification number, whose second character is already data."""

COMPOUND = "=+"


@dataclass(frozen=True, slots=True)
class Structure:
    """One data structure: how long it is and of what."""

    length: int
    pattern: re.Pattern[str]
    title: str


def _structure(length: int, characters: str, title: str) -> Structure:
    return Structure(length, re.compile(f"[{characters}]{{{length}}}"), title)


_STRUCTURES = {
    "=/": _structure(16, "A-Z0-9", "processor product identification code"),
    "=,": _structure(6, "A-Z0-9", "product divisions"),
    DONATION: _structure(15, "A-Z0-9", "donation identification number"),
    "=>": _structure(6, "0-9", "expiry"),
    "&>": _structure(10, "0-9", "expiry with time"),
    "=}": _structure(6, "0-9", "production date"),
    "&}": _structure(10, "0-9", "production date with time"),
    "&,1": _structure(18, "A-Za-z0-9.\\- ", "lot of a processor"),
    "=)": _structure(10, "A-Z0-9", "manufacturer and catalogue number"),
    "&)": _structure(10, "A-Z0-9", "lot of a container"),
    COMPOUND: _structure(5, "0-9", "compound message"),
}
_DONATION_START = re.compile(r"=[A-Z1-9]")
_START = re.compile(r"=[A-Z1-9/,>}+)]|&[,>})]")
_CENTURIES = {"0": 2000, "1": 2100, "9": 1900}


def is_iccbba(text: str) -> bool:
    """Test whether the text begins like a structure of ISBT 128."""
    return _START.match(text) is not None


def parse(text: str, *, reference_date: date | None = None) -> Label:  # noqa: ARG001 - the same call for all
    """Read one structure or several; a century digit makes the reference date needless.

    Raises:
        BrokenStructure: an unknown identifier, a structure cut short, a wrong character or number of structures.
        ImpossibleDate: a day that the year does not have.
        Contradiction: a structure that stands twice with different values.
    """
    values: dict[str, str] = {}
    starts: dict[str, int] = {}
    position = 0
    while position < len(text):
        identifier = _identifier(text, position)
        structure = _STRUCTURES[identifier]
        start = position + len(identifier)
        value = text[start : start + structure.length]
        _check(value, structure, start)
        if values.setdefault(identifier, value) != value:
            raise Contradiction("element-repeated", start, f"the {structure.title} stands twice, with different values")
        starts[identifier] = start
        position = start + structure.length
    _check_count(values)
    elements = tuple(Element(identifier, value) for identifier, value in values.items())
    udi = _udi(values, starts)
    return Label(Standard.ICCBBA, udi, elements, warnings=() if udi.udi_di else ("no-device-identifier",))


def format(elements: Iterable[Element]) -> str:  # noqa: A001 - the name that every module of a standard has
    """Return the text: every identifier and value, without separators."""
    return "".join(element.identifier + element.value for element in elements)


def _identifier(text: str, position: int) -> str:
    """Return the identifier of the structure at ``position``.

    Raises:
        BrokenStructure: none is there.
    """
    for length in (3, 2):
        if text[position : position + length] in _STRUCTURES:
            return text[position : position + length]
    if _DONATION_START.match(text, position):
        return DONATION
    raise BrokenStructure("identifier-unknown", position, "a data identifier of ISBT 128 was expected here")


def _check(value: str, structure: Structure, start: int) -> None:
    """Check length and characters.

    Raises:
        BrokenStructure: cut short, or a character that may not be there.
    """
    if len(value) < structure.length:
        detail = f"the {structure.title} has {structure.length} characters, not {len(value)}"
        raise BrokenStructure("length", start + len(value), detail)
    if not structure.pattern.fullmatch(value):
        wrong = next(
            number
            for number, character in enumerate(value)
            if not structure.pattern.fullmatch(character * structure.length)
        )
        raise BrokenStructure("character", start + wrong, f"the {structure.title} may not hold {value[wrong]!r}")


def _check_count(values: dict[str, str]) -> None:
    """Check that a compound message holds as many structures as it announces.

    Raises:
        BrokenStructure: it does not.
    """
    if COMPOUND in values and int(values[COMPOUND][:2]) != len(values) - 1:
        announced = int(values[COMPOUND][:2])
        detail = f"the compound message announces {announced} structures, and {len(values) - 1} follow"
        raise BrokenStructure("count", None, detail)


def _udi(values: dict[str, str], starts: dict[str, int]) -> Udi:
    days: dict[str, date] = {}
    for identifier in ("=>", "&>", "=}", "&}"):
        if identifier in values:
            days[identifier] = _day(values[identifier], starts[identifier])
    if "=>" in days and days.get("&>", days["=>"]) != days["=>"]:
        raise Contradiction("expiries-differ", starts["&>"], f"two expiries: {days['=>']} and {days['&>']}")
    precision = Precision.HOUR if "&>" in days else Precision.DAY
    expiry = days.get("&>") or days.get("=>")
    return Udi(
        udi_di=values.get("=/") or values.get("=)"),
        lot=values.get("&,1") or values.get("&)"),
        serial=values.get("=,"),
        expiration_date=expiry,
        expiration_precision=precision if expiry else None,
        manufacture_date=days.get("=}") or days.get("&}"),
    )


def _day(value: str, start: int) -> date:
    """Read century digit, year and day of the year, and check hour and minute where they follow.

    Raises:
        ImpossibleDate: a century that is not in use, a day that the year does not have, no time of day.
    """
    if value[0] not in _CENTURIES:
        raise ImpossibleDate("date-impossible", start, f"{value}: the century digit is 0 or 9, not {value[0]}")
    time = value[6:]
    if time and not (dates.is_hour(time[:2]) and dates.is_minute(time[2:])):
        raise ImpossibleDate("date-impossible", start + 6, f"{time} is not a time of day, 0000 to 2359")
    try:
        return dates.year_day(_CENTURIES[value[0]] + int(value[1:3]), int(value[3:6]))[0]
    except ValueError as error:
        raise ImpossibleDate("date-impossible", start, f"{value}: {error}") from None
