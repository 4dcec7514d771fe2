"""What is asked of a failed implantation and of an explantation."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from tracker.catalogue.rules import DeviceKind
from tracker.devices.rules import UnitState
from tracker.outcomes.rules import (
    EXPLANTATION_LABELS,
    FAILURE_LABELS,
    FATE_LABELS,
    STAGE_LABELS,
    ExplantationCause,
    ExplantationInvalid,
    FailureCause,
    FailureInvalid,
    Fate,
    NewExplantation,
    NewFailure,
    NotImplantable,
    Stage,
    check_explantation,
    check_failure,
    may_explant,
)

TODAY, YESTERDAY, SOMEBODY = date(2026, 3, 2), date(2026, 3, 1), UUID(int=1)
FAILURE = NewFailure("T590000000017", TODAY, Stage.OPENED, FailureCause.DROPPED, SOMEBODY, SOMEBODY)
EXPLANTATION = NewExplantation(TODAY, ExplantationCause.PAIN, SOMEBODY)


def fail(new: NewFailure, kind: DeviceKind = DeviceKind.IMPLANT) -> None:
    check_failure(new, kind=kind, received_on=YESTERDAY, today=TODAY)


def explant(new: NewExplantation, kind: DeviceKind = DeviceKind.IMPLANT) -> None:
    check_explantation(new, kind=kind, used_on=YESTERDAY, today=TODAY)


def test_every_code_has_its_words() -> None:
    labels = (STAGE_LABELS, FAILURE_LABELS, EXPLANTATION_LABELS, FATE_LABELS)

    assert [set(words) for words in labels] == [set(Stage), set(FailureCause), set(ExplantationCause), set(Fate)]


def test_a_unit_that_fell_before_anybody_was_there_names_no_patient() -> None:
    fail(FAILURE)
    fail(replace(FAILURE, failed_on=YESTERDAY, patient_id=SOMEBODY))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"stage": Stage.TRIED}, "patient_ipp"),
        ({"cause": FailureCause.OTHER}, "note"),
        ({"failed_on": TODAY + timedelta(1)}, "failed_on"),
        ({"failed_on": YESTERDAY - timedelta(1)}, "failed_on"),
    ],
)
def test_what_a_failure_lacks_is_said_at_its_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(FailureInvalid) as refused:
        fail(replace(FAILURE, **changes))  # type: ignore[arg-type] # names of fields

    assert set(refused.value.fields) == {field}


@pytest.mark.parametrize("kind", [DeviceKind.EQUIPMENT, DeviceKind.SOFTWARE])
def test_equipment_and_software_do_not_fail_to_be_implanted(kind: DeviceKind) -> None:
    with pytest.raises(NotImplantable):
        fail(FAILURE, kind)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"explanted_on": TODAY + timedelta(1)}, "explanted_on"),
        ({"explanted_on": YESTERDAY - timedelta(1)}, "explanted_on"),
        ({"operator_id": None}, "elsewhere"),
        ({"elsewhere": "Dr Else, Lyon"}, "elsewhere"),
        ({"cause": ExplantationCause.OTHER}, "note"),
    ],
)
def test_what_an_explantation_lacks_is_said_at_its_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(ExplantationInvalid) as refused:
        explant(replace(EXPLANTATION, **changes))  # type: ignore[arg-type] # names of fields

    assert set(refused.value.fields) == {field}


def test_only_a_used_implant_is_taken_out() -> None:
    explant(EXPLANTATION)
    explant(replace(EXPLANTATION, operator_id=None, elsewhere="Dr Else, Lyon", explanted_on=YESTERDAY))
    for kind in set(DeviceKind) - {DeviceKind.IMPLANT}:
        with pytest.raises(NotImplantable):
            explant(EXPLANTATION, kind)
    explantable = {(kind, state) for kind in DeviceKind for state in UnitState if may_explant(kind, state)}
    assert explantable == {(DeviceKind.IMPLANT, UnitState.USED)}
