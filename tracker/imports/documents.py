"""Reads a sent file as a table of texts: CSV in the encodings and with the separators that spreadsheets write, XLSX."""

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime

from python_calamine import CalamineError, CalamineWorkbook

from tracker.errors import N_, InvalidInput

MOST_UNPACKED_BYTES = 200 * 1024 * 1024
"""Of an XLSX: one of 100,000 catalogue lines unpacks to some 60 MB; one that claims more is refused unread."""
_ZIP = b"PK\x03\x04"
_ENCODINGS = ("utf-8-sig", "cp1252")
_WIDE = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_LONGEST_CELL = 10_000


class FileUnreadable(InvalidInput):
    """The file is no table that we can read."""

    code = "import-file-unreadable"


_SEND_TABLE = N_("Save it as CSV or XLSX, with the names of the columns in the first line, and send it again.")


def read_rows(content: bytes, *, filename: str = "") -> Iterator[list[str]]:
    """Return the rows of a file as texts, the header first, lines without any text left out.

    Args:
        content: the file.
        filename: as it was sent, where it is known: what is called a spreadsheet is not read as anything else.

    Raises:
        FileUnreadable: it is empty, neither CSV nor XLSX, damaged, or no XLSX although it is called one.
    """
    if not content.strip():
        raise FileUnreadable(N_("The file is empty."), next_step=_SEND_TABLE)
    if filename.lower().endswith(".xlsx") and not content.startswith(_ZIP):
        raise FileUnreadable(
            N_("This file is called .xlsx and is no XLSX spreadsheet that can be read."),
            next_step=N_("Open it in your spreadsheet program, save it as XLSX or CSV, and send it again."),
        )
    rows = _read_xlsx(content) if content.startswith(_ZIP) else _read_csv(content)
    return (row for row in rows if any(row))


def _read_csv(content: bytes) -> Iterator[list[str]]:
    text = _decode(content)
    if "\x00" in text:
        raise FileUnreadable(N_("The file is neither CSV nor XLSX."), next_step=_SEND_TABLE)
    first = text.partition("\n")[0]
    separator = max(";,\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    csv.field_size_limit(_LONGEST_CELL)
    try:
        yield from reader
    except csv.Error as error:
        raise FileUnreadable(
            N_("Line %(line)s of the file cannot be read."), next_step=_SEND_TABLE, line=reader.line_num
        ) from error


def _decode(content: bytes) -> str:
    wide = _WIDE.get(content[:2])
    for encoding in (wide,) if wide else _ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileUnreadable(N_("The letters of the file cannot be read."), next_step=N_("Save it as CSV UTF-8."))


def _read_xlsx(content: bytes) -> Iterator[list[str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MOST_UNPACKED_BYTES:
            raise FileUnreadable(N_("The spreadsheet is too large."), next_step=N_("Save it as CSV and send that."))
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
    except (zipfile.BadZipFile, CalamineError, IndexError) as error:
        raise FileUnreadable(N_("The spreadsheet cannot be read."), next_step=_SEND_TABLE) from error
    for row in sheet.iter_rows():
        yield [_text(cell) for cell in row]


def _text(cell: object) -> str:
    """Return a cell as it reads: a number that a spreadsheet made of a code loses its decimals, a day is ISO 8601."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return str(cell)
