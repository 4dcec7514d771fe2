"""Pages of a file, one after the other, within the limits of the file."""

import time
from collections.abc import Callable

from PIL import Image

from scanners.readers import passes
from scanners.readers.decoders import Candidate
from scanners.readers.reading import ImageReading, Limits, Symbol, Unreadable
from scanners.result import Fault

# Even with many pages to go, each gets its plain pass and the next ones.
_LEAST_SECONDS = 0.5


def check_bytes(data: bytes, limits: Limits) -> None:
    """Check that the file holds something and is not too long.

    Raises:
        Unreadable: it does not, or it is.
    """
    if not data:
        raise Unreadable("file-empty", "the file is empty")
    if len(data) > limits.max_bytes:
        raise Unreadable("file-too-large", f"the file has {len(data)} bytes, at most {limits.max_bytes} are read")


def read_pages(draw: Callable[[int], Image.Image], *, count: int, limits: Limits) -> ImageReading:
    """Read grey pages until the last, the limit of pages or the end of the time; the fault says what was left out.

    Args:
        draw: gives the 8-bit grey image of a page, counted from 0, or raises ``Unreadable``: that page is left out.
        count: how many pages the file announces.
        limits: what the file may cost.

    Returns:
        What was read; a fault names the first thing that was not.
    """
    symbols: list[Symbol] = []
    unconfirmed: list[Symbol] = []
    names: list[str] = []
    sizes: list[tuple[int, int]] = []
    fault = None
    wanted = min(count, limits.max_pages)
    end = time.monotonic() + limits.file_seconds
    for number in range(1, wanted + 1):
        left = end - time.monotonic()
        if left <= 0:
            fault = Fault("out-of-time", None, f"only the first {number - 1} of {count} pages were read in time")
            break
        try:
            page = draw(number - 1)
        except Unreadable as unreadable:
            fault = fault or unreadable.fault
            sizes.append((0, 0))
            continue
        share = max(_LEAST_SECONDS, left / (wanted - number + 1))
        found = passes.read_page(page, seconds=min(limits.ladder_seconds, share))
        symbols += [_symbol(candidate, number) for candidate in found.trusted]
        unconfirmed += [_symbol(candidate, number) for candidate in found.unconfirmed]
        names += found.passes
        sizes.append(page.size)
    if fault is None and count > wanted:
        fault = Fault("too-many-pages", None, f"only the first {wanted} of {count} pages were read")
    return ImageReading(tuple(symbols), fault, tuple(unconfirmed), tuple(names), tuple(sizes))


def _symbol(candidate: Candidate, page: int) -> Symbol:
    return Symbol(candidate.text, candidate.format, candidate.symbology, candidate.reader, candidate.position, page)
