"""Actions of goods-in: open a delivery, judge and receive a box, close the delivery.

The verdict is computed from at most four statements, receiving takes at most nine, whatever is stored; a test counts
them. A refused box leaves a line and an entry in the trail. The label of a patient leaves nothing at all.
"""

from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from scanners import Scan, Status
from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.db import DirectStatement
from tracker.devices import service as device_service
from tracker.devices.rules import EntryMethod, Event, HoldCause, NewHold, NewUnit, check_reason
from tracker.errors import N_, Conflict, InvalidInput, RuleRefused, check_same_request
from tracker.findings.rules import FINDINGS, Outcome
from tracker.reception import queries
from tracker.reception.models import Reception, ReceptionLine
from tracker.reception.queries import Assessment, Box, LineView, NewReception
from tracker.reception.rules import Purpose, Verdict


class PatientLabelScanned(RuleRefused):
    """The label of a patient came where a device was expected; nothing of it is kept."""

    code = "patient-label"


class ScanEmpty(InvalidInput):
    """Nothing was scanned or typed."""

    code = "scan-empty"


class ReceptionClosed(Conflict):
    """The delivery is closed: no box can be added."""

    code = "reception-closed"


def check(
    session: Session, *, scan: Scan, today: date, now: datetime, actor: Actor, purpose: Purpose = Purpose.RECEIVE
) -> Assessment:
    """Return the verdict on a scan and write nothing.

    Raises:
        NotPermitted: the actor may not ask.
        ScanEmpty: nothing was scanned.
    """
    actor.require(Permission.UNIT_CHECK)
    _check_not_empty(scan)
    return queries.assess(session, Box(scan, EntryMethod.SCANNED), purpose=purpose, today=today, now=now)


def _check_not_empty(scan: Scan) -> None:
    if scan.status is Status.UNKNOWN and not scan.raw.strip():
        raise ScanEmpty(
            N_("Nothing was scanned."),
            fields={"raw": N_("Scan the label, or type its code.")},
            next_step=N_("Scan the label, or type its code."),
        )


def open_reception(
    session: Session, reception_id: UUID, *, new: NewReception, actor: Actor, now: datetime
) -> Reception:
    """Open a delivery; the same request again returns the same one.

    Raises:
        NotPermitted: the actor may not receive.
        RequestIdReused: the id belongs to another delivery.
    """
    actor.require(Permission.RECEPTION_WRITE)
    values = {
        "id": reception_id,
        "establishment_id": actor.establishment_id,
        "supplier": new.supplier.strip(),
        "delivery_note": new.delivery_note.strip(),
        "order_number": new.order_number.strip(),
        "note": new.note.strip(),
        "opened_at": now,
        "opened_by_id": actor.id,
        "opened_by_name": actor.display_name,
    }
    opened: Reception | None = session.scalar(
        upsert(Reception).values(values).on_conflict_do_nothing().returning(Reception)
    )
    if opened is None:
        earlier = session.get(Reception, reception_id)
        is_same = earlier is not None and (earlier.supplier, earlier.delivery_note) == (
            values["supplier"],
            values["delivery_note"],
        )
        check_same_request(is_same=is_same)
        return queries.get_reception(session, reception_id)
    audit.append(
        session,
        actor=actor,
        action="reception:opened",
        subject=f"reception:{reception_id}",
        details={"number": str(opened.number)},
        now=now,
    )
    return opened


def close_reception(session: Session, reception_id: UUID, *, actor: Actor, now: datetime) -> Reception:
    """Close a delivery: no box can be added to it any more.

    Raises:
        NotPermitted: the actor may not receive.
        ReceptionNotFound: there is no such delivery here.
        ReceptionClosed: it is closed already.
    """
    actor.require(Permission.RECEPTION_WRITE)
    reception = queries.get_reception_for_update(session, reception_id)
    _check_open(is_closed=reception.closed_at is not None)
    reception.closed_at = now
    reception.closed_by_id = actor.id
    audit.append(
        session,
        actor=actor,
        action="reception:closed",
        subject=f"reception:{reception_id}",
        details={"number": str(reception.number)},
        now=now,
    )
    return reception


def _check_open(*, is_closed: bool) -> None:
    if is_closed:
        raise ReceptionClosed(
            N_("This delivery is closed. Nothing was written."),
            next_step=N_("Open another delivery for the boxes that remain."),
        )


def receive(
    session: Session, line_id: UUID, *, reception_id: UUID, box: Box, actor: Actor, now: datetime, today: date
) -> LineView:
    """Judge a box and make its unit, its quarantined unit, or the trace of its refusal.

    The same request again, even at the same moment, returns the line that was made the first time.

    Raises:
        NotPermitted: the actor may not receive.
        PatientLabelScanned: it is the label of a patient; nothing of it is kept.
        ScanEmpty: nothing was scanned.
        ReadingMissing: the chosen reading does not exist.
        ReceptionNotFound: there is no such delivery here.
        ReceptionClosed: the delivery is closed.
        RequestIdReused: the id belongs to another box.
    """
    actor.require(Permission.RECEPTION_WRITE)
    _check_kept(box)
    udi = queries.udi_of(box)
    device_service.lock_identity(
        session,
        establishment_id=actor.establishment_id,
        request_id=line_id,
        lot_number=udi.lot,
        serial_number=udi.serial,
    )
    bench = queries.get_bench(session, reception_id=reception_id, line_id=line_id)
    if bench.has_line:
        return _same_line(session, line_id, reception_id=reception_id, box=box)
    _check_open(is_closed=bench.is_closed)
    assessment = queries.assess(session, box, purpose=Purpose.RECEIVE, today=today, now=now)
    device_id, number = None, None
    if assessment.verdict.outcome is Outcome.REFUSED:
        audit.append(
            session,
            actor=actor,
            action="box:refused",
            subject=f"reception_line:{line_id}",
            details={"reception": str(reception_id), "findings": _codes(assessment.verdict)},
            now=now,
        )
    else:
        device_id = db.new_id()
        number = _make_unit(session, device_id, line_id=line_id, box=box, assessment=assessment, actor=actor, now=now)
    line = _line(line_id, reception_id, box=box, assessment=assessment, actor=actor, now=now)
    line = replace(line, device_id=device_id, unit_number=number)
    _add_line(session, line, actor=actor)
    return line


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
    _check_not_empty(box.scan)
    if box.override:
        check_reason(box.override)


def _same_line(session: Session, line_id: UUID, *, reception_id: UUID, box: Box) -> LineView:
    line, udi = queries.get_line(session, line_id), queries.udi_of(box)
    earlier = (line.reception_id, line.raw_scan, line.lot_number, line.serial_number, line.expiration_date)
    check_same_request(is_same=earlier == (reception_id, _raw(box), udi.lot, udi.serial, udi.expiration_date))
    return line


def _raw(box: Box) -> bytes | None:
    """Return the text as it arrived."""
    return None if box.scan is None else _kept(box.scan.raw)


def _kept(text: str) -> bytes:
    """Return a text as it is stored: control characters, NUL and lone surrogates survive."""
    return text.encode("utf-8", "surrogatepass")


def _codes(verdict: Verdict) -> str:
    """Return the codes of the findings that weigh as much as the outcome."""
    return " ".join(finding.code for finding in verdict.findings if FINDINGS[finding.code].effect is verdict.outcome)


def _make_unit(
    session: Session, device_id: UUID, *, line_id: UUID, box: Box, assessment: Assessment, actor: Actor, now: datetime
) -> str:
    """Make the unit of an accepted or quarantined box and return its number."""
    udi = assessment.udi
    is_accepted = assessment.verdict.outcome is Outcome.ACCEPTED
    reason = "" if is_accepted else _codes(assessment.verdict)
    new = NewUnit(
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
    return device_service.create_unit(
        session,
        device_id,
        new=new,
        event=Event.VALID_RECEIPT if is_accepted else Event.INVALID_RECEIPT,
        reason=reason,
        hold=None if is_accepted else NewHold(HoldCause.VERDICT, reason, f"reception_line:{line_id}"),
        actor=actor,
        now=now,
    ).number


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


def _add_line(session: Session, line: LineView, *, actor: Actor) -> None:
    values = {
        "id": line.id,
        "establishment_id": actor.establishment_id,
        "reception_id": line.reception_id,
        "device_id": line.device_id,
        "definition_id": line.definition_id,
        "derogation_id": line.derogation_id,
        "outcome": line.outcome,
        "findings": [finding.as_json() for finding in line.findings],
        "entry_method": line.entry_method,
        "raw_scan": line.raw_scan,
        "calibration_id": line.reader.calibration_id,
        "keyed_scan": _kept(line.keyed) or None,
        "lot_number": line.lot_number,
        "serial_number": line.serial_number,
        "expiration_date": line.expiration_date,
        "at": line.at,
        "actor_id": actor.id,
        "actor_name": actor.display_name,
    }
    kept = _NEW_LINE.first(session, values)
    check_same_request(is_same=kept is not None)  # the id of a line of another establishment, which nobody sees here


_NEW_LINE = DirectStatement(
    upsert(ReceptionLine).on_conflict_do_nothing().returning(ReceptionLine.id),
    columns=ReceptionLine.__table__.columns.keys(),
)
