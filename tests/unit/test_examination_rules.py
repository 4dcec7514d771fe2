"""What a use requires afterwards, how near it is, and what may be said of it."""

from datetime import date, timedelta

import pytest

from tests.hospital import TODAY
from tracker.devices.rules import Finding
from tracker.examinations import rules
from tracker.examinations.rules import NewOutcome, OutcomeInvalid, OutcomeKind, OutcomeNotPossible, Required, Urgency

X_RAY = Finding("follow-up-required", {"due_on": "2026-06-02", "what": "X-ray"}).as_json()
USED_ON = TODAY - timedelta(days=10)


def check(new: NewOutcome, *, is_closed: bool = False) -> None:
    rules.check_outcome(new, is_closed=is_closed, used_on=USED_ON, today=TODAY)


def test_only_what_is_required_is_noted_and_each_once() -> None:
    other = Finding("consent-obtained", {}).as_json()

    assert rules.required_by([other, X_RAY, X_RAY]) == [Required(date(2026, 6, 2), "X-ray")]


@pytest.mark.parametrize(
    ("days", "expected"),
    [(-1, Urgency.OVERDUE), (0, Urgency.SOON), (30, Urgency.SOON), (31, Urgency.LATER)],
)
def test_an_examination_is_overdue_from_the_day_after_its_day(days: int, expected: Urgency) -> None:
    assert rules.urgency_of(TODAY + timedelta(days=days), TODAY) is expected


@pytest.mark.parametrize("day", [USED_ON, TODAY])
def test_it_is_done_between_the_use_and_today(day: date) -> None:
    check(NewOutcome(OutcomeKind.DONE, day))


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (NewOutcome(OutcomeKind.DONE, USED_ON - timedelta(days=1)), "happened_on"),
        (NewOutcome(OutcomeKind.DONE, TODAY + timedelta(days=1)), "happened_on"),
        (NewOutcome(OutcomeKind.NOT_DONE, TODAY, " "), "note"),
    ],
    ids=["before-the-use", "tomorrow", "given-up-without-a-reason"],
)
def test_what_cannot_be_is_refused_with_its_field(new: NewOutcome, field: str) -> None:
    with pytest.raises(OutcomeInvalid) as refused:
        check(new)

    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize("is_closed", [True, False])
def test_what_is_closed_is_only_taken_up_again_and_what_is_open_only_closed(*, is_closed: bool) -> None:
    for kind in set(OutcomeKind) - set(rules.AFTER[is_closed]):
        with pytest.raises(OutcomeNotPossible):
            check(NewOutcome(kind, TODAY, "reason"), is_closed=is_closed)


def test_every_outcome_has_a_word_and_its_moment() -> None:
    assert set(rules.OUTCOME_LABELS) == set(OutcomeKind) == {*rules.AFTER[True], *rules.AFTER[False]}
