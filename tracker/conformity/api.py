"""The way to the CE mark and the names of a device, for programs."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.conformity import queries, rules, service
from tracker.conformity.models import ConformityStatement
from tracker.conformity.queries import Comparison
from tracker.conformity.rules import (
    Applies,
    Aspect,
    Certificate,
    ConsultationState,
    Milestone,
    NoMarkReason,
    Pathway,
    Place,
    RiskClass,
)
from tracker.conformity.service import NewExplanation, NewNaming, NewStatement
from tracker.db import Session
from tracker.derogations import queries as derogations

api = APIBlueprint(
    "conformity_api",
    __name__,
    url_prefix="/api/v1/derogations/<uuid:derogation_id>/conformity",
    abp_tags=[Tag(name="conformity")],
    abp_security=[{"token": []}],
)

Words = Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=4000)]
"""A text that PostgreSQL can keep: any character but NUL."""


class ConformityPath(BaseModel):
    """One derogation."""

    derogation_id: UUID


class CertificateBody(BaseModel):
    """A former certificate as stated."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    number: Words = ""
    notified_body: Words = ""
    valid_until: Words = Field(default="", description="As printed")


class MilestoneBody(BaseModel):
    """One step that the manufacturer announces."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    due_on: date
    what: Words = Field(min_length=1)


class PathwayBody(BaseModel):
    """All that is stated of the way to the CE mark."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    risk_class: RiskClass
    is_implantable: bool
    exchanges_medicine: bool = Field(description="Active, and administers or removes a medicine (MDR art. 54(1)(b))")
    no_mark_reason: NoMarkReason
    no_mark_note: Words = ""
    certificates: list[CertificateBody] = Field(default_factory=list, max_length=50)
    notified_body: Words = ""
    milestones: list[MilestoneBody] = Field(default_factory=list, max_length=50)
    consultation: ConsultationState = ConsultationState.NOT_STATED
    consultation_on: date | None = None
    consultation_note: Words = ""

    def value(self) -> Pathway:
        """Return what is stated."""
        told = {name: getattr(self, name) for name in type(self).model_fields}
        told["certificates"] = tuple([Certificate(**one.model_dump()) for one in self.certificates])
        told["milestones"] = tuple([Milestone(one.due_on, one.what) for one in self.milestones])
        return Pathway(**told)


class StatementBody(BaseModel):
    """What was stated, where and when."""

    model_config = ConfigDict(extra="forbid")

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same statement")
    stated_on: date
    source: Words = Field(min_length=1)
    reference: Words = Field(default="", description="The one device it is about; empty: every device")
    pathway: PathwayBody


class StatementAnswer(BaseModel):
    """A statement, and whether the expert consultation applies."""

    id: UUID
    reference: str
    stated_on: date
    source: str
    pathway: PathwayBody
    consultation_applies: Applies
    recorded_at: datetime
    recorded_by_name: str

    @classmethod
    def of(cls, row: ConformityStatement) -> Self:
        """Return the answer for one statement."""
        pathway = queries.pathway_of(row)
        return cls(
            id=row.id,
            reference=row.reference,
            stated_on=row.stated_on,
            source=row.source,
            pathway=PathwayBody.model_validate(pathway),
            consultation_applies=rules.consultation_applies(
                pathway.risk_class,
                is_implantable=pathway.is_implantable,
                exchanges_medicine=pathway.exchanges_medicine,
            ),
            recorded_at=row.recorded_at,
            recorded_by_name=row.recorded_by_name,
        )


class ValueAnswer(BaseModel):
    """One way of saying an aspect, and the documents that say it so."""

    text: str
    said_by: list[tuple[Place, str]]
    is_explained: bool


class DifferenceAnswer(BaseModel):
    """An aspect that documents say differently."""

    aspect: Aspect
    bounds_differ: bool
    values: list[ValueAnswer]


class ConformityAnswer(BaseModel):
    """Where the devices of a derogation stand, and what their documents call them differently."""

    statements: list[StatementAnswer] = Field(description="The one that speaks today for each device")
    differences: list[DifferenceAnswer]
    open_count: int = Field(description="Values that nobody has explained")

    @classmethod
    def of(cls, statements: list[ConformityStatement], comparison: Comparison) -> Self:
        """Return the answer."""
        differences = [
            DifferenceAnswer(
                aspect=found.aspect,
                bounds_differ=found.bounds_differ,
                values=[
                    ValueAnswer(
                        text=value.text, said_by=list(value.said_by), is_explained=value.text not in found.unexplained
                    )
                    for value in found.values
                ],
            )
            for found in comparison.differences
        ]
        answers = [StatementAnswer.of(statement) for statement in statements]
        return cls(statements=answers, differences=differences, open_count=comparison.open_count)


class NamingBody(BaseModel):
    """What one document calls the device; what it does not mention is an empty text."""

    model_config = ConfigDict(extra="forbid")

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same naming")
    place: Place
    title: Words = Field(min_length=1)
    designation: Words = ""
    model: Words = ""
    indication: Words = ""
    population: Words = ""
    manufacturer: Words = ""


class ExplanationBody(BaseModel):
    """Why a document may say an aspect differently."""

    model_config = ConfigDict(extra="forbid")

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same explanation")
    aspect: Aspect
    value: Words = Field(min_length=1)
    reason: Words = Field(min_length=1)


@api.get("", summary="Read the CE pathway and the names", responses={200: ConformityAnswer})
@http.requires(Permission.DEROGATION_READ)
def show(path: ConformityPath) -> dict[str, object]:
    """Answer where the devices of a derogation stand today, and what their documents call them differently."""
    with http.transaction() as session:
        return _answer(session, path.derogation_id)


def _answer(session: Session, derogation_id: UUID) -> dict[str, object]:
    now = clock.utc_now()
    today = clock.paris_day(now)
    sheet = derogations.get_sheet(session, derogation_id, day=today, known_at=now)
    statements = queries.list_statements(session, derogation_id, known_at=now)
    present = queries.present_statements(statements, today)
    return ConformityAnswer.of(present, queries.compare(session, sheet)).model_dump(mode="json")


@api.post("/statements", summary="Record a statement", responses={201: StatementAnswer})
@http.requires(Permission.DEROGATION_WRITE)
def record_statement(path: ConformityPath, body: StatementBody) -> tuple[dict[str, object], int]:
    """Record what is stated of the way to the CE mark; the same id again answers the same statement."""
    now = clock.utc_now()
    new = NewStatement(
        derogation_id=path.derogation_id,
        pathway=body.pathway.value(),
        stated_on=body.stated_on,
        source=body.source,
        reference=body.reference,
    )
    with http.transaction() as session:
        row = service.record_statement(
            session, body.id, new=new, actor=http.current_actor(), now=now, today=clock.paris_day(now)
        )
    return StatementAnswer.of(row).model_dump(mode="json"), 201


@api.post("/namings", summary="Record what a document says", responses={201: ConformityAnswer})
@http.requires(Permission.DEROGATION_WRITE)
def record_naming(path: ConformityPath, body: NamingBody) -> tuple[dict[str, object], int]:
    """Record what a document calls the device, and answer the comparison."""
    new = NewNaming(derogation_id=path.derogation_id, **body.model_dump(exclude={"id"}))
    with http.transaction() as session:
        service.record_naming(session, body.id, new=new, actor=http.current_actor(), now=clock.utc_now())
        return _answer(session, path.derogation_id), 201


@api.post("/explanations", summary="Explain a difference", responses={201: ConformityAnswer})
@http.requires(Permission.DEROGATION_WRITE)
def explain(path: ConformityPath, body: ExplanationBody) -> tuple[dict[str, object], int]:
    """Record why a document may say an aspect differently, and answer the comparison."""
    now = clock.utc_now()
    new = NewExplanation(derogation_id=path.derogation_id, **body.model_dump(exclude={"id"}))
    with http.transaction() as session:
        service.explain(session, body.id, new=new, actor=http.current_actor(), now=now, today=clock.paris_day(now))
        return _answer(session, path.derogation_id), 201
