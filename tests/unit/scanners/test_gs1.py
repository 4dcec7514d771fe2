"""GS1 element strings: lengths, characters, dates, associations, the printed form, against biip as a second opinion."""

import re
from datetime import date

import biip
import pytest
from biip.gs1_application_identifiers import GS1ApplicationIdentifier
from biip.gs1_messages import GS1Message

from scanners import Element, Precision, Scan, Status, scan
from scanners.errors import BrokenStructure
from scanners.udi import check_digits, gs1, gs1_brackets
from scanners.udi.application_identifiers import IDENTIFIER_LENGTHS, TABLE
from scanners.udi.gs1_cuts import legal_readings

TODAY = date(2026, 11, 22)
GS = "\x1d"
GTIN = "03700000000013"
ITEM = f"01{GTIN}"
TOLD_OTHERWISE = {"4330", "4331", "4332", "4333", "7258", "8010"}
"""The second table writes a hyphen or slash as part of the format, and another character set for 8010."""


def read(raw: str) -> Scan:
    return scan(raw, reference_date=TODAY)


@pytest.mark.parametrize(
    ("elements", "field", "value"),
    [
        ("10LOT42", "lot", "LOT42"),
        ("21SN7", "serial", "SN7"),
        ("17281231", "expiration_date", date(2028, 12, 31)),
        ("17280200", "expiration_date", date(2028, 2, 29)),
        ("11260101", "manufacture_date", date(2026, 1, 1)),
        ("8008260101", "manufacture_date", None),
        ("800826010112", "manufacture_date", date(2026, 1, 1)),
        ("70032812311530", "expiration_date", date(2028, 12, 31)),
        ("30500", "quantity", 500),
        ("80121.4.2", "software_version", "1.4.2"),
        ("2401-020163C", "reference", "1-020163C"),
        ("2411-020163C", "reference", "1-020163C"),
    ],
)
def test_element_becomes_its_field(elements: str, field: str, value: object) -> None:
    found = read(f"{ITEM}{elements}")

    assert getattr(found.udi, field, None) == value


def test_manufacturers_reference_comes_before_the_customers() -> None:
    found = read(f"{ITEM}241CUSTOMER{GS}240MAKER")

    assert found.udi is not None
    assert found.udi.reference == "MAKER"


@pytest.mark.parametrize(
    ("elements", "code", "position"),
    [
        ("17280230", "date-impossible", 18),
        ("17281301", "date-impossible", 18),
        ("17280000", "date-impossible", 18),
        ("70032812312460", "date-impossible", 26),
        ("70032812001200", "date-impossible", 20),
        (f"10{GS}21SN7", "empty-value", 18),
        ("10", "empty-value", 18),
        ("1728123", "length", 23),
        ("10LOT 42", "character", 21),
        ("10LOT#42", "character", 21),
        ("305A", "character", 19),
        (f"422FR{GS}10A", "character", 19),
        (f"10{'L' * 21}", "length", 38),
        (f"10A{GS}10B", "element-repeated", 22),
        ("17281231" + "70032812301200", "expiries-differ", None),
        ("FOO", "identifier-unknown", 16),
        ("8006" + GTIN + "0902", "value", 34),
        ("43210", None, None),
        ("800826010124", "date-impossible", 26),
        ("80082601012360", "date-impossible", 28),
        ("4324280101" + "2400", "date-impossible", 26),
        ("43212", "value", 20),
    ],
)
def test_what_gs1_does_not_allow_is_refused_at_its_place(elements: str, code: str | None, position: int | None) -> None:
    found = read(f"{ITEM}{elements}")

    assert (found.fault and found.fault.code) == code
    assert (found.fault and found.fault.position) == position
    assert found.udi is None or code is None


@pytest.mark.parametrize("text", [f"{ITEM}{GS}17281231{GS}10A{GS}{GS}21B{GS}", f"{GS}{ITEM}17281231{GS}10A{GS}21B"])
def test_superfluous_separator_is_tolerated(text: str) -> None:
    found = read(text)

    assert found.status is Status.OK
    assert found.udi is not None
    assert (found.udi.lot, found.udi.serial) == ("A", "B")


def test_same_element_twice_is_tolerated_when_equal() -> None:
    found = read(f"{ITEM}10A{GS}{ITEM}10A")

    assert found.status is Status.OK
    assert [element.identifier for element in found.elements] == ["01", "10"]


def test_excluded_pair_is_a_fault_that_may_be_overridden() -> None:
    found = read(f"{ITEM}21A{GS}235B")

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert (found.fault.code, found.fault.overridable) == ("elements-exclusive", True)
    assert found.udi is not None


@pytest.mark.parametrize(
    ("elements", "warnings"),
    [
        ("375", ("count-with-gtin",)),
        ("250A", ("association-missing",)),
        ("250A" + GS + "21B", ()),
        ("17581231", ("expiry-far",)),
        ("11270101", ("manufactured-in-future",)),
        ("11260101" + "17250101", ("expiry-before-manufacture",)),
        ("392012345", ("association-missing",)),
        ("310000150" + "0" + "39201234", ()),
    ],
)
def test_what_is_odd_but_legal_is_said(elements: str, warnings: tuple[str, ...]) -> None:
    found = read(f"{ITEM}{elements}")

    assert found.status is Status.OK
    assert found.warnings == warnings


@pytest.mark.parametrize(("indicator", "warnings"), [("1", ("packaging-level",)), ("9", ("variable-measure",))])
def test_indicator_tells_the_package(indicator: str, warnings: tuple[str, ...]) -> None:
    payload = f"{indicator}370000000001"

    assert read(f"01{payload}{gs1.check_digit(payload)}").warnings == warnings


def test_partner_on_the_other_symbol_is_not_missed() -> None:
    found = read("1728123110LOT42")

    assert found.status is Status.OK
    assert found.warnings == ("no-device-identifier",)


@pytest.mark.parametrize(
    ("two_digits", "reference", "year"),
    [
        ("77", date(2026, 1, 1), 1977),
        ("76", date(2026, 1, 1), 2076),
        ("27", date(2076, 1, 1), 2027),
        ("26", date(2076, 1, 1), 2126),
        ("00", date(2049, 1, 1), 2000),
        ("00", date(2050, 1, 1), 2100),
        ("99", date(2048, 1, 1), 1999),
        ("99", date(2049, 1, 1), 2099),
    ],
)
def test_century_turns_fifty_years_away(two_digits: str, reference: date, year: int) -> None:
    found = scan(f"{ITEM}17{two_digits}0101", reference_date=reference)

    assert found.udi is not None
    assert found.udi.expiration_date == date(year, 1, 1)


def test_month_only_expiry_is_its_last_day_and_keeps_its_precision() -> None:
    found = read(f"{ITEM}17281200")

    assert found.udi is not None
    assert (found.udi.expiration_date, found.udi.expiration_precision) == (date(2028, 12, 31), Precision.MONTH)


def test_gmn_and_mudi_end_in_two_check_characters() -> None:
    assert read(f"{ITEM}80131987654Ad4X4bL5ttr2310c2K").status is Status.OK
    found = read(f"{ITEM}80131987654Ad4X4bL5ttr2310cKK")

    assert found.fault is not None
    assert (found.fault.code, found.fault.overridable) == ("check-digit", True)


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (f"(01){GTIN}(10)A(21)B", [("01", GTIN), ("10", "A"), ("21", "B")]),
        (f"(01){GTIN}(10)12(34)5", [("01", GTIN), ("10", "12(34)5")]),
        (f"(01){GTIN}(10)12(17)5", [("01", GTIN), ("10", "12(17)5")]),
        (rf"(01){GTIN}(10)12\(21\)5", [("01", GTIN), ("10", "12(21)5")]),
        (f"]C1(01){GTIN}(10)A", [("01", GTIN), ("10", "A")]),
    ],
)
def test_printed_form_is_cut_at_bracketed_identifiers(text: str, elements: list[tuple[str, str]]) -> None:
    found = read(text)

    assert found.status is Status.OK
    assert [(element.identifier, element.value) for element in found.elements] == elements
    assert ("bracket-in-value" in found.warnings) == ("5" in text[-1])


@pytest.mark.parametrize("text", [f"(01){GTIN}(17)28123", f"(01){GTIN}(10)", f"(01){GTIN}(10)A(17)281301", "(01)123"])
def test_broken_printed_form_is_refused(text: str) -> None:
    assert read(text).status is Status.INVALID


def test_formatting_puts_separators_only_where_needed() -> None:
    elements = [Element("10", "A"), Element("01", GTIN), Element("21", "B")]

    assert gs1.format(elements) == f"10A{GS}{ITEM}21B"
    assert gs1_brackets.format([Element("10", "A(21)B")]) == r"(10)A\(21\)B"


@pytest.mark.parametrize("identifier", sorted(TABLE))
def test_table_agrees_with_a_second_one(identifier: str) -> None:
    theirs = GS1ApplicationIdentifier.extract(identifier + "0" * 20)

    assert theirs.ai == identifier
    assert theirs.separator_required == (TABLE[identifier].predefined is None)
    for size in range(1, 93):
        value = "1" * size
        ours = TABLE[identifier].pattern.fullmatch(value) is not None
        by_theirs = re.match(theirs.pattern, identifier + value) is not None
        if not TABLE[identifier].checks and identifier not in TOLD_OTHERWISE:
            assert ours == by_theirs, size


def test_what_cannot_be_formatted_is_refused() -> None:
    for element in (Element("18", "1"), Element("017", "1"), Element("10", "")):
        with pytest.raises(BrokenStructure):
            gs1.format([element])


def test_check_characters_of_what_no_gmn_can_be_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 23"):
        check_digits.gs1_pair("A" * 24)
    with pytest.raises(ValueError, match="not a character of HIBC"):
        check_digits.hibc("+h")


def test_identifier_length_follows_from_its_first_two_digits() -> None:
    assert all(IDENTIFIER_LENGTHS[identifier[:2]] == len(identifier) for identifier in TABLE)


def test_second_parser_reads_the_same() -> None:
    text = f"{ITEM}1728123110LOT42{GS}21SN7{GS}30500{GS}2401-020163C{GS}80121.4"

    ours = [(element.identifier, element.value) for element in read(text).elements]
    message = biip.parse(text).gs1_message
    assert isinstance(message, GS1Message)
    theirs = [(element.ai.ai, element.value) for element in message.element_strings]

    assert ours == theirs


def test_search_for_cuts_says_when_it_was_ended_early() -> None:
    many_ways = legal_readings(f"{ITEM}10" + "9" * 400, reference_date=TODAY)
    many_fields = legal_readings(ITEM + "2001" * 30, reference_date=TODAY)
    too_long = legal_readings("11260101" * 70, reference_date=TODAY)

    assert not many_ways.complete
    assert not many_fields.complete
    assert not too_long.complete


def test_cut_whose_fields_contradict_is_no_reading() -> None:
    found = legal_readings(f"{ITEM}17281231" + "70032812301200", reference_date=TODAY)

    assert found.labels == ()


def test_printed_form_begins_with_an_identifier() -> None:
    with pytest.raises(BrokenStructure):
        gs1_brackets.parse("LOT42(10)", reference_date=TODAY)
