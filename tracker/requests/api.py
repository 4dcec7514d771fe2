"""Requests for programs: the list, one request with what is missing, and every action that the pages have."""

from base64 import b64decode
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.db import Session
from tracker.derogations.rules import DerogationKind, Domain
from tracker.derogations.service import NewReference
from tracker.documents.models import DocumentKind
from tracker.documents.service import MAX_UPLOAD_BYTES, NewFile
from tracker.errors import N_, InvalidInput
from tracker.requests import queries, rules, service
from tracker.requests.models import DerogationRequest
from tracker.requests.queries import RequestView
from tracker.requests.rules import POINTS, Alternative, RequestEventKind, RequestFile, RequestState, Step
from tracker.requests.service import AnsmAnswer, NewAttachment

api = APIBlueprint(
    "requests_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="requests")],
    abp_security=[{"token": []}],
)

Words = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""A text that PostgreSQL can keep: any character but NUL."""
PointCode = Literal[
    "need",
    "no_investigation",
    "no_ce_device",
    "no_treatment",
    "no_mark",
    "performance",
    "characteristics",
    "conformity",
    "review",
    "late_renewal",
]
_Strict = ConfigDict(extra="forbid")


class RequestPath(BaseModel):
    """One request."""

    request_id: UUID


class RequestsQuery(BaseModel):
    """What the list is narrowed to, and where it begins."""

    state: RequestState | None = None
    before: int | None = Field(default=None, description="The 'next' of the page before")
    limit: int = Field(default=50, ge=1, le=200)


class RequestAnswer(BaseModel):
    """One request in the list."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    number: str
    kind: DerogationKind
    state: RequestState
    version: int
    designation: str
    moved_at: datetime
    derogation_id: UUID | None

    @classmethod
    def of(cls, row: DerogationRequest) -> Self:
        """Return the answer for one row."""
        names = ("id", "kind", "state", "version", "designation", "moved_at", "derogation_id")
        return cls(number=rules.request_number(row.number), **{name: getattr(row, name) for name in names})


class RequestsAnswer(BaseModel):
    """One page of requests."""

    items: list[RequestAnswer]
    next: int | None


class AlternativeBody(BaseModel):
    """One alternative that was looked for."""

    name: Words = Field(min_length=1, max_length=1000)
    why_not: Words = Field(default="", max_length=4000)


class FileBody(BaseModel):
    """The whole file; everything may be empty while the request is being drafted."""

    model_config = _Strict

    designation: Words = Field(default="", max_length=300)
    domain: Domain = Domain.OTHER
    manufacturer_id: UUID | None = None
    operator: Words = Field(default="", max_length=4000)
    patient_id: UUID | None = Field(default=None, description="For an individual request only")
    implanted_system: Words = Field(default="", max_length=300)
    references: list[Words] = Field(default_factory=list, max_length=1000)
    points: dict[PointCode, Words] = Field(default_factory=dict, description="Text of each point, by its code")
    from_operator: list[PointCode] = Field(default_factory=list, description="Points that the operator brings")
    alternatives: list[AlternativeBody] = Field(default_factory=list, max_length=200)
    is_late_renewal: bool = False
    left_out: list[UUID] = Field(default_factory=list, description="Attachments that do not go with the dossier")

    def file(self) -> RequestFile:
        """Return the file as the service takes it."""
        may_bring = {point.code for point in POINTS if point.from_operator}
        return RequestFile(
            designation=self.designation.strip(),
            domain=self.domain,
            manufacturer_id=self.manufacturer_id,
            operator=self.operator.strip(),
            patient_id=self.patient_id,
            implanted_system=self.implanted_system.strip(),
            references=tuple(dict.fromkeys(one.strip() for one in self.references if one.strip())),
            points={code: text.strip() for code, text in self.points.items() if text.strip()},
            from_operator=frozenset(self.from_operator) & may_bring,
            alternatives=tuple(Alternative(one.name.strip(), one.why_not.strip()) for one in self.alternatives),
            is_late_renewal=self.is_late_renewal,
            left_out=frozenset(self.left_out),
        )


class MissingAnswer(BaseModel):
    """One thing that is missing before the dossier can be given."""

    field: str
    number: int | None = Field(description="Number of the point; none for other fields")
    label: str


class EventAnswer(BaseModel):
    """One event."""

    id: UUID
    kind: RequestEventKind
    state_after: RequestState
    happened_on: date
    version: int
    note: str
    document_id: UUID | None
    recorded_at: datetime
    recorded_by_name: str


class AttachmentAnswer(BaseModel):
    """One attached document."""

    id: UUID
    title: str
    names_patient: bool
    document_id: UUID
    sha256: str


class WholeRequestAnswer(RequestAnswer):
    """One request with its file, what is missing, its events and its attachments."""

    pseudonym: str
    file: FileBody
    missing: list[MissingAnswer]
    signed_by: str = Field(description="Whose signature holds for the present justification; empty where nobody's")
    events: list[EventAnswer]
    attachments: list[AttachmentAnswer]


class OpenBody(BaseModel):
    """A new request."""

    model_config = _Strict

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same request")
    kind: DerogationKind
    file: FileBody = Field(default_factory=FileBody)
    route: Words = Field(default="", max_length=60, description="Answer of the guided questions it comes from")


class SaveBody(BaseModel):
    """One saving of the file."""

    model_config = _Strict

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same saving")
    version: int = Field(description="Version that was read; another present one is a conflict (409), told in findings")
    file: FileBody


class UploadBody(BaseModel):
    """A file: PDF, PNG or JPEG, at most 20 MB."""

    filename: Words = Field(min_length=1, max_length=200)
    content_base64: str = Field(max_length=MAX_UPLOAD_BYTES * 2)


class AttachBody(BaseModel):
    """A document to attach."""

    model_config = _Strict

    id: UUID = Field(description="UUIDv7 made by the client")
    title: Words = Field(min_length=1, max_length=300)
    names_patient: bool = Field(description="It then never goes to the operator")
    file: UploadBody


class SignBody(BaseModel):
    """The signature of the justification."""

    model_config = _Strict

    id: UUID = Field(description="UUIDv7 made by the client")
    version: int = Field(description="Version that was read")


class StepBody(BaseModel):
    """The next step."""

    model_config = _Strict

    id: UUID = Field(description="UUIDv7 made by the client")
    kind: Literal["given", "filed", "reopened", "abandoned"]
    happened_on: date
    note: Words = Field(default="", max_length=4000)
    version: int = Field(default=0, description="Version that was read; needed for 'given'")


class AnswerBody(BaseModel):
    """ANSM's answer as its letter says it."""

    model_config = _Strict

    id: UUID = Field(description="UUIDv7 made by the client")
    outcome: Literal["granted", "refused"]
    happened_on: date = Field(description="Day on which the letter was received")
    effective_from: date
    valid_until: date | None = None
    decided_on: date | None = None
    reference: Words = Field(default="", max_length=300)
    patient_cap: int | None = Field(default=None, ge=1, le=100_000)
    legal_basis: Words = Field(default="", max_length=300)
    scope_text: Words = Field(default="", max_length=4000)
    note: Words = Field(default="", max_length=4000)
    references: list[Words] = Field(default_factory=list, max_length=1000, description="Those asked for when empty")
    letter: UploadBody | None = None


@api.get("/requests", summary="List the requests", responses={200: RequestsAnswer})
@http.requires(Permission.REQUEST_READ)
def index(query: RequestsQuery) -> dict[str, object]:
    """Answer one page of requests, newest first."""
    with http.transaction() as session:
        page = queries.list_requests(session, state=query.state, before=query.before, limit=query.limit)
    items = [RequestAnswer.of(row) for row in page.rows]
    return RequestsAnswer(items=items, next=page.next_before).model_dump(mode="json")


@api.get("/requests/<uuid:request_id>", summary="Read a request", responses={200: WholeRequestAnswer})
@http.requires(Permission.REQUEST_READ)
def show(path: RequestPath) -> dict[str, object]:
    """Answer one request with its file and what is missing."""
    with http.transaction() as session:
        return _whole(session, path.request_id)


def _whole(session: Session, request_id: UUID) -> dict[str, object]:
    view = queries.get_view(session, request_id)
    signature = view.signature
    return WholeRequestAnswer(
        **RequestAnswer.of(view.row).model_dump(),
        pseudonym=view.pseudonym if view.row.kind is DerogationKind.INDIVIDUAL else "",
        file=_file(view),
        missing=[
            MissingAnswer(field=one.field, number=one.number, label=http.sentence(one.label)) for one in view.missing
        ],
        signed_by=signature.row.recorded_by_name if signature else "",
        events=_events(view),
        attachments=[
            AttachmentAnswer(
                id=one.id,
                title=one.title,
                names_patient=one.names_patient,
                document_id=one.document.id,
                sha256=one.document.sha256,
            )
            for one in view.attachments
        ],
    ).model_dump(mode="json")


def _file(view: RequestView) -> FileBody:
    file = view.file
    sees_patients = http.current_actor().can(Permission.PATIENT_READ)
    return FileBody.model_validate(
        {
            "designation": file.designation,
            "domain": file.domain,
            "manufacturer_id": file.manufacturer_id,
            "operator": file.operator,
            "patient_id": file.patient_id if sees_patients else None,
            "implanted_system": file.implanted_system,
            "references": list(file.references),
            "points": dict(file.points),
            "from_operator": sorted(file.from_operator),
            "alternatives": [{"name": one.name, "why_not": one.why_not} for one in file.alternatives],
            "is_late_renewal": file.is_late_renewal,
            "left_out": sorted(file.left_out),
        }
    )


def _events(view: RequestView) -> list[EventAnswer]:
    names = ("id", "kind", "state_after", "happened_on", "version", "document_id", "recorded_at", "recorded_by_name")
    return [EventAnswer(note=event.note, **{name: getattr(event.row, name) for name in names}) for event in view.events]


@api.post("/requests", summary="Open a request", responses={201: WholeRequestAnswer})
@http.requires(Permission.REQUEST_WRITE)
def create(body: OpenBody) -> tuple[dict[str, object], int]:
    """Open a request; the same id again answers the same request."""
    with http.transaction() as session:
        service.open_request(
            session,
            body.id,
            kind=body.kind,
            file=body.file.file(),
            route=body.route,
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
        return _whole(session, body.id), 201


@api.post("/requests/<uuid:request_id>/file", summary="Save the file", responses={200: WholeRequestAnswer})
@http.requires(Permission.REQUEST_WRITE)
def save(path: RequestPath, body: SaveBody) -> dict[str, object]:
    """Save the file, complete or not; a version saved meanwhile is a conflict that tells the present state."""
    with http.transaction() as session:
        service.save_file(
            session,
            path.request_id,
            save_id=body.id,
            version=body.version,
            file=body.file.file(),
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
        return _whole(session, path.request_id)


@api.post("/requests/<uuid:request_id>/attachments", summary="Attach a document", responses={201: WholeRequestAnswer})
@http.requires(Permission.REQUEST_WRITE)
def attach(path: RequestPath, body: AttachBody) -> tuple[dict[str, object], int]:
    """Attach a document, frozen and hashed."""
    file = _upload(body.file, DocumentKind.REQUEST_ATTACHMENT, "file.content_base64")
    new = NewAttachment(body.title, file, names_patient=body.names_patient)
    with http.transaction() as session:
        service.attach(
            session, body.id, request_id=path.request_id, new=new, actor=http.current_actor(), now=clock.utc_now()
        )
        return _whole(session, path.request_id), 201


@api.post(
    "/requests/<uuid:request_id>/signature", summary="Sign the justification", responses={201: WholeRequestAnswer}
)
@http.requires(Permission.REQUEST_SIGN)
def sign(path: RequestPath, body: SignBody) -> tuple[dict[str, object], int]:
    """Sign the justification of the version that was read."""
    now = clock.utc_now()
    with http.transaction() as session:
        service.sign(
            session,
            body.id,
            request_id=path.request_id,
            version=body.version,
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
        return _whole(session, path.request_id), 201


@api.post("/requests/<uuid:request_id>/steps", summary="Record the next step", responses={201: WholeRequestAnswer})
@http.requires(Permission.DEROGATION_WRITE)
def record_step(path: RequestPath, body: StepBody) -> tuple[dict[str, object], int]:
    """Record that the dossier was given, filed, taken up again or abandoned; given freezes it in French."""
    actor, now = http.current_actor(), clock.utc_now()
    today, request_id = clock.paris_day(now), path.request_id
    step = Step(RequestEventKind(body.kind), body.happened_on, body.note, body.version)
    with http.transaction() as session:
        if step.kind is RequestEventKind.GIVEN:
            service.give(
                session, body.id, request_id=request_id, step=step, locale="fr", actor=actor, now=now, today=today
            )
        else:
            service.record_step(session, body.id, request_id=request_id, step=step, actor=actor, now=now, today=today)
        return _whole(session, request_id), 201


@api.post("/requests/<uuid:request_id>/answer", summary="Record ANSM's answer", responses={201: WholeRequestAnswer})
@http.requires(Permission.DEROGATION_WRITE)
def record_answer(path: RequestPath, body: AnswerBody) -> tuple[dict[str, object], int]:
    """Record ANSM's answer: a grant makes the derogation, a refusal a refused one."""
    now = clock.utc_now()
    answer = AnsmAnswer(
        is_granted=body.outcome == "granted",
        references=_references(body.references),
        letter=_upload(body.letter, DocumentKind.DECISION, "letter.content_base64") if body.letter else None,
        **body.model_dump(exclude={"id", "outcome", "references", "letter"}),
    )
    with http.transaction() as session:
        service.record_answer(
            session,
            body.id,
            request_id=path.request_id,
            answer=answer,
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
        return _whole(session, path.request_id), 201


def _references(typed: Sequence[str]) -> tuple[NewReference, ...]:
    return tuple(NewReference(one) for one in dict.fromkeys(text.strip() for text in typed if text.strip()))


def _upload(body: UploadBody, kind: DocumentKind, field: str) -> NewFile:
    """Return the file of a request.

    Raises:
        InvalidInput: it is not base64.
    """
    try:
        content = b64decode(body.content_base64, validate=True)
    except ValueError as error:
        raise InvalidInput(
            N_("The file is not base64."), fields={field: N_("Encode the file, RFC 4648 section 4.")}
        ) from error
    return NewFile(kind, "", body.filename, content, has_patient_data=False)
