"""The follow-up of incidents for programs."""

from datetime import date, datetime
from uuid import UUID

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.followups import queries, service
from tracker.followups.queries import EventView
from tracker.followups.rules import EventFacts, EventKind, progress_of
from tracker.followups.service import NewComplement, NewEvent
from tracker.vigilance import queries as vigilance
from tracker.vigilance.rules import Basis, CorrespondentPart, DevicePlace, ReportRecipient

api = APIBlueprint(
    "followups_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="vigilance")], abp_security=[{"token": []}]
)


class IncidentPath(BaseModel):
    """One incident."""

    incident_id: UUID


class EventBody(BaseModel):
    """One step to record."""

    id: UUID = Field(description="Made by the client; the same id again is the same step")
    kind: EventKind
    happened_on: date
    recipient: ReportRecipient | None = Field(default=None, description="Who acknowledged or answered")
    reference: str = Field(default="", max_length=100)
    text: str = Field(default="", max_length=4000)
    device_place: DevicePlace | None = None
    is_device_kept: bool | None = None


class EventAnswer(EventBody):
    """One step of the follow-up."""

    document_id: UUID | None
    recorded_at: datetime
    recorded_by_name: str

    @classmethod
    def of(cls, view: EventView) -> dict[str, object]:
        """Return the answer for one step."""
        event = view.event
        return cls(
            id=event.id,
            kind=event.kind,
            happened_on=event.happened_on,
            recipient=event.recipient,
            reference=event.reference,
            text=view.text,
            device_place=event.device_place,
            is_device_kept=event.is_device_kept,
            document_id=event.document_id,
            recorded_at=event.recorded_at,
            recorded_by_name=event.recorded_by_name,
        ).model_dump(mode="json")


class FollowUpAnswer(BaseModel):
    """What became of an incident."""

    is_closed: bool
    references: dict[ReportRecipient, str]
    acknowledged_on: dict[ReportRecipient, date]
    answered_on: dict[ReportRecipient, date]
    events: list[EventAnswer]


class ComplementBody(BaseModel):
    """What is new, for ANSM and for the manufacturer."""

    id: UUID = Field(description="Made by the client; the same id again is the same complement")
    comments: str = Field(min_length=1, max_length=4000, description="Both recipients read it: no name, no number")
    basis: Basis = Basis.MANDATORY


class ComplementAnswer(BaseModel):
    """Both renditions, and the messages that carry them."""

    number: int
    documents: list[UUID]
    messages: list[UUID]


@api.get("/incidents/<uuid:incident_id>/events", summary="Read a follow-up", responses={200: FollowUpAnswer})
@http.requires(Permission.INCIDENT_READ)
def list_events(path: IncidentPath) -> dict[str, object]:
    """Answer what became of an incident."""
    with http.transaction() as session:
        vigilance.get_incident(session, path.incident_id)
        views = queries.list_events(session, path.incident_id)
    progress = progress_of([view.facts for view in views])
    return {
        "is_closed": progress.is_closed,
        "references": dict(progress.references),
        "acknowledged_on": {code: day.isoformat() for code, day in progress.acknowledged_on.items()},
        "answered_on": {code: day.isoformat() for code, day in progress.answered_on.items()},
        "events": [EventAnswer.of(view) for view in views],
    }


@api.post("/incidents/<uuid:incident_id>/events", summary="Record a step", responses={201: EventAnswer})
@http.requires(Permission.INCIDENT_TRANSMIT)
def record_event(path: IncidentPath, body: EventBody) -> tuple[dict[str, object], int]:
    """Record an acknowledgement, an answer, the device's place, the closing or the reopening."""
    now = clock.utc_now()
    with http.transaction() as session:
        event = service.record_event(
            session,
            body.id,
            new=NewEvent(path.incident_id, EventFacts(**body.model_dump(exclude={"id"}))),
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
        return EventAnswer.of(EventView(event, queries.read_text(session, event))), 201


@api.post("/incidents/<uuid:incident_id>/complements", summary="Send a complement", responses={201: ComplementAnswer})
@http.requires(Permission.INCIDENT_TRANSMIT)
def send_complement(path: IncidentPath, body: ComplementBody) -> tuple[dict[str, object], int]:
    """Send a complement that refers to ANSM's reference, to ANSM and to the manufacturer."""
    now = clock.utc_now()
    with http.transaction() as session:
        reports = service.send_complement(
            session,
            body.id,
            new=NewComplement(path.incident_id, CorrespondentPart(body.basis, body.comments.strip())),
            ansm_address=http.web().values["ansm_vigilance_address"],
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
        answer = ComplementAnswer(
            number=reports[0].follow_up,
            documents=[report.document_id for report in reports],
            messages=[report.message_id for report in reports],
        )
    return answer.model_dump(mode="json"), 201
