"""The log of printed labels."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant


class LabelPrint(Tenant, Base):
    """One printing of one unit's label; appended only. The second and later ones are marked on the label."""

    __tablename__ = "label_print"
    __table_args__ = (Index("ix_label_print_device_id", "device_id"),)

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
