"""Reads of deliveries and their lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, Uuid, bindparam, func, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from scanners.udi import unit as unit_label
from tracker.arrivals import queries as deliveries
from tracker.arrivals.models import Reception
from tracker.arrivals.queries import ReceptionNotFound, Said
from tracker.arrivals.rules import (
    OWNERSHIP_LABELS,
    Came,
    DeliveryState,
    Tally,
    of_conditions,
    state_of,
    tally,
)
from tracker.catalogue import queries as catalogue
from tracker.catalogue.models import DeviceDefinition, Manufacturer
from tracker.db import DirectStatement
from tracker.devices.models import Device
from tracker.devices.rules import EntryMethod, Finding
from tracker.documents import queries as documents
from tracker.documents.models import DocumentKind
from tracker.errors import N_, NotFound
from tracker.findings.rules import Outcome
from tracker.reception.models import Correction, ReceptionLine
from tracker.workstations.models import Calibration
from tracker.workstations.queries import reader_of
from tracker.workstations.rules import Reader

NO_LINE = N_("There is no such line.")


class LineNotFound(NotFound):
    """No such line in this establishment."""

    code = "reception-line-not-found"


@dataclass(frozen=True, slots=True)
class LineView:
    """One box presented to the bench, with what was decided."""

    id: UUID
    reception_id: UUID
    outcome: Outcome
    findings: tuple[Finding, ...]
    entry_method: EntryMethod
    raw_scan: bytes | None
    """As it arrived; ``reader`` and ``keyed`` read it again as it was read then."""
    reader: Reader
    keyed: str
    lot_number: str | None
    serial_number: str | None
    expiration_date: date | None
    at: datetime
    actor_name: str
    device_id: UUID | None
    derogation_id: UUID | None
    definition_id: UUID | None
    unit_number: str | None
    """None for a refused box."""
    reference: str | None
    designation: str | None
    manufacturer_name: str | None
    corrected_at: datetime | None = None
    corrected_by_name: str | None = None
    correction_reason: str | None = None
    """Why the scan was a mistake; None where it stands."""


@dataclass(frozen=True, slots=True)
class ReceptionView:
    """One delivery in a list."""

    id: UUID
    number: int
    supplier: str
    delivery_note: str
    opened_at: datetime
    opened_by_name: str
    state: DeliveryState
    line_count: int
    order_number: str
    closed_at: datetime | None


_LINES = (
    select(
        ReceptionLine.id,
        ReceptionLine.reception_id,
        ReceptionLine.outcome,
        ReceptionLine.findings,
        ReceptionLine.entry_method,
        ReceptionLine.raw_scan,
        ReceptionLine.calibration_id,
        ReceptionLine.keyed_scan,
        Calibration.profile,
        ReceptionLine.lot_number,
        ReceptionLine.serial_number,
        ReceptionLine.expiration_date,
        ReceptionLine.at,
        ReceptionLine.actor_name,
        ReceptionLine.device_id,
        ReceptionLine.derogation_id,
        ReceptionLine.definition_id,
        Device.sequence,
        DeviceDefinition.reference,
        DeviceDefinition.designation,
        Manufacturer.name.label("manufacturer_name"),
        Correction.at.label("corrected_at"),
        Correction.actor_name.label("corrected_by_name"),
        Correction.reason.label("correction_reason"),
    )
    .outerjoin(Device, Device.id == ReceptionLine.device_id)
    .outerjoin(Calibration, Calibration.id == ReceptionLine.calibration_id)
    .outerjoin(DeviceDefinition, DeviceDefinition.id == ReceptionLine.definition_id)
    .outerjoin(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
    .outerjoin(Correction, Correction.line_id == ReceptionLine.id)
)
_LINES_BY_ID = DirectStatement(_LINES.where(ReceptionLine.id == func.any(bindparam("line_ids", type_=ARRAY(Uuid)))))


_HAS_LINES = select(ReceptionLine.id).where(ReceptionLine.id == func.any(bindparam("line_ids", type_=ARRAY(Uuid))))
_BENCH = DirectStatement(deliveries.SELECT_BENCH.add_columns(_HAS_LINES.exists().label("has_lines")))


@dataclass(frozen=True, slots=True)
class Bench:
    """What the bench finds before it judges boxes."""

    is_closed: bool
    has_lines: bool
    """Some of the boxes have a line already: the request was sent before."""
    said: Said


def find_bench(session: Session, reception_id: UUID, line_ids: Sequence[UUID]) -> Bench:
    """Return how a delivery stands and what is said of it, in one statement; its turn is taken, it stays open.

    Args:
        session: a transaction that holds the lock of the requests (``devices.service.lock_identities``).
        reception_id: the delivery.
        line_ids: of the boxes, in any delivery.

    Raises:
        ReceptionNotFound: there is none with this id here.
    """
    row = _BENCH.first(session, {"reception_id": reception_id, "line_ids": list(line_ids)})
    if row is None:
        raise ReceptionNotFound(deliveries.NO_RECEPTION, next_step=deliveries.CHOOSE_RECEPTION)
    return Bench(row.closed_at is not None, row.has_lines, deliveries.read_said(row))


def find_lines(session: Session, line_ids: Sequence[UUID]) -> dict[UUID, LineView]:
    """Return those of some lines that exist."""
    return {row.id: _line(row) for row in _LINES_BY_ID.rows(session, {"line_ids": list(line_ids)})}


def get_line(session: Session, line_id: UUID) -> LineView:
    """Return one line.

    Raises:
        LineNotFound: there is none with this id here.
    """
    line = find_lines(session, [line_id]).get(line_id)
    if line is None:
        raise LineNotFound(NO_LINE)
    return line


def photo_subject(line_id: UUID) -> str:
    """Return the subject under which the photo of a refused box is kept; that of a unit is kept with the unit."""
    return f"reception_line:{line_id}"


def find_photos(session: Session, lines: Sequence[LineView]) -> dict[UUID, UUID]:
    """Return, by line, the photo that was kept of a refused box: one statement, none where nothing was refused."""
    by_subject = {photo_subject(line.id): line.id for line in lines if line.device_id is None}
    found = documents.list_about(session, by_subject, DocumentKind.PHOTO) if by_subject else ()
    return {by_subject[photo.subject]: photo.id for photo in found}


def list_lines(session: Session, reception_id: UUID, *, limit: int | None = None) -> Sequence[LineView]:
    """Return the lines of a delivery, newest first."""
    statement = _LINES.where(ReceptionLine.reception_id == reception_id)
    rows = session.execute(statement.order_by(ReceptionLine.at.desc(), ReceptionLine.id.desc()).limit(limit))
    return [_line(row) for row in rows]


def page_lines(session: Session, reception_id: UUID, *, after: UUID | None, limit: int) -> Sequence[LineView]:
    """Return lines of a delivery, newest first, from behind the line ``after``.

    Raises:
        LineNotFound: the delivery has no such line.
    """
    if after is None:
        return list_lines(session, reception_id, limit=limit)
    last = get_line(session, after)
    if last.reception_id != reception_id:
        raise LineNotFound(NO_LINE)
    order = tuple_(ReceptionLine.at, ReceptionLine.id)
    statement = _LINES.where(ReceptionLine.reception_id == reception_id, order < tuple_(last.at, last.id))
    rows = session.execute(statement.order_by(ReceptionLine.at.desc(), ReceptionLine.id.desc()).limit(limit))
    return [_line(row) for row in rows]


def _line(row: Row[*tuple[Any, ...]]) -> LineView:
    return LineView(
        id=row.id,
        reception_id=row.reception_id,
        outcome=row.outcome,
        findings=tuple([Finding(found["code"], found["data"]) for found in row.findings]),
        entry_method=row.entry_method,
        raw_scan=row.raw_scan,
        reader=reader_of(row.calibration_id, row.profile),
        keyed=(row.keyed_scan or b"").decode("utf-8", "surrogatepass"),
        lot_number=row.lot_number,
        serial_number=row.serial_number,
        expiration_date=row.expiration_date,
        at=row.at,
        actor_name=row.actor_name,
        device_id=row.device_id,
        derogation_id=row.derogation_id,
        definition_id=row.definition_id,
        unit_number=None if row.sequence is None else unit_label.format(row.sequence),
        reference=row.reference,
        designation=row.designation,
        manufacturer_name=row.manufacturer_name,
        corrected_at=row.corrected_at,
        corrected_by_name=row.corrected_by_name,
        correction_reason=row.correction_reason,
    )


_STANDS = ~select(Correction.id).where(Correction.line_id == ReceptionLine.id).exists()


def count_outcomes(session: Session, reception_id: UUID) -> dict[Outcome, int]:
    """Return how many boxes of a delivery had each outcome, scans that were taken back left out."""
    statement = (
        select(ReceptionLine.outcome, func.count())
        .where(ReceptionLine.reception_id == reception_id, _STANDS)
        .group_by(ReceptionLine.outcome)
    )
    return {row[0]: row[1] for row in session.execute(statement)}


_CAME = DirectStatement(
    select(
        DeviceDefinition.reference,
        ReceptionLine.lot_number,
        func.count().filter(ReceptionLine.outcome == Outcome.ACCEPTED).label("accepted"),
        func.count().filter(ReceptionLine.outcome == Outcome.QUARANTINED).label("quarantined"),
        func.count().filter(ReceptionLine.outcome == Outcome.REFUSED).label("refused"),
    )
    .outerjoin(DeviceDefinition, DeviceDefinition.id == ReceptionLine.definition_id)
    .where(ReceptionLine.reception_id == bindparam("reception_id"), _STANDS)
    .group_by(DeviceDefinition.reference, ReceptionLine.lot_number)
    .order_by(DeviceDefinition.reference, ReceptionLine.lot_number)
)


def list_came(session: Session, reception_id: UUID) -> Sequence[Came]:
    """Return what was presented to the bench of a delivery by reference and lot, scans taken back left out."""
    return [
        Came(row.reference or "", row.lot_number or "", row.accepted, row.quarantined, row.refused)
        for row in _CAME.rows(session, {"reception_id": reception_id})
    ]


def find_tally(session: Session, reception_id: UUID) -> Tally:
    """Return what came of a delivery against what was announced."""
    return tally(deliveries.find_said(session, reception_id).announced, list_came(session, reception_id))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a delivery stands."""

    state: DeliveryState
    ownership: str
    """In words, to be translated."""
    warnings: tuple[Finding, ...]
    """What its state on arrival says of every box."""
    tally: Tally
    unknown_references: tuple[str, ...]
    """Announced, and not in the catalogue: their boxes will be refused."""


def find_standing(session: Session, reception: Reception) -> Standing:
    """Return where a delivery stands: its state, how it looked, what came against what was announced."""
    said = deliveries.find_said(session, reception.id)
    return Standing(
        deliveries.state_of_delivery(session, reception),
        OWNERSHIP_LABELS[reception.ownership],
        of_conditions(said.conditions),
        tally(said.announced, list_came(session, reception.id)),
        tuple(catalogue.list_unknown(session, [one.reference for one in said.announced])),
    )


def list_unit_numbers(session: Session, reception_id: UUID) -> Sequence[str]:
    """Return the numbers of the units made in a delivery, in their order, scans taken back left out."""
    statement = (
        select(Device.sequence)
        .join(ReceptionLine, ReceptionLine.device_id == Device.id)
        .where(ReceptionLine.reception_id == reception_id, _STANDS)
        .order_by(Device.sequence)
    )
    return [unit_label.format(sequence) for sequence in session.scalars(statement)]


_LINE_COUNT = (
    select(func.count()).where(ReceptionLine.reception_id == Reception.id).correlate(Reception).scalar_subquery()
)
_RECEPTIONS: Select[*tuple[Any, ...]] = select(
    Reception.id,
    Reception.number,
    Reception.supplier,
    Reception.delivery_note,
    Reception.opened_at,
    Reception.opened_by_name,
    Reception.closed_at,
    Reception.close_reason,
    deliveries.HAS_REST.label("has_rest"),
    _LINE_COUNT.label("line_count"),
    Reception.order_number,
)


def list_receptions(session: Session, *, before: int | None, limit: int) -> Sequence[ReceptionView]:
    """Return deliveries, newest first, from before the number ``before``."""
    statement = _RECEPTIONS if before is None else _RECEPTIONS.where(Reception.number < before)
    rows = session.execute(statement.order_by(Reception.number.desc()).limit(limit))
    return [_reception(row) for row in rows]


def get_view(session: Session, reception_id: UUID) -> ReceptionView:
    """Return one delivery as a list shows it.

    Raises:
        ReceptionNotFound: there is none with this id here.
    """
    row = session.execute(_RECEPTIONS.where(Reception.id == reception_id)).one_or_none()
    if row is None:
        raise ReceptionNotFound(deliveries.NO_RECEPTION, next_step=deliveries.CHOOSE_RECEPTION)
    return _reception(row)


def list_awaited(session: Session, *, limit: int) -> Sequence[ReceptionView]:
    """Return the deliveries whose rest is still awaited, the longest awaited first."""
    statement = _RECEPTIONS.where(deliveries.AWAITS_REST)
    return [_reception(row) for row in session.execute(statement.order_by(Reception.number).limit(limit))]


def _reception(row: Row[*tuple[Any, ...]]) -> ReceptionView:
    return ReceptionView(
        row.id,
        row.number,
        row.supplier,
        row.delivery_note,
        row.opened_at,
        row.opened_by_name,
        state_of(row.closed_at, row.close_reason, has_rest=row.has_rest),
        row.line_count,
        row.order_number,
        row.closed_at,
    )
