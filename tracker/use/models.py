"""Table of the use log; appended only."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.use.rules import Intervention, Side


class DeviceUse(Tenant, Base):
    """One use of one unit for one patient (CSP R.5212-39). Its id is the client's request id."""

    __tablename__ = "device_use"
    __table_args__ = (
        UniqueConstraint("device_id", "ordinal"),
        Index("ix_device_use_patient_id", "patient_id"),
        Index("ix_device_use_derogation_id", "derogation_id", "patient_id"),
        Index("ix_device_use_list", "establishment_id", "used_on", "id"),
        Index("ix_device_use_origin_id", "origin_id"),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    ordinal: Mapped[int]
    """Which record of a use of the unit it is. For a unit that a use ends: one more than its corrections, so that the
    database itself refuses a second use while one stands."""
    origin_id: Mapped[UUID] = mapped_column(ForeignKey("device_use.id"))
    """The first record of this use: itself, or the one whose details were corrected since."""
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    consent_event_id: Mapped[UUID] = mapped_column(ForeignKey("consent_event.id"))
    """The consent, or the emergency, that allowed it."""
    used_on: Mapped[date]
    """Paris calendar."""
    used_at: Mapped[datetime | None]
    """The instant, on that day; None for a use recorded before times of day were kept, or by a program without one."""
    operator_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    operator_name: Mapped[str]
    ward_id: Mapped[UUID] = mapped_column(ForeignKey("ward.id"))
    side: Mapped[Side] = code_column(Side)
    intervention: Mapped[Intervention] = code_column(Intervention)
    implanted_system: Mapped[str]
    """The system already implanted, for a partial revision; empty otherwise."""
    reason: Mapped[str]
    """Why a partial revision, or why this device."""
    findings: Mapped[list[Any]]
    """What the gate found, favourable remarks included."""
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]


class UseCorrection(Tenant, Base):
    """That one record of a use was wrong: what stands in its place, or that the unit was not used at all.

    The wrong record stays for ever. Its id is the client's request id.
    """

    __tablename__ = "use_correction"
    __table_args__ = (UniqueConstraint("use_id"), UniqueConstraint("replacement_id"))

    use_id: Mapped[UUID] = mapped_column(ForeignKey("device_use.id"))
    """The wrong record."""
    replacement_id: Mapped[UUID | None] = mapped_column(ForeignKey("device_use.id"))
    """The record that stands instead; None where the unit was not used for this patient."""
    reason: Mapped[str]
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]
