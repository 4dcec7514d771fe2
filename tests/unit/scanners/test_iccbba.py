"""ISBT 128: fixed structures, cut by length."""

from datetime import date

import pytest

from scanners import Precision, Scan, Standard, Status, scan

TODAY = date(2026, 11, 22)


def read(raw: str) -> Scan:
    return scan(raw, reference_date=TODAY)


def test_all_structures_of_a_device_are_read() -> None:
    found = read("=/A9999XYZ100T0944=,000025=A99971812345600=>028366=}026001&,1000000000000XYZ123")

    assert (found.status, found.standard) == (Status.OK, Standard.ICCBBA)
    assert found.udi is not None
    assert (found.udi.udi_di, found.udi.serial) == ("A9999XYZ100T0944", "000025")
    assert found.udi.lot == "000000000000XYZ123"
    assert (found.udi.expiration_date, found.udi.manufacture_date) == (date(2028, 12, 31), date(2026, 1, 1))
    assert [element.identifier for element in found.elements] == ["=/", "=,", "=", "=>", "=}", "&,1"]


def test_equals_sign_is_never_searched_for() -> None:
    found = read("&,1=ABC=123=ABC=123=A=>028366")

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert (found.fault.code, found.fault.position) == ("character", 3)


def test_blood_container_is_read() -> None:
    found = read("=)AB12345678&)LOT0000042")

    assert found.udi is not None
    assert (found.udi.udi_di, found.udi.lot) == ("AB12345678", "LOT0000042")


def test_compound_message_announces_what_follows() -> None:
    right, wrong = read("=+02000=/A9999XYZ100T0944=>028366"), read("=+03000=/A9999XYZ100T0944=>028366")

    assert right.status is Status.OK
    assert wrong.fault is not None
    assert wrong.fault.code == "count"


def test_expiry_with_time_keeps_the_hour() -> None:
    found = read("=/A9999XYZ100T0944&>0283661530")

    assert found.udi is not None
    assert (found.udi.expiration_date, found.udi.expiration_precision) == (date(2028, 12, 31), Precision.HOUR)


@pytest.mark.parametrize(
    ("text", "code", "position"),
    [
        ("=>028367", "date-impossible", 2),
        ("=>027366", "date-impossible", 2),
        ("=>528001", "date-impossible", 2),
        ("&>0283662460", "date-impossible", 8),
        ("=>02836", "length", 7),
        ("=/A9999xyz100T0944", "character", 7),
        ("=>028001FOO", "identifier-unknown", 8),
        ("=>028001=>028002", "element-repeated", 10),
        ("=>028001&>0280021200", "expiries-differ", 10),
    ],
)
def test_broken_structure_is_refused_at_its_place(text: str, code: str, position: int) -> None:
    found = read(text)

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert (found.fault.code, found.fault.position) == (code, position)


def test_equal_structures_are_tolerated() -> None:
    assert read("=>028001=>028001").status is Status.OK


@pytest.mark.parametrize(("century", "year"), [("0", 2028), ("9", 1928), ("1", 2128)])
def test_century_digit_decides_the_century(century: str, year: int) -> None:
    found = read(f"=}}{century}28001")

    assert found.udi is not None
    assert found.udi.manufacture_date == date(year, 1, 1)
