"""The end of a delivery for programs: what came against what was announced, and the delivery of the rest."""

from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.arrivals import queries as arrivals
from tracker.arrivals.rules import DeliveryState
from tracker.closings import service
from tracker.reception import queries

api = APIBlueprint(
    "closings_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="goods-in")], abp_security=[{"token": []}]
)


class ClosedReceptionPath(BaseModel):
    """One delivery."""

    reception_id: UUID


class TallyLineAnswer(BaseModel):
    """One reference and lot."""

    model_config = ConfigDict(from_attributes=True)

    reference: str
    lot: str
    expected: int
    received: int = Field(description="Accepted or in quarantine; a refused box is not received")
    quarantined: int
    refused: int
    missing: int
    surplus: int


class TallyAnswer(BaseModel):
    """What came of a delivery against what was announced."""

    model_config = ConfigDict(from_attributes=True)

    state: DeliveryState
    is_announced: bool = Field(description="False: nobody said what was expected, so nothing is missing")
    lines: list[TallyLineAnswer]


class RestBody(BaseModel):
    """The delivery that brings the rest."""

    id: UUID = Field(description="Made by the client; the same id again is the same delivery")


class RestAnswer(BaseModel):
    """The delivery that brings the rest."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    number: int
    rest_of_id: UUID | None


@api.get("/receptions/<uuid:reception_id>/tally", summary="Expected and received", responses={200: TallyAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def show_tally(path: ClosedReceptionPath) -> dict[str, object]:
    """Answer what came against what was announced, by reference and lot."""
    with http.transaction() as session:
        reception = arrivals.get_reception(session, path.reception_id)
        state = arrivals.state_of_delivery(session, reception)
        found = queries.find_tally(session, path.reception_id)
    lines = [TallyLineAnswer.model_validate(one) for one in found.lines]
    return TallyAnswer(state=state, is_announced=found.is_announced, lines=lines).model_dump(mode="json")


@api.post("/receptions/<uuid:reception_id>/rest", summary="Open the delivery of the rest", responses={200: RestAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_rest(path: ClosedReceptionPath, body: RestBody) -> dict[str, object]:
    """Open the delivery that brings the rest; what was missing is what it announces."""
    with http.transaction() as session:
        rest = service.open_rest(
            session, body.id, reception_id=path.reception_id, actor=http.current_actor(), now=clock.utc_now()
        )
        return RestAnswer.model_validate(rest).model_dump(mode="json")
