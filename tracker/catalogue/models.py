"""Tables of manufacturers, definitions and their identifiers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, column, func, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.catalogue.rules import DeviceKind, IdentifierKind
from tracker.db import Base, Tenant, code_column


class Manufacturer(Tenant, Base):
    """A manufacturer (MDR art. 2(30)) as the establishment knows it."""

    __tablename__ = "manufacturer"
    __table_args__ = (UniqueConstraint("establishment_id", "name"),)

    name: Mapped[str]
    address: Mapped[str]
    website: Mapped[str]
    vigilance_email: Mapped[str]
    """Where incident reports go; empty until known, and then a report cannot be sent."""
    srn: Mapped[str]
    """Single registration number (MDR art. 31); empty where none."""
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("manufacturer.id"))
    """The manufacturer that is used instead since a merge; None for one that is in use."""

    @property
    def in_use_id(self) -> UUID:
        """Return the manufacturer under which something new is recorded."""
        return self.merged_into_id or self.id


class DeviceDefinition(Tenant, Base):
    """A device at the level of its reference (UDI-DI level)."""

    __tablename__ = "device_definition"
    __table_args__ = (
        UniqueConstraint("establishment_id", "manufacturer_id", "reference"),
        Index(
            "ix_device_definition_designation",
            "establishment_id",
            func.lower(column("designation")).label("name"),
            postgresql_ops={"name": "text_pattern_ops"},
        ),
        Index(
            "ix_device_definition_merged",
            "establishment_id",
            "merged_into_id",
            postgresql_where=text("merged_into_id is not null"),
        ),
    )

    manufacturer_id: Mapped[UUID] = mapped_column(ForeignKey("manufacturer.id"))
    reference: Mapped[str]
    designation: Mapped[str]
    brand: Mapped[str]
    """Brand name, required on the patient document (CSP R.5212-42)."""
    kind: Mapped[DeviceKind] = code_column(DeviceKind)
    size: Mapped[str]
    """Dimensions as printed (order of 8 September 2021); empty where none."""
    expected_lifetime: Mapped[str]
    """Sentence for the patient document; empty where not known."""
    follow_up: Mapped[str]
    """Particular medical follow-up, for the patient document; empty where none."""
    created_at: Mapped[datetime]
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("device_definition.id"))
    """The definition that is used instead since a merge; None for one that is in use."""


class DefinitionIdentifier(Tenant, Base):
    """One code under which a definition is found: a UDI-DI, or the manufacturer's reference."""

    __tablename__ = "definition_identifier"
    __table_args__ = (
        Index("ix_definition_identifier_value", "establishment_id", "value"),
        UniqueConstraint("definition_id", "kind", "value"),
    )

    definition_id: Mapped[UUID] = mapped_column(ForeignKey("device_definition.id"))
    kind: Mapped[IdentifierKind] = code_column(IdentifierKind)
    value: Mapped[str]


class DefinitionChange(Tenant, Base):
    """One correction of a definition, with what stood before; appended only."""

    __tablename__ = "definition_change"
    __table_args__ = (Index("ix_definition_change_definition_id", "definition_id", "at"),)

    definition_id: Mapped[UUID] = mapped_column(ForeignKey("device_definition.id"))
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]
    source_ref: Mapped[str]
    """``noun:id`` of what it came from: ``person:<id>``, ``import:<id>``."""
    changes: Mapped[dict[str, Any]]
    """By field: the old and the new value."""


class DefinitionMerge(Tenant, Base):
    """Two definitions found to be one device; appended only. Units keep the one they were recorded under."""

    __tablename__ = "definition_merge"
    __table_args__ = (Index("ix_definition_merge_survivor_id", "survivor_id"),)

    absorbed_id: Mapped[UUID] = mapped_column(ForeignKey("device_definition.id"), unique=True)
    survivor_id: Mapped[UUID] = mapped_column(ForeignKey("device_definition.id"))
    reason: Mapped[str]
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]


class ManufacturerMerge(Tenant, Base):
    """Two manufacturers found to be one; appended only. The name of the absorbed one goes on to find the survivor."""

    __tablename__ = "manufacturer_merge"
    __table_args__ = (Index("ix_manufacturer_merge_survivor_id", "survivor_id"),)

    absorbed_id: Mapped[UUID] = mapped_column(ForeignKey("manufacturer.id"), unique=True)
    survivor_id: Mapped[UUID] = mapped_column(ForeignKey("manufacturer.id"))
    reason: Mapped[str]
    moved_count: Mapped[int]
    """Devices of the catalogue that were the absorbed one's."""
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]
