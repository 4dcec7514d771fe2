"""Tables of manufacturers, definitions and their identifiers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, column, func
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
