"""The patient's Datamatrix: always recognised, read when it is whole, never kept."""

from datetime import date

import pytest

from scanners import PatientIdentity, Scan, Status, scan
from scanners.udi import ins

TODAY = date(2026, 11, 22)
GS = "\x1d"
HEADER = "IS01" + "0" * 22
S1, S2 = "S1280129999999969", "S21.2.250.1.213.1.4.10"
S3, S4, S5, S6, S7 = "S3MARIE CLAIRE", "S4EXEMPLE", "S5F", "S612-12-1980", "S799999"
PATIENT = PatientIdentity(
    "280129999999969",
    "1.2.250.1.213.1.4.10",
    "MARIE CLAIRE",
    "EXEMPLE",
    "F",
    date(1980, 12, 12),
    "99999",
)


def read(raw: str) -> Scan:
    return scan(raw, reference_date=TODAY)


@pytest.mark.parametrize("prefix", ["", "]d1"])
@pytest.mark.parametrize("separator", [GS, "<GS>", " "])
@pytest.mark.parametrize("order", [(S1, S2, S3, S4, S5, S6, S7), (S5, S4, S3, S6, S2, S1, S7)])
def test_label_is_read_with_every_separator_and_order(prefix: str, separator: str, order: tuple[str, ...]) -> None:
    closed = [block + separator if block in {S3, S4} else block for block in order]

    found = read(prefix + HEADER + "".join(closed))

    assert (found.status, found.raw, found.patient) == (Status.PATIENT, "", PATIENT)
    assert found.elements == ()


def test_shorter_oid_is_closed_by_a_separator_and_the_birth_place_may_be_missing() -> None:
    found = read(f"{HEADER}{S1}S21.2.250.1.213.1.4.8{GS}{S3}{GS}{S4}{GS}{S5}{S6}")

    assert found.patient is not None
    assert (found.patient.oid, found.patient.birth_place_code) == ("1.2.250.1.213.1.4.8", None)


def test_incomplete_birth_date_is_kept_as_missing() -> None:
    found = read(f"{HEADER}{S1}{S2}{S3}{GS}{S4}{GS}{S5}S600-00-1980")

    assert found.patient is not None
    assert found.patient.birth_date is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (HEADER, "block-missing"),
        (f"{HEADER}{S1}{S2}{S3}{GS}{S4}{GS}{S5}", "block-missing"),
        (f"{HEADER}{S1}{S1}", "block-unknown"),
        (f"{HEADER}S9FOO", "block-unknown"),
        (f"{HEADER}S1ABC", "block-damaged"),
        (f"{HEADER}{S1}{S2}S3{GS}", "block-damaged"),
        (f"{HEADER}S5X", "block-damaged"),
        (f"{HEADER}S61980-12-12", "block-damaged"),
        ("ISO1" + "0" * 22 + S1, "header"),
        ("IS02" + "0" * 22 + S1, "header"),
        ("IS01" + "0" * 12, "header"),
        ("ISà&" + "à" * 22 + "S&éèà&é", "header"),
        ("is01" + "0" * 22 + "s1", "header"),
        ("$d1ISà&" + "à" * 22, "header"),
        (HEADER + "S4" + "X" * 5000, "block-unknown"),
    ],
)
def test_damaged_label_is_still_a_patients_and_nothing_of_it_is_kept(text: str, code: str) -> None:
    found = read(text)

    assert (found.status, found.raw, found.patient) == (Status.PATIENT, "", None)
    assert found.fault is not None
    assert found.fault.code == code
    assert not any(word in repr(found) for word in ("EXEMPLE", "280129999999969", "ABC", "FOO"))


@pytest.mark.parametrize("text", ["IS0100", "ISO 13485", "LIS010000", "ISO1-000-000", "0103700000000013" + "10IS01"])
def test_other_texts_are_not_taken_for_a_patients(text: str) -> None:
    assert read(text).status is not Status.PATIENT


def test_formatting_leaves_out_separators_after_full_and_last_values() -> None:
    assert ins.format(PATIENT) == f"{HEADER}{S1}{S2}{S3}{GS}{S4}{GS}{S5}{S6}{S7}"
