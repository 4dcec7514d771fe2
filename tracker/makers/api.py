"""The merge of manufacturers for programs."""

from uuid import UUID

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.catalogue.rules import NewMerge
from tracker.makers import service

api = APIBlueprint(
    "makers_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="catalogue")], abp_security=[{"token": []}]
)


class ManufacturerPath(BaseModel):
    """One manufacturer."""

    manufacturer_id: UUID


class ManufacturerMergeBody(BaseModel):
    """Into which manufacturer another is merged."""

    id: UUID = Field(description="Chosen by the client: the same request again is the same merge")
    survivor_id: UUID
    reason: str = Field(min_length=1, max_length=1000, pattern=r"\S")


class ManufacturerMergeAnswer(BaseModel):
    """A merge of manufacturers."""

    absorbed_id: UUID
    survivor_id: UUID
    moved_count: int = Field(description="Devices of the catalogue that are the survivor's from now on")


@api.post(
    "/manufacturers/<uuid:manufacturer_id>/merge",
    summary="Merge a manufacturer",
    responses={200: ManufacturerMergeAnswer},
)
@http.requires(Permission.DEFINITION_WRITE)
def merge(path: ManufacturerPath, body: ManufacturerMergeBody) -> dict[str, object]:
    """Merge a manufacturer into another, which is used from now on."""
    new = NewMerge(body.id, body.survivor_id, body.reason)
    with http.transaction() as session:
        made = service.merge(session, path.manufacturer_id, new=new, actor=http.current_actor(), now=clock.utc_now())
        answer = ManufacturerMergeAnswer(
            absorbed_id=made.absorbed_id, survivor_id=made.survivor_id, moved_count=made.moved_count
        )
    return answer.model_dump(mode="json")
