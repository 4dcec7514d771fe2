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
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import partial

from scanners.combine import combine
from scanners.errors import BrokenStructure, ScanError, WrongCheckDigit
from scanners.result import Fault, Scan, Standard, Status, Udi
from scanners.udi import digital_link, gs1, gs1_brackets, gtin, hibc, iccbba, ifa, ins, symbology, unit
from scanners.udi.gs1_cuts import legal_readings
from scanners.udi.gs1_evidence import Evidence, weigh
from scanners.udi.label import Label

ENVELOPE = "[)>"
"""How a message of ISO/IEC 15434 begins."""

_FORMAT = re.compile(r"\[\)>\x1e(0[56])\x1d")
_DIGITS_ONLY = symbology.EAN | symbology.ITF

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
    return _read(arrival)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A text on its way through the parsers."""

    raw: str
    payload: str
    """The text without symbology identifier and without trailing CR, LF, TAB."""
    offset: int
    """Where the payload starts in the raw text."""
    symbology: str | None
    reference_date: date
    group_separator_known: bool


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
        return _plain_digits(arrival)
    return _element_string(arrival)


def _marked(arrival: Arrival) -> Scan | None:
    """Return the scan of a text that begins with the mark of one standard, or None."""
    payload, day, identifier = arrival.payload, arrival.reference_date, arrival.symbology
    if identifier in _DIGITS_ONLY:
        return _ean(arrival)
    if hibc.is_hibc(payload, identifier):
        return _one(arrival, Standard.HIBC, partial(hibc.parse, reference_date=day, symbology=identifier))
    if ifa.is_message(payload):
        return _ifa(arrival)
    for standard, is_marked, parse in _MARKS:
        if is_marked(payload):
            return _one(arrival, standard, partial(parse, reference_date=day))
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
    first = _one(replace(arrival, payload=digits), Standard.EAN, partial(gtin.parse, symbology=arrival.symbology))
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
        return _one(inside, Standard.GS1, partial(gs1.parse, reference_date=arrival.reference_date))
    if hibc.is_hibc(body):
        return _one(inside, Standard.HIBC, partial(hibc.parse, reference_date=arrival.reference_date))
    return _ifa(arrival)


def _ifa(arrival: Arrival) -> Scan:
    try:
        return _labelled(arrival, ifa.parse(arrival.payload, reference_date=arrival.reference_date))
    except ifa.NotAUdi as error:
        return Scan(arrival.raw, Status.UNKNOWN, symbology=arrival.symbology, fault=error.fault(arrival.offset))
    except ScanError as error:
        return _refused_scan(arrival, Standard.IFA, error)


def _unit(arrival: Arrival) -> Scan:
    number, fault = arrival.payload.upper(), None
    try:
        unit.validate(arrival.payload)
    except WrongCheckDigit as error:
        fault = replace(error.fault(arrival.offset), overridable=False)
    status = Status.INVALID if fault else Status.OK
    known = None if fault else number
    return Scan(arrival.raw, status, Standard.UNIT, arrival.symbology, unit_number=known, fault=fault)


def _one(arrival: Arrival, standard: Standard, parse: Callable[[str], Label]) -> Scan:
    """Return what one parser makes of the payload, where no other standard can be meant."""
    try:
        return _labelled(arrival, parse(arrival.payload))
    except ScanError as error:
        return _refused_scan(arrival, standard, error)


def _refused_scan(arrival: Arrival, standard: Standard, error: ScanError) -> Scan:
    return Scan(arrival.raw, Status.INVALID, standard, arrival.symbology, fault=error.fault(arrival.offset))


def _labelled(arrival: Arrival, label: Label, *warnings: str) -> Scan:
    fault = label.fault and _moved(label.fault, arrival.offset)
    return Scan(
        raw=arrival.raw,
        status=Status.INVALID if fault else Status.OK,
        standard=label.standard,
        symbology=arrival.symbology,
        udi=label.udi,
        elements=label.elements,
        readings=label.alternatives,
        fault=fault,
        warnings=(*label.warnings, *warnings),
    )


def _moved(fault: Fault, offset: int) -> Fault:
    if not offset or fault.position is None:
        return fault
    return replace(fault, position=fault.position + offset)


def _plain_digits(arrival: Arrival) -> Scan:
    """Read digits of a GTIN's length: a GTIN, unless it is eight digits that are an identifier and a date."""
    as_gtin = gtin.parse(arrival.payload)
    if weigh(arrival.payload) is not Evidence.DATE_ALONE:
        return _labelled(arrival, as_gtin)
    try:
        as_date = gs1.parse(arrival.payload, reference_date=arrival.reference_date)
    except ScanError:
        return _labelled(arrival, as_gtin)
    if as_gtin.fault:
        return _labelled(arrival, as_date)
    fault = Fault("two-standards", None, "the digits are a GTIN-8 and an identifier with a date")
    readings = (as_gtin.udi, as_date.udi)
    return Scan(arrival.raw, Status.AMBIGUOUS, symbology=arrival.symbology, readings=readings, fault=fault)


def _element_string(arrival: Arrival) -> Scan:
    payload = arrival.payload
    promised = arrival.symbology in symbology.GS1
    evidence = Evidence.CERTAIN if promised or gs1.is_separated(payload) else weigh(payload)
    if evidence is not Evidence.CERTAIN and gtin.is_sscc(payload):
        as_element = replace(arrival, payload="00" + payload)
        return _one(as_element, Standard.GS1, partial(gs1.parse, reference_date=arrival.reference_date))
    if evidence is Evidence.NONE:
        return Scan(arrival.raw, Status.UNKNOWN, symbology=arrival.symbology)
    scan_read = _separated(arrival) if _has_trusted_separators(arrival) else _unseparated(arrival)
    if evidence is Evidence.CERTAIN:
        return _noted(scan_read, arrival, promised=promised)
    if scan_read.status is Status.INVALID:
        return Scan(arrival.raw, Status.UNKNOWN, symbology=arrival.symbology)
    return _maybe_reference(arrival, scan_read)


def _noted(scan_read: Scan, arrival: Arrival, *, promised: bool) -> Scan:
    """Note that the symbology identifier names another content than was found."""
    if arrival.symbology is None or promised or scan_read.status is Status.UNKNOWN:
        return scan_read
    return replace(scan_read, warnings=(*scan_read.warnings, "symbology-not-gs1"))


def _has_trusted_separators(arrival: Arrival) -> bool:
    """Test whether GS reaches us: one that did proves it for the whole text."""
    return arrival.group_separator_known or gs1.GROUP_SEPARATOR in arrival.payload


def _separated(arrival: Arrival) -> Scan:
    """Read strictly; a text that cannot be read so and holds no separator may have lost them after all."""
    try:
        return _labelled(arrival, gs1.parse(arrival.payload, reference_date=arrival.reference_date))
    except ScanError as error:
        if gs1.GROUP_SEPARATOR not in arrival.payload and error.code in {"length", "character"}:
            found = _unseparated(arrival)
            lost = found.status is Status.OK
            return replace(found, warnings=(*found.warnings, "group-separator-lost")) if lost else found
        return _refused_scan(arrival, Standard.GS1, error)


def _unseparated(arrival: Arrival) -> Scan:
    """Read a text whose separators may be lost: one legal reading is the label, several are nobody's to choose."""
    found = legal_readings(arrival.payload, reference_date=arrival.reference_date)
    if not found.labels:
        return _one(arrival, Standard.GS1, partial(_refused, reference_date=arrival.reference_date))
    best = found.labels[0]
    if len(found.labels) == 1 and found.complete:
        return _labelled(arrival, best)
    count = str(len(found.labels)) if found.complete else f"more than {len(found.labels)}"
    lost = Fault("group-separator-lost", None, f"without its separators the text has {count} legal readings")
    fault = best.fault and _moved(best.fault, arrival.offset)
    return Scan(
        raw=arrival.raw,
        status=Status.INVALID if fault else Status.AMBIGUOUS,
        standard=Standard.GS1,
        symbology=arrival.symbology,
        udi=_agreed([label.udi for label in found.labels]),
        readings=tuple([label.udi for label in found.labels]),
        fault=fault or lost,
    )


def _refused(text: str, *, reference_date: date) -> Label:
    """Return why no reading of the text is legal, as the strict parser says it.

    Raises:
        BrokenStructure: always; the strict parser has it more precisely where it cannot read the text either.
    """
    label = gs1.parse(text, reference_date=reference_date)
    raise BrokenStructure("no-reading", None, f"no legal reading of {len(label.elements)} elements")


def _agreed(readings: list[Udi]) -> Udi:
    """Return the fields that all readings share: those are safe to use."""
    first = readings[0]
    shared = {
        name: getattr(first, name)
        for name in (field.name for field in fields(Udi))
        if all(getattr(reading, name) == getattr(first, name) for reading in readings)
    }
    return Udi(**shared)


def _maybe_reference(arrival: Arrival, scan_read: Scan) -> Scan:
    """Return both: a lone lot or serial without any mark of GS1 may as well be a catalogue reference."""
    udis = scan_read.readings or ((scan_read.udi,) if scan_read.udi else ())
    return Scan(
        raw=arrival.raw,
        status=Status.AMBIGUOUS,
        symbology=arrival.symbology,
        readings=(*udis, Udi(reference=arrival.payload)),
        fault=Fault("two-standards", None, "this may be an element of GS1, or a reference of a catalogue"),
    )
