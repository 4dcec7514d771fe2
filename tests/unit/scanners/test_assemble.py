"""Several symbols of one picture: one unit, or a person's choice."""

import itertools
from datetime import date

import pytest

from scanners import Scan, Status
from scanners.assemble import SYMBOL_SEPARATOR, assemble, read_symbols

TODAY = date(2026, 11, 22)
DEVICE, LOT = "]C10103700000000013", "]C11728123110LOT42"
PATIENT = "]d1IS01" + "0" * 22 + "S1280129999999969S21.2.250.1.213.1.4.10S3MARIE"


def together(*texts: str) -> Scan | None:
    return read_symbols(texts, reference_date=TODAY)


@pytest.mark.parametrize("texts", list(itertools.permutations([DEVICE, LOT, "]E03700000000013", "unknown text"])))
def test_symbols_of_one_unit_are_put_together_in_any_order(texts: tuple[str, ...]) -> None:
    found = together(*texts)

    assert found is not None
    assert found.status is Status.OK
    assert found.udi is not None
    assert (found.udi.udi_di, found.udi.lot) == ("03700000000013", "LOT42")
    assert "unknown text" not in found.raw


def test_what_was_put_together_is_read_again_from_what_is_kept() -> None:
    found = together(DEVICE, LOT)

    assert found is not None
    again = together(*found.raw.split(SYMBOL_SEPARATOR))
    assert again == found


@pytest.mark.parametrize(
    "texts",
    [
        ("]d20103700000000013" + "10A1", "]d20103700000000013" + "10B2"),
        ("]C10103700000000013", "]C10103700000000020" + "10A1"),
        ("T590000000178", DEVICE),
        ("]A0+H999TRK10X", "]A0+$$3281231LOT42Y/"),
        (DEVICE, "]d20103700000000014" + "10A1"),
    ],
)
def test_symbols_that_cannot_be_of_one_unit_are_nobodys_to_choose(texts: tuple[str, ...]) -> None:
    assert together(*texts) is None


def test_a_primary_and_its_linked_secondary_are_one_unit() -> None:
    found = together("]A0+$$3281231LOT42X.", "]A0+H999TRK10X")

    assert found is not None
    assert found.udi is not None
    assert (found.udi.udi_di, found.udi.lot) == ("H999TRK10", "LOT42")


def test_the_label_of_a_patient_goes_before_everything_else() -> None:
    found = together(DEVICE, PATIENT, LOT)

    assert found is not None
    assert (found.status, found.raw) == (Status.PATIENT, "")


def test_an_ambiguous_symbol_is_decided_by_the_other_or_stays_ambiguous() -> None:
    lost = Scan("x", Status.AMBIGUOUS, readings=())

    assert assemble([lost]) is lost
    assert assemble([]) is None


def test_unknown_texts_count_only_where_nothing_else_was_read() -> None:
    alone = together("REF-A")
    two = together("REF-A", "REF-B")

    assert alone is not None
    assert alone.status is Status.UNKNOWN
    assert two is None
