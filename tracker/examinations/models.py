"""Tables of examinations after a use, and of what became of each; outcomes are appended only."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db import Base, Tenant, code_column
from tracker.examinations.rules import OutcomeKind
from tracker.use.models import DeviceUse
from tracker.use.rules import FOLLOW_UP_REQUIRED

_OPEN = text("closed_at is null")


class Examination(Tenant, Base):
    """One examination that a use requires.

    Its id is made of the use and of what is required: it is noted once, however often the use is corrected.
    """

    __tablename__ = "examination"
    __table_args__ = (
        Index("ix_examination_open", "establishment_id", "due_on", "id", postgresql_where=_OPEN),
        Index("ix_examination_required_at", "establishment_id", "required_at"),
        Index("ix_examination_use_id", "use_id"),
    )

    use_id: Mapped[UUID] = mapped_column(ForeignKey("device_use.id"))
    due_on: Mapped[date]
    """Paris calendar."""
    what: Mapped[str]
    """In the words of the decision."""
    required_at: Mapped[datetime]
    """When the use was recorded."""
    closed_at: Mapped[datetime | None]
    """When its last outcome was recorded; None while it is to be done (docs/decisions/0009)."""


class ExaminationOutcome(Tenant, Base):
    """One dated fact about an examination. Its id is the client's request id; the last one counts."""

    __tablename__ = "examination_outcome"
    __table_args__ = (Index("ix_examination_outcome_examination_id", "examination_id", "recorded_at"),)

    examination_id: Mapped[UUID] = mapped_column(ForeignKey("examination.id"))
    kind: Mapped[OutcomeKind] = code_column(OutcomeKind)
    happened_on: Mapped[date]
    """Paris calendar."""
    sealed_note: Mapped[bytes]
    """Free text about a patient: sealed at rest."""
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID]
    recorded_by_name: Mapped[str]


REQUIRES = text(f"""findings @> '[{{"code": "{FOLLOW_UP_REQUIRED}"}}]'""")
"""Uses that require an examination, in the words of their index."""

Index(
    "ix_device_use_requires", DeviceUse.establishment_id, DeviceUse.recorded_at, postgresql_where=REQUIRES
)  # stands here because only this room asks: the sweep touches the uses that are new
