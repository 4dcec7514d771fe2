"""Tables of the register: derogations, decisions, scope and names, appended only; and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Computed, Date, ForeignKey, Index, Text, UniqueConstraint, func, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, aliased, column_property, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.derogations.rules import DecisionKind, DerogationKind, DerogationStatus, Domain, Standing
from tracker.terms.rules import Conditions, ScopeChangeKind


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
    sealed_pseudonym: Mapped[bytes | None]
    """How the letter calls the patient; context ``derogation.pseudonym:<id>``. The link is known here only."""
    source: Mapped[str]
    """Where the register has it from, with its date."""
    is_fictional: Mapped[bool]
    """Made for the demonstration; shown as such everywhere."""
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]


class Decision(Tenant, Base):
    """One dated decision; appended only. A correction is a new decision that names the one it corrects."""

    __tablename__ = "derogation_decision"
    __table_args__ = (
        Index("ix_derogation_decision_derogation_id", "derogation_id"),
        Index("ix_derogation_decision_corrects_id", "corrects_id", postgresql_where="corrects_id is not null"),
    )

    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    kind: Mapped[DecisionKind] = code_column(DecisionKind)
    effective_from: Mapped[date]
    """First day of effect, Paris calendar."""
    valid_until: Mapped[date | None]
    """Last day of validity, included, Paris calendar; None where the decision states none."""
    decided_on: Mapped[date | None]
    received_on: Mapped[date | None]
    """Day on which the letter came, Paris calendar."""
    reference: Mapped[str]
    """ANSM's number as printed; its format is not known, so free text (domain reference 10)."""
    patient_cap: Mapped[int | None]
    """Most patients allowed, from this decision on; None leaves what was."""
    conditions: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    """:class:`tracker.terms.rules.Conditions`, all of them from this decision on; None leaves what was."""
    note: Mapped[str]
    source: Mapped[str]
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("document.id"))
    corrects_id: Mapped[UUID | None] = mapped_column(ForeignKey("derogation_decision.id"))
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]


_correction = aliased(Decision)


class ScopeEntry(Tenant, Base):
    """One reference entering or leaving the scope on a day; appended only."""

    __tablename__ = "derogation_scope_entry"
    __table_args__ = (
        Index("ix_derogation_scope_entry_reference", "establishment_id", "reference"),
        Index("ix_derogation_scope_entry_reference_key", "establishment_id", "reference_key"),
        Index("ix_derogation_scope_entry_derogation_id", "derogation_id"),
    )

    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    decision_id: Mapped[UUID | None] = mapped_column(ForeignKey("derogation_decision.id"))
    """The decision that brings it; None for a pharmacist's reading."""
    corrected_at: Mapped[datetime | None] = column_property(
        select(func.min(_correction.recorded_at))
        .where(_correction.corrects_id == decision_id)
        .correlate_except(_correction)
        .scalar_subquery()
    )
    """When a correction of that decision was recorded; None where it stands. Read, never written."""
    change: Mapped[ScopeChangeKind] = code_column(ScopeChangeKind)
    reference: Mapped[str]
    reference_key: Mapped[str] = mapped_column(Text(collation="C"), Computed("lower(reference)", persisted=True))
    """For search by its beginning: under row-level security only plain comparisons use an index."""
    label: Mapped[str]
    effective_from: Mapped[date]
    reading: Mapped[str]
    """The pharmacist's written reading, where the decision lists no reference; empty where it does."""
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]


class Alias(Tenant, Base):
    """Another spelling of a derogation's designation, as a letter, a label or a page writes it; appended only."""

    __tablename__ = "derogation_alias"
    __table_args__ = (UniqueConstraint("derogation_id", "name"),)

    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    name: Mapped[str]
    source: Mapped[str]
    """Where it is written so."""
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]


@dataclass(frozen=True, slots=True)
class Worth:
    """What a derogation is worth on a day, with ANSM's number and the day on which its end became known."""

    standing: Standing
    decision_reference: str = ""
    end_recorded_on: date | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as a calendar keeps it."""
        standing, end = self.standing, self.end_recorded_on
        return {
            "status": standing.status.value,
            "valid_until": standing.valid_until and standing.valid_until.isoformat(),
            "since": standing.since and standing.since.isoformat(),
            "decision_id": standing.decision_id and str(standing.decision_id),
            "patient_cap": standing.patient_cap,
            "conditions": standing.conditions and standing.conditions.as_json(),
            "reference": self.decision_reference,
            "end_recorded_on": end and end.isoformat(),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Return what a calendar kept."""
        end = kept["end_recorded_on"]
        standing = Standing(
            status=DerogationStatus(kept["status"]),
            valid_until=date.fromisoformat(kept["valid_until"]) if kept["valid_until"] else None,
            since=date.fromisoformat(kept["since"]) if kept["since"] else None,
            decision_id=UUID(kept["decision_id"]) if kept["decision_id"] else None,
            patient_cap=kept["patient_cap"],
            conditions=Conditions.from_json(kept["conditions"]) if kept["conditions"] else None,
        )
        return cls(standing, kept["reference"], date.fromisoformat(end) if end else None)


class Calendar(Tenant, Base):
    """What a derogation is worth on every day, as known now: follows from its decisions, docs/decisions/0018.

    Its id is the derogation's.
    """

    __tablename__ = "derogation_calendar"
    __table_args__ = (Index("ix_derogation_calendar_name_key", "establishment_id", "name_key", "id"),)

    id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"), primary_key=True)
    known_at: Mapped[datetime]
    """When the last of its decisions was recorded: it answers no question about an earlier knowledge."""
    begins_on: Mapped[date | None]
    """First day of the first grant."""
    changes_on: Mapped[list[date]] = mapped_column(ARRAY(Date()))
    """First day of every standing but the first, in order."""
    statuses: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    """Status of every standing: small, so that a filter reads no long value of each row."""
    last_days: Mapped[list[date | None]] = mapped_column(ARRAY(Date()))
    """Last day of validity of every standing."""
    standings: Mapped[list[Any]]
    """One more than ``changes_on``; each a :class:`Worth`."""
    name_key: Mapped[str] = mapped_column(Text(collation="C"))
    """The designation without case and accents: the order of the register."""
    search_text: Mapped[str]
    """Designation, aliases, system, scope in words and ANSM's numbers, without case and accents."""


class Place(Tenant, Base):
    """One patient counted under a derogation while a use of theirs stands; kept beside the uses (decision 0009)."""

    __tablename__ = "derogation_place"
    __table_args__ = (UniqueConstraint("derogation_id", "patient_id"),)

    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    recorded_at: Mapped[datetime]
    freed_at: Mapped[datetime | None]
    """When a correction took the last use away; None while the patient counts."""
