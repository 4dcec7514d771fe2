"""QR Code (ISO/IEC 18004), for GS1 Digital Link addresses: error correction M, as print on boxes gets scratched."""

import zxingcpp

from scanners.symbols.encoder import encode
from scanners.symbols.pattern import Pattern, to_png, to_svg

MODULE_WIDTH_MM = 0.5
# ISO/IEC 18004: four modules on each side.
_QUIET_ZONE = 4


def pattern(text: str) -> Pattern:
    """Return the modules."""
    return encode(text, zxingcpp.BarcodeFormat.QRCode, quiet_zone=_QUIET_ZONE, ecLevel="M")


def svg(text: str, *, module_width_mm: float = MODULE_WIDTH_MM) -> str:
    """Return the symbol as an SVG element sized in millimetres."""
    return to_svg(pattern(text), module_width_mm=module_width_mm)


def png(text: str, *, scale: int = 8, module_width_mm: float = MODULE_WIDTH_MM) -> bytes:
    """Return the symbol as a PNG of ``scale`` pixels per module."""
    return to_png(pattern(text), scale=scale, module_width_mm=module_width_mm)
