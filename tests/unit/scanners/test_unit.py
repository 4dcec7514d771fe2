"""Our own unit label."""

import pytest

from scanners.errors import BrokenStructure
from scanners.udi import unit


@pytest.mark.parametrize("sequence", [-1, unit.HIGHEST + 1])
def test_number_that_does_not_fit_is_refused(sequence: int) -> None:
    with pytest.raises(ValueError, match="counts from 0"):
        unit.format(sequence)


@pytest.mark.parametrize("text", ["", "T59", "T58000000017" + "8", "T5900000001789", "T59000000017\u0668"])
def test_other_text_is_no_unit_label(text: str) -> None:
    assert not unit.is_unit_label(text)
    with pytest.raises(BrokenStructure):
        unit.validate(text)


def test_small_letter_is_read_as_a_capital() -> None:
    assert unit.validate("t590000000178") == "T590000000178"
