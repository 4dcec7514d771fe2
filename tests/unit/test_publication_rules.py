"""Lists of derogations in files: ANSM's page, and our own form in YAML and CSV."""

from datetime import date
from pathlib import Path

import pytest

from tests.lists import ANSM_LIST
from tracker.publications.rules import ListUnreadable, as_json, read_file

YAML_LIST = Path(__file__).parents[2] / "config" / "ansm_derogations_20240306.yaml"
CSV_HEAD = "title;company;valid_until;extended;partial_revision;domain;reference;label\n"
CSV_ROW = "Inserts SCORE;Amplitude;26/07/2024;non;oui;joint;1-020161A;Taille A\n"


def csv(*rows: str) -> bytes:
    return (CSV_HEAD + "".join(rows)).encode()


def test_the_yaml_form_says_what_the_page_says() -> None:
    page = read_file(ANSM_LIST.read_bytes(), filename="page.txt").derogations
    ours = read_file(YAML_LIST.read_bytes(), filename="list.yaml").derogations

    def facts(listed: tuple) -> list:  # type: ignore[type-arg] # compared as a whole
        return sorted((d.valid_until, d.extended, d.partial_revision, d.domain, len(d.references)) for d in listed)

    assert facts(ours) == facts(page)


def test_the_csv_form_has_one_line_for_each_reference() -> None:
    reading = read_file(csv(CSV_ROW, CSV_ROW.replace("61A;Taille A", "61B;Taille B")), filename="list.csv")

    (score,) = reading.derogations
    assert (score.title, score.valid_until, score.partial_revision) == ("Inserts SCORE", date(2024, 7, 26), True)
    assert [item.reference for item in score.references] == ["1-020161A", "1-020161B"]


def test_the_csv_form_may_be_cut_at_commas_and_have_no_references() -> None:
    row = 'Clapets,"Neuro, SA",2027-05-31,yes,no,other,,\n'

    (valve,) = read_file((CSV_HEAD.replace(";", ",") + row).encode(), filename="list.csv").derogations

    assert (valve.company, valve.extended, valve.references) == ("Neuro, SA", True, ())


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (CSV_ROW.replace("26/07/2024", "31/02/2024"), "The last day cannot be read as a day of the calendar."),
        (CSV_ROW.replace("joint", "knee"), "The field of use is none of joint, dental, other."),
        (CSV_ROW.replace("oui", "maybe"), "Neither yes nor no."),
        (CSV_ROW + CSV_ROW.replace("26/07/2024", "26/07/2025"), "Two lines of one derogation disagree."),
    ],
)
def test_a_line_that_cannot_be_understood_is_told(row: str, why: str) -> None:
    reading = read_file(csv(row), filename="list.csv")

    assert [doubt.why for doubt in reading.not_understood] == [why]


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        (b"title;company\n", "list.csv"),
        (b"derogations: {", "list.yaml"),
        (b"derogations: 3", "list.yml"),
        (b"derogations:\n  - title: x", "list.yaml"),
        (b"derogations:\n  - 3", "list.yaml"),
        (b"a: &a [1]\nderogations: [*a, *a]", "list.yaml"),
        (YAML_LIST.read_bytes().replace(b"2024-07-26", b"soon"), "list.yaml"),
    ],
)
def test_a_file_of_another_form_is_refused_with_the_place(content: bytes, filename: str) -> None:
    with pytest.raises(ListUnreadable, match=r"documented form: \S"):
        read_file(content, filename=filename)


def test_the_answer_for_scripts_has_stable_names() -> None:
    answer = as_json(read_file(csv(CSV_ROW, CSV_ROW.replace("joint", "knee")), filename="list.csv"))

    assert answer == {
        "derogations": [
            {
                "title": "Inserts SCORE",
                "company": "Amplitude",
                "valid_until": "2024-07-26",
                "extended": False,
                "partial_revision": True,
                "domain": "joint",
                "references": [{"reference": "1-020161A", "label": "Taille A"}],
            }
        ],
        "not_understood": [
            {
                "text": "Inserts SCORE; Amplitude; 26/07/2024; non; oui; knee; 1-020161A; Taille A",
                "why": "The field of use is none of joint, dental, other.",
            }
        ],
    }
