"""One derogation for programs, as known at any instant, and its decisions with their effect at once."""

from base64 import b64decode
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.db import Session
from tracker.derogations import queries, service
from tracker.derogations.models import ScopeEntry
from tracker.derogations.rules import DecisionKind, DerogationKind, DerogationStatus, Domain
from tracker.derogations.service import NewAlias, NewDecision, NewDerogation, NewReference, NewScope
from tracker.documents.models import DocumentKind
from tracker.documents.service import MAX_UPLOAD_BYTES, NewFile
from tracker.effects import service as effects
from tracker.errors import N_, InvalidInput
from tracker.terms import rules as terms
from tracker.terms.rules import Conditions, FollowUp

api = APIBlueprint(
    "decisions_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="derogations")],
    abp_security=[{"token": []}],
)


Words = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""A text that PostgreSQL can keep: any character but NUL."""


class AsKnown(BaseModel):
    """The day asked about, and the instant of knowledge."""

    day: date | None = Field(default=None, description="Paris calendar; today when absent")
    known_at: AwareDatetime | None = Field(
        default=None, description="What was recorded later is left out; now when absent"
    )


class DerogationPath(BaseModel):
    """One derogation."""

    derogation_id: UUID


class DerogationAnswer(BaseModel):
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


class FollowUpBody(BaseModel):
    """One examination required after use."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    months: int = Field(ge=0, le=terms.LONGEST_FOLLOW_UP_MONTHS)
    what: Words = Field(min_length=1, max_length=300)


class ConditionsBody(BaseModel):
    """All conditions from the decision on."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    sites: list[Words] = Field(default_factory=list, max_length=terms.MOST_STATED)
    is_allowed_here: bool = True
    ward_ids: list[UUID] = Field(default_factory=list, max_length=terms.MOST_STATED)
    criteria: list[Words] = Field(default_factory=list, max_length=terms.MOST_STATED)
    follow_up: list[FollowUpBody] = Field(default_factory=list, max_length=terms.MOST_STATED)

    def value(self) -> Conditions:
        """Return the conditions."""
        return Conditions(
            sites=tuple(self.sites),
            is_allowed_here=self.is_allowed_here,
            ward_ids=tuple(self.ward_ids),
            criteria=tuple(self.criteria),
            follow_up=tuple([FollowUp(item.months, item.what) for item in self.follow_up]),
        )


class DecisionAnswer(BaseModel):
    """One decision, corrected ones included."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: DecisionKind
    effective_from: date
    valid_until: date | None
    decided_on: date | None
    received_on: date | None
    reference: str
    patient_cap: int | None
    conditions: ConditionsBody | None
    note: str
    source: str
    document_id: UUID | None
    corrects_id: UUID | None
    recorded_at: datetime
    recorded_by_name: str


class ReferenceAnswer(BaseModel):
    """One reference in the scope on the day asked about."""

    reference: str
    label: str
    reading: str = Field(description="The pharmacist's reading; empty where the decision lists the reference")


class AliasAnswer(BaseModel):
    """Another spelling of the designation."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    source: str
    recorded_at: datetime
    recorded_by_name: str


class WholeDerogationAnswer(DerogationAnswer):
    """One derogation with its decisions and its scope."""

    legal_basis: str
    partial_revision_only: bool
    patient_id: UUID | None
    pseudonym: str = Field(description="How the letter calls the patient; empty for who may not read patients")
    scope_text: str
    source: str
    conditions: ConditionsBody | None = Field(description="In force on the day asked about")
    place_count: int = Field(description="Patients counted so far")
    aliases: list[AliasAnswer]
    decisions: list[DecisionAnswer]
    references: list[ReferenceAnswer]


class LetterBody(BaseModel):
    """The letter of a decision: PDF, PNG or JPEG, at most 20 MB."""

    filename: Words = Field(min_length=1, max_length=200)
    content_base64: str = Field(max_length=MAX_UPLOAD_BYTES * 2)


class ReferenceBody(BaseModel):
    """A reference that enters the scope."""

    reference: Words = Field(min_length=1, max_length=100)
    label: Words = Field(default="", max_length=300)


class DecisionBody(BaseModel):
    """One decision as its letter says it."""

    model_config = ConfigDict(extra="forbid")

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same decision")
    kind: DecisionKind
    effective_from: date
    valid_until: date | None = None
    decided_on: date | None = None
    received_on: date | None = None
    reference: Words = Field(default="", max_length=300)
    patient_cap: int | None = Field(default=None, ge=1, le=100_000)
    conditions: ConditionsBody | None = Field(default=None, description="Null leaves what was stated before")
    note: Words = Field(default="", max_length=4000)
    source: Words = Field(default="", max_length=300)
    corrects_id: UUID | None = None
    added: list[ReferenceBody] = Field(default_factory=list, max_length=1000)
    removed: list[Words] = Field(default_factory=list, max_length=1000)
    letter: LetterBody | None = None


class DerogationBody(BaseModel):
    """A new derogation; its first decision is recorded with a request of its own."""

    model_config = ConfigDict(extra="forbid")

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same derogation")
    kind: DerogationKind
    domain: Domain
    designation: Words = Field(min_length=1, max_length=300)
    manufacturer_id: UUID
    source: Words = Field(min_length=1, max_length=300)
    legal_basis: Words = Field(default="", max_length=300)
    partial_revision_only: bool = False
    implanted_system: Words = Field(default="", max_length=300)
    scope_text: Words = Field(default="", max_length=4000)
    patient_id: UUID | None = None
    pseudonym: Words = Field(default="", max_length=100)


class AliasBody(BaseModel):
    """Another spelling of the designation, and where it is written so."""

    model_config = ConfigDict(extra="forbid")

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same spelling")
    name: Words = Field(min_length=1, max_length=300)
    source: Words = Field(min_length=1, max_length=300)


class ScopeBody(BaseModel):
    """References that enter or leave a scope written in words, by the pharmacist's reading."""

    model_config = ConfigDict(extra="forbid")

    id: UUID = Field(description="UUIDv7 made by the client; the same id again adds nothing")
    effective_from: date
    reading: Words = Field(min_length=1, max_length=4000)
    added: list[ReferenceBody] = Field(default_factory=list, max_length=1000)
    removed: list[Words] = Field(default_factory=list, max_length=1000)


@api.post("/derogations", summary="Enter a derogation", responses={201: WholeDerogationAnswer})
@http.requires(Permission.DEROGATION_WRITE)
def create(body: DerogationBody) -> tuple[dict[str, object], int]:
    """Enter a derogation without any decision yet; the same id again answers the same derogation."""
    now = clock.utc_now()
    new = NewDerogation(**body.model_dump(exclude={"id"}))
    with http.transaction() as session:
        service.create_derogation(session, body.id, new=new, actor=http.current_actor(), now=now)
        answer = _whole(session, body.id, day=clock.paris_day(now), known_at=now)
    return answer.model_dump(mode="json"), 201


@api.post("/derogations/<uuid:derogation_id>/names", summary="Record a spelling", responses={201: AliasAnswer})
@http.requires(Permission.DEROGATION_WRITE)
def add_alias(path: DerogationPath, body: AliasBody) -> tuple[dict[str, object], int]:
    """Record another spelling of the designation; the same id again answers the same spelling."""
    new = NewAlias(path.derogation_id, body.name, body.source)
    with http.transaction() as session:
        alias = service.add_alias(session, body.id, new=new, actor=http.current_actor(), now=clock.utc_now())
    return AliasAnswer.model_validate(alias).model_dump(mode="json"), 201


@api.post("/derogations/<uuid:derogation_id>/scope", summary="Record a reading", responses={201: WholeDerogationAnswer})
@http.requires(Permission.DEROGATION_WRITE)
def add_scope(path: DerogationPath, body: ScopeBody) -> tuple[dict[str, object], int]:
    """Record the pharmacist's reading of a scope in words, and answer the derogation as it stands now."""
    now = clock.utc_now()
    new = NewScope(
        derogation_id=path.derogation_id,
        effective_from=body.effective_from,
        reading=body.reading,
        added=tuple([NewReference(item.reference, item.label) for item in body.added]),
        removed=tuple(body.removed),
    )
    with http.transaction() as session:
        effects.add_scope(
            session,
            body.id,
            new=new,
            public_url=http.web().values["public_url"],
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
        answer = _whole(session, path.derogation_id, day=clock.paris_day(now), known_at=now)
    return answer.model_dump(mode="json"), 201


@api.get("/derogations/<uuid:derogation_id>", summary="Read a derogation", responses={200: WholeDerogationAnswer})
@http.requires(Permission.DEROGATION_READ)
def show(path: DerogationPath, query: AsKnown) -> dict[str, object]:
    """Answer one derogation as known at an instant, with its decisions and its scope on the day."""
    day, known_at = _moment(query)
    with http.transaction() as session:
        return _whole(session, path.derogation_id, day=day, known_at=known_at).model_dump(mode="json")


def _whole(session: Session, derogation_id: UUID, *, day: date, known_at: datetime) -> WholeDerogationAnswer:
    sheet = queries.get_sheet(session, derogation_id, day=day, known_at=known_at)
    derogation = queries.get_derogation(session, derogation_id)
    decisions = queries.list_decisions(session, derogation_id)
    aliases = queries.list_aliases(session, derogation_id)
    conditions = sheet.standing.conditions
    sees_patients = http.current_actor().can(Permission.PATIENT_READ)
    return WholeDerogationAnswer(
        **DerogationAnswer.model_validate(sheet).model_dump(),
        legal_basis=derogation.legal_basis,
        partial_revision_only=derogation.partial_revision_only,
        patient_id=derogation.patient_id if sees_patients else None,
        pseudonym=queries.read_pseudonym(session, derogation) if sees_patients else "",
        scope_text=derogation.scope_text,
        source=derogation.source,
        conditions=ConditionsBody.model_validate(conditions) if conditions else None,
        place_count=queries.count_places(session, derogation_id),
        aliases=[AliasAnswer.model_validate(alias) for alias in aliases if alias.recorded_at <= known_at],
        decisions=[DecisionAnswer.model_validate(one) for one in decisions if one.recorded_at <= known_at],
        references=_references(queries.list_scope(session, derogation_id), day=day, known_at=known_at),
    )


def _references(entries: Sequence[ScopeEntry], *, day: date, known_at: datetime) -> list[ReferenceAnswer]:
    listed = terms.references_on([queries.scope_facts(entry) for entry in entries], day, known_at=known_at)
    speaking = {
        entry.reference: ReferenceAnswer(reference=entry.reference, label=entry.label, reading=entry.reading)
        for entry in entries  # by reference, then by day
        if entry.reference in listed and entry.effective_from <= day and queries.scope_facts(entry).is_known(known_at)
    }
    return list(speaking.values())


@api.post("/derogations/<uuid:derogation_id>/decisions", summary="Record a decision", responses={201: DecisionAnswer})
@http.requires(Permission.DEROGATION_WRITE)
def record_decision(path: DerogationPath, body: DecisionBody) -> tuple[dict[str, object], int]:
    """Record one decision with its letter; the same id again answers the same decision.

    The units that it stops are on hold, and those that it lets go again are free, before the answer is sent.
    """
    now = clock.utc_now()
    new = NewDecision(
        **body.model_dump(exclude={"id", "added", "removed", "letter", "conditions"}),
        conditions=body.conditions.value() if body.conditions else None,
        derogation_id=path.derogation_id,
        document=_letter(body.letter),
        added=tuple(NewReference(item.reference, item.label) for item in body.added),
        removed=tuple(body.removed),
    )
    with http.transaction() as session:
        decision, _report = effects.record_decision(
            session,
            body.id,
            new=new,
            public_url=http.web().values["public_url"],
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    return DecisionAnswer.model_validate(decision).model_dump(mode="json"), 201


def _letter(body: LetterBody | None) -> NewFile | None:
    """Return the letter of a request.

    Raises:
        InvalidInput: it is not base64.
    """
    if body is None:
        return None
    try:
        content = b64decode(body.content_base64, validate=True)
    except ValueError as error:
        raise InvalidInput(
            N_("The letter is not base64."),
            fields={"letter.content_base64": N_("Encode the file, RFC 4648 section 4.")},
        ) from error
    return NewFile(DocumentKind.DECISION, "", body.filename, content, has_patient_data=False)


def _moment(query: AsKnown) -> tuple[date, datetime]:
    now = clock.utc_now()
    return query.day or clock.paris_day(now), query.known_at or now
