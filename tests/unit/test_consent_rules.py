"""Whether a consent is in force at an instant, and what an event must say."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.consents.rules import (
    CAPACITY_LABELS,
    FULL_AGE,
    IN_FORCE,
    KIND_LABELS,
    STATE_LABELS,
    ConsentEventKind,
    ConsentFacts,
    ConsentIncomplete,
    ConsentState,
    EventDraft,
    NoConsentToWithdraw,
    NoticeTexts,
    SignerCapacity,
    check_event,
    in_force_at,
    last_event,
    notice_hash,
    state_at,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
INFORMED, OBTAINED, REFUSED, WITHDRAWN, EMERGENCY = ConsentEventKind
DRAFT = EventDraft(
    kind=OBTAINED,
    at=NOW,
    has_notice=True,
    informed_by="Charlie Test",
    signer_capacity=SignerCapacity.PATIENT,
    signer_name="Marie Martin",
    reason="",
    age=FULL_AGE,
)
TEXTS = NoticeTexts("no mark", "why", "none", "a knee that bends", "wear", "", "yearly", "the surgeon")


def an_event(kind: ConsentEventKind, *, hours: int = 0, number: int = 1, recorded: int = 0) -> ConsentFacts:
    return ConsentFacts(UUID(int=number), kind, NOW + timedelta(hours=hours), NOW + timedelta(hours=recorded))


def faults_of(draft: EventDraft) -> set[str]:
    with pytest.raises(ConsentIncomplete) as refused:
        check_event(draft, (), now=NOW)
    return set(refused.value.fields)


around = st.timedeltas(timedelta(days=-2), timedelta(days=2)).map(lambda distance: NOW + distance)
facts = st.builds(
    ConsentFacts, event_id=st.uuids(), kind=st.sampled_from(ConsentEventKind), at=around, recorded_at=around
)


def test_nothing_recorded_is_not_asked() -> None:
    assert state_at([], NOW) is ConsentState.NOT_ASKED
    assert in_force_at([], NOW) is None


@pytest.mark.parametrize("kind", list(ConsentEventKind))
def test_one_event_gives_the_state_of_its_kind(kind: ConsentEventKind) -> None:
    event = an_event(kind)

    assert state_at([event], NOW) is ConsentState(kind.value)
    assert in_force_at([event], NOW) == (event if kind in {OBTAINED, EMERGENCY} else None)


def test_a_consent_stands_from_its_instant_and_not_before() -> None:
    event = an_event(OBTAINED)

    assert in_force_at([event], NOW) == event
    assert in_force_at([event], NOW - timedelta(microseconds=1)) is None


def test_a_withdrawal_ends_the_consent_from_its_instant() -> None:
    events = [an_event(OBTAINED), an_event(WITHDRAWN, hours=2, number=2)]

    assert state_at(events, NOW + timedelta(hours=1, minutes=59)) is ConsentState.OBTAINED
    assert state_at(events, NOW + timedelta(hours=2)) is ConsentState.WITHDRAWN


def test_a_consent_given_again_after_a_withdrawal_stands() -> None:
    again = an_event(OBTAINED, hours=3, number=3)
    events = [an_event(OBTAINED), an_event(WITHDRAWN, hours=2, number=2), again]

    assert in_force_at(events, NOW + timedelta(hours=3)) == again


def test_information_given_again_changes_nothing_of_the_decision() -> None:
    events = [an_event(REFUSED), an_event(INFORMED, hours=1, number=2)]

    assert state_at(events, NOW + timedelta(hours=2)) is ConsentState.REFUSED


def test_information_stands_while_the_decision_lies_ahead() -> None:
    events = [an_event(INFORMED), an_event(OBTAINED, hours=2, number=2)]

    assert state_at(events, NOW + timedelta(hours=1)) is ConsentState.INFORMED


def test_of_two_events_at_one_instant_the_later_recorded_counts() -> None:
    events = [an_event(OBTAINED, number=1, recorded=2), an_event(REFUSED, number=2, recorded=1)]

    assert state_at(events, NOW) is ConsentState.OBTAINED


@given(st.lists(facts, max_size=8), around, st.randoms(use_true_random=False))
def test_the_order_in_which_events_are_read_does_not_matter(
    events: list[ConsentFacts], instant: datetime, random: Random
) -> None:
    shuffled = random.sample(events, len(events))

    assert state_at(shuffled, instant) is state_at(events, instant)
    assert in_force_at(shuffled, instant) == in_force_at(events, instant)


@given(st.lists(facts, max_size=8), around)
def test_a_use_is_allowed_exactly_in_the_states_of_the_closed_list(
    events: Sequence[ConsentFacts], instant: datetime
) -> None:
    allowing = {kind.value for kind in IN_FORCE}

    assert (in_force_at(events, instant) is not None) == (state_at(events, instant).value in allowing)


@given(st.lists(facts, max_size=8), around)
def test_what_lies_ahead_of_an_instant_never_counts(events: Sequence[ConsentFacts], instant: datetime) -> None:
    past = [event for event in events if event.at <= instant]

    assert state_at(events, instant) is state_at(past, instant)


def test_the_last_event_of_nothing_is_none() -> None:
    assert last_event([an_event(OBTAINED, hours=1)], NOW) is None


def test_a_whole_consent_may_be_recorded() -> None:
    check_event(DRAFT, (), now=NOW)


def test_an_event_may_be_minutes_ahead_of_this_clock_but_no_more() -> None:
    check_event(replace(DRAFT, at=NOW + timedelta(minutes=5)), (), now=NOW)

    assert faults_of(replace(DRAFT, at=NOW + timedelta(minutes=5, seconds=1))) == {"at"}


@pytest.mark.parametrize("kind", [INFORMED, OBTAINED, REFUSED])
def test_information_names_its_notice_and_who_informed(kind: ConsentEventKind) -> None:
    draft = replace(DRAFT, kind=kind, has_notice=False, informed_by="")

    assert faults_of(draft) == {"notice_id", "informed_by_id"}


@pytest.mark.parametrize("kind", [OBTAINED, REFUSED, WITHDRAWN])
def test_a_decision_names_who_decides(kind: ConsentEventKind) -> None:
    assert faults_of(replace(DRAFT, kind=kind, signer_name=" ")) == {"signer_name"}
    assert faults_of(replace(DRAFT, kind=kind, signer_capacity=None)) == {"signer_capacity"}


def test_information_alone_names_nobody_who_decides() -> None:
    check_event(replace(DRAFT, kind=INFORMED, signer_capacity=None, signer_name=""), (), now=NOW)


def test_an_emergency_says_why() -> None:
    draft = replace(DRAFT, kind=EMERGENCY, has_notice=False, informed_by="", signer_capacity=None, signer_name="")

    assert faults_of(draft) == {"reason"}
    check_event(replace(draft, reason="unconscious; the sister was called"), (), now=NOW)


@pytest.mark.parametrize("kind", [OBTAINED, REFUSED])
def test_a_minor_refuses_alone_but_does_not_consent_alone(kind: ConsentEventKind) -> None:
    draft = replace(DRAFT, kind=kind, age=FULL_AGE - 1)

    if kind is REFUSED:
        check_event(draft, (), now=NOW)
    else:
        assert faults_of(draft) == {"signer_capacity"}


def test_an_emancipated_minor_consents_with_a_reason() -> None:
    check_event(replace(DRAFT, age=FULL_AGE - 1, reason="emancipated on 1 February"), (), now=NOW)


@pytest.mark.parametrize("capacity", [SignerCapacity.PARENTAL_AUTHORITY, SignerCapacity.MINOR_ALONE])
def test_what_is_for_minors_ends_on_the_day_of_full_age(capacity: SignerCapacity) -> None:
    check_event(replace(DRAFT, signer_capacity=capacity, age=FULL_AGE - 1), (), now=NOW)

    assert faults_of(replace(DRAFT, signer_capacity=capacity, age=FULL_AGE)) == {"signer_capacity"}


@pytest.mark.parametrize("capacity", [SignerCapacity.TRUSTED_PERSON, SignerCapacity.RELATIVE])
def test_who_is_consulted_speaks_only_with_the_reason_why(capacity: SignerCapacity) -> None:
    draft = replace(DRAFT, signer_capacity=capacity)

    assert faults_of(draft) == {"reason"}
    check_event(replace(draft, reason="cannot speak since the stroke"), (), now=NOW)


def test_a_guardian_decides_for_an_adult() -> None:
    check_event(replace(DRAFT, signer_capacity=SignerCapacity.GUARDIAN, age=70), (), now=NOW)


def test_only_a_consent_in_force_can_be_withdrawn() -> None:
    withdrawal = replace(DRAFT, kind=WITHDRAWN, has_notice=False, informed_by="")

    with pytest.raises(NoConsentToWithdraw):
        check_event(withdrawal, [an_event(REFUSED)], now=NOW)
    check_event(withdrawal, [an_event(OBTAINED)], now=NOW)


def test_a_withdrawal_before_the_consent_is_refused() -> None:
    withdrawal = replace(DRAFT, kind=WITHDRAWN, at=NOW - timedelta(hours=1))

    with pytest.raises(NoConsentToWithdraw):
        check_event(withdrawal, [an_event(OBTAINED)], now=NOW)


def test_the_hash_of_a_notice_changes_with_any_word() -> None:
    hashes = {notice_hash(replace(TEXTS, **{name: "other"})) for name in TEXTS.__slots__}

    assert len(hashes | {notice_hash(TEXTS)}) == len(TEXTS.__slots__) + 1
    assert len(notice_hash(TEXTS)) == 64


def test_every_code_has_words() -> None:
    assert set(KIND_LABELS) == set(ConsentEventKind)
    assert set(STATE_LABELS) == set(ConsentState)
    assert set(CAPACITY_LABELS) == set(SignerCapacity)
