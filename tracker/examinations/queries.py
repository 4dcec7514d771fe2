"""Reads of examinations after a use."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Text, cast, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from scanners.udi import unit as unit_label
from tracker import db
from tracker.catalogue.models import DeviceDefinition
from tracker.devices.models import Device
from tracker.errors import N_, NotFound
from tracker.examinations.models import REQUIRES, Examination, ExaminationOutcome
from tracker.examinations.rules import Urgency, urgency_of
from tracker.use.models import DeviceUse
from tracker.use.queries import STANDING
from tracker.use.rules import FOLLOW_UP_REQUIRED

_OVERLAP = timedelta(days=1)
"""How far the sweep looks back before the use noted last: longer than any transaction waits to be committed."""


class ExaminationNotFound(NotFound):
    """No such examination in this establishment."""

    code = "examination-not-found"


@dataclass(frozen=True, slots=True)
class ExaminationLine:
    """One examination with its use and its device; the patient is not named."""

    examination: Examination
    use: DeviceUse
    reference: str
    designation: str
    sequence: int

    @property
    def unit_number(self) -> str:
        """Return the number on our label."""
        return unit_label.format(self.sequence)

    def urgency(self, today: date) -> Urgency | None:
        """Return how near it is, None once it is closed."""
        return None if self.examination.closed_at else urgency_of(self.examination.due_on, today)


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """One outcome with its note, opened."""

    row: ExaminationOutcome
    note: str


_BY_DAY = (Examination.due_on, Examination.id)
_NOTED = aliased(DeviceUse)
"""The record from which an examination was noted; a correction may have put another one in its place since."""
_STILL_REQUIRED = STANDING & DeviceUse.findings.contains(
    func.jsonb_build_array(
        func.jsonb_build_object(
            "code",
            FOLLOW_UP_REQUIRED,
            "data",
            func.jsonb_build_object("due_on", cast(Examination.due_on, Text), "what", Examination.what),
        )
    )
)
_LINES = (
    select(Examination, DeviceUse, DeviceDefinition.reference, DeviceDefinition.designation, Device.sequence)
    .join(_NOTED, _NOTED.id == Examination.use_id)
    .join(DeviceUse, (DeviceUse.origin_id == _NOTED.origin_id) & _STILL_REQUIRED)
    .join(Device, Device.id == DeviceUse.device_id)
    .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
)


def get_examination(session: Session, examination_id: UUID) -> ExaminationLine:
    """Return one examination.

    Raises:
        ExaminationNotFound: there is none with this id here.
    """
    row = session.execute(_LINES.where(Examination.id == examination_id)).one_or_none()
    if row is None:
        raise ExaminationNotFound(N_("There is no such examination."), next_step=N_("Open the list and choose one."))
    return ExaminationLine(*row)


def lock_examination(session: Session, examination_id: UUID) -> None:
    """Wait until nobody else says what became of an examination; read it afterwards."""
    session.execute(
        select(Examination).where(Examination.id == examination_id).with_for_update(),
        execution_options={"populate_existing": True},
    )


def list_open(session: Session, *, after: tuple[date, UUID] | None = None, limit: int) -> Sequence[ExaminationLine]:
    """Return the examinations to be done, the earliest day first; ``after`` is the day and id to page on from."""
    statement = _LINES.where(Examination.closed_at.is_(None))
    if after:
        statement = statement.where(tuple_(*_BY_DAY) > after)
    return [ExaminationLine(*row) for row in session.execute(statement.order_by(*_BY_DAY).limit(limit))]


def list_of_use(session: Session, use_id: UUID) -> Sequence[ExaminationLine]:
    """Return the examinations of one use, closed ones included, by day."""
    statement = _LINES.where(DeviceUse.id == use_id).order_by(*_BY_DAY)
    return [ExaminationLine(*row) for row in session.execute(statement)]


def count_due(session: Session, *, today: date, until: date) -> tuple[int, int]:
    """Return how many open examinations are overdue, and how many are due from today until a day, included."""
    overdue = func.count().filter(Examination.due_on < today)
    row = session.execute(
        select(overdue, func.count())
        .select_from(Examination)
        .join(_NOTED, _NOTED.id == Examination.use_id)
        .join(DeviceUse, (DeviceUse.origin_id == _NOTED.origin_id) & _STILL_REQUIRED)
        .where(Examination.closed_at.is_(None), Examination.due_on <= until)
    ).one()
    return row[0], row[1] - row[0]


def list_outcomes(session: Session, examination_id: UUID) -> list[OutcomeView]:
    """Return what was said of an examination, the last first."""
    statement = select(ExaminationOutcome).where(ExaminationOutcome.examination_id == examination_id)
    rows = session.scalars(statement.order_by(ExaminationOutcome.recorded_at.desc(), ExaminationOutcome.id.desc()))
    return [OutcomeView(row, read_note(session, row)) for row in rows]


def read_note(session: Session, row: ExaminationOutcome) -> str:
    """Return the note of an outcome, opened."""
    return db.keyring(session).unseal(row.sealed_note, context=note_context(row.id)).decode()


def note_context(outcome_id: UUID) -> str:
    """Return what the seal of a note is bound to."""
    return f"examination_outcome.note:{outcome_id}"


def list_new_uses(session: Session) -> Sequence[DeviceUse]:
    """Return the uses that require an examination, recorded since the sweep noted one last or shortly before."""
    last: datetime | None = session.scalar(select(func.max(Examination.required_at)))
    statement = select(DeviceUse).where(REQUIRES, STANDING)
    if last is not None:
        statement = statement.where(DeviceUse.recorded_at >= last - _OVERLAP)
    return session.scalars(statement.order_by(DeviceUse.recorded_at)).all()
