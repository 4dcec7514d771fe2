"""What may be corrected of a use, and where a unit goes that was not used after all."""

from datetime import date

import pytest

from tracker.corrections.rules import (
    WHEREABOUTS_LABELS,
    CorrectionInvalid,
    UseExplanted,
    Whereabouts,
    check_changes,
    check_not_explanted,
    check_why,
    doubt_about,
)
from tracker.derogations.rules import DerogationStatus

DAY, LATER = date(2026, 3, 2), date(2026, 3, 3)


def doubt(whereabouts: Whereabouts = Whereabouts.WARD, **changes: object) -> str:
    facts = {"has_ward": True, "is_lot_held": False, "status": DerogationStatus.IN_FORCE, "is_past": False}
    return doubt_about(whereabouts, **facts | changes)  # type: ignore[arg-type] # names of arguments


def test_a_correction_says_what_was_wrong_and_changes_something() -> None:
    assert check_why("  wrong side ") == "wrong side"
    assert check_changes({"side": 1, "day": 2, "reason": "x"}, {"side": 3, "day": 2}) == ("side",)
    for act in (lambda: check_why("  "), lambda: check_changes({"side": 1}, {"side": 1})):
        with pytest.raises(CorrectionInvalid):
            act()


def test_a_correction_agrees_with_an_explantation() -> None:
    check_not_explanted(None)
    check_not_explanted(DAY, used_on=DAY)
    for used_on in (None, LATER):
        with pytest.raises(UseExplanted):
            check_not_explanted(DAY, used_on=used_on)


def test_a_unit_seen_intact_in_its_ward_may_be_used_there() -> None:
    assert doubt() == ""
    assert set(WHEREABOUTS_LABELS) == set(Whereabouts)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"has_ward": False}, "use-withdrawn"),
        ({"is_lot_held": True}, "lot-on-hold"),
        ({"is_past": True}, "shelf-life-past"),
        ({"status": DerogationStatus.SUSPENDED}, "derogation-suspended"),
        ({"status": DerogationStatus.WITHDRAWN, "is_lot_held": True}, "lot-on-hold derogation-withdrawn"),
    ],
)
def test_whatever_the_pharmacist_saw_these_stop_it(changes: dict[str, object], reason: str) -> None:
    assert doubt(**changes) == reason


def test_what_nobody_has_seen_is_checked_first() -> None:
    assert doubt(Whereabouts.CHECK) == "use-withdrawn"
