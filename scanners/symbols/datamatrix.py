"""Data Matrix ECC 200 (ISO/IEC 16022), always square: old readers know no rectangular extension.

A text in brackets, ``(01)…(10)…``, becomes a GS1 Data Matrix (``]d2``); any other text a plain one (``]d1``).
"""

import zxingcpp

from scanners.symbols.encoder import encode
from scanners.symbols.pattern import Pattern, to_png, to_svg

# Four dots of a 203 dpi label printer.
MODULE_WIDTH_MM = 0.5
# ISO/IEC 16022: one module on each side.
_QUIET_ZONE = 1


def pattern(text: str) -> Pattern:
    """Return the modules."""
    return encode(text, zxingcpp.BarcodeFormat.DataMatrix, quiet_zone=_QUIET_ZONE, forceSquare=True)


def svg(text: str, *, module_width_mm: float = MODULE_WIDTH_MM) -> str:
    """Return the symbol as an SVG element sized in millimetres."""
    return to_svg(pattern(text), module_width_mm=module_width_mm)


def png(text: str, *, scale: int = 8, module_width_mm: float = MODULE_WIDTH_MM) -> bytes:
    """Return the symbol as a PNG of ``scale`` pixels per module."""
    return to_png(pattern(text), scale=scale, module_width_mm=module_width_mm)
