"""What the register holds of a manufacturer."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.derogations.models import Derogation


def has_derogations(session: Session, manufacturer_id: UUID) -> bool:
    """Test whether a derogation of the register is a manufacturer's."""
    found = select(Derogation.id).where(Derogation.manufacturer_id == manufacturer_id).limit(1)
    return session.scalar(found) is not None
