"""Code 128 (ISO/IEC 15417) for our own unit and location labels, by python-barcode."""

from barcode.codex import Code128

from scanners.symbols.pattern import Pattern, SymbolRefused, to_png, to_svg

# Two dots of a 203 dpi label printer.
MODULE_WIDTH_MM = 0.25
HEIGHT_MM = 15.0
# ISO/IEC 15417: ten modules on each side.
_QUIET_ZONE = 10


def pattern(text: str) -> Pattern:
    """Return the modules of one row of bars.

    Raises:
        SymbolRefused: an empty text, or a character outside printable ASCII.
    """
    if not text or not (text.isascii() and text.isprintable()):
        raise SymbolRefused("our Code 128 labels carry printable ASCII characters, at least one")
    (modules,) = Code128(text).build()
    return Pattern(text, (modules,), _QUIET_ZONE)


def svg(
    text: str, *, module_width_mm: float = MODULE_WIDTH_MM, height_mm: float = HEIGHT_MM, text_line: bool = False
) -> str:
    """Return the bars as an SVG element sized in millimetres, with the text below when asked."""
    return to_svg(pattern(text), module_width_mm=module_width_mm, height_mm=height_mm, text_line=text_line)


def png(text: str, *, scale: int = 3, module_width_mm: float = MODULE_WIDTH_MM, height_mm: float = HEIGHT_MM) -> bytes:
    """Return the bars as a PNG of ``scale`` pixels per module."""
    return to_png(pattern(text), scale=scale, module_width_mm=module_width_mm, height_mm=height_mm)
