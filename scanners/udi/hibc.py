"""HIBC supplier labels: primary, secondary, combined, and two symbols run together.

Issued by HIBCC (ANSI/HIBC 2.6 and its earlier forms). Everything is made of ``0-9 A-Z - . space $ / + %`` and ends in a
check character (mod 43), which may itself be a space, a ``/``, a ``$`` or a ``+``; people print it between stars.

* Primary ``+`` LIC (a letter and three characters) PCN (1 to 18) unit of measure (one digit) check.
  The UDI-DI is LIC + PCN + unit of measure. Unit of measure 0 is the unit of use, 1 to 8 a package, 9 varies.
* Secondary, a symbol of its own: ``+`` data (``hibc_data``) link check. The link is the check character of the primary,
  so that codes of two products cannot be taken for one; the character after ``+`` is a digit or ``$``.
* Combined: ``+`` primary ``/`` data ``/`` supplements check: one check over all, no link.
* A wedge may run a primary and a secondary together: ``+H999TRK10X+$$3281231LOT42X.``

>>> today = date(2026, 11, 22)
>>> parse("+H999TRK10X", reference_date=today).udi.udi_di
'H999TRK10'
>>> parse("+H999TRK60 ", reference_date=today).udi.udi_di
'H999TRK60'
>>> label = parse("+H999TRK10/$$3281231LOT42/SSN0001/16D20260101D", reference_date=today)
>>> label.udi.lot, label.udi.serial, str(label.udi.expiration_date), str(label.udi.manufacture_date)
('LOT42', 'SN0001', '2028-12-31', '2026-01-01')
>>> parse("+$$3281231LOT42X.", reference_date=today).elements[-1]
Element(identifier='link', value='X')
>>> parse("+H999TRK10X+$$3281231LOT42X.", reference_date=today).udi.lot
'LOT42'
>>> parse("+H999TRK10Y", reference_date=today).fault.detail
"the check character should be 'X', not 'Y', or is missing"
>>> format(label.elements)
'+H999TRK10/$$3281231LOT42/SSN0001/16D20260101D'
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from scanners.errors import BrokenStructure, Contradiction, ScanError
from scanners.result import Element, Fault, Standard
from scanners.udi import check_digits
from scanners.udi.hibc_data import read_data, write_data
from scanners.udi.label import Label
from scanners.udi.merging import merge
from scanners.udi.symbology import CODE39_CHECK_REMOVED, CODE39_FULL_ASCII

PRIMARY = "+"
"""Identifier of the element that holds the UDI-DI."""

LINK = "link"
"""Identifier of the element that holds a secondary symbol's link character."""

_PRIMARY = re.compile(r"[A-Z][A-Z0-9]{3}[A-Z0-9]{1,18}[0-9]")
_TWO_SYMBOLS = re.compile(rf"(\+{_PRIMARY.pattern}[A-Z0-9\-. $/+%])(\+[$0-9].*)", re.DOTALL)
_FOREIGN = re.compile(r"[^A-Z0-9\-. $/+%]")
_SECONDARY_START = re.compile(r"\+[$0-9]")
_STARS = re.compile(r"\*(\+.*)\*", re.DOTALL)
_FULL_ASCII = re.compile(r"[a-z][A-Z0-9]{3}")
_SHORTEST = 4


def is_hibc(text: str, symbology: str | None = None) -> bool:
    """Test whether the text begins like a HIBC label, also after a reader's Full ASCII translation."""
    if text.startswith(("+", "*+")):
        return True
    return symbology in CODE39_FULL_ASCII and _FULL_ASCII.match(text) is not None


def check_digit(payload: str) -> str:
    """Return the check character of a text given without it, its leading ``+`` included."""
    return check_digits.hibc(payload)


def parse(text: str, *, reference_date: date, symbology: str | None = None) -> Label:
    """Read a label.

    Raises:
        BrokenStructure: a character or structure that HIBC does not have.
        ScanError: an impossible date, a contradiction.
    """
    stars = _STARS.fullmatch(text)
    bare, shift = (stars[1], 1) if stars else (text, 0)
    warnings: tuple[str, ...] = ()
    if symbology in CODE39_FULL_ASCII and _FULL_ASCII.match(bare):
        bare, shift, warnings = "+" + bare[0].upper() + bare[1:], shift - 1, ("full-ascii-repaired",)
    if symbology in CODE39_CHECK_REMOVED:
        _check_outline(bare)
        bare, warnings = bare + check_digits.hibc(bare), (*warnings, "check-by-reader")
    try:
        label = _label(bare, reference_date)
    except ScanError as error:
        if error.position is not None:
            error.position = max(error.position + shift, 0)
        raise
    if warnings and label.fault and "full-ascii-repaired" in warnings:
        raise BrokenStructure("check-digit", None, "a translated label is repaired only where its check holds")
    return replace(label, warnings=(*label.warnings, *warnings)) if warnings else label


def format(elements: Sequence[Element]) -> str:  # noqa: A001 - the name that every module of a standard has
    """Return the text of one symbol: primary, combined, or secondary with its link, and the check character."""
    first, last = elements[0], elements[-1]
    if first.identifier == PRIMARY:
        rest = [write_data(element) for element in elements[1:] if element.identifier != LINK]
        payload = PRIMARY + "/".join([first.value, *rest])
    else:
        payload = PRIMARY + "/".join(write_data(element) for element in elements[:-1]) + last.value
    return payload + check_digits.hibc(payload)


def _label(text: str, reference_date: date) -> Label:
    _check_outline(text)
    two = _TWO_SYMBOLS.fullmatch(text)
    if two and check_digits.hibc(two[1][:-1]) == two[1][-1]:
        return _two(two[1], two[2], reference_date)
    if text[-1] == check_digits.hibc(text[:-1]):
        return _symbol(text[:-1], reference_date)
    return _with_wrong_check(text, reference_date)


def _with_wrong_check(text: str, reference_date: date) -> Label:
    """Read a text whose check character is wrong, or missing: then its last character is data.

    Raises:
        ScanError: it cannot be read either way.
    """
    if check_digits.hibc(text) == " ":  # what is left when somebody strips spaces
        fault = Fault("check-digit", len(text), "the check character, a space, is missing", overridable=True)
        return replace(_symbol(text, reference_date), fault=fault)
    expected = check_digits.hibc(text[:-1])
    detail = f"the check character should be {expected!r}, not {text[-1]!r}, or is missing"
    fault = Fault("check-digit", len(text) - 1, detail, overridable=True)
    whole = _find_symbol(text, reference_date)
    cut = _find_symbol(text[:-1], reference_date)
    if whole is None or cut is None:
        return replace(whole or cut or _symbol(text[:-1], reference_date), fault=fault)
    return replace(cut, fault=fault, alternatives=(cut.udi, whole.udi))


def _find_symbol(payload: str, reference_date: date) -> Label | None:
    try:
        return _symbol(payload, reference_date)
    except ScanError:
        return None


def _check_outline(text: str) -> None:
    """Check what holds for every HIBC text.

    Raises:
        BrokenStructure: a foreign character, too short, or a code that names no device.
    """
    foreign = _FOREIGN.search(text)
    if foreign:
        raise BrokenStructure("character", foreign.start(), f"HIBC has no character {foreign[0]!r}")
    if text.startswith("++"):
        raise BrokenStructure("basic-udi-di", 0, "a Basic UDI-DI names a family of devices, not a device")
    if text.startswith("+/"):
        raise BrokenStructure("not-a-device", 0, "a HIBC provider label (PAS) does not name a device")
    if len(text) < _SHORTEST:
        raise BrokenStructure("length", len(text), "a HIBC label has at least four characters")


def _symbol(payload: str, reference_date: date) -> Label:
    """Read one symbol whose check character was removed.

    Raises:
        BrokenStructure: the primary has another form.
    """
    if _SECONDARY_START.match(payload):
        data = read_data(payload[1:-1].split("/"), reference_date=reference_date, start=1)
        elements = (*data.elements, Element(LINK, payload[-1]))
        return Label(Standard.HIBC, data.udi, elements, warnings=(*data.warnings, "no-device-identifier"))
    primary, *rest = payload[1:].split("/")
    if not _PRIMARY.fullmatch(primary):
        raise BrokenStructure("primary", 1, "a letter, 4 to 21 letters or digits and the unit of measure were expected")
    data = read_data(rest, reference_date=reference_date, start=len(primary) + 2, udi_di=primary)
    warnings = (*data.warnings, *_unit_of_measure(primary[-1]))
    return Label(Standard.HIBC, data.udi, (Element(PRIMARY, primary), *data.elements), warnings=warnings)


def _unit_of_measure(digit: str) -> tuple[str, ...]:
    if digit == "0":
        return ()
    return ("variable-measure",) if digit == "9" else ("packaging-level",)


def _two(first: str, second: str, reference_date: date) -> Label:
    """Read a primary and a secondary symbol that arrived in one burst.

    Raises:
        Contradiction: the secondary is linked to another primary.
        BrokenStructure: the second symbol is not a secondary.
    """
    primary = _symbol(first[:-1], reference_date)
    secondary = _label(second, reference_date)
    link = secondary.elements[-1]
    if link.value != first[-1]:
        detail = f"the secondary code belongs to a primary that ends in {link.value!r}, not {first[-1]!r}"
        raise Contradiction("link", len(first) + len(second) - 2, detail)
    fault = secondary.fault
    if fault and fault.position is not None:
        fault = replace(fault, position=fault.position + len(first))
    return Label(
        Standard.HIBC,
        merge(primary.udi, secondary.udi),
        (*primary.elements, *secondary.elements),
        fault,
        tuple(warning for warning in (*primary.warnings, *secondary.warnings) if warning != "no-device-identifier"),
    )
