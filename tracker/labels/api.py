"""Labels for programs: print jobs, the log, the papers."""

import base64
from datetime import date, datetime
from typing import Self
from uuid import UUID

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.devices import queries as devices
from tracker.documents.documents import Locale, render
from tracker.labels import queries, rules, service
from tracker.labels.documents import PrintedLabel, labels_data
from tracker.labels.queries import Format, PrintLine
from tracker.labels.rules import Layout, Paper
from tracker.labels.service import NewJob
from tracker.organisation import queries as organisation

api = APIBlueprint(
    "labels_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="labels")], abp_security=[{"token": []}]
)


class JobBody(BaseModel):
    """Labels to print together, all or none."""

    id: UUID = Field(description="Made by the client; the same id again is the same print job")
    units: list[str] = Field(min_length=1, max_length=rules.MOST_LABELS, description="Numbers on our labels")
    paper: str = Field(default="", max_length=40, description="Key of a format; the usual one when empty")
    used_positions: int = Field(default=0, ge=0, le=800, description="Labels gone from the first sheet")
    reason: str = Field(default="", max_length=300, description="Needed where a label was printed before")
    locale: Locale = "fr"


class LabelAnswer(BaseModel):
    """What one label says."""

    unit_number: str
    is_released: bool
    is_reprint: bool
    derogation_until: date | None

    @classmethod
    def of(cls, label: PrintedLabel) -> Self:
        """Return the answer for one label."""
        return cls(
            unit_number=label.unit_number,
            is_released=label.is_released,
            is_reprint=label.is_reprint,
            derogation_until=label.derogation_until,
        )


class JobAnswer(BaseModel):
    """A print job with its PDF."""

    id: UUID
    labels: list[LabelAnswer]
    pdf: str = Field(description="The PDF, in base64")


class LogQuery(BaseModel):
    """Which part of the log."""

    unit: str = Field(default="", max_length=13, description="Number of one unit")
    before: UUID | None = Field(default=None, description="Id of the last print of the page before")


class PrintAnswer(BaseModel):
    """One printed label."""

    id: UUID
    unit_number: str
    at: datetime
    actor_name: str | None
    is_reprint: bool
    reason: str | None

    @classmethod
    def of(cls, line: PrintLine) -> dict[str, object]:
        """Return the answer for one line of the log."""
        return cls.model_validate(line, from_attributes=True).model_dump(mode="json")


class LogAnswer(BaseModel):
    """Printed labels, newest first, at most a hundred."""

    prints: list[PrintAnswer]


class LayoutBody(BaseModel):
    """Where labels lie, in millimetres."""

    paper: Paper
    width_mm: float = Field(gt=0, le=300)
    height_mm: float = Field(gt=0, le=300)
    columns: int = Field(default=1, ge=1, le=20)
    rows: int = Field(default=1, ge=1, le=40)
    margin_top_mm: float = Field(default=0, ge=0, le=300)
    margin_left_mm: float = Field(default=0, ge=0, le=300)
    gap_x_mm: float = Field(default=0, ge=0, le=300)
    gap_y_mm: float = Field(default=0, ge=0, le=300)


class FormatBody(LayoutBody):
    """A paper of the establishment."""

    id: UUID = Field(description="Made by the client; the same id again is the same format")
    name: str = Field(min_length=1, max_length=60, pattern=r"\S")


class FormatAnswer(LayoutBody):
    """A paper that labels can be printed on."""

    key: str
    name: str
    is_default: bool
    is_built_in: bool


class FormatsAnswer(BaseModel):
    """The papers."""

    formats: list[FormatAnswer]


class FormatPath(BaseModel):
    """One format of the establishment."""

    format_id: UUID


_PAGE_LENGTH = 100


@api.post("/labels", summary="Print labels", responses={201: JobAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_job(body: JobBody) -> tuple[dict[str, object], int]:
    """Print the labels of units and answer the PDF; the same id again answers the same labels."""
    now = clock.utc_now()
    with http.transaction() as session:
        layout = queries.find_format(session, body.paper).layout
        new = NewJob(tuple(body.units), layout, body.used_positions, body.reason)
        job = service.print_labels(
            session, body.id, new=new, actor=http.current_actor(), now=now, today=clock.paris_day(now)
        )
        establishment = organisation.get_establishment(session, http.current_actor().establishment_id)
    data = labels_data(job, establishment=establishment, locale=body.locale, generated_at=now.astimezone(clock.PARIS))
    answer = JobAnswer(
        id=body.id,
        labels=[LabelAnswer.of(label) for label in job.labels],
        pdf=base64.b64encode(render("labels/labels", data)).decode(),
    )
    return answer.model_dump(mode="json"), 201


@api.get("/labels", summary="Read the log of labels", responses={200: LogAnswer})
@http.requires(Permission.RECEPTION_READ)
def list_prints(query: LogQuery) -> dict[str, object]:
    """Answer printed labels, newest first."""
    sequence = devices.read_unit_number(query.unit) if query.unit else None
    with http.transaction() as session:
        lines = queries.list_prints(session, before=query.before, limit=_PAGE_LENGTH, sequence=sequence)
    return {"prints": [PrintAnswer.of(line) for line in lines]}


@api.get("/labels/formats", summary="List the papers", responses={200: FormatsAnswer})
@http.requires(Permission.RECEPTION_READ)
def list_formats() -> dict[str, object]:
    """Answer the papers labels can be printed on."""
    return _formats()


def _formats() -> dict[str, object]:
    with http.transaction() as session:
        found = queries.list_formats(session)
    return {"formats": [_format(one) for one in found]}


def _format(one: Format) -> dict[str, object]:
    name = http.sentence(one.name) if one.is_built_in else one.name
    layout = LayoutBody.model_validate(one.layout, from_attributes=True).model_dump(mode="json")
    return layout | {"key": one.key, "name": name, "is_default": one.is_default, "is_built_in": one.is_built_in}


@api.post("/labels/formats", summary="Add a paper", responses={201: FormatAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def add_format(body: FormatBody) -> tuple[dict[str, object], int]:
    """Add a paper of the establishment."""
    with http.transaction() as session:
        service.add_format(
            session,
            body.id,
            name=body.name,
            layout=Layout(**body.model_dump(exclude={"id", "name"})),
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
        added = queries.find_format(session, str(body.id))
    return _format(added), 201


@api.post("/labels/formats/<uuid:format_id>/default", summary="Choose the usual paper", responses={200: FormatsAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def choose_default(path: FormatPath) -> dict[str, object]:
    """Make a format the usual one."""
    with http.transaction() as session:
        service.choose_default_format(session, path.format_id, actor=http.current_actor(), now=clock.utc_now())
    return _formats()


@api.post("/labels/formats/<uuid:format_id>/retire", summary="Retire a paper", responses={200: FormatsAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def retire_format(path: FormatPath) -> dict[str, object]:
    """Retire a format."""
    with http.transaction() as session:
        service.retire_format(session, path.format_id, actor=http.current_actor(), now=clock.utc_now())
    return _formats()
