"""Read the symbols of a photo, a camera frame, a scanned page: PNG, JPEG, WebP, GIF, BMP, TIFF.

The file is not trusted: its kind is told by its content, its size is judged before it is decoded, and whatever is
wrong with it comes back as a ``Fault``, never as an exception.
"""

import io
import struct
import warnings
from collections.abc import Iterator

from PIL import Image, ImageOps, ImageSequence, TiffImagePlugin, WebPImagePlugin

from scanners.readers import passes
from scanners.readers.decoders import Candidate, zbar_available
from scanners.readers.reading import ImageReading, Limits, Symbol
from scanners.result import Fault

__all__ = ["read_image", "read_pages", "zbar_available"]

_KINDS = ("PNG", "JPEG", "GIF", "BMP", WebPImagePlugin.WebPImageFile.format, TiffImagePlugin.TiffImageFile.format)
# No symbol needs more; a larger picture is reduced while it is decoded.
_PAGE_SIDE = 4800
_WHITE = 255
# What Pillow raises on files that lie: its decoders promise no common type.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    struct.error,
    RuntimeError,
    MemoryError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class _Unreadable(Exception):
    """The file cannot be read; holds the fault."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(code, None, detail)


def read_image(data: bytes, *, limits: Limits | None = None) -> ImageReading:
    """Read every symbol of a picture.

    Args:
        data: the file.
        limits: what it may cost; the default limits when None.

    Returns:
        The symbols that can be trusted, with their places; a fault when the file cannot be read.
    """
    limits = limits or Limits()
    try:
        return read_pages(_pages(data, limits), limits=limits)
    except _Unreadable as unreadable:
        return ImageReading(fault=unreadable.fault)


def read_pages(pages: Iterator[Image.Image], *, limits: Limits) -> ImageReading:
    """Return the symbols of grey pages; of more pages than allowed, the rest is left out and the fault says so."""
    symbols: list[Symbol] = []
    unconfirmed: list[Symbol] = []
    names: list[str] = []
    sizes: list[tuple[int, int]] = []
    fault = None
    for number, page in enumerate(pages, start=1):
        if number > limits.max_pages:
            fault = Fault("too-many-pages", None, f"only the first {limits.max_pages} pages were read")
            break
        found = passes.read_page(page, seconds=limits.ladder_seconds)
        symbols += [_symbol(candidate, number) for candidate in found.trusted]
        unconfirmed += [_symbol(candidate, number) for candidate in found.unconfirmed]
        names += found.passes
        sizes.append(page.size)
    return ImageReading(tuple(symbols), fault, tuple(unconfirmed), tuple(names), tuple(sizes))


def _symbol(candidate: Candidate, page: int) -> Symbol:
    return Symbol(candidate.text, candidate.format, candidate.symbology, candidate.reader, candidate.position, page)


def _pages(data: bytes, limits: Limits) -> Iterator[Image.Image]:
    image = _open(data, limits)
    frames = ImageSequence.Iterator(image) if image.format == "TIFF" else iter((image,))
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                frame = next(frames, None)
                if frame is None:
                    return
                _check_size(frame, limits)
                page = _grey(frame)
        except _DECODER_ERRORS as error:
            raise _Unreadable("image-broken", f"the picture is cut off or damaged: {error}") from error
        yield page


def _open(data: bytes, limits: Limits) -> Image.Image:
    if not data:
        raise _Unreadable("file-empty", "the file is empty")
    if len(data) > limits.max_bytes:
        raise _Unreadable("file-too-large", f"the file has {len(data)} bytes, at most {limits.max_bytes} are read")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=_KINDS)
    except Image.DecompressionBombError as error:
        raise _Unreadable("image-too-large", f"the picture would have too many pixels: {error}") from error
    except _DECODER_ERRORS as error:
        raise _Unreadable("not-an-image", "the file is no picture of a known kind (PNG, JPEG, WebP, TIFF …)") from error
    _check_size(image, limits)
    return image


def _check_size(image: Image.Image, limits: Limits) -> None:
    pixels = image.width * image.height
    if pixels > limits.max_pixels:
        raise _Unreadable("image-too-large", f"the picture has {pixels} pixels, at most {limits.max_pixels} are read")


def _grey(image: Image.Image) -> Image.Image:
    """Return 8-bit grey, decoded as the picture is shown: white where transparent, turned as the camera noted."""
    if image.format in {"JPEG", "MPO"}:
        image.draft("L", (_PAGE_SIDE, _PAGE_SIDE))
    image.load()
    turned = ImageOps.exif_transpose(image)
    if turned.has_transparency_data:
        shown = turned.convert("LA")
        page = Image.new("L", shown.size, _WHITE)
        page.paste(shown.getchannel("L"), mask=shown.getchannel("A"))
    elif turned.mode in {"I", "F"} or turned.mode.startswith("I;"):
        page = _from_deep(turned)
    else:
        page = turned.convert("L")
    if max(page.size) > _PAGE_SIDE:
        page.thumbnail((_PAGE_SIDE, _PAGE_SIDE), Image.Resampling.BOX)
    return page


def _from_deep(image: Image.Image) -> Image.Image:
    """Return 8-bit grey, stretched from 16 or 32 bits."""
    deep = image.convert("F")
    extrema = deep.getextrema()
    low, high = float(extrema[0]), float(extrema[1])  # type: ignore[arg-type]  # one channel: two numbers
    scale = _WHITE / (high - low) if high > low else 0.0
    return deep.point(lambda value: value * scale - low * scale).convert("L")
