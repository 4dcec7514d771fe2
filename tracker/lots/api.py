"""Blocked lots for programs."""

from datetime import datetime
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.devices.rules import HoldCause
from tracker.lots import queries, service

api = APIBlueprint(
    "lots_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="units")], abp_security=[{"token": []}]
)


class LotHoldPath(BaseModel):
    """One block on a lot."""

    lot_hold_id: UUID


class ReleaseRequest(BaseModel):
    """Why something is released."""

    reason: str = Field(min_length=1, max_length=1000)


class LotReleaseAnswer(BaseModel):
    """What lifting a block on a lot released."""

    released_count: int = Field(description="Holds on units that were set with the block")


class LotHoldAnswer(BaseModel):
    """A block on a lot, open while ``closed_at`` is null."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    lot_number: str
    reference: str
    designation: str
    cause: HoldCause
    reason: str
    opened_at: datetime
    opened_by_name: str
    closed_at: datetime | None
    closed_by_name: str | None
    close_reason: str | None
    held_count: int = Field(description="Units that a hold of this block still keeps")


class LotHoldsQuery(BaseModel):
    """Where the list begins."""

    after: UUID | None = Field(default=None, description="The 'next' of the page before")
    limit: int = Field(default=50, ge=1, le=200)


class LotHoldsAnswer(BaseModel):
    """One page of the blocks on lots, newest first."""

    items: list[LotHoldAnswer]
    next: UUID | None


@api.get("/lot-holds", summary="List the blocks on lots", responses={200: LotHoldsAnswer})
@http.requires(Permission.UNIT_READ)
def list_lot_holds(query: LotHoldsQuery) -> dict[str, object]:
    """List the blocks on lots, open and lifted, newest first."""
    with http.transaction() as session:
        before = queries.get_lot_hold(session, query.after) if query.after else None
        found = queries.list_lot_holds(session, limit=query.limit + 1, before=before)
    shown = found[: query.limit]
    answer = LotHoldsAnswer(
        items=[LotHoldAnswer.model_validate(one) for one in shown],
        next=shown[-1].id if len(found) > query.limit else None,
    )
    return answer.model_dump(mode="json")


@api.post("/lot-holds/<uuid:lot_hold_id>/release", summary="Lift a block on a lot", responses={200: LotReleaseAnswer})
@http.requires(Permission.HOLD_RELEASE)
def release_lot(path: LotHoldPath, body: ReleaseRequest) -> dict[str, object]:
    """Lift the block on a lot with a reason, and release the holds it set on units."""
    with http.transaction() as session:
        count = service.release_lot(
            session, path.lot_hold_id, reason=body.reason, actor=http.current_actor(), now=clock.utc_now()
        )
    return LotReleaseAnswer(released_count=count).model_dump(mode="json")
