"""Table of warnings raised before the end of a derogation."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant


class DerogationWarning(Tenant, Base):
    """One threshold crossed for one end of one derogation: it warns once. Another end is another warning."""

    __tablename__ = "warning"
    __table_args__ = (UniqueConstraint("derogation_id", "valid_until", "threshold_days"),)

    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    valid_until: Mapped[date]
    """The end it warns of; when the derogation ends another day, the warning is no longer true."""
    threshold_days: Mapped[int]
    raised_at: Mapped[datetime]
