"""HIBC: the forms and refusals of ANSI/HIBC 2.6 and its earlier editions."""

from datetime import date

import pytest

from scanners import Element, Precision, Scan, Status, scan
from scanners.udi import check_digits, hibc

TODAY = date(2026, 11, 22)


def read(raw: str) -> Scan:
    return scan(raw, reference_date=TODAY)


def sealed(payload: str) -> str:
    """Return the payload with its check character."""
    return payload + check_digits.hibc(payload)


@pytest.mark.parametrize(
    ("text", "udi_di"),
    [
        ("+H999TRK10X", "H999TRK10"),
        ("*+H999TRK10X*", "H999TRK10"),
        ("+H999TRK60 ", "H999TRK60"),
        ("+H999TRK80/", "H999TRK80"),
        ("+H999TRK70$", "H999TRK70"),
        ("+H999TRK90+", "H999TRK90"),
        ("+H999TRK50.", "H999TRK50"),
        ("+H999TRK190%", "H999TRK190"),
        ("[)>\x1e06\x1d+H999TRK10X\x1e\x04", "H999TRK10"),
    ],
)
def test_primary_is_read_whatever_its_check_character_is(text: str, udi_di: str) -> None:
    found = read(text)

    assert found.status is Status.OK
    assert found.udi is not None
    assert found.udi.udi_di == udi_di
    assert found.raw == text


@pytest.mark.parametrize(
    ("data", "lot", "expiry", "precision"),
    [
        ("$LOT42", "LOT42", None, None),
        ("28366LOT42", "LOT42", date(2028, 12, 31), Precision.DAY),
        ("$$0228LOT42", "LOT42", date(2028, 2, 29), Precision.MONTH),
        ("$$1228LOT42", "LOT42", date(2028, 12, 31), Precision.MONTH),
        ("$$2123128LOT42", "LOT42", date(2028, 12, 31), Precision.DAY),
        ("$$3281231LOT42", "LOT42", date(2028, 12, 31), Precision.DAY),
        ("$$428123123LOT42", "LOT42", date(2028, 12, 31), Precision.HOUR),
        ("$$528366LOT42", "LOT42", date(2028, 12, 31), Precision.DAY),
        ("$$62836623LOT42", "LOT42", date(2028, 12, 31), Precision.HOUR),
        ("$$7LOT42", "LOT42", None, None),
        ("$$3281231", None, date(2028, 12, 31), Precision.DAY),
        ("$$3281231A-1.2", "A-1.2", date(2028, 12, 31), Precision.DAY),
    ],
)
def test_every_date_flag_is_read(data: str, lot: str | None, expiry: date | None, precision: Precision | None) -> None:
    secondary = read(sealed(f"+{data}X"))
    combined = read(sealed(f"+H999TRK10/{data}"))

    for found in (secondary, combined):
        assert found.status is Status.OK
        assert found.udi is not None
        assert (found.udi.lot, found.udi.expiration_date, found.udi.expiration_precision) == (lot, expiry, precision)
    assert secondary.elements[-1] == Element("link", "X")


@pytest.mark.parametrize(
    ("data", "quantity", "expiry", "lot"),
    [
        ("$$805", 5, None, None),
        ("$$8050328LOT42", 5, date(2028, 3, 31), "LOT42"),
        ("$$8053281231LOT42", 5, date(2028, 12, 31), "LOT42"),
        ("$$8057LOT42", 5, None, "LOT42"),
        ("$$900012528366LOT42", 12, date(2028, 12, 31), "LOT42"),
        ("$$3281231LOT42/Q500", 500, date(2028, 12, 31), "LOT42"),
    ],
)
def test_every_quantity_form_is_read(data: str, quantity: int, expiry: date | None, lot: str | None) -> None:
    found = read(sealed(f"+H999TRK10/{data}"))

    assert found.udi is not None
    assert (found.udi.quantity, found.udi.expiration_date, found.udi.lot) == (quantity, expiry, lot)


@pytest.mark.parametrize("data", ["$+SN0001", "$$+3281231SN0001", "$$+0328SN0001", "$$+8050328SN0001", "$$7/SSN0001"])
def test_serial_is_never_taken_for_a_lot(data: str) -> None:
    found = read(sealed(f"+H999TRK10/{data}"))

    assert found.udi is not None
    assert (found.udi.lot, found.udi.serial) == (None, "SN0001")


def test_supplements_are_read_and_a_day_refines_the_month_of_the_secondary() -> None:
    found = read(sealed("+H999TRK10/$$1228LOT42/SSN0001/14D20281203/16D20260101/Q3"))

    assert found.udi is not None
    assert (found.udi.expiration_date, found.udi.expiration_precision) == (date(2028, 12, 3), Precision.DAY)
    assert (found.udi.serial, found.udi.manufacture_date, found.udi.quantity) == ("SN0001", date(2026, 1, 1), 3)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (sealed("+H999TRK10/$$3281231LOT42/14D20281230"), "expiries-differ"),
        (sealed("+H999TRK10/$LOT42/SA1/SA2"), "serial-differs"),
        (sealed("+H999TRK10/$$3280230LOT42"), "date-impossible"),
        (sealed("+H999TRK10/$$3281200LOT42"), "date-impossible"),
        (sealed("+H999TRK10/$$1328LOT42"), "date-impossible"),
        (sealed("+H999TRK10/$$527366LOT42"), "date-impossible"),
        (sealed("+H999TRK10/$$428123124LOT42"), "date-impossible"),
        (sealed("+H999TRK10/14D20281301"), "date-impossible"),
        (sealed("+H999TRK10/$$32812"), "digits"),
        (sealed("+H999TRK10/$"), "empty-value"),
        (sealed("+H999TRK10/S"), "empty-value"),
        (sealed("+H999TRK10/$LOT 42"), "character"),
        (sealed("+H999TRK10/$" + "L" * 19), "length"),
        (sealed("+H999TRK10/ZFOO"), "segment-unknown"),
        (sealed("+H999TRK1A"), "primary"),
        (sealed("+H9990"), "primary"),
        ("+h999TRK10X", "character"),
        ("+H9", "length"),
        ("++H999ABC", "basic-udi-di"),
        ("+/EO123", "not-a-device"),
        ("+H999TRK10X" + sealed("+$$3281231LOT42Y"), "link"),
    ],
)
def test_what_hibc_does_not_allow_is_refused(text: str, code: str) -> None:
    found = read(text)

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert (found.fault.code, found.fault.overridable) == (code, False)
    assert found.udi is None


def test_wrong_check_character_is_a_refusal_that_may_be_overridden() -> None:
    found = read("+H999TRK10Y")

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert (found.fault.code, found.fault.position, found.fault.overridable) == ("check-digit", 10, True)
    assert found.udi is not None
    assert found.udi.udi_di == "H999TRK10"


def test_missing_check_character_offers_both_readings() -> None:
    found = read("+H999TRK10/$$3281231LOT42")

    assert found.status is Status.INVALID
    assert [udi.lot for udi in found.readings] == ["LOT4", "LOT42"]


def test_stripped_space_is_named() -> None:
    found = read("+H999TRK60")

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert found.fault.detail == "the check character, a space, is missing"
    assert found.udi is not None
    assert found.udi.udi_di == "H999TRK60"


def test_two_symbols_of_one_burst_are_one_unit() -> None:
    found = read("+H999TRK10X" + sealed("+$$3281231LOT42X"))

    assert found.status is Status.OK
    assert found.udi is not None
    assert (found.udi.udi_di, found.udi.lot) == ("H999TRK10", "LOT42")
    assert found.warnings == ()


@pytest.mark.parametrize("primary", ["+H999TRK80/", "+H999TRK90+", "+H999TRK70$", "+H999TRK60 "])
def test_two_symbols_are_told_apart_whatever_the_first_check_character_is(primary: str) -> None:
    found = read(primary + sealed(f"+$LOT42{primary[-1]}"))

    assert found.status is Status.OK
    assert found.udi is not None
    assert (found.udi.udi_di, found.udi.lot) == (primary[1:-1], "LOT42")


def test_stray_plus_before_the_secondary_is_read_and_flagged() -> None:
    found = read(sealed("+H999TRK10/+$LOT42/14D20281231"))

    assert found.status is Status.OK
    assert found.warnings == ("stray-plus",)
    assert found.udi is not None
    assert found.udi.lot == "LOT42"


def test_full_ascii_translation_is_repaired_where_the_check_holds() -> None:
    repaired, refused = read("]A5h999TRK10X"), read("]A4h999TRK10Y")

    assert repaired.status is Status.OK
    assert repaired.warnings == ("full-ascii-repaired",)
    assert refused.status is Status.INVALID


def test_check_character_that_the_reader_removed_is_derived_again() -> None:
    found = read("]A3+H999TRK10")

    assert found.status is Status.OK
    assert "check-by-reader" in found.warnings


@pytest.mark.parametrize(
    ("unit_of_measure", "warnings"), [("0", ()), ("3", ("packaging-level",)), ("9", ("variable-measure",))]
)
def test_package_is_told_from_the_unit_of_use(unit_of_measure: str, warnings: tuple[str, ...]) -> None:
    assert read(sealed(f"+H999TRK1{unit_of_measure}")).warnings == warnings


@pytest.mark.parametrize("text", ["+H999TRK10X", "+H999TRK60 ", sealed("+$$8050328LOT42X"), sealed("+28366LOT42X")])
def test_formatting_what_was_read_gives_the_text_again(text: str) -> None:
    label = hibc.parse(text, reference_date=TODAY)

    assert hibc.format(label.elements) == text


def test_wrong_check_character_of_the_second_symbol_is_placed_in_the_burst() -> None:
    text = "+H999TRK10X" + "+$LOT42XM"

    found = read(text)

    assert found.fault is not None
    assert (found.fault.code, found.fault.position) == ("check-digit", len(text) - 1)


def test_text_that_the_reader_translated_must_still_be_hibc() -> None:
    assert read("]A3+h999").status is Status.INVALID
