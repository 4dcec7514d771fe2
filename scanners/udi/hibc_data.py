"""The data of a HIBC secondary: lot or serial with expiry and quantity, then supplements between slashes.

======================================  =====================================================================
``YYJJJ`` lot                           the oldest form: Julian expiry
``$`` lot, ``$+`` serial                no date
``$$`` MMYY lot                         the flag, 0 or 1, is the first digit of the month
``$$2`` MMDDYY, ``$$3`` YYMMDD          then the lot
``$$4`` YYMMDDHH, ``$$5`` YYJJJ,        then the lot
``$$6`` YYJJJHH, ``$$7``                then the lot; 7 has no date
``$$8`` QQ, ``$$9`` QQQQQ               quantity, then any of the above from its flag on, or nothing
``$$+`` and the same flags              serial instead of lot
``S``, ``Q``, ``14D``, ``16D``          supplements: serial, quantity, expiry and manufacture YYYYMMDD
======================================  =====================================================================

Source: ANSI/HIBC 2.6 and earlier, as restated by FDA and HL7. MMYY means the last day of the month; its precision is
kept. Two expiries that say different things are refused; a month and a day within it are not different.

>>> data = read_data(["$$8050328LOT42"], reference_date=date(2026, 11, 22))
>>> data.udi.quantity, str(data.udi.expiration_date), data.udi.expiration_precision, data.udi.lot
(5, '2028-03-31', <Precision.MONTH: 'month'>, 'LOT42')
>>> read_data(["$$+3281231SN0001"], reference_date=date(2026, 11, 22)).udi.serial
'SN0001'
>>> read_data(["28366LOT42"], reference_date=date(2026, 11, 22)).udi.expiration_date
datetime.date(2028, 12, 31)
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from scanners.errors import BrokenStructure, ImpossibleDate
from scanners.result import Element, Precision, Udi
from scanners.udi import dates
from scanners.udi.merging import merge

JULIAN = "YYJJJ"
"""Identifier given to the oldest form, which has none of its own."""

LONGEST = 18
"""Characters of a lot or serial number."""

_FLAGGED = re.compile(r"\$\$\+?[2-9]?|\$\+?")
_SUPPLEMENT = re.compile(r"(14D|16D|S|Q)(.*)", re.DOTALL)
_JULIAN = re.compile(r"[0-9]{5}")
_NUMBER = re.compile(r"[A-Z0-9.\-]*")
_QUANTITY_SIZES = {"8": 2, "9": 5}


@dataclass(frozen=True, slots=True)
class Data:
    """What the data of one symbol say."""

    udi: Udi
    elements: tuple[Element, ...]
    warnings: tuple[str, ...] = ()


def read_data(segments: Sequence[str], *, reference_date: date, start: int = 0) -> Data:
    """Read the parts between slashes, the secondary first and then the supplements.

    Raises:
        BrokenStructure: a part of no known form.
        ImpossibleDate: no calendar has a date.
        Contradiction: two parts say different things of one field.
    """
    udi, elements, warnings = Udi(), [], []
    position = start
    for number, segment in enumerate(segments):
        text = segment
        if text.startswith("+$"):
            text, position = text[1:], position + 1
            warnings.append("stray-plus")
        element, found = _segment(text, _Place(position, reference_date), is_first=number == 0)
        udi = merge(udi, found)
        elements.append(element)
        position += len(text) + 1
    return Data(udi, tuple(elements), tuple(warnings))


def write_data(element: Element) -> str:
    """Return the text of one part."""
    return element.value if element.identifier == JULIAN else element.identifier + element.value


class _Place(NamedTuple):
    """Where a part stands, and the day against which its years are read."""

    position: int
    reference_date: date

    def after(self, count: int) -> "_Place":
        return self._replace(position=self.position + count)


def _segment(text: str, place: _Place, *, is_first: bool) -> tuple[Element, Udi]:
    """Read one part between slashes.

    Raises:
        BrokenStructure: it has no known form.
    """
    supplement = _SUPPLEMENT.fullmatch(text)
    if supplement and not (is_first and _JULIAN.match(text)):
        identifier, value = supplement[1], supplement[2]
        return Element(identifier, value), _supplement(identifier, value, place.after(len(identifier)))
    if text.startswith("$"):
        return _flagged(text, place)
    if is_first and _JULIAN.match(text):
        udi = _expiry("5", text, place)
        return Element(JULIAN, text), replace(udi, lot=_number(text[5:], place.after(5)))
    raise BrokenStructure("segment-unknown", place.position, "a secondary or one of S, Q, 14D, 16D was expected here")


def _supplement(identifier: str, value: str, place: _Place) -> Udi:
    """Read one supplement.

    Raises:
        BrokenStructure: an empty serial number.
        ImpossibleDate: no calendar has the date.
    """
    if identifier == "S":
        serial = _number(value, place)
        if serial is None:
            raise BrokenStructure("empty-value", place.position, "a serial number was expected here")
        return Udi(serial=serial)
    if identifier == "Q":
        return Udi(quantity=_digits(value, place, sizes=range(1, 6)))
    _digits(value, place, sizes=range(8, 9))
    try:
        day = _full(dates.yyyymmdd(value))
    except ValueError as error:
        raise ImpossibleDate("date-impossible", place.position, f"{identifier}{value}: {error}") from None
    return (
        Udi(expiration_date=day[0], expiration_precision=day[1])
        if identifier == "14D"
        else Udi(manufacture_date=day[0])
    )


def _flagged(text: str, place: _Place) -> tuple[Element, Udi]:
    """Read ``$`` or ``$$`` with what follows.

    Raises:
        BrokenStructure: ``$`` without a number.
    """
    identifier = text[: len(text) - len(_FLAGGED.sub("", text, count=1))]
    rest = text[len(identifier) :]
    element, place = Element(identifier, rest), place.after(len(identifier))
    is_dated, is_serial = identifier.startswith("$$"), "+" in identifier
    flag = identifier[-1] if identifier[-1].isdigit() else ""
    udi = Udi()
    if flag in _QUANTITY_SIZES:
        size = _QUANTITY_SIZES[flag]
        udi = Udi(quantity=_digits(rest[:size], place, sizes=range(size, size + 1)))
        rest, place = rest[size:], place.after(size)
        if not rest:
            return element, udi
        flag = rest[0] if rest[0] in "234567" else ""
        rest, place = rest[len(flag) :], place.after(len(flag))
    if is_dated and flag != NO_DATE:
        size = _DATES[flag][0]
        udi, rest, place = merge(udi, _expiry(flag, rest, place)), rest[size:], place.after(size)
    number = _number(rest, place)
    if number is None and not is_dated:
        raise BrokenStructure("empty-value", place.position, "a lot or serial number was expected here")
    return element, replace(udi, serial=number) if is_serial else replace(udi, lot=number)


def _full(dated: dates.Dated) -> dates.Dated:
    """Return a date that has a day.

    Raises:
        ValueError: day 00 stands for the month, which only GS1 and IFA know.
    """
    if dated[1] is Precision.MONTH:
        raise ValueError("day 00 is not allowed here")
    return dated


def _mmyy(digits: str, reference: date) -> dates.Dated:
    return dates.yymmdd(digits[2:] + digits[:2] + "00", reference)


def _mmddyy(digits: str, reference: date) -> dates.Dated:
    return _yymmdd(digits[4:] + digits[:4], reference)


def _yymmdd(digits: str, reference: date) -> dates.Dated:
    return _full(dates.yymmdd(digits, reference))


def _with_hour(read: Callable[[str, date], dates.Dated]) -> Callable[[str, date], dates.Dated]:
    def read_with_hour(digits: str, reference: date) -> dates.Dated:
        if not dates.is_hour(digits[-2:]):
            raise ValueError(f"{digits[-2:]} is not an hour, 00 to 23")
        return read(digits[:-2], reference)[0], Precision.HOUR

    return read_with_hour


NO_DATE = "7"
_DATES: dict[str, tuple[int, Callable[[str, date], dates.Dated]]] = {
    "": (4, _mmyy),
    "2": (6, _mmddyy),
    "3": (6, _yymmdd),
    "4": (8, _with_hour(_yymmdd)),
    "5": (5, dates.yyjjj),
    "6": (7, _with_hour(dates.yyjjj)),
}
"""Length of the date that follows a flag, and how it is read."""


def _expiry(flag: str, text: str, place: _Place) -> Udi:
    """Read the date at the start of the text.

    Raises:
        ImpossibleDate: no calendar has it.
    """
    size, read = _DATES[flag]
    digits = text[:size]
    _digits(digits, place, sizes=range(size, size + 1))
    try:
        day, precision = read(digits, place.reference_date)
    except ValueError as error:
        raise ImpossibleDate("date-impossible", place.position, f"{digits}: {error}") from None
    return Udi(expiration_date=day, expiration_precision=precision)


def _digits(text: str, place: _Place, *, sizes: range) -> int:
    """Return the number that the digits are.

    Raises:
        BrokenStructure: another number of characters, or one that is not an ASCII digit.
    """
    if len(text) not in sizes or not (text.isascii() and text.isdigit()):
        size = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        raise BrokenStructure("digits", place.position, f"{size} digits were expected here, not {text!r}")
    return int(text)


def _number(text: str, place: _Place) -> str | None:
    """Return a lot or serial number, None where there is none.

    Raises:
        BrokenStructure: too long, or a character that no number has.
    """
    legal = _NUMBER.match(text)
    end = legal.end() if legal else 0
    if end < len(text):
        raise BrokenStructure("character", place.position + end, f"a lot or serial number has no {text[end]!r}")
    if len(text) > LONGEST:
        where = place.position + LONGEST
        raise BrokenStructure("length", where, f"a lot or serial number has at most {LONGEST} characters")
    return text or None
