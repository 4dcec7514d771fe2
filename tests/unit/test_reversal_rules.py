"""Where a unit goes that was recorded as opened by mistake."""

import pytest

from tracker.corrections.rules import Whereabouts
from tracker.delivery.rules import LEFT_TO_USE
from tracker.devices.rules import REASON_LABELS
from tracker.reversals.rules import doubt_about
from tracker.verdicts.rules import FINDINGS, Outcome

INTACT: dict[str, object] = {
    "has_ward": True,
    "was_held": False,
    "is_lot_held": False,
    "uncovered": "",
    "is_past": False,
}


@pytest.mark.parametrize(
    ("whereabouts", "changes", "doubt"),
    [
        (Whereabouts.WARD, {}, ""),
        (Whereabouts.CHECK, {}, "failure-withdrawn"),
        (Whereabouts.WARD, {"has_ward": False}, "failure-withdrawn"),
        (Whereabouts.WARD, {"was_held": True}, "failure-withdrawn"),
        (Whereabouts.WARD, {"is_lot_held": True}, "lot-on-hold"),
        (Whereabouts.WARD, {"uncovered": "derogation-ended"}, "derogation-ended"),
        (Whereabouts.CHECK, {"is_past": True}, "shelf-life-past failure-withdrawn"),
    ],
)
def test_a_unit_is_given_back_only_where_nothing_speaks_against_it(
    whereabouts: Whereabouts, changes: dict[str, object], doubt: str
) -> None:
    assert doubt_about(whereabouts, **{**INTACT, **changes}) == doubt  # type: ignore[arg-type] # names of arguments


def test_every_reason_of_the_register_against_a_unit_has_its_words() -> None:
    against = {code for code, rule in FINDINGS.items() if rule.effect is not Outcome.ACCEPTED} - LEFT_TO_USE
    of_register = {code for code in against if code.startswith(("derogation-", "reference-", "scope-", "site-"))}

    assert len(of_register) > 5
    assert of_register - REASON_LABELS.keys() == set()
