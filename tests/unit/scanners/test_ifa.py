"""IFA: format 06 with and without head and tail, PPN and PZN check digits."""

from datetime import date

import pytest

from scanners import Precision, Scan, Standard, Status, scan
from scanners.errors import BrokenStructure
from scanners.udi import check_digits, ifa

TODAY = date(2026, 11, 22)
GS, HEAD, TAIL = "\x1d", "[)>\x1e06\x1d", "\x1e\x04"
PPN = "110375286414"
NTIN = "04150037528643"


def read(raw: str) -> Scan:
    return scan(raw, reference_date=TODAY)


@pytest.mark.parametrize(
    "body",
    [
        f"9N{PPN}{GS}1TLOT42{GS}D281200{GS}SSN7{GS}16D20260101{GS}Q3",
        f"1TLOT42{GS}SSN7{GS}Q3{GS}D281200{GS}16D20260101{GS}9N{PPN}",
    ],
)
@pytest.mark.parametrize(("head", "tail"), [(HEAD, TAIL), (HEAD, ""), ("", TAIL), ("", "")])
def test_head_tail_and_order_make_no_difference(body: str, head: str, tail: str) -> None:
    found = read(head + body + tail)

    assert (found.status, found.standard) == (Status.OK, Standard.IFA)
    assert found.udi is not None
    assert (found.udi.udi_di, found.udi.lot, found.udi.serial, found.udi.quantity) == (PPN, "LOT42", "SN7", 3)
    assert (found.udi.expiration_date, found.udi.expiration_precision) == (date(2028, 12, 31), Precision.MONTH)
    assert found.udi.manufacture_date == date(2026, 1, 1)


def test_ppn_alone_is_read() -> None:
    assert read(f"9N{PPN}").status is Status.OK


def test_gtin_stands_for_the_device_where_there_is_no_ppn() -> None:
    found = read(f"{HEAD}8P{NTIN}{GS}1TLOT42{TAIL}")

    assert found.udi is not None
    assert found.udi.udi_di == NTIN


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("9N110375286415", 12),
        (f"{HEAD}9N110375286415{TAIL}", 19),
        (f"{HEAD}8P04150037528644{TAIL}", 22),
        ("9N11" + "03752865" + check_digits.ppn("1103752865"), 11),
    ],
)
def test_wrong_check_digit_may_be_overridden(text: str, position: int) -> None:
    found = read(text)

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert (found.fault.code, found.fault.position, found.fault.overridable) == ("check-digit", position, True)
    assert found.udi is not None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (f"9N{PPN}{GS}8P04150123456789", "products-differ"),
        (f"9N{PPN}{GS}1T", "empty-value"),
        (f"9N{PPN}{GS}1TA{GS}1TB", "element-repeated"),
        (f"9N{PPN}{GS}D281301", "date-impossible"),
        (f"9N{PPN}{GS}16D20280230", "date-impossible"),
        (f"9N{PPN}{GS}DABCDEF", "value"),
        (f"9N{PPN}{GS}1T" + "L" * 21, "value"),
        (f"9N{PPN}{GS}%%", "identifier-unknown"),
    ],
)
def test_broken_message_is_refused(body: str, code: str) -> None:
    found = read(HEAD + body + TAIL)

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert (found.fault.code, found.fault.overridable) == (code, False)


def test_message_that_names_no_product_is_not_a_device_label() -> None:
    found = read(f"{HEAD}1PABC-1{GS}Q100{GS}1TLOT42{TAIL}")

    assert found.status is Status.UNKNOWN
    assert found.fault is not None
    assert found.fault.code == "not-a-udi"


def test_format_05_follows_the_rules_of_gs1() -> None:
    found = read(f"[)>\x1e05{GS}0103700000000013{GS}10LOT42{GS}21SN7{TAIL}")

    assert (found.status, found.standard) == (Status.OK, Standard.GS1)
    assert found.udi is not None
    assert (found.udi.lot, found.udi.serial) == ("LOT42", "SN7")


@pytest.mark.parametrize("text", ["[)>", "[)>06\x1d9N", "[)>\x1e07\x1dA"])
def test_other_envelope_is_refused(text: str) -> None:
    found = read(text)

    assert found.status is Status.INVALID
    assert found.fault is not None
    assert found.fault.code == "envelope"


@pytest.mark.parametrize("text", ["-03752864", "PZN-03752864", "PZN - 03752864", "]A0-03752864"])
def test_plain_pzn_becomes_the_ppn(text: str) -> None:
    found = read(text)

    assert (found.status, found.standard) == (Status.OK, Standard.IFA)
    assert found.udi is not None
    assert found.udi.udi_di == PPN


def test_pzn_with_a_wrong_or_impossible_check_digit_is_refused() -> None:
    assert check_digits.pzn("0000003") is None

    for text in ("-03752865", "-00000030"):
        found = read(text)
        assert found.status is Status.INVALID
        assert found.fault is not None
        assert found.fault.overridable


def test_formatting_what_was_read_gives_the_message_again() -> None:
    message = f"{HEAD}9N{PPN}{GS}1TLOT42{GS}27Qfree text{TAIL}"

    assert ifa.format(ifa.parse(message, reference_date=TODAY).elements) == message


def test_other_text_is_no_pzn() -> None:
    with pytest.raises(BrokenStructure):
        ifa.parse_pzn("03752864")
    assert ifa.check_digit("1103752864") == "14"
