"""Tables of ANSM's list as it was uploaded, its differences with the register, and what people decided on each."""

import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.publications.rules import LineKind


class ReadingState(enum.StrEnum):
    """How far the reading of a file is. Stored: a change needs a migration."""

    QUEUED = "queued"
    READ = "read"
    FAILED = "failed"


class Outcome(enum.StrEnum):
    """What a pharmacist decided on a line. Stored: a change needs a migration."""

    APPROVED = "approved"
    DECLINED = "declined"


class Publication(Tenant, Base):
    """One file that somebody uploaded as ANSM's list. Its id is the client's request id."""

    __tablename__ = "publication"
    __table_args__ = (
        Index("ix_publication_list", "establishment_id", "id"),
        Index("ix_publication_queued", "establishment_id", "id", postgresql_where=text("state = 'queued'")),
    )

    document_id: Mapped[UUID] = mapped_column(ForeignKey("document.id"))
    listed_on: Mapped[date | None]
    """The day of the list: typed by who uploaded it, else the one the page prints, else the day of the upload."""
    uploaded_at: Mapped[datetime]
    uploaded_by_id: Mapped[UUID]
    uploaded_by_name: Mapped[str]
    state: Mapped[ReadingState] = code_column(ReadingState)
    attempt_count: Mapped[int]
    claimed_until: Mapped[datetime | None]
    """A worker reads it until then; later, another one begins again."""
    page_count: Mapped[int | None]
    pages_read: Mapped[int]
    fault: Mapped[str]
    """Code of why it could not be read (:class:`tracker.publications.rules.ListUnreadable`); empty otherwise."""
    fault_where: Mapped[str]
    """The place in the file, where there is one."""
    listed_count: Mapped[int]
    unchanged_count: Mapped[int]
    """Derogations of the list that the register had just so."""
    read_at: Mapped[datetime | None]


class PublicationLine(Tenant, Base):
    """One difference with the register as it was when the file was read; appended only."""

    __tablename__ = "publication_line"
    __table_args__ = (UniqueConstraint("publication_id", "position"),)

    publication_id: Mapped[UUID] = mapped_column(ForeignKey("publication.id"))
    position: Mapped[int]
    kind: Mapped[LineKind] = code_column(LineKind)
    derogation_id: Mapped[UUID | None] = mapped_column(ForeignKey("derogation.id"))
    """The derogation of the register that it is about; None where the register has none."""
    is_certain: Mapped[bool]
    """The names are the same; otherwise a pharmacist confirms it."""
    listed: Mapped[dict[str, Any]]
    """The derogation as the list prints it; empty where the list does not name it."""
    reference: Mapped[str]
    label: Mapped[str]
    told: Mapped[str]
    """The text that could not be understood."""
    why: Mapped[str]


class LineDecision(Tenant, Base):
    """What one pharmacist decided on one line; appended only, approved once at most."""

    __tablename__ = "publication_line_decision"
    __table_args__ = (
        Index("ix_publication_line_decision_line_id", "line_id", "decided_at"),
        Index("uq_publication_line_approved", "line_id", unique=True, postgresql_where=text("outcome = 'approved'")),
    )

    line_id: Mapped[UUID] = mapped_column(ForeignKey("publication_line.id"))
    outcome: Mapped[Outcome] = code_column(Outcome)
    reason: Mapped[str]
    """Why it was declined."""
    derogation_id: Mapped[UUID | None] = mapped_column(ForeignKey("derogation.id"))
    """The derogation on which the approval recorded a decision."""
    decided_at: Mapped[datetime]
    decided_by_id: Mapped[UUID]
    decided_by_name: Mapped[str]
