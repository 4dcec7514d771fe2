"""Tables of warnings: before the end of a derogation, and about operations planned after it."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant


class DerogationWarning(Tenant, Base):
    """One threshold crossed for one end of one derogation: it warns once. Another end is another warning."""

    __tablename__ = "warning"
    __table_args__ = (
        UniqueConstraint("derogation_id", "valid_until", "threshold_days"),
        Index("ix_warning_end", "establishment_id", "valid_until"),
    )

    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    valid_until: Mapped[date]
    """The end it warns of; when the derogation ends another day, the warning is no longer true."""
    threshold_days: Mapped[int]
    raised_at: Mapped[datetime]


_OPEN = text("withdrawn_at is null")


class OperationWarning(Tenant, Base):
    """One operation planned for a day on which nothing allows the device. Withdrawn once, when that changes."""

    __tablename__ = "operation_warning"
    __table_args__ = (
        Index("uq_operation_warning_open", "operation_id", unique=True, postgresql_where=_OPEN),
        Index("ix_operation_warning_open", "establishment_id", "raised_at", postgresql_where=_OPEN),
    )

    operation_id: Mapped[UUID] = mapped_column(ForeignKey("planned_operation.id"))
    status: Mapped[str]
    """:class:`~tracker.derogations.rules.DerogationStatus` on the day of the operation; ``none`` without derogation."""
    valid_until: Mapped[date | None]
    """Last day of the derogation as it was known when this was raised."""
    raised_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
