"""The modules of a symbol, by zxing-cpp: one place that knows its writing interface (3.x, ``create_barcode``)."""

import re

import zxingcpp

from scanners.symbols.pattern import Pattern, SymbolRefused

_BRACKETED = re.compile(r"\([0-9]{2,4}\)")
_DARK_BELOW = 128


def is_bracketed(text: str) -> bool:
    """Return whether the text is a GS1 element string in its bracketed form, ``(01)…(10)…``."""
    return _BRACKETED.match(text) is not None


def encode(text: str, symbology: zxingcpp.BarcodeFormat, *, quiet_zone: int, **options: object) -> Pattern:
    """Encode a text; a bracketed GS1 element string becomes a GS1 symbol (FNC1 first, separators where needed).

    The structure of an element string is checked; its check digits and character sets are the caller's.

    Args:
        text: what the symbol carries.
        symbology: the zxing-cpp format to write.
        quiet_zone: light modules the standard asks for on each side.
        options: passed to zxing-cpp.

    Returns:
        The modules.

    Raises:
        SymbolRefused: too long, empty, characters the symbology lacks, or an element string that breaks GS1's rules.
    """
    if not text:
        raise SymbolRefused("an empty text has no symbol")
    if is_bracketed(text):
        options["gs1"] = True
    try:
        image = zxingcpp.create_barcode(text, symbology, **options).to_image(scale=1, add_quiet_zones=False)
    except (ValueError, RuntimeError) as error:
        raise SymbolRefused(f"no {symbology} symbol can carry this text: {error}") from error
    _lines, columns = image.shape
    pixels = bytes(memoryview(image))  # type: ignore[arg-type]  # the stub leaves the buffer protocol out
    modules = "".join("1" if pixel < _DARK_BELOW else "0" for pixel in pixels)
    rows = tuple(modules[start : start + columns] for start in range(0, len(modules), columns))
    return Pattern(text, rows, quiet_zone)
