"""What a request must say, what may follow what, and what the operator must not learn."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from tests.hospital import NOW, TODAY
from tracker.derogations.rules import DerogationKind, Domain
from tracker.patients.rules import Identity
from tracker.requests import rules
from tracker.requests.rules import (
    POINTS,
    TRANSITIONS,
    Alternative,
    RequestDayWrong,
    RequestEventKind,
    RequestFile,
    RequestFileWrong,
    RequestNamesPatient,
    RequestState,
    RequestStateWrong,
)

PATIENT = UUID(int=1)
FULL = RequestFile(
    designation="SCORE",
    domain=Domain.JOINT,
    manufacturer_id=UUID(int=2),
    operator="Amplitude",
    patient_id=PATIENT,
    references=("1-020163C",),
    points={point.code: "text" for point in POINTS},
    alternatives=(Alternative("ANATOMIC", "does not fit"),),
)
SOMEONE = Identity(names=("MARTIN-BRÉANT",), identifiers=("8001234567",), birth_date=date(1956, 3, 12))


def missing(file: RequestFile, kind: DerogationKind = DerogationKind.INDIVIDUAL, *, is_signed: bool = True) -> set[str]:
    return {one.field for one in rules.missing_of(file, kind, is_signed=is_signed)}


def test_the_points_are_the_ten_of_the_notice_in_order() -> None:
    assert [point.number for point in POINTS] == list(range(1, 11))


def test_a_full_file_misses_nothing() -> None:
    assert missing(FULL) == set()


def test_an_empty_file_misses_everything_that_its_kind_needs() -> None:
    general = {"designation", "manufacturer_id", "operator", "references", "alternatives", "signature"}
    points = {point.code for point in POINTS} - {"review", "late_renewal"}

    assert missing(RequestFile(), is_signed=False) == general | points | {"ipp"}
    assert missing(RequestFile(), DerogationKind.GLOBAL, is_signed=False) == general | points | {"review"}


@pytest.mark.parametrize("code", [point.code for point in POINTS if point.code not in {"review", "late_renewal"}])
def test_each_point_is_asked_for(code: str) -> None:
    without = replace(FULL, points={**FULL.points, code: "  "})

    assert missing(without) == {code}


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.code)
def test_the_operator_may_bring_what_is_about_the_device_and_nothing_else(point: rules.Point) -> None:
    brought = replace(
        FULL, points={**FULL.points, point.code: ""}, from_operator=frozenset({point.code}), is_late_renewal=True
    )

    found = missing(replace(brought, patient_id=None), DerogationKind.GLOBAL)

    assert found == (set() if point.from_operator else {point.code})


def test_a_late_renewal_asks_for_the_tenth_point() -> None:
    without = replace(FULL, points={**FULL.points, "late_renewal": ""})

    assert missing(without) == set()
    assert missing(replace(without, is_late_renewal=True)) == {"late_renewal"}


@pytest.mark.parametrize(
    "changed",
    [
        replace(FULL, points={**FULL.points, "need": "other"}),
        replace(FULL, alternatives=()),
        replace(FULL, patient_id=UUID(int=9)),
        replace(FULL, designation="Vent 2"),
    ],
)
def test_a_change_of_what_was_signed_changes_its_hash(changed: RequestFile) -> None:
    assert rules.justification_hash(changed) != rules.justification_hash(FULL)


def test_what_the_operator_brings_is_not_what_the_clinician_signs() -> None:
    changed = replace(FULL, points={**FULL.points, "performance": "other"}, operator="Other", references=())

    assert rules.justification_hash(changed) == rules.justification_hash(FULL)


@pytest.mark.parametrize("kind", TRANSITIONS)
@pytest.mark.parametrize("state", RequestState)
def test_an_event_happens_only_from_the_states_of_the_table(kind: RequestEventKind, state: RequestState) -> None:
    origins, result = TRANSITIONS[kind]

    if state in origins:
        assert rules.state_after(kind, state) is (result or state)
    else:
        with pytest.raises(RequestStateWrong):
            rules.state_after(kind, state)


def test_nothing_follows_an_answer_or_an_end() -> None:
    closed = {RequestState.GRANTED, RequestState.REFUSED, RequestState.ABANDONED}

    assert not any(closed & set(origins) for origins, _result in TRANSITIONS.values())


@pytest.mark.parametrize("day", [0, -3])
def test_a_step_happens_between_the_step_before_and_today(day: int) -> None:
    rules.check_day(TODAY + timedelta(days=day), previous=TODAY - timedelta(days=3), today=TODAY)


@pytest.mark.parametrize("day", [1, -4])
def test_a_step_after_today_or_before_the_step_before_is_refused(day: int) -> None:
    with pytest.raises(RequestDayWrong):
        rules.check_day(TODAY + timedelta(days=day), previous=TODAY - timedelta(days=3), today=TODAY)


def test_only_an_individual_request_names_a_patient() -> None:
    rules.check_file(FULL, DerogationKind.INDIVIDUAL)

    with pytest.raises(RequestFileWrong):
        rules.check_file(FULL, DerogationKind.GLOBAL)


@pytest.mark.parametrize(
    "changed",
    [
        replace(FULL, points={**FULL.points, "need": "Mme Martin-Breant souffre."}),
        replace(FULL, alternatives=(Alternative("ANATOMIC", "essayé chez M. BRÉANT"),)),
        replace(FULL, operator="IPP 800 123 4567"),
    ],
)
def test_a_dossier_that_would_name_the_patient_is_refused(changed: RequestFile) -> None:
    with pytest.raises(RequestNamesPatient):
        rules.check_pseudonymous(changed, (), identity=SOMEONE)


def test_the_title_of_a_document_may_not_name_the_patient_either() -> None:
    rules.check_pseudonymous(FULL, ["Radiographie"], identity=SOMEONE)

    with pytest.raises(RequestNamesPatient):
        rules.check_pseudonymous(FULL, ["Radiographie Martin-Bréant"], identity=SOMEONE)


def test_the_pseudonym_has_nothing_of_the_patient() -> None:
    assert rules.pseudonym(12) == "PATIENT-DD-00012"


def test_silence_is_reminded_of_from_the_last_day_of_patience_on() -> None:
    patience = timedelta(days=30)

    still = [rules.is_still(NOW - timedelta(days=days), now=NOW, patience=patience) for days in (29, 30, 31)]

    assert still == [False, True, True]


@pytest.mark.parametrize("file", [RequestFile(), FULL, replace(FULL, left_out=frozenset({PATIENT}))])
def test_a_file_comes_back_as_it_was_sealed(file: RequestFile) -> None:
    assert rules.file_from_json(rules.file_to_json(file)) == file
