"""What a photo of labels is taken for."""

from collections.abc import Callable
from datetime import date

import pytest

from scanners import Status
from scanners.readers.reading import ImageReading, Symbol
from tests.stock import GTIN
from tracker.checks.forms import PhotoDoubtful, PhotoUnread, read_photo

TODAY = date(2026, 3, 2)
PATIENT = "IS010000000000000000000000S1280129999999969S21.2.250.1.213.1.4.10S3MARIE\x1dS4EXEMPLE\x1dS5FS612-12-1980"
CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))


def symbol(text: str, symbology: str | None = "d2") -> Symbol:
    return Symbol(text=text, format="DataMatrix", symbology=symbology, reader="zxing", position=CORNERS, page=1)


def showing(*symbols: Symbol) -> Callable[[bytes], ImageReading]:
    return lambda _content: ImageReading(symbols=symbols)


def test_one_code_is_read() -> None:
    read = read_photo(b"", today=TODAY, reader=showing(symbol(f"01{GTIN}10A1")))

    assert read.status is Status.OK
    assert read.udi is not None
    assert read.udi.lot == "A1"


def test_the_same_label_in_two_symbols_is_one_label() -> None:
    twice = showing(symbol(f"01{GTIN}10A1"), symbol(f"01{GTIN}10A1", "C1"))

    assert read_photo(b"", today=TODAY, reader=twice).status is Status.OK


def test_a_known_code_goes_before_an_unknown_text() -> None:
    read = read_photo(b"", today=TODAY, reader=showing(symbol("hello", "d1"), symbol(f"01{GTIN}10A1")))

    assert read.status is Status.OK


def test_two_labels_that_differ_are_not_chosen_between() -> None:
    with pytest.raises(PhotoDoubtful):
        read_photo(b"", today=TODAY, reader=showing(symbol(f"01{GTIN}10A1"), symbol(f"01{GTIN}10B2")))


def test_a_patients_label_goes_before_everything() -> None:
    read = read_photo(b"", today=TODAY, reader=showing(symbol(f"01{GTIN}10A1"), symbol(PATIENT, "d1")))

    assert read.status is Status.PATIENT
    assert read.raw == ""


def test_a_photo_without_code_is_told() -> None:
    with pytest.raises(PhotoUnread):
        read_photo(b"", today=TODAY, reader=showing())


def test_separators_are_trusted_only_in_a_symbol_of_gs1() -> None:
    lost = f"01{GTIN}10A12199"

    assert read_photo(b"", today=TODAY, reader=showing(symbol(lost, "d2"))).status is Status.OK
    assert read_photo(b"", today=TODAY, reader=showing(symbol(lost, "C0"))).status is Status.AMBIGUOUS
