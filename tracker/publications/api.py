"""ANSM's list for programs: upload, difference, approval line by line."""

from base64 import b64decode
from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.documents.service import MAX_UPLOAD_BYTES
from tracker.errors import N_, InvalidInput
from tracker.publications import queries, service
from tracker.publications.models import LineDecision, Outcome, ReadingState
from tracker.publications.queries import LineView, PublicationView
from tracker.publications.rules import LineKind
from tracker.publications.service import NewPublication

api = APIBlueprint(
    "publications_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="publications")],
    abp_security=[{"token": []}],
)

Words = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""A text that PostgreSQL can keep: any character but NUL."""


class PublicationPath(BaseModel):
    """One uploaded list."""

    publication_id: UUID


class LinePath(BaseModel):
    """One difference."""

    line_id: UUID


class PublicationsQuery(BaseModel):
    """Where the page begins."""

    after: UUID | None = Field(default=None, description="The 'next' of the page before")
    limit: int = Field(default=50, ge=1, le=200)


class PublicationBody(BaseModel):
    """A file that holds ANSM's list: a saved page, a PDF, a text, YAML or CSV (docs/publications.md)."""

    model_config = ConfigDict(extra="forbid")

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same publication")
    filename: Words = Field(min_length=1, max_length=200)
    content_base64: str = Field(max_length=MAX_UPLOAD_BYTES * 2)
    listed_on: date | None = Field(default=None, description="Day of the list; the one it prints when absent")


class ApproveBody(BaseModel):
    """An approval."""

    model_config = ConfigDict(extra="forbid")

    confirmed: bool = Field(default=False, description="Where is_certain is false: both names mean one derogation")


class DeclineBody(BaseModel):
    """Why a line is set aside."""

    model_config = ConfigDict(extra="forbid")

    reason: Words = Field(min_length=1, max_length=1000)


class PublicationAnswer(BaseModel):
    """One uploaded list and how far it is."""

    id: UUID
    filename: str
    document_id: UUID
    sha256: str
    listed_on: date | None
    state: ReadingState
    fault: str = Field(description="Code of why it could not be read; empty otherwise")
    pages_read: int
    page_count: int | None
    listed_count: int
    unchanged_count: int
    line_count: int
    open_count: int
    uploaded_at: datetime
    read_at: datetime | None

    @classmethod
    def of(cls, view: PublicationView) -> Self:
        """Return the answer for one list."""
        publication = view.publication
        return cls(
            id=publication.id,
            filename=view.file.filename,
            document_id=view.file.id,
            sha256=view.file.sha256,
            listed_on=publication.listed_on,
            state=publication.state,
            fault=publication.fault,
            pages_read=publication.pages_read,
            page_count=publication.page_count,
            listed_count=publication.listed_count,
            unchanged_count=publication.unchanged_count,
            line_count=view.line_count,
            open_count=view.open_count,
            uploaded_at=publication.uploaded_at,
            read_at=publication.read_at,
        )


class PublicationsAnswer(BaseModel):
    """One page of the lists, the newest first."""

    items: list[PublicationAnswer]
    next: UUID | None


class LineDecisionAnswer(BaseModel):
    """What was decided on a line."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    outcome: Outcome
    reason: str
    derogation_id: UUID | None
    decided_at: datetime
    decided_by_name: str


class LineAnswer(BaseModel):
    """One difference between the list and the register."""

    id: UUID
    kind: LineKind
    derogation_id: UUID | None
    designation: str | None = Field(description="Of the register's derogation")
    is_certain: bool = Field(description="False: the names differ, confirm that they mean the same")
    listed: dict[str, Any] = Field(description="The derogation as the list prints it")
    reference: str
    label: str
    told: str = Field(description="The text that was not understood")
    why: str
    decisions: list[LineDecisionAnswer]

    @classmethod
    def of(cls, found: LineView) -> Self:
        """Return the answer for one line."""
        line = found.line
        return cls(
            id=line.id,
            kind=line.kind,
            derogation_id=line.derogation_id,
            designation=found.designation,
            is_certain=line.is_certain,
            listed=line.listed,
            reference=line.reference,
            label=line.label,
            told=line.told,
            why=http.sentence(line.why),
            decisions=[LineDecisionAnswer.model_validate(made) for made in found.decisions],
        )


class WholePublicationAnswer(PublicationAnswer):
    """One uploaded list with its differences."""

    lines: list[LineAnswer]


@api.get("/publications", summary="List uploaded lists of ANSM", responses={200: PublicationsAnswer})
@http.requires(Permission.DEROGATION_READ)
def index(query: PublicationsQuery) -> dict[str, object]:
    """Answer one page, the newest first."""
    with http.transaction() as session:
        found = queries.list_publications(session, after=query.after, limit=query.limit + 1)
    items = [PublicationAnswer.of(view) for view in found[: query.limit]]
    following = items[-1].id if len(found) > query.limit else None
    return PublicationsAnswer(items=items, next=following).model_dump(mode="json")


@api.get(
    "/publications/<uuid:publication_id>",
    summary="Read a list and its differences",
    responses={200: WholePublicationAnswer},
)
@http.requires(Permission.DEROGATION_READ)
def show(path: PublicationPath) -> dict[str, object]:
    """Answer how far the reading is and, once it is done, every difference."""
    return _whole(path.publication_id)


def _whole(publication_id: UUID) -> dict[str, object]:
    with http.transaction() as session:
        view = queries.get_publication(session, publication_id)
        lines = [LineAnswer.of(found) for found in queries.list_lines(session, publication_id)]
    return WholePublicationAnswer(**PublicationAnswer.of(view).model_dump(), lines=lines).model_dump(mode="json")


@api.post("/publications", summary="Upload a list of ANSM", responses={201: WholePublicationAnswer})
@http.requires(Permission.DEROGATION_WRITE)
def upload(body: PublicationBody) -> tuple[dict[str, object], int]:
    """Keep a file; a page is read at once, a PDF by the worker: ask again until the state is no longer queued.

    Raises:
        InvalidInput: the content is not base64.
    """
    try:
        content = b64decode(body.content_base64, validate=True)
    except ValueError as error:
        raise InvalidInput(
            N_("The list is not base64."), fields={"content_base64": N_("Encode the file, RFC 4648 section 4.")}
        ) from error
    now = clock.utc_now()
    new = NewPublication(body.filename, content, body.listed_on)
    with http.transaction() as session:
        service.receive(session, body.id, new=new, actor=http.current_actor(), now=now, today=clock.paris_day(now))
    return _whole(body.id), 201


@api.post(
    "/publication-lines/<uuid:line_id>/approve", summary="Approve a difference", responses={200: LineDecisionAnswer}
)
@http.requires(Permission.DEROGATION_WRITE)
def approve(path: LinePath, body: ApproveBody) -> dict[str, object]:
    """Record in the register what the line says; approved again, the same answer."""
    now = clock.utc_now()
    with http.transaction() as session:
        made = service.approve_line(
            session,
            path.line_id,
            is_confirmed=body.confirmed,
            public_url=http.web().values["public_url"],
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    return _decided(made)


@api.post(
    "/publication-lines/<uuid:line_id>/decline",
    summary="Set a difference aside",
    responses={200: LineDecisionAnswer},
)
@http.requires(Permission.DEROGATION_WRITE)
def decline(path: LinePath, body: DeclineBody) -> dict[str, object]:
    """Set the line aside for a reason; it can still be approved later."""
    with http.transaction() as session:
        made = service.decline_line(
            session, path.line_id, reason=body.reason, actor=http.current_actor(), now=clock.utc_now()
        )
    return _decided(made)


def _decided(made: LineDecision) -> dict[str, object]:
    return LineDecisionAnswer.model_validate(made).model_dump(mode="json")
