"""Scope and conditions: both sides of each day, no effect of the recording order, no contradiction."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.terms import rules
from tracker.terms.rules import Conditions, ConditionsWrong, DecisionDatesWrong, FollowUp, ScopeChangeKind, ScopeFacts

LOADED = datetime(2024, 3, 7, 8, 0, tzinfo=UTC)
LATER = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
FROM = date(2024, 3, 6)
END = date(2024, 7, 26)
ONE_DAY = timedelta(days=1)
KNOWN_DAYS = st.dates(date(2024, 1, 1), date(2024, 2, 15))
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2024, 2, 15)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001 - made aware at once
SCOPES = st.lists(
    st.builds(
        ScopeFacts,
        st.sampled_from("ABC"),
        st.sampled_from(ScopeChangeKind),
        KNOWN_DAYS,
        INSTANTS,
        corrected_at=st.none() | INSTANTS,
    ),
    max_size=9,
)


@settings(deadline=None)
@given(SCOPES, KNOWN_DAYS, INSTANTS, st.randoms(use_true_random=False))
def test_the_scope_never_depends_on_the_order_of_recording(
    entries: list[ScopeFacts], day: date, known_at: datetime, random: object
) -> None:
    known = [entry for entry in entries if entry.is_known(known_at)]
    instants = [entry.recorded_at for entry in known]
    random.shuffle(instants)  # type: ignore[attr-defined]
    shuffled = [
        replace(entry, recorded_at=instant, corrected_at=None) for entry, instant in zip(known, instants, strict=True)
    ]
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert rules.references_on(shuffled, day, known_at=known_at) == rules.references_on(entries, day, known_at=known_at)


def test_a_reference_counts_until_the_decision_that_brought_it_is_corrected() -> None:
    entry = ScopeFacts("A", ScopeChangeKind.ADDED, FROM, LOADED, corrected_at=LATER)

    assert rules.references_on([entry], END, known_at=LATER - timedelta(microseconds=1)) == {"A"}
    assert rules.references_on([entry], END, known_at=LATER) == frozenset()


def test_a_reference_is_in_the_scope_from_its_day_until_the_day_it_leaves() -> None:
    entries = [
        ScopeFacts("1-020163C", ScopeChangeKind.ADDED, FROM, LOADED),
        ScopeFacts("1-020163C", ScopeChangeKind.REMOVED, END, LOADED),
    ]

    found = [
        bool(rules.references_on(entries, day, known_at=LATER)) for day in (FROM - ONE_DAY, FROM, END - ONE_DAY, END)
    ]

    assert found == [False, True, True, False]
    assert rules.references_on(entries, FROM, known_at=LOADED - timedelta(seconds=1)) == frozenset()


WARD = UUID(int=1)
CONDITIONS = Conditions(
    sites=("CHU A",), ward_ids=(WARD,), criteria=("adult",), follow_up=(FollowUp(3, "X-ray"), FollowUp(12, "X-ray"))
)


def test_conditions_are_kept_as_they_are() -> None:
    rules.check_conditions(CONDITIONS)

    assert Conditions.from_json(CONDITIONS.as_json()) == CONDITIONS


def test_a_ward_is_allowed_when_it_is_named_or_none_is() -> None:
    found = [CONDITIONS.allows_ward(ward) for ward in (WARD, UUID(int=2), None)]

    assert found == [True, False, True]
    assert Conditions().allows_ward(UUID(int=2))


@pytest.mark.parametrize(
    ("conditions", "field"),
    [
        (Conditions(criteria=("adult", "adult")), "criteria"),
        (Conditions(criteria=(" ",)), "criteria"),
        (Conditions(criteria=tuple(str(n) for n in range(51))), "criteria"),
        (Conditions(follow_up=(FollowUp(-1, "X-ray"),)), "follow_up"),
        (Conditions(follow_up=(FollowUp(601, "X-ray"),)), "follow_up"),
        (Conditions(follow_up=(FollowUp(3, " "),)), "follow_up"),
        (Conditions(is_allowed_here=False), "sites"),
        (Conditions(sites=("CHU A",), is_allowed_here=False, ward_ids=(WARD,)), "sites"),
    ],
)
def test_conditions_that_contradict_each_other_are_refused(conditions: Conditions, field: str) -> None:
    with pytest.raises(ConditionsWrong) as refusal:
        rules.check_conditions(conditions)

    assert set(refusal.value.fields) == {field}


@pytest.mark.parametrize("received_on", [date(2024, 6, 30), date(2024, 7, 2)])
def test_a_letter_comes_between_its_date_and_today(received_on: date) -> None:
    day = date(2024, 7, 1)

    with pytest.raises(DecisionDatesWrong) as refusal:
        rules.check_days(effective_from=day, valid_until=None, decided_on=day, received_on=received_on, today=day)

    assert set(refusal.value.fields) == {"received_on"}


@pytest.mark.parametrize(
    ("used_on", "months", "due_on"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2026, 11, 25), 2, date(2027, 1, 25)),
        (date(2026, 12, 31), 12, date(2027, 12, 31)),
        (date(2026, 3, 1), 0, date(2026, 3, 1)),
    ],
)
def test_a_follow_up_is_due_on_the_day_of_the_month_or_its_last_one(used_on: date, months: int, due_on: date) -> None:
    assert FollowUp(months, "X-ray").due_on(used_on) == due_on
