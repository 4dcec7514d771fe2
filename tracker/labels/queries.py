"""Reads of the log of printed labels."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.labels.models import LabelPrint


def count_earlier_prints(session: Session, device_id: UUID, *, besides: UUID) -> int:
    """Return how often the label of a unit was printed, the print ``besides`` left out."""
    statement = select(func.count()).where(LabelPrint.device_id == device_id, LabelPrint.id != besides)
    return session.scalar(statement) or 0
