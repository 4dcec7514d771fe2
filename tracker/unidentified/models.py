"""Tables of the tray. An item is closed once; what became of it is appended."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.unidentified.rules import Cause, Disposition


class UnidentifiedItem(Tenant, Base):
    """One box that could not be identified, as it was put aside. Its id is the client's request id."""

    __tablename__ = "unidentified_item"
    __table_args__ = (
        UniqueConstraint("number"),
        Index("ix_unidentified_item_list", "establishment_id", "number"),
        Index("ix_unidentified_item_open", "establishment_id", "number", postgresql_where=text("closed_at is null")),
    )

    number: Mapped[int] = mapped_column(BigInteger, server_default=text("nextval('unidentified_number_seq')"))
    reception_id: Mapped[UUID | None] = mapped_column(ForeignKey("reception.id"))
    cause: Mapped[Cause] = code_column(Cause)
    description: Mapped[str]
    place: Mapped[str]
    """Where the box lies."""
    raw_scan: Mapped[bytes | None]
    """What could be read, as it arrived; never the label of a patient."""
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("document.id"))
    """The photo, frozen and sealed."""
    put_aside_at: Mapped[datetime]
    put_aside_by_id: Mapped[UUID]
    put_aside_by_name: Mapped[str]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None]
    closed_by_name: Mapped[str | None]


class UnidentifiedOutcome(Tenant, Base):
    """What became of an item; appended only, once for each."""

    __tablename__ = "unidentified_outcome"
    __table_args__ = (UniqueConstraint("item_id"), Index("ix_unidentified_outcome_line_id", "line_id"))

    item_id: Mapped[UUID] = mapped_column(ForeignKey("unidentified_item.id"))
    disposition: Mapped[Disposition] = code_column(Disposition)
    reason: Mapped[str]
    line_id: Mapped[UUID | None] = mapped_column(ForeignKey("reception_line.id"))
    """The line of the delivery, for an item that was received."""
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]
