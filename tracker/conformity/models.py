"""Tables of the way to the CE mark and of what documents call a device; appended only."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tracker.conformity.rules import Aspect, ConsultationState, NoMarkReason, Place, RiskClass
from tracker.db import Base, Tenant, code_column


class ConformityStatement(Tenant, Base):
    """What was stated of the way to the CE mark, whole; a later statement takes the place of the one before."""

    __tablename__ = "conformity_statement"
    __table_args__ = (Index("ix_conformity_statement_derogation_id", "derogation_id", "reference", "stated_on"),)

    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    reference: Mapped[str]
    """The one device it is about; empty: every device of the derogation."""
    stated_on: Mapped[date]
    """Day of the document that says it."""
    risk_class: Mapped[RiskClass] = code_column(RiskClass)
    is_implantable: Mapped[bool]
    exchanges_medicine: Mapped[bool]
    no_mark_reason: Mapped[NoMarkReason] = code_column(NoMarkReason)
    no_mark_note: Mapped[str]
    certificates: Mapped[list[Any]]
    notified_body: Mapped[str]
    milestones: Mapped[list[Any]]
    consultation: Mapped[ConsultationState] = code_column(ConsultationState)
    consultation_on: Mapped[date | None]
    consultation_note: Mapped[str]
    source: Mapped[str]
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]


class ConformityNaming(Tenant, Base):
    """What one document calls the device; a later naming of the same document takes its place."""

    __tablename__ = "conformity_naming"
    __table_args__ = (Index("ix_conformity_naming_derogation_id", "derogation_id"),)

    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    place: Mapped[Place] = code_column(Place)
    title: Mapped[str]
    designation: Mapped[str]
    model: Mapped[str]
    indication: Mapped[str]
    population: Mapped[str]
    manufacturer: Mapped[str]
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]


class ConformityExplanation(Tenant, Base):
    """Why a document may say an aspect differently."""

    __tablename__ = "conformity_explanation"
    __table_args__ = (Index("ix_conformity_explanation_derogation_id", "derogation_id"),)

    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    aspect: Mapped[Aspect] = code_column(Aspect)
    value: Mapped[str]
    reason: Mapped[str]
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]
