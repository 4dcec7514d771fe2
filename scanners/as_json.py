"""A scan as the values of one JSON object: the interface that scripts and the API rely on.

The keys are fixed. Nothing of a patient's label is in it. The number of our own unit label is the only element of its
scan. ``error`` says why a text was refused, or for an ambiguous one why nothing was chosen.

>>> from scanners.result import Udi
>>> scan = Scan("17281231", Status.OK, Standard.GS1, udi=Udi(expiration_date=date(2028, 12, 31)))
>>> found = scan_as_json(scan)
>>> found["standard"], found["expiration_date"], found["lot"], found["error"]
('gs1', '2028-12-31', None, None)
"""

from datetime import date

from scanners.result import Fault, Scan, Standard, Status, Udi

UDI_FIELDS = (
    "udi_di",
    "lot",
    "serial",
    "expiration_date",
    "manufacture_date",
    "quantity",
    "software_version",
)
"""Fields of a UDI in the order they are written."""


def scan_as_json(scan: Scan) -> dict[str, object]:
    """Return the scan as plain values that ``json.dumps`` takes."""
    elements = [[element.identifier, element.value] for element in scan.elements]
    if scan.unit_number is not None:
        elements = [[Standard.UNIT.value, scan.unit_number]]
    return {
        "raw": scan.raw,
        "status": scan.status.value,
        "standard": scan.standard.value if scan.standard else None,
        "symbology": scan.symbology,
        **udi_as_json(scan.udi or Udi()),
        "elements": elements,
        "readings": [udi_as_json(udi) | {"reference": udi.reference} for udi in scan.readings],
        "error": fault_as_json(scan.fault) if scan.status is not Status.OK else None,
    }


def udi_as_json(udi: Udi) -> dict[str, object]:
    """Return the fields of a UDI, dates as YYYY-MM-DD."""
    return {name: _plain(getattr(udi, name)) for name in UDI_FIELDS}


def fault_as_json(fault: Fault | None) -> dict[str, object] | None:
    """Return code, position and detail, or None."""
    if fault is None:
        return None
    return {"code": fault.code, "position": fault.position, "detail": fault.detail}


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value
