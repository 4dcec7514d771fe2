"""Deliveries for programs: open, close, keep a clinician's written reason."""

from datetime import date, datetime
from typing import Self
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.arrivals import service
from tracker.arrivals.models import Reception
from tracker.arrivals.queries import NewReason, NewReception

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


class ReceptionPath(BaseModel):
    """One delivery."""

    reception_id: UUID


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
        )


@api.post("/receptions", summary="Open a delivery", responses={200: ReceptionAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_reception(body: ReceptionBody) -> dict[str, object]:
    """Open a delivery; the same id again answers the same one."""
    new = NewReception(body.supplier, body.delivery_note, body.order_number, body.note)
    with http.transaction() as session:
        opened = service.open_reception(session, body.id, new=new, actor=http.current_actor(), now=clock.utc_now())
    return ReceptionAnswer.of(opened).model_dump(mode="json")


@api.post("/receptions/<uuid:reception_id>/closing", summary="Close a delivery", responses={200: ReceptionAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def close_reception(path: ReceptionPath) -> dict[str, object]:
    """Close a delivery: no box can be added to it any more."""
    with http.transaction() as session:
        closed = service.close_reception(session, path.reception_id, actor=http.current_actor(), now=clock.utc_now())
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
