"""Reads of failed implantations and explantations."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import Session

from tracker.errors import N_, InvalidInput, NotFound
from tracker.outcomes.models import Correction, Explantation, ExplantationCorrection, Failure, FailureCorrection
from tracker.patients import queries as patients

Record = TypeVar("Record", Failure, Explantation)

CORRECTION_OF: Mapping[type[Any], type[Correction]] = {
    Failure: FailureCorrection,
    Explantation: ExplantationCorrection,
}
FAILURE_STANDS: ColumnElement[bool] = (
    ~select(FailureCorrection.id).where(FailureCorrection.record_id == Failure.id).exists()
)
"""Selects the failed implantations that no correction took back: whoever counts or lists them asks for these."""
EXPLANTATION_STANDS: ColumnElement[bool] = (
    ~select(ExplantationCorrection.id).where(ExplantationCorrection.record_id == Explantation.id).exists()
)
"""Selects the explantations that no correction took back: whoever counts or lists them asks for these."""


class FailureNotFound(NotFound):
    """No such failed implantation in this establishment."""

    code = "failure-not-found"


class ExplantationNotFound(NotFound):
    """No such explantation in this establishment."""

    code = "explantation-not-found"


class IppUnknown(InvalidInput):
    """No patient of this establishment has the IPP that was typed."""

    code = "failure-ipp-unknown"


def get_failure(session: Session, failure_id: UUID) -> Failure:
    """Return one record of a failed implantation, corrected or not.

    Raises:
        FailureNotFound: there is none with this id here.
    """
    failure = session.get(Failure, failure_id)
    if failure is None:
        raise FailureNotFound(N_("There is no such failed implantation."))
    return failure


def get_explantation(session: Session, explantation_id: UUID) -> Explantation:
    """Return one record of an explantation, corrected or not.

    Raises:
        ExplantationNotFound: there is none with this id here.
    """
    explantation = session.get(Explantation, explantation_id)
    if explantation is None:
        raise ExplantationNotFound(N_("There is no such explantation."))
    return explantation


def find_failure(session: Session, device_id: UUID) -> Failure | None:
    """Return how a unit was opened and not implanted, None where it was not."""
    return session.scalar(select(Failure).where(Failure.device_id == device_id, FAILURE_STANDS))


def find_explantation(session: Session, device_id: UUID) -> Explantation | None:
    """Return how a unit was taken out of its patient, None where it was not."""
    return session.scalar(select(Explantation).where(Explantation.device_id == device_id, EXPLANTATION_STANDS))


def list_failures(session: Session, device_id: UUID) -> Sequence[tuple[Failure, FailureCorrection | None]]:
    """Return every record that a unit was opened and not implanted, in order, each with what corrected it."""
    statement = (
        select(Failure, FailureCorrection)
        .outerjoin(FailureCorrection, FailureCorrection.record_id == Failure.id)
        .where(Failure.device_id == device_id)
        .order_by(Failure.ordinal)
    )
    return [(record, correction) for record, correction in session.execute(statement)]


def list_explantations(
    session: Session, device_id: UUID
) -> Sequence[tuple[Explantation, ExplantationCorrection | None]]:
    """Return every record that a unit was taken out, in order, each with what corrected it."""
    statement = (
        select(Explantation, ExplantationCorrection)
        .outerjoin(ExplantationCorrection, ExplantationCorrection.record_id == Explantation.id)
        .where(Explantation.device_id == device_id)
        .order_by(Explantation.ordinal)
    )
    return [(record, correction) for record, correction in session.execute(statement)]


def find_correction(session: Session, record: Failure | Explantation) -> Correction | None:
    """Return the correction that took a record back, None where it stands."""
    correction = CORRECTION_OF[type(record)]
    return session.scalar(select(correction).where(correction.record_id == record.id))


def next_ordinal(table: type[Record], device_id: UUID) -> ScalarSelect[int]:
    """Return which record of a locked unit comes next where none stands, as the question that the insert asks."""
    correction = CORRECTION_OF[table]
    corrected = select(func.count() + 1).select_from(correction).join(table, table.id == correction.record_id)
    return corrected.where(table.device_id == device_id).scalar_subquery()


def ordinal_after(table: type[Record], device_id: UUID) -> ScalarSelect[int]:
    """Return the question for the number that follows the last record of a unit."""
    following = select(func.coalesce(func.max(table.ordinal), 0) + 1)
    return following.where(table.device_id == device_id).scalar_subquery()


def read_patient_id(session: Session, ipp: str | None) -> UUID | None:
    """Return the patient with an IPP, None where none was typed.

    Raises:
        IppUnknown: nobody here has it.
    """
    if not ipp or not ipp.strip():
        return None
    patient = patients.find_by_ipp(session, ipp.strip())
    if patient is None:
        raise IppUnknown(
            N_("No patient of this establishment has this IPP."),
            fields={"patient_ipp": N_("Check the IPP, or register the patient first.")},
        )
    return patient.id
