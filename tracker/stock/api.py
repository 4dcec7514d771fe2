"""The stock for programs: units of a search, and what is on hand."""

from datetime import date
from typing import Self
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field, field_validator

from tracker import clock, http
from tracker.actor import Permission
from tracker.catalogue.forms import one_line
from tracker.devices.rules import UnitState
from tracker.stock import queries, rules
from tracker.stock.queries import UnitLine
from tracker.stock.rules import StockFilters

api = APIBlueprint(
    "stock_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="units")], abp_security=[{"token": []}]
)


class UnitsQuery(BaseModel):
    """What the list is narrowed to, and where it begins."""

    q: str = Field(
        default="",
        max_length=200,
        description="A whole unit number, lot, serial, reference or UDI-DI, or the beginning of a designation",
    )
    state: UnitState | None = None
    ward_id: UUID | None = Field(default=None, description="Where the unit is")
    derogation_id: UUID | None = Field(default=None, description="The derogation that lists its reference today")
    expires_until: date | None = Field(
        default=None, description="On hand, last day of use up to this one; alone, it orders the list by that day"
    )
    derogation_end: str = Field(
        default="",
        pattern=f"^({'|'.join(rules.END_CODES)})?$",
        description="On hand, and its derogation ends so: a code of 'by_derogation_end' of /api/v1/stock",
    )
    after: str = Field(default="", max_length=40, description="The 'next' of the page before")
    limit: int = Field(default=50, ge=1, le=200)

    @field_validator("after")
    @classmethod
    def check_position(cls, value: str) -> str:
        """Refuse what no page gave: a program that begins at the beginning again would never end.

        Raises:
            ValueError: it is no position.
        """
        if value and rules.read_position(value) is None:
            raise ValueError("not the 'next' of a page")
        return value

    def filters(self) -> StockFilters:
        """Return what the list is narrowed to."""
        return StockFilters(
            text=one_line(self.q),
            state=self.state,
            ward_id=self.ward_id,
            derogation_id=self.derogation_id,
            expires_until=self.expires_until,
            end=self.derogation_end,
        )


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
    ward_name: str | None
    open_hold_count: int


class UnitsAnswer(BaseModel):
    """One page of the stock, newest first."""

    items: list[UnitLineAnswer]
    next: str | None

    @classmethod
    def of(cls, units: list[UnitLine], *, limit: int) -> Self:
        """Return the page; ``units`` has one more than ``limit`` where another page follows."""
        shown = units[:limit]
        items = [UnitLineAnswer.model_validate(unit) for unit in shown]
        return cls(items=items, next=str(shown[-1].position) if len(units) > limit else None)


class PictureAnswer(BaseModel):
    """What is on hand."""

    by_state: dict[UnitState, int]
    by_derogation_end: dict[str, int] = Field(description="ended, month, quarter, half, later, unknown, none")


@api.get("/units", responses={200: UnitsAnswer})
@http.requires(Permission.UNIT_READ)
def list_units(query: UnitsQuery) -> dict[str, object]:
    """List units, newest first."""
    now = clock.utc_now()
    with http.transaction() as session:
        filters = queries.narrow(session, query.filters(), day=clock.paris_day(now), now=now)
        after = rules.read_position(query.after)
        units = queries.list_units(session, after=after, limit=query.limit + 1, filters=filters)
    return UnitsAnswer.of(list(units), limit=query.limit).model_dump(mode="json")


@api.get("/stock", responses={200: PictureAnswer})
@http.requires(Permission.UNIT_READ)
def picture() -> dict[str, object]:
    """Count what is on hand by state and by the end of its derogation."""
    now = clock.utc_now()
    with http.transaction() as session:
        counts = queries.count_on_hand(session)
        groups = rules.group_ends(queries.count_ends(session, counts, today=clock.paris_day(now), now=now))
    answer = PictureAnswer(
        by_state=rules.sum_states(counts), by_derogation_end={group.code: group.count for group in groups}
    )
    return answer.model_dump(mode="json")
