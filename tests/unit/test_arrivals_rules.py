"""What a delivery was to hold, how it looked, what came."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tracker.arrivals import rules
from tracker.arrivals.rules import (
    AnnouncedColumnsMissing,
    AnnouncedLine,
    AnnouncedTooLong,
    BadLine,
    Came,
    Closing,
    Conditions,
    DeliveryState,
    RemarkMissing,
    Seen,
    TemperatureOdd,
    check_conditions,
    of_conditions,
    of_surplus,
    pick_columns,
    read_announced,
    state_of,
    tally,
)

COLD = Conditions(measured=Decimal("9.5"), lowest=Decimal(2), highest=Decimal(8))
BROKEN = Conditions(parcel=Seen.GOOD, seals=Seen.DAMAGED)


def test_a_measure_outside_the_range_is_damage_whatever_was_ticked() -> None:
    assert check_conditions(replace(COLD, temperature=Seen.GOOD), None).temperature is Seen.DAMAGED
    assert check_conditions(replace(COLD, measured=Decimal("1.9")), None).temperature is Seen.DAMAGED


def test_a_measure_on_either_end_of_the_range_is_in_order() -> None:
    for edge in (Decimal(2), Decimal(8)):
        assert check_conditions(replace(COLD, measured=edge), None).temperature is Seen.GOOD


def test_a_measure_without_a_range_decides_nothing() -> None:
    assert check_conditions(Conditions(measured=Decimal(40)), None).temperature is Seen.NOT_CHECKED


@pytest.mark.parametrize("odd", [{"measured": Decimal(400)}, {"lowest": Decimal(9)}, {"highest": Decimal(-100)}])
def test_impossible_temperatures_are_refused(odd: dict[str, Decimal]) -> None:
    with pytest.raises(TemperatureOdd):
        check_conditions(replace(COLD, **odd), None)


def test_what_was_damaged_is_in_order_again_only_with_a_remark() -> None:
    mended = replace(BROKEN, seals=Seen.GOOD)

    with pytest.raises(RemarkMissing):
        check_conditions(mended, BROKEN)

    assert check_conditions(replace(mended, remark=" outer seal only "), BROKEN).remark == "outer seal only"
    assert check_conditions(replace(BROKEN, parcel=Seen.DAMAGED), BROKEN).parcel is Seen.DAMAGED


def test_damage_speaks_of_every_box_and_a_good_delivery_of_none() -> None:
    all_damaged = Conditions(Seen.DAMAGED, Seen.DAMAGED, Seen.DAMAGED, Decimal("30.0"))

    found = of_conditions(all_damaged)

    assert [one.code for one in found] == ["seals-damaged", "temperature-outside", "parcel-damaged"]
    assert found[1].data == {"measured": "30"}
    assert of_conditions(Conditions(Seen.GOOD, Seen.GOOD, Seen.GOOD)) == of_conditions(None) == ()
    assert of_conditions(Conditions(temperature=Seen.DAMAGED))[0].data == {"measured": "?"}


def test_lines_are_read_and_each_wrong_one_named_with_its_number() -> None:
    good, bad = read_announced(
        [
            ["1-020163C", "", "4"],
            ["R2", "A1", "1"],
            ["", "A1", "1"],
            ["R", "x" * 101, "1"],
            ["=1+1", "", "1"],
            ["R", "", "many"],
            ["R", "", "0"],
            ["R", "", "10001"],
            ["R", "", "٣"],
            ["R", "", "9" * 30],
            ["R", "", "1", "more"],
            ["R"],
        ]
    )

    assert good == [AnnouncedLine("1-020163C", 4), AnnouncedLine("R2", 1, "A1")]
    assert [(one.number, one.code) for one in bad] == [
        (3, "reference-missing"),
        (4, "too-long"),
        (5, "formula"),
        (6, "count-odd"),
        (7, "count-odd"),
        (8, "count-odd"),
        (9, "count-odd"),
        (10, "count-odd"),
        (11, "columns-odd"),
        (12, "count-missing"),
    ]
    assert all(rules.LINE_ERRORS[one.code] % one.data for one in bad if isinstance(one, BadLine))


def test_the_columns_of_a_file_are_found_by_name_in_any_order() -> None:
    rows = [["4", "x", "R1", "L1"], ["2", "x", "R2"]]

    assert pick_columns(["Quantité", "Prix", "Référence", "N° lot"], rows) == [("R1", "L1", "4"), ("R2", "", "2")]
    assert pick_columns(["reference", "qty"], [["R1", "1"]]) == [("R1", "", "1")]


def test_a_file_without_its_columns_says_which_are_missing() -> None:
    with pytest.raises(AnnouncedColumnsMissing) as refused:
        pick_columns(["lot", "reference"], [])

    assert refused.value.data["missing"] == "quantité"


def test_a_file_of_100_000_lines_is_refused_after_the_first_thousand() -> None:
    read = 0

    def endless() -> object:
        nonlocal read
        while True:
            read += 1
            yield ["R", "1"]

    with pytest.raises(AnnouncedTooLong):
        pick_columns(["reference", "quantity"], endless())  # type: ignore[arg-type]

    assert read == rules.MOST_ANNOUNCED + 1


def test_a_lot_fills_its_own_line_then_the_line_of_any_lot_and_the_rest_is_too_many() -> None:
    announced = [AnnouncedLine("R1", 2, "A"), AnnouncedLine("R1", 1), AnnouncedLine("R2", 3)]

    found = tally(announced, [Came("r 1", "a", accepted=3, quarantined=1), Came("R3", "Z", accepted=1, refused=2)])

    assert [(one.reference, one.lot, one.expected, one.received, one.missing, one.surplus) for one in found.lines] == [
        ("R1", "A", 2, 3, 0, 1),
        ("R1", "", 1, 1, 0, 0),
        ("R2", "", 3, 0, 3, 0),
        ("R3", "Z", 0, 1, 0, 1),
    ]
    assert found.lines[0].quarantined == 1
    assert (found.sum_of("expected"), found.sum_of("refused")) == (6, 2)
    assert found.rest == (AnnouncedLine("R2", 3),)


def test_a_refused_box_is_no_received_unit() -> None:
    (line,) = tally([AnnouncedLine("R1", 1)], [Came("R1", "A", refused=1)]).lines

    assert (line.received, line.refused, line.missing, line.surplus) == (0, 1, 1, 0)


def test_two_lines_of_one_reference_are_added_up() -> None:
    (line,) = tally([AnnouncedLine("R1", 1), AnnouncedLine("r1", 2)], []).lines

    assert line.expected == 3


def test_a_box_beyond_the_count_or_never_announced_is_told_in_its_turn() -> None:
    announced = [AnnouncedLine("R1", 2)]
    boxes = [("R1", "B"), None, ("R1", "C"), ("R9", "")]

    found = of_surplus(announced, [Came("R1", "A", accepted=1)], boxes)

    assert [one.code if one else None for one in found] == [None, None, "beyond-announced", "not-announced"]
    assert found[2] is not None
    assert found[2].data == {"reference": "R1", "expected": "2"}


def test_another_lot_than_the_announced_ones_is_told() -> None:
    (found,) = of_surplus([AnnouncedLine("R1", 2, "A")], [], [("R1", "B")])

    assert found is not None
    assert found.code == "beyond-announced"


def test_nothing_is_too_many_where_nothing_was_announced() -> None:
    assert of_surplus([], [], [("R1", "A"), None]) == [None, None]


def test_the_state_of_a_delivery_is_computed() -> None:
    closed = datetime(2026, 1, 1, tzinfo=UTC)

    assert state_of(None, None, has_rest=False) is DeliveryState.OPEN
    assert state_of(closed, None, has_rest=False) is DeliveryState.CLOSED
    assert state_of(closed, Closing.COMPLETE, has_rest=False) is DeliveryState.CLOSED
    assert state_of(closed, Closing.REST_AWAITED, has_rest=False) is DeliveryState.PARTIAL
    assert state_of(closed, Closing.REST_AWAITED, has_rest=True) is DeliveryState.CLOSED
