"""Actions of the bench: judge boxes and receive them, take back a scan that was a mistake.

A verdict takes at most six statements and receiving at most twelve, whatever is stored and however many boxes come at
once; tests count them. A refused box leaves a line and an entry in the trail. The label of a patient leaves nothing at
all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from scanners import Status
from tracker import db
from tracker.actor import Actor, Permission
from tracker.arrivals import queries as deliveries
from tracker.arrivals import rules as arrival_rules
from tracker.arrivals import service as delivery_service
from tracker.arrivals.queries import Said
from tracker.arrivals.rules import Came
from tracker.audit import service as audit
from tracker.checks.rules import check_not_empty
from tracker.db import DirectStatement
from tracker.devices import service as device_service
from tracker.devices.rules import (
    Event,
    HoldCause,
    Identity,
    NewHold,
    check_reason,
)
from tracker.errors import N_, Conflict, InvalidInput, RuleRefused, check_same_request
from tracker.findings.rules import FINDINGS, Outcome
from tracker.receipts import service as receipts_service
from tracker.receipts.rules import NewUnit, Receipt
from tracker.reception import queries, rules
from tracker.reception.models import Correction
from tracker.reception.queries import LineView
from tracker.verdicts import queries as verdicts
from tracker.verdicts.queries import Assessment, Box, Question
from tracker.verdicts.rules import Purpose, Verdict, also


class PatientLabelScanned(RuleRefused):
    """The label of a patient came where a device was expected; nothing of it is kept."""

    code = "patient-label"


class PackToCount(RuleRefused):
    """The code is that of a pack, and nobody said how many units it holds; nothing was written."""

    code = "pack-to-count"


class PackCountOdd(InvalidInput):
    """The number of units cannot be right."""

    code = "pack-count-odd"


class BoxesTooMany(InvalidInput):
    """A request carries no box, or more than may travel at once."""

    code = "boxes-too-many"


class LineCorrected(Conflict):
    """Somebody else took this scan back already."""

    code = "reception-line-corrected"


MOST_BOXES = 500
"""Boxes of one request, and units of one pack."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One box presented to the bench, under the client's id of the request."""

    line_id: UUID
    box: Box


def receive(
    session: Session, line_id: UUID, *, reception_id: UUID, box: Box, actor: Actor, now: datetime, today: date
) -> list[LineView]:
    """Judge one box as :func:`receive_many` judges several; one line for each unit that a person counted in it."""
    return receive_many(session, reception_id, arrivals=[Arrival(line_id, box)], actor=actor, now=now, today=today)


def _checked_count(box: Box) -> int | None:
    if box.count is None:
        return None
    if not 1 <= box.count <= MOST_BOXES:
        raise PackCountOdd(
            N_("Write a number of units between 1 and %(most)s."),
            fields={"count": N_("Write how many units there are.")},
            most=MOST_BOXES,
        )
    if box.count > 1 and verdicts.udi_of(box).serial:
        raise PackCountOdd(
            N_("A serial number names one unit: these cannot be %(count)s."),
            fields={"count": N_("Scan each unit by itself.")},
            next_step=N_("Scan each unit by itself."),
            count=box.count,
        )
    return box.count


def receive_many(
    session: Session, reception_id: UUID, *, arrivals: Sequence[Arrival], actor: Actor, now: datetime, today: date
) -> list[LineView]:
    """Judge boxes and make, for each, its unit, its quarantined unit, or the trace of its refusal.

    As many statements for many boxes as for one. A box in which a person counted several units has a line and a unit
    for each; the code of a pack makes nothing before somebody counted. The same request again, even at the same moment,
    returns the lines that were made the first time. All or nothing: an error about one box leaves no trace of the
    others.

    Raises:
        NotPermitted: the actor may not receive.
        BoxesTooMany: none, or more than one request may carry.
        PackCountOdd: a count is impossible, or a serial number would name several units.
        PackToCount: the code is that of a pack, and nobody counted.
        PatientLabelScanned: it is the label of a patient; nothing of it is kept.
        ScanEmpty: nothing was scanned.
        ReadingMissing: the chosen reading does not exist.
        ReceptionNotFound: there is no such delivery here.
        ReceptionClosed: the delivery is closed.
        RequestIdReused: the id belongs to another box.
    """
    actor.require(Permission.RECEPTION_WRITE)
    for arrival in arrivals:
        _check_kept(arrival.box)
    arrivals = [one for arrival in arrivals for one in _one_by_one(arrival)]
    _check_number(arrivals)
    device_service.lock_identities(
        session, [_identity(arrival) for arrival in arrivals], establishment_id=actor.establishment_id
    )
    bench = queries.find_bench(session, reception_id, [arrival.line_id for arrival in arrivals])
    if bench.has_lines:
        return _earlier_lines(session, arrivals, reception_id=reception_id)
    delivery_service.check_open(is_closed=bench.is_closed)
    said = bench.said
    question = Question(Purpose.RECEIVE, today, now, said.reasoned_derogation_ids)
    assessments = verdicts.assess_many(session, [arrival.box for arrival in arrivals], question=question)
    came = queries.list_came(session, reception_id) if said.announced else ()
    assessments = _in_delivery(assessments, said, came)
    judged = list(zip(arrivals, assessments, strict=True))
    for arrival, found in judged:
        _check_counted(arrival.box, found)
    return _write(session, reception_id, judged, actor=actor, now=now)


def _earlier_lines(session: Session, arrivals: Sequence[Arrival], *, reception_id: UUID) -> list[LineView]:
    """Return the lines that the same request made the first time."""
    earlier = queries.find_lines(session, [arrival.line_id for arrival in arrivals])
    check_same_request(is_same=len(earlier) == len(arrivals))
    for arrival in arrivals:
        _check_same(earlier[arrival.line_id], arrival, reception_id=reception_id)
    return [earlier[arrival.line_id] for arrival in arrivals]


def _in_delivery(assessments: Sequence[Assessment], said: Said, came: Sequence[Came]) -> list[Assessment]:
    """Return the verdicts with what the delivery says of its boxes: how it looked, and what was announced."""
    seen = arrival_rules.of_conditions(said.conditions)
    surplus = arrival_rules.of_surplus(said.announced, came, [_announced_as(found) for found in assessments])
    return [
        replace(found, verdict=also(found.verdict, [*seen, *([beyond] if beyond else [])]))
        for found, beyond in zip(assessments, surplus, strict=True)
    ]


def _announced_as(found: Assessment) -> tuple[str, str] | None:
    """Return reference and lot of a box that comes in, None of one that is refused."""
    is_refused = found.verdict.outcome is Outcome.REFUSED
    return None if is_refused else (found.known_definition.reference, found.udi.lot or "")


def _one_by_one(arrival: Arrival) -> list[Arrival]:
    """Return an arrival for each unit that a person counted in a box."""
    count = _checked_count(arrival.box) or 1
    return [Arrival(rules.id_in_pack(arrival.line_id, place), arrival.box) for place in range(count)]


def _check_counted(box: Box, found: Assessment) -> None:
    if found.is_pack and box.count is None and found.verdict.outcome is not Outcome.REFUSED:
        announced = found.udi.quantity
        raise PackToCount(
            N_("This is the code of a pack of %(designation)s. Nothing was written yet."),
            next_step=N_("Count the units, write the number, and confirm."),
            designation=found.known_definition.designation,
            announced=str(announced) if announced and announced > 1 else "",
        )


def _check_number(arrivals: Sequence[Arrival]) -> None:
    distinct = len({arrival.line_id for arrival in arrivals})
    if not 1 <= len(arrivals) <= MOST_BOXES:
        raise BoxesTooMany(
            N_("Send between 1 and %(most)s boxes at once."),
            next_step=N_("Send the others after them."),
            most=MOST_BOXES,
        )
    check_same_request(is_same=distinct == len(arrivals))


def _identity(arrival: Arrival) -> Identity:
    udi = verdicts.udi_of(arrival.box)
    return Identity(arrival.line_id, udi.lot, udi.serial)


def _write(
    session: Session,
    reception_id: UUID,
    judged: Sequence[tuple[Arrival, Assessment]],
    *,
    actor: Actor,
    now: datetime,
) -> list[LineView]:
    """Make the units of the boxes that were not refused, the lines of all, and their entries in the trail."""
    receipts = {
        arrival.line_id: _receipt(arrival, found)
        for arrival, found in judged
        if found.verdict.outcome is not Outcome.REFUSED
    }
    refusals = [_refusal(arrival, found, reception_id) for arrival, found in judged if arrival.line_id not in receipts]
    units = receipts_service.create_units(session, list(receipts.values()), also=refusals, actor=actor, now=now)
    lines = []
    for arrival, found in judged:
        line = _line(arrival.line_id, reception_id, box=arrival.box, assessment=found, actor=actor, now=now)
        if arrival.line_id in receipts:
            unit = units[receipts[arrival.line_id].device_id]
            line = replace(line, device_id=unit.id, unit_number=unit.number)
        lines.append(line)
    _add_lines(session, reception_id, lines, actor=actor, now=now)
    return lines


def _refusal(arrival: Arrival, found: Assessment, reception_id: UUID) -> audit.Act:
    told = {"reception": str(reception_id), "findings": _codes(found.verdict)}
    return audit.Act("box:refused", f"reception_line:{arrival.line_id}", told)


def _check_kept(box: Box) -> None:
    """Check that a box may leave a trace at all.

    Raises:
        PatientLabelScanned: it is the label of a patient.
    """
    if box.scan is None:
        return
    if box.scan.status is Status.PATIENT:
        rule = FINDINGS["patient-label"]
        raise PatientLabelScanned(rule.sentence, next_step=rule.next_step)
    check_not_empty(box.scan)
    if box.override:
        check_reason(box.override)


def _check_same(line: LineView, arrival: Arrival, *, reception_id: UUID) -> None:
    udi = verdicts.udi_of(arrival.box)
    earlier = (line.reception_id, line.raw_scan, line.lot_number, line.serial_number, line.expiration_date)
    now_asked = (reception_id, _raw(arrival.box), udi.lot, udi.serial, udi.expiration_date)
    check_same_request(is_same=earlier == now_asked)


def _raw(box: Box) -> bytes | None:
    """Return the text as it arrived."""
    return None if box.scan is None else _kept(box.scan.raw)


def _kept(text: str) -> bytes:
    """Return a text as it is stored: control characters, NUL and lone surrogates survive."""
    return text.encode("utf-8", "surrogatepass")


def _codes(verdict: Verdict) -> str:
    """Return the codes of the findings that weigh as much as the outcome."""
    return " ".join(finding.code for finding in verdict.findings if FINDINGS[finding.code].effect is verdict.outcome)


def _receipt(arrival: Arrival, assessment: Assessment) -> Receipt:
    """Return the unit to make of an accepted or quarantined box."""
    box, udi = arrival.box, assessment.udi
    is_accepted = assessment.verdict.outcome is Outcome.ACCEPTED
    reason = "" if is_accepted else _codes(assessment.verdict)
    unit = NewUnit(
        definition_id=assessment.known_definition.id,
        entry_method=box.entry_method,
        lot_number=udi.lot,
        serial_number=udi.serial,
        expiration_date=udi.expiration_date,
        manufacture_date=udi.manufacture_date,
        software_version=udi.software_version,
        udi_di=udi.udi_di,
        raw_scan=None if box.scan is None else _kept(box.scan.text),
    )
    return Receipt(
        db.new_id(),
        unit,
        Event.VALID_RECEIPT if is_accepted else Event.INVALID_RECEIPT,
        reason,
        None if is_accepted else NewHold(HoldCause.VERDICT, reason, f"reception_line:{arrival.line_id}"),
    )


def _line(
    line_id: UUID, reception_id: UUID, *, box: Box, assessment: Assessment, actor: Actor, now: datetime
) -> LineView:
    definition, udi = assessment.definition, assessment.udi
    return LineView(
        id=line_id,
        reception_id=reception_id,
        outcome=assessment.verdict.outcome,
        findings=assessment.verdict.findings,
        entry_method=box.entry_method,
        raw_scan=_raw(box),
        reader=box.reader,
        keyed=box.keyed,
        lot_number=udi.lot,
        serial_number=udi.serial,
        expiration_date=udi.expiration_date,
        at=now,
        actor_name=actor.display_name,
        device_id=None,
        derogation_id=assessment.coverage.derogation_id if assessment.coverage else None,
        definition_id=definition.id if definition else None,
        unit_number=None,
        reference=definition.reference if definition else None,
        designation=definition.designation if definition else None,
        manufacturer_name=definition.manufacturer_name if definition else None,
    )


_NEW_LINES = DirectStatement(
    text(
        "insert into reception_line (id, establishment_id, reception_id, device_id, definition_id, derogation_id,"
        " outcome, findings, entry_method, raw_scan, calibration_id, keyed_scan, lot_number, serial_number,"
        " expiration_date, at, actor_id, actor_name)"
        " select id, :establishment_id, :reception_id, device_id, definition_id, derogation_id, outcome, findings,"
        " entry_method, decode(raw_scan, 'hex'), calibration_id, decode(keyed_scan, 'hex'), lot_number, serial_number,"
        " expiration_date, :now, :actor_id, :actor_name from jsonb_to_recordset(:lines) as one(id uuid, device_id uuid,"
        " definition_id uuid, derogation_id uuid, outcome text, findings jsonb, entry_method text, raw_scan text,"
        " calibration_id uuid, keyed_scan text, lot_number text, serial_number text, expiration_date date)"
        " on conflict do nothing returning id"
    ).bindparams(bindparam("lines", type_=JSONB))
)


def _add_lines(session: Session, reception_id: UUID, lines: Sequence[LineView], *, actor: Actor, now: datetime) -> None:
    values = {
        "establishment_id": actor.establishment_id,
        "reception_id": reception_id,
        "now": now,
        "actor_id": actor.id,
        "actor_name": actor.display_name,
        "lines": [_line_row(line) for line in lines],
    }
    kept = _NEW_LINES.rows(session, values)
    check_same_request(is_same=len(kept) == len(lines))  # an id of another establishment, which nobody sees here


def _line_row(line: LineView) -> dict[str, object]:
    return {
        "id": str(line.id),
        "device_id": line.device_id and str(line.device_id),
        "definition_id": line.definition_id and str(line.definition_id),
        "derogation_id": line.derogation_id and str(line.derogation_id),
        "outcome": line.outcome.value,
        "findings": [finding.as_json() for finding in line.findings],
        "entry_method": line.entry_method.value,
        "raw_scan": None if line.raw_scan is None else line.raw_scan.hex(),
        "calibration_id": line.reader.calibration_id and str(line.reader.calibration_id),
        "keyed_scan": _kept(line.keyed).hex() or None,
        "lot_number": line.lot_number,
        "serial_number": line.serial_number,
        "expiration_date": line.expiration_date and line.expiration_date.isoformat(),
    }


def correct_line(
    session: Session, correction_id: UUID, *, line_id: UUID, reason: str, actor: Actor, now: datetime
) -> LineView:
    """Take back a scan that was a mistake, while its delivery is open and nothing happened to its unit.

    Nothing is deleted: the line stays and shows the correction; the unit stays, in a state from which nothing leads on.
    The same request again changes nothing.

    Raises:
        NotPermitted: the actor may not receive.
        LineNotFound: there is no such line here.
        ReasonMissing: nothing was written.
        ReceptionClosed: the delivery is closed.
        LineCorrected: somebody else took it back already.
        UnitMoved: something happened to the unit since its receipt.
    """
    actor.require(Permission.RECEPTION_WRITE)
    reason = check_reason(reason)
    line = queries.get_line(session, line_id)
    delivery_service.check_open(is_closed=deliveries.is_closed(session, line.reception_id))
    values = {
        "id": correction_id,
        "establishment_id": actor.establishment_id,
        "line_id": line_id,
        "reason": reason,
        "at": now,
        "actor_id": actor.id,
        "actor_name": actor.display_name,
    }
    statement = upsert(Correction).values(values).on_conflict_do_nothing().returning(Correction.id)
    if session.scalar(statement) is None:
        _check_same_correction(session, correction_id, line_id=line_id)
        return queries.get_line(session, line_id)
    if line.device_id is not None:
        device_service.void_unit(session, line.device_id, reason=reason, actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="box:corrected",
        subject=f"reception_line:{line_id}",
        details={"reception": str(line.reception_id), "reason": reason},
        now=now,
    )
    return queries.get_line(session, line_id)


def _check_same_correction(session: Session, correction_id: UUID, *, line_id: UUID) -> None:
    earlier = session.get(Correction, correction_id)
    if earlier is None:
        raise LineCorrected(N_("This scan was already taken back."), next_step=N_("Reload the page to see by whom."))
    check_same_request(is_same=earlier.line_id == line_id)
