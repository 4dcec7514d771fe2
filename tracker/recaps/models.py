"""Tables of recaps and of their handing over; appended only."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant


class RecapRecord(Tenant, Base):
    """One recap, frozen; its id is the client's. It holds no personal datum."""

    __tablename__ = "recap"
    __table_args__ = (
        Index("ix_recap_derogation_id", "derogation_id", "last_day"),
        Index("ix_recap_list", "establishment_id", "made_at", "id"),
    )

    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    first_day: Mapped[date]
    """Paris calendar."""
    last_day: Mapped[date]
    content: Mapped[dict[str, Any]]
    """:func:`tracker.recaps.rules.recap_to_json`."""
    sha256: Mapped[str]
    """Of the content (``rules.recap_hash``)."""
    document_id: Mapped[UUID] = mapped_column(ForeignKey("document.id"))
    made_at: Mapped[datetime]
    made_by_id: Mapped[UUID]
    made_by_name: Mapped[str]


class RecapHandover(Tenant, Base):
    """One handing over of a recap to the manufacturer; its id is the client's."""

    __tablename__ = "recap_handover"
    __table_args__ = (Index("ix_recap_handover_recap_id", "recap_id"),)

    recap_id: Mapped[UUID] = mapped_column(ForeignKey("recap.id"))
    handed_on: Mapped[date]
    """Paris calendar."""
    recipient: Mapped[str]
    note: Mapped[str]
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]
