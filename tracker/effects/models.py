"""Table of what suspensions and withdrawals did."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant


class Effect(Tenant, Base):
    """The holds that one suspension or withdrawal set, and their end. Its id follows from the decision's."""

    __tablename__ = "derogation_effect"
    __table_args__ = (
        Index("ix_derogation_effect_derogation_id", "derogation_id", "applied_at"),
        Index("ix_derogation_effect_open", "establishment_id", postgresql_where=text("lifted_at is null")),
    )

    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    decision_id: Mapped[UUID] = mapped_column(ForeignKey("derogation_decision.id"))
    applied_at: Mapped[datetime]
    applied_by_name: Mapped[str]
    held_count: Mapped[int]
    told_count: Mapped[int]
    lifted_at: Mapped[datetime | None]
    lifted_by_name: Mapped[str | None]
    lifted_count: Mapped[int | None]

    @property
    def source_ref(self) -> str:
        """What the holds that it set name as their cause."""
        return source_ref(self.decision_id)


def source_ref(decision_id: UUID) -> str:
    """Return what the holds set by a decision name as their cause."""
    return f"derogation_decision:{decision_id}"
