"""Tables of workstations. Both are appended only: a new calibration stands beside the earlier ones, with its day."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant


class Workstation(Tenant, Base):
    """One computer with its barcode reader, by the name that people give it."""

    __tablename__ = "workstation"
    __table_args__ = (UniqueConstraint("establishment_id", "name"),)

    name: Mapped[str]
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID]
    created_by_name: Mapped[str]


class Calibration(Tenant, Base):
    """What one scan of the sheet showed; the newest one of a workstation counts, for the scans that follow it."""

    __tablename__ = "calibration"
    __table_args__ = (Index("ix_calibration_workstation_id", "workstation_id", "at"),)

    workstation_id: Mapped[UUID] = mapped_column(ForeignKey("workstation.id"))
    profile: Mapped[dict[str, Any]]
    """``scanners.readers.wedge.Profile`` as plain values."""
    findings: Mapped[list[Any]]
    """Codes of ``rules.FINDINGS``; none of them blocking."""
    layout: Mapped[str | None]
    """Layouts of reader and computer, ``us-fr``; None where they are no known pair."""
    raw_scan: Mapped[bytes]
    """The sheet as it arrived."""
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]
