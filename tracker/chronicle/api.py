"""Everything that happened to one unit, for programs."""

from datetime import datetime
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import http
from tracker.actor import Permission
from tracker.chronicle import queries
from tracker.chronicle.rules import Kind
from tracker.devices import queries as devices

api = APIBlueprint(
    "chronicle_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="units")], abp_security=[{"token": []}]
)


class ChroniclePath(BaseModel):
    """One unit, by the number on our label."""

    number: str


class EntryAnswer(BaseModel):
    """One thing that happened."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    kind: Kind
    by: str
    data: dict[str, str] = Field(description="Codes, days and numbers; never a patient")
    source_id: UUID | None = Field(
        description="The box of the tray, delivery, hold, print, update, move, document, count, use or incident"
    )


class ChronicleAnswer(BaseModel):
    """Everything that happened to a unit and that the token's owner may read, oldest first."""

    number: str
    entries: list[EntryAnswer]


@api.get("/units/<number>/life", summary="Everything that happened to a unit", responses={200: ChronicleAnswer})
@http.requires(Permission.UNIT_READ)
def show(path: ChroniclePath) -> dict[str, object]:
    """Return everything that happened to one unit; uses and incidents only to whom may read them."""
    with http.transaction() as session:
        unit = devices.get_unit(session, path.number)
        entries = queries.chronicle_of(session, unit, actor=http.current_actor()).entries
    answer = ChronicleAnswer(number=unit.number, entries=[EntryAnswer.model_validate(entry) for entry in entries])
    return answer.model_dump(mode="json")
