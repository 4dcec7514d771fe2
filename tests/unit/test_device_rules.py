"""Rules of one unit: its events, its holds, its shelf life."""

import enum
from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from tracker.catalogue.rules import DeviceKind
from tracker.devices import rules
from tracker.devices.rules import (
    EntryMethod,
    Event,
    EventNotPossible,
    Finding,
    HoldCause,
    HoldNotPossible,
    ReasonMissing,
    UnitOnHold,
    UnitPastShelfLife,
    UnitState,
)

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize("event", list(Event))
@pytest.mark.parametrize("state", [None, *UnitState])
def test_an_event_happens_only_from_the_states_of_the_table(event: Event, state: UnitState | None) -> None:
    origins, result = rules.TRANSITIONS[event]

    if state in origins:
        assert rules.state_after(event, state) is (result or state)
    else:
        with pytest.raises(EventNotPossible):
            rules.state_after(event, state)


def test_only_equipment_and_software_stay_in_service_after_a_use() -> None:
    stays = {kind for kind in DeviceKind if rules.use_event(kind) is rules.Event.USE_IN_SERVICE}

    assert stays == {DeviceKind.EQUIPMENT, DeviceKind.SOFTWARE}
    assert all(rules.state_after(rules.Event.USE_IN_SERVICE, state) is state for state in rules.USABLE)


def test_only_released_or_delivered_units_without_hold_may_be_used() -> None:
    usable = {(state, holds) for state in UnitState for holds in (0, 1, 2) if rules.is_usable(state, holds)}

    assert usable == {(UnitState.RELEASED, 0), (UnitState.DELIVERED, 0)}


@pytest.mark.parametrize(
    ("expiration_date", "is_past"),
    [(None, False), (TODAY, False), (TODAY + timedelta(1), False), (TODAY - timedelta(1), True)],
)
def test_the_last_day_of_use_counts_itself(expiration_date: date | None, is_past: bool) -> None:  # noqa: FBT001
    assert rules.is_past(expiration_date, TODAY) is is_past


def test_a_released_unit_on_its_last_day_may_be_delivered() -> None:
    state = rules.check_deliverable(UnitState.RELEASED, open_hold_count=0, expiration_date=TODAY, today=TODAY)

    assert state is UnitState.DELIVERED


def test_a_unit_on_hold_is_not_delivered_whatever_its_state() -> None:
    for state in UnitState:
        with pytest.raises(UnitOnHold):
            rules.check_deliverable(state, open_hold_count=1, expiration_date=None, today=TODAY)


def test_a_unit_past_its_shelf_life_is_not_delivered() -> None:
    with pytest.raises(UnitPastShelfLife):
        rules.check_deliverable(
            UnitState.RELEASED, open_hold_count=0, expiration_date=TODAY - timedelta(1), today=TODAY
        )


@pytest.mark.parametrize("state", sorted(set(UnitState) - {UnitState.RELEASED}))
def test_only_a_released_unit_is_delivered(state: UnitState) -> None:
    with pytest.raises(EventNotPossible):
        rules.check_deliverable(state, open_hold_count=0, expiration_date=None, today=TODAY)


@pytest.mark.parametrize("state", list(UnitState))
def test_a_hold_reaches_only_units_that_are_here(state: UnitState) -> None:
    if state in {UnitState.QUARANTINED, UnitState.RELEASED, UnitState.DELIVERED}:
        rules.check_holdable(state)
    else:
        with pytest.raises(HoldNotPossible):
            rules.check_holdable(state)


def test_a_reason_of_spaces_is_none() -> None:
    with pytest.raises(ReasonMissing):
        rules.check_reason(" \t\n")

    assert rules.check_reason("  seal broken ") == "seal broken"


@pytest.mark.parametrize(
    ("labels", "codes"),
    [
        (rules.EVENT_LABELS, Event),
        (rules.ENTRY_LABELS, EntryMethod),
        (rules.CAUSE_LABELS, HoldCause),
        (rules.STATE_LABELS, UnitState),
    ],
)
def test_every_code_has_a_word(labels: Mapping[enum.StrEnum, str], codes: type[enum.StrEnum]) -> None:
    assert set(labels) == set(codes)


def test_a_finding_is_stored_as_its_code_and_its_data() -> None:
    assert Finding("shelf-life-past", {"expired_on": "2026-03-01"}).as_json() == {
        "code": "shelf-life-past",
        "data": {"expired_on": "2026-03-01"},
    }
