"""Workstations for programs: list them, name one, calibrate its reader."""

from datetime import datetime
from typing import Self
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.workstations import queries, rules, service
from tracker.workstations.models import Calibration
from tracker.workstations.queries import WorkstationView

api = APIBlueprint(
    "workstations_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="workstations")],
    abp_security=[{"token": []}],
)

_TEXT = r"^[^\x00-\x1f\x7f-\x9f]*$"
_MOST = 200


class WorkstationBody(BaseModel):
    """A workstation to name."""

    id: UUID = Field(description="Made by the client; the same id again is the same workstation")
    name: str = Field(min_length=1, max_length=80, pattern=_TEXT)


class CalibrationBody(BaseModel):
    """One scan of the calibration sheet, as the reader sent it."""

    id: UUID = Field(description="Made by the client; the same id again is the same calibration")
    text: str = Field(max_length=rules.MAX_RAW_LENGTH, description="Control characters included")


class WorkstationPath(BaseModel):
    """One workstation."""

    workstation_id: UUID


class ListQuery(BaseModel):
    """A page of the list."""

    after: str = Field(default="", max_length=80, description="The last name of the page before")


class CalibrationAnswer(BaseModel):
    """What one scan of the sheet showed."""

    id: UUID
    at: datetime
    layout: str | None = Field(
        description="Keyboards of reader and computer, 'us-fr'; null where they are no known pair"
    )
    findings: list[str]
    profile: dict[str, str | bool | None]

    @classmethod
    def of(cls, calibration: Calibration) -> Self:
        """Return the answer for one calibration."""
        return cls(
            id=calibration.id,
            at=calibration.at,
            layout=calibration.layout,
            findings=calibration.findings,
            profile=calibration.profile,
        )


class WorkstationAnswer(BaseModel):
    """A workstation with its present calibration."""

    id: UUID
    name: str
    calibration: CalibrationAnswer | None

    @classmethod
    def of(cls, workstation: WorkstationView) -> Self:
        """Return the answer for one workstation."""
        present = workstation.calibration
        return cls(
            id=workstation.id,
            name=workstation.name,
            calibration=CalibrationAnswer.of(present) if present else None,
        )


class WorkstationsAnswer(BaseModel):
    """Workstations by name."""

    workstations: list[WorkstationAnswer]


@api.get("/workstations", summary="List the workstations", responses={200: WorkstationsAnswer})
@http.requires(Permission.ACCOUNT_USE)
def list_workstations(query: ListQuery) -> dict[str, object]:
    """Answer the workstations by name, at most two hundred; ask for those after the last name."""
    with http.transaction() as session:
        found = queries.list_workstations(session, after=query.after, limit=_MOST)
    listed = [WorkstationAnswer.of(workstation) for workstation in found]
    return WorkstationsAnswer(workstations=listed).model_dump(mode="json")


@api.post("/workstations", summary="Name a workstation", responses={200: WorkstationAnswer})
@http.requires(Permission.WORKSTATION_CALIBRATE)
def create_workstation(body: WorkstationBody) -> dict[str, object]:
    """Name a workstation; the same id again answers the same one."""
    with http.transaction() as session:
        made = service.create_workstation(
            session, body.id, name=body.name, actor=http.current_actor(), now=clock.utc_now()
        )
    return WorkstationAnswer.of(made).model_dump(mode="json")


@api.post(
    "/workstations/<uuid:workstation_id>/calibrations",
    summary="Calibrate the reader of a workstation",
    responses={200: CalibrationAnswer},
)
@http.requires(Permission.WORKSTATION_CALIBRATE)
def create_calibration(path: WorkstationPath, body: CalibrationBody) -> dict[str, object]:
    """Keep what one scan of the sheet shows; it counts for the scans that follow."""
    with http.transaction() as session:
        kept = service.calibrate(
            session,
            body.id,
            workstation_id=path.workstation_id,
            received=body.text,
            presses=(),
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
    return CalibrationAnswer.of(kept).model_dump(mode="json")
