"""The two decoders with their settings: zxing-cpp first, zbar as second opinion. Every setting here was measured.

* Code 39 is asked for as ``Code39Std``: the automatic "Full ASCII" mode turns the HIBC ``+H999…`` into ``h999…``.
* Texts are asked for as they are (``TextMode.Plain``), not in the bracketed form for people.
* ITF is believed only with 14 digits and a right check digit (GS1 General Specifications, ITF-14): both decoders
  find short ITF codes in slanted symbols of other kinds.
* zbar reads no Data Matrix, sends no AIM identifier, misreads DataBar and garbles QR texts that are not ASCII; it is
  asked only for what it reads well.

See docs/decisions/0014-reading-images.md.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

import zxingcpp
from PIL import Image

from scanners.readers.reading import Corners

try:
    from pyzbar import pyzbar
except ImportError:  # pragma: no cover - the wheel holds no libzbar: it comes from the system or not at all
    _zbar: ModuleType | None = None
else:
    _zbar = pyzbar

ALL = zxingcpp.barcode_formats_from_str(
    "DataMatrix,Code128,QRCode,Code39Std,PZN,EAN13,EAN8,UPCA,UPCE,"
    "ITF,DataBar,DataBarLtd,DataBarExp,DataBarExpStk,PDF417,Aztec"
)
WITHOUT_RETAIL = zxingcpp.barcode_formats_from_str(
    "DataMatrix,Code128,QRCode,Code39Std,PZN,ITF,DataBar,DataBarLtd,DataBarExp,DataBarExpStk,PDF417,Aztec"
)
# What has bars suffers from tilt; matrix symbols are read at any angle.
BARS = zxingcpp.barcode_formats_from_str(
    "Code128,Code39Std,PZN,EAN13,EAN8,UPCA,UPCE,ITF,DataBar,DataBarLtd,DataBarExp,DataBarExpStk,PDF417"
)
RETAIL = zxingcpp.barcode_formats_from_str("EAN13,EAN8,UPCA,UPCE")

_ZBAR_NAMES = {"CODE128": "Code128", "CODE39": "Code39", "QRCODE": "QRCode", "EAN13": "EAN13", "EAN8": "EAN8"}
_ZBAR_SYMBOLOGIES = {"EAN13": "E0", "EAN8": "E4"}
_RETAIL_NAMES = frozenset({"EAN13", "EAN8", "UPCA", "UPCE"})
_ITF_14 = re.compile(r"[0-9]{14}")
# Shorter texts are no device label, and most false reads are short.
_SHORTEST = 6


@dataclass(frozen=True, slots=True)
class Candidate:
    """One decoded symbol, in the pixels of the image that was decoded."""

    text: str
    format: str
    symbology: str | None
    reader: str
    position: Corners

    @property
    def is_retail(self) -> bool:
        """Test whether it is an EAN or UPC, which one pass alone does not prove."""
        return self.format in _RETAIL_NAMES


def zbar_available() -> bool:
    """Return whether the system has libzbar; without it everything works but the second opinion."""
    return _zbar is not None


def _has_gs1_check_digit(digits: str) -> bool:
    # GS1 General Specifications, section 7.9: weights 1 and 3 from the right, the sum is a multiple of ten.
    total = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(reversed(digits)))
    return total % 10 == 0


def _believable(candidate: Candidate) -> bool:
    if len(candidate.text) < _SHORTEST:
        return False
    if candidate.format == "ITF":
        return _ITF_14.fullmatch(candidate.text) is not None and _has_gs1_check_digit(candidate.text)
    return True


def _zxing_candidate(barcode: zxingcpp.Barcode) -> Candidate:
    position = barcode.position
    corners = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    first, second, third, fourth = ((point.x, point.y) for point in corners)
    return Candidate(
        text=barcode.text,
        format=barcode.format.name,
        symbology=barcode.symbology_identifier.removeprefix("]") or None,
        reader="zxing",
        position=(first, second, third, fourth),
    )


def read_zxing(image: Image.Image, formats: zxingcpp.BarcodeFormats) -> list[Candidate]:
    """Return the symbols zxing-cpp reads in a grey image."""
    found = zxingcpp.read_barcodes(image, formats=formats, text_mode=zxingcpp.TextMode.Plain)
    return [candidate for candidate in map(_zxing_candidate, found) if _believable(candidate)]


def read_zbar(image: Image.Image) -> list[Candidate]:
    """Return the symbols zbar reads in a grey image; none when the system has no libzbar."""
    if _zbar is None:
        return []
    kinds = [getattr(_zbar.ZBarSymbol, name) for name in _ZBAR_NAMES]
    try:
        found = _zbar.decode(image, symbols=kinds)
    except ValueError:  # pyzbar 0.1.9 meets an orientation or an empty outline it does not know
        return []
    candidates = (
        _zbar_candidate(bytes(symbol.data).decode("ascii"), symbol.type, _corners(symbol.rect))
        for symbol in found
        if bytes(symbol.data).isascii() and symbol.type in _ZBAR_NAMES
    )
    return [candidate for candidate in candidates if _believable(candidate)]


def _zbar_candidate(text: str, kind: str, position: Corners) -> Candidate:
    return Candidate(text, _ZBAR_NAMES[kind], _ZBAR_SYMBOLOGIES.get(kind), "zbar", position)


def _corners(rect: Iterable[int]) -> Corners:
    left, top, width, height = rect
    return (left, top), (left + width, top), (left + width, top + height), (left, top + height)
