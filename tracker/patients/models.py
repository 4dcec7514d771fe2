"""Table of patients: nothing in it can be read without the keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from tracker.db import Base, Tenant, code_column
from tracker.patients.rules import IdentityStatus


class Patient(Tenant, Base):
    """One patient of one establishment."""

    __tablename__ = "patient"
    __table_args__ = (
        UniqueConstraint("establishment_id", "ipp_key"),
        UniqueConstraint("establishment_id", "ins_key"),
        Index("ix_patient_traits_key", "establishment_id", "traits_key"),
        Index("ix_patient_name_key", "establishment_id", "name_key"),
    )

    sealed_traits: Mapped[bytes]
    """JSON of :class:`tracker.patients.rules.Traits`, context ``patient.traits:<id>``."""
    ipp_key: Mapped[bytes]
    """Keyed hash of the IPP."""
    ins_key: Mapped[bytes | None]
    """Keyed hash of matricule and OID."""
    traits_key: Mapped[bytes]
    """Keyed hash of birth family name, first given name and birth date: finds possible duplicates."""
    name_key: Mapped[bytes]
    """Keyed hash of the birth family name."""
    identity_status: Mapped[IdentityStatus] = code_column(IdentityStatus)
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID]
