"""The dark and light modules of a symbol, and how they are drawn.

The encoders give only the modules; every symbology is drawn here, so that labels look alike, carry no script and no
reference to the outside, and come out byte for byte the same each time.
"""

import io
import re
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from PIL import Image

_MM_PER_INCH = 25.4
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\ud7ff]")
_TEXT_LINE_MM = 4.0


class SymbolRefused(ValueError):
    """The symbology cannot carry this text."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Modules of one symbol without quiet zone: equally long rows of ``1`` (dark) and ``0`` (light), top row first.

    A linear symbol has a single row, drawn as high as asked.
    """

    text: str
    rows: tuple[str, ...]
    quiet_zone: int
    """Light modules that the standard asks for beside the symbol."""

    @property
    def is_linear(self) -> bool:
        """Test whether one row stands for bars."""
        return len(self.rows) == 1

    @property
    def columns(self) -> int:
        """Return the width in modules, quiet zones included."""
        return len(self.rows[0]) + 2 * self.quiet_zone

    @property
    def lines(self) -> int:
        """Return the height in modules, quiet zones included; 1 for bars, which need none above or below."""
        return 1 if self.is_linear else len(self.rows) + 2 * self.quiet_zone


def _number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _readable(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text)


def _dark_runs(row: str) -> list[tuple[int, int]]:
    runs, column = [], 0
    for module, group in groupby(row):
        length = len(list(group))
        if module == "1":
            runs.append((column, length))
        column += length
    return runs


def _path(pattern: Pattern, bar_height: float) -> str:
    top = 0 if pattern.is_linear else pattern.quiet_zone
    height = _number(bar_height)
    return "".join(
        f"M{column + pattern.quiet_zone} {line + top}h{length}v{height}h-{length}z"
        for line, row in enumerate(pattern.rows)
        for column, length in _dark_runs(row)
    )


def to_svg(pattern: Pattern, *, module_width_mm: float, height_mm: float | None = None, text_line: bool = False) -> str:
    """Draw the symbol as one SVG element, sized in millimetres, to stand in a page or in a file.

    Args:
        pattern: modules.
        module_width_mm: width of the narrowest bar or of one square (the X dimension).
        height_mm: height of the bars; needed for a linear symbol, without meaning for a matrix symbol.
        text_line: write the text below the bars.

    Returns:
        The element, without XML declaration; the accessible name is the text of the symbol.

    Raises:
        ValueError: a size that is not positive, or a linear symbol without a height.
    """
    if module_width_mm <= 0 or (pattern.is_linear and (height_mm is None or height_mm <= 0)):
        raise ValueError("sizes of a symbol are positive millimetres, and bars need a height")
    bars_mm = height_mm if pattern.is_linear and height_mm is not None else pattern.lines * module_width_mm
    total_mm = bars_mm + (_TEXT_LINE_MM if text_line else 0.0)
    box_height = total_mm / module_width_mm
    bar_height = bars_mm / module_width_mm if pattern.is_linear else 1.0
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_number(pattern.columns * module_width_mm)}mm"'
        f' height="{_number(total_mm)}mm" viewBox="0 0 {pattern.columns} {_number(box_height)}"'
        f' shape-rendering="crispEdges" role="img" aria-label={quoteattr(_readable(pattern.text))}>'
        f'<rect width="{pattern.columns}" height="{_number(box_height)}" fill="#fff"/>'
        f'<path fill="#000" d="{_path(pattern, bar_height)}"/>'
        f"{_text_element(pattern, bars_mm / module_width_mm, module_width_mm) if text_line else ''}</svg>"
    )


def _text_element(pattern: Pattern, top: float, module_width_mm: float) -> str:
    size = 0.75 * _TEXT_LINE_MM / module_width_mm
    return (
        f'<text x="{_number(pattern.columns / 2)}" y="{_number(top + size)}" text-anchor="middle"'
        f' font-family="monospace" font-size="{_number(size)}" fill="#000">{escape(_readable(pattern.text))}</text>'
    )


def to_png(pattern: Pattern, *, scale: int, module_width_mm: float, height_mm: float | None = None) -> bytes:
    """Draw the symbol as a PNG of ``scale`` pixels per module, whose resolution gives the same size in millimetres.

    Args:
        pattern: modules.
        scale: pixels per module, 1 or more.
        module_width_mm: printed width of one module.
        height_mm: height of the bars of a linear symbol.

    Returns:
        The file.

    Raises:
        ValueError: a size that is not positive, or a linear symbol without a height.
    """
    if scale < 1 or module_width_mm <= 0 or (pattern.is_linear and (height_mm is None or height_mm <= 0)):
        raise ValueError("sizes of a symbol are positive, and bars need a height")
    image = Image.new("L", (pattern.columns, pattern.lines), 255)
    top = 0 if pattern.is_linear else pattern.quiet_zone
    for line, row in enumerate(pattern.rows):
        for column, length in _dark_runs(row):
            left = column + pattern.quiet_zone
            image.paste(0, (left, line + top, left + length, line + top + 1))
    pixels_per_mm = scale / module_width_mm
    height = round(height_mm * pixels_per_mm) if pattern.is_linear and height_mm else pattern.lines * scale
    drawn = image.resize((pattern.columns * scale, max(1, height)), Image.Resampling.NEAREST).convert("1")
    file = io.BytesIO()
    drawn.save(file, "PNG", dpi=(pixels_per_mm * _MM_PER_INCH, pixels_per_mm * _MM_PER_INCH))
    return file.getvalue()


def size_mm(pattern: Pattern, *, module_width_mm: float, height_mm: float | None = None) -> tuple[float, float]:
    """Return printed width and height in millimetres, quiet zones included."""
    height = height_mm if pattern.is_linear and height_mm is not None else pattern.lines * module_width_mm
    return pattern.columns * module_width_mm, height
