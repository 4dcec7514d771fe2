"""Corrections of failed implantations and explantations, for programs."""

from datetime import date
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.corrections.rules import Whereabouts
from tracker.devices.rules import UnitState
from tracker.outcomes.rules import ExplantationCause, FailureCause, Fate, NewExplantation, NewFailure, Stage
from tracker.reversals import service

api = APIBlueprint(
    "reversals_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="use")], abp_security=[{"token": []}]
)


class WrongFailurePath(BaseModel):
    """One failed implantation, by the record that is wrong."""

    failure_id: UUID


class WrongExplantationPath(BaseModel):
    """One explantation, by the record that is wrong."""

    explantation_id: UUID


class ReversalRequest(BaseModel):
    """What every correction says."""

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same correction")
    why: str = Field(min_length=1, max_length=1000, pattern=r"\S", description="What was wrong")


class FailureAmendmentRequest(ReversalRequest):
    """How a unit was opened and not implanted, as it should have been entered."""

    failed_on: date
    stage: Stage
    cause: FailureCause
    operator_id: UUID
    ward_id: UUID
    patient_id: UUID | None = Field(default=None, description="Needed where it was tried in a patient")
    note: str = Field(default="", max_length=1000, description="Needed where the cause is 'other'; never a name")


class ExplantationAmendmentRequest(ReversalRequest):
    """How an implant was taken out, as it should have been entered."""

    explanted_on: date
    cause: ExplantationCause
    operator_id: UUID | None = Field(default=None, description="A surgeon of this hospital")
    elsewhere: str = Field(default="", max_length=200, description="Who and where, instead of 'operator_id'")
    fate: Fate = Field(default=Fate.UNKNOWN, description="What became of the device")
    note: str = Field(default="", max_length=1000, description="Needed where the cause is 'other'; never a name")


class FailureWithdrawalRequest(ReversalRequest):
    """Why a failed implantation is taken back, and where its unit is."""

    whereabouts: Whereabouts = Field(description="'ward' only where a pharmacist saw it there intact")


class RecordAnswer(BaseModel):
    """The record that stands instead; null where none does."""

    id: UUID | None
    corrects: UUID


class GivenBackAnswer(BaseModel):
    """The state of the unit afterwards."""

    state: UnitState


@api.post("/failures/<uuid:failure_id>/amendments", summary="Correct a failure", responses={201: RecordAnswer})
@http.requires(Permission.USE_WRITE)
def amend_failure(path: WrongFailurePath, body: FailureAmendmentRequest) -> tuple[dict[str, object], int]:
    """Correct how a unit was opened and not implanted: a new record stands instead of the wrong one, which is kept."""
    now = clock.utc_now()
    with http.transaction() as session:
        made = service.amend_failure(
            session,
            body.id,
            failure_id=path.failure_id,
            new=NewFailure(unit_number="", **body.model_dump(exclude={"id", "why"})),
            why=body.why,
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    return RecordAnswer(id=made.id, corrects=path.failure_id).model_dump(mode="json"), 201


@api.post("/failures/<uuid:failure_id>/withdrawal", summary="Take a failure back", responses={201: GivenBackAnswer})
@http.requires(Permission.USE_WITHDRAW)
def withdraw_failure(path: WrongFailurePath, body: FailureWithdrawalRequest) -> tuple[dict[str, object], int]:
    """Take a failed implantation back that was recorded for the wrong unit; the unit is free, or in quarantine."""
    now = clock.utc_now()
    with http.transaction() as session:
        state = service.withdraw_failure(
            session,
            body.id,
            failure_id=path.failure_id,
            why=body.why,
            whereabouts=body.whereabouts,
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    return GivenBackAnswer(state=state).model_dump(mode="json"), 201


@api.post(
    "/explantations/<uuid:explantation_id>/amendments",
    summary="Correct an explantation",
    responses={201: RecordAnswer},
)
@http.requires(Permission.USE_WRITE)
def amend_explantation(
    path: WrongExplantationPath, body: ExplantationAmendmentRequest
) -> tuple[dict[str, object], int]:
    """Correct how an implant was taken out: a new record stands instead of the wrong one, which is kept."""
    now = clock.utc_now()
    with http.transaction() as session:
        made = service.amend_explantation(
            session,
            body.id,
            explantation_id=path.explantation_id,
            new=NewExplantation(**body.model_dump(exclude={"id", "why"})),
            why=body.why,
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    return RecordAnswer(id=made.id, corrects=path.explantation_id).model_dump(mode="json"), 201


@api.post(
    "/explantations/<uuid:explantation_id>/withdrawal",
    summary="Take an explantation back",
    responses={201: RecordAnswer},
)
@http.requires(Permission.USE_WITHDRAW)
def withdraw_explantation(path: WrongExplantationPath, body: ReversalRequest) -> tuple[dict[str, object], int]:
    """Take an explantation back that did not happen: recalls name the patient as carrying the unit again."""
    with http.transaction() as session:
        service.withdraw_explantation(
            session,
            body.id,
            explantation_id=path.explantation_id,
            why=body.why,
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
    return RecordAnswer(id=None, corrects=path.explantation_id).model_dump(mode="json"), 201
