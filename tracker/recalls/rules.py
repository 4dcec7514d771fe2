"""What a recall is asked for by. Pure."""

from tracker.errors import N_, InvalidInput


class LotMissing(InvalidInput):
    """A recall is asked for by lot."""

    code = "recall-lot-missing"


def check_lot(lot_number: str) -> str:
    """Return a lot number without outer spaces.

    Raises:
        LotMissing: nothing was given.
    """
    if not lot_number.strip():
        raise LotMissing(
            N_("Give the lot number."), fields={"lot": N_("Type it as printed on the box, or scan the box.")}
        )
    return lot_number.strip()
