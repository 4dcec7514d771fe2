"""What can be asked about at all. Pure."""

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
