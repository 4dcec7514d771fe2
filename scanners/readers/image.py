"""Read the symbols of a photo, a camera frame, a scanned page: PNG, JPEG, WebP, GIF, BMP, TIFF.

The file is not trusted: its kind is told by its content, its size is judged before it is decoded, and whatever is
wrong with it comes back as a ``Fault``, never as an exception.
"""

import io
import struct
import warnings

from PIL import Image, ImageOps, TiffImagePlugin, WebPImagePlugin

from scanners.readers.pages import check_bytes, read_pages
from scanners.readers.reading import ImageReading, Limits, Unreadable

_TIFF = TiffImagePlugin.TiffImageFile.format
_KINDS = ("PNG", "JPEG", "GIF", "BMP", WebPImagePlugin.WebPImageFile.format, _TIFF)
# No symbol needs more; a larger picture is reduced once it is decoded.
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
    RuntimeError,
    struct.error,
    Image.DecompressionBombError,
)


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
        check_bytes(data, limits)
        with warnings.catch_warnings():  # Pillow warns of odd metadata that no symbol depends on
            warnings.simplefilter("ignore")
            image = _open(data, limits)
            return read_pages(lambda number: _page(image, number, limits), count=_page_count(image), limits=limits)
    except Unreadable as unreadable:
        return ImageReading(fault=unreadable.fault)


def _open(data: bytes, limits: Limits) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=_KINDS)
    except Image.DecompressionBombError as error:
        raise Unreadable("image-too-large", "the picture would have far too many pixels") from error
    except _DECODER_ERRORS as error:
        raise Unreadable("not-an-image", "the file is no picture of a known kind (PNG, JPEG, WebP, TIFF …)") from error
    _check_size(image, limits)
    return image


def _check_size(image: Image.Image, limits: Limits) -> None:
    pixels = image.width * image.height
    if pixels > limits.max_pixels:
        raise Unreadable("image-too-large", f"the picture has {pixels} pixels, at most {limits.max_pixels} are read")


def _page_count(image: Image.Image) -> int:
    """Return the pages of a TIFF, as scanners and fax machines make them; an animation counts as its first picture."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 1
    try:
        return image.n_frames
    except _DECODER_ERRORS:
        return 1


def _page(image: Image.Image, number: int, limits: Limits) -> Image.Image:
    try:
        image.seek(number)
        _check_size(image, limits)
        return _grey(image)
    except MemoryError as error:
        raise Unreadable("image-too-large", "the picture needs more memory than is allowed") from error
    except _DECODER_ERRORS as error:
        raise Unreadable("image-broken", f"the picture is cut off or damaged: {error}") from error


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
