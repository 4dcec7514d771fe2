"""Actions on notices and consents, on PostgreSQL."""

from dataclasses import replace
from datetime import date, timedelta
from threading import Barrier, Thread
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from tests.care import MARIE, NOTICE, make_consent, make_notice, make_patient
from tests.hospital import ALICE, CHARLIE, DORA, GUY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import make_derogation, make_manufacturer
from tracker import db
from tracker.accounts.queries import PersonNotFound
from tracker.actor import Actor
from tracker.audit.models import AuditEntry
from tracker.consents import queries, service
from tracker.consents.models import ConsentEvent, Notice
from tracker.consents.queries import NoticeNotFound
from tracker.consents.rules import (
    ConsentEventKind,
    ConsentIncomplete,
    DerogationOfOtherPatient,
    NoConsentToWithdraw,
    NoticeOfOtherDerogation,
    SignerCapacity,
    notice_hash,
)
from tracker.consents.service import EventAlreadyRecorded, NewConsentEvent, NoticeChanged
from tracker.derogations.queries import DerogationNotFound
from tracker.derogations.rules import DerogationKind
from tracker.documents import queries as documents
from tracker.documents.models import DocumentKind
from tracker.documents.service import FileRefused, NewFile
from tracker.errors import NotPermitted
from tracker.patients.queries import PatientNotFound

PDF = b"%PDF-1.7\nsigned by Marie Martin"
PAUL = replace(MARIE, given_names="Paul", ipp="8009999999")


@pytest.fixture
def derogation_id(session: Session) -> UUID:
    return make_derogation(session, make_manufacturer(session))


@pytest.fixture
def patient_id(session: Session) -> UUID:
    return make_patient(session)


@pytest.fixture
def consent(session: Session, patient_id: UUID, derogation_id: UUID) -> NewConsentEvent:
    """A whole consent."""
    return NewConsentEvent(
        patient_id=patient_id,
        derogation_id=derogation_id,
        kind=ConsentEventKind.OBTAINED,
        at=NOW,
        notice_id=make_notice(session, derogation_id),
        informed_by_id=CHARLIE.id,
        signer_capacity=SignerCapacity.PATIENT,
        signer_name="Marie Martin",
        reason="asked for time to think",
    )


def record(
    session: Session, new: NewConsentEvent, *, event_id: UUID | None = None, actor: Actor = CHARLIE
) -> ConsentEvent:
    return service.record_event(session, event_id or db.new_id(), new=new, actor=actor, now=NOW)


def count(session: Session, table: type[db.Base]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence)))


def a_file(content: bytes = PDF) -> NewFile:
    return NewFile(DocumentKind.CONSENT, "", "form.pdf", content, has_patient_data=True)


def test_versions_of_a_notice_count_up_and_keep_their_hash(session: Session, derogation_id: UUID) -> None:
    make_notice(session, derogation_id)
    second = make_notice(session, derogation_id, texts=replace(NOTICE, risks="wear"))

    latest = queries.find_latest_notice(session, derogation_id)
    assert latest is not None
    assert (latest.id, latest.version) == (second, 2)
    assert latest.sha256 == notice_hash(queries.texts_of(latest)) == notice_hash(replace(NOTICE, risks="wear"))
    assert [notice.version for notice in queries.list_notices(session, derogation_id)] == [2, 1]
    assert actions(session)[-1] == "notice:created"


def test_no_notice_is_none(session: Session, derogation_id: UUID) -> None:
    assert queries.find_latest_notice(session, derogation_id) is None


def test_the_same_notice_twice_is_one_and_other_words_are_refused(session: Session, derogation_id: UUID) -> None:
    notice_id = make_notice(session, derogation_id)

    def again(risks: str) -> Notice:
        texts = replace(NOTICE, risks=risks)
        return service.create_notice(
            session, notice_id, derogation_id=derogation_id, texts=texts, effective_from=TODAY, actor=DORA, now=NOW
        )

    assert again(NOTICE.risks).version == 1
    assert count(session, Notice) == 1
    with pytest.raises(NoticeChanged):
        again("none at all")


def test_a_pharmacist_writes_no_notice(session: Session, derogation_id: UUID) -> None:
    with pytest.raises(NotPermitted):
        make_notice(session, derogation_id, actor=ALICE)


def test_a_notice_needs_its_derogation(session: Session) -> None:
    with pytest.raises(DerogationNotFound):
        make_notice(session, db.new_id())


def test_a_frozen_notice_cannot_be_rewritten(session: Session, derogation_id: UUID) -> None:
    notice = session.get_one(Notice, make_notice(session, derogation_id))
    notice.texts = {**notice.texts, "risks": "none"}

    with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
        session.flush()


def test_a_recorded_consent_is_read_back(session: Session, consent: NewConsentEvent) -> None:
    event = record(session, consent)

    (view,) = queries.list_events(session, consent.patient_id)
    assert view.event.id == event.id
    assert (view.signer_name, view.reason, view.notice_version) == ("Marie Martin", "asked for time to think", 1)
    assert view.event.informed_by_name == CHARLIE.display_name
    assert [fact.kind for fact in queries.list_facts(session, consent.patient_id, consent.derogation_id)] == [
        ConsentEventKind.OBTAINED
    ]


def test_what_people_wrote_is_sealed(session: Session, consent: NewConsentEvent) -> None:
    event = record(session, consent)

    assert b"Martin" not in (event.sealed_signer_name or b"Martin")
    assert b"think" not in (event.sealed_reason or b"think")


def test_a_consent_is_in_the_trail_without_names(session: Session, consent: NewConsentEvent) -> None:
    event = record(session, consent)

    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.sequence.desc()).limit(1)).one()
    assert (entry.action, entry.subject) == ("consent:recorded", f"consent_event:{event.id}")
    assert "Martin" not in str(entry.details)


def test_information_alone_keeps_no_signer(session: Session, consent: NewConsentEvent) -> None:
    event = record(
        session, replace(consent, kind=ConsentEventKind.INFORMED, signer_capacity=None, signer_name="", reason="")
    )

    assert (event.signer_capacity, event.sealed_signer_name, event.sealed_reason) == (None, None, None)


def test_a_signed_form_is_frozen_with_its_event(session: Session, consent: NewConsentEvent) -> None:
    event = record(session, replace(consent, document=a_file()))

    (document,) = documents.list_documents(session, f"consent_event:{event.id}")
    assert document.id == event.document_id
    assert document.has_patient_data
    assert documents.read_content(session, document.id) == PDF


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"%PDF-" + bytes(20 * 1024 * 1024)])
def test_a_file_that_is_not_kept_keeps_the_event_out_too(
    session: Session, consent: NewConsentEvent, content: bytes
) -> None:
    with pytest.raises(FileRefused), session.begin_nested():
        record(session, replace(consent, document=a_file(content)))

    assert count(session, ConsentEvent) == 0


def test_a_pharmacist_records_no_consent(session: Session, consent: NewConsentEvent) -> None:
    with pytest.raises(NotPermitted):
        record(session, consent, actor=ALICE)

    assert count(session, ConsentEvent) == 0


def test_an_incomplete_consent_writes_nothing(session: Session, consent: NewConsentEvent) -> None:
    before = actions(session)

    with pytest.raises(ConsentIncomplete):
        record(session, replace(consent, signer_name=""))

    assert count(session, ConsentEvent) == 0
    assert actions(session) == before


def test_the_same_form_twice_is_one_event(session: Session, consent: NewConsentEvent) -> None:
    event = record(session, consent)
    entries = actions(session)

    assert record(session, consent, event_id=event.id).id == event.id
    assert count(session, ConsentEvent) == 1
    assert actions(session) == entries


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": ConsentEventKind.REFUSED},
        {"at": NOW - timedelta(minutes=1)},
        {"signer_name": "Paul Martin"},
        {"reason": ""},
        {"informed_by_id": DORA.id},
    ],
)
def test_the_same_form_with_another_content_is_refused(
    session: Session, consent: NewConsentEvent, changes: dict[str, object]
) -> None:
    event = record(session, consent)

    with pytest.raises(EventAlreadyRecorded):
        record(session, replace(consent, **changes), event_id=event.id)  # type: ignore[arg-type] # names of fields


def test_the_notice_must_be_of_the_same_derogation(session: Session, consent: NewConsentEvent) -> None:
    other = make_derogation(session, make_manufacturer(session, "Other maker"), references=("X1",))

    with pytest.raises(NoticeOfOtherDerogation) as refused:
        record(session, replace(consent, notice_id=make_notice(session, other)))

    assert set(refused.value.fields) == {"notice_id"}
    assert count(session, ConsentEvent) == 0


def test_an_individual_derogation_takes_the_consent_of_its_patient_alone(
    session: Session, consent: NewConsentEvent
) -> None:
    paul = make_patient(session, PAUL)
    individual = make_derogation(
        session,
        make_manufacturer(session, "Third maker"),
        references=("X2",),
        kind=DerogationKind.INDIVIDUAL,
        patient_id=paul,
    )
    notice_id = make_notice(session, individual)
    new = replace(consent, derogation_id=individual, notice_id=notice_id)

    with pytest.raises(DerogationOfOtherPatient):
        record(session, new)
    assert record(session, replace(new, patient_id=paul)).patient_id == paul


def test_ids_that_name_nothing_are_told_apart(session: Session, consent: NewConsentEvent) -> None:
    faults: list[tuple[dict[str, object], type[Exception]]] = [
        ({"patient_id": db.new_id()}, PatientNotFound),
        ({"derogation_id": db.new_id()}, DerogationNotFound),
        ({"notice_id": db.new_id()}, NoticeNotFound),
        ({"informed_by_id": db.new_id()}, PersonNotFound),
    ]

    for changes, error in faults:
        with pytest.raises(error):
            record(session, replace(consent, **changes))  # type: ignore[arg-type] # names of fields

    assert count(session, ConsentEvent) == 0


def test_a_minor_does_not_consent_alone(session: Session, consent: NewConsentEvent) -> None:
    child = make_patient(session, replace(MARIE, birth_date=date(2008, 3, 3), ipp="8007777777"))
    new = replace(consent, patient_id=child, reason="")

    with pytest.raises(ConsentIncomplete):
        record(session, new)
    record(session, replace(new, signer_capacity=SignerCapacity.PARENTAL_AUTHORITY))
    assert count(session, ConsentEvent) == 1


def test_full_age_is_counted_at_the_moment_of_the_consent(session: Session, consent: NewConsentEvent) -> None:
    of_age_today = make_patient(session, replace(MARIE, birth_date=date(2008, 3, 2), ipp="8007777777"))

    record(session, replace(consent, patient_id=of_age_today, reason=""))
    assert count(session, ConsentEvent) == 1


def test_a_consent_is_withdrawn_once(session: Session, consent: NewConsentEvent) -> None:
    record(session, replace(consent, at=NOW - timedelta(hours=1)))
    withdrawal = replace(consent, kind=ConsentEventKind.WITHDRAWN, notice_id=None, informed_by_id=None)

    record(session, withdrawal)

    with pytest.raises(NoConsentToWithdraw):
        record(session, withdrawal)


def test_another_hospital_sees_nothing_and_writes_nothing(session: Session, consent: NewConsentEvent) -> None:
    record(session, consent)
    enter(session, HOSPITAL_B)
    session.expunge_all()

    assert queries.list_events(session, consent.patient_id) == []
    with pytest.raises(PatientNotFound):
        record(session, consent, actor=GUY_AS_SURGEON)


GUY_AS_SURGEON = replace(GUY, permissions=CHARLIE.permissions)


def test_two_withdrawals_at_once_withdraw_once(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        patient_id = make_patient(session)
        derogation_id = make_derogation(session, make_manufacturer(session))
        make_consent(session, patient_id, derogation_id, at=NOW - timedelta(hours=1))
    withdrawal = NewConsentEvent(
        patient_id=patient_id,
        derogation_id=derogation_id,
        kind=ConsentEventKind.WITHDRAWN,
        at=NOW,
        signer_capacity=SignerCapacity.PATIENT,
        signer_name="Marie Martin",
    )

    answers = in_two_threads(database, [(db.new_id(), withdrawal), (db.new_id(), withdrawal)])

    assert sorted(answers) == ["refused", "written"]


def test_one_form_sent_twice_at_once_is_one_event(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        patient_id = make_patient(session)
        derogation_id = make_derogation(session, make_manufacturer(session))
        notice_id = make_notice(session, derogation_id)
    new = NewConsentEvent(
        patient_id=patient_id,
        derogation_id=derogation_id,
        kind=ConsentEventKind.INFORMED,
        at=NOW,
        notice_id=notice_id,
        informed_by_id=CHARLIE.id,
    )
    event_id = db.new_id()

    answers = in_two_threads(database, [(event_id, new), (event_id, new)])

    assert answers == ["written", "written"]
    with db.transaction(database, HOSPITAL_A) as session:
        assert count(session, ConsentEvent) == 1


def test_two_notices_at_once_get_two_versions(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        derogation_id = make_derogation(session, make_manufacturer(session))
    start = Barrier(2)

    def run() -> None:
        start.wait()
        with db.transaction(database, HOSPITAL_A) as session:
            make_notice(session, derogation_id)

    threads = [Thread(target=run) for _one in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with db.transaction(database, HOSPITAL_A) as session:
        assert [notice.version for notice in queries.list_notices(session, derogation_id)] == [2, 1]


def in_two_threads(database: db.Database, forms: list[tuple[UUID, NewConsentEvent]]) -> list[str]:
    """Record two forms at once and return what became of each."""
    answers: list[str] = []
    start = Barrier(2)

    def run(event_id: UUID, new: NewConsentEvent) -> None:
        start.wait()
        try:
            with db.transaction(database, HOSPITAL_A) as session:
                record(session, new, event_id=event_id)
            answers.append("written")
        except NoConsentToWithdraw:
            answers.append("refused")

    threads = [Thread(target=run, args=form) for form in forms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
