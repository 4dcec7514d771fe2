"""Deliveries for programs: open, announce, record the state on arrival, keep a clinician's reason, close."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field, model_validator

from tracker import clock, http
from tracker.actor import Permission
from tracker.arrivals import queries, service
from tracker.arrivals.models import Reception
from tracker.arrivals.queries import NewReason, NewReception
from tracker.arrivals.rules import (
    COLDEST,
    HOTTEST,
    LONGEST,
    MOST_ANNOUNCED,
    MOST_UNITS,
    AnnouncedLine,
    Closing,
    Conditions,
    DeliveryState,
    Ownership,
    Seen,
)
from tracker.catalogue import queries as catalogue

api = APIBlueprint(
    "arrivals_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="goods-in")], abp_security=[{"token": []}]
)

_TEXT = r"^[^\x00-\x1f\x7f-\x9f]*$"


class ReceptionBody(BaseModel):
    """A delivery to open."""

    id: UUID = Field(description="Made by the client; the same id again is the same delivery")
    supplier: str = Field(min_length=1, max_length=200, pattern=_TEXT)
    delivery_note: str = Field(default="", max_length=100, pattern=_TEXT)
    order_number: str = Field(default="", max_length=100, pattern=_TEXT)
    note: str = Field(default="", max_length=1000, pattern=_TEXT)
    ownership: Ownership = Field(default=Ownership.OWN, description="Whose the devices are until they are used")


class ReceptionPath(BaseModel):
    """One delivery."""

    reception_id: UUID


class ClosingBody(BaseModel):
    """How a delivery is closed."""

    closing: Closing = Closing.COMPLETE

    @model_validator(mode="before")
    @classmethod
    def _complete_without_body(cls, sent: object) -> object:
        return {} if sent is None else sent


_Degrees = Annotated[Decimal, Field(ge=COLDEST, le=HOTTEST, decimal_places=1, description="°C")]


class ConditionsBody(BaseModel):
    """How a delivery looks on arrival."""

    id: UUID = Field(description="Made by the client; the same id again is the same record")
    parcel: Seen = Seen.NOT_CHECKED
    seals: Seen = Seen.NOT_CHECKED
    temperature: Seen = Field(default=Seen.NOT_CHECKED, description="With a measure and a range, the range decides")
    measured: _Degrees | None = None
    lowest: _Degrees | None = None
    highest: _Degrees | None = None
    remark: str = Field(default="", max_length=1000)


class ConditionsAnswer(BaseModel):
    """A record of how a delivery looks."""

    id: UUID
    reception_id: UUID
    parcel: Seen
    seals: Seen
    temperature: Seen
    measured: Decimal | None
    lowest: Decimal | None
    highest: Decimal | None
    remark: str
    at: datetime
    actor_name: str


class AnnouncedLineBody(BaseModel):
    """What is to come of one reference, or of one lot of it."""

    reference: str = Field(min_length=1, max_length=LONGEST, pattern=_TEXT)
    lot: str = Field(default="", max_length=LONGEST, pattern=_TEXT, description="Empty: any lot")
    count: int = Field(ge=1, le=MOST_UNITS)


class AnnouncementBody(BaseModel):
    """The whole list of what a delivery is to hold."""

    id: UUID = Field(description="Made by the client; the same id again is the same list")
    replaces_id: UUID | None = Field(default=None, description="The list that counts now; null for the first")
    lines: list[AnnouncedLineBody] = Field(max_length=MOST_ANNOUNCED)


class AnnouncementAnswer(BaseModel):
    """A list that is kept."""

    id: UUID
    reception_id: UUID
    replaces_id: UUID | None
    lines: list[AnnouncedLineBody]
    unknown_references: list[str] = Field(default=[], description="Not in the catalogue: their boxes will be refused")
    at: datetime
    actor_name: str


class ReasonBody(BaseModel):
    """The written reason with which a clinician ordered under a global derogation."""

    id: UUID = Field(description="Made by the client; the same id again is the same reason")
    derogation_id: UUID
    clinician_name: str = Field(min_length=1, max_length=200, pattern=_TEXT)
    written_on: date
    reason: str = Field(min_length=1, max_length=2000, description="As written; no name of a patient")


class ReasonAnswer(BaseModel):
    """A reason that is kept."""

    id: UUID
    reception_id: UUID
    derogation_id: UUID
    clinician_name: str
    written_on: date
    recorded_at: datetime


class ReceptionAnswer(BaseModel):
    """A delivery."""

    id: UUID
    number: int
    supplier: str
    delivery_note: str
    order_number: str
    opened_at: datetime
    closed_at: datetime | None
    closing: Closing | None
    ownership: Ownership
    rest_of_id: UUID | None = Field(description="The earlier delivery whose rest this one brings")

    @classmethod
    def of(cls, reception: Reception) -> Self:
        """Return the answer for one delivery."""
        return cls(
            id=reception.id,
            number=reception.number,
            supplier=reception.supplier,
            delivery_note=reception.delivery_note,
            order_number=reception.order_number,
            opened_at=reception.opened_at,
            closed_at=reception.closed_at,
            closing=reception.close_reason,
            ownership=reception.ownership,
            rest_of_id=reception.rest_of_id,
        )


class ReceptionsQuery(BaseModel):
    """What the list is narrowed to, and where it begins."""

    state: DeliveryState | None = None
    before: int | None = Field(default=None, ge=0, le=10**12, description="The 'next' of the page before")
    limit: int = Field(default=50, ge=1, le=200)


class ListedReceptionAnswer(ReceptionAnswer):
    """A delivery in the list."""

    state: DeliveryState = Field(description="partial: closed, and the rest is awaited")


class ReceptionsAnswer(BaseModel):
    """One page of deliveries, newest first."""

    items: list[ListedReceptionAnswer]
    next: int | None = Field(description="Number of the last delivery of the page; null on the last page")


@api.get("/receptions", summary="List deliveries", responses={200: ReceptionsAnswer})
@http.requires(Permission.RECEPTION_READ)
def list_receptions(query: ReceptionsQuery) -> dict[str, object]:
    """List deliveries, newest first; one delivery with its lines is at its own address."""
    with http.reading() as session:
        found = queries.list_receptions(session, before=query.before, limit=query.limit + 1, state=query.state)
        items = [
            ListedReceptionAnswer(**ReceptionAnswer.of(reception).model_dump(), state=state)
            for reception, state in found[: query.limit]
        ]
    following = items[-1].number if len(found) > query.limit else None
    return ReceptionsAnswer(items=items, next=following).model_dump(mode="json")


@api.post("/receptions", summary="Open a delivery", responses={200: ReceptionAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_reception(body: ReceptionBody) -> dict[str, object]:
    """Open a delivery; the same id again answers the same one."""
    new = NewReception(body.supplier, body.delivery_note, body.order_number, body.note, body.ownership)
    with http.transaction() as session:
        opened = service.open_reception(session, body.id, new=new, actor=http.current_actor(), now=clock.utc_now())
    return ReceptionAnswer.of(opened).model_dump(mode="json")


@api.post("/receptions/<uuid:reception_id>/closing", summary="Close a delivery", responses={200: ReceptionAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def close_reception(path: ReceptionPath, body: ClosingBody) -> dict[str, object]:
    """Close a delivery, for good or with its rest awaited: no box can be added to it any more."""
    with http.transaction() as session:
        closed = service.close_reception(
            session, path.reception_id, closing=body.closing, actor=http.current_actor(), now=clock.utc_now()
        )
    return ReceptionAnswer.of(closed).model_dump(mode="json")


@api.post("/receptions/<uuid:reception_id>/reasons", summary="Keep a clinician's reason", responses={200: ReasonAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_reason(path: ReceptionPath, body: ReasonBody) -> dict[str, object]:
    """Keep the written reason of an order with its delivery; the same id again answers the same one."""
    new = NewReason(body.derogation_id, body.clinician_name, body.written_on, body.reason)
    with http.transaction() as session:
        kept = service.record_reason(
            session, body.id, reception_id=path.reception_id, new=new, actor=http.current_actor(), now=clock.utc_now()
        )
    return ReasonAnswer.model_validate(kept, from_attributes=True).model_dump(mode="json")


@api.post("/receptions/<uuid:reception_id>/conditions", summary="Record the state", responses={200: ConditionsAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_conditions(path: ReceptionPath, body: ConditionsBody) -> dict[str, object]:
    """Record how a delivery looks on arrival: the last record counts, for the boxes received after it."""
    seen = Conditions(
        body.parcel, body.seals, body.temperature, body.measured, body.lowest, body.highest, remark=body.remark
    )
    with http.transaction() as session:
        recorded = service.record_conditions(
            session,
            body.id,
            reception_id=path.reception_id,
            seen=seen,
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
        return ConditionsAnswer.model_validate(recorded, from_attributes=True).model_dump(mode="json")


@api.post("/receptions/<uuid:reception_id>/announcements", summary="Announce", responses={200: AnnouncementAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_announcement(path: ReceptionPath, body: AnnouncementBody) -> dict[str, object]:
    """Keep the whole list of what a delivery is to hold, in place of the list that counts now."""
    lines = [AnnouncedLine(one.reference, one.count, one.lot) for one in body.lines]
    with http.transaction() as session:
        kept = service.announce(
            session,
            body.id,
            reception_id=path.reception_id,
            lines=lines,
            replaces_id=body.replaces_id,
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
        unknown = catalogue.list_unknown(session, [one.reference for one in lines])
        answer = AnnouncementAnswer.model_validate(kept, from_attributes=True)
    return answer.model_copy(update={"unknown_references": unknown}).model_dump(mode="json")
