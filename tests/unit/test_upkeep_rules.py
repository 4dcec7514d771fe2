"""What may be recorded of software and equipment in place."""

from datetime import timedelta

import pytest

from tests.bench import LABEL, PATIENT_LABEL
from tests.hospital import TODAY
from tracker.catalogue.rules import DeviceKind
from tracker.devices.rules import UnitState
from tracker.findings.rules import FINDINGS, Outcome
from tracker.upkeep.rules import (
    MOST_PHOTOS,
    Change,
    NewPlace,
    NewUpdate,
    NotSoftware,
    PhotoRefused,
    PhotosFull,
    PhotoShowsPatient,
    PlaceInvalid,
    PlaceNotKept,
    PlaceUnchanged,
    UnitGone,
    UpdateInvalid,
    VersionUnchanged,
    check_photo,
    check_photo_count,
    check_place,
    check_update,
    findings_of_change,
    may_move,
    may_update,
)

UPDATE = NewUpdate("2.1", Change.MINOR, TODAY)
MOVE = NewPlace("Room 3", TODAY)
SOFTWARE = {
    "kind": DeviceKind.SOFTWARE,
    "state": UnitState.RELEASED,
    "present": "2.0",
    "last_on": TODAY - timedelta(3),
    "today": TODAY,
}
EQUIPMENT = SOFTWARE | {"kind": DeviceKind.EQUIPMENT, "present": "Room 2"}


def test_an_update_of_today_is_recorded() -> None:
    check_update(UPDATE, **SOFTWARE)
    check_update(UPDATE, **SOFTWARE | {"present": None, "last_on": None})
    check_update(UPDATE, **SOFTWARE | {"last_on": TODAY})


@pytest.mark.parametrize("kind", set(DeviceKind) - {DeviceKind.SOFTWARE})
def test_only_software_has_versions(kind: DeviceKind) -> None:
    with pytest.raises(NotSoftware):
        check_update(UPDATE, **SOFTWARE | {"kind": kind})
    assert not may_update(kind, UnitState.RELEASED)


@pytest.mark.parametrize("state", [UnitState.USED, UnitState.RETURNED, UnitState.DESTROYED, UnitState.VOIDED])
def test_what_has_left_is_not_updated(state: UnitState) -> None:
    with pytest.raises(UnitGone):
        check_update(UPDATE, **SOFTWARE | {"state": state})
    assert not may_update(DeviceKind.SOFTWARE, state)


@pytest.mark.parametrize("days", [1, -4])
def test_an_update_is_neither_of_the_future_nor_before_the_last_one(days: int) -> None:
    with pytest.raises(UpdateInvalid) as refused:
        check_update(NewUpdate("2.1", Change.MINOR, TODAY + timedelta(days)), **SOFTWARE)

    assert list(refused.value.fields) == ["installed_on"]


def test_the_same_version_is_no_update_and_no_version_is_none() -> None:
    with pytest.raises(VersionUnchanged):
        check_update(NewUpdate(" 2.0 ", Change.MINOR, TODAY).tidied(), **SOFTWARE)
    with pytest.raises(UpdateInvalid) as refused:
        check_update(NewUpdate("  ", Change.MINOR, TODAY).tidied(), **SOFTWARE)
    assert list(refused.value.fields) == ["version"]


@pytest.mark.parametrize("change", list(Change))
def test_only_a_minor_change_leaves_the_device_what_was_covered(change: Change) -> None:
    effects = [FINDINGS[finding.code].effect for finding in findings_of_change(NewUpdate("2.1", change, TODAY))]

    assert effects == ([] if change is Change.MINOR else [Outcome.QUARANTINED])


def test_equipment_and_software_have_a_place_of_their_own() -> None:
    for kind in (DeviceKind.EQUIPMENT, DeviceKind.SOFTWARE):
        check_place(MOVE, **EQUIPMENT | {"kind": kind, "state": UnitState.DELIVERED})
        assert may_move(kind, UnitState.DELIVERED)
    for kind in (DeviceKind.IMPLANT, DeviceKind.CONSUMABLE, DeviceKind.IVD):
        with pytest.raises(PlaceNotKept):
            check_place(MOVE, **EQUIPMENT | {"kind": kind})
        assert not may_move(kind, UnitState.RELEASED)


def test_a_move_needs_another_place_and_a_possible_day() -> None:
    with pytest.raises(PlaceUnchanged):
        check_place(NewPlace("Room 2 ", TODAY).tidied(), **EQUIPMENT)
    with pytest.raises(PlaceInvalid) as refused:
        check_place(NewPlace("", TODAY + timedelta(1)), **EQUIPMENT)
    assert set(refused.value.fields) == {"place", "moved_on"}
    with pytest.raises(UnitGone):
        check_place(MOVE, **EQUIPMENT | {"state": UnitState.RETURNED})


def test_a_photo_is_a_picture_without_a_patient_and_not_one_of_too_many() -> None:
    check_photo(["SOMETHING", LABEL], media_type="image/jpeg", today=TODAY)
    check_photo_count(MOST_PHOTOS - 1)
    with pytest.raises(PhotoRefused):
        check_photo([], media_type="application/pdf", today=TODAY)
    with pytest.raises(PhotoShowsPatient):
        check_photo([LABEL, PATIENT_LABEL], media_type="image/png", today=TODAY)
    with pytest.raises(PhotosFull):
        check_photo_count(MOST_PHOTOS)
