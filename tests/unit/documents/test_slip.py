"""The slip of a delivery."""

from collections.abc import Callable
from typing import Any

from tracker.slips.documents import SlipData

Print = Callable[..., Any]


def test_slip_lists_each_box_with_verdict_and_reason(slip: SlipData, print_document: Print) -> None:
    printed = print_document("slips/slip", slip)

    assert printed.says("R-2026-0042", "Amplitude", "C-88123", "22 novembre 2026 à 08:50", "Dominique Essai")
    assert printed.says("V7K-000451", "ACCEPTÉ", "REFUSÉ", "La dérogation a pris fin le 14 juin 2024.")
    assert printed.says("Total 2 · ACCEPTÉ 1 · REFUSÉ 1")


def test_slip_tells_the_arrival_and_what_is_still_awaited(slip: SlipData, print_document: Print) -> None:
    printed = print_document("slips/slip", slip)

    assert printed.says("Endommagé", "5,5 °C", "Sachet percé", "En prêt", "Close, reliquat attendu")
    assert printed.says("Attendu et reçu", "Manque")


def test_slip_of_what_nobody_announced_has_no_such_part(slip: SlipData, print_document: Print) -> None:
    printed = print_document("slips/slip", slip, tally=[], conditions=None)

    assert not printed.says("Attendu et reçu")
    assert not printed.says("État à l’arrivée")


def test_slip_without_boxes_says_so(slip: SlipData, print_document: Print) -> None:
    printed = print_document("slips/slip", slip, lines=[])

    assert printed.says("Aucune boîte n’a été contrôlée.")


def test_long_slip_repeats_its_header(slip: SlipData, print_document: Print) -> None:
    printed = print_document("slips/slip", slip, lines=slip["lines"] * 20)

    pages = [page.extract_text() for page in printed.reader.pages]
    assert len(pages) > 2
    assert all("Lot, série, péremption" in page for page in pages[:-1])
    assert printed.squeezed.count("V7K-000451") == 20
