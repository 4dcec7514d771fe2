"""Two codes, one unit: the primary and the secondary symbol of a label, read in either order.

A field that is missing never erases one that is known; two values of one field are a contradiction, reported and never
resolved. A HIBC secondary must be linked to the primary it is combined with. An ambiguous code keeps only those of its
readings that the other code does not contradict: when one remains, the second code has decided.

>>> from scanners.result import Element
>>> first = Scan("]C10103700000000013", Status.OK, Standard.GS1, udi=Udi(udi_di="03700000000013"))
>>> second = Scan("]C110LOT42", Status.OK, Standard.GS1, udi=Udi(lot="LOT42"))
>>> combine(second, first).udi == Udi(udi_di="03700000000013", lot="LOT42")
True
>>> combine(first, Scan("3700000000020", Status.OK, Standard.EAN, udi=Udi(udi_di="03700000000020"))).fault.code
'udi-di-differs'
"""

from scanners.errors import Contradiction
from scanners.result import Element, Fault, Scan, Standard, Status, Udi
from scanners.udi import hibc
from scanners.udi.gs1_associations import check_associations
from scanners.udi.merging import merge

_WEIGHTS = {Status.PATIENT: 0, Status.INVALID: 1, Status.UNKNOWN: 2}
"""Of two scans that cannot be combined, the one that matters more comes first."""


def combine(first: Scan, second: Scan) -> Scan:
    """Return what two symbols of one unit say together.

    The raw texts are kept, joined by a line feed in the order given. A patient label, a faulty scan and a unit label
    cannot be combined with anything: the one that hinders is returned as it is. An unknown text adds nothing.
    """
    pair = (first, second)
    hindering = [scan for scan in pair if scan.status in _WEIGHTS or scan.unit_number is not None]
    if hindering:
        return _hindered(pair, hindering)
    try:
        _check_link(first.elements, second.elements)
        _check_link(second.elements, first.elements)
        udis = _merged(_readings(first), _readings(second))
    except Contradiction as error:
        return _together(first, second, status=Status.INVALID, fault=error.fault())
    fault, warnings = _associations(first, second)
    known = tuple(_warnings(first, second, has_device_identifier=udis[0].udi_di is not None)) + warnings
    if fault:
        return _together(first, second, status=Status.INVALID, fault=fault, udi=udis[0], warnings=known)
    if len(udis) == 1:
        return _together(first, second, status=Status.OK, udi=udis[0], warnings=known)
    return _together(first, second, status=Status.AMBIGUOUS, readings=udis, warnings=known)


def _hindered(pair: tuple[Scan, Scan], hindering: list[Scan]) -> Scan:
    worst = min(hindering, key=lambda scan: _WEIGHTS.get(scan.status, len(_WEIGHTS)))
    useful = [scan for scan in pair if scan is not worst and scan.udi is not None]
    return useful[0] if worst.status is Status.UNKNOWN and useful else worst


def _readings(scan: Scan) -> tuple[Udi, ...]:
    if scan.status is Status.AMBIGUOUS:
        return scan.readings
    return (scan.udi,) if scan.udi else (Udi(),)


def _merged(first: tuple[Udi, ...], second: tuple[Udi, ...]) -> tuple[Udi, ...]:
    """Return every pair of readings that do not contradict each other, best first, each once.

    Raises:
        Contradiction: no pair is left.
    """
    merged: dict[Udi, None] = {}
    refusal: Contradiction | None = None
    for one in first:
        for other in second:
            try:
                merged[merge(one, other)] = None
            except Contradiction as error:
                refusal = refusal or error
    if not merged and refusal:
        raise refusal
    return tuple(merged)


def _check_link(primary: tuple[Element, ...], secondary: tuple[Element, ...]) -> None:
    """Check that a HIBC secondary belongs to the primary.

    Raises:
        Contradiction: its link is the check character of another primary.
    """
    head = next((element.value for element in primary if element.identifier == hibc.PRIMARY), None)
    link = next((element.value for element in secondary if element.identifier == hibc.LINK), None)
    if head is None or link is None:
        return
    expected = hibc.check_digit(hibc.PRIMARY + head)
    if link != expected:
        detail = f"the secondary code belongs to a primary that ends in {link!r}, not {expected!r}"
        raise Contradiction("link", None, detail)


def _associations(first: Scan, second: Scan) -> tuple[Fault | None, tuple[str, ...]]:
    """Check what must or must not stand together over both symbols, where both are GS1."""
    if {first.standard, second.standard} != {Standard.GS1}:
        return None, ()
    values = {element.identifier: element.value for element in (*first.elements, *second.elements)}
    fault, warnings = check_associations(values)
    return fault, tuple(warnings)


def _warnings(first: Scan, second: Scan, *, has_device_identifier: bool) -> list[str]:
    """Return the warnings of both, without those that the other symbol has answered."""
    answered = {"association-missing", *({"no-device-identifier"} if has_device_identifier else ())}
    return list(dict.fromkeys(code for code in (*first.warnings, *second.warnings) if code not in answered))


def _together(first: Scan, second: Scan, *, status: Status, **found: object) -> Scan:
    return Scan(
        raw=f"{first.raw}\n{second.raw}",
        meant=f"{first.text}\n{second.text}" if first.meant or second.meant else "",
        status=status,
        standard=first.standard or second.standard,
        symbology=first.symbology or second.symbology,
        elements=tuple(dict.fromkeys((*first.elements, *second.elements))),
        **found,  # type: ignore[arg-type]
    )
