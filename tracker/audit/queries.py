"""Reads of the trail."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.audit.models import AuditEntry, AuditHead


def get_head(session: Session, establishment_id: UUID) -> AuditHead:
    """Return where the chain of an establishment ends."""
    return session.execute(select(AuditHead).where(AuditHead.establishment_id == establishment_id)).scalar_one()


def iterate_entries(session: Session, establishment_id: UUID, *, after: int = 0) -> Iterator[AuditEntry]:
    """Yield the entries of a chain in order, a thousand at a time, so that memory does not grow with the chain."""
    statement = (
        select(AuditEntry)
        .where(AuditEntry.establishment_id == establishment_id, AuditEntry.sequence > after)
        .order_by(AuditEntry.sequence)
        .execution_options(yield_per=1000)
    )
    yield from session.scalars(statement)


def list_entries(
    session: Session, establishment_id: UUID, *, before: int | None = None, subject: str | None = None, limit: int = 50
) -> Sequence[AuditEntry]:
    """Return the newest entries first; ``before`` is the sequence to page on from, ``subject`` narrows to one thing."""
    statement = select(AuditEntry).where(AuditEntry.establishment_id == establishment_id)
    if before is not None:
        statement = statement.where(AuditEntry.sequence < before)
    if subject:
        statement = statement.where(AuditEntry.subject == subject)
    return session.scalars(statement.order_by(AuditEntry.sequence.desc()).limit(limit)).all()
