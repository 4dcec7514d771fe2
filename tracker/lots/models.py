"""The table of blocks on lots."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.devices.rules import HoldCause


class LotHold(Tenant, Base):
    """A block on a whole lot: units received later are quarantined by it. Opened once, closed once."""

    __tablename__ = "lot_hold"
    __table_args__ = (
        Index("ix_lot_hold_open", "establishment_id", "definition_id", "lot_number"),
        Index("ix_lot_hold_list", "establishment_id", "opened_at", "id"),
    )

    definition_id: Mapped[UUID] = mapped_column(ForeignKey("device_definition.id"))
    lot_number: Mapped[str]
    cause: Mapped[HoldCause] = code_column(HoldCause)
    reason: Mapped[str]
    source_ref: Mapped[str]
    opened_at: Mapped[datetime]
    opened_by_id: Mapped[UUID]
    opened_by_name: Mapped[str]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None]
    closed_by_name: Mapped[str | None]
    close_reason: Mapped[str | None]
