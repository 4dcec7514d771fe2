"""GS1 Digital Link: read as a text, never called."""

from datetime import date

import pytest

from scanners import Element, Scan, Standard, Status, scan
from scanners.errors import BrokenStructure
from scanners.udi import digital_link

TODAY = date(2026, 11, 22)
GTIN = "03700000000013"


def read(raw: str) -> Scan:
    return scan(raw, reference_date=TODAY)


@pytest.mark.parametrize(
    "text",
    [
        f"https://id.gs1.org/01/{GTIN}/10/LOT42/21/SN7?17=281231",
        f"]Q1https://example.com/any/stem/01/{GTIN}/10/LOT42/21/SN7?17=281231",
        f"HTTP://EXAMPLE.COM/01/{GTIN}/10/LOT42/21/SN7?17=281231&utm=1&linkType=gs1:pip",
        "https://example.com/01/3700000000013/10/LOT42/21/SN7?exp=281231#top",
        "https://example.com/gtin/3700000000013/lot/LOT42/ser/SN7?17=281231",
        f"https://example.com/01/{GTIN}?10=LOT42&21=SN7&17=281231",
        f"https://example.com/01/{GTIN}/10/LO%5442/21/SN7/?17=281231",
        f"https://example.com/01/12345678/01/{GTIN}/10/LOT42/21/SN7?17=281231",
    ],
)
def test_link_is_read_wherever_it_points(text: str) -> None:
    found = read(text)

    assert (found.status, found.standard) == (Status.OK, Standard.GS1)
    assert found.udi is not None
    assert (found.udi.udi_di, found.udi.lot, found.udi.serial) == (GTIN, "LOT42", "SN7")
    assert found.udi.expiration_date == date(2028, 12, 31)
    assert found.raw == text


def test_plus_is_a_space_in_the_query_only() -> None:
    assert read(f"https://example.com/01/{GTIN}/10/A+B").status is Status.OK
    found = read(f"https://example.com/01/{GTIN}?10=A+B")

    assert found.fault is not None
    assert found.fault.code == "character"


def test_value_may_look_like_a_key() -> None:
    found = read(f"https://example.com/01/{GTIN}/10/01")

    assert found.udi is not None
    assert (found.udi.udi_di, found.udi.lot) == (GTIN, "01")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"https://example.com/01/{GTIN}/21/SN7/10/LOT42", "qualifiers"),
        (f"https://example.com/01/{GTIN}/10/A/235/B", "qualifiers"),
        (f"https://example.com/01/{GTIN}/17/281231", "qualifiers"),
        ("https://example.com/01/123", "length"),
        (f"https://example.com/01/{GTIN}?17=281301", "date-impossible"),
        (f"https://example.com/01/{GTIN}/10/A?10=B", "element-repeated"),
        ("https://example.com/01/03700000000012", "check-digit"),
    ],
)
def test_broken_link_is_refused(text: str, code: str) -> None:
    found = read(text)

    assert (found.status, found.standard) == (Status.INVALID, Standard.GS1)
    assert found.fault is not None
    assert (found.fault.code, found.fault.overridable) == (code, code == "check-digit")


@pytest.mark.parametrize(
    "text", ["https://example.com", "https://example.com/products/42", "ftp://a/01/03700000000013"]
)
def test_other_address_is_an_unknown_text(text: str) -> None:
    assert read(text).status is Status.UNKNOWN


def test_link_needs_an_identifier_of_a_product() -> None:
    with pytest.raises(BrokenStructure):
        digital_link.format([Element("10", "LOT42")])
    with pytest.raises(BrokenStructure):
        digital_link.parse("https://example.com/products", reference_date=TODAY)
