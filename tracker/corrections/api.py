"""Corrections of uses, for programs."""

from datetime import date, time
from typing import Annotated
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import AfterValidator, BaseModel, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.corrections import service
from tracker.corrections.rules import Amendment, Whereabouts
from tracker.devices.rules import UnitState
from tracker.use.rules import Intervention, Side, without_offset

api = APIBlueprint(
    "corrections_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="use")], abp_security=[{"token": []}]
)


ClockTime = Annotated[time | None, AfterValidator(without_offset)]


class CorrectedUsePath(BaseModel):
    """One use, by the record that is wrong."""

    use_id: UUID


class AmendmentRequest(BaseModel):
    """The details of a use as they should have been entered."""

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same correction")
    why: str = Field(min_length=1, max_length=1000, pattern=r"\S", description="What was wrong")
    used_on: date
    used_time: ClockTime = Field(default=None, description="Hospital's clock, without offset")
    operator_id: UUID
    ward_id: UUID
    side: Side
    intervention: Intervention
    implanted_system: str = Field(default="", max_length=300)
    reason: str = Field(min_length=1, max_length=2000, pattern=r"\S")


class AmendmentAnswer(BaseModel):
    """The record that stands instead."""

    use_id: UUID
    corrects: UUID
    findings: list[str] = Field(description="Codes that the gate gives for the corrected details; they refuse nothing")


class WithdrawalRequest(BaseModel):
    """Why a use is taken back, and where its unit is."""

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same correction")
    why: str = Field(min_length=1, max_length=1000, pattern=r"\S", description="What was wrong")
    whereabouts: Whereabouts = Field(description="'ward' only where a pharmacist saw it there intact")


class WithdrawalAnswer(BaseModel):
    """The state of the unit afterwards."""

    state: UnitState


@api.post("/uses/<uuid:use_id>/amendments", summary="Correct the details of a use", responses={201: AmendmentAnswer})
@http.requires(Permission.USE_WRITE)
def amend(path: CorrectedUsePath, body: AmendmentRequest) -> tuple[dict[str, object], int]:
    """Correct the details of a use: a new record stands instead of the wrong one, which is kept."""
    now = clock.utc_now()
    with http.transaction() as session:
        made = service.amend_use(
            session,
            body.id,
            use_id=path.use_id,
            new=Amendment(**body.model_dump(exclude={"id", "why"})),
            why=body.why,
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    codes = [finding["code"] for finding in made.findings]
    answer = AmendmentAnswer(use_id=made.id, corrects=path.use_id, findings=codes)
    return answer.model_dump(mode="json"), 201


@api.post("/uses/<uuid:use_id>/withdrawal", summary="Take a use back", responses={201: WithdrawalAnswer})
@http.requires(Permission.USE_WITHDRAW)
def withdraw(path: CorrectedUsePath, body: WithdrawalRequest) -> tuple[dict[str, object], int]:
    """Take a use back that was recorded for the wrong unit or patient; the unit is free again, or in quarantine."""
    now = clock.utc_now()
    with http.transaction() as session:
        state = service.withdraw_use(
            session,
            body.id,
            use_id=path.use_id,
            why=body.why,
            whereabouts=body.whereabouts,
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    return WithdrawalAnswer(state=state).model_dump(mode="json"), 201
