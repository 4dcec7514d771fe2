"""Read the symbols of a PDF: every page is drawn in grey and looked at like a photo.

PDFium is not thread-safe: one thread of a process may use it, which the reader process of ``isolation`` keeps.
"""

import pypdfium2
from PIL import Image

from scanners.readers.pages import check_bytes, read_pages
from scanners.readers.reading import ImageReading, Limits, Unreadable

_POINTS_PER_INCH = 72
# Two pixels per module are needed: 300 dpi serve modules of 0.17 mm, the smallest on labels, and 200 dpi 0.25 mm.
_RESOLUTIONS_DPI = (300, 200)
# A2 at 300 dpi; a page of boxes larger than that at 200 dpi (A1) holds no labels.
_MAX_PIXELS = 35_000_000
_FPDF_ERR_PASSWORD = 4
_FPDF_ERR_SECURITY = 5


def read_pdf(data: bytes, *, limits: Limits | None = None) -> ImageReading:
    """Read every symbol of a PDF.

    Args:
        data: the file.
        limits: what it may cost; the default limits when None.

    Returns:
        The symbols with their pages; a fault when the file, or a part of it, cannot be read.
    """
    limits = limits or Limits()
    try:
        check_bytes(data, limits)
        document = _open(data)
    except Unreadable as unreadable:
        return ImageReading(fault=unreadable.fault)
    try:
        return read_pages(lambda number: _page(document, number), count=len(document), limits=limits)
    finally:
        document.close()


def _open(data: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) in {_FPDF_ERR_PASSWORD, _FPDF_ERR_SECURITY}:
            raise Unreadable("pdf-encrypted", "the PDF is protected by a password") from error
        raise Unreadable("pdf-broken", "the PDF is cut off or damaged") from error


def _page(document: pypdfium2.PdfDocument, number: int) -> Image.Image:
    try:
        page = document[number]
        width, height = page.get_size()
        bitmap = page.render(scale=_scale(width, height, number), grayscale=True)
    except pypdfium2.PdfiumError as error:
        raise Unreadable("pdf-broken", f"page {number + 1} of the PDF is damaged") from error
    drawn: Image.Image = bitmap.to_pil().convert("L")
    page.close()
    return drawn


def _scale(width: float, height: float, number: int) -> float:
    """Return the pixels per point for a page, given its size in points.

    Raises:
        Unreadable: it is too large even for the lowest resolution.
    """
    for resolution in _RESOLUTIONS_DPI:
        scale = resolution / _POINTS_PER_INCH
        if width * scale * height * scale <= _MAX_PIXELS:
            return scale
    inches = f"{width / _POINTS_PER_INCH:.0f} by {height / _POINTS_PER_INCH:.0f} inches"
    raise Unreadable("page-too-large", f"page {number + 1} of the PDF measures {inches}: it holds no labels")
