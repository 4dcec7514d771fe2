"""The image reader: right texts with their places, no wrong ones, and a stated fault for whatever is no picture."""

import io
import struct
import zlib
from dataclasses import replace

import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

from scanners.readers import Limits, Symbol, decoders
from scanners.readers.decoders import read_zbar, zbar_available
from scanners.readers.image import read_image
from scanners.readers.reading import FRAME_LIMITS
from scanners.symbols import code128, datamatrix, gs1_128, qr

BRACKETED = "(01)03700000000013(17)281231(10)A1(21)77"
ELEMENT_STRING = "01037000000000131728123110A1\x1d2177"
EAN = "4006381333931"
Format = zxingcpp.BarcodeFormat


def opened(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file)).convert("L")


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def drawn(text: str, symbology: zxingcpp.BarcodeFormat, scale: int = 3) -> Image.Image:
    image = zxingcpp.create_barcode(text, symbology).to_image(scale=scale)
    return Image.frombytes("L", (image.shape[1], image.shape[0]), bytes(memoryview(image)))


def with_check(digits: str) -> str:
    total = sum(int(digit) * (3 if index % 2 == 0 else 1) for index, digit in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def on_paper(*stickers: tuple[Image.Image, tuple[int, int]], size: tuple[int, int] = (1000, 700)) -> Image.Image:
    paper = Image.new("L", size, 240)
    for sticker, place in stickers:
        paper.paste(sticker, place)
    return paper


def test_a_gs1_data_matrix_keeps_its_separator_and_identifier() -> None:
    reading = read_image(datamatrix.png(BRACKETED))

    (symbol,) = reading.symbols
    assert symbol == Symbol(ELEMENT_STRING, "DataMatrix", "d2", "zxing", ((8, 8), (167, 8), (167, 167), (8, 167)), 1)
    assert symbol.wedge_text == "]d2" + ELEMENT_STRING
    assert reading.fault is None
    assert reading.passes == ("1x",)
    assert reading.page_sizes == ((176, 176),)


@pytest.mark.parametrize(
    ("file", "wedge_text"),
    [
        (gs1_128.png(BRACKETED), "]C1" + ELEMENT_STRING),
        (code128.png("T59-0000123-4"), "]C0T59-0000123-4"),
        (qr.png("https://id.gs1.org/01/03700000000013"), "]Q1https://id.gs1.org/01/03700000000013"),
        (saved(drawn("+H999TRK10X", Format.Code39Std)), "]A1+H999TRK10X"),
        (saved(drawn("+H999TRK60 ", Format.DataMatrix)), "]d1+H999TRK60 "),
        (saved(drawn("27580899", Format.PZN)), "]A0-27580899"),
        (saved(drawn("13700000000010", Format.ITF14)), "]I113700000000010"),
        (saved(drawn("03700000000013", Format.DataBarOmni)), "]e00103700000000013"),
        (saved(drawn("+H999TRK10X", Format.PDF417)), "]L2+H999TRK10X"),
    ],
)
def test_each_symbology_of_device_labels_is_read_unchanged(file: bytes, wedge_text: str) -> None:
    assert [symbol.wedge_text for symbol in read_image(file).symbols] == [wedge_text]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_each_kind_of_picture_is_read(kind: str) -> None:
    reading = read_image(saved(opened(datamatrix.png(BRACKETED)), kind))

    assert [symbol.text for symbol in reading.symbols] == [ELEMENT_STRING]


@pytest.mark.parametrize(
    "picture",
    [
        opened(datamatrix.png("T59-00001")).convert("CMYK"),
        opened(datamatrix.png("T59-00001")).convert("P"),
        opened(datamatrix.png("T59-00001")).convert("1"),
        opened(datamatrix.png("T59-00001")).convert("I").point(lambda value: value * 100).convert("I;16"),
        Image.merge("LA", (Image.new("L", (128, 128)), opened(datamatrix.png("T59-00001")).point(lambda v: 255 - v))),
    ],
    ids=["cmyk", "palette", "bilevel", "16-bit", "black-on-transparent"],
)
def test_each_way_to_hold_pixels_is_read(picture: Image.Image) -> None:
    reading = read_image(saved(picture, "TIFF"))

    assert [symbol.text for symbol in reading.symbols] == ["T59-00001"]


def test_several_symbols_of_one_label_come_together_with_their_places() -> None:
    primary, secondary = drawn("+H999TRK10X", Format.Code128), drawn("+$$3281231LOT42X.", Format.Code128)

    reading = read_image(saved(on_paper((primary, (50, 50)), (secondary, (50, 300)))))

    places = {symbol.text: symbol.position for symbol in reading.symbols}
    assert places.keys() == {"+H999TRK10X", "+$$3281231LOT42X."}
    assert places["+H999TRK10X"][2][1] < places["+$$3281231LOT42X."][0][1]


def test_thirty_symbols_are_all_read_once() -> None:
    texts = [f"T59-{number:05}" for number in range(30)]
    stickers = [
        (opened(datamatrix.png(text, scale=5)), (20 + 120 * (index % 6), 20 + 120 * (index // 6)))
        for index, text in enumerate(texts)
    ]

    reading = read_image(saved(on_paper(*stickers)))

    assert sorted(symbol.text for symbol in reading.symbols) == texts


def test_an_ean_is_given_only_when_two_passes_agree() -> None:
    reading = read_image(saved(on_paper((drawn(EAN, Format.EAN13), (300, 200)))))

    assert [symbol.wedge_text for symbol in reading.symbols] == ["]E0" + EAN]
    assert reading.unconfirmed == ()


def test_an_ean_beside_a_data_matrix_is_read_as_well() -> None:
    label = on_paper((opened(datamatrix.png(BRACKETED)), (50, 50)), (drawn(EAN, Format.EAN13), (500, 300)))

    reading = read_image(saved(label, "JPEG", quality=85))

    assert {symbol.text for symbol in reading.symbols} == {ELEMENT_STRING, EAN}


def blurred_ean(digits: str, pixels_per_module: float, radius: float) -> Image.Image:
    fine = drawn(digits, Format.EAN13, scale=8)
    factor = pixels_per_module / 8
    bars = fine.resize((round(fine.width * factor), round(fine.height * factor)), Image.Resampling.BOX)
    return on_paper((bars, (60, 60)), size=(bars.width + 120, bars.height + 120)).filter(
        ImageFilter.GaussianBlur(radius)
    )


@pytest.mark.parametrize(("pixels_per_module", "radius"), [(1.0, 0.8), (4.0, 2.0)])
def test_an_ean_that_only_one_pass_saw_is_set_apart_and_wrong_digits_are_never_given(
    pixels_per_module: float, radius: float
) -> None:
    alone = 0
    for index in range(4):
        digits = with_check(f"40063813{3390 + 7 * index}")

        reading = read_image(saved(blurred_ean(digits, pixels_per_module, radius)), limits=Limits(ladder_seconds=0.5))

        given = {symbol.text for symbol in reading.symbols}
        assert given <= {digits}
        assert not given & {symbol.text for symbol in reading.unconfirmed}
        alone += bool(reading.unconfirmed)
    assert alone > 0


@pytest.mark.skipif(not zbar_available(), reason="the system has no libzbar")
@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (drawn(EAN, Format.EAN13), (EAN, "EAN13", "E0")),
        (drawn("96385074", Format.EAN8), ("96385074", "EAN8", "E4")),
        (drawn("+H999TRK10X", Format.Code128), ("+H999TRK10X", "Code128", None)),
        (drawn("+H999TRK10X", Format.Code39Std), ("+H999TRK10X", "Code39", None)),
        (drawn("https://id.gs1.org/01/03700000000013", Format.QRCode),
         ("https://id.gs1.org/01/03700000000013", "QRCode", None)),
    ],
)  # fmt: skip
def test_the_second_opinion_tells_the_symbology_only_where_it_knows_it(
    picture: Image.Image, expected: tuple[str, str, str | None]
) -> None:
    (candidate,) = read_zbar(picture)

    assert (candidate.text, candidate.format, candidate.symbology) == expected
    assert candidate.reader == "zbar"


@pytest.mark.parametrize(
    "picture",
    [
        drawn("13700000000010", Format.ITF14),
        drawn("03700000000013", Format.DataBarOmni),
        drawn("forêt no 1", Format.QRCode),
        drawn("AB12", Format.Code128),
        Image.new("L", (1, 1)),
    ],
)
def test_the_second_opinion_is_not_asked_for_what_it_reads_badly(picture: Image.Image) -> None:
    assert read_zbar(picture) == []


def test_without_libzbar_everything_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "_zbar", None)

    reading = read_image(saved(on_paper()))

    assert not zbar_available()
    assert read_zbar(drawn(EAN, Format.EAN13)) == []
    assert "zbar" not in reading.passes
    assert [symbol.text for symbol in read_image(saved(drawn(EAN, Format.EAN13))).symbols] == [EAN]


@pytest.mark.parametrize("digits", ["0267372688", "195060001343", "13700000000011"])
def test_itf_without_fourteen_digits_and_a_right_check_digit_is_dropped(digits: str) -> None:
    reading = read_image(saved(drawn(digits, Format.ITF)))

    assert reading.symbols == ()
    assert reading.unconfirmed == ()


def test_a_text_shorter_than_six_characters_is_dropped() -> None:
    assert read_image(datamatrix.png("AB123")).symbols == ()


@pytest.mark.parametrize("degrees", [0, 15, 45, 90, 180, 250])
def test_tilted_bars_are_read_and_placed_where_they_stand(degrees: int) -> None:
    label = on_paper((opened(gs1_128.png(BRACKETED)), (171, 510)), size=(1200, 1200))
    turned = label.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=240)

    (symbol,) = read_image(saved(turned)).symbols

    centre = [sum(corner[axis] for corner in symbol.position) / 4 for axis in (0, 1)]
    assert symbol.text == ELEMENT_STRING
    assert centre == pytest.approx([600, 600], abs=25)


def test_the_orientation_the_camera_noted_is_followed() -> None:
    label = on_paper((opened(datamatrix.png(BRACKETED)), (700, 100)))
    exif = Image.Exif()
    exif[0x0112] = 6

    reading = read_image(saved(label, "JPEG", exif=exif))

    assert reading.page_sizes == ((700, 1000),)
    assert reading.symbols[0].position[0] == pytest.approx((591, 708), abs=3)


def test_a_twelve_megapixel_photo_is_read_in_its_own_pixels() -> None:
    photo = on_paper((opened(datamatrix.png(BRACKETED, scale=6)), (3000, 2000)), size=(4000, 3000))

    reading = read_image(saved(photo, "JPEG", quality=80))

    assert [symbol.text for symbol in reading.symbols] == [ELEMENT_STRING]
    assert reading.symbols[0].position[0] == pytest.approx((3006, 2006), abs=8)


def test_a_picture_larger_than_any_label_needs_is_reduced() -> None:
    photo = on_paper((opened(datamatrix.png(BRACKETED, scale=12)), (3000, 200)), size=(6000, 1000))

    reading = read_image(saved(photo))

    assert reading.page_sizes == ((4800, 800),)
    assert [symbol.text for symbol in reading.symbols] == [ELEMENT_STRING]


def test_small_symbols_of_a_large_photo_are_read_at_full_size() -> None:
    photo = on_paper((opened(datamatrix.png(BRACKETED, scale=3)), (3000, 2000)), size=(4000, 3000))

    reading = read_image(saved(photo, "JPEG", quality=90))

    assert [symbol.text for symbol in reading.symbols] == [ELEMENT_STRING]
    assert reading.passes == ("1x", "full")


def test_a_picture_without_symbol_is_no_fault() -> None:
    reading = read_image(saved(on_paper()))

    assert reading.symbols == ()
    assert reading.fault is None
    assert reading.passes[0] == "1x"
    assert "turned-45" in reading.passes
    assert ("zbar" in reading.passes) == zbar_available()


def test_no_pass_is_begun_when_the_time_for_them_is_over() -> None:
    hurried = replace(FRAME_LIMITS, ladder_seconds=0)

    reading = read_image(saved(on_paper(size=(1920, 1080)), "JPEG"), limits=hurried)

    assert reading.symbols == ()
    assert len(reading.passes) == 1
    assert FRAME_LIMITS.ladder_seconds < Limits().ladder_seconds  # the next frame of a camera comes soon


def test_the_pages_of_a_tiff_are_numbered_and_limited() -> None:
    first, *others = (opened(datamatrix.png(f"T59-{number:05}")) for number in range(5))
    file = saved(first, "TIFF", save_all=True, append_images=others)

    reading = read_image(file, limits=Limits(max_pages=3))

    assert [(symbol.page, symbol.text) for symbol in reading.symbols] == [
        (1, "T59-00000"),
        (2, "T59-00001"),
        (3, "T59-00002"),
    ]
    assert reading.fault is not None
    assert reading.fault.code == "too-many-pages"


def announced(width: int, height: int) -> bytes:
    """Return a PNG that announces a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (b"", "file-empty"),
        (b"\0" * 26_000_000, "file-too-large"),
        (b"PK\x03\x04 not a picture", "not-an-image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not-an-image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not-an-image"),
        (b"\x89PNG\r\n\x1a\n", "not-an-image"),
        (announced(0, 10), "not-an-image"),
        (announced(10, 10), "image-broken"),
        (announced(60_000, 60_000), "image-too-large"),
        (announced(9_000, 9_000), "image-too-large"),
        (announced(2_000_000_000, 2_000_000_000), "image-too-large"),
        (saved(on_paper(), "JPEG")[:3000], "image-broken"),
        (saved(Image.effect_noise((400, 400), 90))[:30_000], "image-broken"),
    ],
    ids=[
        "empty", "26 MB", "zip", "svg", "postscript", "png signature", "no width", "no pixels", "bomb", "large", "huge",
        "cut JPEG", "cut PNG",
    ],
)  # fmt: skip
def test_whatever_is_no_picture_is_a_stated_fault(file: bytes, code: str) -> None:
    reading = read_image(file)

    assert reading.fault is not None
    assert reading.fault.code == code
    assert reading.symbols == ()


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (2, 2)])
def test_pictures_of_next_to_no_pixels_hold_nothing(size: tuple[int, int]) -> None:
    reading = read_image(saved(Image.new("L", size, 0)))

    assert (reading.symbols, reading.fault) == ((), None)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_damaged_files_never_raise(kind: str) -> None:
    file = bytearray(saved(opened(datamatrix.png("T59-00001")), kind))
    limits = Limits(ladder_seconds=0)

    for position in range(0, min(len(file), 400), 7):
        damaged = bytes(file[:position]) + b"\xff\x00\xff" + bytes(file[position + 3 :])
        reading = read_image(damaged, limits=limits)

        assert {symbol.text for symbol in reading.symbols} <= {"T59-00001"}


def test_lines_and_text_are_no_symbols() -> None:
    paper = on_paper()
    pen = ImageDraw.Draw(paper)
    for x in range(40, 900, 9):
        pen.line((x, 100, x, 300), fill=0, width=1 + x % 5)
    pen.text((100, 400), "REF 1-020163C LOT A1 2028-12-31", fill=0, font_size=40)

    reading = read_image(saved(paper))

    assert reading.symbols == ()
