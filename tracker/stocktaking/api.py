"""Counts for programs: hand-held readers count through these."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.devices.rules import UnitState
from tracker.stocktaking import queries, service
from tracker.stocktaking.rules import MOST_MISSING, Difference, Resolution
from tracker.stocktaking.service import NewCount

api = APIBlueprint(
    "stocktaking_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="counts")], abp_security=[{"token": []}]
)


class CountPath(BaseModel):
    """One count."""

    count_id: UUID


class CountRequest(BaseModel):
    """What is counted."""

    id: UUID = Field(description="Chosen by the client: the same request again is the same count")
    ward_id: UUID | None = Field(default=None, description="Null for the pharmacy")
    definition_id: UUID | None = Field(default=None, description="Null for every device")
    note: str = Field(default="", max_length=200)


class ScanRequest(BaseModel):
    """One scan."""

    code: str = Field(min_length=1, max_length=5000, description="Our label, or a manufacturer's code of one unit")


class ResolutionRequest(BaseModel):
    """What is decided about differences: all or none of them."""

    number: str | None = Field(default=None, max_length=20, description="Of one unit")
    numbers: list[Annotated[str, Field(max_length=20)]] = Field(
        default=[], max_length=MOST_MISSING, description="Of several units, for one reason"
    )
    resolution: Resolution
    reason: str = Field(min_length=1, max_length=1000)

    def chosen(self) -> frozenset[str]:
        """Return the units that the decision is about."""
        return frozenset([*self.numbers, *([self.number] if self.number else [])])


class CountedAnswer(BaseModel):
    """The answer to one scan."""

    number: str
    difference: Difference | None
    is_first: bool = Field(description="False where the unit was scanned in this count before")


class DifferenceAnswer(BaseModel):
    """A unit that differs from what is recorded."""

    model_config = ConfigDict(from_attributes=True)

    difference: Difference
    number: str
    state: UnitState
    ward_name: str | None
    resolution: Resolution | None
    reason: str | None
    decided_by: str | None


class CountAnswer(BaseModel):
    """A count with its differences as they stand."""

    id: UUID
    ward_name: str | None
    note: str
    opened_at: datetime
    closed_at: datetime | None
    counted_count: int
    differences: list[DifferenceAnswer]


def _answer(count_id: UUID) -> dict[str, object]:
    with http.transaction() as session:
        line = queries.get_line(session, count_id)
        differences = queries.list_differences(session, queries.get_count(session, count_id))
    answer = CountAnswer(
        id=line.id,
        ward_name=line.ward_name,
        note=line.note,
        opened_at=line.opened_at,
        closed_at=line.closed_at,
        counted_count=line.counted_count,
        differences=[DifferenceAnswer.model_validate(one) for one in differences],
    )
    return answer.model_dump(mode="json")


@api.post("/counts", summary="Open a count", responses={201: CountAnswer})
@http.requires(Permission.STOCK_COUNT)
def open_count(body: CountRequest) -> tuple[dict[str, object], int]:
    """Open a count of a place."""
    new = NewCount(body.ward_id, body.definition_id, body.note)
    with http.transaction() as session:
        service.open_count(session, body.id, new=new, actor=http.current_actor(), now=clock.utc_now())
    return _answer(body.id), 201


@api.get("/counts/<uuid:count_id>", summary="Read a count", responses={200: CountAnswer})
@http.requires(Permission.COUNT_READ)
def get_count(path: CountPath) -> dict[str, object]:
    """Return a count with its differences as they stand."""
    return _answer(path.count_id)


@api.post("/counts/<uuid:count_id>/units", summary="Count a unit", responses={200: CountedAnswer})
@http.requires(Permission.STOCK_COUNT)
def count_unit(path: CountPath, body: ScanRequest) -> dict[str, object]:
    """Count one unit, once whoever scans it again."""
    now = clock.utc_now()
    with http.transaction() as session:
        counted = service.count_unit(
            session, path.count_id, raw=body.code, actor=http.current_actor(), now=now, today=clock.paris_day(now)
        )
    answer = CountedAnswer(number=counted.unit.number, difference=counted.difference, is_first=counted.is_first)
    return answer.model_dump(mode="json")


@api.post("/counts/<uuid:count_id>/resolutions", summary="Decide about a difference", responses={200: CountAnswer})
@http.requires(Permission.UNIT_DELIVER)
def resolve(path: CountPath, body: ResolutionRequest) -> dict[str, object]:
    """Decide about one difference, or about several for one reason: about all or none."""
    with http.transaction() as session:
        service.resolve(
            session,
            path.count_id,
            numbers=body.chosen(),
            resolution=body.resolution,
            reason=body.reason,
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
    return _answer(path.count_id)


@api.post("/counts/<uuid:count_id>/close", summary="Close a count", responses={200: CountAnswer})
@http.requires(Permission.UNIT_DELIVER)
def close(path: CountPath) -> dict[str, object]:
    """Close a count whose differences were all decided about."""
    with http.transaction() as session:
        service.close_count(session, path.count_id, actor=http.current_actor(), now=clock.utc_now())
    return _answer(path.count_id)
