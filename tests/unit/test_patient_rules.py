"""Traits of a patient, the INS, and what is refused before it is kept."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.fr import nir

from tracker.patients.rules import (
    INS_DEMONSTRATION_OID,
    INS_NIA_OID,
    INS_NIR_OID,
    INS_TEST_OID,
    Identity,
    IdentityStatus,
    InsInvalid,
    Sex,
    Traits,
    TraitsInvalid,
    age_on,
    check_ins,
    check_traits,
    find_identity,
    identity_of,
    ins_key,
    traits_from_json,
    traits_to_json,
)

TODAY = date(2026, 3, 2)
TEST_INS = "280129999999969"
ZOE = Traits(
    family_name="D'ÉTÉ-LA ROCHE",
    given_names="Zoé Marie",
    birth_date=date(1980, 12, 12),
    sex=Sex.FEMALE,
    ipp="8001234567",
    birth_place_code="2A004",
    used_name="Martin",
    ins_matricule=TEST_INS,
    ins_oid=INS_TEST_OID,
)


def faults_of(traits: Traits, status: IdentityStatus = IdentityStatus.PROVISIONAL) -> set[str]:
    with pytest.raises(TraitsInvalid) as refused:
        check_traits(traits, status, today=TODAY)
    return set(refused.value.fields)


@given(st.integers(1, 2), st.integers(0, 10**12 - 1))
def test_the_key_is_the_one_that_another_library_computes(first: int, rest: int) -> None:
    number = f"{first}{rest:012d}"

    assert f"{ins_key(number):02d}" == nir.calc_check_digits(number)


@pytest.mark.parametrize("number", ["180012A123456", "180012B123456"])
def test_the_key_counts_corsica_by_its_letters(number: str) -> None:
    assert f"{ins_key(number):02d}" == nir.calc_check_digits(number)


@pytest.mark.parametrize("oid", [INS_NIR_OID, INS_NIA_OID, INS_TEST_OID, INS_DEMONSTRATION_OID])
def test_an_ins_holds_under_each_of_its_oids(oid: str) -> None:
    check_ins(TEST_INS, oid)


@pytest.mark.parametrize("department", ["2A", "2B"])
def test_an_ins_of_corsica_holds(department: str) -> None:
    number = f"18001{department}123456"

    check_ins(f"{number}{ins_key(number):02d}", INS_NIR_OID)


@pytest.mark.parametrize(
    "matricule",
    [
        "",
        "28012999999996",
        "2801299999999691",
        "28012A999999969",
        "2801 99999999 9",
        "\uff1280129999999969",
        "28012999999996A",
    ],
)
def test_what_has_not_the_form_of_an_ins_is_refused(matricule: str) -> None:
    with pytest.raises(InsInvalid) as refused:
        check_ins(matricule, INS_NIR_OID)

    assert "ins_matricule" in refused.value.fields


@given(st.integers(0, 14), st.integers(1, 9))
def test_one_wrong_digit_of_an_ins_is_always_found(position: int, shift: int) -> None:
    wrong = str((int(TEST_INS[position]) + shift) % 10)

    with pytest.raises(InsInvalid):
        check_ins(TEST_INS[:position] + wrong + TEST_INS[position + 1 :], INS_NIR_OID)


def test_an_oid_that_is_not_of_the_ins_is_refused() -> None:
    with pytest.raises(InsInvalid) as refused:
        check_ins(TEST_INS, "1.2.250.1.213.1.4.7")

    assert "ins_oid" in refused.value.fields


@pytest.mark.parametrize("status", list(IdentityStatus))
def test_a_whole_identity_is_kept_under_each_trust(status: IdentityStatus) -> None:
    check_traits(ZOE, status, today=TODAY)


@pytest.mark.parametrize("name", ["Bréant", "O’Neil", "Martin--Dupont", "De La Tour d'Auvergne", "Ng", "Łukasz", "Jr."])
def test_names_as_people_have_them_are_kept(name: str) -> None:
    check_traits(replace(ZOE, family_name=name, used_name=name), IdentityStatus.VALIDATED, today=TODAY)


@pytest.mark.parametrize("name", ["", " ", "-", "R2D2", "a_b", "Martin\n", "Mar<b>tin", "x" * 3 + "@", "--A", "A-"])
@pytest.mark.parametrize("trait", ["family_name", "given_names"])
def test_what_cannot_be_a_name_is_named_with_its_field(trait: str, name: str) -> None:
    assert faults_of(replace(ZOE, **{trait: name})) == {trait}  # type: ignore[arg-type] # both are texts


def test_a_used_name_may_be_absent_but_not_odd() -> None:
    check_traits(replace(ZOE, used_name=""), IdentityStatus.VALIDATED, today=TODAY)

    assert faults_of(replace(ZOE, used_name="M4rtin")) == {"used_name"}


@pytest.mark.parametrize("born", [TODAY, date(1890, 1, 1)])
def test_the_first_and_the_last_birth_dates_are_kept(born: date) -> None:
    check_traits(replace(ZOE, birth_date=born), IdentityStatus.VALIDATED, today=TODAY)


@pytest.mark.parametrize("born", [date(2026, 3, 3), date(1889, 12, 31)])
def test_birth_dates_outside_are_refused(born: date) -> None:
    assert faults_of(replace(ZOE, birth_date=born)) == {"birth_date"}


def test_an_ipp_is_needed() -> None:
    assert faults_of(replace(ZOE, ipp="  ")) == {"ipp"}


@pytest.mark.parametrize("code", ["7505", "750566", "AB123", "7505X"])
def test_a_birth_place_that_is_no_insee_code_is_refused(code: str) -> None:
    assert faults_of(replace(ZOE, birth_place_code=code)) == {"birth_place_code"}


@pytest.mark.parametrize("code", ["", "75056", "99999", "2B033"])
def test_a_birth_place_may_be_unknown_or_an_insee_code(code: str) -> None:
    check_traits(replace(ZOE, birth_place_code=code), IdentityStatus.VALIDATED, today=TODAY)


@pytest.mark.parametrize("status", [IdentityStatus.RETRIEVED, IdentityStatus.QUALIFIED])
def test_a_trust_that_comes_from_insi_needs_an_ins(status: IdentityStatus) -> None:
    without = replace(ZOE, ins_matricule="", ins_oid="")

    assert faults_of(without, status) == {"identity_status"}
    check_traits(without, IdentityStatus.VALIDATED, today=TODAY)


def test_a_wrong_ins_is_told_from_the_other_traits() -> None:
    with pytest.raises(InsInvalid):
        check_traits(replace(ZOE, ins_matricule="280129999999968"), IdentityStatus.VALIDATED, today=TODAY)


def test_all_faults_are_told_at_once() -> None:
    odd = replace(ZOE, family_name="1", birth_date=date(2030, 1, 1), ipp="")

    assert faults_of(odd) == {"family_name", "birth_date", "ipp"}


def test_sealed_traits_open_to_the_same_traits() -> None:
    assert traits_from_json(traits_to_json(ZOE)) == ZOE


def test_the_name_on_screen_is_capitals_and_the_first_given_name() -> None:
    assert ZOE.display_name == "D'ÉTÉ-LA ROCHE Zoé"
    assert replace(ZOE, given_names="").display_name == "D'ÉTÉ-LA ROCHE "


@pytest.mark.parametrize(
    ("day", "age"), [(date(2026, 3, 1), 45), (date(2026, 3, 2), 46), (date(2026, 3, 3), 46), (date(1980, 3, 2), 0)]
)
def test_a_year_of_age_is_reached_on_the_birthday(day: date, age: int) -> None:
    assert age_on(date(1980, 3, 2), day) == age


SOMEONE = Identity(
    names=("MARTIN-BRÉANT", "", "Marie", "Josèphe"),
    identifiers=("8001234567", "256037511600142"),
    birth_date=date(1956, 3, 12),
)


@pytest.mark.parametrize(
    "text",
    [
        "Mme Martin-Bréant est tombée",
        "MME MARTIN BREANT",
        "martin\u2011bréant",
        "chez M. Bréant",
        "Mar\u00adtin-Bréant",
        "Mar\u200btin-Bréant",
        "la petite Marie",
        "josephe",
        "née le 12/03/1956",
        "née le 12.3.1956",
        "1956-03-12",
        "née le 12 mars 1956",
        "IPP 8001234567",
        "IPP 800 123 4567",
        "IPP n°8001234567.",
        "INS 2 56 03 75 116 001 42",
        "INS 2 56 03 75 116 001",
        "256037511600142",
    ],
)
def test_a_text_that_names_the_patient_is_found(text: str) -> None:
    assert find_identity({"description": text}, SOMEONE) == ("description",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "La patiente est tombée.",
        "Le martinet",
        "mariée",
        "lot A1, référence 1-020163C, 12/03/2026",
        "le 12 mars",
        "70 ans",
    ],
)
def test_a_text_without_the_patient_is_left_alone(text: str) -> None:
    assert find_identity({"description": text}, SOMEONE) == ()


def test_a_name_of_particles_does_not_forbid_every_sentence() -> None:
    someone = replace(SOMEONE, names=("DES ROCHES", "DE LA TOUR D'AUVERGNE"))

    assert find_identity({"a": "des fissures de la pièce", "b": "M. Roches", "c": "Auvergne"}, someone) == (
        "b",
        "c",
    )


def test_an_identity_has_every_name_and_number_of_the_traits() -> None:
    traits = Traits("MARTIN", "Marie Josèphe", date(1956, 3, 12), Sex.FEMALE, ipp="8001234567", used_name="Bréant")

    assert identity_of(traits) == Identity(
        ("MARTIN", "Bréant", "Marie", "Josèphe"), ("8001234567", ""), date(1956, 3, 12)
    )
