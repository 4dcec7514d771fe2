"""Tables of people and of what proves that it is them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from tracker.accounts.rules import TokenScope
from tracker.actor import Role
from tracker.db import Base, Tenant, code_column


class Person(Tenant, Base):
    """One named account of one establishment."""

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("email"),)

    email: Mapped[str]
    """Lower case: it is the log-in name, unique in the whole installation."""
    family_name: Mapped[str]
    given_name: Mapped[str]
    rpps: Mapped[str | None]
    """11 digits; a wrong key warns and never refuses (domain reference 5.3)."""
    roles: Mapped[list[Role]] = mapped_column(ARRAY(TEXT))
    password_hash: Mapped[str]
    """Argon2id (RFC 9106), with its parameters."""
    locale: Mapped[str]
    is_active: Mapped[bool]
    created_at: Mapped[datetime]

    @property
    def display_name(self) -> str:
        """Given name and family name."""
        return f"{self.given_name} {self.family_name}"


class LoginSession(Tenant, Base):
    """One log-in; the cookie holds a random token, the row its SHA-256."""

    __tablename__ = "login_session"
    __table_args__ = (UniqueConstraint("token_hash"), Index("ix_login_session_person_id", "person_id"))

    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    token_hash: Mapped[bytes]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    user_agent: Mapped[str]


class ApiToken(Tenant, Base):
    """A token for a program that acts as one person."""

    __tablename__ = "api_token"
    __table_args__ = (UniqueConstraint("token_hash"), Index("ix_api_token_person_id", "person_id"))

    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    name: Mapped[str]
    scope: Mapped[TokenScope] = code_column(TokenScope)
    token_hash: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class LoginFailure(Base):
    """One failed log-in; counted to slow down guessing. Holds no address, only its keyed hash."""

    __tablename__ = "login_failure"
    __table_args__ = (Index("ix_login_failure_email_key", "email_key", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    email_key: Mapped[bytes]
    at: Mapped[datetime]
