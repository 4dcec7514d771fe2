"""Units for programs: one unit with its life and its holds."""

from datetime import date, datetime
from typing import Self
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.catalogue.rules import DeviceKind
from tracker.devices import queries, service
from tracker.devices.models import Hold
from tracker.devices.queries import LifeEvent, UnitView
from tracker.devices.rules import EntryMethod, Event, HoldCause, NewHold, UnitState

api = APIBlueprint(
    "devices_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="units")], abp_security=[{"token": []}]
)


class UnitPath(BaseModel):
    """One unit, by the number on our label."""

    number: str


class HoldPath(BaseModel):
    """One hold of one unit."""

    number: str
    hold_id: UUID


class HoldRequest(BaseModel):
    """A hold to open."""

    id: UUID = Field(description="Chosen by the client: the same request again is the same hold")
    reason: str = Field(min_length=1, max_length=1000)


class ReleaseRequest(BaseModel):
    """Why something is released."""

    reason: str = Field(min_length=1, max_length=1000)


class StateAnswer(BaseModel):
    """A unit after a hold was opened or released."""

    number: str
    state: UnitState
    is_usable: bool


class DefinitionAnswer(BaseModel):
    """What a unit is."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    manufacturer_id: UUID
    manufacturer_name: str
    reference: str
    designation: str
    brand: str
    kind: DeviceKind
    size: str


class EventAnswer(BaseModel):
    """One event in the life of a unit; codes of the French vocabulary TRE_R254."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    event: Event
    state_after: UnitState
    actor_name: str
    ward_name: str | None
    reason: str


class HoldAnswer(BaseModel):
    """A hold, open while ``closed_at`` is null."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    cause: HoldCause
    reason: str
    opened_at: datetime
    opened_by_name: str
    closed_at: datetime | None
    closed_by_name: str | None
    close_reason: str | None


class UnitAnswer(BaseModel):
    """One unit with its whole life."""

    id: UUID
    number: str
    state: UnitState
    is_usable: bool = Field(description="Released or delivered, and without any open hold")
    lot_number: str | None
    serial_number: str | None
    expiration_date: date | None
    manufacture_date: date | None
    software_version: str | None
    place: str | None = Field(description="Of equipment and software: where it stands")
    udi_di: str | None
    entry_method: EntryMethod
    created_at: datetime
    definition: DefinitionAnswer
    life: list[EventAnswer]
    holds: list[HoldAnswer]

    @classmethod
    def of(cls, unit: UnitView, life: list[LifeEvent], holds: list[Hold]) -> Self:
        """Return the answer for one unit."""
        return cls(
            id=unit.id,
            number=unit.number,
            state=unit.state,
            is_usable=unit.is_usable,
            lot_number=unit.lot_number,
            serial_number=unit.serial_number,
            expiration_date=unit.expiration_date,
            manufacture_date=unit.manufacture_date,
            software_version=unit.software_version,
            place=unit.place,
            udi_di=unit.udi_di,
            entry_method=unit.entry_method,
            created_at=unit.created_at,
            definition=DefinitionAnswer.model_validate(unit.definition),
            life=[EventAnswer.model_validate(event) for event in life],
            holds=[HoldAnswer.model_validate(hold) for hold in holds],
        )


@api.get("/units/<number>", responses={200: UnitAnswer})
@http.requires(Permission.UNIT_READ)
def get_unit(path: UnitPath) -> dict[str, object]:
    """Return one unit with its life and its holds."""
    with http.transaction() as session:
        unit = queries.get_unit(session, path.number)
        life = queries.life_of(session, unit.id)
        holds = queries.list_holds(session, unit.id)
    return UnitAnswer.of(unit, list(life), list(holds)).model_dump(mode="json")


@api.post("/units/<number>/holds", summary="Block a unit", responses={201: StateAnswer})
@http.requires(Permission.HOLD_OPEN)
def open_hold(path: UnitPath, body: HoldRequest) -> tuple[dict[str, object], int]:
    """Block a unit with a reason: until it is released it can be neither delivered nor used."""
    actor = http.current_actor()
    hold = NewHold(HoldCause.PHARMACIST, body.reason, f"person:{actor.id}")
    with http.transaction() as session:
        service.open_hold(session, body.id, number=path.number, hold=hold, actor=actor, now=clock.utc_now())
    return _state_of(path.number), 201


@api.post("/units/<number>/holds/<uuid:hold_id>/release", summary="Release a hold", responses={200: StateAnswer})
@http.requires(Permission.HOLD_RELEASE)
def release_hold(path: HoldPath, body: ReleaseRequest) -> dict[str, object]:
    """Release one hold with a reason; the last one puts a quarantined unit into stock."""
    with http.transaction() as session:
        service.release_hold(session, path.hold_id, reason=body.reason, actor=http.current_actor(), now=clock.utc_now())
    return _state_of(path.number)


def _state_of(number: str) -> dict[str, object]:
    with http.transaction() as session:
        unit = queries.get_unit(session, number)
    answer = StateAnswer(number=unit.number, state=unit.state, is_usable=unit.is_usable)
    return answer.model_dump(mode="json")
