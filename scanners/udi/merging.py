"""Put two halves of one UDI together.

>>> merge(Udi(lot="A"), Udi(serial="7")) == Udi(lot="A", serial="7")
True
>>> month = Udi(expiration_date=date(2028, 3, 31), expiration_precision=Precision.MONTH)
>>> merge(month, Udi(expiration_date=date(2028, 3, 9), expiration_precision=Precision.DAY)).expiration_date
datetime.date(2028, 3, 9)
>>> merge(Udi(lot="A"), Udi(lot="B"))
Traceback (most recent call last):
    ...
scanners.errors.Contradiction: two values of lot: A and B
"""

from datetime import date
from typing import TypeVar

from scanners.errors import Contradiction
from scanners.result import Precision, Udi

_Field = TypeVar("_Field")

Expiry = tuple[date | None, Precision | None]

_FINENESS = {None: 0, Precision.MONTH: 1, Precision.DAY: 2, Precision.HOUR: 3}


def merge(first: Udi, second: Udi) -> Udi:
    """Return both; a field that is missing never erases one that is known.

    A month and a day of that month agree: the day is kept.

    Raises:
        Contradiction: both know a field, and differ; its code is ``lot-differs``, ``expiries-differ`` and so on.
    """
    expiration_date, precision = finer(
        (first.expiration_date, first.expiration_precision),
        (second.expiration_date, second.expiration_precision),
    )
    return Udi(
        udi_di=either("udi_di", first.udi_di, second.udi_di),
        lot=either("lot", first.lot, second.lot),
        serial=either("serial", first.serial, second.serial),
        expiration_date=expiration_date,
        expiration_precision=precision,
        manufacture_date=either("manufacture_date", first.manufacture_date, second.manufacture_date),
        quantity=either("quantity", first.quantity, second.quantity),
        software_version=either("software_version", first.software_version, second.software_version),
        reference=either("reference", first.reference, second.reference),
    )


def either(name: str, one: _Field | None, other: _Field | None) -> _Field | None:
    """Return the value that is known.

    Raises:
        Contradiction: both are, and differ.
    """
    if one is None or other is None or one == other:
        return other if one is None else one
    raise Contradiction(f"{name.replace('_', '-')}-differs", None, f"two values of {name}: {one} and {other}")


def finer(first: Expiry, second: Expiry) -> Expiry:
    """Return the finer of two expiries that agree.

    Raises:
        Contradiction: they do not.
    """
    if first[0] is None or second[0] is None:
        return second if first[0] is None else first
    coarse, fine = sorted((first, second), key=lambda expiry: _FINENESS[expiry[1]])
    if first[0] != second[0] and (coarse[1] is not Precision.MONTH or f"{coarse[0]:%Y-%m}" != f"{fine[0]:%Y-%m}"):
        raise Contradiction("expiries-differ", None, f"two expiries: {first[0]} and {second[0]}")
    return fine
