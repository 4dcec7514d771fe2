"""Incidents on PostgreSQL: declared once, the lot held at once, both reports or neither, no identity told."""

import io
from dataclasses import replace
from datetime import date, timedelta
from email.message import EmailMessage
from uuid import UUID

import pytest
from pypdf import PdfReader
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from tests.care import MARIE, make_patient, make_use
from tests.hospital import ALICE, BOB, CHARLIE, DORA, ERIC, FANNY, GUY, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import make_definition, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.actor import Actor
from tracker.audit.models import AuditEntry
from tracker.candidates.queries import Probe, find_candidates
from tracker.catalogue.models import Manufacturer
from tracker.catalogue.rules import DeviceKind
from tracker.devices import queries as devices
from tracker.devices.models import Hold
from tracker.devices.queries import UnitNotFound, UnitView
from tracker.documents import queries as documents
from tracker.documents.models import Document, DocumentKind
from tracker.errors import NotPermitted, RequestIdReused
from tracker.lots.models import LotHold
from tracker.outbox import queries as outbox
from tracker.outbox.models import Message
from tracker.outbox.rules import MessageKind
from tracker.outbox.transport import compose
from tracker.patients.models import Patient
from tracker.patients.queries import PatientNotFound
from tracker.patients.rules import traits_to_json
from tracker.vigilance import queries, rules, service
from tracker.vigilance.models import Incident, IncidentReport
from tracker.vigilance.queries import IncidentNotFound
from tracker.vigilance.rules import (
    Basis,
    Consequence,
    CorrespondentPart,
    DevicePlace,
    IdentityInText,
    IncidentFacts,
    IncidentInvalid,
    IncidentState,
    Narrative,
    PatientDiffers,
    ReportRecipient,
)
from tracker.vigilance.service import NewIncident

ANSM = "materiovigilance@ansm.test"
FACTS = IncidentFacts(
    occurred_on=TODAY,
    detected_on=TODAY,
    place="Bloc opératoire",
    consequences=(Consequence.INTERVENTION,),
    narrative=Narrative(
        description="L'insert s'est fissuré à l'impaction.",
        clinical="Reprise immédiate",
        measures="Lot isolé",
        weight_kg="71.5",
    ),
    device_place=DevicePlace.PHARMACY,
    is_device_kept=True,
)
PART = CorrespondentPart(Basis.MANDATORY, "Dispositif sous dérogation.")
FORBIDDEN = ("MARTIN", "BRÉANT", "BREANT", "MARIE", "JOSÈPHE", "JOSEPHE", MARIE.ipp, "1956", "71,5", "71.5")


class Case:
    """A knee insert implanted in Marie, two more of its lot on the shelf, and one of another lot."""

    def __init__(self, session: Session) -> None:
        manufacturer = make_manufacturer(session)
        self.definition_id = make_definition(session, manufacturer_id=manufacturer)
        self.derogation_id = make_derogation(session, manufacturer)
        self.implanted = make_unit(session, self.definition_id)
        self.shelf = [make_unit(session, self.definition_id) for _ in range(2)]
        self.other_lot = make_unit(session, self.definition_id, lot_number="B2")
        self.patient_id = make_patient(session)
        self.use_id = make_use(session, self.implanted.id, patient_id=self.patient_id, derogation_id=self.derogation_id)
        self.manufacturer_id = manufacturer


@pytest.fixture
def case(session: Session) -> Case:
    return Case(session)


def new(unit: UnitView, facts: IncidentFacts = FACTS, patient_id: UUID | None = None) -> NewIncident:
    return NewIncident(unit.number, patient_id, facts)


def declare(session: Session, declaration: NewIncident, *, actor: Actor = CHARLIE, id_: UUID | None = None) -> Incident:
    return service.declare(session, id_ or db.new_id(), new=declaration, actor=actor, now=NOW, today=TODAY)


def transmit(
    session: Session, incident: Incident, *, part: CorrespondentPart = PART, actor: Actor = BOB
) -> tuple[IncidentReport, ...]:
    return service.transmit(session, incident.id, part=part, ansm_address=ANSM, actor=actor, now=NOW, today=TODAY)


def count(session: Session, table: type[Incident | Hold | LotHold | Message | IncidentReport | Document]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def actions(session: Session, subject: str) -> list[str]:
    statement = select(AuditEntry.action).where(AuditEntry.subject == subject).order_by(AuditEntry.sequence)
    return list(session.scalars(statement))


def email_of(session: Session, kind: MessageKind) -> EmailMessage:
    message = session.scalars(select(Message).where(Message.kind == kind)).one()
    return compose(outbox.get_letter(session, message, sender="trace59@hospital-1.test"))


def everything_in(email: EmailMessage) -> str:
    """Return all that the recipient can read: headers, text, file names, the text and the metadata of the PDFs."""
    body = email.get_body()
    parts = [*(f"{name}: {value}" for name, value in email.items()), body.get_content() if body else ""]
    for file in email.iter_attachments():
        reader = PdfReader(io.BytesIO(file.get_content()))
        parts += [file.get_filename() or "", str(reader.metadata), *(page.extract_text() for page in reader.pages)]
    return "\n".join(parts).replace("\u00a0", " ").replace("\u202f", " ")


def test_a_declared_incident_names_its_unit_its_use_and_its_patient(session: Session, case: Case) -> None:
    incident = declare(session, new(case.implanted))

    assert (incident.device_id, incident.use_id, incident.patient_id) == (
        case.implanted.id,
        case.use_id,
        case.patient_id,
    )
    assert incident.declared_by_name == CHARLIE.display_name
    assert actions(session, f"incident:{incident.id}") == ["incident:declared"]


def test_what_people_wrote_is_sealed(session: Session, case: Case) -> None:
    incident = declare(session, new(case.implanted))

    assert "fissuré".encode() not in incident.sealed_narrative
    assert queries.read_narrative(session, incident) == FACTS.narrative


def test_the_whole_lot_is_held_at_once_and_no_other(session: Session, case: Case) -> None:
    declare(session, new(case.implanted))

    held = [devices.get_unit_by_id(session, unit.id).holds for unit in [*case.shelf, case.other_lot, case.implanted]]
    assert [len(holds) for holds in held] == [1, 1, 0, 0]
    assert held[0][0].reason.startswith("incident INC-")
    probe = Probe(reference=case.implanted.definition.reference, lot_number="A1")
    assert find_candidates(session, [probe])[0][0].lot_hold_cause


def test_a_unit_without_lot_is_held_alone(session: Session, case: Case) -> None:
    loose = make_unit(session, case.definition_id, lot_number=None)

    declare(session, new(loose))

    assert len(devices.get_unit_by_id(session, loose.id).holds) == 1
    assert devices.get_unit_by_id(session, case.shelf[0].id).holds == ()
    assert count(session, LotHold) == 0


def test_the_same_request_is_the_same_incident(session: Session, case: Case) -> None:
    request_id = db.new_id()

    first = declare(session, new(case.implanted), id_=request_id)
    second = declare(session, new(case.implanted), id_=request_id)

    assert first.id == second.id
    assert count(session, Incident) == 1
    assert count(session, LotHold) == 1
    assert actions(session, f"incident:{request_id}") == ["incident:declared"]


def test_the_same_request_with_another_content_is_refused(session: Session, case: Case) -> None:
    request_id = db.new_id()
    declare(session, new(case.implanted), id_=request_id)

    with pytest.raises(RequestIdReused):
        declare(session, new(case.shelf[0]), id_=request_id)


def test_an_incident_before_use_may_name_a_patient(session: Session, case: Case) -> None:
    incident = declare(session, new(case.shelf[0], patient_id=case.patient_id))

    assert incident.use_id is None
    assert incident.patient_id == case.patient_id


def test_the_use_log_names_the_patient_and_nobody_else(session: Session, case: Case) -> None:
    other = make_patient(session, replace(MARIE, ipp="9", family_name="DURAND"))

    with pytest.raises(PatientDiffers):
        declare(session, new(case.implanted, patient_id=other))

    assert count(session, Incident) == 0


@pytest.mark.parametrize("field", ["place", "description", "clinical", "outcome", "measures", "informed"])
def test_a_text_that_names_the_patient_is_refused_at_its_field(session: Session, case: Case, field: str) -> None:
    sentence = "Mme Martin-Bréant a été réopérée."
    facts = (
        replace(FACTS, place=sentence)
        if field == "place"
        else replace(FACTS, narrative=replace(FACTS.narrative, **{field: sentence}))
    )

    with pytest.raises(IdentityInText) as raised:
        declare(session, new(case.implanted, facts))

    assert set(raised.value.fields) == {field}
    assert count(session, Incident) == 0
    assert count(session, LotHold) == 0


def test_an_incomplete_declaration_writes_nothing(session: Session, case: Case) -> None:
    with pytest.raises(IncidentInvalid):
        declare(session, new(case.implanted, replace(FACTS, detected_on=TODAY + timedelta(days=1))))

    assert count(session, Incident) == 0
    assert count(session, Hold) == 0


def test_an_unknown_unit_or_patient_is_told(session: Session, case: Case) -> None:
    with pytest.raises(UnitNotFound):
        declare(session, NewIncident("T590000000999", None, FACTS))
    with pytest.raises(PatientNotFound):
        declare(session, new(case.shelf[0], patient_id=UUID(int=1)))


@pytest.mark.parametrize("actor", [CHARLIE, DORA, ALICE, BOB])
def test_whoever_sees_an_incident_may_declare_it(session: Session, case: Case, actor: Actor) -> None:
    assert declare(session, new(case.implanted), actor=actor).declared_by_id == actor.id


@pytest.mark.parametrize("actor", [ERIC, FANNY])
def test_administrator_and_auditor_may_not_declare(session: Session, case: Case, actor: Actor) -> None:
    with pytest.raises(NotPermitted):
        declare(session, new(case.implanted), actor=actor)


def test_both_reports_are_frozen_and_queued(session: Session, case: Case) -> None:
    incident = declare(session, new(case.implanted))

    reports = transmit(session, incident)

    assert {report.recipient for report in reports} == set(ReportRecipient)
    assert count(session, Message) == 2
    recipients = set(session.scalars(select(Message.recipient)))
    assert recipients == {ANSM, "vigilance@maker.test"}
    kinds = {documents.get_document(session, report.document_id).kind for report in reports}
    assert kinds == {DocumentKind.REPORT_ANSM, DocumentKind.REPORT_MANUFACTURER}
    assert queries.get_dossier(session, incident.id, known_at=NOW).state is IncidentState.SENDING
    assert actions(session, f"incident:{incident.id}") == ["incident:declared", "incident:transmitted"]


def test_the_manufacturer_learns_nothing_of_the_patient(session: Session, case: Case) -> None:
    incident = declare(session, new(case.implanted))

    transmit(session, incident)

    read = everything_in(email_of(session, MessageKind.REPORT_MANUFACTURER)).upper()
    assert [word for word in FORBIDDEN if word.upper() in read] == []
    assert str(case.patient_id).upper() not in read
    assert "CHARLIE" not in read
    for expected in (rules.case_number(incident.number), "1-020163C", "A1", "DM-2025-001", "FISSURÉ", "BOB TEST"):
        assert expected in read


def test_ansm_gets_three_letters_sex_birth_date_and_weight_and_no_more(session: Session, case: Case) -> None:
    incident = declare(session, new(case.implanted))

    transmit(session, incident)

    read = everything_in(email_of(session, MessageKind.REPORT_ANSM))
    for forbidden in ("MARTIN", "MART", "BRÉANT", "Marie", "Josèphe", MARIE.ipp, str(case.patient_id)):
        assert forbidden.upper() not in read.upper()
    for expected in ("MAR", "féminin", "12 mars 1956", "71,5", "Charlie Test", rules.case_number(incident.number)):
        assert expected in read


def test_subjects_and_file_names_say_nothing_of_the_patient(session: Session, case: Case) -> None:
    transmit(session, declare(session, new(case.implanted)))

    for kind in (MessageKind.REPORT_ANSM, MessageKind.REPORT_MANUFACTURER):
        email = email_of(session, kind)
        outside = f"{email['Subject']} {[file.get_filename() for file in email.iter_attachments()]}".upper()
        assert [word for word in (*FORBIDDEN, "MAR") if word.upper() in outside.replace("MARQUAGE", "")] == []


def test_only_the_rendition_for_ansm_is_marked_as_patient_data(session: Session, case: Case) -> None:
    transmit(session, declare(session, new(case.implanted)))

    marks = {document.kind: document.has_patient_data for document in session.scalars(select(Document))}
    assert marks == {DocumentKind.REPORT_ANSM: True, DocumentKind.REPORT_MANUFACTURER: False}


def test_an_incident_without_patient_says_so_to_ansm(session: Session, case: Case) -> None:
    transmit(session, declare(session, new(case.shelf[0])))

    assert "Aucun patient n’est concerné" in everything_in(email_of(session, MessageKind.REPORT_ANSM))


def test_an_incident_without_any_known_derogation_is_reported_all_the_same(session: Session) -> None:
    lonely = make_unit(session, make_definition(session, reference="X-1", udi_di=None))

    transmit(session, declare(session, new(lonely)))

    assert "Aucune dérogation de l’ANSM" in everything_in(email_of(session, MessageKind.REPORT_ANSM))


def test_a_second_transmission_sends_nothing_more(session: Session, case: Case) -> None:
    incident = declare(session, new(case.implanted))
    first = transmit(session, incident)

    second = transmit(session, incident, part=CorrespondentPart(Basis.OPTIONAL))

    assert {report.id for report in first} == {report.id for report in second}
    assert count(session, Message) == 2
    assert count(session, Document) == 2


def test_without_the_manufacturers_address_nothing_is_sent_to_anybody(session: Session, case: Case) -> None:
    incident = declare(session, new(case.implanted))
    manufacturer = session.get(Manufacturer, case.manufacturer_id)
    assert manufacturer is not None
    manufacturer.vigilance_email = ""
    session.flush()

    with pytest.raises(rules.ManufacturerAddressMissing) as raised:
        transmit(session, incident)

    assert "Amplitude" in str(raised.value)
    assert "catalogue" in raised.value.next_step
    assert (count(session, Message), count(session, IncidentReport), count(session, Document)) == (0, 0, 0)


def test_a_comment_that_names_the_patient_is_refused(session: Session, case: Case) -> None:
    incident = declare(session, new(case.implanted))

    with pytest.raises(IdentityInText) as raised:
        transmit(session, incident, part=CorrespondentPart(Basis.MANDATORY, "Marie va bien"))

    assert set(raised.value.fields) == {"comments"}
    assert count(session, Message) == 0


def test_a_patient_whose_name_was_corrected_since_is_looked_for_again(session: Session, case: Case) -> None:
    incident = declare(session, new(case.implanted, replace(FACTS, place="Unité Delaunay")))
    patient = session.get(Patient, case.patient_id)
    assert patient is not None
    corrected = traits_to_json(replace(MARIE, family_name="DELAUNAY"))
    patient.sealed_traits = db.keyring(session).seal(corrected, context=f"patient.traits:{case.patient_id}")
    session.flush()

    with pytest.raises(IdentityInText) as raised:
        transmit(session, incident)

    assert set(raised.value.fields) == {"incident.place"}
    assert (count(session, Message), count(session, Document)) == (0, 0)


@pytest.mark.parametrize("actor", [ALICE, CHARLIE, DORA, ERIC, FANNY])
def test_only_the_vigilance_officer_transmits(session: Session, case: Case, actor: Actor) -> None:
    incident = declare(session, new(case.implanted))

    with pytest.raises(NotPermitted):
        transmit(session, incident, actor=actor)

    assert count(session, Message) == 0


def test_another_hospital_sees_no_incident(session: Session, case: Case) -> None:
    incident = declare(session, new(case.implanted))
    enter(session, HOSPITAL_B)
    session.expunge_all()

    assert queries.list_incidents(session) == []
    with pytest.raises(IncidentNotFound):
        queries.get_dossier(session, incident.id, known_at=NOW)


@pytest.mark.parametrize(
    "statement",
    ["update incident set place = ''", "delete from incident", "update incident_report set made_by_name = ''"],
)
def test_a_declared_incident_and_its_reports_cannot_be_rewritten(session: Session, case: Case, statement: str) -> None:
    transmit(session, declare(session, new(case.implanted)))

    with pytest.raises(ProgrammingError, match="permission denied"):
        session.execute(text(statement))


def test_the_list_shows_newest_first_and_how_far_each_is(session: Session, case: Case) -> None:
    older = declare(session, new(case.implanted))
    newer = declare(session, new(case.shelf[0]))
    transmit(session, older)

    lines = queries.list_incidents(session)

    assert [(line.incident.id, line.state) for line in lines] == [
        (newer.id, IncidentState.DECLARED),
        (older.id, IncidentState.SENDING),
    ]
    assert [line.incident.id for line in queries.list_incidents(session, before=newer.number)] == [older.id]
    assert queries.count_untransmitted(session) == 1


def test_who_declared_sees_what_became_of_it_and_nobody_elses(session: Session, case: Case) -> None:
    incident = declare(session, new(case.implanted), actor=CHARLIE)

    assert queries.get_own_incident(session, incident.id, person_id=CHARLIE.id).state is IncidentState.DECLARED
    with pytest.raises(IncidentNotFound):
        queries.get_own_incident(session, incident.id, person_id=DORA.id)


def test_the_incidents_of_one_unit_are_found(session: Session, case: Case) -> None:
    incident = declare(session, new(case.implanted))
    declare(session, new(case.shelf[0]))

    assert [line.incident.id for line in queries.list_incidents_of(session, case.implanted.id)] == [incident.id]


def test_an_actor_of_another_hospital_declares_nothing_here(session: Session, case: Case) -> None:
    enter(session, HOSPITAL_B)
    session.expunge_all()

    with pytest.raises(UnitNotFound):
        declare(session, new(case.implanted), actor=GUY)


def test_incidents_are_counted_by_the_month_in_which_they_happened(session: Session, case: Case) -> None:
    for occurred_on in (date(2025, 3, 31), date(2026, 2, 1), date(2026, 2, 28), TODAY):
        declare(session, new(case.shelf[0], replace(FACTS, occurred_on=occurred_on)))

    counts = queries.count_by_month(session, since=date(2025, 4, 1))

    assert counts == {date(2026, 2, 1): 2, date(2026, 3, 1): 1}


def test_an_incident_with_a_diagnostic_is_told_as_reactovigilance(session: Session) -> None:
    kit = make_definition(session, reference="IVD-1", udi_di=None, kind=DeviceKind.IVD)
    incident = declare(session, new(make_unit(session, kit)))

    reports = transmit(session, incident)

    (to_ansm, to_maker) = [session.get_one(Message, report.message_id) for report in reports]
    for message in (to_ansm, to_maker):
        assert message.subject.startswith("Réactovigilance")
        assert "2017/746, article 54" in message.body
    assert "L. 5222-3" in to_ansm.body
