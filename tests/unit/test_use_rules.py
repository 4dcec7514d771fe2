"""The gate: each reason that closes it, and both sides of each date."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.consents.rules import ConsentState
from tracker.derogations.rules import DerogationKind, DerogationStatus
from tracker.devices.rules import STATE_LABELS, USABLE, Finding, UnitState
from tracker.terms.rules import Conditions, FollowUp
from tracker.use.rules import (
    FINDINGS,
    INTERVENTION_LABELS,
    SIDE_LABELS,
    CoverageFacts,
    GateFacts,
    Intervention,
    Side,
    UseDayInvalid,
    UseRefused,
    check_day,
    check_time,
    decide,
    instant_of,
    use_instant,
    worded,
)

TODAY = date(2026, 3, 2)
MARIE, PAUL = UUID(int=1), UUID(int=2)
COVERAGE = CoverageFacts(
    kind=DerogationKind.PARTIAL_REVISION,
    status=DerogationStatus.IN_FORCE,
    valid_until=date(2026, 12, 31),
    is_listed=True,
    has_list=True,
    partial_revision_only=True,
    implanted_system="SCORE knee",
    patient_id=None,
    patient_cap=None,
    other_patient_count=0,
)
FACTS = GateFacts(
    unit_state=UnitState.DELIVERED,
    hold_reasons=(),
    expiration_date=date(2028, 1, 31),
    reference="1-020163C",
    day=TODAY,
    patient_id=MARIE,
    coverage=COVERAGE,
    consent=ConsentState.OBTAINED,
    intervention=Intervention.PARTIAL_REVISION,
    implanted_system="SCORE, 2011",
)


def reasons(facts: GateFacts) -> list[str]:
    """Return the codes that close the gate."""
    gate = decide(facts)
    codes = [finding.code for finding in gate.findings if FINDINGS[finding.code].blocks]
    assert gate.is_open == (not codes)
    assert gate.blocking_count == len(codes)
    return codes


def under(**changes: object) -> GateFacts:
    return replace(FACTS, coverage=replace(COVERAGE, **changes))  # type: ignore[arg-type] # names of fields


def remarks(facts: GateFacts) -> list[str]:
    return [finding.code for finding in decide(facts).findings if not FINDINGS[finding.code].blocks]


def test_the_gate_opens_when_everything_holds() -> None:
    assert reasons(FACTS) == []
    assert remarks(FACTS) == ["derogation-in-force", "implanted-system-to-compare", "consent-in-force"]


@pytest.mark.parametrize("state", list(UnitState))
def test_only_a_released_or_delivered_unit_passes(state: UnitState) -> None:
    expected = [] if state in USABLE else ["unit-already-used" if state is UnitState.USED else "unit-not-released"]

    assert reasons(replace(FACTS, unit_state=state)) == expected


def test_each_open_hold_is_a_reason() -> None:
    assert reasons(replace(FACTS, hold_reasons=("seal broken", "lot-on-hold"))) == ["unit-on-hold", "unit-on-hold"]


@pytest.mark.parametrize(
    ("expiration", "expected"),
    [(None, []), (TODAY, []), (TODAY + timedelta(days=1), []), (TODAY - timedelta(days=1), ["shelf-life-past"])],
)
def test_the_last_day_of_shelf_life_counts(expiration: date | None, expected: list[str]) -> None:
    assert reasons(replace(FACTS, expiration_date=expiration)) == expected


def test_without_any_derogation_nothing_is_asked_of_the_consent() -> None:
    assert reasons(replace(FACTS, coverage=None, consent=ConsentState.NOT_ASKED)) == ["derogation-none"]


def test_a_reference_outside_the_list_is_the_one_reason() -> None:
    assert reasons(under(is_listed=False)) == ["reference-not-listed"]
    assert remarks(under(is_listed=False)) == []


def test_a_scope_in_words_must_have_been_read() -> None:
    assert reasons(under(is_listed=False, has_list=False)) == ["scope-reading-missing"]


@pytest.mark.parametrize("status", list(DerogationStatus))
def test_only_a_derogation_in_force_passes(status: DerogationStatus) -> None:
    expected = [] if status is DerogationStatus.IN_FORCE else [f"derogation-{status.value.replace('_', '-')}"]

    assert reasons(under(status=status)) == expected


def test_an_individual_derogation_opens_for_its_patient_alone() -> None:
    own = under(kind=DerogationKind.INDIVIDUAL, patient_id=MARIE)

    assert reasons(own) == []
    assert reasons(replace(own, patient_id=PAUL)) == ["patient-mismatch"]


def test_an_individual_derogation_without_patient_opens_for_nobody() -> None:
    assert reasons(under(kind=DerogationKind.INDIVIDUAL)) == ["individual-patient-missing"]


@pytest.mark.parametrize("others", [0, 1, 2, 3])
def test_the_last_place_under_a_cap_may_be_taken_once(others: int) -> None:
    expected = [] if others < 2 else ["patient-cap-reached"]

    assert reasons(under(patient_cap=2, other_patient_count=others)) == expected


def test_a_cap_of_nobody_lets_nobody_through() -> None:
    assert reasons(under(patient_cap=0)) == ["patient-cap-reached"]


@pytest.mark.parametrize("intervention", list(Intervention))
def test_a_partial_revision_derogation_covers_nothing_else(intervention: Intervention) -> None:
    expected = [] if intervention is Intervention.PARTIAL_REVISION else ["partial-revision-only"]

    assert reasons(replace(FACTS, intervention=intervention)) == expected


@pytest.mark.parametrize("intervention", list(Intervention))
def test_another_derogation_covers_every_intervention(intervention: Intervention) -> None:
    facts = replace(under(partial_revision_only=False, implanted_system=""), intervention=intervention)

    assert reasons(facts) == []
    assert remarks(facts) == ["derogation-in-force", "consent-in-force"]


def test_a_partial_revision_names_the_implanted_system() -> None:
    assert reasons(replace(FACTS, implanted_system=" ")) == ["implanted-system-missing"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (ConsentState.NOT_ASKED, ["consent-missing"]),
        (ConsentState.INFORMED, ["consent-undecided"]),
        (ConsentState.REFUSED, ["consent-refused"]),
        (ConsentState.WITHDRAWN, ["consent-withdrawn"]),
        (ConsentState.EMERGENCY, []),
        (ConsentState.OBTAINED, []),
    ],
)
def test_only_a_consent_or_an_emergency_passes(state: ConsentState, expected: list[str]) -> None:
    assert reasons(replace(FACTS, consent=state)) == expected


def test_an_emergency_leaves_the_duty_to_inform() -> None:
    assert "consent-emergency" in remarks(replace(FACTS, consent=ConsentState.EMERGENCY))


def test_reasons_against_come_first_and_none_is_lost() -> None:
    facts = replace(
        under(status=DerogationStatus.ENDED, patient_id=PAUL),
        unit_state=UnitState.QUARANTINED,
        hold_reasons=("seal broken",),
        expiration_date=date(2026, 1, 1),
        consent=ConsentState.REFUSED,
        intervention=Intervention.COMPLETE_REPLACEMENT,
    )

    assert [finding.code for finding in decide(facts).findings] == [
        "unit-not-released",
        "unit-on-hold",
        "shelf-life-past",
        "derogation-ended",
        "patient-mismatch",
        "partial-revision-only",
        "consent-refused",
    ]


coverages = st.none() | st.builds(
    CoverageFacts,
    kind=st.sampled_from(DerogationKind),
    status=st.sampled_from(DerogationStatus),
    valid_until=st.none() | st.dates(),
    is_listed=st.booleans(),
    has_list=st.booleans(),
    partial_revision_only=st.booleans(),
    implanted_system=st.sampled_from(["", "SCORE knee"]),
    patient_id=st.sampled_from([None, MARIE, PAUL]),
    patient_cap=st.none() | st.integers(0, 3),
    other_patient_count=st.integers(0, 3),
)
gates = st.builds(
    GateFacts,
    unit_state=st.sampled_from(UnitState),
    hold_reasons=st.lists(st.sampled_from(["seal broken", "lot-on-hold"]), max_size=2).map(tuple),
    expiration_date=st.none() | st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    reference=st.just("1-020163C"),
    day=st.just(TODAY),
    patient_id=st.just(MARIE),
    coverage=coverages,
    consent=st.sampled_from(ConsentState),
    intervention=st.sampled_from(Intervention),
    implanted_system=st.sampled_from(["", "SCORE, 2011"]),
)


@given(gates)
def test_an_open_gate_means_that_every_condition_holds(facts: GateFacts) -> None:
    """The design's list (section 1, step 7), said a second time and otherwise."""
    found = facts.coverage
    holds = (
        facts.unit_state in {UnitState.RELEASED, UnitState.DELIVERED}
        and not facts.hold_reasons
        and (facts.expiration_date is None or facts.day <= facts.expiration_date)
        and found is not None
        and found.is_listed
        and found.status is DerogationStatus.IN_FORCE
        and (found.patient_id == facts.patient_id or (found.patient_id is None and found.kind.value != "individual"))
        and (found.patient_cap is None or found.other_patient_count < found.patient_cap)
        and (facts.intervention is Intervention.PARTIAL_REVISION or not found.partial_revision_only)
        and (facts.intervention is not Intervention.PARTIAL_REVISION or bool(facts.implanted_system))
        and facts.consent in {ConsentState.OBTAINED, ConsentState.EMERGENCY}
    )

    assert decide(facts).is_open == holds


@given(gates)
def test_every_finding_can_be_said_in_words(facts: GateFacts) -> None:
    for finding in decide(facts).findings:
        words = worded(finding, translate=str, day=date.isoformat)

        assert words.sentence
        assert "%" not in words.sentence + words.next_step
        assert words.source


def test_words_show_dates_states_and_reasons_as_people_read_them() -> None:
    data = {"valid_until": "2025-12-31"}
    ended = worded(Finding("derogation-ended", data), translate=str, day=lambda day: f"{day:%d/%m/%Y}")
    state = worded(Finding("unit-not-released", {"state": "quarantined"}), translate=str, day=date.isoformat)
    hold = worded(Finding("unit-on-hold", {"reason": "lot-on-hold expiry-conflict"}), translate=str, day=str)

    assert ended.sentence == "The derogation ended on 31/12/2025."
    assert STATE_LABELS[UnitState.QUARANTINED] in state.sentence
    assert hold.sentence == "This unit is on hold: the lot is on hold, two expiry dates disagree"


def test_a_refusal_says_its_first_reason_and_explains_those_against() -> None:
    gate = decide(replace(FACTS, consent=ConsentState.REFUSED, hold_reasons=("seal broken",)))
    refused = UseRefused(gate.findings)

    assert str(refused) == "This unit is on hold: seal broken"
    assert refused.next_step
    assert [reason["code"] for reason in refused.explain(str)] == ["unit-on-hold", "consent-refused"]


@pytest.mark.parametrize("day", [TODAY, TODAY - timedelta(days=1), date(2026, 1, 10)])
def test_a_day_of_use_lies_between_receipt_and_today(day: date) -> None:
    check_day(day, today=TODAY, received_on=date(2026, 1, 10))


@pytest.mark.parametrize("day", [TODAY + timedelta(days=1), date(2026, 1, 9)])
def test_a_day_outside_is_refused_at_its_field(day: date) -> None:
    with pytest.raises(UseDayInvalid) as refused:
        check_day(day, today=TODAY, received_on=date(2026, 1, 10))

    assert set(refused.value.fields) == {"used_on"}


def test_a_consent_must_stand_now_or_at_the_end_of_a_day_that_is_over() -> None:
    now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    assert instant_of(TODAY, None, now=now) == now
    assert instant_of(TODAY + timedelta(days=3), None, now=now) == now
    assert instant_of(date(2026, 3, 1), None, now=now) == datetime(2026, 3, 1, 23, 0, tzinfo=UTC)  # midnight in Paris
    assert instant_of(date(2025, 7, 1), None, now=now) == datetime(2025, 7, 1, 22, 0, tzinfo=UTC)  # in summer


def test_every_code_has_words() -> None:
    assert set(SIDE_LABELS) == set(Side)
    assert set(INTERVENTION_LABELS) == set(Intervention)


CONDITIONS = Conditions(
    sites=("CHU A", "CHU B"), ward_ids=(UUID(int=7),), criteria=("adult", "> 5 kg"), follow_up=(FollowUp(12, "X-ray"),)
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"ward_id": UUID(int=7), "are_criteria_confirmed": True}, []),
        ({"ward_id": UUID(int=8)}, ["ward-not-allowed"]),
        ({"are_criteria_confirmed": False}, ["criteria-unconfirmed"]),
    ],
)
def test_conditions_close_the_gate_once_they_are_asked(changes: dict[str, object], expected: list[str]) -> None:
    facts = replace(under(conditions=CONDITIONS), **changes)  # type: ignore[arg-type] # names of fields

    assert reasons(facts) == expected


def test_another_establishment_is_refused_whatever_the_ward() -> None:
    conditions = Conditions(sites=("CHU A", "CHU B"), is_allowed_here=False)
    facts = replace(under(conditions=conditions), ward_id=UUID(int=7))

    assert reasons(facts) == ["site-not-allowed"]
    first = decide(facts).findings[0]
    assert worded(first, translate=str, day=date.isoformat).sentence.endswith("only: CHU A; CHU B.")


def test_the_criteria_are_told_before_and_after_they_are_confirmed() -> None:
    asked = under(conditions=CONDITIONS)

    assert "criteria-to-confirm" in remarks(asked)
    assert "criteria-confirmed" in remarks(replace(asked, are_criteria_confirmed=True))


def test_the_follow_up_is_told_with_the_day_it_is_due() -> None:
    facts = replace(under(conditions=CONDITIONS), day=date(2024, 2, 29))

    (due,) = [finding for finding in decide(facts).findings if finding.code == "follow-up-required"]

    assert due.data == {"due_on": "2025-02-28", "what": "X-ray"}


@pytest.mark.parametrize(
    ("day", "at", "instant"),
    [
        (date(2026, 3, 2), time(10, 30), datetime(2026, 3, 2, 9, 30, tzinfo=UTC)),
        (date(2026, 7, 2), time(10, 30), datetime(2026, 7, 2, 8, 30, tzinfo=UTC)),
        (date(2026, 3, 29), time(1, 59), datetime(2026, 3, 29, 0, 59, tzinfo=UTC)),
        (date(2026, 3, 29), time(3, 0), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        (date(2026, 10, 25), time(1, 59), datetime(2026, 10, 24, 23, 59, tzinfo=UTC)),
        (date(2026, 10, 25), time(2, 30), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),  # shown twice: the second time
        (date(2026, 10, 25), time(3, 0), datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
    ],
    ids=str,
)
def test_a_time_of_day_is_an_instant_on_the_hospitals_clock(day: date, at: time, instant: datetime) -> None:
    assert use_instant(day, at) == instant
    assert instant_of(day, at, now=datetime(2027, 1, 1, tzinfo=UTC)) == instant


def test_an_hour_that_the_clock_never_showed_is_refused() -> None:
    with pytest.raises(UseDayInvalid) as refused:
        use_instant(date(2026, 3, 29), time(2, 30))

    assert list(refused.value.fields) == ["used_time"]


def test_a_time_that_is_still_to_come_is_refused_but_for_another_clock() -> None:
    now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    check_time(None, now=now)
    check_time(now + timedelta(minutes=5), now=now)
    with pytest.raises(UseDayInvalid):
        check_time(now + timedelta(minutes=6), now=now)
