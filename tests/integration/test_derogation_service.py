"""Actions on the register: done, refused, audited, idempotent, two at once."""

import threading
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from tests.care import make_patient
from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
from tracker import db
from tracker.audit.models import AuditEntry
from tracker.catalogue import service as catalogue_service
from tracker.catalogue.queries import ManufacturerNotFound
from tracker.catalogue.rules import NewManufacturer
from tracker.coverage import queries as coverage_of
from tracker.derogations import queries, rules, service
from tracker.derogations.models import Decision, Derogation
from tracker.derogations.queries import DerogationNotFound
from tracker.derogations.rules import DecisionKind, DerogationKind, DerogationStatus, Domain
from tracker.derogations.service import AliasWrong, NewAlias, NewDecision, NewDerogation, NewReference, NewScope
from tracker.documents import queries as documents
from tracker.documents.models import DocumentKind
from tracker.documents.service import FileRefused, NewFile
from tracker.errors import NotPermitted, RequestIdReused
from tracker.patients.queries import PatientNotFound
from tracker.places import service as places
from tracker.terms import rules as terms
from tracker.terms.rules import Conditions, FollowUp

MAKER = UUID(int=0x111)
ONE = UUID(int=0x222)
FIRST = UUID(int=0x333)
SECOND = UUID(int=0x444)
PDF = b"%PDF-1.7 a letter"


def make(session: Session, **changes: object) -> Derogation:
    catalogue_service.create_manufacturer(session, MAKER, new=NewManufacturer("Amplitude"), actor=ALICE, now=NOW)
    new = NewDerogation(
        kind=DerogationKind.PARTIAL_REVISION,
        domain=Domain.JOINT,
        designation="Inserts SCORE",
        manufacturer_id=MAKER,
        source="letter",
        partial_revision_only=True,
        implanted_system="SCORE",
    )
    return service.create_derogation(session, ONE, new=replace(new, **changes), actor=ALICE, now=NOW)  # type: ignore[arg-type]


def grant(**changes: object) -> NewDecision:
    new = NewDecision(
        derogation_id=ONE,
        kind=DecisionKind.GRANTED,
        effective_from=date(2025, 7, 27),
        valid_until=date(2026, 7, 26),
        decided_on=date(2025, 7, 1),
        reference="2025-DM-17",
        added=(NewReference("1-020163C", "Taille C"), NewReference("1-020164C")),
    )
    return replace(new, **changes)  # type: ignore[arg-type]


def letter(content: bytes = PDF) -> NewFile:
    return NewFile(DocumentKind.PHOTO, "unknown", "lettre ANSM.pdf", content, has_patient_data=True)


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence)))


def status(session: Session, day: date = TODAY) -> DerogationStatus:
    return queries.get_sheet(session, ONE, day=day, known_at=NOW).status


def test_a_granted_derogation_is_in_force_and_covers_its_references(session: Session) -> None:
    make(session)

    service.record_decision(session, FIRST, new=grant(), actor=ALICE, now=NOW)

    (coverage,) = coverage_of.find_coverage(
        session, manufacturer_id=MAKER, reference="1-020163C", day=TODAY, known_at=NOW
    )
    assert coverage.standing.status is DerogationStatus.IN_FORCE
    assert (coverage.is_listed, coverage.has_list, coverage.decision_reference) == (True, True, "2025-DM-17")
    assert actions(session) == ["manufacturer:created", "derogation:created", "decision:recorded"]


def test_the_letter_is_kept_and_hashed(session: Session) -> None:
    make(session)

    decision = service.record_decision(session, FIRST, new=grant(document=letter()), actor=ALICE, now=NOW)

    assert decision.document_id is not None
    kept = documents.get_document(session, decision.document_id)
    assert (kept.kind, kept.subject, kept.has_patient_data) == (DocumentKind.DECISION, f"derogation:{ONE}", False)
    assert documents.read_content(session, kept.id) == PDF
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "decision:recorded")).one()
    assert entry.details["sha256"] == kept.sha256


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a spreadsheet", b"%PDF-" + b"0" * (20 * 1024 * 1024)])
def test_an_empty_odd_or_oversized_letter_is_refused_and_nothing_is_written(session: Session, content: bytes) -> None:
    make(session)

    with pytest.raises(FileRefused):
        service.record_decision(session, FIRST, new=grant(document=letter(content)), actor=ALICE, now=NOW)

    assert queries.list_decisions(session, ONE) == []
    assert queries.list_scope(session, ONE) == []
    assert "decision:recorded" not in actions(session)


def test_an_extension_turns_an_ended_derogation(session: Session) -> None:
    make(session)
    service.record_decision(
        session,
        FIRST,
        new=grant(effective_from=date(2024, 3, 6), valid_until=date(2024, 7, 26), decided_on=None),
        actor=ALICE,
        now=NOW,
    )
    before = status(session)

    extension = NewDecision(ONE, DecisionKind.EXTENDED, TODAY, valid_until=TODAY + timedelta(days=30), decided_on=TODAY)
    service.record_decision(session, SECOND, new=extension, actor=ALICE, now=NOW)

    assert (before, status(session)) == (DerogationStatus.ENDED, DerogationStatus.IN_FORCE)
    assert status(session, TODAY - timedelta(days=1)) is DerogationStatus.ENDED


def test_the_same_request_again_changes_nothing(session: Session) -> None:
    make(session)
    service.record_decision(session, FIRST, new=grant(document=letter()), actor=ALICE, now=NOW)
    count = len(actions(session))

    make(session)
    again = service.record_decision(session, FIRST, new=grant(document=letter()), actor=ALICE, now=NOW)

    assert again.id == FIRST
    assert len(actions(session)) == count
    assert len(queries.list_scope(session, ONE)) == 2


@pytest.mark.parametrize(
    "other", [grant(valid_until=date(2026, 7, 27)), grant(document=letter()), grant(reference="2025-DM-18")]
)
def test_a_request_number_used_for_another_decision_is_refused(session: Session, other: NewDecision) -> None:
    make(session)
    service.record_decision(session, FIRST, new=grant(), actor=ALICE, now=NOW)

    with pytest.raises(RequestIdReused):
        service.record_decision(session, FIRST, new=other, actor=ALICE, now=NOW)


def test_a_request_number_used_for_another_derogation_is_refused(session: Session) -> None:
    make(session)

    with pytest.raises(RequestIdReused):
        make(session, designation="Another")


def test_what_the_rules_refuse_writes_nothing(session: Session) -> None:
    make(session)
    count = len(actions(session))
    extension = NewDecision(ONE, DecisionKind.EXTENDED, TODAY, valid_until=TODAY, document=letter())

    with pytest.raises(rules.DecisionContradicts):
        service.record_decision(session, FIRST, new=extension, actor=ALICE, now=NOW)

    assert len(actions(session)) == count
    assert documents.list_documents(session, f"derogation:{ONE}") == []


def test_a_letter_dated_tomorrow_in_paris_is_refused(session: Session) -> None:
    make(session)

    with pytest.raises(terms.DecisionDatesWrong):
        service.record_decision(session, FIRST, new=grant(decided_on=TODAY + timedelta(days=1)), actor=ALICE, now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"designation": "  "},
        {"kind": DerogationKind.INDIVIDUAL},
        {"patient_id": UUID(int=9)},
        {"partial_revision_only": False},
    ],
)
def test_an_incomplete_derogation_is_refused(session: Session, changes: dict[str, object]) -> None:
    with pytest.raises(service.DerogationIncomplete) as refusal:
        make(session, **changes)

    assert refusal.value.fields


def test_a_forged_patient_or_manufacturer_is_refused(session: Session) -> None:
    with pytest.raises(PatientNotFound):
        make(session, kind=DerogationKind.INDIVIDUAL, patient_id=UUID(int=9))
    with pytest.raises(ManufacturerNotFound):
        make(session, manufacturer_id=UUID(int=9))

    assert session.get(Derogation, ONE) is None


def test_a_surgeon_may_not_write_in_the_register(session: Session) -> None:
    derogation = make(session)
    new = NewDerogation(derogation.kind, derogation.domain, "x", MAKER, "y", partial_revision_only=True)

    with pytest.raises(NotPermitted):
        service.create_derogation(session, SECOND, new=new, actor=CHARLIE, now=NOW)
    with pytest.raises(NotPermitted):
        service.record_decision(session, FIRST, new=grant(), actor=CHARLIE, now=NOW)
    with pytest.raises(NotPermitted):
        service.add_scope(session, FIRST, new=NewScope(ONE, TODAY, "because"), actor=CHARLIE, now=NOW)


def test_another_hospital_sees_nothing_and_its_ids_cannot_be_taken(session: Session) -> None:
    make(session)
    enter(session, HOSPITAL_B)
    session.expunge_all()

    with pytest.raises(DerogationNotFound):
        service.record_decision(session, FIRST, new=grant(), actor=GUY, now=NOW)
    other_maker = catalogue_service.create_manufacturer(
        session, UUID(int=0x112), new=NewManufacturer("Amplitude"), actor=GUY, now=NOW
    )
    new = NewDerogation(DerogationKind.GLOBAL, Domain.OTHER, "x", other_maker.id, "y")
    with pytest.raises(RequestIdReused):
        service.create_derogation(session, ONE, new=new, actor=GUY, now=NOW)


def test_a_decision_brings_references_in_and_out(session: Session) -> None:
    make(session)
    service.record_decision(session, FIRST, new=grant(), actor=ALICE, now=NOW)
    changed = NewDecision(
        ONE, DecisionKind.SCOPE_CHANGED, TODAY, added=(NewReference("1-020165C"),), removed=("1-020163C",)
    )

    service.record_decision(session, SECOND, new=changed, actor=ALICE, now=NOW)

    entries = [queries.scope_facts(entry) for entry in queries.list_scope(session, ONE)]
    assert terms.references_on(entries, TODAY, known_at=NOW) == {"1-020164C", "1-020165C"}
    assert terms.references_on(entries, TODAY - timedelta(days=1), known_at=NOW) == {"1-020163C", "1-020164C"}


@pytest.mark.parametrize(
    "changes",
    [
        {"added": (NewReference("A"), NewReference(" A "))},
        {"added": (NewReference("  "),)},
        {"removed": ("not there",)},
    ],
)
def test_references_that_cannot_enter_or_leave_are_refused(session: Session, changes: dict[str, object]) -> None:
    make(session)

    with pytest.raises(service.ScopeWrong):
        service.record_decision(session, FIRST, new=grant(**changes), actor=ALICE, now=NOW)

    assert queries.list_decisions(session, ONE) == []


def test_a_pharmacist_reads_a_scope_written_in_words(session: Session) -> None:
    make(session)
    service.record_decision(session, FIRST, new=grant(added=()), actor=ALICE, now=NOW)
    reading = NewScope(ONE, TODAY, "Tête 14×16 de l'annexe", (NewReference("T-1416"),))

    counts = [service.add_scope(session, SECOND, new=reading, actor=ALICE, now=NOW) for _ in range(2)]

    coverage = coverage_of.get_coverage(session, ONE, reference="T-1416", day=TODAY, known_at=NOW)
    assert counts == [1, 0]
    assert (coverage.is_listed, coverage.has_list, coverage.reading) == (True, False, "Tête 14×16 de l'annexe")
    assert actions(session)[-1] == "scope:changed"


@pytest.mark.parametrize("new", [NewScope(ONE, TODAY, "because"), NewScope(ONE, TODAY, " ", (NewReference("A"),))])
def test_a_reading_without_reference_or_words_is_refused(session: Session, new: NewScope) -> None:
    make(session)

    with pytest.raises(service.ScopeWrong):
        service.add_scope(session, SECOND, new=new, actor=ALICE, now=NOW)


def test_a_correction_names_what_it_corrects_and_keeps_it(session: Session) -> None:
    make(session)
    service.record_decision(session, FIRST, new=grant(), actor=ALICE, now=NOW)

    corrected = grant(valid_until=date(2026, 6, 26), added=(), corrects_id=FIRST)
    service.record_decision(session, SECOND, new=corrected, actor=ALICE, now=NOW + timedelta(hours=1))

    later = NOW + timedelta(hours=1)
    assert queries.get_sheet(session, ONE, day=TODAY, known_at=later).valid_until == date(2026, 6, 26)
    assert queries.get_sheet(session, ONE, day=TODAY, known_at=NOW).valid_until == date(2026, 7, 26)
    assert len(queries.list_decisions(session, ONE)) == 2


def test_the_program_cannot_rewrite_a_decision(session: Session) -> None:
    make(session)
    service.record_decision(session, FIRST, new=grant(), actor=ALICE, now=NOW)

    for statement in ("update derogation_decision set valid_until = now()", "delete from derogation_decision"):
        with pytest.raises(DatabaseError), session.begin_nested():
            session.execute(text(statement))


def test_two_pharmacists_who_record_the_same_letter_at_once_make_one_decision(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        make(session)
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def record(decision_id: UUID) -> None:
        barrier.wait()
        try:
            with db.transaction(database, HOSPITAL_A) as session:
                service.record_decision(session, decision_id, new=grant(document=letter()), actor=ALICE, now=NOW)
            outcomes.append("recorded")
        except rules.AlreadyRecorded as refusal:
            outcomes.append(refusal.code)

    threads = [threading.Thread(target=record, args=(decision_id,)) for decision_id in (FIRST, SECOND)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["decision-already-recorded", "recorded"]
    with db.transaction(database, HOSPITAL_A) as session:
        assert len(session.scalars(select(Decision)).all()) == 1
        assert len(documents.list_documents(session, f"derogation:{ONE}")) == 1


def test_one_request_sent_twice_at_once_is_one_decision(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        make(session)
    barrier = threading.Barrier(2)
    recorded: list[UUID] = []

    def record() -> None:
        barrier.wait()
        with db.transaction(database, HOSPITAL_A) as session:
            recorded.append(
                service.record_decision(session, FIRST, new=grant(document=letter()), actor=ALICE, now=NOW).id
            )

    threads = [threading.Thread(target=record) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert recorded == [FIRST, FIRST]
    with db.transaction(database, HOSPITAL_A) as session:
        assert len(documents.list_documents(session, f"derogation:{ONE}")) == 1


CONDITIONS = Conditions(sites=("Hôpital A",), criteria=("adult",), follow_up=(FollowUp(12, "X-ray"),))


def test_conditions_and_the_day_of_receipt_are_kept_with_their_decision(session: Session) -> None:
    make(session)
    new = grant(conditions=CONDITIONS, received_on=date(2025, 7, 4))

    first = service.record_decision(session, FIRST, new=new, actor=ALICE, now=NOW)
    again = service.record_decision(session, FIRST, new=new, actor=ALICE, now=NOW)

    assert again is first
    assert first.received_on == date(2025, 7, 4)
    assert queries.get_sheet(session, ONE, day=TODAY, known_at=NOW).standing.conditions == CONDITIONS
    with pytest.raises(RequestIdReused):
        service.record_decision(session, FIRST, new=grant(), actor=ALICE, now=NOW)


def test_odd_conditions_are_refused_and_nothing_is_written(session: Session) -> None:
    make(session)

    with pytest.raises(terms.ConditionsWrong):
        service.record_decision(
            session, FIRST, new=grant(conditions=Conditions(criteria=("a", "a"))), actor=ALICE, now=NOW
        )

    assert session.get(Decision, FIRST) is None


def test_a_correction_takes_the_references_of_the_wrong_decision_with_it(session: Session) -> None:
    make(session)
    service.record_decision(session, FIRST, new=grant(), actor=ALICE, now=NOW)
    right = grant(corrects_id=FIRST, added=(NewReference("1-020165D"),))
    later = NOW + timedelta(hours=1)

    service.record_decision(session, SECOND, new=right, actor=ALICE, now=later)

    session.expire_all()  # the instant of the correction is read with the entry
    entries = [queries.scope_facts(entry) for entry in queries.list_scope(session, ONE)]
    assert terms.references_on(entries, TODAY, known_at=NOW) == {"1-020163C", "1-020164C"}
    assert terms.references_on(entries, TODAY, known_at=later) == {"1-020165D"}
    found = [
        coverage_of.get_coverage(session, ONE, reference="1-020163C", day=TODAY, known_at=known_at).is_listed
        for known_at in (NOW, later)
    ]
    assert found == [True, False]


def test_a_correction_without_list_leaves_a_scope_in_words(session: Session) -> None:
    make(session)
    service.record_decision(session, FIRST, new=grant(), actor=ALICE, now=NOW)
    service.record_decision(session, SECOND, new=grant(corrects_id=FIRST, added=()), actor=ALICE, now=NOW)

    assert not coverage_of.get_coverage(session, ONE, reference="1-020163C", day=TODAY, known_at=NOW).has_list


def test_the_calendar_answers_what_the_decisions_answer(session: Session) -> None:
    make(session)
    service.record_decision(session, FIRST, new=grant(patient_cap=3), actor=ALICE, now=NOW)
    stop = grant(kind=DecisionKind.SUSPENDED, effective_from=TODAY, valid_until=None, added=())
    service.record_decision(session, SECOND, new=stop, actor=ALICE, now=NOW + timedelta(hours=1))
    facts = [queries.decision_facts(decision) for decision in queries.list_decisions(session, ONE)]

    for days in range(-300, 400, 7):
        for known_at in (NOW, NOW + timedelta(hours=1)):
            day = TODAY + timedelta(days=days)
            sheet = queries.get_sheet(session, ONE, day=day, known_at=known_at)
            assert sheet.standing == rules.standing_on(facts, day, known_at=known_at)


def test_another_spelling_is_recorded_once(session: Session) -> None:
    make(session)
    new = NewAlias(ONE, "Inserts SOCRE", "ANSM, page of 06/03/2024")

    first = service.add_alias(session, FIRST, new=new, actor=ALICE, now=NOW)
    again = service.add_alias(session, FIRST, new=new, actor=ALICE, now=NOW)

    assert again is first
    assert [alias.name for alias in queries.list_aliases(session, ONE)] == ["Inserts SOCRE"]
    assert actions(session)[-1] == "alias:added"


@pytest.mark.parametrize(
    ("name", "source"), [("Inserts SCORE", "label"), ("Inserts SOCRE", "label"), (" ", "label"), ("Other", " ")]
)
def test_a_spelling_that_adds_nothing_is_refused(session: Session, name: str, source: str) -> None:
    make(session)
    service.add_alias(session, FIRST, new=NewAlias(ONE, "Inserts SOCRE", "page"), actor=ALICE, now=NOW)

    with pytest.raises(AliasWrong):
        service.add_alias(session, SECOND, new=NewAlias(ONE, name, source), actor=ALICE, now=NOW)


def test_a_surgeon_adds_no_spelling(session: Session) -> None:
    make(session)

    with pytest.raises(NotPermitted):
        service.add_alias(session, FIRST, new=NewAlias(ONE, "x", "y"), actor=CHARLIE, now=NOW)


def test_the_pseudonym_of_the_letter_is_sealed(session: Session) -> None:
    patient_id = make_patient(session)
    named = {"kind": DerogationKind.INDIVIDUAL, "patient_id": patient_id, "pseudonym": "M. B. 1956"}

    derogation = make(session, partial_revision_only=False, **named)

    assert b"M. B." not in (derogation.sealed_pseudonym or b"")
    assert queries.read_pseudonym(session, derogation) == "M. B. 1956"
    assert make(session, partial_revision_only=False, **named) is derogation
    assert "M. B." not in str(session.scalars(select(AuditEntry.details)).all())


def test_a_derogation_for_an_in_vitro_diagnostic_may_name_a_patient(session: Session) -> None:
    patient_id = make_patient(session)

    derogation = make(session, kind=DerogationKind.IVD, patient_id=patient_id, partial_revision_only=False)

    assert derogation.patient_id == patient_id


def test_a_patient_is_counted_once_under_a_derogation(session: Session) -> None:
    make(session)
    patient_id = make_patient(session)

    for _ in range(2):
        places.take_place(session, derogation_id=ONE, patient_id=patient_id, establishment_id=HOSPITAL_A, now=NOW)

    assert queries.count_places(session, ONE) == 1
    assert queries.count_places(session, ONE, besides=patient_id) == 0
