"""The stock for programs: units, newest first, and one unit with its life."""

from datetime import date, datetime
from typing import Self
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import http
from tracker.actor import Permission
from tracker.catalogue.forms import one_line
from tracker.catalogue.rules import DeviceKind
from tracker.devices import queries
from tracker.devices.models import Hold
from tracker.devices.queries import LifeEvent, UnitFilters, UnitLine, UnitView
from tracker.devices.rules import EntryMethod, Event, HoldCause, UnitState

api = APIBlueprint(
    "devices_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="units")], abp_security=[{"token": []}]
)


class UnitsQuery(BaseModel):
    """What the list is narrowed to, and where it begins."""

    q: str = Field(default="", max_length=200, description="A whole unit number, lot, serial, reference or UDI-DI")
    state: UnitState | None = None
    after: int | None = Field(default=None, ge=0, le=10**9, description="The 'next' of the page before")
    limit: int = Field(default=50, ge=1, le=200)


class UnitPath(BaseModel):
    """One unit, by the number on our label."""

    number: str


class UnitLineAnswer(BaseModel):
    """One unit of the list."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    number: str
    state: UnitState
    lot_number: str | None
    serial_number: str | None
    expiration_date: date | None = Field(description="Last day of use")
    reference: str
    designation: str
    manufacturer_name: str
    open_hold_count: int


class UnitsAnswer(BaseModel):
    """One page of the stock, newest first."""

    items: list[UnitLineAnswer]
    next: int | None

    @classmethod
    def of(cls, units: list[UnitLine], *, limit: int) -> Self:
        """Return the page; ``units`` has one more than ``limit`` where another page follows."""
        shown = units[:limit]
        items = [UnitLineAnswer.model_validate(unit) for unit in shown]
        return cls(items=items, next=shown[-1].sequence if len(units) > limit else None)


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
            udi_di=unit.udi_di,
            entry_method=unit.entry_method,
            created_at=unit.created_at,
            definition=DefinitionAnswer.model_validate(unit.definition),
            life=[EventAnswer.model_validate(event) for event in life],
            holds=[HoldAnswer.model_validate(hold) for hold in holds],
        )


@api.get("/units", responses={200: UnitsAnswer})
@http.requires(Permission.UNIT_READ)
def list_units(query: UnitsQuery) -> dict[str, object]:
    """List units, newest first."""
    filters = UnitFilters(text=one_line(query.q), state=query.state)
    with http.transaction() as session:
        units = queries.list_units(session, before=query.after, limit=query.limit + 1, filters=filters)
    return UnitsAnswer.of(list(units), limit=query.limit).model_dump(mode="json")


@api.get("/units/<number>", responses={200: UnitAnswer})
@http.requires(Permission.UNIT_READ)
def get_unit(path: UnitPath) -> dict[str, object]:
    """Return one unit with its life and its holds."""
    with http.transaction() as session:
        unit = queries.get_unit(session, path.number)
        life = queries.life_of(session, unit.id)
        holds = queries.list_holds(session, unit.id)
    return UnitAnswer.of(unit, list(life), list(holds)).model_dump(mode="json")
