"""Where a unit goes that was not opened after all. Pure."""

from tracker.corrections.rules import Whereabouts
from tracker.errors import Conflict

NOT_FAILED = "failure-withdrawn"


class OutcomeCorrected(Conflict):
    """Another correction took this record back already."""

    code = "outcome-corrected"


def doubt_about(
    whereabouts: Whereabouts, *, has_ward: bool, was_held: bool, is_lot_held: bool, uncovered: str, is_past: bool
) -> str:
    """Return why a unit that was not opened after all is blocked; empty where it is with its ward and may be used.

    The pharmacist decides, but never against a block on the lot, the register or the shelf life. The holds of the unit
    itself closed when it was recorded as lost: where it had any, it is checked in the pharmacy first.

    Args:
        whereabouts: what the pharmacist found.
        has_ward: it was with a ward.
        was_held: a hold closed because it was recorded as lost.
        is_lot_held: its lot is blocked.
        uncovered: code of what the register says today against its use, empty where nothing.
        is_past: its last day of use is over.
    """
    is_doubtful = whereabouts is Whereabouts.CHECK or not has_ward or was_held
    codes = [
        ("lot-on-hold", is_lot_held),
        (uncovered, bool(uncovered)),
        ("shelf-life-past", is_past),
        (NOT_FAILED, is_doubtful),
    ]
    return " ".join([code for code, applies in codes if applies])
