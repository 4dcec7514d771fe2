"""Our own label for one physical unit: ``T59``, nine digits, one check digit.

Thirteen characters, so that a Code 128 fits the smallest label and a person can type it; printed as Code 128 and as
Data Matrix. The check digit is that of GS1 (mod 10, weights 3 and 1) over the nine digits. The number is shown to
people and says nothing about the device.

>>> format(17)
'T590000000178'
>>> parse("T590000000178")
17
>>> parse("T590000000179")
Traceback (most recent call last):
    ...
scanners.errors.WrongCheckDigit: T590000000179 should end in 8, not 9
"""

import re

from scanners.errors import BrokenStructure, WrongCheckDigit
from scanners.udi import check_digits

PREFIX = "T59"
DIGITS = 9
LENGTH = len(PREFIX) + DIGITS + 1
HIGHEST = 10**DIGITS - 1

_PATTERN = re.compile(rf"{PREFIX}[0-9]{{{DIGITS + 1}}}", re.IGNORECASE)


def is_unit_label(text: str) -> bool:
    """Test whether the text has the form of a unit label; its check digit may be wrong."""
    return len(text) == LENGTH and _PATTERN.fullmatch(text) is not None


def check_digit(payload: str) -> str:
    """Return the check digit of the nine digits."""
    return check_digits.gs1(payload)


def format(sequence: int) -> str:  # noqa: A001 - the name that every module of a standard has
    """Return the label's text, which is also the unit number, for the ``sequence``-th unit of an establishment.

    Raises:
        ValueError: negative, or more than nine digits.
    """
    if not 0 <= sequence <= HIGHEST:
        raise ValueError(f"a unit number counts from 0 to {HIGHEST}")
    digits = f"{sequence:0{DIGITS}d}"
    return f"{PREFIX}{digits}{check_digit(digits)}"


def validate(text: str) -> str:
    """Return the unit number, in capitals.

    Raises:
        BrokenStructure: not the form of a unit label.
        WrongCheckDigit: the last digit does not fit.
    """
    if not is_unit_label(text):
        raise BrokenStructure("length", None, f"a unit label is {PREFIX} and {DIGITS + 1} digits")
    expected = check_digit(text[len(PREFIX) : -1])
    if text[-1] != expected:
        raise WrongCheckDigit("check-digit", LENGTH - 1, f"{text.upper()} should end in {expected}, not {text[-1]}")
    return text.upper()


def parse(text: str) -> int:
    """Return the sequence number that the label carries; raises like ``validate``."""
    return int(validate(text)[len(PREFIX) : -1])
