"""The establishment, its wards and its recipients for programs."""

from uuid import UUID

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.organisation import queries, service
from tracker.organisation.models import Establishment, Recipient, Ward
from tracker.organisation.rules import EstablishmentData, RecipientPurpose, WardData

api = APIBlueprint(
    "organisation_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="establishment")],
    abp_security=[{"token": []}],
)


class EstablishmentBody(BaseModel):
    """What is printed and sent of the establishment."""

    name: str = Field(max_length=500)
    finess: str = Field(max_length=9)
    address: str = Field(max_length=500)
    phone: str = Field(default="", max_length=50)
    email: str = Field(default="", max_length=254)


class WardChange(BaseModel):
    """A ward or theatre; closed, nothing is delivered to it any more."""

    code: str = Field(max_length=30)
    name: str = Field(max_length=200)
    is_active: bool = True


class WardBody(WardChange):
    """A ward to add."""

    id: UUID = Field(description="Made by the client; the same id again is the same ward")


class WardPath(BaseModel):
    """One ward."""

    ward_id: UUID


class WardsAnswer(BaseModel):
    """Every ward, the closed ones last."""

    wards: list[WardBody]


class RecipientBody(BaseModel):
    """An address that messages of one purpose go to."""

    id: UUID = Field(description="Made by the client; the same id again is the same recipient")
    purpose: RecipientPurpose
    email: str = Field(max_length=254)


class RecipientPath(BaseModel):
    """One recipient."""

    recipient_id: UUID


class RecipientsAnswer(BaseModel):
    """The addresses of every purpose."""

    recipients: list[RecipientBody]


def _establishment(row: Establishment) -> dict[str, object]:
    return EstablishmentBody.model_validate(row, from_attributes=True).model_dump(mode="json")


def _ward(row: Ward) -> dict[str, object]:
    return WardBody.model_validate(row, from_attributes=True).model_dump(mode="json")


def _recipient(row: Recipient) -> dict[str, object]:
    return RecipientBody.model_validate(row, from_attributes=True).model_dump(mode="json")


@api.get("/establishment", summary="Read the establishment", responses={200: EstablishmentBody})
@http.requires(Permission.ESTABLISHMENT_MANAGE)
def read_establishment() -> dict[str, object]:
    """Answer the data of the establishment."""
    with http.transaction() as session:
        return _establishment(queries.get_establishment(session, http.current_actor().establishment_id))


@api.put("/establishment", summary="Change the establishment", responses={200: EstablishmentBody})
@http.requires(Permission.ESTABLISHMENT_MANAGE)
def change_establishment(body: EstablishmentBody) -> dict[str, object]:
    """Change the data of the establishment; the trail keeps what it was."""
    with http.transaction() as session:
        changed = service.change_establishment(
            session, data=EstablishmentData(**body.model_dump()), actor=http.current_actor(), now=clock.utc_now()
        )
    return _establishment(changed)


@api.get("/wards", summary="List the wards", responses={200: WardsAnswer})
@http.requires(Permission.ACCOUNT_USE)
def list_wards() -> dict[str, object]:
    """Answer every ward: programs need their ids to deliver and to record uses."""
    with http.transaction() as session:
        return {"wards": [_ward(row) for row in queries.list_all_wards(session)]}


@api.post("/wards", summary="Add a ward", responses={201: WardBody})
@http.requires(Permission.ESTABLISHMENT_MANAGE)
def add_ward(body: WardBody) -> tuple[dict[str, object], int]:
    """Add a ward; the same id again is the same ward."""
    with http.transaction() as session:
        data = WardData(**body.model_dump(exclude={"id"}))
        added = service.add_ward(session, body.id, data=data, actor=http.current_actor(), now=clock.utc_now())
    return _ward(added), 201


@api.put("/wards/<uuid:ward_id>", summary="Change a ward", responses={200: WardBody})
@http.requires(Permission.ESTABLISHMENT_MANAGE)
def change_ward(path: WardPath, body: WardChange) -> dict[str, object]:
    """Rename, close or open a ward."""
    with http.transaction() as session:
        data = WardData(**body.model_dump())
        changed = service.change_ward(session, path.ward_id, data=data, actor=http.current_actor(), now=clock.utc_now())
    return _ward(changed)


@api.get("/recipients", summary="List the recipients", responses={200: RecipientsAnswer})
@http.requires(Permission.ESTABLISHMENT_MANAGE)
def list_recipients() -> dict[str, object]:
    """Answer the addresses of every purpose."""
    with http.transaction() as session:
        return {"recipients": [_recipient(row) for row in queries.list_all_recipients(session)]}


@api.post("/recipients", summary="Add a recipient", responses={201: RecipientBody})
@http.requires(Permission.ESTABLISHMENT_MANAGE)
def add_recipient(body: RecipientBody) -> tuple[dict[str, object], int]:
    """Add an address for one purpose."""
    with http.transaction() as session:
        added = service.add_recipient(
            session,
            body.id,
            purpose=body.purpose,
            email=body.email,
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
    return _recipient(added), 201


@api.post("/recipients/<uuid:recipient_id>/remove", summary="Remove a recipient", responses={200: RecipientBody})
@http.requires(Permission.ESTABLISHMENT_MANAGE)
def remove_recipient(path: RecipientPath) -> dict[str, object]:
    """Send nothing more to an address."""
    with http.transaction() as session:
        removed = service.remove_recipient(session, path.recipient_id, actor=http.current_actor(), now=clock.utc_now())
    return _recipient(removed)
