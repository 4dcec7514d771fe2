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

_Field = TypeVar("_Field", str | None, date | None, int | None)

_FINENESS = {None: 0, Precision.MONTH: 1, Precision.DAY: 2, Precision.HOUR: 3}


def merge(first: Udi, second: Udi) -> Udi:
    """Return both; a field that is missing never erases one that is known.

    A month and a day of that month agree: the day is kept.

    Raises:
        Contradiction: both know a field, and differ; its code is ``lot-differs``, ``expiries-differ`` and so on.
    """
    expiration_date, precision = _expiry(first, second)
    return Udi(
        udi_di=_either("udi_di", first.udi_di, second.udi_di),
        lot=_either("lot", first.lot, second.lot),
        serial=_either("serial", first.serial, second.serial),
        expiration_date=expiration_date,
        expiration_precision=precision,
        manufacture_date=_either("manufacture_date", first.manufacture_date, second.manufacture_date),
        quantity=_either("quantity", first.quantity, second.quantity),
        software_version=_either("software_version", first.software_version, second.software_version),
        reference=_either("reference", first.reference, second.reference),
    )


def _either(name: str, one: _Field, other: _Field) -> _Field:
    if one is None or other is None or one == other:
        return other if one is None else one
    raise Contradiction(f"{name.replace('_', '-')}-differs", None, f"two values of {name}: {one} and {other}")


def _expiry(first: Udi, second: Udi) -> tuple[date | None, Precision | None]:
    """Return the finer of two expiries that agree.

    Raises:
        Contradiction: they do not.
    """
    coarse, fine = sorted((first, second), key=lambda udi: _FINENESS[udi.expiration_precision])
    one, other = coarse.expiration_date, fine.expiration_date
    if one and other and one != other:
        is_month = coarse.expiration_precision is Precision.MONTH
        if not is_month or (one.year, one.month) != (other.year, other.month):
            detail = f"two expiries: {first.expiration_date} and {second.expiration_date}"
            raise Contradiction("expiries-differ", None, detail)
    return other, fine.expiration_precision
