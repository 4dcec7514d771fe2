"""Spreadsheets: what is written to be opened in one, and what one sent is read as.

CSV is written with semicolons and a byte-order mark, as a French spreadsheet opens it with a double click. A cell that
a spreadsheet would run as a formula is made harmless (OWASP, CSV Injection).
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import IO

import xlsxwriter

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
# OWASP, CSV Injection: first characters that make a spreadsheet evaluate a cell
BYTE_ORDER_MARK = "\ufeff"
CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Cell = str | int | date | datetime | None


def harmless(value: Cell) -> str:
    """Return a cell's text that no spreadsheet runs as a formula.

    >>> harmless("=1+1"), harmless("-12"), harmless("1-020163C"), harmless(None)
    ("'=1+1", "'-12", '1-020163C', '')
    """
    text = "" if value is None else value.isoformat() if isinstance(value, date) else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """Return a CSV file line by line, so that it is sent while it is read."""
    line = io.StringIO()
    writer = csv.writer(line, delimiter=";", lineterminator="\r\n")
    yield BYTE_ORDER_MARK
    for cells in _with_header(header, rows):
        writer.writerow(cells)
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def write_xlsx(file: IO[bytes], header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write a workbook of one sheet, row by row to a temporary file: memory does not grow with the rows."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        for number, cells in enumerate(_with_header(header, rows)):
            for column, text in enumerate(cells):
                sheet.write_string(number, column, text)


def _with_header(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[list[str]]:
    yield [harmless(cell) for cell in header]
    for row in rows:
        yield [harmless(cell) for cell in row]
