"""Papers for labels, and what may be printed again."""

from dataclasses import replace

import pytest

from tracker.devices.rules import UnitState
from tracker.labels.rules import (
    BUILT_IN,
    MOST_LABELS,
    Layout,
    LayoutInvalid,
    NothingToPrint,
    Paper,
    ReprintReasonMissing,
    UnitGone,
    check_here,
    check_layout,
    check_position,
    check_reprint,
    check_units,
)

SHEET = BUILT_IN["sheet21"]


@pytest.mark.parametrize("layout", BUILT_IN.values(), ids=BUILT_IN.keys())
def test_the_built_in_papers_fit(layout: Layout) -> None:
    check_layout(layout)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"width_mm": 43.9}, {"width_mm"}),
        ({"height_mm": 26.9}, {"height_mm"}),
        ({"height_mm": 200.1}, {"height_mm", "rows"}),
        ({"columns": 4}, {"columns"}),
        ({"rows": 8}, {"rows"}),
        ({"columns": 0}, {"columns"}),
        ({"rows": 0}, {"rows"}),
        ({"margin_left_mm": 20}, {"columns"}),
        ({"gap_y_mm": 5}, {"rows"}),
        ({"gap_x_mm": -1, "margin_top_mm": -1}, {"gap_x_mm", "margin_top_mm"}),
    ],
)
def test_a_sheet_that_does_not_fit_names_what_is_wrong(changes: dict[str, float], fields: set[str]) -> None:
    with pytest.raises(LayoutInvalid) as refused:
        check_layout(replace(SHEET, **changes))

    assert set(refused.value.fields) == fields


def test_a_roll_is_no_wider_than_label_printers_and_has_nothing_beside_its_label() -> None:
    check_layout(Layout(Paper.ROLL, 110, 200, columns=0, margin_top_mm=-1))
    with pytest.raises(LayoutInvalid):
        check_layout(Layout(Paper.ROLL, 111, 38))


def test_a_place_on_the_sheet_exists_and_a_roll_has_none() -> None:
    assert check_position(20, SHEET) == 20
    assert check_position(7, BUILT_IN["roll"]) == 0
    for used in (-1, 21):
        with pytest.raises(LayoutInvalid):
            check_position(used, SHEET)


def test_each_unit_is_printed_once_in_the_order_given() -> None:
    assert check_units([" t590000000024", "T590000000017", "T590000000024", ""]) == ("T590000000024", "T590000000017")


@pytest.mark.parametrize("numbers", [[], [" "], [f"T59{n:010d}" for n in range(MOST_LABELS + 1)]], ids=len)
def test_none_or_too_many_are_refused(numbers: list[str]) -> None:
    with pytest.raises(NothingToPrint):
        check_units(numbers)


@pytest.mark.parametrize("state", UnitState)
def test_no_label_is_made_for_a_unit_that_is_gone(state: UnitState) -> None:
    if state in {UnitState.USED, UnitState.RETURNED, UnitState.DESTROYED, UnitState.VOIDED}:
        with pytest.raises(UnitGone):
            check_here("T590000000017", state)
    else:
        check_here("T590000000017", state)


def test_a_reprint_needs_its_reason_and_a_first_print_keeps_none() -> None:
    assert check_reprint(" torn ", reprinted=1) == "torn"
    assert check_reprint("torn", reprinted=0) == ""
    with pytest.raises(ReprintReasonMissing):
        check_reprint(" ", reprinted=2)
