"""The front door: which standard a text follows, and what it says.

The order matters and is that of the least doubtful mark first: patient label, our own unit label, envelope, HIBC's
``+``, ISBT 128's ``=`` and ``&``, Digital Link, printed brackets, plain GTIN, GS1 element string. Only a trailing CR,
LF or TAB is removed: a space may be HIBC's check character. Nothing raises, whatever arrives; a text of more than 4,096
characters is refused unread.

>>> scan("]d20103700000000013" + "10LOT42", reference_date=date(2026, 11, 22)).udi.lot
'LOT42'
>>> scan("1-020163C", reference_date=date(2026, 11, 22)).status
<Status.UNKNOWN: 'unknown'>
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial

from scanners.arrival import Arrival, labelled, one_standard, refused
from scanners.combine import combine
from scanners.element_strings import read_digits, read_elements
from scanners.errors import ScanError, WrongCheckDigit
from scanners.result import Fault, Scan, Standard, Status
from scanners.udi import digital_link, gs1, gs1_brackets, gtin, hibc, iccbba, ifa, ins, symbology, unit
from scanners.udi.label import Label

ENVELOPE = "[)>"
"""How a message of ISO/IEC 15434 begins."""

_FORMAT = re.compile(r"\[\)>\x1e(0[56])\x1d")
_DIGITS_ONLY = symbology.EAN | symbology.ITF
_DIGITS = re.compile(r"[0-9]+(\|.*)?", re.DOTALL)
_EXPECTED = dict.fromkeys(symbology.GS1, Standard.GS1) | dict.fromkeys(_DIGITS_ONLY, Standard.EAN)
"""What identifiers of one content promise; the others may hold anything."""

MAXIMUM_LENGTH = 4096
"""Characters; more than any symbology holds (a Data Matrix 3,116 digits)."""


def scan(raw: str | bytes, *, reference_date: date, group_separator_known: bool = True) -> Scan:
    """Read what a scanner, a camera or a person delivered.

    Args:
        raw: the text as it arrived. Bytes are taken as UTF-8, or as Latin-1 where they are not UTF-8.
        reference_date: the day against which two-digit years are read.
        group_separator_known: True when the reader is known to pass GS (ASCII 29) on; when it is not, a text without
            any separator that can be cut in several ways is ambiguous (docs/decisions/0007).

    Returns:
        The scan, never an exception. The raw text is kept, except that of a patient label.
    """
    text = _decode(raw)
    trimmed = text.rstrip("\r\n\t")
    identifier, payload = symbology.split(trimmed)
    if ins.is_patient_label(trimmed):
        return _patient(payload, identifier)
    if len(text) > MAXIMUM_LENGTH:
        fault = Fault("too-long", MAXIMUM_LENGTH, f"a scan has at most {MAXIMUM_LENGTH} characters, not {len(text)}")
        return Scan(text, Status.INVALID, fault=fault)
    arrival = Arrival(text, payload, len(trimmed) - len(payload), identifier, reference_date, group_separator_known)
    found = _read(arrival)
    expected = _EXPECTED.get(identifier or "")
    if expected is None or found.standard in (expected, None) or found.status is not Status.OK:
        return found
    return replace(found, warnings=(*dict.fromkeys((*found.warnings, symbology.UNEXPECTED)),))


def _decode(raw: str | bytes) -> str:
    if isinstance(raw, str):
        return raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _patient(payload: str, identifier: str | None) -> Scan:
    """Return the patient's scan: what it says, or why it cannot be read, and in no case the text."""
    try:
        patient, fault = ins.parse(payload), None
    except ScanError as error:
        patient, fault = None, error.fault()
    return Scan("", Status.PATIENT, Standard.INS, identifier, patient=patient, fault=fault)


def _read(arrival: Arrival) -> Scan:
    payload = arrival.payload
    if not payload:
        fault = Fault("empty", None, "the scan holds no text")
        return Scan(arrival.raw, Status.UNKNOWN, symbology=arrival.symbology, fault=fault)
    if unit.is_unit_label(payload):
        return _unit(arrival)
    if payload.startswith(ENVELOPE):
        return _enveloped(arrival)
    marked = _marked(arrival)
    if marked:
        return marked
    if arrival.symbology not in symbology.GS1 and gtin.is_gtin(payload):
        return read_digits(arrival)
    return read_elements(arrival)


def _marked(arrival: Arrival) -> Scan | None:
    """Return the scan of a text that begins with the mark of one standard, or None."""
    payload, day, identifier = arrival.payload, arrival.reference_date, arrival.symbology
    if identifier in _DIGITS_ONLY and _DIGITS.fullmatch(payload):
        return _ean(arrival)
    if hibc.is_hibc(payload, identifier):
        return one_standard(arrival, Standard.HIBC, partial(hibc.parse, reference_date=day, symbology=identifier))
    if ifa.is_message(payload):
        return _ifa(arrival)
    for standard, is_marked, parse in _MARKS:
        if is_marked(payload):
            return one_standard(arrival, standard, partial(parse, reference_date=day))
    return None


_MARKS: tuple[tuple[Standard, Callable[[str], bool], Callable[..., Label]], ...] = (
    (Standard.ICCBBA, iccbba.is_iccbba, iccbba.parse),
    (Standard.IFA, ifa.is_pzn, ifa.parse_pzn),
    (Standard.GS1, gs1_brackets.is_bracketed, gs1_brackets.parse),
    (Standard.GS1, digital_link.is_digital_link, digital_link.parse),
)


def _ean(arrival: Arrival) -> Scan:
    """Read the digits of EAN, UPC or ITF; a composite's second part follows behind a bar."""
    digits, bar, composite = arrival.payload.partition("|")
    first = one_standard(
        replace(arrival, payload=digits), Standard.EAN, partial(gtin.parse, symbology=arrival.symbology)
    )
    if not bar:
        return first
    second = scan(composite, reference_date=arrival.reference_date, group_separator_known=True)
    return replace(combine(first, second), raw=arrival.raw, symbology=arrival.symbology)


def _enveloped(arrival: Arrival) -> Scan:
    """Open the envelope of ISO/IEC 15434: format 05 holds GS1 elements, 06 HIBC or IFA."""
    match = _FORMAT.match(arrival.payload)
    if match is None:
        fault = Fault("envelope", arrival.offset, "an envelope of format 05 or 06 was expected: [)> RS 05 or 06 GS")
        return Scan(arrival.raw, Status.INVALID, Standard.IFA, arrival.symbology, fault=fault)
    body, _ = ifa.content(arrival.payload.replace(match[0], ifa.HEAD, 1))
    inside = replace(arrival, payload=body, offset=arrival.offset + match.end())
    if match[1] == "05":
        return one_standard(inside, Standard.GS1, partial(gs1.parse, reference_date=arrival.reference_date))
    if hibc.is_hibc(body):
        return one_standard(inside, Standard.HIBC, partial(hibc.parse, reference_date=arrival.reference_date))
    return _ifa(arrival)


def _ifa(arrival: Arrival) -> Scan:
    try:
        return labelled(arrival, ifa.parse(arrival.payload, reference_date=arrival.reference_date))
    except ifa.NotAUdi as error:
        return Scan(arrival.raw, Status.UNKNOWN, symbology=arrival.symbology, fault=error.fault(arrival.offset))
    except ScanError as error:
        return refused(arrival, Standard.IFA, error)


def _unit(arrival: Arrival) -> Scan:
    number, fault = arrival.payload.upper(), None
    try:
        unit.validate(arrival.payload)
    except WrongCheckDigit as error:
        fault = replace(error.fault(arrival.offset), overridable=False)
    status = Status.INVALID if fault else Status.OK
    known = None if fault else number
    return Scan(arrival.raw, status, Standard.UNIT, arrival.symbology, unit_number=known, fault=fault)
