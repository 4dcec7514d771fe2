"""Deliveries to a ward and returns for programs."""

from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.delivery import service
from tracker.delivery.rules import Handover, Inspected
from tracker.devices.queries import UnitView
from tracker.devices.rules import UnitState

api = APIBlueprint(
    "delivery_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="units")], abp_security=[{"token": []}]
)


class DeliveryRequest(BaseModel):
    """One unit that goes to a ward."""

    id: UUID = Field(description="Chosen by the client: the same request again is the same movement")
    code: str = Field(min_length=1, max_length=5000, description="Our label, or a manufacturer's code of one unit")
    ward_id: UUID
    requested_by: str = Field(default="", max_length=200)
    received_by: str = Field(default="", max_length=200)


class ReturnRequest(BaseModel):
    """One unit that comes back, checked."""

    id: UUID = Field(description="Chosen by the client: the same request again is the same movement")
    code: str = Field(min_length=1, max_length=5000, description="Our label, or a manufacturer's code of one unit")
    doubt: str = Field(default="", max_length=1000, description="What is wrong; then it goes into quarantine")
    returned_by: str = Field(default="", max_length=200)


class MovedAnswer(BaseModel):
    """A unit after it moved."""

    number: str
    state: UnitState
    is_usable: bool
    ward_id: UUID | None

    @classmethod
    def of(cls, unit: UnitView) -> dict[str, object]:
        """Return the answer for a unit."""
        answer = cls(number=unit.number, state=unit.state, is_usable=unit.is_usable, ward_id=unit.ward_id)
        return answer.model_dump(mode="json")


@api.post("/deliveries", summary="Deliver a unit to a ward", responses={201: MovedAnswer})
@http.requires(Permission.UNIT_DELIVER)
def deliver(body: DeliveryRequest) -> tuple[dict[str, object], int]:
    """Deliver one unit to a ward; on hold, past its shelf life or without a derogation in force it is refused."""
    now = clock.utc_now()
    with http.transaction() as session:
        unit = service.deliver_scanned(
            session,
            body.id,
            raw=body.code,
            to=Handover(body.ward_id, body.requested_by, body.received_by),
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    return MovedAnswer.of(unit), 201


@api.post("/returns", summary="Take a unit back from a ward", responses={201: MovedAnswer})
@http.requires(Permission.UNIT_DELIVER)
def take_back(body: ReturnRequest) -> tuple[dict[str, object], int]:
    """Take one unit back: into stock, or into quarantine at any doubt."""
    now = clock.utc_now()
    with http.transaction() as session:
        unit = service.return_scanned(
            session,
            body.id,
            raw=body.code,
            inspected=Inspected(body.doubt, body.returned_by),
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    return MovedAnswer.of(unit), 201
