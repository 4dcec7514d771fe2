"""One of everything that has an address in a hospital: for the tests that walk all routes and all pages."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update

from scanners import scan
from tests import lists
from tests.care import make_consent, make_explantation, make_failure, make_notice, make_patient, make_use
from tests.dossiers import make_given, make_request
from tests.hospital import (
    ALICE,
    BOB,
    CHARLIE,
    HOSPITAL_A,
    NOW,
    THEATRE,
    TODAY,
)
from tests.stock import GTIN, a_hold, make_definition, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.accounts import service as accounts
from tracker.actor import system_actor
from tracker.arrivals.models import Reception
from tracker.corrections import service as corrections
from tracker.corrections.rules import Amendment, Whereabouts
from tracker.db import Session
from tracker.delivery import service as delivery
from tracker.delivery.rules import Handover
from tracker.derogations.rules import DerogationKind
from tracker.devices import queries as devices
from tracker.devices.models import Hold
from tracker.devices.rules import EntryMethod, Finding
from tracker.dispositions import service as dispositions
from tracker.dispositions.rules import Disposition, NewDisposition
from tracker.documents import service as documents
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.examinations import service as examinations
from tracker.examinations.models import Examination
from tracker.followups import service as followups
from tracker.followups.rules import EventFacts, EventKind
from tracker.followups.service import NewEvent
from tracker.imports import service as imports
from tracker.labels import service as labels
from tracker.labels.rules import Layout, Paper
from tracker.lots.models import LotHold
from tracker.operations import service as operations
from tracker.operations.service import NewOperation
from tracker.outbox import service as outbox
from tracker.outbox.models import Message
from tracker.outbox.rules import MessageKind, MessageState
from tracker.outbox.service import NewMessage
from tracker.outcomes.models import Explantation
from tracker.outcomes.rules import FailureCause, NewFailure, Stage
from tracker.publications import service as publications
from tracker.publications.queries import list_lines
from tracker.publications.service import NewPublication
from tracker.recaps import service as recaps
from tracker.recaps.service import Period
from tracker.reception import service as bench
from tracker.reception.queries import LineView
from tracker.reversals import service as reversals
from tracker.stocktaking import service as counts
from tracker.stocktaking.service import NewCount
from tracker.unidentified import service as unidentified
from tracker.unidentified.rules import Cause
from tracker.unidentified.service import NewItem
from tracker.use.models import DeviceUse
from tracker.use.rules import Intervention, Side
from tracker.verdicts.queries import Box
from tracker.vigilance import service as vigilance
from tracker.vigilance.rules import (
    Basis,
    Consequence,
    CorrespondentPart,
    DevicePlace,
    IncidentFacts,
    Narrative,
    ReportRecipient,
)
from tracker.vigilance.service import NewIncident
from tracker.workstations import service as workstations

_LONG_NAME = "Orthopädietechnik-Gesellschaft für Endoprothesenentwicklung mbH & Co. KG"
_LONG_REFERENCE = "REF-012345678901234567890123456789"
_LONG_LOT = "LOT-0123456789ABCDEF"
INCIDENT = IncidentFacts(
    occurred_on=TODAY,
    detected_on=TODAY,
    place="Theatre",
    consequences=(Consequence.INTERVENTION,),
    narrative=Narrative(description="It broke.", clinical="Revised at once.", measures="Lot kept."),
    device_place=DevicePlace.PHARMACY,
    is_device_kept=True,
)


def _message(session: Session, document_id: UUID) -> UUID:
    new = NewMessage(
        kind=MessageKind.REPORT_ANSM,
        idempotency_key="route",
        subject_ref="incident:1",
        recipient="materiovigilance@ansm.test",
        subject="Report 1",
        body="Report 1",
        attachments=(document_id,),
    )
    return outbox.queue(session, new=new, actor=BOB, now=NOW).id


def _aside(session: Session) -> UUID:
    new = NewItem(Cause.NO_CODE, place="Shelf 4", description="blue box")
    return unidentified.put_aside(session, db.new_id(), new=new, actor=ALICE, now=NOW, today=TODAY).id


def _recap(session: Session, derogation_id: UUID) -> UUID:
    period = Period(derogation_id, TODAY - timedelta(days=30), TODAY - timedelta(days=1), least_count=5)
    made = recaps.make_recap(session, db.new_id(), period=period, locale="en", actor=ALICE, now=NOW, today=TODAY)
    return made.id


def _import(session: Session) -> UUID:
    """Send a catalogue file and return the id of its import."""
    content = b"fabricant;reference;designation;type\nSerf;R1;Cup;implant\n"
    return imports.send_file(session, db.new_id(), filename="c.csv", content=content, actor=ALICE, now=NOW).id


def _destruction(session: Session, number: str) -> UUID:
    """Ask for the destruction of a unit and return the id of the request."""
    request_id, asked = db.new_id(), NewDisposition(Disposition.DESTRUCTION, "seal broken")
    dispositions.dispose(session, request_id, number=number, new=asked, actor=ALICE, now=NOW)
    return request_id


def one_of_everything(session: Session) -> dict[str, object]:
    """Write one of everything that has an address, and return it by the name of its variable."""
    maker = make_manufacturer(session)
    definition = make_definition(session, manufacturer_id=maker)
    unit, used = make_unit(session, definition, hold=a_hold()), make_unit(session, definition, lot_number="B2")
    derogation = make_derogation(session, maker)
    patient = make_patient(session)
    notice = make_notice(session, derogation)
    make_consent(session, patient, derogation, notice_id=notice)
    x_ray = Finding("follow-up-required", {"due_on": TODAY.isoformat(), "what": "X-ray"})
    use = make_use(session, used.id, patient_id=patient, derogation_id=derogation, findings=(x_ray,))
    session.flush()  # the sweep reads the use
    examinations.note_required(session, actor=system_actor(HOSPITAL_A), now=NOW)
    incident = db.new_id()
    told = NewIncident(used.number, patient, INCIDENT)
    vigilance.declare(session, incident, new=told, actor=ALICE, now=NOW, today=TODAY)
    file = NewFile(DocumentKind.DECISION, f"derogation:{derogation}", "d.pdf", b"%PDF-1.7", has_patient_data=False)
    document = documents.freeze(session, file, actor=ALICE, now=NOW).id
    _token, _secret = accounts.create_token(session, name="t", lifetime=timedelta(days=1), actor=ALICE, now=NOW)
    planned = NewOperation(patient, TODAY, CHARLIE.id, derogation_id=derogation)
    operation = operations.plan_operation(session, db.new_id(), new=planned, actor=CHARLIE, now=NOW, today=TODAY)
    session.flush()  # the hold is read
    return {
        "number": unit.number,
        "hold_id": session.query(Hold.id).filter(Hold.device_id == unit.id).scalar(),
        "lot_hold_id": session.query(LotHold.id).scalar(),
        "destruction_id": _destruction(session, unit.number),
        "manufacturer_id": maker,
        "definition_id": definition,
        "import_id": _import(session),
        "count_id": counts.open_count(session, db.new_id(), new=NewCount(), actor=ALICE, now=NOW).id,
        "derogation_id": derogation,
        "patient_id": patient,
        "notice_id": notice,
        "use_id": use,
        "failure_id": make_failure(session, make_unit(session, definition, lot_number="B3").number, patient_id=patient),
        "explantation_id": _explantation(session, definition, patient_id=patient, derogation_id=derogation),
        "examination_id": session.query(Examination.id).scalar(),
        "operation_id": operation.id,
        "incident_id": incident,
        "recap_id": _recap(session, derogation),
        "document_id": document,
        "message_id": _message(session, document),
        "token_id": _token.id,
        "session_id": db.new_id(),
        "person_id": ALICE.id,
        **_office(session),
    }


def _explantation(session: Session, definition: UUID, **ids: UUID) -> UUID:
    """Implant a unit, take it out again, and return the id of that."""
    unit = make_unit(session, definition, lot_number="B4")
    use_id = make_use(session, unit.id, **ids)
    session.flush()  # the act reads it
    return make_explantation(session, use_id)


def a_busy_day(session: Session, things: Mapping[str, Any]) -> dict[str, object]:
    """Let things happen to what ``one_of_everything`` made, and return what came of them by its state.

    Boxes are received, put in quarantine and delivered, the incident is reported and acknowledged, a request is given
    to the operator, a count has a difference. Names are as long as labels and companies make them.
    """
    reception_id = things["reception_id"]
    boxes = [_box(session, reception_id, f"]d201{GTIN}17{day}10{_LONG_LOT}") for day in ("280131", "280131", "290131")]
    released, delivered, quarantined = (str(line.unit_number) for line in boxes)
    to = Handover(THEATRE, "Dr Charlie Test", "Dora Test")
    delivery.deliver_scanned(session, db.new_id(), raw=delivered, to=to, actor=ALICE, now=NOW, today=TODAY)
    counts.count_unit(session, things["count_id"], raw=released, actor=ALICE, now=NOW, today=TODAY)
    maker = make_manufacturer(session, _LONG_NAME)
    other = make_definition(session, reference=_LONG_REFERENCE, udi_di=None, manufacturer_id=maker)
    make_unit(session, other, lot_number=None, serial_number="S" * 20, expiration_date=TODAY)
    given = make_given(session, kind=DerogationKind.PARTIAL_REVISION, manufacturer_id=maker)
    _report(session, things)
    used = devices.get_unit_by_id(session, session.get_one(DeviceUse, things["use_id"]).device_id)
    units = {"released": released, "delivered": delivered, "quarantined": quarantined, "used": used.number}
    explanted = _explanted(session, things)
    reversed_ = _reversed(session, things)
    return {**units, "given": given, "explanted": explanted, **_corrected(session, things), **reversed_}


def _reversed(session: Session, things: Mapping[str, Any]) -> dict[str, object]:
    """Record that two units were opened, correct the reason of one, take the other back; take an explantation back."""
    units = [make_unit(session, things["definition_id"], lot_number="E6") for _one in range(2)]
    wrong, back = (make_failure(session, unit.number) for unit in units)
    act = {"why": "entered for the unit beside it", "now": NOW, "today": TODAY}
    new = NewFailure("", TODAY, Stage.OPENED, FailureCause.DROPPED, CHARLIE.id, THEATRE)
    right = reversals.amend_failure(session, db.new_id(), failure_id=wrong, new=new, actor=CHARLIE, **act)
    to = Whereabouts.CHECK
    reversals.withdraw_failure(session, db.new_id(), failure_id=back, whereabouts=to, actor=ALICE, **act)
    ids = {"patient_id": things["patient_id"], "derogation_id": things["derogation_id"]}
    gone = _explantation(session, things["definition_id"], **ids)
    carried = session.get_one(Explantation, gone).use_id
    reversals.withdraw_explantation(
        session, db.new_id(), explantation_id=gone, why="it is still in place", actor=ALICE, now=NOW
    )
    return {"wrong_failure": wrong, "right_failure": right.id, "failure_back": back, "carried": carried}


def _corrected(session: Session, things: Mapping[str, Any]) -> dict[str, object]:
    """Implant two units, correct the side of one, take the other back, and return the ids of the three records."""
    ids = {"patient_id": things["patient_id"], "derogation_id": things["derogation_id"]}
    units = [make_unit(session, things["definition_id"], lot_number="D5") for _one in range(2)]
    amended, withdrawn = (make_use(session, unit.id, **ids) for unit in units)
    new = Amendment(TODAY, CHARLIE.id, THEATRE, Side.RIGHT, Intervention.PARTIAL_REVISION, "SCORE knee", "worn insert")
    act = {"why": "entered for the unit beside it", "now": NOW, "today": TODAY}
    right = corrections.amend_use(session, db.new_id(), use_id=amended, new=new, actor=CHARLIE, **act)
    to = Whereabouts.CHECK
    corrections.withdraw_use(session, db.new_id(), use_id=withdrawn, whereabouts=to, actor=ALICE, **act)
    return {"amended": amended, "right": right.id, "withdrawn": withdrawn}


def _explanted(session: Session, things: Mapping[str, Any]) -> UUID:
    """Implant a unit, take it out again, and return the id of its use."""
    unit = make_unit(session, things["definition_id"], lot_number="C4")
    ids = {"patient_id": things["patient_id"], "derogation_id": things["derogation_id"]}
    use_id = make_use(session, unit.id, **ids)
    make_explantation(session, use_id, note="moved by two millimetres")
    return use_id


def _box(session: Session, reception_id: UUID, raw: str) -> LineView:
    box = Box(scan(raw, reference_date=TODAY), EntryMethod.SCANNED)
    (line,) = bench.receive(session, db.new_id(), reception_id=reception_id, box=box, actor=ALICE, now=NOW, today=TODAY)
    return line


def _report(session: Session, things: Mapping[str, Any]) -> None:
    """Send the two reports of the incident, and record that ANSM received its own."""
    incident_id, ansm = things["incident_id"], "materiovigilance@ansm.test"
    part = CorrespondentPart(Basis.MANDATORY, "Device under a derogation.")
    vigilance.transmit(session, incident_id, part=part, ansm_address=ansm, actor=BOB, now=NOW, today=TODAY)
    sent = update(Message).where(Message.id != things["message_id"])
    session.execute(sent.values(state=MessageState.SENT, finished_at=NOW))
    event = NewEvent(incident_id, EventFacts(EventKind.ACKNOWLEDGED, TODAY, ReportRecipient.ANSM, "R2612345"))
    followups.record_event(session, db.new_id(), new=event, actor=BOB, now=NOW, today=TODAY)


def _office(session: Session) -> dict[str, object]:
    """Write one of everything that needs no unit and no patient."""
    reception = db.new_id()
    session.add(
        Reception(
            id=reception,
            establishment_id=HOSPITAL_A,
            supplier="Amplitude",
            delivery_note="BL-1",
            order_number="",
            note="",
            opened_at=NOW,
            opened_by_id=ALICE.id,
            opened_by_name=ALICE.display_name,
        )
    )
    roll = Layout(Paper.ROLL, 50, 30)
    workstation = workstations.create_workstation(session, db.new_id(), name="Alice 1", actor=ALICE, now=NOW)
    list_id, page = db.new_id(), NewPublication("list.html", lists.as_html([lists.VALVES]).encode(), TODAY)
    publications.receive(session, list_id, new=page, actor=ALICE, now=NOW, today=TODAY)
    session.flush()  # the box belongs to the delivery
    return {
        "publication_id": list_id,
        "line_id": list_lines(session, list_id)[0].line.id,
        "reception_id": reception,
        "box_id": _box(session, reception, "nothing known").id,
        "request_id": make_request(session),
        "format_id": labels.add_format(session, db.new_id(), name="Roll 1", layout=roll, actor=ALICE, now=NOW).id,
        "ward_id": THEATRE,
        "recipient_id": UUID(int=THEATRE.int + 1),
        "workstation_id": workstation.id,
        "item_id": _aside(session),
        "position": 0,
        "code": "fr",
        "key": "score",
    }
