"""How a count differs from what is recorded."""

from uuid import UUID

import pytest

from tracker.devices.rules import ON_HAND, UnitState
from tracker.stocktaking import rules
from tracker.stocktaking.rules import CountClosed, Difference, DifferencesOpen

WARD, OTHER = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize("state", list(UnitState))
@pytest.mark.parametrize("place", [None, WARD, OTHER])
@pytest.mark.parametrize("is_counted", [True, False])
def test_every_unit_is_expected_or_differs_in_one_way(state: UnitState, place: UUID | None, is_counted: bool) -> None:  # noqa: FBT001
    found = rules.difference_of(state, place, ward_id=WARD, is_counted=is_counted)

    if state in ON_HAND and place == WARD:
        assert found is (None if is_counted else Difference.MISSING)
    elif not is_counted:
        assert found is None
    else:
        assert found is (Difference.WRONG_PLACE if state in ON_HAND else Difference.UNEXPECTED)


def test_a_closed_count_takes_nothing_and_an_unsettled_one_is_not_closed() -> None:
    rules.check_open(is_closed=False)
    rules.check_settled(0)

    with pytest.raises(CountClosed):
        rules.check_open(is_closed=True)
    with pytest.raises(DifferencesOpen):
        rules.check_settled(1)
