"""The whole register for programs: its list, and the same derogations over time."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.derogations.queries import DerogationStanding
from tracker.derogations.rules import DerogationKind, DerogationStatus, Domain
from tracker.register import queries
from tracker.register.queries import Life, RegisterFilters

api = APIBlueprint(
    "register_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="derogations")],
    abp_security=[{"token": []}],
)

Words = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""A text that PostgreSQL can keep: any character but NUL."""


class RegisterQuery(BaseModel):
    """What the list is narrowed to, where it begins, and how it is known."""

    q: Words = Field(default="", max_length=200)
    kind: DerogationKind | None = None
    domain: Domain | None = None
    status: DerogationStatus | None = None
    manufacturer_id: UUID | None = None
    ends_by: date | None = Field(default=None, description="In force, and until this day at the latest")
    day: date | None = Field(default=None, description="Paris calendar; today when absent")
    known_at: AwareDatetime | None = Field(
        default=None, description="What was recorded later is left out; now when absent"
    )
    after: UUID | None = Field(default=None, description="The 'next' of the page before")
    limit: int = Field(default=50, ge=1, le=200)

    def filters(self) -> RegisterFilters:
        """Return what the list is narrowed to."""
        return RegisterFilters(
            text=self.q,
            kind=self.kind,
            domain=self.domain,
            manufacturer_id=self.manufacturer_id,
            status=self.status,
            ends_by=self.ends_by,
        )


class RegisterLineAnswer(BaseModel):
    """One derogation and what it is worth on the day asked about."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    designation: str
    kind: DerogationKind
    domain: Domain
    manufacturer_id: UUID
    manufacturer_name: str
    implanted_system: str
    is_fictional: bool
    status: DerogationStatus
    valid_until: date | None = Field(description="Last day of validity, included")
    since: date | None
    patient_cap: int | None


class RegisterAnswer(BaseModel):
    """One page of the register."""

    items: list[RegisterLineAnswer]
    next: UUID | None


class StretchAnswer(BaseModel):
    """Days, first and last included, on which a derogation is worth the same; an open side is null."""

    starts_on: date | None
    ends_on: date | None
    status: DerogationStatus


class LifeAnswer(BaseModel):
    """One derogation over time, as known now."""

    id: UUID
    designation: str
    stretches: list[StretchAnswer]
    extended_on: list[date]

    @classmethod
    def of(cls, found: DerogationStanding, life: Life) -> Self:
        """Return the answer for one derogation."""
        stretches = [
            StretchAnswer(starts_on=stretch.starts_on, ends_on=stretch.ends_on, status=stretch.status)
            for stretch in life.stretches
        ]
        return cls(id=found.id, designation=found.designation, stretches=stretches, extended_on=list(life.extended_on))


class TimelineAnswer(BaseModel):
    """One page of the register over time."""

    items: list[LifeAnswer]
    next: UUID | None


@api.get("/derogations", summary="List the register", responses={200: RegisterAnswer})
@http.requires(Permission.DEROGATION_READ)
def index(query: RegisterQuery) -> dict[str, object]:
    """Answer one page of the register, by name."""
    now = clock.utc_now()
    with http.transaction() as session:
        page = queries.list_derogations(
            session,
            filters=query.filters(),
            day=query.day or clock.paris_day(now),
            known_at=query.known_at or now,
            after=query.after,
            limit=query.limit,
        )
    items = [RegisterLineAnswer.model_validate(found) for found in page.standings]
    return RegisterAnswer(items=items, next=page.next_after).model_dump(mode="json")


@api.get("/derogations/timeline", summary="Draw the register", responses={200: TimelineAnswer})
@http.requires(Permission.DEROGATION_READ)
def timeline(query: RegisterQuery) -> dict[str, object]:
    """Answer one page of the register over time, as known now."""
    now = clock.utc_now()
    with http.transaction() as session:
        page = queries.list_derogations(
            session,
            filters=query.filters(),
            day=query.day or clock.paris_day(now),
            known_at=now,
            after=query.after,
            limit=query.limit,
        )
        lives = queries.list_lives(session, [found.id for found in page.standings])
    items = [LifeAnswer.of(found, lives[found.id]) for found in page.standings]
    return TimelineAnswer(items=items, next=page.next_after).model_dump(mode="json")
