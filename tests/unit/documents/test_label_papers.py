"""Labels of units, read back from their pixels."""

from collections.abc import Callable
from typing import Any

import pypdfium2
import pytest
import zxingcpp

from tracker.labels.documents import LabelLayout, LabelsData, layout_data
from tracker.labels.rules import BUILT_IN, SMALLEST_MM, Layout, Paper

Print = Callable[..., Any]

ROLL, SHEET_OF_21, SHEET_OF_24 = (
    layout_data(BUILT_IN[key], used_positions=0) for key in ("roll", "sheet21", "sheet24")
)
SMALLEST = layout_data(Layout(Paper.ROLL, *SMALLEST_MM), used_positions=0)


def _read(pdf: bytes, *, dpi: int = 300) -> set[tuple[str, str]]:
    """Read the first page as a printout, from its pixels."""
    image = pypdfium2.PdfDocument(pdf)[0].render(scale=dpi / 72).to_pil()
    return {(symbol.format.name, symbol.text) for symbol in zxingcpp.read_barcodes(image)}


def test_label_says_what_identifies_the_unit(labels: LabelsData, print_document: Print) -> None:
    printed = print_document("labels/labels", labels)

    assert printed.says("V7K-000451", "ACCEPTÉ", "Insert mobile de reprise SCORE", "Amplitude", "Réf. 1-020163C")
    assert printed.says("Lot A1", "Pér. 31/07/2028", "SANS MARQUAGE CE – dérogation ANSM jusqu’au 26/07/2027")
    assert "RÉIMPRESSION" not in printed.text


def test_quarantined_and_reprinted_labels_say_so(labels: LabelsData, print_document: Print) -> None:
    label = {**labels["labels"][0], "outcome": "quarantined", "reprint": True, "derogation_until": ""}

    printed = print_document("labels/labels", labels, labels=[label])

    assert printed.says("QUARANTAINE", "RÉIMPRESSION", "SANS MARQUAGE CE – dérogation non établie")
    assert "ACCEPTÉ" not in printed.text


@pytest.mark.parametrize("layout", [SHEET_OF_21, SHEET_OF_24, ROLL, SMALLEST], ids=str)
def test_both_symbols_of_a_printed_label_can_be_scanned(
    labels: LabelsData, print_document: Print, layout: LabelLayout
) -> None:
    printed = print_document("labels/labels", labels, layout=layout)

    assert _read(printed.pdf) == {("DataMatrix", "V7K-000451"), ("Code128", "V7K-000451")}


def test_the_smallest_label_is_still_read_from_a_label_printer(labels: LabelsData, print_document: Print) -> None:
    printed = print_document("labels/labels", labels, layout=SMALLEST)

    assert _read(printed.pdf, dpi=203) == {("DataMatrix", "V7K-000451"), ("Code128", "V7K-000451")}


def test_a_label_with_the_longest_texts_can_still_be_scanned(labels: LabelsData, print_document: Print) -> None:
    label = {
        **labels["labels"][0],
        "designation": "Tête fémorale inox " * 20,
        "manufacturer": "Fabricant de dispositifs médicaux " * 5,
        "lot": "L" * 20,
        "serial": "S" * 20,
    }

    printed = print_document("labels/labels", labels, labels=[label])

    assert _read(printed.pdf) == {("DataMatrix", "V7K-000451"), ("Code128", "V7K-000451")}
    assert printed.says("L" * 20, "S" * 20, "26/07/2027")


def test_sheet_continues_on_the_next_page(labels: LabelsData, print_document: Print) -> None:
    printed = print_document("labels/labels", labels, labels=labels["labels"] * 22)

    assert [page.extract_text().count("V7K-000451") for page in printed.reader.pages] == [21, 1]


def test_used_positions_of_a_sheet_are_skipped(labels: LabelsData, print_document: Print) -> None:
    layout = {**SHEET_OF_21, "used_positions": 20}

    printed = print_document("labels/labels", labels, layout=layout, labels=labels["labels"] * 2)

    assert [page.extract_text().count("V7K-000451") for page in printed.reader.pages] == [1, 1]


def test_roll_has_one_label_per_page_of_its_size(labels: LabelsData, print_document: Print) -> None:
    printed = print_document("labels/labels", labels, layout=ROLL, labels=labels["labels"] * 3)

    sizes = {
        (round(float(page.mediabox.width) / 72 * 25.4), round(float(page.mediabox.height) / 72 * 25.4))
        for page in printed.reader.pages
    }
    assert len(printed.reader.pages) == 3
    assert sizes == {(62, 38)}
