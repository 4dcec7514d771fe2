"""The PDF reader: labels on any page, and a stated fault for whatever cannot be drawn."""

import io

import pytest
from PIL import Image
from pypdf import PdfWriter

from scanners.readers import Limits
from scanners.readers.file import read_file
from scanners.readers.pdf import read_pdf
from scanners.symbols import code128, datamatrix
from scanners.symbols.pattern import Pattern

BRACKETED = "(01)03700000000013(17)281231(10)A1(21)77"
ELEMENT_STRING = "01037000000000131728123110A1\x1d2177"
A4 = (595, 842)


def content(pattern: Pattern, *, module_width_mm: float, height_mm: float = 0.0) -> bytes:
    """Draw a symbol as filled rectangles, as a label program does."""
    unit = module_width_mm * 72 / 25.4
    height = height_mm * 72 / 25.4 if pattern.is_linear else unit
    rectangles = [
        f"{100 + column * unit:.4f} {500 - line * unit:.4f} {unit:.4f} {height:.4f} re f"
        for line, row in enumerate(pattern.rows)
        for column, module in enumerate(row)
        if module == "1"
    ]
    return "\n".join(rectangles).encode()


def pdf(*contents: bytes, box: tuple[int, int] = A4) -> bytes:
    """Write a PDF by hand: one page per content stream."""
    bodies = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{3 + 2 * index} 0 R" for index in range(len(contents)))
    bodies.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode())
    for index, stream in enumerate(contents):
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {box[0]} {box[1]}] /Contents {4 + 2 * index} 0 R >>"
        bodies.extend([page.encode(), b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream)])
    file, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{table}trailer << /Size {len(places) + 1} /Root 1 0 R >>\n"
    return file + end.encode() + f"startxref\n{len(file)}\n%%EOF\n".encode()


def pdf_of(text: str) -> bytes:
    return pdf(content(datamatrix.pattern(text), module_width_mm=0.5))


@pytest.mark.parametrize("module_width_mm", [0.17, 0.25, 0.5])
def test_printed_data_matrix_is_read_down_to_the_smallest_modules(module_width_mm: float) -> None:
    reading = read_pdf(pdf(content(datamatrix.pattern(BRACKETED), module_width_mm=module_width_mm)))

    assert [symbol.wedge_text for symbol in reading.symbols] == ["]d2" + ELEMENT_STRING]
    assert reading.fault is None


def test_the_page_and_the_place_of_each_symbol_are_told() -> None:
    file = pdf(
        content(datamatrix.pattern("T59-00001"), module_width_mm=0.5),
        content(code128.pattern("T59-00002"), module_width_mm=0.25, height_mm=15),
    )

    reading = read_pdf(file)

    assert [(symbol.page, symbol.text) for symbol in reading.symbols] == [(1, "T59-00001"), (2, "T59-00002")]
    assert reading.symbols[0].position[0] == pytest.approx((100 / 72 * 300, 340 / 72 * 300), abs=8)
    assert reading.page_sizes[0] == pytest.approx((2480, 3509), abs=1)


def test_a_scanned_page_in_a_pdf_is_read() -> None:
    sheet = Image.new("L", (1654, 2339), 245)
    sheet.paste(Image.open(io.BytesIO(datamatrix.png(BRACKETED, scale=5))).convert("L"), (900, 1500))
    file = io.BytesIO()
    sheet.save(file, "PDF", resolution=200)

    reading = read_file(file.getvalue())

    assert [symbol.text for symbol in reading.symbols] == [ELEMENT_STRING]


def test_a_file_is_told_by_its_content_and_not_by_its_name() -> None:
    assert [symbol.text for symbol in read_file(b"\r\n" + pdf_of("T59-00001")).symbols] == ["T59-00001"]
    assert [symbol.text for symbol in read_file(datamatrix.png("T59-00001")).symbols] == ["T59-00001"]


def test_an_encrypted_pdf_is_a_stated_fault() -> None:
    writer = PdfWriter()
    writer.add_blank_page(*A4)
    writer.encrypt("secret", algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)

    reading = read_pdf(file.getvalue())

    assert reading.fault is not None
    assert reading.fault.code == "pdf-encrypted"


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (b"", "file-empty"),
        (b"%PDF-1.7\n", "pdf-broken"),
        (b"%PDF-1.7\n" + b"\x00\xff" * 5000, "pdf-broken"),
        (b"%PDF-1.7\n" + b"[" * 100_000, "pdf-broken"),
        (b"%PDF-1.7" + b" " * 26_000_000, "file-too-large"),
    ],
    ids=["empty", "header only", "junk", "nested", "26 MB"],
)
def test_a_broken_pdf_is_a_stated_fault(file: bytes, code: str) -> None:
    reading = read_pdf(file)

    assert reading.fault is not None
    assert reading.fault.code == code


def test_a_pdf_cut_off_anywhere_never_raises() -> None:
    file = pdf_of("T59-00001")

    for length in range(0, len(file), len(file) // 40):
        reading = read_pdf(file[:length], limits=Limits(ladder_seconds=0))

        assert reading.fault is not None or {symbol.text for symbol in reading.symbols} <= {"T59-00001"}


def test_of_five_hundred_pages_the_first_are_read_and_the_rest_is_told() -> None:
    pages = [content(datamatrix.pattern(f"T59-{number:05}"), module_width_mm=0.5) for number in range(500)]

    reading = read_pdf(pdf(*pages, box=(200, 600)), limits=Limits(max_pages=3))

    assert [symbol.text for symbol in reading.symbols] == ["T59-00000", "T59-00001", "T59-00002"]
    assert reading.fault is not None
    assert (reading.fault.code, reading.fault.detail) == ("too-many-pages", "only the first 3 of 500 pages were read")


def test_a_time_that_is_over_is_told() -> None:
    reading = read_pdf(pdf(b"", b"", b""), limits=Limits(file_seconds=0.0))

    assert reading.fault is not None
    assert reading.fault.code == "out-of-time"


def test_huge_boxes_are_not_drawn() -> None:
    reading = read_pdf(pdf(content(datamatrix.pattern("T59-00001"), module_width_mm=0.5), box=(14_400, 14_400)))

    assert reading.fault is not None
    assert reading.fault.code == "page-too-large"
    assert reading.passes == ()


def test_a_large_sheet_is_drawn_coarser() -> None:
    reading = read_pdf(pdf(content(datamatrix.pattern("T59-00001"), module_width_mm=0.5), box=(1684, 2384)))

    assert reading.page_sizes == ((4678, 6623),)
    assert [symbol.text for symbol in reading.symbols] == ["T59-00001"]


def test_pages_after_one_that_cannot_be_drawn_are_still_read() -> None:
    good = content(datamatrix.pattern("T59-00001"), module_width_mm=0.5)
    file = pdf(b"", good).replace(b"/MediaBox [0 0 595 842]", b"/MediaBox [0 0 9999 99]", 1)
    file = file.replace(b"[0 0 9999 99]", b"[0 0 99999 99999]", 1)

    reading = read_pdf(file)

    assert [(symbol.page, symbol.text) for symbol in reading.symbols] == [(2, "T59-00001")]
    assert reading.fault is not None
    assert reading.fault.code == "page-too-large"
