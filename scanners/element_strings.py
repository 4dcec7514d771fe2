"""Digits and element strings of GS1 without any mark: whether they are GS1 at all, and how often they can be cut.

What is ambiguous, and why nothing is chosen, is decided in docs/decisions/0007.
"""

from dataclasses import fields, replace
from datetime import date
from functools import partial

from scanners.arrival import Arrival, labelled, moved, one_standard, refused
from scanners.errors import BrokenStructure, ScanError
from scanners.result import Fault, Scan, Standard, Status, Udi
from scanners.udi import gs1, gtin, symbology
from scanners.udi.gs1_cuts import legal_readings
from scanners.udi.gs1_evidence import Evidence, weigh
from scanners.udi.label import Label


def read_digits(arrival: Arrival) -> Scan:
    """Read digits of a GTIN's length: a GTIN, unless it is eight digits that are an identifier and a date."""
    as_gtin = gtin.parse(arrival.payload)
    if weigh(arrival.payload) is not Evidence.DATE_ALONE:
        return labelled(arrival, as_gtin)
    try:
        as_date = gs1.parse(arrival.payload, reference_date=arrival.reference_date)
    except ScanError:
        return labelled(arrival, as_gtin)
    if as_gtin.fault:
        return labelled(arrival, as_date)
    fault = Fault("two-standards", None, "the digits are a GTIN-8 and an identifier with a date")
    readings = (as_gtin.udi, as_date.udi)
    return Scan(arrival.raw, Status.AMBIGUOUS, symbology=arrival.symbology, readings=readings, fault=fault)


def read_elements(arrival: Arrival) -> Scan:
    """Read a GS1 element string, or find that the text is none."""
    payload = arrival.payload
    promised = arrival.symbology in symbology.GS1
    evidence = Evidence.CERTAIN if promised or gs1.is_separated(payload) else weigh(payload)
    if evidence is not Evidence.CERTAIN and gtin.is_sscc(payload):
        as_element = replace(arrival, payload="00" + payload)
        return one_standard(as_element, Standard.GS1, partial(gs1.parse, reference_date=arrival.reference_date))
    if evidence is Evidence.NONE:
        return Scan(arrival.raw, Status.UNKNOWN, symbology=arrival.symbology)
    scan_read = _separated(arrival) if _has_trusted_separators(arrival) else _unseparated(arrival)
    if evidence is Evidence.CERTAIN:
        return _noted(_with_stand_in(scan_read, arrival), arrival, promised=promised)
    if scan_read.status is Status.INVALID:
        return Scan(arrival.raw, Status.UNKNOWN, symbology=arrival.symbology)
    return _maybe_reference(arrival, scan_read)


_LEGAL_STAND_INS = ("<GS>", "Alt029")
"""What wedges write for GS and a value may legally hold; every other stand-in is refused by its characters."""


def _with_stand_in(scan_read: Scan, arrival: Arrival) -> Scan:
    """Return both readings of a text that holds a stand-in for GS: only a scanner's profile may tell them apart."""
    stand_in = next((one for one in _LEGAL_STAND_INS if one in arrival.payload), None)
    if stand_in is None or scan_read.status is Status.INVALID:
        return scan_read
    separated = _separated(replace(arrival, payload=arrival.payload.replace(stand_in, gs1.GROUP_SEPARATOR)))
    if separated.status is not Status.OK or separated.udi is None:
        return scan_read
    as_it_stands = scan_read.readings or ((scan_read.udi,) if scan_read.udi else ())
    readings = tuple(dict.fromkeys((separated.udi, *as_it_stands)))
    detail = f"{stand_in} may be a separator that the scanner has written out, or part of a value"
    return replace(
        scan_read,
        status=Status.AMBIGUOUS,
        udi=_agreed(list(readings)),
        elements=(),
        readings=readings,
        fault=Fault("separator-stand-in", scan_read.raw.find(stand_in), detail),
    )


def _noted(scan_read: Scan, arrival: Arrival, *, promised: bool) -> Scan:
    """Note that the symbology identifier names another content than was found."""
    if arrival.symbology is None or promised or scan_read.status is Status.UNKNOWN:
        return scan_read
    return replace(scan_read, warnings=(*scan_read.warnings, symbology.UNEXPECTED))


def _has_trusted_separators(arrival: Arrival) -> bool:
    """Test whether GS reaches us: one that did proves it for the whole text."""
    return arrival.group_separator_known or gs1.GROUP_SEPARATOR in arrival.payload


def _separated(arrival: Arrival) -> Scan:
    """Read strictly; a text that cannot be read so and holds no separator may have lost them after all."""
    try:
        return labelled(arrival, gs1.parse(arrival.payload, reference_date=arrival.reference_date))
    except ScanError as error:
        if gs1.GROUP_SEPARATOR not in arrival.payload and error.code in {"length", "character"}:
            found = _unseparated(arrival)
            lost = found.status is Status.OK
            return replace(found, warnings=(*found.warnings, "group-separator-lost")) if lost else found
        return refused(arrival, Standard.GS1, error)


def _unseparated(arrival: Arrival) -> Scan:
    """Read a text whose separators may be lost: one legal reading is the label, several are nobody's to choose."""
    found = legal_readings(arrival.payload, reference_date=arrival.reference_date)
    if not found.labels:
        return one_standard(arrival, Standard.GS1, partial(_no_reading, reference_date=arrival.reference_date))
    best = found.labels[0]
    if len(found.labels) == 1 and found.complete:
        return labelled(arrival, best)
    count = str(len(found.labels)) if found.complete else f"more than {len(found.labels)}"
    lost = Fault("group-separator-lost", None, f"without its separators the text has {count} legal readings")
    fault = best.fault and moved(best.fault, arrival.offset)
    return Scan(
        raw=arrival.raw,
        status=Status.INVALID if fault else Status.AMBIGUOUS,
        standard=Standard.GS1,
        symbology=arrival.symbology,
        udi=_agreed([label.udi for label in found.labels]),
        readings=tuple([label.udi for label in found.labels]),
        fault=fault or lost,
    )


def _no_reading(text: str, *, reference_date: date) -> Label:
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
