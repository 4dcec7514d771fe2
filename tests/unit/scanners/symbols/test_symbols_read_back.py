"""Everything written is read back, and drawn with the sizes asked for."""

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from types import ModuleType

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scanners.symbols import SymbolRefused, code128, datamatrix, gs1_128, qr
from scanners.symbols.pattern import Pattern, size_mm, to_png, to_svg

BRACKETED = "(01)03700000000013(17)281231(10)A1(21)77"
ELEMENT_STRING = "01037000000000131728123110A1\x1d2177"
DIGITAL_LINK = "https://id.gs1.org/01/03700000000013/10/A1?17=281231"


def read_back(image: Image.Image) -> list[tuple[str, str]]:
    found = zxingcpp.read_barcodes(image.convert("L"), text_mode=zxingcpp.TextMode.Plain)
    return [(symbol.text, symbol.symbology_identifier) for symbol in found]


def read_png(file: bytes) -> list[tuple[str, str]]:
    return read_back(Image.open(io.BytesIO(file)))


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


def rasterise(svg: str, pixels_per_module: int = 4) -> Image.Image:
    """Draw our own SVG: one path of rectangles, as ``M x y h w v h h-w z``."""
    root = parsed(svg)
    _x, _y, width, height = (float(number) for number in root.attrib["viewBox"].split())
    image = Image.new("L", (round(width * pixels_per_module), round(height * pixels_per_module)), 255)
    path = root.find("{http://www.w3.org/2000/svg}path")
    assert path is not None
    for x, y, w, h in re.findall(r"M(\d+) (\d+)h(\d+)v([\d.]+)h-\d+z", path.attrib["d"]):
        left, top = int(x) * pixels_per_module, int(y) * pixels_per_module
        image.paste(0, (left, top, left + int(w) * pixels_per_module, top + round(float(h) * pixels_per_module)))
    return image


@pytest.mark.parametrize(
    ("write", "text", "expected"),
    [
        (datamatrix, BRACKETED, (ELEMENT_STRING, "]d2")),
        (datamatrix, "T59-0000123-4", ("T59-0000123-4", "]d1")),
        (datamatrix, "+H999TRK10X", ("+H999TRK10X", "]d1")),
        (datamatrix, "+H999TRK60 ", ("+H999TRK60 ", "]d1")),
        (
            datamatrix,
            "[)>\x1e06\x1d9N110375286414\x1d1TA1\x1e\x04",
            ("[)>\x1e06\x1d9N110375286414\x1d1TA1\x1e\x04", "]d1"),
        ),
        (gs1_128, BRACKETED, (ELEMENT_STRING, "]C1")),
        (code128, "T59-0000123-4", ("T59-0000123-4", "]C0")),
        (code128, "Bloc A {2}", ("Bloc A {2}", "]C0")),
        (qr, DIGITAL_LINK, (DIGITAL_LINK, "]Q1")),
        (qr, BRACKETED, (ELEMENT_STRING, "]Q3")),
    ],
)
def test_what_is_written_is_read_back_from_png_and_svg(write: ModuleType, text: str, expected: tuple[str, str]) -> None:
    from_png = read_png(write.png(text))
    from_svg = read_back(rasterise(write.svg(text)))

    assert from_png == [expected]
    assert from_svg == [expected]


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30))
def test_any_printable_text_survives_code_128_and_data_matrix(text: str) -> None:
    datamatrix_file = datamatrix.png(text.replace("(", "["))
    code128_file = code128.png(text)

    assert read_png(datamatrix_file)[0][0] == text.replace("(", "[")
    assert read_png(code128_file)[0][0] == text


@settings(max_examples=40, deadline=None)
@given(
    lot=st.text(alphabet="ABCXYZ0123456789-./", min_size=1, max_size=20),
    serial=st.text(alphabet="ABCXYZ0123456789", min_size=1, max_size=20),
)
def test_the_separator_stands_between_a_lot_and_a_serial_of_any_length(lot: str, serial: str) -> None:
    file = datamatrix.png(f"(01)03700000000013(10){lot}(21){serial}")

    assert read_png(file) == [(f"010370000000001310{lot}\x1d21{serial}", "]d2")]


@pytest.mark.parametrize("text", ["A", "(01)03700000000013", BRACKETED, "x" * 40, "T59-1" * 30])
def test_data_matrix_is_always_square(text: str) -> None:
    pattern = datamatrix.pattern(text)

    assert pattern.columns == pattern.lines


@pytest.mark.parametrize(
    ("pattern", "margin"), [(datamatrix.pattern, 1), (qr.pattern, 4), (code128.pattern, 10)], ids=["dm", "qr", "c128"]
)
def test_the_quiet_zone_of_the_standard_is_part_of_the_drawing(pattern: Callable[[str], Pattern], margin: int) -> None:
    drawn = Image.open(io.BytesIO(to_png(pattern("T59-1"), scale=1, module_width_mm=0.25, height_mm=10)))

    left, _top, right, _bottom = drawn.convert("L").point(lambda value: 255 - value).getbbox() or (0, 0, 0, 0)
    assert left == margin
    assert right == drawn.width - margin


def test_printed_size_follows_the_width_of_a_module() -> None:
    drawn = parsed(datamatrix.svg("T59-ABC", module_width_mm=0.4))
    bars = parsed(code128.svg("T59-ABC", module_width_mm=0.5, height_mm=20, text_line=True))
    file = Image.open(io.BytesIO(datamatrix.png("T59-ABC", scale=8, module_width_mm=0.508)))

    assert (drawn.attrib["width"], drawn.attrib["height"]) == ("6.4mm", "6.4mm")
    assert (bars.attrib["width"], bars.attrib["height"]) == ("66mm", "24mm")
    assert file.info["dpi"] == pytest.approx((400, 400), abs=0.1)
    assert size_mm(datamatrix.pattern("T59-ABC"), module_width_mm=0.5) == (8.0, 8.0)
    assert size_mm(code128.pattern("T59-ABC"), module_width_mm=0.5, height_mm=20) == (66.0, 20)


def test_the_same_text_gives_the_same_bytes() -> None:
    assert datamatrix.png(BRACKETED) == datamatrix.png(BRACKETED)
    assert qr.svg(DIGITAL_LINK) == qr.svg(DIGITAL_LINK)
    assert code128.svg("T59-1") == code128.svg("T59-1")


def test_a_drawing_holds_no_script_and_no_reference_to_the_outside() -> None:
    drawn = code128.svg('"><script>alert(1)</script>', text_line=True)

    assert "<script" not in drawn
    assert {element.tag.partition("}")[2] for element in parsed(drawn).iter()} == {"svg", "rect", "path", "text"}
    assert "href" not in drawn
    assert "<!DOCTYPE" not in drawn


def test_control_characters_do_not_break_the_drawing() -> None:
    drawn = parsed(datamatrix.svg("[)>\x1e06\x1d9N110375286414\x1d1TA1\x1e\x04"))

    assert drawn.attrib["aria-label"] == "[)> 06 9N110375286414 1TA1  "


@pytest.mark.parametrize(
    ("write", "text"),
    [
        (datamatrix, ""),
        (datamatrix, "x" * 5000),
        (datamatrix, "(01)0370000000001"),
        (datamatrix, "(01)03700000000013(10)"),
        (gs1_128, "T59-0000123-4"),
        (gs1_128, "01037000000000131728123110A1"),
        (gs1_128, "(01)03700000000013(10)" + "A" * 21),
        (code128, ""),
        (code128, "forêt"),
        (code128, "a\x1db"),
        (qr, "x" * 9000),
    ],
)
def test_a_text_the_symbol_cannot_carry_is_refused(write: ModuleType, text: str) -> None:
    with pytest.raises(SymbolRefused):
        write.svg(text)


@pytest.mark.parametrize("size", [{"module_width_mm": 0}, {"height_mm": 0}, {"module_width_mm": -1}])
def test_a_size_that_is_not_positive_is_refused(size: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        code128.svg("T59-1", **size)
    with pytest.raises(ValueError, match="positive"):
        code128.png("T59-1", **size)


def test_bars_without_a_height_are_refused() -> None:
    with pytest.raises(ValueError, match="height"):
        to_svg(code128.pattern("T59-1"), module_width_mm=0.25)
