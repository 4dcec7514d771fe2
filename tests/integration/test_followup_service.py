"""The follow-up of incidents on PostgreSQL: what came back, complements, closing, late acknowledgements."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.bench import actions, count
from tests.hospital import ALICE, BOB, CHARLIE, ERIC, GUY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
from tests.integration.test_vigilance_service import ANSM, FORBIDDEN, PART, Case, declare, everything_in, new, transmit
from tracker import db
from tracker.actor import Actor, system_actor
from tracker.alerts import service as alerts
from tracker.documents import queries as documents
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.errors import NotPermitted, RequestIdReused
from tracker.followups import queries, service
from tracker.followups.models import IncidentEvent
from tracker.followups.rules import (
    AnsmReferenceMissing,
    EventFacts,
    EventInvalid,
    EventKind,
    IncidentClosed,
    NotTransmitted,
)
from tracker.followups.service import ComplementEmpty, NewComplement, NewEvent
from tracker.organisation import service as organisation
from tracker.organisation.rules import RecipientPurpose
from tracker.outbox import queries as outbox
from tracker.outbox.models import Message
from tracker.outbox.rules import MessageKind, MessageState
from tracker.outbox.transport import compose
from tracker.vigilance import queries as vigilance
from tracker.vigilance.models import IncidentReport
from tracker.vigilance.queries import IncidentNotFound
from tracker.vigilance.rules import Basis, CorrespondentPart, DevicePlace, IdentityInText, ReportRecipient

RECEIPT = EventFacts(EventKind.ACKNOWLEDGED, TODAY, ReportRecipient.ANSM, "R2612345")
MADE = replace(RECEIPT, recipient=ReportRecipient.MANUFACTURER, reference="")
CLOSING = EventFacts(EventKind.CLOSED, TODAY, text="Impaction outside the instructions.")
WORDS = CorrespondentPart(Basis.MANDATORY, "L'insert est parti en expertise.")


@pytest.fixture
def incident_id(session: Session) -> UUID:
    """An incident whose two reports have left."""
    incident = declare(session, new(Case(session).implanted))
    transmit(session, incident)
    session.execute(update(Message).values(state=MessageState.SENT, finished_at=NOW))
    return incident.id


def record(
    session: Session,
    incident_id: UUID,
    facts: EventFacts,
    *,
    id_: UUID | None = None,
    actor: Actor = BOB,
    **more: object,
) -> IncidentEvent:
    event = NewEvent(incident_id, facts, **more)
    return service.record_event(session, id_ or db.new_id(), new=event, actor=actor, now=NOW, today=TODAY)


def complement(
    session: Session, incident_id: UUID, *, id_: UUID | None = None, part: CorrespondentPart = WORDS, actor: Actor = BOB
) -> tuple[IncidentReport, ...]:
    wanted = NewComplement(incident_id, part)
    return service.send_complement(
        session, id_ or db.new_id(), new=wanted, ansm_address=ANSM, actor=actor, now=NOW, today=TODAY
    )


def late(session: Session, *, days: int) -> list[str]:
    found = queries.list_late(session, sent_before=NOW + timedelta(days=days) - timedelta(days=15), limit=9)
    return [report.recipient.value for report in found]


def test_an_acknowledgement_is_kept_with_its_letter_once(session: Session, incident_id: UUID) -> None:
    letter = NewFile(DocumentKind.INCIDENT_LETTER, "", "ar.pdf", b"%PDF-1.7 receipt", has_patient_data=True)
    event = record(session, incident_id, RECEIPT, document=letter)
    before = actions(session)

    again = record(session, incident_id, RECEIPT, id_=event.id, document=letter)

    assert again.id == event.id
    assert actions(session) == before
    assert before[-1] == "incident:acknowledged"
    assert documents.read_content(session, event.document_id or event.id) == b"%PDF-1.7 receipt"
    assert service.progress(session, incident_id).references == {ReportRecipient.ANSM: "R2612345"}
    with pytest.raises(RequestIdReused):
        record(session, incident_id, CLOSING, id_=event.id)


def test_what_is_recorded_is_sealed_and_cannot_be_rewritten(session: Session, incident_id: UUID) -> None:
    event = record(session, incident_id, CLOSING)

    assert b"Impaction" not in event.sealed_text
    assert queries.list_events(session, incident_id)[0].text == CLOSING.text
    event.reference = "another"
    with pytest.raises(DBAPIError, match="permission denied"), session.begin_nested():
        session.flush()


@pytest.mark.parametrize("actor", [ALICE, CHARLIE, ERIC])
def test_only_the_vigilance_officer_records_and_sends(session: Session, incident_id: UUID, actor: Actor) -> None:
    with pytest.raises(NotPermitted):
        record(session, incident_id, RECEIPT, actor=actor)
    with pytest.raises(NotPermitted):
        complement(session, incident_id, actor=actor)


def test_a_refused_step_writes_nothing(session: Session, incident_id: UUID) -> None:
    before = actions(session)

    with pytest.raises(EventInvalid):
        record(session, incident_id, replace(RECEIPT, reference=""))

    assert count(session, IncidentEvent) == 0
    assert actions(session) == before


def test_an_incident_that_was_not_sent_cannot_be_acknowledged(session: Session) -> None:
    incident = declare(session, new(Case(session).implanted))

    with pytest.raises(NotTransmitted):
        record(session, incident.id, RECEIPT)
    with pytest.raises(NotTransmitted):
        complement(session, incident.id)


def test_another_hospital_finds_no_incident(session: Session, incident_id: UUID) -> None:
    enter(session, HOSPITAL_B)
    session.expunge_all()
    stranger = replace(GUY, permissions=BOB.permissions)

    with pytest.raises(IncidentNotFound):
        record(session, incident_id, RECEIPT, actor=stranger)
    with pytest.raises(IncidentNotFound):
        complement(session, incident_id, actor=stranger)


def complement_mail(session: Session, report: IncidentReport) -> str:
    message = session.get_one(Message, report.message_id)
    return everything_in(compose(outbox.get_letter(session, message, sender="trace59@hospital-1.test")))


def test_a_complement_refers_to_ansm_says_where_the_device_is_and_keeps_each_recipients_maximum(
    session: Session, incident_id: UUID
) -> None:
    record(session, incident_id, RECEIPT)
    place = EventFacts(EventKind.DEVICE_PLACED, TODAY, device_place=DevicePlace.RETURNED, is_device_kept=False)
    record(session, incident_id, place)

    ansm, manufacturer = complement(session, incident_id)

    assert (ansm.follow_up, manufacturer.follow_up) == (1, 1)
    to_ansm, to_maker = complement_mail(session, ansm), complement_mail(session, manufacturer)
    for said in ("R2612345", "complément n° 1", "retourné au fabricant", "parti en expertise"):
        assert said in to_ansm
    assert "R2612345" not in to_maker
    assert [word for word in FORBIDDEN if word in to_maker.upper()] == []
    assert "MAR" in to_ansm
    assert actions(session)[-1] == "incident:complemented"


def test_the_same_complement_again_sends_nothing_and_the_next_one_has_the_next_number(
    session: Session, incident_id: UUID
) -> None:
    record(session, incident_id, RECEIPT)
    first_id = db.new_id()

    first = complement(session, incident_id, id_=first_id)
    again = complement(session, incident_id, id_=first_id)
    second = complement(session, incident_id)

    assert [report.id for report in again] == [report.id for report in first]
    assert {report.follow_up for report in second} == {2}
    assert count(session, Message) == 6
    assert len({report.document_id for report in (*first, *second)}) == 4


def test_a_complement_without_ansms_reference_or_words_or_that_names_the_patient_is_refused(
    session: Session, incident_id: UUID
) -> None:
    with pytest.raises(AnsmReferenceMissing):
        complement(session, incident_id)
    record(session, incident_id, RECEIPT)
    with pytest.raises(ComplementEmpty):
        complement(session, incident_id, part=replace(WORDS, comments=" "))
    with pytest.raises(IdentityInText):
        complement(session, incident_id, part=replace(WORDS, comments="Mme Martin-Bréant va bien."))

    assert count(session, Message) == 2


def test_a_waiting_complement_does_not_undo_the_first_report(session: Session, incident_id: UUID) -> None:
    record(session, incident_id, RECEIPT)
    complement(session, incident_id)

    record(session, incident_id, MADE)

    assert queries.first_state(vigilance.get_dossier(session, incident_id, known_at=NOW)).value == "transmitted"


def test_a_closed_incident_sends_no_complement_until_it_is_opened_again(session: Session, incident_id: UUID) -> None:
    record(session, incident_id, RECEIPT)
    record(session, incident_id, CLOSING)
    with pytest.raises(IncidentClosed):
        complement(session, incident_id)

    record(session, incident_id, EventFacts(EventKind.REOPENED, TODAY, text="Second case."))

    assert complement(session, incident_id)


def test_a_report_is_late_after_its_days_until_somebody_answers_or_the_incident_is_closed(
    session: Session, incident_id: UUID
) -> None:
    assert late(session, days=15) == []
    assert late(session, days=16) == ["ansm", "manufacturer"]

    record(session, incident_id, RECEIPT)
    assert late(session, days=16) == ["manufacturer"]
    record(session, incident_id, CLOSING)
    assert late(session, days=16) == []


def test_a_late_acknowledgement_is_warned_of_once_by_mail_without_naming_the_patient(
    session: Session, incident_id: UUID
) -> None:
    def sweep() -> int:
        return alerts.warn_of_late_acknowledgements(
            session,
            days=15,
            public_url="https://trace59.test",
            actor=system_actor(HOSPITAL_A),
            now=NOW + timedelta(days=16),
        )

    found = [sweep() for _run in range(3)]

    mails = session.scalars(select(Message).where(Message.kind == MessageKind.VIGILANCE_WARNING)).all()
    assert found == [2, 2, 2]
    assert [mail.recipient for mail in mails] == ["bob@hospital.test"] * 2
    assert all("INC-" in mail.subject and "MARTIN" not in mail.body.upper() for mail in mails)


def test_the_hospitals_own_recipients_get_a_copy_of_what_the_manufacturer_gets(session: Session) -> None:
    organisation.add_recipient(
        session,
        db.new_id(),
        purpose=RecipientPurpose.INCIDENT_COPY,
        email="direction@hospital-1.test",
        actor=ERIC,
        now=NOW,
    )
    transmit(session, declare(session, new(Case(session).implanted)), part=PART)

    message = session.scalars(select(Message).where(Message.kind == MessageKind.INCIDENT_COPY)).one()
    said = everything_in(compose(outbox.get_letter(session, message, sender="trace59@hospital-1.test")))
    assert message.recipient == "direction@hospital-1.test"
    assert "fabricant.pdf" in said
    assert [word for word in FORBIDDEN if word in said.upper()] == []
