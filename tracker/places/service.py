"""Taking and freeing places; the caller's action checks the permission and writes the audit entry."""

from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker.derogations.models import Place


def take_place(
    session: Session, *, derogation_id: UUID, patient_id: UUID, establishment_id: UUID, now: datetime
) -> None:
    """Count a patient under a derogation; one who is counted stays counted once.

    The caller holds :func:`tracker.derogations.queries.lock_derogation` where a greatest number is stated.
    """
    values = {
        "id": uuid5(derogation_id, f"place:{patient_id}"),
        "establishment_id": establishment_id,
        "derogation_id": derogation_id,
        "patient_id": patient_id,
        "recorded_at": now,
    }
    statement = upsert(Place).values(values)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["id"], set_={"freed_at": None}, where=Place.freed_at.is_not(None)
        )
    )


def free_place(session: Session, *, derogation_id: UUID, patient_id: UUID, now: datetime) -> None:
    """Count a patient no longer, because no use of theirs under the derogation stands any more.

    The caller holds :func:`tracker.derogations.queries.lock_derogation`.
    """
    counted = (Place.derogation_id == derogation_id, Place.patient_id == patient_id, Place.freed_at.is_(None))
    session.execute(update(Place).where(*counted).values(freed_at=now))
