"""Reads of deliveries: their state, and what is kept with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from tracker.arrivals.models import ClinicalReason, Reception
from tracker.db import DirectStatement
from tracker.errors import N_, NotFound


class ReceptionNotFound(NotFound):
    """No such delivery in this establishment."""

    code = "reception-not-found"


@dataclass(frozen=True, slots=True)
class NewReason:
    """A clinician's written reason, as it was typed."""

    derogation_id: UUID
    clinician_name: str
    written_on: date
    reason: str


@dataclass(frozen=True, slots=True)
class NewReception:
    """What is known of a delivery when it is opened."""

    supplier: str
    delivery_note: str = ""
    order_number: str = ""
    note: str = ""


_BENCH = DirectStatement(
    select(Reception.closed_at).where(Reception.id == bindparam("reception_id")).with_for_update(read=True)
)
_REASONED = DirectStatement(
    select(ClinicalReason.derogation_id).where(ClinicalReason.reception_id == bindparam("reception_id"))
)


def get_reception(session: Session, reception_id: UUID) -> Reception:
    """Return one delivery.

    Raises:
        ReceptionNotFound: there is none with this id here.
    """
    return _existing(session.get(Reception, reception_id))


def get_reception_for_update(session: Session, reception_id: UUID) -> Reception:
    """Return one delivery, locked until the transaction ends, or raise ``ReceptionNotFound``."""
    return _existing(session.get(Reception, reception_id, with_for_update=True, populate_existing=True))


def _existing(reception: Reception | None) -> Reception:
    if reception is None:
        raise ReceptionNotFound(
            N_("There is no such delivery."), next_step=N_("Open the list of deliveries and choose one.")
        )
    return reception


def is_closed(session: Session, reception_id: UUID) -> bool:
    """Test whether a delivery is closed; an open one is closed by nobody before the transaction ends.

    Raises:
        ReceptionNotFound: there is none with this id here.
    """
    row = _BENCH.first(session, {"reception_id": reception_id})
    if row is None:
        raise ReceptionNotFound(
            N_("There is no such delivery."), next_step=N_("Open the list of deliveries and choose one.")
        )
    return row.closed_at is not None


def find_reasoned(session: Session, reception_id: UUID) -> frozenset[UUID]:
    """Return the derogations for which a clinician's written reason is kept with a delivery."""
    return frozenset(row.derogation_id for row in _REASONED.rows(session, {"reception_id": reception_id}))


def list_reasons(session: Session, reception_id: UUID) -> Sequence[ClinicalReason]:
    """Return the clinicians' written reasons that are kept with a delivery, oldest first."""
    statement = select(ClinicalReason).where(ClinicalReason.reception_id == reception_id)
    return session.scalars(statement.order_by(ClinicalReason.recorded_at, ClinicalReason.id)).all()
