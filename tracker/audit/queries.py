"""Reads of the trail."""

from collections.abc import Generator, Sequence
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from tracker.audit.models import AuditEntry, AuditHead

_PAGE = 1000


def get_head(session: Session, establishment_id: UUID) -> AuditHead:
    """Return where the chain of an establishment ends."""
    return session.execute(select(AuditHead).where(AuditHead.establishment_id == establishment_id)).scalar_one()


def iterate_chain(session: Session, establishment_id: UUID) -> Generator[Row[AuditEntry | None, int, str], None, None]:
    """Yield each entry in order, a thousand at a time, with the sequence and the hash of the chain's head.

    One statement, so one snapshot: an entry that somebody appends meanwhile is neither missing nor too many. An empty
    chain yields one row without an entry.
    """
    statement = (
        select(AuditEntry, AuditHead.sequence, AuditHead.hash)
        .select_from(AuditHead)
        .outerjoin(AuditEntry, AuditEntry.establishment_id == AuditHead.establishment_id)
        .where(AuditHead.establishment_id == establishment_id)
        .order_by(AuditEntry.sequence)
        .execution_options(yield_per=_PAGE)
    )
    with session.execute(statement) as rows:  # the database's cursor is closed even when nobody reads on
        yield from rows


def read_hashes(session: Session, establishment_id: UUID, sequences: Sequence[int]) -> dict[int, str]:
    """Return the stored hash of the entries with these sequences; those that do not exist are left out."""
    found: dict[int, str] = {}
    for start in range(0, len(sequences), _PAGE):
        statement = select(AuditEntry.sequence, AuditEntry.hash).where(
            AuditEntry.establishment_id == establishment_id,
            AuditEntry.sequence.in_(sequences[start : start + _PAGE]),
        )
        found |= {row.sequence: row.hash for row in session.execute(statement)}
    return found


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
