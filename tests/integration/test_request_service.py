"""Actions on requests: done, refused, audited, repeated, two at once."""

import io
from dataclasses import replace
from datetime import date, timedelta
from threading import Barrier, Thread
from uuid import UUID

import pypdf
import pytest
from sqlalchemy import select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from tests.bench import LABEL, box, codes, count, counted, open_one, receive
from tests.care import MARIE
from tests.dossiers import make_complete, make_given, make_request
from tests.hospital import ALICE, BOB, CHARLIE, DORA, GUY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import REFERENCE, make_definition
from tracker import db
from tracker.audit.models import AuditEntry
from tracker.derogations import queries as derogations
from tracker.derogations.models import Derogation
from tracker.derogations.rules import DerogationKind, DerogationStatus
from tracker.documents import queries as documents
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.errors import NotPermitted, RequestIdReused
from tracker.findings.rules import Outcome
from tracker.outbox.models import Message
from tracker.requests import queries, service
from tracker.requests.jobs import reminder_job
from tracker.requests.models import DerogationRequest, RequestEvent, RequestRevision
from tracker.requests.queries import RequestNotFound, RequestView
from tracker.requests.rules import (
    LetterMissing,
    RequestDayWrong,
    RequestEventKind,
    RequestFile,
    RequestFileChanged,
    RequestFileWrong,
    RequestIncomplete,
    RequestNamesPatient,
    RequestState,
    RequestStateWrong,
    Step,
    TitleMissing,
)
from tracker.requests.service import AnsmAnswer, NewAttachment

PDF = b"%PDF-1.7 a document"
GRANT = AnsmAnswer(
    is_granted=True,
    happened_on=TODAY,
    effective_from=TODAY,
    valid_until=date(2026, 12, 31),
    decided_on=TODAY,
    reference="2026-DM-7",
    letter=NewFile(DocumentKind.DECISION, "", "letter.pdf", PDF, has_patient_data=False),
)
REFUSAL = replace(GRANT, is_granted=False, valid_until=None, letter=None)


def view_of(session: Session, request_id: UUID) -> RequestView:
    return queries.get_view(session, request_id)


def save(session: Session, request_id: UUID, *, version: int, file: RequestFile, save_id: UUID | None = None) -> None:
    service.save_file(
        session, request_id, save_id=save_id or db.new_id(), version=version, file=file, actor=CHARLIE, now=NOW
    )


def step(session: Session, request_id: UUID, kind: RequestEventKind, *, day: date = TODAY) -> RequestEvent:
    done = Step(kind, day, "by telephone")
    return service.record_step(
        session, db.new_id(), request_id=request_id, step=done, actor=ALICE, now=NOW, today=TODAY
    )


def answer(session: Session, request_id: UUID, said: AnsmAnswer, event_id: UUID | None = None) -> RequestEvent:
    return service.record_answer(
        session, event_id or db.new_id(), request_id=request_id, answer=said, actor=ALICE, now=NOW, today=TODAY
    )


def give(session: Session, request_id: UUID) -> RequestEvent:
    version = queries.get_request(session, request_id).version
    given = Step(RequestEventKind.GIVEN, TODAY, "handed over", version)
    return service.give(
        session, db.new_id(), request_id=request_id, step=given, locale="fr", actor=ALICE, now=NOW, today=TODAY
    )


def actions(session: Session) -> list[str]:
    found = session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence))
    return [action for action in found if action.startswith("request:")]


def test_a_request_opens_as_an_empty_draft_with_a_number(session: Session) -> None:
    request_id = make_request(session)

    view = view_of(session, request_id)
    assert (view.row.state, view.row.version, view.file) == (RequestState.DRAFTING, 1, RequestFile())
    assert view.number.startswith("DD-")
    assert [event.row.kind for event in view.events] == [RequestEventKind.OPENED]
    assert actions(session) == ["request:saved", "request:opened"]


def test_opening_twice_is_one_request(session: Session) -> None:
    request_id = db.new_id()
    for _ in range(2):
        service.open_request(
            session,
            request_id,
            kind=DerogationKind.GLOBAL,
            file=RequestFile(),
            route="derogation_size",
            actor=ALICE,
            now=NOW,
        )

    assert count(session, DerogationRequest) == 1
    assert view_of(session, request_id).row.route == "derogation_size"


@pytest.mark.parametrize("actor", [BOB, DORA])
def test_who_may_not_write_opens_nothing(session: Session, actor: object) -> None:
    with pytest.raises(NotPermitted):
        make_request(session, actor=actor)  # type: ignore[arg-type]

    assert count(session, DerogationRequest) == 0


def test_an_incomplete_file_is_saved_and_every_saving_is_kept(session: Session) -> None:
    request_id = make_request(session)

    save(session, request_id, version=1, file=RequestFile(designation="SCORE"))
    save(session, request_id, version=2, file=RequestFile(designation="SCORE", points={"need": "A worn insert."}))

    view = view_of(session, request_id)
    assert (view.row.version, view.row.designation, view.file.text("need")) == (3, "SCORE", "A worn insert.")
    assert count(session, RequestRevision) == 3


def test_the_same_saving_again_is_one(session: Session) -> None:
    request_id, save_id = make_request(session), db.new_id()
    for _ in range(2):
        save(session, request_id, version=1, file=RequestFile(designation="SCORE"), save_id=save_id)

    assert view_of(session, request_id).row.version == 2
    with pytest.raises(RequestIdReused):
        save(session, request_id, version=2, file=RequestFile(designation="other"), save_id=save_id)


def test_a_file_saved_meanwhile_is_not_overwritten_and_the_present_state_is_told(session: Session) -> None:
    request_id = make_request(session)
    save(session, request_id, version=1, file=RequestFile(designation="SCORE", points={"need": "First."}))

    with pytest.raises(RequestFileChanged) as refused:
        save(session, request_id, version=1, file=RequestFile(designation="Score II"))

    told = {one["code"]: one["sentence"] for one in refused.value.explain(str)}
    assert told == {"version": "2", "designation": "SCORE", "need": "First."}
    assert view_of(session, request_id).file.designation == "SCORE"


def test_free_texts_are_sealed(session: Session) -> None:
    request_id = make_request(session)
    save(session, request_id, version=1, file=RequestFile(points={"need": "secret words"}))

    sealed = session.scalars(select(RequestRevision.sealed_file)).all()
    assert not any(b"secret" in one for one in sealed)


def test_a_patient_in_a_global_request_is_refused(session: Session) -> None:
    request_id = make_complete(session)
    patient_id = view_of(session, request_id).file.patient_id

    with pytest.raises(RequestFileWrong):
        make_request(session, kind=DerogationKind.GLOBAL, file=RequestFile(patient_id=patient_id))


def test_only_the_surgeon_signs_and_only_what_is_written(session: Session) -> None:
    request_id = make_complete(session, is_signed=False)
    empty = make_request(session)

    with pytest.raises(NotPermitted):
        service.sign(session, db.new_id(), request_id=request_id, version=1, actor=ALICE, now=NOW, today=TODAY)
    with pytest.raises(RequestIncomplete):
        service.sign(session, db.new_id(), request_id=empty, version=1, actor=CHARLIE, now=NOW, today=TODAY)
    service.sign(session, db.new_id(), request_id=request_id, version=1, actor=CHARLIE, now=NOW, today=TODAY)

    signature = view_of(session, request_id).signature
    assert signature is not None
    assert signature.row.recorded_by_name == "Charlie Test"


def test_a_version_that_was_not_read_cannot_be_signed(session: Session) -> None:
    request_id = make_complete(session, is_signed=False)
    file = view_of(session, request_id).file
    save(session, request_id, version=1, file=replace(file, operator="Other"))

    with pytest.raises(RequestFileChanged):
        service.sign(session, db.new_id(), request_id=request_id, version=1, actor=CHARLIE, now=NOW, today=TODAY)


def test_a_change_of_the_justification_makes_the_signature_lapse_and_undoing_it_brings_it_back(
    session: Session,
) -> None:
    request_id = make_complete(session)
    file = view_of(session, request_id).file

    save(session, request_id, version=1, file=replace(file, points={**file.points, "need": "Other."}))
    lapsed = view_of(session, request_id)
    save(session, request_id, version=2, file=file)

    assert (lapsed.signature, lapsed.was_signed) == (None, True)
    assert {one.field for one in lapsed.missing} == {"signature"}
    assert view_of(session, request_id).signature is not None


def test_an_incomplete_file_cannot_be_given_and_says_what_is_missing(session: Session) -> None:
    request_id = make_complete(session, references=())

    with pytest.raises(RequestIncomplete) as refused:
        give(session, request_id)

    assert refused.value.explain(str) == [{"code": "references", "sentence": "References of the device"}]
    assert view_of(session, request_id).row.state is RequestState.DRAFTING


def test_the_dossier_is_frozen_and_carries_the_pseudonym_never_the_identity(session: Session) -> None:
    request_id = make_complete(session)

    event = give(session, request_id)

    view = view_of(session, request_id)
    assert view.row.state is RequestState.GIVEN
    assert event.document_id is not None
    dossier = documents.get_document(session, event.document_id)
    text = read_pdf(documents.read_content(session, dossier.id))
    assert (dossier.kind, dossier.has_patient_data) == (DocumentKind.REQUEST_DOSSIER, False)
    assert view.pseudonym in text
    assert "Charlie Test" in text
    assert [trait for trait in (MARIE.family_name, MARIE.ipp, "Marie", "12/03/1956") if trait in text] == []


def read_pdf(content: bytes) -> str:
    reader = pypdf.PdfReader(io.BytesIO(content))
    return "\n".join(page.extract_text() for page in reader.pages)


def test_a_dossier_that_names_the_patient_is_not_given(session: Session) -> None:
    points = {"need": "Mme Martin-Bréant a mal.", "no_investigation": "a", "no_ce_device": "b", "no_treatment": "c"}
    request_id = make_complete(session, points=points)

    with pytest.raises(RequestNamesPatient):
        give(session, request_id)

    assert documents.list_documents(session, f"request:{request_id}") == []


def test_what_names_the_patient_and_what_is_left_out_does_not_go_with_the_dossier(session: Session) -> None:
    request_id = make_complete(session)
    attached = [attach(session, request_id, title, names_patient=title == "Scan") for title in ("Study", "Scan", "Old")]
    file = replace(view_of(session, request_id).file, left_out=frozenset({attached[2]}))
    save(session, request_id, version=1, file=file)

    event = give(session, request_id)

    assert event.document_id is not None
    text = read_pdf(documents.read_content(session, event.document_id))
    assert "Study" in text
    assert "Scan" not in text
    assert "Old" not in text


def attach(session: Session, request_id: UUID, title: str, *, names_patient: bool = False) -> UUID:
    file = NewFile(DocumentKind.REQUEST_ATTACHMENT, "", "a.pdf", PDF, has_patient_data=False)
    new = NewAttachment(title, file, names_patient=names_patient)
    return service.attach(session, db.new_id(), request_id=request_id, new=new, actor=CHARLIE, now=NOW).id


def test_a_document_says_what_it_is_and_is_hashed(session: Session) -> None:
    request_id = make_request(session)

    attach(session, request_id, "Study")

    with pytest.raises(TitleMissing):
        attach(session, request_id, "  ")
    (kept,) = view_of(session, request_id).attachments
    assert (kept.title, len(kept.document.sha256)) == ("Study", 64)


def test_the_way_to_a_grant_makes_the_derogation_with_its_letter(session: Session) -> None:
    request_id = make_given(session)
    step(session, request_id, RequestEventKind.FILED)

    event = answer(session, request_id, GRANT)

    view = view_of(session, request_id)
    assert view.row.state is RequestState.GRANTED
    assert view.row.derogation_id is not None
    sheet = derogations.get_sheet(session, view.row.derogation_id, day=TODAY, known_at=NOW)
    derogation = derogations.get_derogation(session, view.row.derogation_id)
    assert (sheet.status, sheet.kind) == (DerogationStatus.IN_FORCE, DerogationKind.INDIVIDUAL)
    assert (derogation.patient_id, derogation.source) == (view.file.patient_id, view.number)
    assert derogations.read_pseudonym(session, derogation) == view.pseudonym
    assert [entry.reference for entry in derogations.list_scope(session, derogation.id)] == [REFERENCE]
    assert event.document_id is not None
    assert actions(session)[-4:] == ["request:signed", "request:given", "request:filed", "request:granted"]


def test_a_refusal_blocks_goods_in(session: Session) -> None:
    request_id = make_given(session, kind=DerogationKind.GLOBAL)
    manufacturer_id = view_of(session, request_id).file.manufacturer_id
    make_definition(session, manufacturer_id=manufacturer_id)

    answer(session, request_id, REFUSAL)

    line = receive(session, open_one(session), box(LABEL))
    assert (line.outcome, codes(line)[0]) == (Outcome.REFUSED, "derogation-refused")
    assert view_of(session, request_id).row.state is RequestState.REFUSED


def test_the_same_answer_again_is_one(session: Session) -> None:
    request_id, event_id = make_given(session), db.new_id()

    first, second = (answer(session, request_id, GRANT, event_id) for _ in range(2))

    assert first.id == second.id
    assert count(session, Derogation) == 1
    with pytest.raises(RequestIdReused):
        answer(session, request_id, REFUSAL, event_id)


def test_a_grant_without_its_letter_is_refused_and_nothing_is_written(session: Session) -> None:
    request_id = make_given(session)

    with pytest.raises(LetterMissing):
        answer(session, request_id, replace(GRANT, letter=None))

    assert count(session, Derogation) == 0
    assert view_of(session, request_id).row.state is RequestState.GIVEN


def test_an_answer_before_anything_was_given_is_refused(session: Session) -> None:
    request_id = make_complete(session)

    with pytest.raises(RequestStateWrong):
        answer(session, request_id, GRANT)


def test_a_file_that_was_given_is_closed_until_it_is_taken_up_again(session: Session) -> None:
    request_id = make_given(session)
    file = view_of(session, request_id).file

    with pytest.raises(RequestStateWrong):
        save(session, request_id, version=1, file=replace(file, operator="Other"))
    step(session, request_id, RequestEventKind.REOPENED)
    save(session, request_id, version=1, file=replace(file, operator="Other"))

    assert view_of(session, request_id).row.state is RequestState.DRAFTING


def test_an_abandoned_request_takes_nothing_more(session: Session) -> None:
    request_id = make_request(session)
    step(session, request_id, RequestEventKind.ABANDONED)

    with pytest.raises(RequestStateWrong):
        step(session, request_id, RequestEventKind.ABANDONED)
    with pytest.raises(RequestStateWrong):
        attach(session, request_id, "Study")


def test_a_step_in_the_future_or_before_the_one_it_follows_is_refused(session: Session) -> None:
    request_id = make_given(session)

    for day in (TODAY + timedelta(days=1), TODAY - timedelta(days=1)):
        with pytest.raises(RequestDayWrong):
            step(session, request_id, RequestEventKind.FILED, day=day)


def test_a_stranger_finds_no_request(session: Session) -> None:
    request_id = make_request(session)
    enter(session, HOSPITAL_B)

    with pytest.raises(RequestNotFound):
        service.save_file(session, request_id, save_id=db.new_id(), version=1, file=RequestFile(), actor=GUY, now=NOW)


@pytest.mark.parametrize(
    "statement",
    [
        "update derogation_request_revision set version = 9",
        "update derogation_request_event set happened_on = now()",
        "delete from derogation_request",
        "update derogation_request set number = 9",
    ],
)
def test_the_database_refuses_to_rewrite_what_was_written(session: Session, statement: str) -> None:
    make_request(session)

    with pytest.raises(DatabaseError):
        session.connection().exec_driver_sql(statement)


def test_two_who_save_at_once_are_told_apart(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        request_id = make_request(session)
    barrier, outcomes = Barrier(2), []

    def type_something(text: str) -> None:
        barrier.wait()
        try:
            with db.transaction(database, HOSPITAL_A) as mine:
                save(mine, request_id, version=1, file=RequestFile(designation=text))
            outcomes.append("saved")
        except RequestFileChanged:
            outcomes.append("told")

    threads = [Thread(target=type_something, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["saved", "told"]


def test_silence_is_reminded_of_once_per_period_by_mail_and_never_for_what_is_closed(database: db.Database) -> None:
    patience = timedelta(days=30)
    job = reminder_job(patience=patience, public_url="https://trace59.test")
    with db.transaction(database, HOSPITAL_A) as session:
        request_id = make_request(session)
        closed = make_request(session)
        step(session, closed, RequestEventKind.ABANDONED)

    instants = (NOW + patience - timedelta(hours=1), NOW + patience, NOW + patience + timedelta(days=1))
    counts = [job.run(database, instant) for instant in (*instants, NOW + 2 * patience)]

    with db.transaction(database, HOSPITAL_A) as session:
        mails = session.scalars(select(Message).order_by(Message.created_at)).all()
        view = view_of(session, request_id)
    assert counts == [0, 1, 0, 1]
    assert [mail.recipient for mail in mails] == ["pharmacie@hospital-1.test"] * 2
    assert f"https://trace59.test/requests/{request_id}" in mails[0].body
    assert view.row.moved_at == NOW
    assert [event.row.recorded_by_name for event in view.events][1:] == ["system", "system"]


def test_the_number_of_statements_does_not_grow_with_the_events(session: Session) -> None:
    request_id = make_complete(session)
    with counted(session) as before:
        file = view_of(session, request_id).file
    for version in range(1, 8):
        save(session, request_id, version=version, file=replace(file, operator=f"operator {version}"))
        attach(session, request_id, f"Study {version}")

    with counted(session) as after:
        view_of(session, request_id)
    assert len(after) == len(before)
