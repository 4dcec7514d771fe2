"""The catalogue for programs: devices and manufacturers."""

from datetime import datetime
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.catalogue import forms, queries, service
from tracker.catalogue.rules import DefinitionFacts, DeviceKind, NewDefinition, NewManufacturer, NewMerge
from tracker.db import Session

api = APIBlueprint(
    "catalogue_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="catalogue")], abp_security=[{"token": []}]
)


class DefinitionPath(BaseModel):
    """One device of the catalogue."""

    definition_id: UUID


class DefinitionsQuery(BaseModel):
    """What the list is narrowed to, and where it begins."""

    q: str = Field(default="", max_length=200, description="Beginning of a reference, or a whole code")
    after: UUID | None = Field(default=None, description="The 'next' of the page before")
    limit: int = Field(default=50, ge=1, le=200)


class CatalogueDefinitionAnswer(BaseModel):
    """One device of the catalogue."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    manufacturer_id: UUID
    manufacturer_name: str
    reference: str
    designation: str
    brand: str
    kind: DeviceKind
    size: str
    udi_dis: list[str] = Field(default_factory=list)
    merged_into_id: UUID | None = Field(default=None, description="The device that is used instead since a merge")


class DefinitionsAnswer(BaseModel):
    """One page of the catalogue, by reference."""

    items: list[CatalogueDefinitionAnswer]
    next: UUID | None


class _Facts(BaseModel):
    designation: str = Field(min_length=1, max_length=300)
    kind: DeviceKind
    brand: str = Field(default="", max_length=200)
    size: str = Field(default="", max_length=100)
    expected_lifetime: str = Field(default="", max_length=1000)
    follow_up: str = Field(default="", max_length=1000)
    udi_dis: list[str] = Field(default_factory=list, max_length=50, description="Scanned or typed")

    def codes(self, *, now: datetime) -> tuple[str, ...]:
        """Return the UDI-DIs as they are kept."""
        return forms.read_udi_dis("\n".join(self.udi_dis), today=clock.paris_day(now))


class DefinitionRequest(_Facts):
    """A device to add."""

    id: UUID = Field(description="Chosen by the client: the same request again is the same device")
    manufacturer_id: UUID
    reference: str = Field(min_length=1, max_length=100)


class ChangeRequest(_Facts):
    """What is known of a device from now on; codes are added, none is taken away."""


class MergeRequest(BaseModel):
    """Into which device another is merged."""

    id: UUID = Field(description="Chosen by the client: the same request again is the same merge")
    survivor_id: UUID
    reason: str = Field(min_length=1, max_length=1000)


class ManufacturerRequest(BaseModel):
    """A manufacturer to add."""

    id: UUID = Field(description="Chosen by the client: the same request again is the same manufacturer")
    name: str = Field(min_length=1, max_length=200)
    address: str = Field(default="", max_length=500)
    website: str = Field(default="", max_length=200)
    vigilance_email: str = Field(default="", max_length=200)
    srn: str = Field(default="", max_length=50)


class ManufacturerAnswer(BaseModel):
    """A manufacturer."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    address: str
    website: str
    vigilance_email: str
    srn: str


class ManufacturersAnswer(BaseModel):
    """The manufacturers, by name."""

    items: list[ManufacturerAnswer]


@api.get("/definitions", summary="List the catalogue", responses={200: DefinitionsAnswer})
@http.requires(Permission.UNIT_READ)
def list_definitions(query: DefinitionsQuery) -> dict[str, object]:
    """List the devices in use, by reference."""
    with http.transaction() as session:
        after = queries.get_definition(session, query.after) if query.after else None
        text = forms.one_line(query.q)
        found = queries.list_definitions(session, after=after, limit=query.limit + 1, text=text)
        shown = found[: query.limit]
        codes = queries.list_identifiers(session, [one.id for one in shown])
    items = [CatalogueDefinitionAnswer.model_validate(one) for one in shown]
    for item in items:
        item.udi_dis = codes.get(item.id, [])
    following = shown[-1].id if len(found) > query.limit else None
    return DefinitionsAnswer(items=items, next=following).model_dump(mode="json")


@api.get("/definitions/<uuid:definition_id>", summary="Read a device", responses={200: CatalogueDefinitionAnswer})
@http.requires(Permission.UNIT_READ)
def get_definition(path: DefinitionPath) -> dict[str, object]:
    """Return one device, in use or merged."""
    with http.transaction() as session:
        return _answer(session, path.definition_id)


def _answer(session: Session, definition_id: UUID) -> dict[str, object]:
    answer = CatalogueDefinitionAnswer.model_validate(queries.find_definition(session, definition_id))
    answer.udi_dis = queries.list_identifiers(session, [definition_id]).get(definition_id, [])
    answer.merged_into_id = queries.get_definition(session, definition_id).merged_into_id
    return answer.model_dump(mode="json")


@api.post("/definitions", summary="Add a device", responses={201: CatalogueDefinitionAnswer})
@http.requires(Permission.DEFINITION_WRITE)
def create_definition(body: DefinitionRequest) -> tuple[dict[str, object], int]:
    """Add a device to the catalogue."""
    now = clock.utc_now()
    fields = body.model_dump(exclude={"id", "udi_dis"})
    new = NewDefinition(**fields, udi_dis=body.codes(now=now))
    with http.transaction() as session:
        service.create_definition(session, body.id, new=new, actor=http.current_actor(), now=now)
        return _answer(session, body.id), 201


@api.put("/definitions/<uuid:definition_id>", summary="Correct a device", responses={200: CatalogueDefinitionAnswer})
@http.requires(Permission.DEFINITION_WRITE)
def change_definition(path: DefinitionPath, body: ChangeRequest) -> dict[str, object]:
    """Correct what is known of a device; what stood before is kept with the date and the name."""
    now = clock.utc_now()
    facts = DefinitionFacts(**body.model_dump(exclude={"udi_dis"}))
    with http.transaction() as session:
        service.change_definition(
            session,
            path.definition_id,
            facts=facts,
            udi_dis=body.codes(now=now),
            actor=http.current_actor(),
            now=now,
        )
        session.flush()  # the answer reads it
        return _answer(session, path.definition_id)


@api.post(
    "/definitions/<uuid:definition_id>/merge", summary="Merge a device", responses={200: CatalogueDefinitionAnswer}
)
@http.requires(Permission.DEFINITION_WRITE)
def merge(path: DefinitionPath, body: MergeRequest) -> dict[str, object]:
    """Merge a device into another; the answer is the one that is used from now on."""
    new = NewMerge(body.id, body.survivor_id, body.reason)
    with http.transaction() as session:
        service.merge_definition(session, path.definition_id, new=new, actor=http.current_actor(), now=clock.utc_now())
        return _answer(session, body.survivor_id)


@api.get("/manufacturers", summary="List the manufacturers", responses={200: ManufacturersAnswer})
@http.requires(Permission.UNIT_READ)
def list_manufacturers() -> dict[str, object]:
    """List the manufacturers, by name."""
    with http.transaction() as session:
        found = queries.list_manufacturers(session)
    items = [ManufacturerAnswer.model_validate(one) for one in found]
    return ManufacturersAnswer(items=items).model_dump(mode="json")


@api.post("/manufacturers", summary="Add a manufacturer", responses={201: ManufacturerAnswer})
@http.requires(Permission.DEFINITION_WRITE)
def create_manufacturer(body: ManufacturerRequest) -> tuple[dict[str, object], int]:
    """Add a manufacturer."""
    new = NewManufacturer(**body.model_dump(exclude={"id"}))
    with http.transaction() as session:
        made = service.create_manufacturer(session, body.id, new=new, actor=http.current_actor(), now=clock.utc_now())
    return ManufacturerAnswer.model_validate(made).model_dump(mode="json"), 201
