"""The end of a delivery for programs: what came, the delivery of the rest, what goes back unused."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.arrivals import queries as arrivals
from tracker.arrivals.rules import DeliveryState
from tracker.closings import queries as closings
from tracker.closings import service
from tracker.closings.service import MOST_RETURNED
from tracker.devices.rules import UnitState
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


class UnusedUnitAnswer(BaseModel):
    """A unit that was not used: still here, or gone back."""

    model_config = ConfigDict(from_attributes=True)

    number: str
    reference: str
    lot_number: str | None
    serial_number: str | None
    expiration_date: date | None
    state: UnitState
    ward_name: str | None = Field(description="Null in the pharmacy")
    returned_at: datetime | None
    reason: str | None


class UnusedAnswer(BaseModel):
    """The unused units of a delivery."""

    units: list[UnusedUnitAnswer]


class ReturnBody(BaseModel):
    """Units that go back, all or none."""

    id: UUID = Field(description="Made by the client; the same id again is the same return")
    numbers: list[str] = Field(min_length=1, max_length=MOST_RETURNED)
    reason: str = Field(min_length=1, max_length=300)


def _unused(units: Sequence[closings.UnusedUnit]) -> dict[str, object]:
    return UnusedAnswer(units=[UnusedUnitAnswer.model_validate(one) for one in units]).model_dump(mode="json")


@api.get("/receptions/<uuid:reception_id>/unused", summary="Unused units", responses={200: UnusedAnswer})
@http.requires(Permission.RECEPTION_READ)
def list_unused(path: ClosedReceptionPath) -> dict[str, object]:
    """Answer the units of a delivery that are unused: still here, or gone back."""
    with http.transaction() as session:
        arrivals.get_reception(session, path.reception_id)
        return _unused(closings.list_unused(session, path.reception_id))


@api.post("/receptions/<uuid:reception_id>/returns", summary="Send units back", responses={200: UnusedAnswer})
@http.requires(Permission.UNIT_DISPOSE)
def create_return(path: ClosedReceptionPath, body: ReturnBody) -> dict[str, object]:
    """Send unused units back to the supplier; the answer is the list as it is then."""
    with http.transaction() as session:
        service.return_units(
            session,
            body.id,
            reception_id=path.reception_id,
            numbers=body.numbers,
            reason=body.reason,
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
        return _unused(closings.list_unused(session, path.reception_id))


@api.get("/receptions/<uuid:reception_id>/tally", summary="Expected and received", responses={200: TallyAnswer})
@http.requires(Permission.RECEPTION_READ)
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
