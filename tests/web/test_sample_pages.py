"""The barcodes to try, on their page and as pictures."""

from collections.abc import Callable

import pytest

from tests.hospital import ALICE, CHARLIE, TODAY
from tests.stock import GTIN
from tests.web.conftest import Person
from tracker.samples.documents import Barcode, barcode_png, barcode_svg, barcodes_on

LogIn = Callable[[object], Person]


def test_the_barcodes_to_try_are_shown_and_each_is_a_picture(person: LogIn) -> None:
    charlie = person(CHARLIE)

    page = charlie.get("/demonstration/barcodes").text

    assert page.count("<svg xmlns") >= 15
    assert charlie.get("/demonstration/barcodes/accepted.png").data.startswith(b"\x89PNG")
    assert charlie.get("/demonstration/barcodes/nothing.png").status_code == 404


def test_only_the_demonstration_has_barcodes_to_try(person: LogIn) -> None:
    alice = person(ALICE)
    values = alice.client.application.extensions["trace59"].values

    values["demonstration_barcodes"] = ()

    assert alice.get("/demonstration/barcodes").status_code == 404


@pytest.mark.parametrize("kind", ["data_matrix", "gs1_128", "code128"])
def test_every_kind_of_barcode_is_drawn(kind: str) -> None:
    text = "DEMO-1" if kind == "code128" else f"(01){GTIN}(17){{today+400}}(10)A1"
    (barcode,) = barcodes_on([{"key": "a", "symbol": kind, "text": text, "fr": "Un", "en": "One"}], TODAY)

    assert barcode_svg(barcode).startswith("<svg")
    assert barcode_png(barcode).startswith(b"\x89PNG")
    assert barcode.words["fr"] == "Un"
    assert "{" not in barcode.text


def test_a_separator_is_shown_in_a_barcodes_text() -> None:
    assert Barcode("a", "data_matrix", "10A1\x1d21S", {}).readable == "10A1\u241d21S"
