"""What the lines of a catalogue file mean."""

from datetime import date

import pytest

from tests.stock import GTIN
from tracker.catalogue.rules import CatalogueLine, DeviceKind
from tracker.imports import rules
from tracker.imports.rules import ColumnsMissing, FileTooLong, LineError

TODAY = date(2026, 3, 2)
HEADER = ["Fabricant", "Référence", "Désignation", "Type", "Marque", "IUD-ID"]


def read(*cells: str, header: list[str] = HEADER) -> CatalogueLine | LineError:
    return rules.read_line(2, cells, rules.read_header(header), today=TODAY)


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        ["manufacturer", "reference", "designation", "kind"],
        [" FABRICANT ", "ref", "Libellé", "Nature", "unknown column"],
    ],
)
def test_the_header_is_read_in_both_languages_whatever_accents_and_capitals(header: list[str]) -> None:
    places = rules.read_header(header)

    assert [places[name] for name in ("manufacturer", "reference", "designation", "kind")] == [0, 1, 2, 3]


def test_a_header_without_the_needed_columns_names_what_is_missing() -> None:
    with pytest.raises(ColumnsMissing) as refused:
        rules.read_header(["a", "reference"])

    assert refused.value.data == {"missing": "fabricant, désignation, type"}


def test_a_line_is_read_with_its_codes() -> None:
    line = read("Amplitude", "1-020163C", "SCORE, insert", "Dispositif implantable", "", f"{GTIN} in-house")

    assert line == CatalogueLine(
        number=2,
        manufacturer="Amplitude",
        reference="1-020163C",
        designation="SCORE, insert",
        kind=DeviceKind.IMPLANT,
        udi_dis=(GTIN, "in-house"),
    )
    assert isinstance(line, CatalogueLine)
    assert line.stated() == {"designation": "SCORE, insert", "kind": "implant"}


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        (["", "R", "D", "implant"], "missing"),
        (["M", "R", "D"], "missing"),
        (["M", "R", "D", "aspirin"], "kind-unknown"),
        (["M", "=1+1", "D", "implant"], "formula"),
        (["M", "R" * 101, "D", "implant"], "too-long"),
        (["M", "R", "D", "implant", "", "03700000000012"], "udi-di-unreadable"),
        (["M", "R", "D", "implant", "", "T590000000178"], "udi-di-unreadable"),
    ],
)
def test_a_line_that_cannot_be_taken_over_says_why(cells: list[str], code: str) -> None:
    found = read(*cells)

    assert isinstance(found, LineError)
    assert (found.line, found.code) == (2, code)
    assert rules.LINE_ERRORS[code] % found.data


def test_a_cell_that_an_export_disarmed_is_read_as_it_was() -> None:
    line = read("M", "'-12", "'quoted'", "implant")

    assert isinstance(line, CatalogueLine)
    assert (line.reference, line.designation) == ("-12", "'quoted'")


def test_unprintable_characters_are_blanks() -> None:
    line = read("M", "R\x001", "D\x1d", "implant")

    assert isinstance(line, CatalogueLine)
    assert (line.reference, line.designation) == ("R 1", "D")


def test_a_file_has_a_longest_length() -> None:
    rules.check_length(rules.MOST_LINES)

    with pytest.raises(FileTooLong):
        rules.check_length(rules.MOST_LINES + 1)
