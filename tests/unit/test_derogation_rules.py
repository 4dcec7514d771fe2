"""What a derogation is worth on a day: transitions, both sides of each date, no effect of the recording order."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker import clock
from tracker.derogations import rules
from tracker.derogations.models import Worth
from tracker.derogations.rules import (
    DecisionFacts,
    DecisionKind,
    DerogationStatus,
    Period,
    Standing,
)
from tracker.terms import rules as terms
from tracker.terms.rules import Conditions

LOADED = datetime(2024, 3, 7, 8, 0, tzinfo=UTC)
LATER = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
FROM = date(2024, 3, 6)
END = date(2024, 7, 26)
ONE_DAY = timedelta(days=1)


def decision(
    kind: DecisionKind, effective_from: date, valid_until: date | None = None, **other: object
) -> DecisionFacts:
    values: dict[str, object] = {"patient_cap": None, "decided_on": None, "recorded_at": LOADED, "id": 1} | other
    values["id"] = UUID(int=int(str(values["id"])))
    return DecisionFacts(kind=kind, effective_from=effective_from, valid_until=valid_until, **values)  # type: ignore[arg-type]


GRANT = decision(DecisionKind.GRANTED, FROM, END)


def standing(day: date, *decisions: DecisionFacts, known_at: datetime = LATER) -> Standing:
    return rules.standing_on(decisions, day, known_at=known_at)


def status(day: date, *decisions: DecisionFacts, known_at: datetime = LATER) -> DerogationStatus:
    return standing(day, *decisions, known_at=known_at).status


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (FROM - ONE_DAY, DerogationStatus.NOT_YET),
        (FROM, DerogationStatus.IN_FORCE),
        (END, DerogationStatus.IN_FORCE),
        (END + ONE_DAY, DerogationStatus.ENDED),
    ],
)
def test_a_derogation_covers_its_first_and_its_last_day(day: date, expected: DerogationStatus) -> None:
    assert status(day, GRANT) is expected


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (datetime(2024, 7, 26, 21, 59, 59, tzinfo=UTC), DerogationStatus.IN_FORCE),
        (datetime(2024, 7, 26, 22, 0, tzinfo=UTC), DerogationStatus.ENDED),
    ],
)
def test_the_last_day_ends_at_midnight_in_paris_in_summer(instant: datetime, expected: DerogationStatus) -> None:
    assert status(clock.paris_day(instant), GRANT) is expected


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (datetime(2025, 3, 30, 21, 59, 59, tzinfo=UTC), DerogationStatus.IN_FORCE),
        (datetime(2025, 3, 30, 22, 0, tzinfo=UTC), DerogationStatus.ENDED),
        (datetime(2025, 3, 29, 23, 0, tzinfo=UTC), DerogationStatus.IN_FORCE),
    ],
)
def test_the_day_of_the_change_to_summer_time_is_23_hours_long(instant: datetime, expected: DerogationStatus) -> None:
    grant = decision(DecisionKind.GRANTED, FROM, date(2025, 3, 30))

    assert status(clock.paris_day(instant), grant) is expected


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (datetime(2025, 10, 26, 22, 59, 59, tzinfo=UTC), DerogationStatus.IN_FORCE),
        (datetime(2025, 10, 26, 23, 0, tzinfo=UTC), DerogationStatus.ENDED),
        (datetime(2025, 10, 25, 22, 0, tzinfo=UTC), DerogationStatus.IN_FORCE),
        (datetime(2025, 10, 25, 21, 59, 59, tzinfo=UTC), DerogationStatus.NOT_YET),
    ],
)
def test_the_day_of_the_change_to_winter_time_is_25_hours_long(instant: datetime, expected: DerogationStatus) -> None:
    grant = decision(DecisionKind.GRANTED, date(2025, 10, 26), date(2025, 10, 26))

    assert status(clock.paris_day(instant), grant) is expected


def test_the_conditions_are_the_last_ones_stated_and_a_correction_takes_them_back() -> None:
    first, second = Conditions(criteria=("adult",)), Conditions(criteria=("adult", "no allergy"))
    grant = decision(DecisionKind.GRANTED, FROM, END, conditions=first)
    changed = decision(DecisionKind.CONDITIONS_CHANGED, date(2024, 5, 1), id=2, conditions=second)
    extension = decision(DecisionKind.EXTENDED, date(2024, 6, 1), date(2025, 7, 26), id=3)
    mistaken = decision(
        DecisionKind.CONDITIONS_CHANGED, date(2024, 5, 1), id=4, corrects_id=UUID(int=2), recorded_at=LATER
    )
    history = (grant, changed, extension, mistaken)

    found = [
        standing(day, *history, known_at=LATER - ONE_DAY).conditions
        for day in (FROM - ONE_DAY, FROM, date(2024, 5, 1), date(2024, 6, 1))
    ]

    assert found == [None, first, second, second]
    assert standing(date(2024, 6, 1), *history).conditions == first


def test_nothing_known_is_unknown() -> None:
    assert standing(FROM) == Standing(DerogationStatus.UNKNOWN, None, None, None, None)


def test_a_standing_names_the_decision_and_the_dates_it_rests_on() -> None:
    assert standing(END, GRANT) == Standing(DerogationStatus.IN_FORCE, END, FROM, GRANT.id, None)
    assert standing(END + ONE_DAY, GRANT) == Standing(DerogationStatus.ENDED, END, END + ONE_DAY, GRANT.id, None)
    assert standing(FROM - ONE_DAY, GRANT) == Standing(DerogationStatus.NOT_YET, None, None, GRANT.id, None)


def test_a_grant_without_a_stated_end_is_not_in_force() -> None:
    assert status(FROM, decision(DecisionKind.GRANTED, FROM)) is DerogationStatus.END_UNKNOWN


def test_an_extension_gives_a_grant_without_end_its_last_day() -> None:
    until = date(2025, 2, 28)
    ciny = (decision(DecisionKind.GRANTED, FROM), decision(DecisionKind.EXTENDED, FROM, until, id=2))

    assert status(until, *ciny) is DerogationStatus.IN_FORCE
    assert status(until + ONE_DAY, *ciny) is DerogationStatus.ENDED


def test_an_extension_that_follows_at_once_moves_the_end_from_the_day_it_is_known() -> None:
    until = date(2025, 7, 26)
    known = datetime(2024, 6, 1, tzinfo=UTC)
    extension = decision(DecisionKind.EXTENDED, END + ONE_DAY, until, id=2, recorded_at=known)

    before = standing(END, GRANT, extension, known_at=known - timedelta(microseconds=1))
    after = standing(END, GRANT, extension, known_at=known)

    assert (before.valid_until, after.valid_until) == (END, until)
    assert after.since == FROM


def test_an_extension_that_begins_after_the_end_leaves_the_gap_ended() -> None:
    extension = decision(DecisionKind.EXTENDED, END + 3 * ONE_DAY, date(2025, 7, 26), id=2)

    found = [status(END + n * ONE_DAY, GRANT, extension) for n in range(4)]

    assert found == [
        DerogationStatus.IN_FORCE,
        DerogationStatus.ENDED,
        DerogationStatus.ENDED,
        DerogationStatus.IN_FORCE,
    ]
    assert standing(END, GRANT, extension).valid_until == END


def test_an_extension_alone_authorises_nothing() -> None:
    assert status(FROM, decision(DecisionKind.EXTENDED, FROM, END)) is DerogationStatus.UNKNOWN


def test_a_suspension_interrupts_and_its_end_restores() -> None:
    suspended = decision(DecisionKind.SUSPENDED, date(2024, 5, 2), id=2)
    reinstated = decision(DecisionKind.REINSTATED, date(2024, 5, 10), id=3)
    history = (reinstated, GRANT, suspended)

    assert standing(date(2024, 5, 1), *history).valid_until == date(2024, 5, 1)
    assert standing(date(2024, 5, 2), *history) == Standing(
        DerogationStatus.SUSPENDED, END, date(2024, 5, 2), suspended.id, None
    )
    assert status(date(2024, 5, 9), *history) is DerogationStatus.SUSPENDED
    assert standing(date(2024, 5, 10), *history) == Standing(
        DerogationStatus.IN_FORCE, END, date(2024, 5, 10), GRANT.id, None
    )


def test_a_suspension_outlasts_the_end_and_an_extension() -> None:
    suspended = decision(DecisionKind.SUSPENDED, date(2024, 5, 2), id=2)
    extension = decision(DecisionKind.EXTENDED, END, date(2025, 7, 26), id=3)

    assert status(END + ONE_DAY, GRANT, suspended) is DerogationStatus.SUSPENDED
    assert status(END + ONE_DAY, GRANT, suspended, extension) is DerogationStatus.SUSPENDED


def test_a_withdrawal_ends_until_a_new_grant() -> None:
    withdrawn = decision(DecisionKind.WITHDRAWN, date(2024, 5, 2), id=2)
    extension = decision(DecisionKind.EXTENDED, date(2024, 5, 3), date(2025, 7, 26), id=3)
    again = decision(DecisionKind.GRANTED, date(2024, 6, 1), END, id=4)
    history = (GRANT, withdrawn, extension, again)

    assert standing(date(2024, 5, 1), *history).valid_until == date(2024, 5, 1)
    assert standing(date(2024, 5, 3), *history) == Standing(
        DerogationStatus.WITHDRAWN, None, date(2024, 5, 2), withdrawn.id, None
    )
    assert standing(date(2024, 6, 1), *history).valid_until == END


def test_a_new_grant_after_a_withdrawal_is_free_of_the_old_suspension() -> None:
    suspended = decision(DecisionKind.SUSPENDED, date(2024, 4, 1), id=2)
    withdrawn = decision(DecisionKind.WITHDRAWN, date(2024, 5, 2), id=3)
    again = decision(DecisionKind.GRANTED, date(2024, 6, 1), END, id=4)

    assert status(date(2024, 6, 1), GRANT, suspended, withdrawn, again) is DerogationStatus.IN_FORCE
    assert status(date(2024, 6, 1), GRANT, suspended, again) is DerogationStatus.SUSPENDED


def test_a_refused_request_is_refused_and_a_refused_extension_changes_nothing() -> None:
    refused = decision(DecisionKind.REFUSED, date(2024, 4, 1), id=2)

    assert status(date(2024, 4, 1), refused) is DerogationStatus.REFUSED
    assert status(date(2024, 4, 1), GRANT, refused) is DerogationStatus.IN_FORCE


def test_a_correction_replaces_what_it_names_from_the_instant_it_is_known() -> None:
    known = datetime(2024, 4, 1, tzinfo=UTC)
    corrected = decision(DecisionKind.GRANTED, FROM, date(2024, 6, 26), id=2, corrects_id=GRANT.id, recorded_at=known)

    assert standing(FROM, GRANT, corrected, known_at=known).valid_until == date(2024, 6, 26)
    assert standing(FROM, GRANT, corrected, known_at=known - timedelta(seconds=1)).valid_until == END


def test_a_corrected_correction_counts_no_more() -> None:
    first = decision(DecisionKind.GRANTED, FROM, date(2024, 6, 26), id=2, corrects_id=GRANT.id)
    second = decision(DecisionKind.GRANTED, FROM, date(2024, 6, 27), id=3, corrects_id=first.id)

    assert standing(FROM, GRANT, first, second).valid_until == date(2024, 6, 27)


def test_the_patient_cap_is_the_last_one_stated() -> None:
    grant = decision(DecisionKind.GRANTED, FROM, END, patient_cap=3)
    changed = decision(DecisionKind.CONDITIONS_CHANGED, date(2024, 5, 1), id=2, patient_cap=10)
    extension = decision(DecisionKind.EXTENDED, date(2024, 6, 1), date(2025, 7, 26), id=3)
    history = (grant, changed, extension)

    found = [standing(day, *history).patient_cap for day in (FROM, date(2024, 5, 1), date(2024, 6, 1))]

    assert found == [3, 10, 10]


def test_of_two_ends_on_one_day_the_later_letter_speaks_then_the_earlier_end() -> None:
    first = decision(DecisionKind.EXTENDED, END, date(2025, 7, 26), id=2, decided_on=date(2024, 6, 1))
    second = decision(DecisionKind.EXTENDED, END, date(2026, 7, 26), id=3, decided_on=date(2024, 6, 2))
    undated = decision(DecisionKind.EXTENDED, END, date(2025, 1, 1), id=4, decided_on=date(2024, 6, 2))

    assert standing(END, GRANT, second, first).valid_until == date(2026, 7, 26)
    assert standing(END, GRANT, second, first, undated).valid_until == date(2025, 1, 1)


def test_a_derogation_until_the_last_day_of_the_calendar_never_ends() -> None:
    assert standing(date.max, decision(DecisionKind.GRANTED, FROM, date.max)).valid_until == date.max


KNOWN_DAYS = st.dates(date(2024, 1, 1), date(2024, 2, 15))
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2024, 2, 15)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001 - made aware at once


CONDITIONS = st.builds(Conditions, criteria=st.lists(st.sampled_from("abc"), unique=True, max_size=2).map(tuple))


@st.composite
def histories(draw: st.DrawFn) -> list[DecisionFacts]:
    made: list[DecisionFacts] = []
    for number in range(draw(st.integers(0, 9))):
        kind = draw(st.sampled_from(DecisionKind))
        corrects = draw(st.one_of(st.none(), st.sampled_from([d.id for d in made]))) if made else None
        made.append(
            DecisionFacts(
                id=UUID(int=number),
                kind=kind,
                effective_from=draw(KNOWN_DAYS),
                valid_until=draw(st.none() | KNOWN_DAYS) if kind in rules.SETS_AN_END else None,
                patient_cap=draw(st.none() | st.integers(1, 3)),
                decided_on=draw(st.none() | KNOWN_DAYS),
                recorded_at=draw(INSTANTS),
                corrects_id=corrects,
                conditions=draw(st.none() | CONDITIONS),
            )
        )
    return made


@settings(deadline=None)
@given(histories(), KNOWN_DAYS, INSTANTS, st.randoms(use_true_random=False))
def test_the_answer_never_depends_on_the_order_of_recording(
    history: list[DecisionFacts], day: date, known_at: datetime, random: object
) -> None:
    known = [d for d in history if d.recorded_at <= known_at]
    instants = [d.recorded_at for d in known]
    random.shuffle(instants)  # type: ignore[attr-defined]
    shuffled = [replace(d, recorded_at=instant) for d, instant in zip(known, instants, strict=True)]
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    expected = rules.standing_on(history, day, known_at=known_at)

    assert rules.standing_on(shuffled, day, known_at=known_at) == expected


@settings(deadline=None)
@given(histories(), KNOWN_DAYS, INSTANTS)
def test_an_answer_given_once_can_be_given_again(history: list[DecisionFacts], day: date, known_at: datetime) -> None:
    then = [d for d in history if d.recorded_at <= known_at]

    assert rules.standing_on(history, day, known_at=known_at) == rules.standing_on(then, day, known_at=LATER)


@settings(deadline=None)
@given(histories(), KNOWN_DAYS, INSTANTS)
def test_the_calendar_of_standings_answers_each_day_as_the_decisions_do(
    history: list[DecisionFacts], day: date, known_at: datetime
) -> None:
    calendar = rules.standings_of(history, known_at=known_at)
    kept = [standing for first_day, standing in calendar if first_day is None or first_day <= day][-1]

    assert Worth.from_json(Worth(kept).as_json()).standing == rules.standing_on(history, day, known_at=known_at)
    assert calendar[0][0] is None


@settings(deadline=None)
@given(histories(), INSTANTS)
def test_periods_follow_each_other_without_gap(history: list[DecisionFacts], known_at: datetime) -> None:
    periods = rules.periods_of(history, known_at=known_at)

    assert periods[0].first_day is None
    assert periods[-1].last_day is None
    for one, following in pairwise(periods):
        assert one.last_day is not None
        assert following.first_day == one.last_day + ONE_DAY


@settings(deadline=None)
@given(histories(), KNOWN_DAYS, INSTANTS)
def test_in_force_always_has_a_grant_and_an_end_that_is_not_past(
    history: list[DecisionFacts], day: date, known_at: datetime
) -> None:
    found = rules.standing_on(history, day, known_at=known_at)

    if found.status is DerogationStatus.IN_FORCE:
        assert found.valid_until is not None
        assert found.since is not None
        assert found.since <= day <= found.valid_until
        assert any(d.kind is DecisionKind.GRANTED and d.effective_from <= day for d in history)
        after = rules.standing_on(history, found.valid_until + ONE_DAY, known_at=known_at)
        assert after.status is not DerogationStatus.IN_FORCE


TODAY = date(2024, 7, 1)


def check(new: DecisionFacts, *recorded: DecisionFacts, changes_scope: bool = False, has_note: bool = False) -> None:
    rules.check_decision(recorded, new, today=TODAY, changes_scope=changes_scope, has_note=has_note)


def test_the_decisions_of_a_life_may_be_recorded_one_after_the_other() -> None:
    life = [
        GRANT,
        decision(DecisionKind.SUSPENDED, date(2024, 4, 1), id=2),
        decision(DecisionKind.REINSTATED, date(2024, 4, 8), id=3),
        decision(DecisionKind.CONDITIONS_CHANGED, date(2024, 4, 8), id=4, patient_cap=5),
        decision(DecisionKind.EXTENDED, END + ONE_DAY, date(2025, 7, 26), id=5, decided_on=TODAY),
        decision(DecisionKind.WITHDRAWN, date(2024, 12, 1), id=6),
        decision(DecisionKind.GRANTED, date(2025, 1, 1), date(2025, 12, 31), id=7),
    ]

    for count, new in enumerate(life):
        check(new, *life[:count])


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (decision(DecisionKind.EXTENDED, date(2024, 7, 1), date(2024, 6, 30), id=2), "valid_until"),
        (decision(DecisionKind.EXTENDED, END, END, id=2), "valid_until"),
        (decision(DecisionKind.EXTENDED, END, END + ONE_DAY, id=2, decided_on=TODAY + ONE_DAY), "decided_on"),
        (decision(DecisionKind.EXTENDED, END, date(2062, 1, 1), id=2), "valid_until"),
        (decision(DecisionKind.EXTENDED, date(204, 7, 1), date(2024, 8, 1), id=2), "effective_from"),
    ],
)
def test_impossible_dates_are_refused_at_their_field(new: DecisionFacts, field: str) -> None:
    with pytest.raises(terms.DecisionDatesWrong) as refusal:
        check(new, GRANT)

    assert list(refusal.value.fields) == [field]


def test_the_shortest_extension_is_one_day() -> None:
    check(decision(DecisionKind.EXTENDED, END, END + ONE_DAY, id=2, decided_on=TODAY), GRANT)


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (decision(DecisionKind.SUSPENDED, FROM, END, id=2), "valid_until"),
        (decision(DecisionKind.EXTENDED, FROM, id=2), "valid_until"),
        (decision(DecisionKind.CONDITIONS_CHANGED, FROM, id=2, patient_cap=0), "patient_cap"),
        (decision(DecisionKind.SCOPE_CHANGED, FROM, id=2), "note"),
    ],
)
def test_an_incomplete_decision_is_refused_at_its_field(new: DecisionFacts, field: str) -> None:
    with pytest.raises(rules.DecisionIncomplete) as refusal:
        check(new, GRANT)

    assert list(refusal.value.fields) == [field]


def test_a_change_in_words_or_of_references_is_complete() -> None:
    new = decision(DecisionKind.SCOPE_CHANGED, FROM, id=2)

    check(new, GRANT, has_note=True)
    check(new, GRANT, changes_scope=True)


REFUSAL = decision(DecisionKind.REFUSED, FROM)
WITHDRAWAL = decision(DecisionKind.WITHDRAWN, date(2024, 5, 1), id=9)
SUSPENSION = decision(DecisionKind.SUSPENDED, date(2024, 5, 1), id=9)


@pytest.mark.parametrize(
    ("new", "recorded"),
    [
        (decision(DecisionKind.EXTENDED, FROM, END, id=2), []),
        (decision(DecisionKind.EXTENDED, FROM, END, id=2), [REFUSAL]),
        (decision(DecisionKind.EXTENDED, END, END + ONE_DAY, id=2), [GRANT, WITHDRAWAL]),
        (decision(DecisionKind.EXTENDED, FROM - ONE_DAY, END + ONE_DAY, id=2), [GRANT]),
        (decision(DecisionKind.GRANTED, END, date(2025, 7, 26), id=2), [GRANT]),
        (decision(DecisionKind.GRANTED, END + ONE_DAY, date(2025, 7, 26), id=2), [GRANT, SUSPENSION]),
        (decision(DecisionKind.SUSPENDED, END + ONE_DAY, id=2), [GRANT]),
        (decision(DecisionKind.SUSPENDED, END, id=2), [GRANT, SUSPENSION]),
        (decision(DecisionKind.REINSTATED, END, id=2), [GRANT]),
        (decision(DecisionKind.REINSTATED, SUSPENSION.effective_from, id=2), [GRANT, SUSPENSION]),
        (decision(DecisionKind.WITHDRAWN, FROM, id=2), []),
        (decision(DecisionKind.WITHDRAWN, FROM - ONE_DAY, id=2), [GRANT]),
        (decision(DecisionKind.WITHDRAWN, END, id=2), [GRANT, WITHDRAWAL]),
        (decision(DecisionKind.GRANTED, WITHDRAWAL.effective_from, END, id=2), [GRANT, WITHDRAWAL]),
        (decision(DecisionKind.CONDITIONS_CHANGED, FROM, id=2, patient_cap=3), [REFUSAL]),
    ],
)
def test_a_decision_that_contradicts_the_others_is_refused(new: DecisionFacts, recorded: list[DecisionFacts]) -> None:
    with pytest.raises(rules.DecisionContradicts):
        check(new, *recorded)


def test_the_same_decision_is_not_recorded_twice() -> None:
    with pytest.raises(rules.AlreadyRecorded):
        check(decision(DecisionKind.GRANTED, FROM, date(2025, 1, 1), id=2), GRANT)


def test_a_correction_takes_the_place_of_the_decision_it_names() -> None:
    check(decision(DecisionKind.GRANTED, FROM, date(2024, 6, 26), id=2, corrects_id=GRANT.id), GRANT)


def test_a_decision_is_corrected_once() -> None:
    corrected = decision(DecisionKind.GRANTED, FROM, date(2024, 6, 26), id=2, corrects_id=GRANT.id)

    with pytest.raises(rules.CorrectionRefused):
        check(decision(DecisionKind.GRANTED, FROM, date(2024, 6, 27), id=3, corrects_id=GRANT.id), GRANT, corrected)


def test_a_decision_of_another_derogation_cannot_be_corrected() -> None:
    with pytest.raises(rules.CorrectionRefused):
        check(decision(DecisionKind.GRANTED, FROM, END, id=3, corrects_id=UUID(int=77)), GRANT)


def test_every_kind_of_decision_says_why_it_is_not_possible() -> None:
    for kind, allowed in rules._ALLOWED.items():
        for refused in set(DerogationStatus) - set(allowed):
            assert rules._WHY_NOT.get((kind, refused)) or rules._WHY_NOT[kind, None]


def test_a_period_is_a_value() -> None:
    assert Period(None, None, DerogationStatus.UNKNOWN, None, None, None) == rules.periods_of([], known_at=LATER)[0]


def test_changed_conditions_may_say_nothing_else() -> None:
    conditions = Conditions(criteria=("adult",))

    check(decision(DecisionKind.CONDITIONS_CHANGED, TODAY, id=2, conditions=conditions), GRANT)
