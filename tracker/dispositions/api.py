"""What leaves the stock, for programs."""

from datetime import datetime
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.devices import queries as devices
from tracker.devices.rules import UnitState
from tracker.dispositions import queries, service
from tracker.dispositions.rules import Disposition, NewDisposition

api = APIBlueprint(
    "dispositions_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="units")], abp_security=[{"token": []}]
)


class DisposedUnitPath(BaseModel):
    """One unit, by the number on our label."""

    number: str


class DestructionPath(BaseModel):
    """One destruction asked for."""

    destruction_id: UUID


class DispositionRequest(BaseModel):
    """What becomes of a unit."""

    id: UUID = Field(description="Chosen by the client: the same request again is the same")
    kind: Disposition
    reason: str = Field(min_length=1, max_length=1000)


class WithdrawRequest(BaseModel):
    """Why a request is taken back."""

    reason: str = Field(min_length=1, max_length=1000)


class DisposedAnswer(BaseModel):
    """The state of the unit afterwards; unchanged where a destruction waits for a second person."""

    state: UnitState


class DestructionsQuery(BaseModel):
    """Where the list begins."""

    after: UUID | None = Field(default=None, description="The 'next' of the page before")
    limit: int = Field(default=50, ge=1, le=200)


class DestructionAnswer(BaseModel):
    """A destruction asked for; it waits while ``closed_at`` is null."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    number: str
    reason: str
    requested_at: datetime
    requested_by_name: str
    closed_at: datetime | None
    closed_by_name: str | None
    close_reason: str | None = Field(description="'confirmed', or why the request was taken back")


class DestructionsAnswer(BaseModel):
    """One page of destructions, newest first."""

    items: list[DestructionAnswer]
    next: UUID | None


@api.post("/units/<number>/dispositions", summary="Take a unit out of stock", responses={201: DisposedAnswer})
@http.requires(Permission.UNIT_DISPOSE)
def dispose(path: DisposedUnitPath, body: DispositionRequest) -> tuple[dict[str, object], int]:
    """Take a unit out of stock, or ask for its destruction."""
    with http.transaction() as session:
        state = service.dispose(
            session,
            body.id,
            number=path.number,
            new=NewDisposition(body.kind, body.reason),
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
    return DisposedAnswer(state=state).model_dump(mode="json"), 201


@api.get("/destructions", summary="List destructions", responses={200: DestructionsAnswer})
@http.requires(Permission.UNIT_READ)
def list_destructions(query: DestructionsQuery) -> dict[str, object]:
    """List the destructions asked for, newest first."""
    with http.transaction() as session:
        before = queries.get_destruction(session, query.after) if query.after else None
        found = queries.list_destructions(session, limit=query.limit + 1, before=before)
    shown = found[: query.limit]
    items = [DestructionAnswer.model_validate(one) for one in shown]
    following = shown[-1].id if len(found) > query.limit else None
    return DestructionsAnswer(items=items, next=following).model_dump(mode="json")


@api.post("/destructions/<uuid:destruction_id>/confirm", summary="Confirm", responses={200: DisposedAnswer})
@http.requires(Permission.UNIT_DISPOSE)
def confirm(path: DestructionPath) -> dict[str, object]:
    """Confirm a destruction as the second person."""
    with http.transaction() as session:
        state = service.confirm_destruction(
            session, path.destruction_id, actor=http.current_actor(), now=clock.utc_now()
        )
    return DisposedAnswer(state=state).model_dump(mode="json")


@api.post("/destructions/<uuid:destruction_id>/withdraw", summary="Take back", responses={200: DisposedAnswer})
@http.requires(Permission.UNIT_DISPOSE)
def withdraw(path: DestructionPath, body: WithdrawRequest) -> dict[str, object]:
    """Take back a request for a destruction; the unit stays as it is."""
    with http.transaction() as session:
        asked = service.withdraw_destruction(
            session, path.destruction_id, reason=body.reason, actor=http.current_actor(), now=clock.utc_now()
        )
        unit = devices.get_unit_by_id(session, asked.device_id)
    return DisposedAnswer(state=unit.state).model_dump(mode="json")
