"""The recap as it is handed over: a PDF that is frozen, and a workbook with the same figures."""

import io
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypedDict
from zoneinfo import ZoneInfo

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from tracker.documents.documents import DocumentHead, Locale
from tracker.organisation.models import Establishment
from tracker.recaps.rules import Recap

_PARIS = ZoneInfo("Europe/Paris")


class StretchData(TypedDict):
    """Whole months told together."""

    first: str
    """ISO date of the first day of the first month."""
    last: str
    """ISO date of the first day of the last month."""


class LineData(TypedDict):
    """Uses of one reference and lot."""

    reference: str
    designation: str
    lot: str
    counts: list[int]
    total: int


class UnitsData(TypedDict):
    """Units of one reference in one state."""

    reference: str
    state: str
    count: int


class RecapData(DocumentHead):
    """Recap for the manufacturer: no patient, no day, no serial number."""

    designation: str
    manufacturer: str
    first_day: str
    last_day: str
    stretches: list[StretchData]
    lines: list[LineData]
    units: list[UnitsData]
    incidents: list[str]
    use_count: int
    least_count: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RecapSource:
    """Everything a recap is printed from."""

    recap: Recap
    designation: str
    manufacturer: str
    first_day: date
    last_day: date
    sha256: str
    establishment: Establishment


def recap_data(source: RecapSource, *, locale: Locale, number: str, now: datetime) -> RecapData:
    """Return what the recap template prints."""
    recap = source.recap
    return RecapData(
        locale=locale,
        document_number=number,
        generated_at=now.astimezone(_PARIS).isoformat(timespec="seconds"),
        establishment={
            "name": source.establishment.name,
            "address": source.establishment.address,
            "phone": source.establishment.phone,
        },
        demonstration=source.establishment.is_demonstration,
        designation=source.designation,
        manufacturer=source.manufacturer,
        first_day=source.first_day.isoformat(),
        last_day=source.last_day.isoformat(),
        stretches=[StretchData(first=one.first.isoformat(), last=one.last.isoformat()) for one in recap.stretches],
        lines=[
            LineData(
                reference=one.reference,
                designation=one.designation,
                lot=one.lot,
                counts=list(one.counts),
                total=one.total,
            )
            for one in recap.lines
        ],
        units=[UnitsData(reference=one.reference, state=one.state.value, count=one.count) for one in recap.units],
        incidents=list(recap.incidents),
        use_count=recap.use_count,
        least_count=recap.least_count,
        sha256=source.sha256,
    )


@dataclass(frozen=True, slots=True)
class WorkbookWords:
    """The words of a workbook, in the language of the page."""

    used: str
    left: str
    incidents: str
    reference: str
    designation: str
    lot: str
    total: str
    state: str
    count: str
    case: str
    states: dict[str, str]
    """Word of each state, by its code."""


def workbook(recap: Recap, words: WorkbookWords, *, title: str, made_at: datetime) -> bytes:
    """Return a recap as XLSX: one sheet for what was used, one for what is left, one for incidents.

    Texts are written as texts: a lot that begins with ``=`` is no formula. The same recap gives the same cells.
    """
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        book.set_properties({"title": title, "created": made_at.replace(tzinfo=None)})
        bold = book.add_format({"bold": True})
        used = book.add_worksheet(words.used)
        months = [one.months for one in recap.stretches]
        _write_row(used, 0, [words.reference, words.designation, words.lot, *months, words.total], style=bold)
        for number, line in enumerate(recap.lines, start=1):
            _write_row(used, number, [line.reference, line.designation, line.lot, *line.counts, line.total])
        totals = [sum(line.counts[place] for line in recap.lines) for place in range(len(months))]
        _write_row(used, len(recap.lines) + 1, [words.total, "", "", *totals, recap.use_count], style=bold)
        left = book.add_worksheet(words.left)
        _write_row(left, 0, [words.reference, words.designation, words.state, words.count], style=bold)
        for number, one in enumerate(recap.units, start=1):
            _write_row(left, number, [one.reference, one.designation, words.states[one.state.value], one.count])
        incidents = book.add_worksheet(words.incidents)
        _write_row(incidents, 0, [words.case], style=bold)
        for number, case in enumerate(recap.incidents, start=1):
            _write_row(incidents, number, [case])
        for sheet in (used, left, incidents):
            sheet.autofit()
            sheet.freeze_panes(1, 0)
    return content.getvalue()


def _write_row(sheet: Worksheet, row: int, values: list[str | int], *, style: object = None) -> None:
    for column, value in enumerate(values):
        if isinstance(value, int):
            sheet.write_number(row, column, value, style)
        else:
            sheet.write_string(row, column, value, style)
