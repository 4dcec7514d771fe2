"""Tables of goods-in. A line is appended only: a refused box leaves its trace there."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.devices.rules import EntryMethod
from tracker.findings.rules import Outcome


class ReceptionLine(Tenant, Base):
    """One box presented to the bench, with its verdict. Its id is the client's request id."""

    __tablename__ = "reception_line"
    __table_args__ = (
        Index("ix_reception_line_reception_id", "reception_id", "at"),
        Index("ix_reception_line_device_id", "device_id"),
    )

    reception_id: Mapped[UUID] = mapped_column(ForeignKey("reception.id"))
    device_id: Mapped[UUID | None] = mapped_column(ForeignKey("device.id"))
    """The unit made; None for a refused box."""
    definition_id: Mapped[UUID | None] = mapped_column(ForeignKey("device_definition.id"))
    derogation_id: Mapped[UUID | None] = mapped_column(ForeignKey("derogation.id"))
    """The derogation the verdict rests on."""
    outcome: Mapped[Outcome] = code_column(Outcome)
    findings: Mapped[list[Any]]
    """``Finding.as_json()`` each."""
    entry_method: Mapped[EntryMethod] = code_column(EntryMethod)
    raw_scan: Mapped[bytes | None]
    """The text as it arrived."""
    calibration_id: Mapped[UUID | None] = mapped_column(ForeignKey("calibration.id"))
    """What the text was read by; None where the workstation was not calibrated."""
    keyed_scan: Mapped[bytes | None]
    """What the physical keys meant, where they said something else than the text."""
    lot_number: Mapped[str | None]
    serial_number: Mapped[str | None]
    expiration_date: Mapped[date | None]
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]


class Correction(Tenant, Base):
    """A scan taken back as a mistake; appended only, the line and its unit stay and say so."""

    __tablename__ = "reception_correction"
    __table_args__ = (UniqueConstraint("line_id"),)

    line_id: Mapped[UUID] = mapped_column(ForeignKey("reception_line.id"))
    reason: Mapped[str]
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]
