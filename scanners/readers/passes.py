"""The ladder: how a page is looked at, from the cheapest way to the dearest, until an answer can be trusted.

Trusted at once: everything but EAN and UPC, whose false reads have right check digits. Those are believed only when a
plain pass and a pass on twice the size say the same digits (measured on 168 photos: 103 right, 0 wrong).
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import zxingcpp
from PIL import Image, ImageFilter, ImageOps

from scanners.readers import decoders
from scanners.readers.decoders import Candidate
from scanners.readers.reading import Corners

# Beyond this long side a photo holds more pixels than its symbols need; 56 ms instead of 760 ms at 12 megapixels.
_FIT_SIDE = 1920
# Doubling is for small pictures: above, the full size has been tried already.
_DOUBLE_SIDE = 2000
# Bars are read up to about 8° of tilt, from any side; these turns bring every angle into reach.
_TURNS = (15, 30, 45, 60, 75)
_BLUR_RADIUS = 1.0
_MARGIN = 0.15


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at a page."""

    name: str
    image: Image.Image
    read: Callable[[Image.Image], list[Candidate]]
    to_page: Callable[[tuple[float, float]], tuple[float, float]]
    confirms: bool = False
    """A retail code read here stands for the doubled pass."""
    plain: bool = False
    """A retail code read here stands for the plain pass."""


@dataclass(slots=True)
class PageReading:
    """What the ladder found on one page, in pixels of the page."""

    trusted: list[Candidate] = field(default_factory=list)
    unconfirmed: list[Candidate] = field(default_factory=list)
    passes: list[str] = field(default_factory=list)


def _zxing(formats: zxingcpp.BarcodeFormats) -> Callable[[Image.Image], list[Candidate]]:
    return lambda image: decoders.read_zxing(image, formats)


def _scaled(factor: float) -> Callable[[tuple[float, float]], tuple[float, float]]:
    return lambda point: (point[0] / factor, point[1] / factor)


def _limited(page: Image.Image, side: int) -> tuple[Image.Image, float]:
    factor = side / max(page.size)
    if factor >= 1:
        return page, 1.0
    size = (max(1, round(page.width * factor)), max(1, round(page.height * factor)))
    return page.resize(size, Image.Resampling.BOX, reducing_gap=2.0), factor


def _resized(image: Image.Image, factor: float) -> Image.Image:
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BICUBIC)


def _turned(image: Image.Image, factor: float, degrees: int) -> View:
    turned = image.rotate(degrees, Image.Resampling.BILINEAR, expand=True, fillcolor=255)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def to_page(point: tuple[float, float]) -> tuple[float, float]:
        x, y = point[0] - turned.width / 2, point[1] - turned.height / 2
        return (
            (cosine * x - sine * y + image.width / 2) / factor,
            (sine * x + cosine * y + image.height / 2) / factor,
        )

    return View(f"turned-{degrees}", turned, _zxing(decoders.BARS), to_page, plain=True)


def _views(page: Image.Image) -> Iterator[View]:
    fit, factor = _limited(page, _FIT_SIDE)
    back = _scaled(factor)
    plain = _zxing(decoders.ALL)
    filtered = _zxing(decoders.WITHOUT_RETAIL)
    yield View("1x", fit, plain, back, plain=True)
    if fit is not page:
        yield View("full", page, plain, _scaled(1.0), plain=True)
    for degrees in _TURNS:
        yield _turned(fit, factor, degrees)
    if max(page.size) <= _DOUBLE_SIDE:
        yield View("2x", _resized(page, 2.0), plain, _scaled(2.0), confirms=True)
    if decoders.zbar_available():
        yield View("zbar", fit, decoders.read_zbar, back, plain=True)
    yield View("half", _resized(fit, 0.5), filtered, _scaled(factor / 2))
    yield View("blur", fit.filter(ImageFilter.GaussianBlur(_BLUR_RADIUS)), filtered, back)
    yield View("sharpen", fit.filter(ImageFilter.UnsharpMask(radius=2, percent=200, threshold=2)), filtered, back)
    yield View("equalize", ImageOps.equalize(fit), filtered, back)


def _confirmed_doubled(view: View, candidate: Candidate) -> bool:
    """Return whether its surroundings, read once more at twice the size, say the same."""
    xs, ys = zip(*candidate.position, strict=True)
    margin = _MARGIN * max(max(xs) - min(xs), max(ys) - min(ys)) + 10
    box = (
        max(0, math.floor(min(xs) - margin)),
        max(0, math.floor(min(ys) - margin)),
        min(view.image.width, math.ceil(max(xs) + margin)),
        min(view.image.height, math.ceil(max(ys) + margin)),
    )
    doubled = _resized(view.image.crop(box), 2.0)
    return any(_same_code(candidate, other) for other in decoders.read_zxing(doubled, decoders.RETAIL))


def _same_code(one: Candidate, other: Candidate) -> bool:
    return one.is_retail and other.is_retail and one.text.zfill(13) == other.text.zfill(13)


def _on_page(view: View, candidate: Candidate) -> Candidate:
    first, second, third, fourth = (
        (round(x), round(y)) for x, y in (view.to_page((px, py)) for px, py in candidate.position)
    )
    position: Corners = (first, second, third, fourth)
    return replace(candidate, position=position)


@dataclass(slots=True)
class _Retail:
    """Retail codes of one page until two different passes agree."""

    plain: list[Candidate] = field(default_factory=list)
    doubled: list[Candidate] = field(default_factory=list)

    def settle(self, view: View, candidate: Candidate, placed: Candidate) -> bool:
        """Return whether the code is confirmed now that it was seen once more."""
        if view.confirms:
            self.doubled.append(placed)
            return any(_same_code(candidate, other) for other in self.plain)
        self.plain.append(placed)
        return any(_same_code(candidate, other) for other in self.doubled) or _confirmed_doubled(view, candidate)

    def left(self, trusted: list[Candidate]) -> list[Candidate]:
        """Return what nobody confirmed, each code once."""
        codes: dict[str, Candidate] = {}
        for seen in (*self.plain, *self.doubled):
            if not any(_same_code(seen, known) for known in trusted):
                codes.setdefault(seen.text.zfill(13), seen)
        return list(codes.values())


def read_page(page: Image.Image, *, seconds: float) -> PageReading:
    """Look at a grey page until an answer can be trusted, the ladder ends or the time is over.

    Args:
        page: 8-bit grey image.
        seconds: no further pass is begun after that time; the first one always is.

    Returns:
        Symbols in pixels of the page.
    """
    reading, retail = PageReading(), _Retail()
    end = time.monotonic() + seconds
    for view in _views(page):
        if reading.passes and time.monotonic() >= end:
            break
        reading.passes.append(view.name)
        for candidate in view.read(view.image):
            placed = _on_page(view, candidate)
            if not candidate.is_retail or retail.settle(view, candidate, placed):
                reading.trusted.append(placed)
        if reading.trusted:
            break
    reading.unconfirmed = retail.left(reading.trusted)
    return reading
