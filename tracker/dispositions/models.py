"""Table of the destructions asked for."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant


class Destruction(Tenant, Base):
    """A destruction asked for by one person; closed once, by its confirmation or by being taken back."""

    __tablename__ = "destruction"
    __table_args__ = (
        Index("uq_destruction_open", "device_id", unique=True, postgresql_where=text("closed_at is null")),
        Index("ix_destruction_list", "establishment_id", "requested_at", "id"),
        CheckConstraint("close_reason is distinct from 'confirmed' or closed_by_id <> requested_by_id", name="witness"),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    reason: Mapped[str]
    requested_at: Mapped[datetime]
    requested_by_id: Mapped[UUID]
    requested_by_name: Mapped[str]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None]
    closed_by_name: Mapped[str | None]
    close_reason: Mapped[str | None]
    """``confirmed``, or why the request was taken back."""
