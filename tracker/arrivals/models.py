"""Tables of deliveries, and of what is kept with them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.arrivals.rules import Closing, Ownership, Seen
from tracker.db import Base, Tenant, code_column


class Reception(Tenant, Base):
    """One delivery opened at the goods-in bench."""

    __tablename__ = "reception"
    __table_args__ = (
        UniqueConstraint("number"),
        UniqueConstraint("rest_of_id"),
        Index("ix_reception_list", "establishment_id", "number"),
        Index("ix_reception_open", "establishment_id", "number", postgresql_where=text("closed_at is null")),
        Index(
            "ix_reception_awaited",
            "establishment_id",
            "number",
            postgresql_where=text("close_reason = 'rest_awaited'"),
        ),
    )

    number: Mapped[int] = mapped_column(BigInteger, server_default=text("nextval('reception_number_seq')"))
    supplier: Mapped[str]
    delivery_note: Mapped[str]
    order_number: Mapped[str]
    note: Mapped[str]
    opened_at: Mapped[datetime]
    opened_by_id: Mapped[UUID]
    opened_by_name: Mapped[str]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None]
    close_reason: Mapped[Closing | None] = code_column(Closing)
    ownership: Mapped[Ownership] = code_column(Ownership, server_default=Ownership.OWN.value)
    rest_of_id: Mapped[UUID | None] = mapped_column(ForeignKey("reception.id"))
    """The earlier delivery whose rest this one brings."""


class ArrivalCondition(Tenant, Base):
    """How a delivery looked on arrival; appended only, the last one counts."""

    __tablename__ = "arrival_condition"
    __table_args__ = (Index("ix_arrival_condition_reception_id", "reception_id", "at", "id"),)

    reception_id: Mapped[UUID] = mapped_column(ForeignKey("reception.id"))
    parcel: Mapped[Seen] = code_column(Seen)
    seals: Mapped[Seen] = code_column(Seen)
    temperature: Mapped[Seen] = code_column(Seen)
    measured: Mapped[Decimal | None] = mapped_column(Numeric(4, 1))
    """°C."""
    lowest: Mapped[Decimal | None] = mapped_column(Numeric(4, 1))
    """°C."""
    highest: Mapped[Decimal | None] = mapped_column(Numeric(4, 1))
    """°C."""
    remark: Mapped[str]
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]


class Announcement(Tenant, Base):
    """What a delivery is to hold, the whole list each time; appended only, the last one counts."""

    __tablename__ = "announcement"
    __table_args__ = (Index("ix_announcement_reception_id", "reception_id", "at", "id"),)

    reception_id: Mapped[UUID] = mapped_column(ForeignKey("reception.id"))
    replaces_id: Mapped[UUID | None] = mapped_column(ForeignKey("announcement.id"))
    """The list that was on the screen when this one was written; None for the first."""
    lines: Mapped[list[Any]]
    """``reference``, ``lot``, ``count`` each."""
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]


class ClinicalReason(Tenant, Base):
    """The written reason with which a clinician ordered a device under a global derogation; appended only.

    ANSM, derogations, page for health professionals: the clinician orders from the operator with a written reason.
    """

    __tablename__ = "clinical_reason"
    __table_args__ = (Index("ix_clinical_reason_reception_id", "reception_id", "derogation_id"),)

    reception_id: Mapped[UUID] = mapped_column(ForeignKey("reception.id"))
    derogation_id: Mapped[UUID] = mapped_column(ForeignKey("derogation.id"))
    clinician_name: Mapped[str]
    written_on: Mapped[date]
    reason: Mapped[str]
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]
