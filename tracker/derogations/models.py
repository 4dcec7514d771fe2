"""Tables of the register: derogations, their dated decisions, their scope. Decisions and scope are appended only."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.derogations.rules import DecisionKind, DerogationKind, Domain
from tracker.terms.rules import ScopeChangeKind


class Derogation(Tenant, Base):
    """One derogation; what it allows on a day is computed from its decisions and scope entries."""

    __tablename__ = "derogation"
    __table_args__ = (
        Index("ix_derogation_manufacturer_id", "establishment_id", "manufacturer_id"),
        Index("ix_derogation_patient_id", "patient_id"),
    )

    kind: Mapped[DerogationKind] = code_column(DerogationKind)
    domain: Mapped[Domain] = code_column(Domain)
    designation: Mapped[str]
    """The one canonical designation (domain reference 9)."""
    manufacturer_id: Mapped[UUID] = mapped_column(ForeignKey("manufacturer.id"))
    legal_basis: Mapped[str]
    """As the decision cites it; a data field because texts change (domain reference 10)."""
    partial_revision_only: Mapped[bool]
    implanted_system: Mapped[str]
    """The already implanted system whose partial revision is allowed; empty where none is named."""
    scope_text: Mapped[str]
    """The scope in the decision's own words."""
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id"))
    """For an individual derogation: the one patient."""
    source: Mapped[str]
    """Where the register has it from, with its date."""
    is_fictional: Mapped[bool]
    """Made for the demonstration; shown as such everywhere."""
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]


class Decision(Tenant, Base):
    """One dated decision; appended only. A correction is a new decision that names the one it corrects."""

    __tablename__ = "derogation_decision"
    __table_args__ = (Index("ix_derogation_decision_derogation_id", "derogation_id"),)

    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    kind: Mapped[DecisionKind] = code_column(DecisionKind)
    effective_from: Mapped[date]
    """First day of effect, Paris calendar."""
    valid_until: Mapped[date | None]
    """Last day of validity, included, Paris calendar; None where the decision states none."""
    decided_on: Mapped[date | None]
    reference: Mapped[str]
    """ANSM's number as printed; its format is not known, so free text (domain reference 10)."""
    patient_cap: Mapped[int | None]
    """Most patients allowed, from this decision on; None leaves what was."""
    note: Mapped[str]
    source: Mapped[str]
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("document.id"))
    corrects_id: Mapped[UUID | None] = mapped_column(ForeignKey("derogation_decision.id"))
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]


class ScopeEntry(Tenant, Base):
    """One reference entering or leaving the scope on a day; appended only."""

    __tablename__ = "derogation_scope_entry"
    __table_args__ = (
        Index("ix_derogation_scope_entry_reference", "establishment_id", "reference"),
        Index("ix_derogation_scope_entry_derogation_id", "derogation_id"),
    )

    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    change: Mapped[ScopeChangeKind] = code_column(ScopeChangeKind)
    reference: Mapped[str]
    label: Mapped[str]
    effective_from: Mapped[date]
    reading: Mapped[str]
    """The pharmacist's written reading, where the decision lists no reference; empty where it does."""
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
