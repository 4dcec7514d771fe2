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
from dataclasses import dataclass
from datetime import date
from typing import Any

from scanners.errors import BrokenStructure, ImpossibleDate
from scanners.result import Element, Precision, Udi
from scanners.udi import dates
from scanners.udi.merging import either, finer

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


def read_data(
    segments: Sequence[str],
    *,
    reference_date: date,
    start: int = 0,
    udi_di: str | None = None,
) -> Data:
    """Read the parts between slashes, the secondary first and then the supplements.

    Args:
        segments: the parts.
        reference_date: the day against which two-digit years are read.
        start: where the first part stands.
        udi_di: what the primary said, for the UDI that is returned.

    Returns:
        The UDI, and the parts as elements.

    Raises:
        BrokenStructure: a part of no known form.
        ImpossibleDate: no calendar has a date.
        Contradiction: two parts say different things of one field.
    """
    reading = _Reading(reference_date, udi_di)
    elements = []
    warnings: tuple[str, ...] = ()
    position = start
    for number, segment in enumerate(segments):
        text = segment
        if text.startswith("+$"):
            text, position, warnings = text[1:], position + 1, ("stray-plus",)
        elements.append(reading.segment(text, position, is_first=number == 0))
        position += len(text) + 1
    return Data(Udi(**reading.fields), tuple(elements), warnings)


def write_data(element: Element) -> str:
    """Return the text of one part."""
    return element.value if element.identifier == JULIAN else element.identifier + element.value


class _Reading:
    """What has been read of one symbol so far, and the day against which its years are read."""

    def __init__(self, reference_date: date, udi_di: str | None) -> None:
        self.fields: dict[str, Any] = {"udi_di": udi_di}
        self._reference_date = reference_date

    def segment(self, text: str, position: int, *, is_first: bool) -> Element:
        """Read one part between slashes.

        Raises:
            BrokenStructure: it has no known form.
        """
        if text.startswith("$"):
            return self._flagged(text, position)
        is_julian = is_first and _JULIAN.match(text) is not None
        supplement = None if is_julian else _SUPPLEMENT.fullmatch(text)
        if supplement:
            identifier, value = supplement[1], supplement[2]
            self._supplement(identifier, value, position + len(identifier))
            return Element(identifier, value)
        if is_julian:
            self._expiry("5", text, position)
            self._note("lot", _number(text[5:], position + 5))
            return Element(JULIAN, text)
        raise BrokenStructure("segment-unknown", position, "a secondary or one of S, Q, 14D, 16D was expected here")

    def _supplement(self, identifier: str, value: str, position: int) -> None:
        """Read one supplement.

        Raises:
            BrokenStructure: an empty serial number.
            ImpossibleDate: no calendar has the date.
        """
        if identifier == "S":
            serial = _number(value, position)
            if serial is None:
                raise BrokenStructure("empty-value", position, "a serial number was expected here")
            self._note("serial", serial)
        elif identifier == "Q":
            self._note("quantity", _digits(value, position, sizes=range(1, 6)))
        else:
            _digits(value, position, sizes=range(8, 9))
            try:
                day = _full(dates.yyyymmdd(value))
            except ValueError as error:
                raise ImpossibleDate("date-impossible", position, f"{identifier}{value}: {error}") from None
            if identifier == "14D":
                self._note_expiry(day)
            else:
                self._note("manufacture_date", day[0])

    def _flagged(self, text: str, position: int) -> Element:
        """Read ``$`` or ``$$`` with what follows.

        Raises:
            BrokenStructure: ``$`` without a number.
        """
        head = _FLAGGED.match(text)
        identifier = head[0] if head else "$"
        rest, position = text[len(identifier) :], position + len(identifier)
        element = Element(identifier, rest)
        is_dated = identifier.startswith("$$")
        flag = identifier[-1] if identifier[-1].isdigit() else ""
        if flag in _QUANTITY_SIZES:
            size = _QUANTITY_SIZES[flag]
            self._note("quantity", _digits(rest[:size], position, sizes=range(size, size + 1)))
            rest, position = rest[size:], position + size
            if not rest:
                return element
            flag = rest[0] if rest[0] in "234567" else ""
            rest, position = rest[len(flag) :], position + len(flag)
        if is_dated and flag != NO_DATE:
            size = self._expiry(flag, rest, position)
            rest, position = rest[size:], position + size
        number = _number(rest, position)
        if number is None and not is_dated:
            raise BrokenStructure("empty-value", position, "a lot or serial number was expected here")
        self._note("serial" if "+" in identifier else "lot", number)
        return element

    def _expiry(self, flag: str, text: str, position: int) -> int:
        """Read the date at the start of the text and return its length.

        Raises:
            ImpossibleDate: no calendar has it.
        """
        size, read = _DATES[flag]
        digits = text[:size]
        _digits(digits, position, sizes=range(size, size + 1))
        try:
            self._note_expiry(read(digits, self._reference_date))
        except ValueError as error:
            raise ImpossibleDate("date-impossible", position, f"{digits}: {error}") from None
        return size

    def _note(self, name: str, value: str | int | date | None) -> None:
        self.fields[name] = either(name, self.fields.get(name), value)

    def _note_expiry(self, dated: dates.Dated) -> None:
        known = (self.fields.get("expiration_date"), self.fields.get("expiration_precision"))
        self.fields["expiration_date"], self.fields["expiration_precision"] = finer(known, dated)


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


def _digits(text: str, position: int, *, sizes: range) -> int:
    """Return the number that the digits are.

    Raises:
        BrokenStructure: another number of characters, or one that is not an ASCII digit.
    """
    if len(text) not in sizes or not (text.isascii() and text.isdigit()):
        size = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        raise BrokenStructure("digits", position, f"{size} digits were expected here, not {text!r}")
    return int(text)


def _number(text: str, position: int) -> str | None:
    """Return a lot or serial number, None where there is none.

    Raises:
        BrokenStructure: too long, or a character that no number has.
    """
    legal = _NUMBER.match(text)
    end = legal.end() if legal else 0
    if end < len(text):
        raise BrokenStructure("character", position + end, f"a lot or serial number has no {text[end]!r}")
    if len(text) > LONGEST:
        where = position + LONGEST
        raise BrokenStructure("length", where, f"a lot or serial number has at most {LONGEST} characters")
    return text or None
