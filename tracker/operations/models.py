"""Table of planned operations."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant

_OPEN = text("closed_at is null")


class PlannedOperation(Tenant, Base):
    """One operation planned for a patient. Closed once: done, given up, or planned anew on another day.

    Its id is the client's request id.
    """

    __tablename__ = "planned_operation"
    __table_args__ = (
        CheckConstraint("derogation_id is not null or definition_id is not null", name="subject"),
        Index("ix_planned_operation_open", "establishment_id", "planned_on", "id", postgresql_where=_OPEN),
        Index("ix_planned_operation_derogation_id", "derogation_id", "planned_on", postgresql_where=_OPEN),
        Index("ix_planned_operation_definition_id", "definition_id", "planned_on", postgresql_where=_OPEN),
        Index("ix_planned_operation_patient_id", "patient_id"),
    )

    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    planned_on: Mapped[date]
    """Paris calendar."""
    derogation_id: Mapped[UUID | None] = mapped_column(ForeignKey("derogation.id"))
    definition_id: Mapped[UUID | None] = mapped_column(ForeignKey("device_definition.id"))
    operator_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    operator_name: Mapped[str]
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None]
    closed_by_name: Mapped[str | None]
    close_reason: Mapped[str | None]
