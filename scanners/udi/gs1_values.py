"""The rules that GS1 lays on parts of a value, under the names of its Barcode Syntax Dictionary.

Each rule is a function of the part and the reference date that raises ValueError, with a sentence of what was expected.
Wrong check digits are told apart from everything else: a person may override them, and nothing else.
"""

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from scanners.errors import BrokenStructure, ImpossibleDate, WrongCheckDigit
from scanners.udi import check_digits, dates
from scanners.udi.application_identifiers import ApplicationIdentifier, Check

Rule = Callable[[str, date], object]


class Field(NamedTuple):
    """One element where it stands in the text: ``position`` is that of the value."""

    identifier: ApplicationIdentifier
    value: str
    position: int


def _full_day(digits: str, reference: date) -> None:
    if digits[4:6] == "00":
        raise ValueError("day 00 is not allowed here")
    dates.yymmdd(digits, reference)


def _hour_and_minute(digits: str, _reference: date) -> None:
    if not (dates.is_hour(digits[:2]) and dates.is_minute(digits[2:])):
        raise ValueError(f"{digits} is not a time of day, 0000 to 2359")


def _hour(digits: str, _reference: date) -> None:
    if not dates.is_hour(digits):
        raise ValueError(f"{digits} is not an hour, 00 to 23")


def _minute(digits: str, _reference: date) -> None:
    if digits and not dates.is_minute(digits):
        raise ValueError(f"{digits} is not a minute or second, 00 to 59")


DATE_RULES: dict[str, Rule] = {
    "yymmd0": dates.yymmdd,
    "yymmdd": _full_day,
    "yyyymmdd": lambda digits, _reference: dates.yyyymmdd(digits),
    "hhmi": _hour_and_minute,
    "hh": _hour,
    "mi": _minute,
    "ss": _minute,
}


def _check(*, holds: bool, expected: str) -> None:
    if not holds:
        raise ValueError(expected)


def _piece_of_total(digits: str, _reference: date) -> None:
    piece, total = int(digits[:2]), int(digits[2:])
    _check(holds=0 < piece <= total, expected="piece and total are 01 to 99, piece not above total")


OTHER_RULES: dict[str, Rule] = {
    "nonzero": lambda part, _: _check(holds=part.strip("0") != "", expected="a number above zero"),
    "zero": lambda part, _: _check(holds=part.strip("0") == "", expected="the digit 0"),
    "yesno": lambda part, _: _check(holds=part in {"0", "1"}, expected="0 for no, 1 for yes"),
    "winding": lambda part, _: _check(holds=part in {"0", "1", "9"}, expected="winding direction 0, 1 or 9"),
    "pieceoftotal": _piece_of_total,
    "nozeroprefix": lambda part, _: _check(holds=part == "0" or part[:1] != "0", expected="no leading zero"),
    "hasnondigit": lambda part, _: _check(holds=not part.isdecimal(), expected="at least one character not a digit"),
    "iso5218": lambda part, _: _check(holds=part in {"0", "1", "2", "9"}, expected="sex code 0, 1, 2 or 9"),
}


_CHECK_SIZES = {"csum": 1, "csumalpha": 2}
"""Rules that are check digits or characters, and how many there are."""


def check_format(field: Field) -> None:
    """Check length and characters.

    Raises:
        BrokenStructure: an empty value, a wrong length or a character that may not be there.
    """
    identifier, value, position = field
    if identifier.pattern.fullmatch(value):
        return
    if not value:
        raise BrokenStructure("empty-value", position, f"{identifier.expected}, and there is none")
    head = _longest_legal_head(identifier, value)
    if len(value) > identifier.maximum and head == identifier.maximum:
        detail = f"{identifier.expected}, not {len(value)}: a separator may have been lost"
        raise BrokenStructure("length", position + head, detail)
    if head < len(value):
        raise BrokenStructure("character", position + head, f"{identifier.expected}, not {value[head]!r}")
    raise BrokenStructure("length", position + head, f"{identifier.expected}, not {len(value)}")


def _longest_legal_head(identifier: ApplicationIdentifier, value: str) -> int:
    """Return how many characters from the start could begin a legal value."""
    for size in range(min(len(value), identifier.maximum), 0, -1):
        missing = max(identifier.minimum - size, 0)
        if any(identifier.pattern.fullmatch(value[:size] + filler * missing) for filler in ("0", "A")):
            return size
    return 0


def check_content(field: Field, reference_date: date) -> None:
    """Check what the format cannot say: dates, numbers, check digits.

    Raises:
        ImpossibleDate: no calendar has the date, no day the hour.
        BrokenStructure: another rule of the value does not hold.
        WrongCheckDigit: the only thing wrong is the check digit.
    """
    wrong_check: WrongCheckDigit | None = None
    for check in field.identifier.checks:
        if check.rule in _CHECK_SIZES:
            wrong_check = wrong_check or _wrong_check_digit(field, check)
        else:
            _check_part(field, check, reference_date)
    if wrong_check:
        raise wrong_check


def _check_part(field: Field, check: Check, reference_date: date) -> None:
    part = field.value[check.start : check.end]
    try:
        rule = DATE_RULES.get(check.rule) or OTHER_RULES[check.rule]
        rule(part, reference_date)
    except ValueError as error:
        where, name = field.position + check.start, field.identifier.identifier
        if check.rule in DATE_RULES:
            raise ImpossibleDate("date-impossible", where, f"({name}) {part}: {error}") from None
        raise BrokenStructure("value", where, f"({name}) {part}: {error} expected") from None


def _wrong_check_digit(field: Field, check: Check) -> WrongCheckDigit | None:
    """Return the fault of a wrong check digit, or None where it is right; the value's format has been checked."""
    part, name = field.value[check.start : check.end], field.identifier.identifier
    size = _CHECK_SIZES[check.rule]
    expected = check_digits.gs1(part[:-1]) if check.rule == "csum" else check_digits.gs1_pair(part[:-2])
    if part[-size:] == expected:
        return None
    where = field.position + check.start + max(len(part) - size, 0)
    return WrongCheckDigit("check-digit", where, f"({name}) {part} should end in {expected}, not {part[-size:]}")
