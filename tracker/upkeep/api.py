"""Versions, places and photos of units, for programs."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.devices import queries as devices
from tracker.documents.service import MAX_UPLOAD_BYTES
from tracker.findings.rules import Outcome
from tracker.upkeep import forms, queries, service
from tracker.upkeep.rules import Change, NewPhoto, NewPlace, NewUpdate

api = APIBlueprint(
    "upkeep_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="units")], abp_security=[{"token": []}]
)

_PHOTO_LENGTH = 4 * MAX_UPLOAD_BYTES // 3 + 4
"""Characters of Base64 of the largest file that is kept."""


class UpkeepPath(BaseModel):
    """One unit, by the number on our label."""

    number: str


class UpdateRequest(BaseModel):
    """A new version of software."""

    id: UUID = Field(description="Chosen by the client: the same request again is the same")
    version: str = Field(min_length=1, max_length=100)
    change: Change = Field(description="What it changes, as the manufacturer states (MDCG 2018-5)")
    installed_on: date
    note: str = Field(default="", max_length=1000)


class PlaceRequest(BaseModel):
    """Another place of equipment or software."""

    id: UUID = Field(description="Chosen by the client: the same request again is the same")
    place: str = Field(min_length=1, max_length=200)
    moved_on: date
    note: str = Field(default="", max_length=1000)


class UpdateAnswer(BaseModel):
    """One update, with what the register said of it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    version: str
    version_before: str | None
    change: Change
    installed_on: date
    note: str
    outcome: Outcome = Field(description="Anything but 'accepted' blocked the unit")
    findings: list[dict[str, Any]]
    derogation_id: UUID | None
    hold_id: UUID | None
    at: datetime
    actor_name: str


class PlaceAnswer(BaseModel):
    """Where a unit stands from a day on."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    place: str
    place_before: str | None
    moved_on: date
    note: str
    at: datetime
    actor_name: str


class PhotoRequest(BaseModel):
    """A photo of a unit."""

    id: UUID = Field(description="Chosen by the client: the same request again is the same")
    photo: str = Field(min_length=1, max_length=_PHOTO_LENGTH, description="PNG or JPEG, in Base64 (RFC 4648)")
    filename: str = Field(default="", max_length=100)


class PhotoAnswer(BaseModel):
    """One photo, sealed and never changed."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(description="Of the document that holds it")
    filename: str
    media_type: str
    size: int
    sha256: str
    created_at: datetime


class UpkeepAnswer(BaseModel):
    """The versions, the places and the photos of one unit, newest first."""

    number: str
    software_version: str | None
    place: str | None
    updates: list[UpdateAnswer]
    places: list[PlaceAnswer]
    photos: list[PhotoAnswer]


@api.get("/units/<number>/upkeep", summary="Versions, places and photos", responses={200: UpkeepAnswer})
@http.requires(Permission.UNIT_READ)
def show(path: UpkeepPath) -> dict[str, object]:
    """Return the versions, the places and the photos of one unit, newest first."""
    with http.transaction() as session:
        unit = devices.get_unit(session, path.number)
        answer = UpkeepAnswer(
            number=unit.number,
            software_version=unit.software_version,
            place=unit.place,
            updates=[UpdateAnswer.model_validate(one) for one in queries.list_updates(session, unit.id)],
            places=[PlaceAnswer.model_validate(one) for one in queries.list_places(session, unit.id)],
            photos=[PhotoAnswer.model_validate(one) for one in devices.list_photos(session, unit.id)],
        )
    return answer.model_dump(mode="json")


@api.post("/units/<number>/software-updates", summary="Record a new version", responses={201: UpdateAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def update(path: UpkeepPath, body: UpdateRequest) -> tuple[dict[str, object], int]:
    """Record a new version of software; the register is asked again, and what it does not cover blocks the unit."""
    now = clock.utc_now()
    with http.transaction() as session:
        made = service.record_update(
            session,
            body.id,
            number=path.number,
            new=NewUpdate(body.version, body.change, body.installed_on, body.note),
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
        answer = UpdateAnswer.model_validate(made)
    return answer.model_dump(mode="json"), 201


@api.post("/units/<number>/places", summary="Record another place", responses={201: PlaceAnswer})
@http.requires(Permission.UNIT_DELIVER)
def move(path: UpkeepPath, body: PlaceRequest) -> tuple[dict[str, object], int]:
    """Record where a unit of equipment or software stands from a day on."""
    now = clock.utc_now()
    with http.transaction() as session:
        made = service.record_place(
            session,
            body.id,
            number=path.number,
            new=NewPlace(body.place, body.moved_on, body.note),
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
        answer = PlaceAnswer.model_validate(made)
    return answer.model_dump(mode="json"), 201


@api.post("/units/<number>/photos", summary="Keep a photo", responses={201: PhotoAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def photograph(path: UpkeepPath, body: PhotoRequest) -> tuple[dict[str, object], int]:
    """Keep a photo with a unit: frozen, hashed, sealed; none that shows a patient's label."""
    content, now = forms.decoded(body.photo), clock.utc_now()
    with http.transaction() as session:
        kept = service.keep_photo(
            session,
            body.id,
            number=path.number,
            photo=NewPhoto(content, body.filename, forms.texts_on(content)),
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
        answer = PhotoAnswer.model_validate(kept)
    return answer.model_dump(mode="json"), 201
