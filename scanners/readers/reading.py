"""What was read in an image or a PDF, and how much work one may cost."""

from dataclasses import dataclass

from scanners.result import Fault

Corners = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]


class Unreadable(Exception):
    """The file, or one of its pages, cannot be read.

    Attributes:
        fault: why, to be told to the person.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(code, None, detail)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one file may cost. A file beyond a limit is refused or cut, and the reading says so."""

    max_bytes: int = 25_000_000
    max_pixels: int = 60_000_000
    """Width by height as the file announces them, before anything is decoded."""
    max_pages: int = 20
    """Pages of a PDF or a TIFF; the following ones are left out."""
    ladder_seconds: float = 4.0
    """No further pass is begun on a page after that time. A pass under way is ended only from outside (isolation)."""
    file_seconds: float = 10.0
    """No further page is begun after that time; pages share what is left of it."""


# A camera sends the next frame soon: one or two passes are enough.
FRAME_LIMITS = Limits(max_bytes=5_000_000, max_pixels=9_000_000, max_pages=1, ladder_seconds=0.08)


@dataclass(frozen=True, slots=True)
class Symbol:
    """One symbol that was read."""

    text: str
    """Content with its control characters; a group separator is ``\\x1d``."""
    format: str
    """Name of the symbology: ``DataMatrix``, ``Code128``, ``EAN13`` …"""
    symbology: str | None
    """AIM identifier without its bracket (ISO/IEC 15424), ``d2``; None when the reader does not tell it."""
    reader: str
    """``zxing`` or ``zbar``."""
    position: Corners
    """Corners in pixels of the page as it is shown, clockwise from the symbol's own top left."""
    page: int
    """Counted from 1."""

    @property
    def wedge_text(self) -> str:
        """Return the text as a keyboard scanner that sends the AIM identifier would type it."""
        return self.text if self.symbology is None else f"]{self.symbology}{self.text}"


@dataclass(frozen=True, slots=True)
class ImageReading:
    """All that was read in one file; symbols and a fault may stand together (a PDF that was read in part)."""

    symbols: tuple[Symbol, ...] = ()
    fault: Fault | None = None
    """Why the file, or a part of it, was not read. A file without any symbol is no fault."""
    unconfirmed: tuple[Symbol, ...] = ()
    """EAN and UPC seen in one pass only: never to be used without a person who compares the digits."""
    passes: tuple[str, ...] = ()
    """Names of the passes that were needed, page after page."""
    page_sizes: tuple[tuple[int, int], ...] = ()
    """Width and height in pixels of each page that was read, the frame of the positions."""
