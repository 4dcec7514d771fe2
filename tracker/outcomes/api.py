"""What became of units in theatre and afterwards, for programs."""

from datetime import date
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.outcomes import queries, service
from tracker.outcomes.rules import ExplantationCause, FailureCause, Fate, NewExplantation, NewFailure, Stage

api = APIBlueprint(
    "outcomes_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="use")], abp_security=[{"token": []}]
)


class FailureRequest(BaseModel):
    """A unit that was opened or tried, and not implanted."""

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same failure")
    unit_number: str
    failed_on: date
    stage: Stage
    cause: FailureCause
    operator_id: UUID
    ward_id: UUID
    patient_id: UUID | None = Field(default=None, description="Needed where it was tried in a patient")
    note: str = Field(default="", max_length=1000, description="Needed where the cause is 'other'; never a name")


class FailurePath(BaseModel):
    """One failed implantation."""

    failure_id: UUID


class FailureAnswer(BaseModel):
    """A failed implantation."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    device_id: UUID
    patient_id: UUID | None
    failed_on: date
    stage: Stage
    cause: FailureCause
    note: str
    operator_name: str


class UsePath(BaseModel):
    """One use."""

    use_id: UUID


class ExplantationRequest(BaseModel):
    """A device taken out of its patient."""

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same explantation")
    explanted_on: date
    cause: ExplantationCause
    operator_id: UUID | None = Field(default=None, description="A surgeon of this hospital")
    elsewhere: str = Field(default="", max_length=200, description="Who and where, instead of 'operator_id'")
    fate: Fate = Field(default=Fate.UNKNOWN, description="What became of the device")
    note: str = Field(default="", max_length=1000, description="Needed where the cause is 'other'; never a name")


class ExplantationAnswer(BaseModel):
    """An explantation."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    use_id: UUID
    device_id: UUID
    patient_id: UUID
    explanted_on: date
    cause: ExplantationCause
    fate: Fate
    note: str
    operator_name: str


@api.post("/failures", summary="Record a failed implantation", responses={201: FailureAnswer})
@http.requires(Permission.USE_WRITE)
def record_failure(body: FailureRequest) -> tuple[dict[str, object], int]:
    """Record that a unit was opened or tried and not implanted: it can no longer be used, and nobody carries it."""
    now = clock.utc_now()
    with http.transaction() as session:
        failure = service.record_failure(
            session,
            body.id,
            new=NewFailure(**body.model_dump(exclude={"id"})),
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    return FailureAnswer.model_validate(failure).model_dump(mode="json"), 201


@api.get("/failures/<uuid:failure_id>", summary="Read a failed implantation", responses={200: FailureAnswer})
@http.requires(Permission.USE_READ)
def show_failure(path: FailurePath) -> dict[str, object]:
    """Say how a unit was opened and not implanted; the patient by id."""
    with http.transaction() as session:
        failure = queries.get_failure(session, path.failure_id)
    return FailureAnswer.model_validate(failure).model_dump(mode="json")


@api.post("/uses/<uuid:use_id>/explantation", summary="Record an explantation", responses={201: ExplantationAnswer})
@http.requires(Permission.USE_WRITE)
def record_explantation(path: UsePath, body: ExplantationRequest) -> tuple[dict[str, object], int]:
    """Record that an implanted unit was taken out: recalls tell it from those that are still carried."""
    now = clock.utc_now()
    with http.transaction() as session:
        explantation = service.record_explantation(
            session,
            body.id,
            use_id=path.use_id,
            new=NewExplantation(**body.model_dump(exclude={"id"})),
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    return ExplantationAnswer.model_validate(explantation).model_dump(mode="json"), 201
