"""The order of what happened to one unit."""

from datetime import timedelta

from tests.hospital import NOW
from tracker.chronicle.rules import LABELS, Entry, Kind, in_order


def test_what_happened_is_told_oldest_first_and_a_movement_before_what_came_with_it() -> None:
    later, use = Entry(NOW + timedelta(1), Kind.LABEL, "A"), Entry(NOW, Kind.USE, "A")
    received, held = Entry(NOW, Kind.MOVEMENT, "A"), Entry(NOW, Kind.HOLD_OPENED, "A")

    assert in_order([later, use, held, received]) == [received, held, use, later]


def test_every_kind_but_a_movement_has_its_words() -> None:
    assert LABELS.keys() == set(Kind) - {Kind.MOVEMENT}
