"""Tables of what happens to units in place; appended only. The ids are the clients' request ids."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.findings.rules import Outcome
from tracker.upkeep.rules import Change


class SoftwareUpdate(Tenant, Base):
    """A new version of one unit of software, with what the register said of it on that day."""

    __tablename__ = "software_update"
    __table_args__ = (Index("ix_software_update_device_id", "device_id", "at"),)

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    version: Mapped[str]
    version_before: Mapped[str | None]
    """None where nobody knew it."""
    change: Mapped[Change] = code_column(Change)
    installed_on: Mapped[date]
    """Paris calendar."""
    note: Mapped[str]
    outcome: Mapped[Outcome] = code_column(Outcome)
    findings: Mapped[list[Any]]
    """``Finding.as_json`` of each reason, favourable remarks included."""
    derogation_id: Mapped[UUID | None] = mapped_column(ForeignKey("derogation.id"))
    """The derogation that was asked; None where the register had none."""
    hold_id: Mapped[UUID | None] = mapped_column(ForeignKey("hold.id"))
    """The hold that it opened; None where it is covered."""
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]


class UnitPlace(Tenant, Base):
    """Where one unit of equipment or software stands from a day on."""

    __tablename__ = "unit_place"
    __table_args__ = (Index("ix_unit_place_device_id", "device_id", "at"),)

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    place: Mapped[str]
    place_before: Mapped[str | None]
    moved_on: Mapped[date]
    """Paris calendar."""
    note: Mapped[str]
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]
