"""A text on its way through the parsers, and how what a parser says becomes a scan."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from scanners.errors import ScanError
from scanners.result import Fault, Scan, Standard, Status
from scanners.udi.label import Label


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


def one_standard(arrival: Arrival, standard: Standard, parse: Callable[[str], Label]) -> Scan:
    """Return what one parser makes of the payload, where no other standard can be meant."""
    try:
        return labelled(arrival, parse(arrival.payload))
    except ScanError as error:
        return refused(arrival, standard, error)


def refused(arrival: Arrival, standard: Standard, error: ScanError) -> Scan:
    """Return the scan of a text that its standard does not allow."""
    return Scan(arrival.raw, Status.INVALID, standard, arrival.symbology, fault=error.fault(arrival.offset))


def labelled(arrival: Arrival, label: Label) -> Scan:
    """Return the scan of a label that was read, with its fault where only a check digit is wrong."""
    fault = label.fault and moved(label.fault, arrival.offset)
    return Scan(
        raw=arrival.raw,
        status=Status.INVALID if fault else Status.OK,
        standard=label.standard,
        symbology=arrival.symbology,
        udi=label.udi,
        elements=label.elements,
        readings=label.alternatives,
        fault=fault,
        warnings=label.warnings,
    )


def moved(fault: Fault, offset: int) -> Fault:
    """Return the fault, its position counted from the start of the raw text."""
    if not offset or fault.position is None:
        return fault
    return replace(fault, position=fault.position + offset)
