"""An incident told over a real mail server on loopback: what arrives, what must not, and what is never lost."""

import io
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from uuid import UUID

import pytest
from pypdf import PdfReader
from sqlalchemy import text

from tests.care import MARIE, make_patient, make_use
from tests.hospital import BOB, CHARLIE, HOSPITAL_A, NOW, TODAY
from tests.mail_server import Behaviour, MailServer, running_mail_server
from tests.stock import make_definition, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.db import Database, transaction
from tracker.outbox import jobs
from tracker.outbox import queries as outbox
from tracker.outbox import service as outbox_service
from tracker.outbox.rules import MessageState
from tracker.outbox.transport import SmtpTransport
from tracker.vigilance import queries, service
from tracker.vigilance.rules import (
    Basis,
    Consequence,
    CorrespondentPart,
    DevicePlace,
    IncidentFacts,
    IncidentState,
    Narrative,
)
from tracker.vigilance.service import NewIncident

ANSM = "materiovigilance@ansm.sante.fr"
MAKER = "vigilance@maker.test"
SENDER = "trace59@hospital-1.test"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with running_mail_server() as server:
        yield server


@pytest.fixture
def incident_id(database: Database) -> UUID:
    """Incident of a hospital that is no demonstration, transmitted and waiting in the outbox."""
    incident_id = db.new_id()
    with transaction(database, HOSPITAL_A) as session:
        session.execute(text("update establishment set is_demonstration = false"))
        manufacturer_id = make_manufacturer(session)
        unit = make_unit(session, make_definition(session, manufacturer_id=manufacturer_id))
        derogation_id = make_derogation(session, manufacturer_id)
        make_use(session, unit.id, patient_id=make_patient(session), derogation_id=derogation_id)
        facts = IncidentFacts(
            occurred_on=TODAY,
            detected_on=TODAY,
            place="Bloc opératoire",
            consequences=(Consequence.INTERVENTION,),
            narrative=Narrative(description="L'insert s'est fissuré.", weight_kg="71.5"),
            device_place=DevicePlace.PHARMACY,
            is_device_kept=True,
        )
        new = NewIncident(unit.number, None, facts)
        service.declare(session, incident_id, new=new, actor=CHARLIE, now=NOW, today=TODAY)
        service.transmit(
            session,
            incident_id,
            part=CorrespondentPart(Basis.MANDATORY),
            ansm_address=ANSM,
            actor=BOB,
            now=NOW,
            today=TODAY,
        )
    return incident_id


def deliver(database: Database, mail: MailServer, *, after: timedelta = timedelta()) -> int:
    way = SmtpTransport("127.0.0.1", mail.port, "none", command_seconds=2.0, final_seconds=0.3)
    return jobs.deliver(database, NOW + after, transport_for=lambda _: way, sender=SENDER)


def state_of(database: Database, incident_id: UUID) -> IncidentState:
    with transaction(database, HOSPITAL_A) as session:
        return queries.get_dossier(session, incident_id, known_at=NOW).state


def received(mail: MailServer, recipient: str) -> EmailMessage:
    [email] = [email for email in mail.emails() if email["To"].addresses[0].addr_spec == recipient]
    return email


def everything_in(email: EmailMessage) -> str:
    body = email.get_body()
    parts = [*(f"{name}: {value}" for name, value in email.items()), body.get_content() if body else ""]
    for file in email.iter_attachments():
        reader = PdfReader(io.BytesIO(file.get_content()))
        parts += [file.get_filename() or "", str(reader.metadata), *(page.extract_text() for page in reader.pages)]
    return "\n".join(parts).replace("\u00a0", " ").upper()


def test_both_reports_arrive_each_with_its_recipients_maximum(
    database: Database, mail: MailServer, incident_id: UUID
) -> None:
    sent = deliver(database, mail)

    assert sent == 2
    assert sorted(mail.recipients) == sorted([ANSM, MAKER])
    for_ansm, for_maker = everything_in(received(mail, ANSM)), everything_in(received(mail, MAKER))
    for trait in ("MARTIN", "BRÉANT", "BREANT", "MARIE", "JOSÈPHE", MARIE.ipp):
        assert trait not in for_ansm
        assert trait not in for_maker
    for fact in ("12 MARS 1956", "71,5"):
        assert fact in for_ansm
        assert fact not in for_maker
    for fact in ("1-020163C", "FISSURÉ", "DM-2025-001"):
        assert fact in for_ansm
        assert fact in for_maker
    assert state_of(database, incident_id) is IncidentState.TRANSMITTED


def test_nothing_of_the_patient_travels_in_the_raw_bytes_to_the_manufacturer(
    database: Database, mail: MailServer, incident_id: UUID
) -> None:
    deliver(database, mail)

    [raw] = [content for content in mail.received if f"To: {MAKER}".encode() in content]
    [file] = received(mail, MAKER).iter_attachments()
    for trait in (b"MARTIN", "BRÉANT".encode(), b"Marie", MARIE.ipp.encode(), b"1956"):
        assert trait not in raw
        assert trait not in file.get_content()


def test_a_server_that_dies_after_the_last_byte_gets_both_again_with_their_message_ids(
    database: Database, mail: MailServer, incident_id: UUID
) -> None:
    mail.behaviour = Behaviour.DIE_AFTER_DATA

    deliver(database, mail)
    waiting = state_of(database, incident_id)
    mail.behaviour = Behaviour.ACCEPT
    deliver(database, mail, after=timedelta(minutes=2))

    message_ids = [email["Message-ID"] for email in mail.emails()]
    assert waiting is IncidentState.SENDING
    assert state_of(database, incident_id) is IncidentState.TRANSMITTED
    assert sorted(message_ids) == sorted([*set(message_ids), *set(message_ids)])
    assert len(set(message_ids)) == 2


def test_a_refused_report_shows_until_it_is_told_by_other_means(
    database: Database, mail: MailServer, incident_id: UUID
) -> None:
    mail.behaviour = Behaviour.REFUSE_FOR_GOOD
    deliver(database, mail)
    refused = state_of(database, incident_id)

    with transaction(database, HOSPITAL_A) as session:
        for message in outbox.list_about(session, f"incident:{incident_id}"):
            assert message.state is MessageState.FAILED
            outbox_service.set_aside(session, message.id, actor=BOB, now=NOW)

    assert refused is IncidentState.NOT_SENT
    assert state_of(database, incident_id) is IncidentState.TRANSMITTED
