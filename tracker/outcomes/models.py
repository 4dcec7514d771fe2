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
        UniqueConstraint("device_id", "ordinal"),
        Index("ix_failure_patient_id", "patient_id"),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    ordinal: Mapped[int]
    """One more than the corrections of earlier records of the unit: the database refuses a second that stands."""
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
        UniqueConstraint("device_id", "ordinal"),
        Index("ix_explantation_patient_id", "patient_id"),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    ordinal: Mapped[int]
    """One more than the corrections of earlier records of the unit: the database refuses a second that stands."""
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


class Correction(Tenant, Base):
    """That one record was wrong; the record stays for ever. The id is the client's request id."""

    __abstract__ = True

    record_id: Mapped[UUID]
    """The wrong record."""
    replacement_id: Mapped[UUID | None]
    """The record that stands instead; None where it did not happen to this unit."""
    reason: Mapped[str]
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]


class FailureCorrection(Correction):
    """That one record of a failed implantation was wrong."""

    __tablename__ = "failure_correction"
    __table_args__ = (UniqueConstraint("record_id"), UniqueConstraint("replacement_id"))

    record_id: Mapped[UUID] = mapped_column(ForeignKey("failure.id"))
    replacement_id: Mapped[UUID | None] = mapped_column(ForeignKey("failure.id"))


class ExplantationCorrection(Correction):
    """That one record of an explantation was wrong."""

    __tablename__ = "explantation_correction"
    __table_args__ = (UniqueConstraint("record_id"), UniqueConstraint("replacement_id"))

    record_id: Mapped[UUID] = mapped_column(ForeignKey("explantation.id"))
    replacement_id: Mapped[UUID | None] = mapped_column(ForeignKey("explantation.id"))
