"""The gate and the use log for programs."""

from datetime import date, time
from typing import Annotated
from uuid import UUID

from flask_openapi3 import APIBlueprint, Tag
from pydantic import AfterValidator, BaseModel, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.devices import queries as devices
from tracker.devices.rules import Finding
from tracker.documents import queries as documents
from tracker.documents.documents import Locale
from tracker.documents.models import DocumentKind
from tracker.patients import queries as patients
from tracker.use import service
from tracker.use.rules import Gate, Intervention, Side, without_offset, worded
from tracker.use.service import NewUse, PapersOfUse, Question

api = APIBlueprint("use_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="use")], abp_security=[{"token": []}])


ClockTime = Annotated[time | None, AfterValidator(without_offset)]


class GateQuestion(BaseModel):
    """May this unit be used for this patient?"""

    unit_number: str = Field(description="Number on our label")
    patient_id: UUID
    day: date | None = Field(default=None, description="Day of use, Paris calendar; today when absent")
    at: ClockTime = Field(default=None, description="Time of use, hospital's clock, without offset")
    intervention: Intervention = Intervention.PARTIAL_REVISION
    implanted_system: str = Field(default="", max_length=300)
    ward_id: UUID | None = Field(default=None, description="Place of use; not judged when absent")
    are_criteria_confirmed: bool | None = Field(default=None, description="Told and not judged when absent")


class FindingAnswer(BaseModel):
    """One reason."""

    code: str
    blocks: bool
    data: dict[str, str]
    sentence: str
    source: str
    next_step: str


class GateAnswer(BaseModel):
    """Whether the gate is open, and why."""

    is_open: bool
    findings: list[FindingAnswer]


class UseRequest(BaseModel):
    """One use."""

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same use")
    unit_number: str
    patient_id: UUID
    used_on: date
    used_time: ClockTime = Field(
        default=None, description="Hospital's clock, without offset; without it, a consent must stand at the day's end"
    )
    operator_id: UUID
    ward_id: UUID
    side: Side
    intervention: Intervention
    implanted_system: str = Field(default="", max_length=300)
    are_criteria_confirmed: bool = Field(
        default=False, description="The patient fulfils every criterion that the derogation states"
    )
    reason: str = Field(min_length=1, max_length=2000, pattern=r"\S")
    papers_locale: Locale = Field(default="fr", description="Language of the patient's papers")


class PaperAnswer(BaseModel):
    """One frozen paper of the patient."""

    id: UUID
    kind: DocumentKind
    sha256: str


class UseAnswer(BaseModel):
    """A recorded use."""

    id: UUID
    unit_number: str
    derogation_id: UUID
    used_on: date
    papers: list[PaperAnswer] = Field(description="Empty where they could not be made: the page of the use makes them")


@api.post("/uses/check", summary="Ask the gate", responses={200: GateAnswer})
@http.requires(Permission.USE_WRITE)
def check(body: GateQuestion) -> dict[str, object]:
    """Say whether a unit may be used for a patient; nothing is written."""
    now = clock.utc_now()
    question = Question(
        patient_id=body.patient_id,
        day=body.day or clock.paris_day(now),
        intervention=body.intervention,
        implanted_system=body.implanted_system,
        ward_id=body.ward_id,
        are_criteria_confirmed=body.are_criteria_confirmed,
    )
    with http.transaction() as session:
        patients.get_patient(session, body.patient_id)
        unit = devices.get_unit(session, body.unit_number)
        result = service.check_use(session, unit=unit, question=question, now=now)
    return _answer(result.gate).model_dump(mode="json")


def _answer(gate: Gate) -> GateAnswer:
    return GateAnswer(is_open=gate.is_open, findings=[_finding(finding) for finding in gate.findings])


def _finding(finding: Finding) -> FindingAnswer:
    words = worded(finding, translate=http.sentence, day=date.isoformat)
    return FindingAnswer(
        code=words.code,
        blocks=words.blocks,
        data=dict(finding.data),
        sentence=words.sentence,
        source=words.source,
        next_step=words.next_step,
    )


@api.post("/uses", summary="Record a use", responses={201: UseAnswer})
@http.requires(Permission.USE_WRITE)
def record(body: UseRequest) -> tuple[dict[str, object], int]:
    """Record a use and freeze the patient's papers; refused with every reason when the gate is closed."""
    now = clock.utc_now()
    with http.transaction() as session:
        use = service.record_use(
            session,
            body.id,
            new=NewUse(**body.model_dump(exclude={"id", "papers_locale"})),
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    http.between_transactions(PapersOfUse(use.id, body.papers_locale, http.current_actor(), now))
    with http.transaction() as session:
        papers = documents.list_documents(session, f"use:{use.id}")
    answer = UseAnswer(
        id=use.id,
        unit_number=body.unit_number,
        derogation_id=use.derogation_id,
        used_on=use.used_on,
        papers=[PaperAnswer(id=paper.id, kind=paper.kind, sha256=paper.sha256) for paper in papers],
    )
    return answer.model_dump(mode="json"), 201
