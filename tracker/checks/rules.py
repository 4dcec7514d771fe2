"""What can be asked about at all, and what a code says of a unit. Pure."""

from scanners import Scan, Status
from tracker.errors import N_, InvalidInput


class ScanEmpty(InvalidInput):
    """Nothing was scanned or typed."""

    code = "scan-empty"


def check_not_empty(scan: Scan) -> None:
    """Check that something was scanned.

    Raises:
        ScanEmpty: there is nothing but space.
    """
    if scan.status is Status.UNKNOWN and not scan.raw.strip():
        raise ScanEmpty(
            N_("Nothing was scanned."),
            fields={"raw": N_("Scan the label, or type its code.")},
            next_step=N_("Scan the label, or type its code."),
        )


def is_half(scan: Scan) -> bool:
    """Test whether a code says only one half of a unit: which device, or which lot and date.

    HIBC and GS1 labels may carry the device identifier and the production data in two symbols (ANSI/HIBC 2.6 section
    2.3; GS1 General Specifications section 4.2).
    """
    if scan.status is not Status.OK or scan.udi is None or scan.unit_number is not None:
        return False
    udi = scan.udi
    names_unit = udi.lot is not None or udi.serial is not None or udi.software_version is not None
    return not (names_device(scan) and names_unit)


def names_device(scan: Scan) -> bool:
    """Test whether a code says which device it is on."""
    return scan.udi is not None and (scan.udi.udi_di is not None or scan.udi.reference is not None)
