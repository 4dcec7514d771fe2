"""Tables of label formats, print jobs and printed labels. What was printed is appended only."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.labels.rules import Layout, Paper

_MILLIMETRES = Numeric(6, 2, asdecimal=False)
_KEPT = text("retired_at is null")


class LabelFormat(Tenant, Base):
    """A paper of the establishment, in millimetres. Its sizes never change; it is retired once."""

    __tablename__ = "label_format"
    __table_args__ = (
        Index("uq_label_format_name", "establishment_id", "name", unique=True, postgresql_where=_KEPT),
        Index(
            "uq_label_format_default",
            "establishment_id",
            unique=True,
            postgresql_where=text("is_default and retired_at is null"),
        ),
    )

    name: Mapped[str]
    paper: Mapped[Paper] = code_column(Paper)
    width_mm: Mapped[float] = mapped_column(_MILLIMETRES)
    height_mm: Mapped[float] = mapped_column(_MILLIMETRES)
    columns: Mapped[int]
    rows: Mapped[int]
    margin_top_mm: Mapped[float] = mapped_column(_MILLIMETRES)
    margin_left_mm: Mapped[float] = mapped_column(_MILLIMETRES)
    gap_x_mm: Mapped[float] = mapped_column(_MILLIMETRES)
    gap_y_mm: Mapped[float] = mapped_column(_MILLIMETRES)
    is_default: Mapped[bool]
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID]
    retired_at: Mapped[datetime | None]

    def layout(self) -> Layout:
        """Return the sizes."""
        return Layout(
            paper=self.paper,
            width_mm=self.width_mm,
            height_mm=self.height_mm,
            columns=self.columns,
            rows=self.rows,
            margin_top_mm=self.margin_top_mm,
            margin_left_mm=self.margin_left_mm,
            gap_x_mm=self.gap_x_mm,
            gap_y_mm=self.gap_y_mm,
        )


class LabelJob(Tenant, Base):
    """Labels printed together. Its id is the client's request id."""

    __tablename__ = "label_job"

    layout: Mapped[dict[str, Any]]
    """``LabelLayout`` as it was when printed."""
    reason: Mapped[str]
    """Why labels were printed again; empty where none was."""
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]


class LabelPrint(Tenant, Base):
    """One printing of one unit's label, with what it said of the unit at that moment."""

    __tablename__ = "label_print"
    __table_args__ = (
        Index("ix_label_print_device_id", "device_id"),
        Index("ix_label_print_job_id", "job_id", "position"),
        Index("ix_label_print_list", "establishment_id", "at", "id"),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("label_job.id"))
    """None for labels printed before jobs were kept; so are the columns below."""
    position: Mapped[int | None]
    is_reprint: Mapped[bool | None]
    is_released: Mapped[bool | None]
    derogation_until: Mapped[date | None]
