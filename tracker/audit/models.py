"""Tables of the trail. The database refuses to change or delete an entry (first migration)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tracker.audit.rules import Entry
from tracker.db import Base


class AuditEntry(Base):
    """One entry of one establishment's chain; appended only."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        UniqueConstraint("establishment_id", "previous_hash"),  # two entries cannot follow the same one: no fork
        Index("ix_audit_entry_subject", "establishment_id", "subject", "sequence"),
    )

    establishment_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    details: Mapped[dict[str, Any]]
    previous_hash: Mapped[str]
    hash: Mapped[str]

    def facts(self) -> Entry:
        """Return the entry as the rules need it."""
        return Entry(
            establishment_id=self.establishment_id,
            sequence=self.sequence,
            at=self.at,
            actor_id=self.actor_id,
            actor_name=self.actor_name,
            action=self.action,
            subject=self.subject,
            details=self.details,
            previous_hash=self.previous_hash,
        )


class AuditHead(Base):
    """Where one establishment's chain ends; locked by every append, so that two cannot share a predecessor."""

    __tablename__ = "audit_head"

    establishment_id: Mapped[UUID] = mapped_column(ForeignKey("establishment.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str]
