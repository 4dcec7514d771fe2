"""Reads sent files as tables: encodings, separators, spreadsheets, and what is no table."""

import io
import zipfile

import pytest
import xlsxwriter

from tracker.imports import documents
from tracker.imports.documents import FileUnreadable, read_rows

TEXT = "Fabricant;Référence;Désignation\r\nDépuy;R-1;Prothèse\r\n"
ROWS = [["Fabricant", "Référence", "Désignation"], ["Dépuy", "R-1", "Prothèse"]]


def spreadsheet(*rows: list[object]) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        for number, cells in enumerate(rows):
            sheet.write_row(number, 0, cells)
    return file.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_csv_is_read_in_the_encodings_and_with_the_separators_of_spreadsheets(encoding: str, separator: str) -> None:
    content = TEXT.replace(";", separator).encode(encoding)

    assert list(read_rows(content)) == ROWS


def test_empty_lines_are_left_out_and_quoted_cells_kept_whole() -> None:
    content = b'a;b\n;\n\n"x;y";"line\nbreak"\n'

    assert list(read_rows(content)) == [["a", "b"], ["x;y", "line\nbreak"]]


def test_a_spreadsheet_is_read_with_its_numbers_as_codes_and_its_formulas_as_what_they_gave() -> None:
    content = spreadsheet(["Reference", "UDI"], ["00012", 3700000000013], ["=1+1", 2.5])

    assert list(read_rows(content)) == [["Reference", "UDI"], ["00012", "3700000000013"], ["0", "2.5"]]


@pytest.mark.parametrize(
    "content", [b"", b"  \n", b"PK\x03\x04 broken", b"a;b\n\x00\x01\x02", b'a;"' + b"x" * 200_000, b"\xff\xfea"]
)
def test_what_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(FileUnreadable):
        list(read_rows(content))


@pytest.mark.parametrize("filename", ["liste.xlsx", "LISTE.XLSX"])
def test_a_renamed_csv_is_told_to_be_no_spreadsheet(filename: str) -> None:
    with pytest.raises(FileUnreadable, match="is no XLSX spreadsheet") as refused:
        list(read_rows(TEXT.encode(), filename=filename))

    assert refused.value.next_step
    assert list(read_rows(TEXT.encode(), filename="liste.csv")) == ROWS
    assert list(read_rows(spreadsheet(["a"]), filename=filename)) == [["a"]]


def test_a_spreadsheet_that_claims_to_unpack_to_too_much_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST_UNPACKED_BYTES", 100)

    with pytest.raises(FileUnreadable, match="too large"):
        list(read_rows(spreadsheet(["a"])))


def test_an_archive_that_is_no_spreadsheet_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "b")

    with pytest.raises(FileUnreadable):
        list(read_rows(file.getvalue()))
