"""Reads of failed implantations and explantations."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.errors import N_, NotFound
from tracker.outcomes.models import Explantation, Failure


class FailureNotFound(NotFound):
    """No such failed implantation in this establishment."""

    code = "failure-not-found"


def get_failure(session: Session, failure_id: UUID) -> Failure:
    """Return one failed implantation.

    Raises:
        FailureNotFound: there is none with this id here.
    """
    failure = session.get(Failure, failure_id)
    if failure is None:
        raise FailureNotFound(N_("There is no such failed implantation."))
    return failure


def find_failure(session: Session, device_id: UUID) -> Failure | None:
    """Return how a unit was opened and not implanted, None where it was not."""
    return session.scalar(select(Failure).where(Failure.device_id == device_id))


def find_explantation(session: Session, device_id: UUID) -> Explantation | None:
    """Return how a unit was taken out of its patient, None where it was not."""
    return session.scalar(select(Explantation).where(Explantation.device_id == device_id))
