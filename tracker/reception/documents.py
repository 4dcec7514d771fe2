"""What goods-in prints: the labels of units, on a sheet or on a roll, the slip of a delivery, barcodes to try."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal, TypedDict

from scanners.symbols import code128, datamatrix, gs1_128
from tracker.documents.documents import DocumentHead
from tracker.reception.rules import Outcome


class LabelLayout(TypedDict):
    """Where labels lie, in millimetres."""

    paper: Literal["a4", "roll"]
    """A roll has one label per page, and ignores everything but the size of the label."""
    width_mm: float
    height_mm: float
    columns: int
    rows: int
    margin_top_mm: float
    margin_left_mm: float
    gap_x_mm: float
    gap_y_mm: float
    used_positions: int
    """Labels already taken from the first sheet, counted along the rows."""


# Common A4 sheets of 21 (63.5 by 38.1 mm) and 24 (70 by 37 mm) labels, and a roll; sizes as printed on their packs.
SHEET_OF_21: Final = LabelLayout(
    paper="a4",
    width_mm=63.5,
    height_mm=38.1,
    columns=3,
    rows=7,
    margin_top_mm=15.15,
    margin_left_mm=7.25,
    gap_x_mm=2.5,
    gap_y_mm=0,
    used_positions=0,
)
SHEET_OF_24: Final = LabelLayout(
    paper="a4",
    width_mm=70,
    height_mm=37,
    columns=3,
    rows=8,
    margin_top_mm=0.5,
    margin_left_mm=0,
    gap_x_mm=0,
    gap_y_mm=0,
    used_positions=0,
)
ROLL: Final = LabelLayout(
    paper="roll",
    width_mm=62,
    height_mm=38,
    columns=1,
    rows=1,
    margin_top_mm=0,
    margin_left_mm=0,
    gap_x_mm=0,
    gap_y_mm=0,
    used_positions=0,
)


class LabelData(TypedDict):
    """The label of one unit; an absent value is an empty text."""

    unit_number: str
    data_matrix: str
    """SVG of the unit number."""
    code128: str
    """SVG of the unit number."""
    designation: str
    manufacturer: str
    reference: str
    lot: str
    serial: str
    expires_on: str
    """ISO date, last day included."""
    derogation_until: str
    """ISO date, last day included; empty when no derogation covers the unit."""
    outcome: Outcome
    """Accepted or quarantined: a refused box has no label."""
    reprint: bool


class LabelsData(DocumentHead):
    """One or many labels."""

    layout: LabelLayout
    labels: list[LabelData]


class SlipLineData(TypedDict):
    """One box and what was decided; an absent value is an empty text."""

    unit_number: str
    """Empty for a refused box."""
    designation: str
    manufacturer: str
    reference: str
    lot: str
    serial: str
    expires_on: str
    """ISO date."""
    derogation_reference: str
    outcome: Outcome
    reasons: list[str]
    """One sentence each, already in the language of the slip."""


class SlipData(DocumentHead):
    """The slip of one delivery."""

    reception_number: str
    supplier: str
    order_number: str
    delivery_note: str
    received_at: str
    """ISO instant on the hospital's clock."""
    received_by: str
    lines: list[SlipLineData]


@dataclass(frozen=True, slots=True)
class Barcode:
    """A barcode of the demonstration, with what it shows."""

    key: str
    symbol: Literal["data_matrix", "gs1_128", "code128"]
    text: str
    words: Mapping[str, str]
    """What it shows, by language."""

    @property
    def readable(self) -> str:
        """The text with its group separators visible."""
        return self.text.replace("\x1d", "\u241d")


_DAY = re.compile(r"\{today([+-][0-9]+)?\}")


def barcodes_on(content: Iterable[Mapping[str, Any]], today: date) -> tuple[Barcode, ...]:
    """Return the barcodes of ``config/demonstration.yaml``; ``{today+400}`` becomes the day as GS1 writes it.

    >>> barcodes_on([{"key": "a", "symbol": "gs1_128", "text": "(17){today+1}", "fr": "", "en": ""}], date(2026, 1, 1))[
    ...     0
    ... ].text
    '(17)260102'
    """
    return tuple([Barcode(one["key"], one["symbol"], _dated(one["text"], today), {**one}) for one in content])


def _dated(text: str, today: date) -> str:
    return _DAY.sub(lambda found: f"{today + timedelta(int(found[1] or 0)):%y%m%d}", text)


def barcode_svg(barcode: Barcode) -> str:
    """Return the symbol for a page."""
    match barcode.symbol:
        case "data_matrix":
            return datamatrix.svg(barcode.text, module_width_mm=0.9)
        case "gs1_128":
            return gs1_128.svg(barcode.text)
        case "code128":
            return code128.svg(barcode.text)


def barcode_png(barcode: Barcode) -> bytes:
    """Return the symbol as a picture."""
    match barcode.symbol:
        case "data_matrix":
            return datamatrix.png(barcode.text)
        case "gs1_128":
            return gs1_128.png(barcode.text)
        case "code128":
            return code128.png(barcode.text)
