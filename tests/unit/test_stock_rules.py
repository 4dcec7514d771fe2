"""Where a page of the stock begins, and how its pictures are counted."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from tracker.devices.rules import UnitState
from tracker.stock import rules
from tracker.stock.rules import EndGroup, ExportTooLarge, Position, StockFilters, read_position

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize("position", [Position(0), Position(12), Position(12, TODAY)])
def test_a_position_is_read_as_it_was_written(position: Position) -> None:
    assert read_position(str(position)) == position


@pytest.mark.parametrize("text", ["", "x", "-5", "1.2.3", "2026-13-01.4", "²", "9" * 19, "2026-01-01."])
def test_what_is_no_position_begins_at_the_beginning(text: str) -> None:
    assert read_position(text) is None


def test_only_a_shelf_life_alone_orders_the_list_by_shelf_life() -> None:
    assert StockFilters(expires_until=TODAY).is_by_shelf_life
    assert StockFilters(expires_until=TODAY, state=UnitState.RELEASED).is_by_shelf_life
    assert not StockFilters().is_by_shelf_life
    assert not StockFilters(expires_until=TODAY, text="A1").is_by_shelf_life
    assert not StockFilters(expires_until=TODAY, definition_ids=()).is_by_shelf_life


def test_an_xlsx_export_has_a_longest_length() -> None:
    rules.check_export(rules.MOST_XLSX_ROWS)

    with pytest.raises(ExportTooLarge):
        rules.check_export(rules.MOST_XLSX_ROWS + 1)


@pytest.mark.parametrize(
    ("days", "code"),
    [(0, "month"), (30, "month"), (31, "quarter"), (90, "quarter"), (91, "half"), (180, "half"), (181, "later")],
)
def test_the_end_of_a_derogation_falls_into_a_span(days: int, code: str) -> None:
    assert rules.end_code(is_covered=True, valid_until=TODAY + timedelta(days), today=TODAY) == code
    assert rules.end_code(is_covered=False, valid_until=TODAY + timedelta(days), today=TODAY) == "ended"


def test_an_end_that_is_not_recorded_is_its_own_group() -> None:
    assert rules.end_code(is_covered=True, valid_until=None, today=TODAY) == "unknown"


def test_groups_are_summed_in_the_order_of_urgency_without_the_empty_ones() -> None:
    assert rules.group_ends([("later", 2), ("ended", 1), ("later", 3)]) == (EndGroup("ended", 1), EndGroup("later", 5))


def test_states_are_summed_over_devices() -> None:
    one, two = UUID(int=1), UUID(int=2)
    counts = {(one, UnitState.RELEASED): 2, (two, UnitState.RELEASED): 3, (two, UnitState.QUARANTINED): 1}

    assert rules.sum_states(counts) == {
        UnitState.RELEASED: 5,
        UnitState.DELIVERED: 0,
        UnitState.QUARANTINED: 1,
    }
