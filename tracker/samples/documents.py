"""Barcodes to try at the bench."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from scanners.symbols import code128, datamatrix, gs1_128


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
