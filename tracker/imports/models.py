"""Table of the imports of the catalogue."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant


class CatalogueImport(Tenant, Base):
    """One file, from its sending to its last line; the counts are the progress."""

    __tablename__ = "catalogue_import"
    __table_args__ = (
        Index("ix_catalogue_import_list", "establishment_id", "sent_at", "id"),
        Index(
            "ix_catalogue_import_waiting",
            "establishment_id",
            "confirmed_at",
            postgresql_where=text("confirmed_at is not null and finished_at is null"),
        ),
    )

    filename: Mapped[str]
    content: Mapped[bytes] = mapped_column(deferred=True)
    sha256: Mapped[str]
    """64 lowercase hexadecimal digits."""
    sent_at: Mapped[datetime]
    sent_by_id: Mapped[UUID]
    sent_by_name: Mapped[str]
    total_count: Mapped[int]
    """Lines without the header."""
    confirmed_at: Mapped[datetime | None]
    confirmed_by_id: Mapped[UUID | None]
    confirmed_by_name: Mapped[str | None]
    finished_at: Mapped[datetime | None]
    done_count: Mapped[int]
    """Lines dealt with so far: where the worker goes on after a stop."""
    created_count: Mapped[int]
    changed_count: Mapped[int]
    known_count: Mapped[int]
    rejected_count: Mapped[int]
    errors: Mapped[list[Any]]
    """The first rejected lines, as ``rules.LineError.as_json``."""
