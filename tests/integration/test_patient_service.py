"""Actions on patients, on PostgreSQL: registered once, found by hash, readable nowhere."""

from dataclasses import replace
from datetime import date
from threading import Barrier, Thread
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from tests.care import MARIE, make_patient
from tests.hospital import ALICE, BOB, CHARLIE, FANNY, GUY, HOSPITAL_A, HOSPITAL_B, KEYRING, NOW, TODAY, enter
from tracker import db
from tracker.actor import Actor
from tracker.audit.models import AuditEntry
from tracker.errors import NotPermitted
from tracker.patients import queries, service
from tracker.patients.models import Patient
from tracker.patients.queries import PatientNotFound, PatientView
from tracker.patients.rules import INS_NIR_OID, INS_TEST_OID, IdentityStatus, Traits, TraitsInvalid
from tracker.patients.service import PatientExists
from tracker.sealing import UnsealFailed

WITH_INS = replace(MARIE, ins_matricule="280129999999969", ins_oid=INS_TEST_OID)
PAUL = replace(MARIE, given_names="Paul", ipp="8009999999")


def register(
    session: Session,
    traits: Traits = MARIE,
    *,
    patient_id: UUID | None = None,
    status: IdentityStatus = IdentityStatus.PROVISIONAL,
    actor: Actor = CHARLIE,
) -> PatientView:
    return service.register_patient(
        session, patient_id or db.new_id(), traits=traits, status=status, actor=actor, now=NOW, today=TODAY
    )


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Patient)) or 0


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence)))


def test_a_registered_patient_is_read_back_as_typed(session: Session) -> None:
    view = register(session, WITH_INS, status=IdentityStatus.QUALIFIED)

    assert queries.get_patient(session, view.id) == view
    assert view.traits == WITH_INS
    assert view.identity_status is IdentityStatus.QUALIFIED


def test_registering_is_in_the_trail_without_any_trait(session: Session) -> None:
    view = register(session, WITH_INS)

    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.sequence.desc()).limit(1)).one()
    assert (entry.action, entry.subject) == ("patient:registered", f"patient:{view.id}")
    assert entry.details == {"identity_status": "PROV"}


def test_only_some_roles_register(session: Session) -> None:
    with pytest.raises(NotPermitted):
        register(session, actor=BOB)

    assert count(session) == 0


def test_an_identity_that_cannot_be_writes_nothing(session: Session) -> None:
    before = actions(session)

    with pytest.raises(TraitsInvalid):
        register(session, replace(MARIE, birth_date=date(2030, 1, 1)))

    assert count(session) == 0
    assert actions(session) == before


def test_the_same_form_twice_is_one_patient(session: Session) -> None:
    first = register(session)
    entries = actions(session)

    again = register(session, patient_id=first.id)

    assert again == first
    assert count(session) == 1
    assert actions(session) == entries


@pytest.mark.parametrize(("traits", "status"), [(PAUL, IdentityStatus.PROVISIONAL), (MARIE, IdentityStatus.VALIDATED)])
def test_the_same_form_with_another_content_is_refused(
    session: Session, traits: Traits, status: IdentityStatus
) -> None:
    first = register(session)

    with pytest.raises(PatientExists):
        register(session, traits, patient_id=first.id, status=status)


@pytest.mark.parametrize("ipp", ["8001234567", " 8001234567 "])
def test_an_ipp_names_one_patient(session: Session, ipp: str) -> None:
    register(session)

    with pytest.raises(PatientExists):
        register(session, replace(PAUL, ipp=ipp))

    assert count(session) == 1


def test_an_ins_names_one_patient(session: Session) -> None:
    register(session, WITH_INS)

    with pytest.raises(PatientExists):
        register(session, replace(WITH_INS, ipp="8009999999"))

    assert count(session) == 1


def test_one_matricule_under_two_oids_is_two_identities(session: Session) -> None:
    register(session, WITH_INS)

    register(session, replace(WITH_INS, ipp="8009999999", ins_oid=INS_NIR_OID))

    assert count(session) == 2


def test_a_patient_is_found_by_ipp_and_by_ins(session: Session) -> None:
    view = register(session, WITH_INS)

    assert queries.find_by_ipp(session, "8001234567") == view
    assert queries.find_by_ins(session, WITH_INS.ins_matricule, INS_TEST_OID) == view
    assert queries.find_by_ins(session, WITH_INS.ins_matricule, INS_NIR_OID) is None
    assert queries.find_by_ipp(session, "800123456") is None


@pytest.mark.parametrize("typed", ["MARTIN-BREANT", "martin-bréant", " Martin-Bréant "])
def test_a_name_is_found_without_accents_or_case(session: Session, typed: str) -> None:
    view = register(session)

    assert list(queries.list_by_name(session, typed)) == [view]


def test_namesakes_are_listed_by_age(session: Session) -> None:
    young = register(session, replace(PAUL, birth_date=date(1990, 1, 1)))
    old = register(session)

    assert [view.id for view in queries.list_by_name(session, MARIE.family_name)] == [old.id, young.id]


def test_a_possible_duplicate_is_found_by_its_traits(session: Session) -> None:
    view = register(session)

    found = queries.list_by_traits(
        session, family_name="martin-bréant", first_given_name="MARIE", birth_date=MARIE.birth_date
    )
    assert list(found) == [view]


def test_several_patients_are_read_at_once(session: Session) -> None:
    views = [register(session), register(session, PAUL)]

    assert queries.list_patients(session, [view.id for view in views]) == {view.id: view for view in views}


def test_opening_a_patient_is_recorded(session: Session) -> None:
    patient_id = make_patient(session)

    view = service.open_patient(session, patient_id, actor=FANNY, now=NOW)

    assert view.traits == MARIE
    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.sequence.desc()).limit(1)).one()
    assert (entry.action, entry.actor_name) == ("patient:opened", FANNY.display_name)


def test_nobody_opens_a_patient_who_is_not_there(session: Session) -> None:
    with pytest.raises(PatientNotFound):
        service.open_patient(session, db.new_id(), actor=ALICE, now=NOW)


def test_the_patient_of_another_hospital_is_not_there(session: Session) -> None:
    patient_id = make_patient(session, WITH_INS)
    enter(session, HOSPITAL_B)
    session.expunge_all()

    with pytest.raises(PatientNotFound):
        queries.get_patient(session, patient_id)
    assert queries.find_by_ipp(session, MARIE.ipp) is None
    assert queries.list_by_name(session, MARIE.family_name) == []


def test_two_hospitals_register_the_same_person_each_for_itself(session: Session) -> None:
    make_patient(session, WITH_INS)
    enter(session, HOSPITAL_B)

    make_patient(session, WITH_INS, actor=GUY)

    assert count(session) == 1


def test_the_id_of_another_hospital_cannot_be_taken(session: Session) -> None:
    patient_id = make_patient(session)
    enter(session, HOSPITAL_B)
    session.expunge_all()

    with pytest.raises(PatientExists):
        register(session, patient_id=patient_id, actor=GUY)


def test_a_sealed_identity_opens_for_its_own_row_only(session: Session) -> None:
    first, second = make_patient(session), make_patient(session, PAUL)
    row = session.get_one(Patient, first)
    session.expunge(row)  # only in memory: the program never rewrites a patient
    row.sealed_traits = session.get_one(Patient, second).sealed_traits

    with pytest.raises(UnsealFailed, match="altered or moved"):
        queries.unsealed(session, row)


def everything_stored(database: db.Database) -> bytes:
    """Return every column of every row of every table, as text and as bytes."""
    dumped = b""
    with db.transaction(database, HOSPITAL_A) as session:
        tables = session.scalars(text("select tablename from pg_tables where schemaname = 'public'")).all()
        for table in tables:
            for row in session.execute(text(f'select * from "{table}"')):  # noqa: S608 - our own tables
                dumped += b"\n".join(
                    bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode() for value in row
                )
    return dumped


def test_no_trait_can_be_read_anywhere_in_the_database(database: db.Database) -> None:
    traits = replace(WITH_INS, used_name="Delacroix", birth_place_code="75056")
    with db.transaction(database, HOSPITAL_A) as session:
        view = register(session, traits)
        service.open_patient(session, view.id, actor=CHARLIE, now=NOW)

    stored = everything_stored(database).upper()

    assert str(view.id).upper().encode() in stored
    for trait in ("MARTIN", "BRÉANT", "JOSÈPHE", "1956-03-12", "8001234567", "280129999999969", "DELACROIX", "75056"):
        assert trait.encode() not in stored


def test_the_keyed_hash_needs_the_key(session: Session) -> None:
    view = register(session)
    other = replace(KEYRING, lookup_key=bytes(32))

    assert session.get_one(Patient, view.id).ipp_key == KEYRING.lookup("patient.ipp", MARIE.ipp)
    assert other.lookup("patient.ipp", MARIE.ipp) != KEYRING.lookup("patient.ipp", MARIE.ipp)


def register_at_once(database: db.Database, ids: tuple[UUID, UUID]) -> list[object]:
    answers: list[object] = []
    start = Barrier(2)

    def run(patient_id: UUID) -> None:
        start.wait()
        try:
            with db.transaction(database, HOSPITAL_A) as session:
                answers.append(register(session, WITH_INS, patient_id=patient_id).id)
        except PatientExists:
            answers.append("exists")

    threads = [Thread(target=run, args=(patient_id,)) for patient_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_two_people_registering_one_patient_at_once_make_one(database: db.Database) -> None:
    first, second = db.new_id(), db.new_id()

    answers = register_at_once(database, (first, second))

    assert "exists" in answers
    assert {first, second} & set(answers)
    with db.transaction(database, HOSPITAL_A) as session:
        assert count(session) == 1


def test_one_form_sent_twice_at_once_makes_one_patient(database: db.Database) -> None:
    patient_id = db.new_id()

    answers = register_at_once(database, (patient_id, patient_id))

    assert answers == [patient_id, patient_id]
