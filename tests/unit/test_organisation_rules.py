"""What an establishment, a ward and a recipient must say."""

from dataclasses import replace

import pytest

from tracker.organisation.rules import (
    EstablishmentData,
    EstablishmentInvalid,
    RecipientInvalid,
    WardData,
    WardInvalid,
    check_establishment,
    check_recipient,
    check_ward,
)

HOUSE = EstablishmentData(
    "CH de Valmont", "590000001", "12, avenue des Tilleuls", "03 00 00 00 00", "dg@valmont.example"
)


def test_spaces_around_are_dropped_and_a_corsican_number_is_a_number() -> None:
    kept = check_establishment(replace(HOUSE, name=" CH de Valmont ", finess=" 2a0000001 "))

    assert (kept.name, kept.finess) == ("CH de Valmont", "2A0000001")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("address", ""),
        ("name", "x" * 501),
        ("phone", "0" * 501),
        ("finess", "59000000"),
        ("finess", "A90000001"),
        ("finess", "59000000é"),
        ("email", "nobody"),
    ],
)
def test_what_is_missing_or_odd_is_named(field: str, value: str) -> None:
    with pytest.raises(EstablishmentInvalid) as refused:
        check_establishment(replace(HOUSE, **{field: value}))

    assert list(refused.value.fields) == [field]


def test_a_ward_has_a_code_and_a_name() -> None:
    assert check_ward(WardData(" BLOC ", "Bloc  opératoire")) == WardData("BLOC", "Bloc opératoire")
    with pytest.raises(WardInvalid) as refused:
        check_ward(WardData(" ", ""))
    assert set(refused.value.fields) == {"code", "name"}


@pytest.mark.parametrize(
    "text",
    ["", "a", "a@", "@b.example", "a b@c.example", "a@b@c", "é@b.example", "A <a@b.fr>", f"{'a' * 250}@b.fr"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(RecipientInvalid):
        check_recipient(text)


def test_an_address_keeps_its_case_and_loses_its_spaces() -> None:
    assert check_recipient(" Pharmacie.PUI+dm@chu-valmont.example ") == "Pharmacie.PUI+dm@chu-valmont.example"
