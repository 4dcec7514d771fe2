"""What a request carries of a box: the text of a label, or of both its symbols, or a photo of it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from flask import request

from scanners import Scan
from scanners.assemble import SYMBOL_SEPARATOR, read_symbols
from scanners.combine import combine
from scanners.readers.isolation import read_isolated
from scanners.readers.reading import Corners, ImageReading, Symbol
from tracker.errors import N_, InvalidInput
from tracker.workstations.rules import MAX_RAW_LENGTH, Capture, Reader

_PHOTO_SECONDS = 12.0
"""Longest time for one photo: the bench waits fifteen seconds for an answer."""


class PhotoUnread(InvalidInput):
    """No code of a device could be read in the photo."""

    code = "photo-unread"


@dataclass(frozen=True, slots=True)
class SeenSymbol:
    """One code of a photo, as a person finds it again on the box."""

    value: str
    """Its text as JSON, for a form field."""
    text: str
    format: str
    page: int
    page_size: tuple[int, int]
    """Width and height in pixels; zeros where they are not known."""
    corners: Corners


class PhotoDoubtful(InvalidInput):
    """The photo shows codes that cannot all be of one unit: a person says which of them are."""

    code = "photo-doubtful"

    def __init__(self, message: str, *, symbols: tuple[SeenSymbol, ...], next_step: str) -> None:
        super().__init__(message, fields={"photo": next_step}, next_step=next_step)
        self.symbols = symbols


def read_label(reader: Reader, text: str, *, today: date, keyed: str = "") -> Capture:
    """Read the text of one symbol, or of the two symbols of one unit, in either order.

    The physical keys are those of the last symbol.
    """
    first, separator, second = text.partition(SYMBOL_SEPARATOR)
    if not (separator and first.strip() and second.strip()):
        return reader.read(text, today=today, keyed=keyed)
    last = reader.read(second, today=today, keyed=keyed)
    return replace(last, scan=combine(reader.read(first, today=today).scan, last.scan))


def read_sent_codes(*, today: date) -> Scan | None:
    """Return what the request's photo says, or the codes of one that a person ticked; None where it carries neither.

    No transaction is open meanwhile: a photo takes seconds.

    Raises:
        PhotoUnread: there is no code in it.
        PhotoDoubtful: its codes cannot all be of one unit.
    """
    if chosen := request.form.getlist("symbol"):
        return read_chosen(chosen, today=today)
    photo = request.files.get("photo")
    if photo is None or not photo.filename:
        return None
    return read_photo(photo.read(), today=today, reader=_read_image)


def _read_image(content: bytes) -> ImageReading:
    return read_isolated(content, timeout_seconds=_PHOTO_SECONDS)


def read_photo(content: bytes, *, today: date, reader: Callable[[bytes], ImageReading]) -> Scan:
    """Return what the codes of a photo or a PDF say of one unit; a patient's label goes before everything else.

    Raises:
        PhotoUnread: there is none.
        PhotoDoubtful: they cannot all be of one unit: a person has to choose.
    """
    reading = reader(content)
    if not reading.symbols:
        raise PhotoUnread(
            N_("No code could be read in the photo."),
            fields={"photo": N_("Take it again: closer, sharp, the code flat and well lit.")},
            next_step=N_("Take it again: closer, sharp, the code flat and well lit."),
        )
    found = read_symbols([symbol.wedge_text for symbol in reading.symbols], reference_date=today)
    if found is None:
        doubt = _doubtful(tuple([_seen(symbol, reading) for symbol in reading.symbols]))
        raise doubt
    return found


def read_chosen(sent: Sequence[str], *, today: date) -> Scan:
    """Return what the codes of a photo say that a person ticked.

    Args:
        sent: the text of each, as JSON: a form field holds no control characters.
        today: Paris calendar.

    Raises:
        PhotoUnread: one cannot be read again.
        PhotoDoubtful: they cannot be of one unit.
    """
    try:
        texts = [json.loads(one) for one in sent]
    except ValueError:
        texts = [None]
    if not all(isinstance(text, str) for text in texts):
        raise PhotoUnread(N_("No code could be read in the photo."), next_step=N_("Send the photo again."))
    found = read_symbols([text[:MAX_RAW_LENGTH] for text in texts], reference_date=today)
    if found is None:
        doubt = _doubtful(())
        raise doubt
    return found


def _doubtful(symbols: tuple[SeenSymbol, ...]) -> PhotoDoubtful:
    return PhotoDoubtful(
        N_("These codes cannot all be of one unit."),
        symbols=symbols,
        next_step=N_("Take one label at a time."),
    )


def _seen(symbol: Symbol, reading: ImageReading) -> SeenSymbol:
    size = reading.page_sizes[symbol.page - 1] if symbol.page <= len(reading.page_sizes) else (0, 0)
    return SeenSymbol(json.dumps(symbol.wedge_text), symbol.text, symbol.format, symbol.page, size, symbol.position)
