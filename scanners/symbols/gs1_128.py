"""GS1-128: Code 128 that starts with FNC1 (``]C1``), written from the bracketed form ``(01)…(10)…``.

At most 48 data characters and 165 mm (GS1 General Specifications, GS1-128); the encoder enforces the data rules.
"""

import zxingcpp

from scanners.symbols.encoder import encode, is_bracketed
from scanners.symbols.pattern import Pattern, SymbolRefused, to_png, to_svg

# Two dots of a 203 dpi label printer.
MODULE_WIDTH_MM = 0.25
HEIGHT_MM = 15.0
# ISO/IEC 15417: ten modules on each side.
_QUIET_ZONE = 10


def pattern(text: str) -> Pattern:
    """Return the modules of one row of bars.

    Raises:
        SymbolRefused: the text is not an element string in brackets, or breaks GS1's rules.
    """
    if not is_bracketed(text):
        raise SymbolRefused("GS1-128 is written from the bracketed form, such as (01)03700000000013(10)A1")
    encoded = encode(text, zxingcpp.BarcodeFormat.Code128, quiet_zone=_QUIET_ZONE)
    return Pattern(text, encoded.rows[:1], _QUIET_ZONE)


def svg(text: str, *, module_width_mm: float = MODULE_WIDTH_MM, height_mm: float = HEIGHT_MM) -> str:
    """Return the bars as an SVG element sized in millimetres."""
    return to_svg(pattern(text), module_width_mm=module_width_mm, height_mm=height_mm)


def png(text: str, *, scale: int = 3, module_width_mm: float = MODULE_WIDTH_MM, height_mm: float = HEIGHT_MM) -> bytes:
    """Return the bars as a PNG of ``scale`` pixels per module."""
    return to_png(pattern(text), scale=scale, module_width_mm=module_width_mm, height_mm=height_mm)
