"""Tables of establishments, wards and recipients."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.organisation.rules import RecipientPurpose


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
    """A ward or theatre that units are delivered to. Closed, never deleted: movements and uses name it."""

    __tablename__ = "ward"
    __table_args__ = (UniqueConstraint("establishment_id", "code"),)

    code: Mapped[str]
    name: Mapped[str]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))


class Recipient(Tenant, Base):
    """An address that messages of one purpose go to, until it is removed."""

    __tablename__ = "recipient"
    __table_args__ = (
        Index(
            "uq_recipient_kept",
            "establishment_id",
            "purpose",
            "email",
            unique=True,
            postgresql_where=text("removed_at is null"),
        ),
    )

    purpose: Mapped[RecipientPurpose] = code_column(RecipientPurpose)
    email: Mapped[str]
    removed_at: Mapped[datetime | None]
