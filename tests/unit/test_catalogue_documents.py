"""What is written to be opened in a spreadsheet."""

import csv
import io

import pytest
from python_calamine import CalamineWorkbook

from tracker.catalogue.documents import csv_lines, harmless, write_xlsx

DANGEROUS = ["=1+1", "+33 1", "-12", "@SUM(A1)", "\t=1", "\r=1"]


@pytest.mark.parametrize("text", DANGEROUS)
def test_what_a_spreadsheet_would_run_is_made_a_text(text: str) -> None:
    assert harmless(text) == f"'{text}"


def test_csv_is_read_as_it_was_written_and_no_cell_begins_a_formula() -> None:
    rows = [["a;b", 'say "x"', "two\nlines", None], [*DANGEROUS[:4]]]

    text = "".join(csv_lines(["A", "B", "C", "D"], rows))

    read = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))
    assert text.startswith("\ufeff")
    assert read[:2] == [["A", "B", "C", "D"], ["a;b", 'say "x"', "two\nlines", ""]]
    assert all(cell[0] == "'" for cell in read[2])


def test_a_spreadsheet_holds_texts_only() -> None:
    file = io.BytesIO()

    write_xlsx(file, ["A"], [["=1+1"], ["0012"], ["http://x.test"]])

    rows = CalamineWorkbook.from_filelike(io.BytesIO(file.getvalue())).get_sheet_by_index(0).to_python()
    assert rows == [["A"], ["'=1+1"], ["0012"], ["http://x.test"]]
