"""Two codes of one unit: either order, nothing erased, contradictions reported."""

from datetime import date

import pytest

from scanners import Precision, Scan, Status, scan
from scanners.combine import combine
from scanners.udi import check_digits

TODAY = date(2026, 11, 22)
GTIN = "03700000000013"


def read(raw: str, *, known: bool = True) -> Scan:
    return scan(raw, reference_date=TODAY, group_separator_known=known)


def sealed(payload: str) -> str:
    return payload + check_digits.hibc(payload)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"]C101{GTIN}", "]C11728123110LOT42"),
        (f"]C101{GTIN}17281231", "]C110LOT42"),
        (f"01{GTIN}", "1728123110LOT42"),
        ("3700000000013", "]C11728123110LOT42"),
        (f"01{GTIN}10LOT42", f"01{GTIN}17281231"),
    ],
)
def test_primary_and_secondary_are_one_unit_in_either_order(one: str, other: str) -> None:
    for first, second in ((one, other), (other, one)):
        found = combine(read(first), read(second))

        assert found.status is Status.OK
        assert found.udi is not None
        assert (found.udi.udi_di, found.udi.lot) == (GTIN, "LOT42")
        assert found.udi.expiration_date == date(2028, 12, 31)
        assert found.raw == f"{first}\n{second}"
        assert "no-device-identifier" not in found.warnings


def test_hibc_secondary_must_be_linked_to_its_primary() -> None:
    primary = read("+H999TRK10X")
    right, wrong = read(sealed("+$$3281231LOT42X")), read(sealed("+$$3281231LOT42Y"))

    assert combine(right, primary).status is Status.OK
    refused = combine(wrong, primary)
    assert refused.status is Status.INVALID
    assert refused.fault is not None
    assert refused.fault.code == "link"


@pytest.mark.parametrize(
    ("second", "code"),
    [
        ("]C10103700000000020", "udi-di-differs"),
        ("]C110OTHER", "lot-differs"),
        ("]C121OTHER", "serial-differs"),
        ("]C117281230", "expiries-differ"),
        ("]C117281100", "expiries-differ"),
        ("3700000000020", "udi-di-differs"),
    ],
)
def test_contradiction_is_reported_and_never_resolved(second: str, code: str) -> None:
    first = read(f"]C101{GTIN}1728123110LOT42\x1d21SN7")

    found = combine(first, read(second))

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert (found.fault.code, found.fault.overridable) == (code, False)
    assert found.udi is None


def test_day_refines_the_month_of_the_other_symbol() -> None:
    found = combine(read(f"01{GTIN}17281200"), read("]C117281203"))

    assert found.udi is not None
    assert (found.udi.expiration_date, found.udi.expiration_precision) == (date(2028, 12, 3), Precision.DAY)


def test_missing_field_never_erases_a_known_one() -> None:
    full = read(f"01{GTIN}1728123111260101" + "10LOT42\x1d21SN7\x1d305\x1d2401-020163C\x1d80121.4")

    for other in (read(f"01{GTIN}"), read("3700000000013")):
        assert combine(full, other).udi == full.udi
        assert combine(other, full).udi == full.udi


def test_second_code_decides_between_readings() -> None:
    ambiguous = read(f"01{GTIN}10LOTA21SN42", known=False)

    decided = combine(ambiguous, read("]C110LOTA"))

    assert ambiguous.status is Status.AMBIGUOUS
    assert decided.status is Status.OK
    assert decided.udi is not None
    assert (decided.udi.lot, decided.udi.serial) == ("LOTA", "SN42")


def test_readings_that_nothing_contradicts_stay_ambiguous() -> None:
    found = combine(read(f"01{GTIN}10LOTA21SN42", known=False), read("]C117281231"))

    assert found.status is Status.AMBIGUOUS
    assert [udi.lot for udi in found.readings] == ["LOTA", "LOTA21SN42"]
    assert all(udi.expiration_date == date(2028, 12, 31) for udi in found.readings)


def test_identifiers_that_exclude_each_other_are_found_across_symbols() -> None:
    found = combine(read(f"]C101{GTIN}21SN7"), read("]C1235TPX"))

    assert found.fault is not None
    assert (found.fault.code, found.fault.overridable) == ("elements-exclusive", True)


def test_partner_on_the_other_symbol_ends_the_warning() -> None:
    alone = read(f"]C101{GTIN}250A")

    assert alone.warnings == ("association-missing",)
    assert combine(alone, read("]C121B")).warnings == ()


@pytest.mark.parametrize("second", ["", "A4-4422"])
def test_unknown_text_adds_nothing(second: str) -> None:
    first = read(f"01{GTIN}10LOT42")

    assert combine(first, read(second)) == first
    assert combine(read(second), first) == first


@pytest.mark.parametrize("text", ["IS01" + "0" * 22, "3700000000012", "T590000000178"])
def test_what_cannot_be_combined_is_returned_as_it_is(text: str) -> None:
    first, second = read(f"01{GTIN}10LOT42"), read(text)

    assert combine(first, second) == second
    assert combine(second, first) == second


def test_composite_beneath_an_ean_is_read_with_it() -> None:
    found = read("]E03700000000013|]e01728123110LOT42")

    assert found.status is Status.OK
    assert found.udi is not None
    assert (found.udi.udi_di, found.udi.lot) == (GTIN, "LOT42")
