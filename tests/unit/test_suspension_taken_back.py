"""A suspension that ends on the day on which it began: what it is worth on that day, and what was known before."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from tests.unit.test_derogation_rules import END, GRANT, LOADED, ONE_DAY, SUSPENSION, check, decision, standing, status
from tracker.derogations import rules
from tracker.derogations.rules import DecisionKind, DerogationStatus


def test_of_a_suspension_and_its_end_on_one_day_the_suspension_speaks_unless_the_end_names_it() -> None:
    day = date(2024, 5, 2)
    suspended = decision(DecisionKind.SUSPENDED, day, id=2)
    lifted = decision(DecisionKind.REINSTATED, day, id=3, recorded_at=LOADED + timedelta(hours=3))
    naming = replace(lifted, corrects_id=suspended.id)

    assert status(day, GRANT, suspended, lifted) is DerogationStatus.SUSPENDED
    assert standing(day, naming, GRANT, suspended).decision_id == GRANT.id
    for after in (day - ONE_DAY, day, day + ONE_DAY, END):
        assert status(after, GRANT, suspended, naming) is DerogationStatus.IN_FORCE
    before_it_was_known = LOADED + timedelta(hours=2)
    assert status(day, GRANT, suspended, naming, known_at=before_it_was_known) is DerogationStatus.SUSPENDED


def test_a_suspension_of_the_day_on_which_another_one_was_lifted_speaks() -> None:
    day = date(2024, 5, 2)
    first = decision(DecisionKind.SUSPENDED, day - ONE_DAY, id=2)
    lifted = decision(DecisionKind.REINSTATED, day, id=3)
    second = decision(DecisionKind.SUSPENDED, day, id=4)

    assert standing(day, GRANT, first, lifted, second).decision_id == second.id
    assert standing(day, GRANT, second, lifted, first).decision_id == second.id


def test_the_end_of_a_suspension_on_its_first_day_names_it() -> None:
    first_day = SUSPENSION.effective_from
    assert rules.suspension_begun_on([GRANT, SUSPENSION], first_day) == SUSPENSION.id
    assert rules.suspension_begun_on([GRANT, SUSPENSION], first_day + ONE_DAY) is None

    lifted = decision(DecisionKind.REINSTATED, first_day, id=20, corrects_id=SUSPENSION.id)
    check(lifted, GRANT, SUSPENSION)

    assert rules.suspension_begun_on([GRANT, SUSPENSION, lifted], first_day) is None
    again = replace(SUSPENSION, id=UUID(int=21))
    check(again, GRANT, SUSPENSION, lifted)
    assert status(first_day, GRANT, SUSPENSION, lifted, again) is DerogationStatus.SUSPENDED
    check(replace(lifted, id=UUID(int=22), corrects_id=again.id), GRANT, SUSPENSION, lifted, again)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_suspension_is_taken_back_on_its_first_day_only(days: int) -> None:
    day = SUSPENSION.effective_from + days * ONE_DAY

    with pytest.raises(rules.CorrectionRefused, match="on its own first day"):
        check(decision(DecisionKind.REINSTATED, day, id=20, corrects_id=SUSPENSION.id), GRANT, SUSPENSION)
