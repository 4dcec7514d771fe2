"""What a request carries of a box: the text of a label, or of all its symbols, or a photo of it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce

from flask import request

from scanners import Scan, Status, Udi
from scanners.assemble import SYMBOL_SEPARATOR, read_symbols
from scanners.combine import combine
from scanners.readers.isolation import read_isolated
from scanners.readers.reading import Corners, ImageReading, Symbol
from tracker.checks.rules import is_half, names_device
from tracker.errors import N_, InvalidInput
from tracker.verdicts.queries import as_reference
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
    """Read the text of one symbol, or of all symbols of one unit, in any order.

    The physical keys are those of the last symbol.
    """
    *earlier, last = text.split(SYMBOL_SEPARATOR)
    if not earlier or not all(one.strip() for one in (*earlier, last)):
        return reader.read(text, today=today, keyed=keyed)
    capture = reader.read(last, today=today, keyed=keyed)
    scans = (*(reader.read(one, today=today).scan for one in earlier), capture.scan)
    return replace(capture, scan=reduce(_join, scans))


def _join(first: Scan, second: Scan) -> Scan:
    """Combine two symbols; after a code that names no device, a plain text is the reference, as it is by itself."""
    reference = as_reference(second) if second.status is Status.UNKNOWN else None
    if reference is not None and is_half(first) and not names_device(first):
        second = replace(second, status=Status.OK, udi=Udi(reference=reference))
    return combine(first, second)


def read_apart(reader: Reader, text: str, *, today: date) -> list[Scan]:
    """Read the last symbol by itself, after those before it, where there are any."""
    parts = text.rsplit(SYMBOL_SEPARATOR, 1)
    return [read_label(reader, part, today=today).scan for part in parts]


def joined_symbols(first: str, raw: str) -> str:
    """Return what was scanned, after the first codes of its label. A form sends line ends as two characters."""
    first, raw = (text.replace("\r\n", SYMBOL_SEPARATOR) for text in (first, raw))
    return f"{first}{SYMBOL_SEPARATOR}{raw}" if first and raw.strip() and first != raw else raw


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
