"""Tables of establishments, wards and recipients."""

import enum
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column


class RecipientPurpose(enum.StrEnum):
    """What a recipient's address is for. Stored: a change needs a migration."""

    DEROGATION_WARNING = "derogation_warning"


class Establishment(Base):
    """One hospital; the tenant. It is not under row-level security: its name is public (FINESS)."""

    __tablename__ = "establishment"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    finess: Mapped[str]
    """9 characters, pattern only (domain reference 5.3)."""
    address: Mapped[str]
    phone: Mapped[str]
    email: Mapped[str]
    is_demonstration: Mapped[bool]
    """True for ever for a fictional hospital: its messages never leave the machine."""


class Ward(Tenant, Base):
    """A ward or theatre that units are delivered to."""

    __tablename__ = "ward"
    __table_args__ = (UniqueConstraint("establishment_id", "code"),)

    code: Mapped[str]
    name: Mapped[str]


class Recipient(Tenant, Base):
    """An address that warnings of one purpose go to."""

    __tablename__ = "recipient"
    __table_args__ = (UniqueConstraint("establishment_id", "purpose", "email"),)

    purpose: Mapped[RecipientPurpose] = code_column(RecipientPurpose)
    email: Mapped[str]
