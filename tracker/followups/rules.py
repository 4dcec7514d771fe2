"""What may be recorded of an incident that was reported, and what is late. Pure."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from tracker.errors import N_, Conflict, InvalidInput, RuleRefused
from tracker.vigilance.rules import DevicePlace, IncidentState, ReportRecipient


class EventKind(enum.StrEnum):
    """What happened to an incident after its report. Stored: a change needs a migration."""

    ACKNOWLEDGED = "acknowledged"
    ANSWERED = "answered"
    DEVICE_PLACED = "device_placed"
    CLOSED = "closed"
    REOPENED = "reopened"


KIND_LABELS: Mapping[EventKind, str] = {
    EventKind.ACKNOWLEDGED: N_("Acknowledged"),
    EventKind.ANSWERED: N_("Answered"),
    EventKind.DEVICE_PLACED: N_("Device placed"),
    EventKind.CLOSED: N_("Closed with its conclusion"),
    EventKind.REOPENED: N_("Opened again"),
}
_OUT_OF_REACH = frozenset({DevicePlace.IN_PATIENT, DevicePlace.RETURNED, DevicePlace.DESTROYED})


class EventInvalid(InvalidInput):
    """Something of an event is missing or impossible; nothing was written."""

    code = "followup-invalid"


class NotTransmitted(Conflict):
    """The incident was not transmitted yet: nobody can have acknowledged it."""

    code = "followup-not-transmitted"


class IncidentClosed(Conflict):
    """The incident is closed; it is opened again first."""

    code = "incident-closed"


class IncidentNotClosed(Conflict):
    """The incident is not closed."""

    code = "incident-not-closed"


class AnsmReferenceMissing(RuleRefused):
    """A complement refers to ANSM's reference, which is not recorded yet (domain reference 2.5)."""

    code = "ansm-reference-missing"


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What the rules need of one event."""

    kind: EventKind
    happened_on: date
    recipient: ReportRecipient | None = None
    """Who acknowledged or answered."""
    reference: str = ""
    text: str = ""
    """What was answered, where exactly the device is, the conclusion, why it is opened again."""
    device_place: DevicePlace | None = None
    is_device_kept: bool | None = None
    has_document: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the follow-up of an incident is, from its events in the order of their recording."""

    acknowledged_on: Mapping[ReportRecipient, date] = field(default_factory=dict)
    answered_on: Mapping[ReportRecipient, date] = field(default_factory=dict)
    references: Mapping[ReportRecipient, str] = field(default_factory=dict)
    device_place: DevicePlace | None = None
    """None: where the declaration says."""
    is_device_kept: bool | None = None
    is_closed: bool = False


def progress_of(events: Iterable[EventFacts]) -> Progress:
    """Return how far the follow-up is; of two references or places, the one recorded last stands."""
    acknowledged: dict[ReportRecipient, date] = {}
    answered: dict[ReportRecipient, date] = {}
    references: dict[ReportRecipient, str] = {}
    place: DevicePlace | None = None
    is_kept: bool | None = None
    is_closed = False
    for event in events:
        if event.recipient is not None and event.reference:
            references[event.recipient] = event.reference
        if event.kind is EventKind.ACKNOWLEDGED and event.recipient is not None:
            acknowledged.setdefault(event.recipient, event.happened_on)
        elif event.kind is EventKind.ANSWERED and event.recipient is not None:
            answered.setdefault(event.recipient, event.happened_on)
            acknowledged.setdefault(event.recipient, event.happened_on)  # who answers has received
        elif event.kind is EventKind.DEVICE_PLACED:
            place, is_kept = event.device_place, event.is_device_kept
        elif event.kind in {EventKind.CLOSED, EventKind.REOPENED}:
            is_closed = event.kind is EventKind.CLOSED
    return Progress(acknowledged, answered, references, place, is_kept, is_closed)


def check_event(event: EventFacts, *, progress: Progress, state: IncidentState, declared_on: date, today: date) -> None:
    """Check that an event can be recorded.

    Raises:
        EventInvalid: each field that is missing or impossible is named.
        NotTransmitted: an acknowledgement, an answer or a closing before the reports were sent.
        IncidentClosed: nothing but late letters is recorded on a closed incident.
        IncidentNotClosed: it cannot be opened again.
    """
    _check_order(event, progress, state)
    fields = dict([*_day_problems(event, declared_on, today), *_content_problems(event)])
    if fields:
        raise EventInvalid(
            N_("This step cannot be recorded like this. Nothing was written."),
            fields=fields,
            next_step=N_("Correct the fields named below; what you typed is kept."),
        )


def _check_order(event: EventFacts, progress: Progress, state: IncidentState) -> None:
    of_recipient = event.kind in {EventKind.ACKNOWLEDGED, EventKind.ANSWERED}
    if (of_recipient or event.kind is EventKind.CLOSED) and state is not IncidentState.TRANSMITTED:
        raise NotTransmitted(
            N_("The reports were not sent yet."), next_step=N_("Transmit the incident and wait until both have left.")
        )
    if event.kind is EventKind.REOPENED and not progress.is_closed:
        raise IncidentNotClosed(N_("The incident is not closed."))
    if progress.is_closed and not of_recipient and event.kind is not EventKind.REOPENED:
        raise IncidentClosed(N_("The incident is closed."), next_step=N_("Open it again, with the reason."))


def _day_problems(event: EventFacts, declared_on: date, today: date) -> Iterable[tuple[str, str]]:
    if event.happened_on > today:
        yield "happened_on", N_("This day is in the future.")
    elif event.happened_on < declared_on:
        yield "happened_on", N_("The incident was not declared yet on this day.")


def _content_problems(event: EventFacts) -> Iterable[tuple[str, str]]:
    kind = event.kind
    if kind in {EventKind.ACKNOWLEDGED, EventKind.ANSWERED} and event.recipient is None:
        yield "recipient", N_("Say who it comes from.")
    is_ansm = kind is EventKind.ACKNOWLEDGED and event.recipient is ReportRecipient.ANSM
    if is_ansm and not event.reference.strip():
        yield "reference", N_("Write ANSM's reference: a complement refers to it.")
    if kind is EventKind.ANSWERED and not (event.text.strip() or event.has_document):
        yield "text", N_("Say what was answered, or add the letter.")
    if kind in {EventKind.CLOSED, EventKind.REOPENED} and not event.text.strip():
        yield "text", N_("Write the conclusion.") if kind is EventKind.CLOSED else N_("Write the reason.")
    if kind is EventKind.DEVICE_PLACED:
        yield from _place_problems(event)


def _place_problems(event: EventFacts) -> Iterable[tuple[str, str]]:
    if event.device_place is None:
        yield "device_place", N_("Say where the device is.")
    elif event.is_device_kept and event.device_place in _OUT_OF_REACH:
        yield "is_device_kept", N_("A device that is in the patient, returned or destroyed is not kept for expertise.")
    elif event.is_device_kept and not event.text.strip():
        yield "text", N_("Say exactly where it is kept: safe, shelf, box.")


def check_reference(progress: Progress) -> None:
    """Check that a complement can refer to the first report.

    Raises:
        AnsmReferenceMissing: ANSM's reference is not recorded.
        IncidentClosed: the incident is closed.
    """
    if progress.is_closed:
        raise IncidentClosed(N_("The incident is closed."), next_step=N_("Open it again, with the reason."))
    if not progress.references.get(ReportRecipient.ANSM):
        raise AnsmReferenceMissing(
            N_("ANSM's reference of this incident is not recorded: a complement without it is not understood."),
            next_step=N_("Record ANSM's acknowledgement first."),
        )


def sent_before(now: datetime, days: int) -> datetime:
    """Return the instant before which a report must have been sent to be late now.

    No text gives ANSM or the manufacturer a number of days to acknowledge, so it is a setting. Its default, 15, is the
    longest the manufacturer has to report in turn (MDR art. 87(3), domain reference 2.4): silence beyond it means that
    the report may not have been read.
    """
    return now - timedelta(days=days)
