"""Tables of deliveries, and of what is kept with them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant


class Reception(Tenant, Base):
    """One delivery opened at the goods-in bench."""

    __tablename__ = "reception"
    __table_args__ = (
        UniqueConstraint("number"),
        Index("ix_reception_list", "establishment_id", "number"),
        Index("ix_reception_open", "establishment_id", "number", postgresql_where=text("closed_at is null")),
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
