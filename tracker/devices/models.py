"""Tables of units, movements and holds."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.devices.rules import EntryMethod, Event, HoldCause, UnitState


class Device(Tenant, Base):
    """One physical unit (exemplaire). Its number on our label is ``scanners.udi.unit.format(sequence)``."""

    __tablename__ = "device"
    __table_args__ = (
        UniqueConstraint("sequence"),
        Index(
            "uq_device_serial",
            "establishment_id",
            "serial_number",
            "definition_id",
            unique=True,
            postgresql_where=text("serial_number is not null and state <> 'voided'"),
        ),
        Index("ix_device_serial_number", "serial_number", postgresql_where=text("serial_number is not null")),
        Index("ix_device_lot", "establishment_id", "lot_number", "definition_id"),
        Index("ix_device_definition", "establishment_id", "definition_id", "sequence"),
        Index("ix_device_list", "establishment_id", "sequence"),
        Index("ix_device_state", "establishment_id", "state", "sequence"),
        Index(
            "ix_device_ward",
            "establishment_id",
            "ward_id",
            "sequence",
            postgresql_where=text("ward_id is not null"),
        ),
        Index(
            "ix_device_shelf_life",
            "establishment_id",
            "expiration_date",
            "sequence",
            postgresql_where=text("state in ('quarantined', 'released', 'delivered') and expiration_date is not null"),
        ),
        Index(
            "ix_device_on_hand",
            "establishment_id",
            "definition_id",
            "state",
            postgresql_where=text("state in ('quarantined', 'released', 'delivered')"),
        ),
    )

    sequence: Mapped[int] = mapped_column(BigInteger, server_default=text("nextval('unit_number_seq')"))
    definition_id: Mapped[UUID] = mapped_column(ForeignKey("device_definition.id"))
    lot_number: Mapped[str | None]
    serial_number: Mapped[str | None]
    expiration_date: Mapped[date | None]
    """Last day of use."""
    manufacture_date: Mapped[date | None]
    software_version: Mapped[str | None]
    """The production identifier of software (MDR annex VI, part C, 6.5): the present one, written with each update."""
    udi_di: Mapped[str | None]
    """As scanned; a device under derogation may have none."""
    raw_scan: Mapped[bytes | None]
    """The text as it arrived, UTF-8 with control characters; None for an entry by hand."""
    entry_method: Mapped[EntryMethod] = code_column(EntryMethod)
    state: Mapped[UnitState] = code_column(UnitState)
    """State after the last movement; written with it, in one place (devices.service)."""
    ward_id: Mapped[UUID | None] = mapped_column(ForeignKey("ward.id"))
    """Where the last movement left it; None in the pharmacy. Written like the state: docs/decisions/0009."""
    place: Mapped[str | None]
    """Where equipment or software stands, by its last recorded move; written with it (upkeep)."""
    created_at: Mapped[datetime]


class Movement(Tenant, Base):
    """One event in the life of a unit; appended only."""

    __tablename__ = "movement"
    __table_args__ = (Index("ix_movement_device_id", "device_id", "at"),)

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    event: Mapped[Event] = code_column(Event)
    state_after: Mapped[UnitState] = code_column(UnitState)
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]
    ward_id: Mapped[UUID | None] = mapped_column(ForeignKey("ward.id"))
    reason: Mapped[str]
    details: Mapped[dict[str, Any]]


class Hold(Tenant, Base):
    """A block on one unit. Opened once, closed once; the database refuses any other change."""

    __tablename__ = "hold"
    __table_args__ = (
        Index("ix_hold_open", "device_id", postgresql_where=text("closed_at is null")),
        Index("ix_hold_device_id", "device_id"),
        Index("ix_hold_derogation", "source_ref", postgresql_where=text("cause = 'derogation'")),
        Index("ix_hold_waiting", "establishment_id", "opened_at", "id", postgresql_where=text("closed_at is null")),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    cause: Mapped[HoldCause] = code_column(HoldCause)
    reason: Mapped[str]
    source_ref: Mapped[str]
    """``noun:id`` of what set it: ``incident:<id>``, ``reception_line:<id>``."""
    opened_at: Mapped[datetime]
    opened_by_id: Mapped[UUID]
    opened_by_name: Mapped[str]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None]
    closed_by_name: Mapped[str | None]
    close_reason: Mapped[str | None]
