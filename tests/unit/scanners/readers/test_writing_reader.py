"""The words of a file: its kind by its first bytes, its paragraphs whole, a stated fault for what cannot be read."""

import io
import time

import pytest
import typst
from pypdf import PdfReader, PdfWriter

from scanners.readers.reading import Unreadable
from scanners.readers.writing import MAX_BYTES, paragraphs, read_writing


def pdf(source: str) -> bytes:
    compiled: bytes = typst.compile(source.encode())
    return compiled


def encrypted(content: bytes) -> bytes:
    writer = PdfWriter(PdfReader(io.BytesIO(content)))
    writer.encrypt("secret")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


ONE_PAGE = pdf("Une dérogation")
FAULTS = {
    "file-empty": (b"", "page.html"),
    "file-too-large": (b"a" * (MAX_BYTES + 1), "page.txt"),
    "file-unknown": (b"PK\x03\x04\x00\x00word/document.xml", "page.docx"),
    "pdf-broken": (ONE_PAGE[:600], "page.pdf"),
    "pdf-encrypted": (encrypted(ONE_PAGE), "page.pdf"),
    "pdf-expected": (b"<html><body>no PDF</body></html>", "page.PDF"),
    "pdf-without-text": (pdf("#rect(width: 3cm)"), "page.pdf"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_cannot_be_read_says_why(fault: str) -> None:
    data, filename = FAULTS[fault]

    with pytest.raises(Unreadable) as refused:
        read_writing(data, filename=filename)

    assert refused.value.fault.code == fault


def test_a_page_gives_its_paragraphs_and_the_cells_of_its_tables() -> None:
    page = (
        "<html><head><title>t</title></head><body><nav>Menu</nav><h2>Un\n titre</h2><p>Une <b>phr</b>ase<br>coupée</p>"
        "<table><tr><th>Produit</th><th>Référence</th></tr><tr><td><p>A</p><p>B</p></td><td>1</td></tr></table>"
        "<!-- caché --><script>x()</script></body></html>"
    )

    assert paragraphs(read_writing(page.encode())) == [
        "Un titre",
        "Une phrase\ncoupée",
        "Produit\tRéférence\nA B\t1",
    ]


def test_a_page_may_be_nested_deeper_than_python() -> None:
    assert paragraphs(read_writing(b"<html>" + b"<div>" * 20_000 + b"fin")) == ["fin"]


def test_headers_footers_and_page_numbers_are_left_out_and_what_stands_once_is_kept() -> None:
    text = "\f".join(f"Agence\n\nLigne {word}\n\n{number}/3" for number, word in enumerate(("un", "deux", "trois"), 1))

    assert paragraphs(read_writing(text.encode())) == ["Ligne un", "Ligne deux", "Ligne trois"]


def test_a_year_at_the_foot_of_a_page_is_no_page_number() -> None:
    assert paragraphs(read_writing("jusqu'au 1er décembre\n2026\fSuite".encode()))[0].endswith("2026")


@pytest.mark.parametrize(
    ("above", "below"),
    [("une prothèse de", "hanche"), ("Titre - [Dérogation", "Jusqu'au 1/1/2027]"), ("Titre -", "Société")],
)
def test_a_paragraph_that_goes_on_over_the_end_of_a_page_is_whole(above: str, below: str) -> None:
    assert paragraphs(read_writing(f"{above}\f{below}".encode())) == [f"{above}\n{below}"]


def test_a_sentence_that_ends_with_the_page_does_not_go_on() -> None:
    assert paragraphs(read_writing(b"Une phrase.\fune autre")) == ["Une phrase.", "une autre"]


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        ("prothé-\ntique", "prothétique"),
        ("prothé\u00adtique", "prothétique"),
        ("sous-\ntrochantérien, aussi sous-trochantérien", "sous-trochantérien, aussi sous-trochantérien"),
        ("Taille B-\nEpaisseur", "Taille B-\nEpaisseur"),
    ],
)
def test_a_word_that_was_cut_at_the_end_of_a_line_is_whole(cut: str, whole: str) -> None:
    assert read_writing(cut.encode()) == whole


def test_the_old_encoding_of_windows_is_read() -> None:
    assert read_writing("Dérogation jusqu’au".encode("cp1252")) == "Dérogation jusqu'au"


@pytest.mark.parametrize("odd", ["a" * 200_000, "a-\n" * 60_000, "\f" * 5000, "- " * 100_000])
def test_a_text_of_one_kind_of_letters_costs_no_more_than_any_other(odd: str) -> None:
    start = time.process_time()
    read_writing(odd.encode())

    assert time.process_time() - start < 3
