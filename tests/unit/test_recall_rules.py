"""What a recall is asked for by."""

import pytest

from tracker.recalls import rules


@pytest.mark.parametrize("lot", ["", "  "])
def test_a_recall_without_a_lot_is_refused(lot: str) -> None:
    with pytest.raises(rules.LotMissing):
        rules.check_lot(lot)
