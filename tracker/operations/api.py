"""Planned operations for programs."""

from datetime import date, datetime
from uuid import UUID

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.db import Session
from tracker.derogations.rules import DerogationStatus
from tracker.operations import queries, service
from tracker.operations.models import PlannedOperation
from tracker.operations.service import NewOperation

api = APIBlueprint(
    "operations_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="operations")], abp_security=[{"token": []}]
)

_MOST_OPERATIONS = 200


class OperationBody(BaseModel):
    """An operation to plan: with a derogation, a device of the catalogue, or both."""

    id: UUID = Field(description="Made by the client; the same id again is the same operation")
    patient_id: UUID
    planned_on: date = Field(description="Paris calendar")
    operator_id: UUID
    derogation_id: UUID | None = None
    definition_id: UUID | None = None


class OperationPath(BaseModel):
    """One planned operation."""

    operation_id: UUID


class OperationsQuery(BaseModel):
    """Which planned operations."""

    from_day: date | None = Field(default=None, description="First day, Paris calendar; today when absent")
    derogation_id: list[UUID] = Field(default=[], description="Only those planned with one of these")
    definition_id: list[UUID] = Field(default=[], description="Or with one of these devices")


class CloseBody(BaseModel):
    """Why an operation is closed."""

    reason: str = Field(min_length=1, max_length=500, pattern=r"\S")


class OperationAnswer(BaseModel):
    """A planned operation, and what its derogation is worth on its day."""

    id: UUID
    patient_id: UUID
    planned_on: date
    operator_id: UUID
    operator_name: str
    derogation_id: UUID | None
    definition_id: UUID | None
    closed_at: datetime | None
    close_reason: str | None

    @classmethod
    def of(cls, operation: PlannedOperation) -> dict[str, object]:
        """Return the answer for one operation."""
        return cls.model_validate(operation, from_attributes=True).model_dump(mode="json")


class OutlookAnswer(BaseModel):
    """What the derogation of an operation is worth on its day, as known now."""

    is_covered: bool
    status: DerogationStatus | None = Field(description="Null where no derogation covers the device")
    valid_until: date | None = Field(description="Last day of validity, included")


class PlannedAnswer(OperationAnswer):
    """A planned operation with its outlook."""

    outlook: OutlookAnswer


class OperationsAnswer(BaseModel):
    """Open operations, by day."""

    operations: list[OperationAnswer]


def _planned(session: Session, operation: PlannedOperation, now: datetime) -> dict[str, object]:
    outlook = queries.find_outlook(session, queries.get_operation(session, operation.id), known_at=now)
    return OperationAnswer.of(operation) | {
        "outlook": {
            "is_covered": outlook.is_covered,
            "status": outlook.status and outlook.status.value,
            "valid_until": outlook.valid_until and outlook.valid_until.isoformat(),
        }
    }


@api.post("/operations", summary="Plan an operation", responses={201: PlannedAnswer})
@http.requires(Permission.USE_WRITE)
def plan_operation(body: OperationBody) -> tuple[dict[str, object], int]:
    """Plan an operation, whatever the derogation is worth on its day: the answer tells it."""
    now = clock.utc_now()
    with http.transaction() as session:
        operation = service.plan_operation(
            session,
            body.id,
            new=NewOperation(**body.model_dump(exclude={"id"})),
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
        return _planned(session, operation, now), 201


@api.get("/operations", summary="List planned operations", responses={200: OperationsAnswer})
@http.requires(Permission.USE_READ)
def list_operations(query: OperationsQuery) -> dict[str, object]:
    """List the open operations from a day on, at most two hundred, all or those of some derogations or devices."""
    from_day = query.from_day or clock.paris_day(clock.utc_now())
    with http.transaction() as session:
        if query.derogation_id or query.definition_id:
            lines = queries.list_planned_operations(
                session,
                from_day=from_day,
                derogation_ids=query.derogation_id,
                definition_ids=query.definition_id,
            )
        else:
            lines = queries.list_open_operations(session, from_day=from_day, limit=_MOST_OPERATIONS)
    return {"operations": [OperationAnswer.of(line.operation) for line in lines[:_MOST_OPERATIONS]]}


@api.get("/operations/<uuid:operation_id>", summary="Read a planned operation", responses={200: PlannedAnswer})
@http.requires(Permission.USE_READ)
def read_operation(path: OperationPath) -> dict[str, object]:
    """Read one planned operation with its outlook."""
    with http.transaction() as session:
        line = queries.get_operation(session, path.operation_id)
        return _planned(session, line.operation, clock.utc_now())


@api.post("/operations/<uuid:operation_id>/close", summary="Close an operation", responses={200: OperationAnswer})
@http.requires(Permission.USE_WRITE)
def close_operation(path: OperationPath, body: CloseBody) -> dict[str, object]:
    """Close a planned operation: done, given up, or to be planned anew."""
    with http.transaction() as session:
        operation = service.close_operation(
            session, path.operation_id, reason=body.reason, actor=http.current_actor(), now=clock.utc_now()
        )
    return OperationAnswer.of(operation)
