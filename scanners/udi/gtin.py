"""Plain EAN, UPC and GTIN: 8, 12, 13 or 14 digits, the last a check digit, without application identifier.

Source: GS1 General Specifications, section 2.1; a GTIN is kept left-padded with zeros to 14 digits. The first of 14 is
the indicator: 0 base item, 1 to 8 a packaging level, 9 variable measure. ITF is read reliably only with 14 digits:
scanners return 12 or 4 digits of a slanted ITF-14, with a check digit that may hold by chance.

>>> parse("3700000000013").udi.udi_di
'03700000000013'
>>> parse("3700000000012").fault.detail
'3700000000012 should end in 3, not 2'
>>> parse("13700000000010").warnings
('packaging-level',)
>>> format("03700000000013")
'3700000000013'
>>> parse("370000000001", symbology="I1")
Traceback (most recent call last):
    ...
scanners.errors.BrokenStructure: an ITF code of a device has 14 digits, not 12
"""

import re

from scanners.errors import BrokenStructure, WrongCheckDigit
from scanners.result import Element, Fault, Standard, Udi
from scanners.udi import check_digits
from scanners.udi.label import Label
from scanners.udi.symbology import ITF, ITF_CHECK_REMOVED

LENGTHS = frozenset({8, 12, 13, 14})
FULL_LENGTH = 14
SSCC_LENGTH = 18
_DIGITS = re.compile("[0-9]+")


def is_gtin(text: str) -> bool:
    """Test whether the text has the length of a GTIN and nothing but ASCII digits; its check digit may be wrong."""
    return len(text) in LENGTHS and _DIGITS.fullmatch(text) is not None


def is_sscc(text: str) -> bool:
    """Test whether the text is a plain serial shipping container code: 18 digits whose check digit holds."""
    return len(text) == SSCC_LENGTH and _DIGITS.fullmatch(text) is not None and check_digits.gs1(text[:-1]) == text[-1]


def validate(value: str) -> str:
    """Return the GTIN padded to 14 digits.

    Raises:
        BrokenStructure: not 8, 12, 13 or 14 ASCII digits.
        WrongCheckDigit: the last digit does not fit.
    """
    if not is_gtin(value):
        raise BrokenStructure("length", None, "a GTIN has 8, 12, 13 or 14 digits")
    expected = check_digits.gs1(value[:-1])
    if value[-1] != expected:
        raise WrongCheckDigit("check-digit", len(value) - 1, f"{value} should end in {expected}, not {value[-1]}")
    return value.zfill(FULL_LENGTH)


def check_digit(payload: str) -> str:
    """Return the check digit of a GTIN given without it."""
    return check_digits.gs1(payload)


def parse(text: str, *, symbology: str | None = None) -> Label:
    """Read a plain code.

    Raises:
        BrokenStructure: a length or character that no GTIN has, or an ITF code that is not of 14 digits.
    """
    if symbology in ITF:
        text = _itf(text, symbology)
    fault: Fault | None = None
    try:
        padded = validate(text)
    except WrongCheckDigit as error:
        fault, padded = error.fault(), text.zfill(FULL_LENGTH)
    return Label(Standard.EAN, Udi(udi_di=padded), (Element("GTIN", text),), fault, _warnings(padded))


def format(gtin: str) -> str:  # noqa: A001 - the name that every module of a standard has
    """Return the shortest of 8, 12, 13 and 14 digits that holds the GTIN-14.

    Twelve are kept for UPC-A; a GTIN-12 and a GTIN-13 with a leading zero are the same item.
    """
    short = gtin.lstrip("0")
    return gtin[-min(length for length in LENGTHS if length >= len(short)) :]


def _itf(text: str, symbology: str | None) -> str:
    if symbology == ITF_CHECK_REMOVED and len(text) == FULL_LENGTH - 1 and _DIGITS.fullmatch(text):
        return text + check_digits.gs1(text)
    if len(text) != FULL_LENGTH:
        raise BrokenStructure("length", None, f"an ITF code of a device has 14 digits, not {len(text)}")
    return text


def _warnings(padded: str) -> tuple[str, ...]:
    if padded[0] == "0":
        return ()
    return ("variable-measure",) if padded[0] == "9" else ("packaging-level",)


def unit_of_pack(value: str) -> str | None:
    """Return the GTIN-14 of the item inside a pack, None where the code is not that of a packaging level.

    A maker may have given the item a number of its own: only the catalogue can tell whether the answer is one of its.

    >>> unit_of_pack("13700000000010")
    '03700000000013'
    >>> unit_of_pack("03700000000013") is unit_of_pack("93700000000016") is None
    True
    """
    if len(value) != FULL_LENGTH or not is_gtin(value) or value[0] in "09":
        return None
    payload = "0" + value[1:-1]
    return payload + check_digits.gs1(payload)
