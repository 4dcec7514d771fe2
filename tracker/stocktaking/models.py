"""Tables of counts, of what was scanned in them, and of what was decided about the differences."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.stocktaking.rules import Difference, Resolution


class StockCount(Tenant, Base):
    """One count of one place; closed once, and the database refuses any other change."""

    __tablename__ = "stock_count"
    __table_args__ = (Index("ix_stock_count_list", "establishment_id", "opened_at", "id"),)

    ward_id: Mapped[UUID | None] = mapped_column(ForeignKey("ward.id"))
    """The place that is counted; None for the pharmacy."""
    definition_id: Mapped[UUID | None] = mapped_column(ForeignKey("device_definition.id"))
    """Where only one device is counted; None for everything."""
    note: Mapped[str]
    opened_at: Mapped[datetime]
    opened_by_id: Mapped[UUID]
    opened_by_name: Mapped[str]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None]
    closed_by_name: Mapped[str | None]
    close_reason: Mapped[str | None]


class CountedUnit(Tenant, Base):
    """One unit that was scanned in a count; appended only, once per count whoever scans it again."""

    __tablename__ = "counted_unit"
    __table_args__ = (
        UniqueConstraint("count_id", "device_id"),
        Index("ix_counted_unit_device_id", "device_id", "at"),
    )

    count_id: Mapped[UUID] = mapped_column(ForeignKey("stock_count.id"))
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]


class CountResolution(Tenant, Base):
    """What was decided about one difference; appended only."""

    __tablename__ = "count_resolution"
    __table_args__ = (UniqueConstraint("count_id", "device_id"),)

    count_id: Mapped[UUID] = mapped_column(ForeignKey("stock_count.id"))
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    difference: Mapped[Difference] = code_column(Difference)
    resolution: Mapped[Resolution] = code_column(Resolution)
    reason: Mapped[str]
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]
