"""Recaps for programs: what is due, the recaps made, a new one, its handing over."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.db import Session
from tracker.devices.rules import UnitState
from tracker.recaps import queries, service
from tracker.recaps.rules import DueState
from tracker.recaps.service import NewHandover, Period

api = APIBlueprint(
    "recaps_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="recaps")], abp_security=[{"token": []}]
)

Words = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""A text that PostgreSQL can keep: any character but NUL."""


class RecapPath(BaseModel):
    """One recap."""

    recap_id: UUID


class RecapsQuery(BaseModel):
    """What the list is narrowed to, and where it begins: ``after_at`` and ``after_id`` of the page before."""

    derogation_id: UUID | None = None
    after_at: AwareDatetime | None = None
    after_id: UUID | None = None
    limit: int = Field(default=50, ge=1, le=200)


class RecapAnswer(BaseModel):
    """One recap in the list."""

    id: UUID
    derogation_id: UUID
    designation: str
    first_day: date
    last_day: date
    made_at: datetime
    handed_on: date | None


class RecapsAnswer(BaseModel):
    """One page of recaps."""

    items: list[RecapAnswer]
    next_after_at: datetime | None
    next_after_id: UUID | None


class DueAnswer(BaseModel):
    """One derogation whose recap is due."""

    derogation_id: UUID
    designation: str
    anniversary: date
    due_on: date
    state: DueState


class DuesAnswer(BaseModel):
    """Everything that is due."""

    items: list[DueAnswer]


class StretchAnswer(BaseModel):
    """Whole months told together, so that none points to a patient."""

    months: str = Field(description="'2026-01', or '2026-01/2026-03', both included")
    count: int


class LineAnswer(BaseModel):
    """Uses of one reference and lot."""

    reference: str
    designation: str
    lot: str = Field(description="Empty where the unit has none; a serial number is not told")
    counts: list[int] = Field(description="One for each stretch, in order")
    total: int


class UnitsAnswer(BaseModel):
    """Units that were not used, at the end of the period."""

    reference: str
    designation: str
    state: UnitState
    count: int


class ContentAnswer(BaseModel):
    """What the manufacturer is told."""

    stretches: list[StretchAnswer]
    lines: list[LineAnswer]
    units: list[UnitsAnswer]
    incidents: list[str] = Field(description="Numbers of cases")
    least_count: int = Field(description="Fewest uses told together as one stretch")
    use_count: int


class HandoverAnswer(BaseModel):
    """One handing over."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    handed_on: date
    recipient: str
    note: str
    recorded_at: datetime
    recorded_by_name: str


class WholeRecapAnswer(BaseModel):
    """One recap with what it says."""

    id: UUID
    derogation_id: UUID
    first_day: date
    last_day: date
    made_at: datetime
    made_by_name: str
    document_id: UUID
    sha256: str = Field(description="Of 'content' as canonical JSON")
    content: ContentAnswer
    handovers: list[HandoverAnswer]


class RecapBody(BaseModel):
    """A recap to make."""

    model_config = ConfigDict(extra="forbid")

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same recap")
    derogation_id: UUID
    first_day: date
    last_day: date = Field(description="Before today")
    locale: Literal["fr", "en"] = "fr"


class HandoverBody(BaseModel):
    """How a recap reached the manufacturer."""

    model_config = ConfigDict(extra="forbid")

    id: UUID = Field(description="UUIDv7 made by the client")
    handed_on: date
    recipient: Words = Field(min_length=1, max_length=300)
    note: Words = Field(default="", max_length=4000)


@api.get("/recaps", summary="List the recaps", responses={200: RecapsAnswer})
@http.requires(Permission.RECAP_READ)
def index(query: RecapsQuery) -> dict[str, object]:
    """Answer one page of recaps, newest first."""
    after = (query.after_at, query.after_id) if query.after_at and query.after_id else None
    with http.transaction() as session:
        page = queries.list_recaps(session, derogation_id=query.derogation_id, after=after, limit=query.limit)
    items = [
        RecapAnswer(
            id=line.row.id,
            derogation_id=line.row.derogation_id,
            designation=line.designation,
            first_day=line.row.first_day,
            last_day=line.row.last_day,
            made_at=line.row.made_at,
            handed_on=line.handed_on,
        )
        for line in page.lines
    ]
    at, recap_id = page.next_after or (None, None)
    return RecapsAnswer(items=items, next_after_at=at, next_after_id=recap_id).model_dump(mode="json")


@api.get("/recaps/due", summary="List the recaps that are due", responses={200: DuesAnswer})
@http.requires(Permission.RECAP_READ)
def due() -> dict[str, object]:
    """Answer the recaps that are due, the nearest anniversary first."""
    now, lead_days = clock.utc_now(), http.web().values["recap_lead_days"]
    with http.transaction() as session:
        found = queries.list_due(session, today=clock.paris_day(now), now=now, lead_days=lead_days)
    items = [
        DueAnswer(
            derogation_id=one.standing.id,
            designation=one.standing.designation,
            anniversary=one.due.anniversary,
            due_on=one.due.due_on,
            state=one.due.state,
        )
        for one in found
    ]
    return DuesAnswer(items=items).model_dump(mode="json")


@api.get("/recaps/<uuid:recap_id>", summary="Read a recap", responses={200: WholeRecapAnswer})
@http.requires(Permission.RECAP_READ)
def show(path: RecapPath) -> dict[str, object]:
    """Answer one recap as it was frozen."""
    with http.transaction() as session:
        return _whole(session, path.recap_id)


def _whole(session: Session, recap_id: UUID) -> dict[str, object]:
    row = queries.get_recap(session, recap_id)
    handovers = queries.list_handovers(session, recap_id)
    names = ("id", "derogation_id", "first_day", "last_day", "made_at", "made_by_name", "document_id", "sha256")
    return WholeRecapAnswer(
        content=ContentAnswer.model_validate(row.content),
        handovers=[HandoverAnswer.model_validate(one) for one in handovers],
        **{name: getattr(row, name) for name in names},
    ).model_dump(mode="json")


@api.post("/recaps", summary="Make a recap", responses={201: WholeRecapAnswer})
@http.requires(Permission.RECAP_WRITE)
def create(body: RecapBody) -> tuple[dict[str, object], int]:
    """Count and freeze a recap; the same id again answers the same recap."""
    now = clock.utc_now()
    least_count: int = http.web().values["recap_least_count"]
    with http.transaction() as session:
        service.make_recap(
            session,
            body.id,
            period=Period(body.derogation_id, body.first_day, body.last_day, least_count),
            locale=body.locale,
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
        return _whole(session, body.id), 201


@api.post("/recaps/<uuid:recap_id>/handovers", summary="Record the handing over", responses={201: WholeRecapAnswer})
@http.requires(Permission.RECAP_WRITE)
def hand_over(path: RecapPath, body: HandoverBody) -> tuple[dict[str, object], int]:
    """Record that a recap was handed over to the manufacturer."""
    now = clock.utc_now()
    told = NewHandover(path.recap_id, body.handed_on, body.recipient, body.note)
    with http.transaction() as session:
        service.hand_over(session, body.id, new=told, actor=http.current_actor(), now=now, today=clock.paris_day(now))
        return _whole(session, path.recap_id), 201
