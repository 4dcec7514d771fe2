"""Reads of planned operations, and of what covers each on its day."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from tracker.catalogue.models import DeviceDefinition
from tracker.coverage import queries as coverage
from tracker.derogations import queries as derogations
from tracker.derogations.models import Derogation
from tracker.derogations.rules import DerogationStatus
from tracker.errors import N_, NotFound
from tracker.operations.models import PlannedOperation


class OperationNotFound(NotFound):
    """No such planned operation in this establishment."""

    code = "operation-not-found"


@dataclass(frozen=True, slots=True)
class OperationLine:
    """One planned operation, with the names of what it is planned with."""

    operation: PlannedOperation
    derogation: str | None
    """Name of the derogation; None where only the device is named."""
    reference: str | None
    """None where only the derogation is named."""
    designation: str | None
    manufacturer_id: UUID | None

    @property
    def subject(self) -> str:
        """Return what is to be used, in one line."""
        device = f"{self.designation} ({self.reference})" if self.reference else None
        return device or self.derogation or ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the derogation of a planned operation is worth on its day, as known today."""

    status: DerogationStatus | None
    """None where no derogation covers the device."""
    valid_until: date | None
    derogation_id: UUID | None
    designation: str

    @property
    def is_covered(self) -> bool:
        """Test whether the operation falls on a day on which the derogation is in force."""
        return self.status is DerogationStatus.IN_FORCE


_OPERATIONS = (
    select(
        PlannedOperation,
        Derogation.designation,
        DeviceDefinition.reference,
        DeviceDefinition.designation,
        DeviceDefinition.manufacturer_id,
    )
    .outerjoin(Derogation, Derogation.id == PlannedOperation.derogation_id)
    .outerjoin(DeviceDefinition, DeviceDefinition.id == PlannedOperation.definition_id)
)
_BY_DAY = (PlannedOperation.planned_on, PlannedOperation.id)


def get_operation(session: Session, operation_id: UUID) -> OperationLine:
    """Return one planned operation.

    Raises:
        OperationNotFound: there is none with this id here.
    """
    row = session.execute(_OPERATIONS.where(PlannedOperation.id == operation_id)).one_or_none()
    if row is None:
        raise OperationNotFound(N_("There is no such planned operation."))
    return OperationLine(*row)


def lock_operation(session: Session, operation_id: UUID) -> PlannedOperation:
    """Return one planned operation that nobody else can close meanwhile.

    Raises:
        OperationNotFound: there is none with this id here.
    """
    statement = select(PlannedOperation).where(PlannedOperation.id == operation_id).with_for_update()
    operation = session.scalar(statement.execution_options(populate_existing=True))
    if operation is None:
        raise OperationNotFound(N_("There is no such planned operation."))
    return operation


def list_planned_operations(
    session: Session,
    *,
    from_day: date,
    derogation_ids: Collection[UUID] = (),
    definition_ids: Collection[UUID] = (),
) -> Sequence[OperationLine]:
    """Return the open operations planned on a day or later with one of these derogations or devices, by day; one SQL.

    A device planned under no named derogation is found by its definition: give those in the derogation's scope.
    """
    named = PlannedOperation.derogation_id.in_(derogation_ids) | PlannedOperation.definition_id.in_(definition_ids)
    return _open_operations(session, PlannedOperation.planned_on >= from_day, named)


def list_open_operations(
    session: Session, *, from_day: date, after: tuple[date, UUID] | None = None, limit: int | None = None
) -> Sequence[OperationLine]:
    """Return every open operation planned on a day or later, by day; ``after`` is the day and id to page on from."""
    begins = tuple_(*_BY_DAY) > after if after else PlannedOperation.planned_on >= from_day
    return _open_operations(session, begins, limit=limit)


def _open_operations(
    session: Session, *conditions: ColumnElement[bool], limit: int | None = None
) -> Sequence[OperationLine]:
    statement = _OPERATIONS.where(PlannedOperation.closed_at.is_(None), *conditions).order_by(*_BY_DAY).limit(limit)
    return [OperationLine(*row) for row in session.execute(statement)]


def find_outlook(session: Session, line: OperationLine, *, known_at: datetime) -> Outlook:
    """Return what covers a planned operation on its day, as known at an instant; two SQL."""
    operation = line.operation
    if operation.derogation_id is not None:
        sheet = derogations.get_sheet(session, operation.derogation_id, day=operation.planned_on, known_at=known_at)
        return Outlook(sheet.status, sheet.valid_until, sheet.id, sheet.designation)
    found = coverage.find_coverage(
        session,
        manufacturer_id=cast("UUID", line.manufacturer_id),
        reference=line.reference or "",
        day=operation.planned_on,
        known_at=known_at,
    )
    usable = [one for one in found if one.is_listed and one.patient_id in {None, operation.patient_id}]
    if not usable:
        return Outlook(None, None, None, "")
    best = usable[0]
    return Outlook(best.standing.status, best.standing.valid_until, best.derogation_id, best.designation)
