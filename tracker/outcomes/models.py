"""Tables of what became of units; appended only. The ids are the clients' request ids."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.outcomes.rules import ExplantationCause, FailureCause, Fate, Stage


class Failure(Tenant, Base):
    """One unit that was opened or tried, and not implanted."""

    __tablename__ = "failure"
    __table_args__ = (
        UniqueConstraint("device_id"),
        Index("ix_failure_patient_id", "patient_id"),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id"))
    failed_on: Mapped[date]
    """Paris calendar."""
    stage: Mapped[Stage] = code_column(Stage)
    cause: Mapped[FailureCause] = code_column(FailureCause)
    note: Mapped[str]
    operator_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    operator_name: Mapped[str]
    ward_id: Mapped[UUID] = mapped_column(ForeignKey("ward.id"))
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]


class Explantation(Tenant, Base):
    """One implanted unit taken out of its patient."""

    __tablename__ = "explantation"
    __table_args__ = (
        UniqueConstraint("device_id"),
        Index("ix_explantation_patient_id", "patient_id"),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    use_id: Mapped[UUID] = mapped_column(ForeignKey("device_use.id"))
    """The use as it stood when this was recorded."""
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    explanted_on: Mapped[date]
    """Paris calendar."""
    cause: Mapped[ExplantationCause] = code_column(ExplantationCause)
    note: Mapped[str]
    fate: Mapped[Fate] = code_column(Fate)
    operator_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    operator_name: Mapped[str]
    """The surgeon, or who did it elsewhere."""
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]
