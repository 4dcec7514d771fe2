"""Reads of deliveries: their state, and what is kept with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Text, bindparam, case, cast, func, select, true
from sqlalchemy.orm import Session, aliased

from tracker.arrivals.models import Announcement, ArrivalCondition, ClinicalReason, Reception
from tracker.arrivals.rules import AnnouncedLine, Closing, Conditions, DeliveryState, Ownership, state_of
from tracker.db import DirectStatement
from tracker.errors import N_, NotFound

NO_RECEPTION = N_("There is no such delivery.")
CHOOSE_RECEPTION = N_("Open the list of deliveries and choose one.")


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
    ownership: Ownership = Ownership.OWN
    rest_of_id: UUID | None = None
    """The earlier delivery whose rest this one brings."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the bench must know of a delivery before it judges a box."""

    reasoned_derogation_ids: frozenset[UUID]
    """Derogations for which a clinician's written reason is kept."""
    conditions: Conditions | None
    """As last recorded, without range and remark."""
    announced: tuple[AnnouncedLine, ...]


_CLOSED = DirectStatement(
    select(Reception.closed_at).where(Reception.id == bindparam("reception_id")).with_for_update(read=True)
)
_SEEN = (
    select(ArrivalCondition)
    .where(ArrivalCondition.reception_id == bindparam("reception_id"))
    .order_by(ArrivalCondition.at.desc(), ArrivalCondition.id.desc())
    .limit(1)
    .subquery()
)
_ANNOUNCED = (
    select(Announcement.lines)
    .where(Announcement.reception_id == bindparam("reception_id"))
    .order_by(Announcement.at.desc(), Announcement.id.desc())
    .limit(1)
    .scalar_subquery()
)
_REASONED = (
    select(func.array_agg(ClinicalReason.derogation_id))
    .where(ClinicalReason.reception_id == bindparam("reception_id"))
    .scalar_subquery()
)
_WHAT_IS_SAID = (
    _REASONED.label("reasoned"),
    _ANNOUNCED.label("announced"),
    _SEEN.c.parcel,
    _SEEN.c.seals,
    _SEEN.c.temperature,
    cast(_SEEN.c.measured, Text).label("measured"),
)
_OF_RECEPTION = Reception.id == bindparam("reception_id")
_SAID = DirectStatement(select(*_WHAT_IS_SAID).select_from(Reception).outerjoin(_SEEN, true()).where(_OF_RECEPTION))
_TURN = func.pg_advisory_xact_lock(func.hashtextextended(cast(bindparam("reception_id"), Text), 0))
SELECT_BENCH = (
    select(Reception.closed_at, *_WHAT_IS_SAID, case((_ANNOUNCED.is_not(None), cast(_TURN, Text))).label("turn"))
    .select_from(Reception)
    .outerjoin(_SEEN, true())
    .where(_OF_RECEPTION)
    .with_for_update(read=True, of=Reception)
)
"""What the bench must know of a delivery before it judges a box (:func:`read_said`), and whether it is closed.

The delivery is closed by nobody before the transaction ends. Of one that announced anything, whoever scans the next box
waits here until then: two people who take the last expected place at one moment would otherwise each find it free. What
somebody says of the delivery at this very moment counts for the next box.
"""


_LATER = aliased(Reception)
HAS_REST = select(_LATER.id).where(_LATER.rest_of_id == Reception.id).correlate(Reception).exists()
AWAITS_REST = (Reception.close_reason == Closing.REST_AWAITED) & ~HAS_REST
_IN_STATE = {
    DeliveryState.OPEN: Reception.closed_at.is_(None),
    DeliveryState.PARTIAL: AWAITS_REST,
    DeliveryState.CLOSED: Reception.closed_at.is_not(None)
    & (Reception.close_reason.is_distinct_from(Closing.REST_AWAITED) | HAS_REST),
}
"""What ``rules.state_of`` computes, as conditions."""


def list_receptions(
    session: Session, *, before: int | None, limit: int, state: DeliveryState | None = None
) -> list[tuple[Reception, DeliveryState]]:
    """Return deliveries with where they stand, newest first, from before the number ``before``; one statement."""
    statement = select(Reception, HAS_REST).order_by(Reception.number.desc()).limit(limit)
    if before is not None:
        statement = statement.where(Reception.number < before)
    if state is not None:
        statement = statement.where(_IN_STATE[state])
    rows = session.execute(statement)
    return [(one, state_of(one.closed_at, one.close_reason, has_rest=has_rest)) for one, has_rest in rows]


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
        raise ReceptionNotFound(NO_RECEPTION, next_step=CHOOSE_RECEPTION)
    return reception


def is_closed(session: Session, reception_id: UUID) -> bool:
    """Test whether a delivery is closed; an open one is closed by nobody before the transaction ends.

    Raises:
        ReceptionNotFound: there is none with this id here.
    """
    row = _CLOSED.first(session, {"reception_id": reception_id})
    if row is None:
        raise ReceptionNotFound(NO_RECEPTION, next_step=CHOOSE_RECEPTION)
    return row.closed_at is not None


MOST_SUPPLIERS = 50
"""Suppliers offered where a delivery is opened: more would be searched, not read."""
_LOOKED_AT = 500  # latest deliveries in which they are looked for, by the index of the list


def list_suppliers(session: Session) -> Sequence[str]:
    """Return the suppliers typed for the latest deliveries of this establishment, each once, in alphabetical order."""
    latest = select(Reception.supplier, Reception.number).order_by(Reception.number.desc()).limit(_LOOKED_AT).subquery()
    named = (
        select(latest.c.supplier)
        .group_by(latest.c.supplier)
        .order_by(func.max(latest.c.number).desc())
        .limit(MOST_SUPPLIERS)
    )
    return sorted(session.scalars(named), key=str.casefold)


def find_said(session: Session, reception_id: UUID) -> Said:
    """Return what the bench must know of a delivery before it judges a box: one statement.

    Raises:
        ReceptionNotFound: there is none with this id here.
    """
    row = _SAID.first(session, {"reception_id": reception_id})
    if row is None:
        raise ReceptionNotFound(NO_RECEPTION, next_step=CHOOSE_RECEPTION)
    return read_said(row)


def read_said(row: Any) -> Said:  # noqa: ANN401 - a row of the driver
    """Return what is said of a delivery, from a row of the statement that asks for it."""
    return Said(
        frozenset(row.reasoned or ()),
        None
        if row.parcel is None
        else Conditions(row.parcel, row.seals, row.temperature, row.measured and Decimal(row.measured)),
        _announced(row.announced or ()),
    )


def _announced(lines: Sequence[dict[str, Any]]) -> tuple[AnnouncedLine, ...]:
    return tuple([AnnouncedLine(one["reference"], one["count"], one["lot"]) for one in lines])


def list_conditions(session: Session, reception_id: UUID) -> Sequence[ArrivalCondition]:
    """Return how a delivery looked on arrival, the last record, which counts, first."""
    statement = select(ArrivalCondition).where(ArrivalCondition.reception_id == reception_id)
    return session.scalars(statement.order_by(ArrivalCondition.at.desc(), ArrivalCondition.id.desc())).all()


def find_conditions(session: Session, reception_id: UUID) -> Conditions | None:
    """Return how a delivery looked on arrival, as it was last recorded; None where nobody did."""
    last = next(iter(list_conditions(session, reception_id)), None)
    if last is None:
        return None
    return Conditions(
        last.parcel, last.seals, last.temperature, last.measured, last.lowest, last.highest, remark=last.remark
    )


def find_announcement(session: Session, reception_id: UUID) -> Announcement | None:
    """Return the list of what a delivery is to hold that counts now; None where nobody announced anything."""
    statement = select(Announcement).where(Announcement.reception_id == reception_id)
    return session.scalar(statement.order_by(Announcement.at.desc(), Announcement.id.desc()).limit(1))


def lines_of(announcement: Announcement | None) -> tuple[AnnouncedLine, ...]:
    """Return the lines of a list."""
    return _announced(announcement.lines) if announcement else ()


def find_rest(session: Session, reception_id: UUID) -> Reception | None:
    """Return the later delivery that brings the rest of one; None where none does yet."""
    return session.scalar(select(Reception).where(Reception.rest_of_id == reception_id))


def state_of_delivery(session: Session, reception: Reception) -> DeliveryState:
    """Return where a delivery stands."""
    has_rest = reception.close_reason is not None and find_rest(session, reception.id) is not None
    return state_of(reception.closed_at, reception.close_reason, has_rest=has_rest)


def list_reasons(session: Session, reception_id: UUID) -> Sequence[ClinicalReason]:
    """Return the clinicians' written reasons that are kept with a delivery, oldest first."""
    statement = select(ClinicalReason).where(ClinicalReason.reception_id == reception_id)
    return session.scalars(statement.order_by(ClinicalReason.recorded_at, ClinicalReason.id)).all()
