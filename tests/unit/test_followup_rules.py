"""What may be recorded of an incident that was reported."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from tracker.followups.rules import (
    AnsmReferenceMissing,
    EventFacts,
    EventInvalid,
    EventKind,
    IncidentClosed,
    IncidentNotClosed,
    NotTransmitted,
    Progress,
    check_event,
    check_reference,
    progress_of,
)
from tracker.vigilance.rules import DevicePlace, IncidentState, ReportRecipient

DAY = date(2026, 3, 2)
ANSM, MAKER = ReportRecipient.ANSM, ReportRecipient.MANUFACTURER
RECEIPT = EventFacts(EventKind.ACKNOWLEDGED, DAY, ANSM, "R2612345")
ANSWER = EventFacts(EventKind.ANSWERED, DAY, MAKER, text="Sent back for expertise.")
PLACE = EventFacts(EventKind.DEVICE_PLACED, DAY, text="Safe 3", device_place=DevicePlace.PHARMACY, is_device_kept=True)
CLOSING = EventFacts(EventKind.CLOSED, DAY, text="Impaction outside the instructions.")
REOPENING = EventFacts(EventKind.REOPENED, DAY, text="Second case.")
NOTHING, CLOSED = Progress(), Progress(is_closed=True)


def check(event: EventFacts, *, progress: Progress = NOTHING, state: IncidentState = IncidentState.TRANSMITTED) -> None:
    check_event(event, progress=progress, state=state, declared_on=DAY, today=DAY + timedelta(days=9))


@pytest.mark.parametrize("event", [RECEIPT, ANSWER, PLACE, CLOSING], ids=lambda event: event.kind.value)
def test_what_is_whole_may_be_recorded(event: EventFacts) -> None:
    check(event)


@pytest.mark.parametrize(
    ("event", "changes", "field"),
    [
        (RECEIPT, {"happened_on": DAY - timedelta(days=1)}, "happened_on"),
        (RECEIPT, {"happened_on": DAY + timedelta(days=10)}, "happened_on"),
        (RECEIPT, {"recipient": None}, "recipient"),
        (RECEIPT, {"reference": " "}, "reference"),
        (ANSWER, {"text": " "}, "text"),
        (PLACE, {"device_place": None}, "device_place"),
        (PLACE, {"device_place": DevicePlace.RETURNED}, "is_device_kept"),
        (PLACE, {"text": ""}, "text"),
        (CLOSING, {"text": ""}, "text"),
    ],
)
def test_what_is_missing_or_impossible_is_named(event: EventFacts, changes: dict[str, object], field: str) -> None:
    with pytest.raises(EventInvalid) as refused:
        check(replace(event, **changes))

    assert list(refused.value.fields) == [field]


def test_a_manufacturer_may_acknowledge_without_a_reference_and_answer_by_letter() -> None:
    check(replace(RECEIPT, recipient=MAKER, reference=""))
    check(replace(ANSWER, text="", has_document=True))


@pytest.mark.parametrize("event", [RECEIPT, ANSWER, CLOSING], ids=lambda event: event.kind.value)
@pytest.mark.parametrize("state", [IncidentState.DECLARED, IncidentState.SENDING, IncidentState.NOT_SENT])
def test_nothing_comes_back_before_both_reports_left(event: EventFacts, state: IncidentState) -> None:
    with pytest.raises(NotTransmitted):
        check(event, state=state)


def test_the_place_of_the_device_is_recorded_before_and_after() -> None:
    check(PLACE, state=IncidentState.DECLARED)


def test_a_closed_incident_takes_late_letters_and_its_reopening_only() -> None:
    for event in (RECEIPT, ANSWER, REOPENING):
        check(event, progress=CLOSED)
    for event in (PLACE, CLOSING):
        with pytest.raises(IncidentClosed):
            check(event, progress=CLOSED)
    with pytest.raises(IncidentNotClosed):
        check(REOPENING)


def test_progress_follows_the_events() -> None:
    corrected = replace(RECEIPT, reference="R2612346", happened_on=DAY + timedelta(days=2))

    progress = progress_of([RECEIPT, corrected, ANSWER, PLACE, CLOSING, REOPENING])

    assert progress.acknowledged_on == {ANSM: DAY, MAKER: DAY}
    assert progress.answered_on == {MAKER: DAY}
    assert progress.references == {ANSM: "R2612346"}
    assert (progress.device_place, progress.is_device_kept, progress.is_closed) == (DevicePlace.PHARMACY, True, False)
    assert progress_of([CLOSING]).is_closed


def test_a_complement_needs_ansms_reference_and_an_open_incident() -> None:
    check_reference(progress_of([RECEIPT]))
    with pytest.raises(AnsmReferenceMissing):
        check_reference(progress_of([replace(RECEIPT, recipient=MAKER)]))
    with pytest.raises(IncidentClosed):
        check_reference(progress_of([RECEIPT, CLOSING]))
