"""The front door: every kind of text gets its status, and nothing raises."""

from datetime import date

import pytest

from scanners import Fault, Precision, Scan, Standard, Status, scan

TODAY = date(2026, 11, 22)
GS = "\x1d"
GTIN = "03700000000013"


def read(raw: str | bytes) -> Scan:
    return scan(raw, reference_date=TODAY)


@pytest.mark.parametrize("prefix", ["", "]d2", "]C1", "]Q3", "]e0", GS, "]d2" + GS])
def test_element_string_is_read_with_and_without_symbology_identifier(prefix: str) -> None:
    found = read(f"{prefix}01{GTIN}1728123110LOT42{GS}21SN7")

    assert found.status is Status.OK
    assert found.standard is Standard.GS1
    assert found.symbology == (prefix[1:3] if prefix.startswith("]") else None)
    assert found.udi is not None
    assert (found.udi.udi_di, found.udi.lot, found.udi.serial) == (GTIN, "LOT42", "SN7")
    assert (found.udi.expiration_date, found.udi.expiration_precision) == (date(2028, 12, 31), Precision.DAY)


def test_printed_form_is_read() -> None:
    found = read(f"(01){GTIN}(17)281200(10)LOT42")

    assert found.udi is not None
    assert (found.udi.lot, found.udi.expiration_precision) == ("LOT42", Precision.MONTH)


@pytest.mark.parametrize(
    ("text", "udi_di"),
    [
        ("3700000000013", GTIN),
        ("]E03700000000013", GTIN),
        ("13700000000010", "13700000000010"),
        ("]I113700000000010", "13700000000010"),
        ("]I31370000000001", "13700000000010"),
        ("96385074", "00000096385074"),
        ("036000291452", "00036000291452"),
    ],
)
def test_plain_gtin_is_padded_to_fourteen_digits(text: str, udi_di: str) -> None:
    found = read(text)

    assert (found.status, found.standard) == (Status.OK, Standard.EAN)
    assert found.udi is not None
    assert found.udi.udi_di == udi_di


@pytest.mark.parametrize("text", ["]I11370000000010", "]I1370000000001", "]I04021"])
def test_itf_of_any_other_length_is_refused(text: str) -> None:
    found = read(text)

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert (found.fault.code, found.fault.overridable) == ("length", False)


@pytest.mark.parametrize("text", ["3700000000012", "]d20103700000000012" + "10LOT43", "(01)03700000000012(10)LOT43"])
def test_wrong_check_digit_is_a_refusal_that_a_person_may_override(text: str) -> None:
    found = read(text)

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert (found.fault.code, found.fault.overridable) == ("check-digit", True)
    assert found.fault.position is not None
    assert text[found.fault.position] == "2"
    assert found.udi is not None
    assert found.udi.udi_di == "03700000000012"


def test_patient_label_is_recognised_and_its_text_is_not_kept() -> None:
    text = (
        "]d1IS01" + "0" * 22 + "S1280129999999969S21.2.250.1.213.1.4.10S3MARIE CLAIRE\x1dS4EXEMPLE\x1dS5FS612-12-1980"
    )

    found = read(text)

    assert (found.status, found.standard, found.raw) == (Status.PATIENT, Standard.INS, "")
    assert found.patient is not None
    assert found.patient.birth_family_name == "EXEMPLE"
    assert "EXEMPLE" not in repr(found)


def test_unit_label_is_read() -> None:
    found = read("]d1T590000000178\r\n")

    assert (found.status, found.standard, found.unit_number) == (Status.OK, Standard.UNIT, "T590000000178")


def test_unit_label_with_a_wrong_check_digit_may_not_be_overridden() -> None:
    found = read("T590000000179")

    assert found.status is Status.INVALID
    assert found.unit_number is None
    assert found.fault == Fault("check-digit", 12, "T590000000179 should end in 8, not 9")


@pytest.mark.parametrize("text", ["1-020163C", "A4-4422", "91-4422", "FOO\x1dBAR", " ", "²³¹", "٠١٢٣٤٥٦٧"])
def test_text_of_no_standard_is_unknown_and_kept(text: str) -> None:
    found = read(text)

    assert (found.status, found.standard, found.raw) == (Status.UNKNOWN, None, text)


@pytest.mark.parametrize("text", ["", "\r\n", "]d2"])
def test_empty_text_is_a_stated_outcome(text: str) -> None:
    found = read(text)

    assert found.status is Status.UNKNOWN
    assert found.fault is not None
    assert found.fault.code == "empty"


def test_text_longer_than_the_limit_is_refused_unread() -> None:
    found = read("x" * 4097)

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert (found.fault.code, found.fault.position) == ("too-long", 4096)


def test_lone_lot_may_be_a_catalogue_reference() -> None:
    found = read("10-4422")

    assert found.status is Status.AMBIGUOUS
    assert [(udi.lot, udi.reference) for udi in found.readings] == [("-4422", None), (None, "10-4422")]


def test_lot_that_could_continue_is_read_whole_when_separators_are_known() -> None:
    found = read(f"01{GTIN}10LOTA21SN42")

    assert found.status is Status.OK
    assert found.udi is not None
    assert found.udi.lot == "LOTA21SN42"


def test_lot_that_could_continue_is_ambiguous_when_separators_are_not_known() -> None:
    found = scan(f"01{GTIN}10LOTA21SN42", reference_date=TODAY, group_separator_known=False)

    assert found.status is Status.AMBIGUOUS
    assert [(udi.lot, udi.serial) for udi in found.readings] == [("LOTA", "SN42"), ("LOTA21SN42", None)]
    assert found.udi is not None
    assert (found.udi.udi_di, found.udi.lot) == (GTIN, None)


def test_only_reading_is_certain_even_when_separators_are_not_known() -> None:
    found = scan(f"01{GTIN}1728123110A1", reference_date=TODAY, group_separator_known=False)

    assert found.status is Status.OK
    assert found.udi is not None
    assert found.udi.lot == "A1"


def test_one_separator_that_arrived_proves_all() -> None:
    found = scan(f"01{GTIN}10LOT21{GS}21SN42", reference_date=TODAY, group_separator_known=False)

    assert found.status is Status.OK
    assert found.udi is not None
    assert (found.udi.lot, found.udi.serial) == ("LOT21", "SN42")


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"\x1d\x1d", "\udc80", "]", "]d", "(", "(01)", "01", "]d2" + GS])
def test_broken_text_gives_a_result(raw: str | bytes) -> None:
    assert read(raw).status in {Status.UNKNOWN, Status.INVALID}


def test_eight_digits_may_be_a_gtin_and_a_date() -> None:
    only_date, only_gtin, both = read("17281231"), read("17281302"), read("17281003")

    assert (only_date.status, only_date.standard) == (Status.OK, Standard.GS1)
    assert (only_gtin.standard, only_gtin.fault is None) == (Standard.EAN, only_gtin.status is Status.OK)
    assert both.status is Status.AMBIGUOUS
    assert both.fault is not None
    assert both.fault.code == "two-standards"
    assert [udi.udi_di for udi in both.readings] == ["00000017281003", None]


def test_date_that_no_calendar_has_leaves_the_gtin() -> None:
    found = read("17280231")

    assert found.standard is Standard.EAN


def test_plain_sscc_is_read_and_is_no_device() -> None:
    found = read("340123450000000000")

    assert (found.status, found.standard) == (Status.OK, Standard.GS1)
    assert found.warnings == ("no-device-identifier",)


@pytest.mark.parametrize(
    ("text", "standard"),
    [
        ("]d2+H999TRK10X", Standard.HIBC),
        ("]C1T590000000178", Standard.UNIT),
        (f"]E001{GTIN}10LOT42", Standard.GS1),
        ("]E0+H999TRK10X", Standard.HIBC),
        ("]I1=/A9999XYZ100T0944", Standard.ICCBBA),
    ],
)
def test_wrong_symbology_identifier_is_noted_and_hinders_nothing(text: str, standard: Standard) -> None:
    found = read(text)

    assert (found.status, found.standard) == (Status.OK, standard)
    assert found.warnings == ("symbology-unexpected",)


def test_symbology_that_promises_no_gs1_data_is_noted() -> None:
    found = read(f"]d101{GTIN}10LOT42")

    assert found.status is Status.OK
    assert found.warnings == ("symbology-unexpected",)


def test_wrong_check_digit_is_reported_where_separators_are_unknown() -> None:
    found = scan("17281231" + "0103700000000012" + "10LOTA21SN42", reference_date=TODAY, group_separator_known=False)

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert (found.fault.code, found.fault.overridable) == ("check-digit", True)
    assert found.udi is not None
    assert (found.udi.udi_di, found.udi.lot) == ("03700000000012", None)
    assert [udi.lot for udi in found.readings] == ["LOTA", "LOTA21SN42"]


@pytest.mark.parametrize("text", ["10" + "L" * 20 + "21SN", "30521SN7"])
def test_broken_promise_of_separators_is_noticed(text: str) -> None:
    found = read(f"01{GTIN}{text}")

    assert "group-separator-lost" in (*found.warnings, found.fault.code if found.fault else "")


def test_text_without_any_legal_reading_is_refused() -> None:
    found = scan("11260101" * 70, reference_date=TODAY, group_separator_known=False)
    broken = scan(f"01{GTIN}10", reference_date=TODAY, group_separator_known=False)

    assert found.fault is not None
    assert found.fault.code == "no-reading"
    assert broken.fault is not None
    assert broken.fault.code == "empty-value"


def test_lone_element_that_does_not_hold_is_an_unknown_text() -> None:
    assert read("30ABC").status is Status.UNKNOWN
    assert read("10" + "L" * 40).status is Status.UNKNOWN


@pytest.mark.parametrize("stand_in", ["<GS>", "Alt029"])
@pytest.mark.parametrize("known", [True, False])
def test_separator_that_was_written_out_is_never_taken_for_a_lot_silently(stand_in: str, known: bool) -> None:  # noqa: FBT001
    text = f"01{GTIN}10LOT42{stand_in}21SN7"

    found = scan(text, reference_date=TODAY, group_separator_known=known)

    assert found.status is Status.AMBIGUOUS
    assert found.fault is not None
    assert (found.fault.code, found.fault.position) == ("separator-stand-in", 23)
    assert (found.readings[0].lot, found.readings[0].serial) == ("LOT42", "SN7")
    assert found.udi is not None
    assert (found.udi.udi_di, found.udi.lot) == (GTIN, None)


@pytest.mark.parametrize(
    ("text", "status"),
    [("10LOT<GS>", Status.AMBIGUOUS), ("10<GS>21SN7", Status.OK), ("17281231<GS>10LOT", Status.INVALID)],
)
def test_stand_in_counts_only_where_a_separator_could_stand(text: str, status: Status) -> None:
    assert read(f"01{GTIN}{text}").status is status


@pytest.mark.parametrize("stand_in", ["|", "#", "{GS}", "[GS]", "^]", "]C1", "\u2194", "\u241d", " "])
def test_other_stand_ins_are_refused_by_their_characters(stand_in: str) -> None:
    found = read(f"01{GTIN}10LOT42{stand_in}21SN7")

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert (found.fault.code, found.fault.position) == ("character", 23)
