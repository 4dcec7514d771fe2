"""What a code may mean, asked of the catalogue and of the stock: one statement for many codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Date, Row, Select, Text, and_, bindparam, column, func, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased

from tracker.catalogue import queries as catalogue
from tracker.catalogue.models import DeviceDefinition
from tracker.catalogue.rules import IdentifierKind
from tracker.db import DirectStatement
from tracker.devices.models import Device
from tracker.devices.rules import HoldCause, UnitState
from tracker.lots.models import LotHold

_Query = Select[*tuple[Any, ...]]
_Row = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Probe:
    """What is searched: the codes that may name a definition, and what is known of its unit."""

    udi_di: str | None = None
    pack_di: str | None = None
    """For the code of a pack: that of the unit inside, searched where nothing carries the pack's own."""
    reference: str | None = None
    lot_number: str | None = None
    serial_number: str | None = None
    expiration_date: date | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A definition that a code may mean, and what is already known of the same lot and serial number."""

    definition: catalogue.FoundDefinition
    found_by: IdentifierKind
    serial_sequence: int | None
    """The unit that already carries this serial number."""
    other_expiration_date: date | None
    """Another date that a unit of the same lot carries, those in quarantine left out."""
    lot_hold_cause: HoldCause | None
    lot_hold_reason: str | None
    is_found_by_pack: bool = False
    """Only the code of the unit inside is known: what was scanned is a pack."""
    is_serial_elsewhere: bool = False
    """Another establishment of the group has a unit with this serial number (docs/decisions/0021)."""


_ASKED = (
    func.unnest(
        bindparam("udi_dis", type_=ARRAY(Text)),
        bindparam("pack_dis", type_=ARRAY(Text)),
        bindparam("references", type_=ARRAY(Text)),
        bindparam("lots", type_=ARRAY(Text)),
        bindparam("serials", type_=ARRAY(Text)),
        bindparam("ends", type_=ARRAY(Date)),
    )
    .table_valued(
        column("udi_di", Text),
        column("pack_di", Text),
        column("reference", Text),
        column("lot_number", Text),
        column("serial_number", Text),
        column("expiration_date", Date),
        with_ordinality="place",
        name="asked",
    )
    .render_derived()
)


def _candidates() -> _Query:
    asked = _ASKED.c
    found = (
        catalogue.select_identified(udi_dis=[asked.udi_di, asked.pack_di], reference=asked.reference)
        .correlate(_ASKED)
        .lateral("found")
    )
    absorbed = aliased(DeviceDefinition)
    merged = select(absorbed.id).where(absorbed.merged_into_id == found.c.id).correlate(found)

    def is_of_family(definition_id: Any) -> Any:  # noqa: ANN401 - a column, a condition
        """Compare with the definition found and those merged into it: what happened stands under either."""
        return or_(definition_id == found.c.id, definition_id.in_(merged))

    same_lot = and_(Device.lot_number == asked.lot_number, is_of_family(Device.definition_id))
    serial = (
        select(Device.sequence)
        .where(
            Device.serial_number == asked.serial_number,
            is_of_family(Device.definition_id),
            Device.state != UnitState.VOIDED,  # received by mistake, and said so
        )
        .limit(1)
    )
    other_date = (
        select(Device.expiration_date)
        .where(
            same_lot,
            Device.expiration_date != asked.expiration_date,
            Device.state != UnitState.QUARANTINED,  # a date in question does not put the next ones in question
            Device.state != UnitState.VOIDED,
        )
        .limit(1)
    )
    open_lot_hold = (
        select(LotHold)
        .where(
            LotHold.lot_number == asked.lot_number,
            is_of_family(LotHold.definition_id),
            LotHold.closed_at.is_(None),
        )
        .order_by(LotHold.cause != HoldCause.RECALL, LotHold.opened_at)
        .limit(1)
        .lateral("open_lot_hold")
    )
    return (
        select(
            *found.c,
            asked.place,
            serial.scalar_subquery().label("serial_sequence"),
            other_date.scalar_subquery().label("other_expiration_date"),
            open_lot_hold.c.cause.label("lot_hold_cause"),
            open_lot_hold.c.reason.label("lot_hold_reason"),
            func.serial_known_elsewhere(found.c.id, asked.serial_number).label("is_serial_elsewhere"),
        )
        .select_from(_ASKED)
        .join(found, true())
        .outerjoin(open_lot_hold, true())
    )


_CANDIDATES = DirectStatement(_candidates())


def find_candidates(session: Session, probes: Sequence[Probe]) -> list[list[Candidate]]:
    """Return, for each probe, the definitions that it names with what is known of the same lot and serial; one SQL."""
    parameters = {
        "udi_dis": [probe.udi_di for probe in probes],
        "pack_dis": [probe.pack_di for probe in probes],
        "references": [probe.reference for probe in probes],
        "lots": [probe.lot_number for probe in probes],
        "serials": [probe.serial_number for probe in probes],
        "ends": [probe.expiration_date for probe in probes],
    }
    found: list[list[_Row]] = [[] for _probe in probes]
    for row in _CANDIDATES.rows(session, parameters):
        found[row.place - 1].append(row)
    return [_candidates_of(probe, rows) for probe, rows in zip(probes, found, strict=True)]


def _candidates_of(probe: Probe, rows: Sequence[_Row]) -> list[Candidate]:
    """Keep what the unit's own code names where there is any, then what the code of its pack names."""
    exact = [row for row in rows if row.found_code != probe.pack_di]
    return [
        Candidate(
            definition=catalogue.read_definition(row),
            found_by=row.found_by,
            is_found_by_pack=not exact,
            serial_sequence=row.serial_sequence,
            other_expiration_date=row.other_expiration_date,
            lot_hold_cause=row.lot_hold_cause,
            lot_hold_reason=row.lot_hold_reason,
            is_serial_elsewhere=bool(row.is_serial_elsewhere),
        )
        for row in catalogue.best_found(exact or rows)
    ]
