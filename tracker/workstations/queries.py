"""Reads of workstations and of what their readers do to a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, true
from sqlalchemy.orm import Session, aliased

from scanners.readers.wedge import Profile
from tracker.errors import N_, NotFound
from tracker.workstations.models import Calibration, Workstation
from tracker.workstations.rules import Reader


class WorkstationNotFound(NotFound):
    """No such workstation in this establishment."""

    code = "workstation-not-found"


@dataclass(frozen=True, slots=True)
class WorkstationView:
    """A workstation with its present calibration."""

    id: UUID
    name: str
    created_at: datetime
    calibration: Calibration | None


_LATEST = aliased(
    Calibration,
    select(Calibration)
    .where(Calibration.workstation_id == Workstation.id)
    .order_by(Calibration.at.desc(), Calibration.id.desc())
    .limit(1)
    .lateral("latest"),
)
_WITH_LATEST = select(Workstation, _LATEST).outerjoin(_LATEST, true())
_PRESENT = (
    select(Calibration.id, Calibration.profile)
    .where(Calibration.workstation_id == bindparam("workstation_id"))
    .order_by(Calibration.at.desc(), Calibration.id.desc())
    .limit(1)
)


def find_reader(session: Session, workstation_id: UUID | None) -> Reader:
    """Return the reader of a workstation as it was calibrated last; one of which nothing is known without."""
    if workstation_id is None:
        return Reader()
    row = session.execute(_PRESENT, {"workstation_id": workstation_id}).one_or_none()
    return Reader() if row is None else reader_of(row.id, row.profile)


def reader_of(calibration_id: UUID | None, profile: Mapping[str, Any] | None) -> Reader:
    """Return the reader of one calibration, whether it still counts or not."""
    return Reader(calibration_id, None if profile is None else Profile.from_json(profile))


def get_reader(session: Session, workstation_id: UUID | None) -> Reader:
    """Return the reader of a workstation that a program names, or raise ``WorkstationNotFound``."""
    if workstation_id is not None:
        get_workstation(session, workstation_id)
    return find_reader(session, workstation_id)


def get_workstation(session: Session, workstation_id: UUID) -> WorkstationView:
    """Return one workstation.

    Raises:
        WorkstationNotFound: there is none with this id here.
    """
    found = find_workstation(session, workstation_id)
    if found is None:
        raise WorkstationNotFound(
            N_("There is no such workstation."), next_step=N_("Open the list of workstations and choose one.")
        )
    return found


def find_workstation(session: Session, workstation_id: UUID | None) -> WorkstationView | None:
    """Return one workstation, or None."""
    if workstation_id is None:
        return None
    row = session.execute(_WITH_LATEST.where(Workstation.id == workstation_id)).one_or_none()
    return None if row is None else _view(row[0], row[1])


def list_workstations(session: Session, *, after: str = "", limit: int) -> Sequence[WorkstationView]:
    """Return workstations by name, those behind the name ``after``; one statement."""
    statement = _WITH_LATEST.where(Workstation.name > after).order_by(Workstation.name).limit(limit)
    return [_view(row[0], row[1]) for row in session.execute(statement)]


def _view(workstation: Workstation, calibration: Calibration | None) -> WorkstationView:
    return WorkstationView(workstation.id, workstation.name, workstation.created_at, calibration)


def list_calibrations(session: Session, workstation_id: UUID, *, limit: int) -> Sequence[Calibration]:
    """Return the calibrations of a workstation, newest first."""
    statement = select(Calibration).where(Calibration.workstation_id == workstation_id)
    newest_first = statement.order_by(Calibration.at.desc(), Calibration.id.desc())
    return session.scalars(newest_first.limit(limit)).all()
