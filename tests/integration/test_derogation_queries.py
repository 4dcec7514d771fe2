"""What covers a reference, and where each derogation stands: right on each day, and in one statement."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from tests.hospital import ALICE, GUY, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import RECORDED_AT, REFERENCE, make_decision, make_derogation, make_manufacturer
from tracker import db
from tracker.coverage import queries as coverage_of
from tracker.coverage.queries import Coverage
from tracker.derogations import queries, service
from tracker.derogations.queries import DerogationNotFound
from tracker.derogations.rules import DecisionKind, DerogationKind, DerogationStatus
from tracker.derogations.service import NewDecision, NewReference, NewScope
from tracker.patients import service as patients
from tracker.patients.rules import IdentityStatus, Sex, Traits

END = date(2026, 12, 31)
ONE_DAY = timedelta(days=1)


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    """Collect the statements of a block."""
    statements: list[str] = []

    def note(*args: object) -> None:
        statements.append(str(args[2]))

    engine = session.get_bind().engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def coverages(
    session: Session, manufacturer_id: UUID, *, day: date = TODAY, reference: str = REFERENCE
) -> list[Coverage]:
    return list(
        coverage_of.find_coverage(session, manufacturer_id=manufacturer_id, reference=reference, day=day, known_at=NOW)
    )


def make_patient(session: Session) -> UUID:
    traits = Traits("TEST", "ANNE", date(1960, 1, 1), Sex.FEMALE, "8001")
    new_id = db.new_id()
    patients.register_patient(
        session, new_id, traits=traits, status=IdentityStatus.PROVISIONAL, actor=ALICE, now=NOW, today=TODAY
    )
    return new_id


@pytest.mark.parametrize(
    ("day", "status"),
    [
        (date(2024, 12, 31), DerogationStatus.NOT_YET),
        (date(2025, 1, 1), DerogationStatus.IN_FORCE),
        (END, DerogationStatus.IN_FORCE),
        (END + ONE_DAY, DerogationStatus.ENDED),
    ],
)
def test_coverage_is_that_of_the_day(session: Session, day: date, status: DerogationStatus) -> None:
    maker = make_manufacturer(session)
    derogation_id = make_derogation(session, maker)

    (found,) = coverages(session, maker, day=day)

    assert (found.derogation_id, found.standing.status) == (derogation_id, status)
    assert found.is_listed == (day >= date(2025, 1, 1))
    assert found.implanted_system == "SCORE knee"


def test_coverage_as_known_before_the_recording_is_unknown(session: Session) -> None:
    maker = make_manufacturer(session)
    make_derogation(session, maker)

    (found,) = coverage_of.find_coverage(
        session, manufacturer_id=maker, reference=REFERENCE, day=TODAY, known_at=RECORDED_AT - timedelta(seconds=1)
    )

    assert (found.standing.status, found.is_listed, found.has_list) == (DerogationStatus.UNKNOWN, False, False)


def test_nothing_covers_what_nobody_entered(session: Session) -> None:
    maker = make_manufacturer(session)

    assert coverages(session, maker) == []


def test_another_companys_derogation_covers_nothing(session: Session) -> None:
    maker, other = make_manufacturer(session), make_manufacturer(session, "Other")
    make_derogation(session, other)

    assert coverages(session, maker) == []


def test_the_best_coverage_comes_first(session: Session) -> None:
    maker = make_manufacturer(session)
    patient_id = make_patient(session)
    make_derogation(session, maker, references=("another",), valid_until=date(2028, 1, 1))
    in_words = make_derogation(session, maker, references=(), valid_until=date(2028, 1, 1))
    ended = make_derogation(session, maker, valid_until=date(2025, 12, 31))
    ended_in_words = make_derogation(session, maker, references=(), valid_until=date(2025, 12, 31))
    shorter = make_derogation(session, maker, valid_until=END - ONE_DAY)
    longest = make_derogation(session, maker)
    individual = make_derogation(
        session, maker, kind=DerogationKind.INDIVIDUAL, patient_id=patient_id, valid_until=date(2028, 1, 1)
    )

    found = [coverage.derogation_id for coverage in coverages(session, maker)]

    assert found == [longest, shorter, individual, in_words, ended, ended_in_words]


def test_coverage_names_the_decision_and_the_patient(session: Session) -> None:
    maker = make_manufacturer(session)
    patient_id = make_patient(session)
    make_derogation(session, maker, kind=DerogationKind.INDIVIDUAL, patient_id=patient_id, is_fictional=True)

    (found,) = coverages(session, maker)

    assert (found.patient_id, found.decision_reference, found.is_fictional) == (patient_id, "DM-2025-001", True)
    assert (found.kind, found.partial_revision_only) == (DerogationKind.INDIVIDUAL, False)


def test_the_coverage_of_one_derogation_is_found_by_its_id(session: Session) -> None:
    derogation_id = make_derogation(session, make_manufacturer(session))

    found = coverage_of.get_coverage(session, derogation_id, reference="another", day=TODAY, known_at=NOW)

    assert (found.derogation_id, found.is_listed, found.has_list) == (derogation_id, False, True)
    with pytest.raises(DerogationNotFound):
        coverage_of.get_coverage(session, db.new_id(), reference=REFERENCE, day=TODAY, known_at=NOW)


def test_coverage_takes_one_statement_whatever_is_stored(session: Session) -> None:
    maker = make_manufacturer(session)
    for _ in range(3):
        make_derogation(session, maker)
    with counted(session) as few:
        coverages(session, maker)
    for _ in range(30):
        make_derogation(session, maker, references=tuple(f"R-{n}" for n in range(20)))

    with counted(session) as many:
        found = coverages(session, maker)

    assert len(few) == len(many) == 1
    assert [coverage.is_listed for coverage in found] == [True] * 3


def test_derogations_that_list_other_references_are_named_where_there_is_nothing_else(session: Session) -> None:
    maker = make_manufacturer(session)
    for _ in range(5):
        make_derogation(session, maker, references=("another",))

    found = coverages(session, maker)

    assert [(one.is_listed, one.has_list) for one in found] == [(False, True)] * coverage_of.MOST_LISTING_OTHERS


def test_the_scope_is_found_by_its_index(session: Session) -> None:
    session.execute(text("set local enable_seqscan = off"))

    plan = session.scalars(
        text("explain select 1 from derogation_scope_entry where establishment_id = :id and reference = 'x'"),
        {"id": str(ALICE.establishment_id)},
    ).all()

    assert any("ix_derogation_scope_entry_reference" in line for line in plan)


def test_standings_name_the_end_and_the_day_it_was_recorded(session: Session) -> None:
    derogation_id = make_derogation(session, make_manufacturer(session))

    (found,) = queries.list_standings(session, day=TODAY, known_at=NOW)

    assert (found.id, found.status, found.valid_until) == (derogation_id, DerogationStatus.IN_FORCE, END)
    assert (found.end_recorded_on, found.manufacturer_name) == (RECORDED_AT.date(), "Amplitude")


def test_the_end_set_by_a_withdrawal_was_recorded_with_it(session: Session) -> None:
    derogation_id = make_derogation(session, make_manufacturer(session))
    withdrawal = NewDecision(derogation_id, DecisionKind.WITHDRAWN, TODAY + 10 * ONE_DAY)
    service.record_decision(session, db.new_id(), new=withdrawal, actor=ALICE, now=NOW)

    (found,) = queries.list_standings(session, day=TODAY, known_at=NOW)

    assert (found.valid_until, found.end_recorded_on) == (TODAY + 9 * ONE_DAY, TODAY)


def test_a_derogation_without_end_has_no_day_of_recording(session: Session) -> None:
    make_derogation(session, make_manufacturer(session), valid_until=None)

    (found,) = queries.list_standings(session, day=TODAY, known_at=NOW)

    assert (found.status, found.end_recorded_on) == (DerogationStatus.END_UNKNOWN, None)


def test_standings_take_one_statement_and_one_more_for_an_earlier_knowledge(session: Session) -> None:
    maker = make_manufacturer(session)
    for _ in range(20):
        make_derogation(session, maker)

    with counted(session) as statements:
        queries.list_standings(session, day=TODAY, known_at=NOW)
    with counted(session) as earlier:
        found = queries.list_standings(session, day=TODAY, known_at=RECORDED_AT - ONE_DAY)

    assert (len(statements), len(earlier)) == (1, 2)
    assert {one.status for one in found} == {DerogationStatus.UNKNOWN}


def test_the_choices_of_a_patient_leave_out_other_patients(session: Session) -> None:
    maker = make_manufacturer(session)
    mine = make_patient(session)
    own = make_derogation(session, maker, kind=DerogationKind.INDIVIDUAL, patient_id=mine)
    ended = make_derogation(session, maker, valid_until=date(2025, 12, 31))

    choices = queries.list_choices(session, day=TODAY, known_at=NOW, patient_id=mine)
    others = queries.list_choices(session, day=TODAY, known_at=NOW, patient_id=db.new_id())

    assert [choice.id for choice in choices] == [own, ended]
    assert [choice.id for choice in others] == [ended]


def test_names_are_found_together(session: Session) -> None:
    derogation_id = make_derogation(session, make_manufacturer(session))

    assert queries.designations(session, {derogation_id}) == {derogation_id: "SCORE inserts"}


def test_a_sheet_of_nothing_is_not_found(session: Session) -> None:
    with pytest.raises(DerogationNotFound):
        queries.get_sheet(session, db.new_id(), day=TODAY, known_at=NOW)


def test_an_extension_recorded_today_turns_the_coverage(session: Session) -> None:
    maker = make_manufacturer(session)
    derogation_id = make_derogation(session, maker, valid_until=date(2025, 12, 31))
    before = coverages(session, maker)[0].standing.status

    make_decision(session, derogation_id, DecisionKind.EXTENDED, effective_from=TODAY, valid_until=END)

    assert (before, coverages(session, maker)[0].standing.status) == (
        DerogationStatus.ENDED,
        DerogationStatus.IN_FORCE,
    )


def test_a_reading_that_leaves_again_covers_nothing(session: Session) -> None:
    maker = make_manufacturer(session)
    derogation_id = make_derogation(session, maker, references=())
    first = NewScope(derogation_id, TODAY - ONE_DAY, "in the annex", added=(NewReference(REFERENCE),))
    second = NewScope(derogation_id, TODAY, "misread", removed=(REFERENCE,))

    service.add_scope(session, db.new_id(), new=first, actor=ALICE, now=NOW)
    service.add_scope(session, db.new_id(), new=second, actor=ALICE, now=NOW)

    found = [coverages(session, maker, day=day)[0] for day in (TODAY - ONE_DAY, TODAY)]
    assert [(one.is_listed, one.reading) for one in found] == [(True, "in the annex"), (False, "")]


def test_another_hospital_sees_nothing(session: Session) -> None:
    maker = make_manufacturer(session)
    derogation_id = make_derogation(session, maker)
    enter(session, HOSPITAL_B)
    session.expunge_all()

    assert coverages(session, maker) == []
    assert queries.list_standings(session, day=TODAY, known_at=NOW) == []
    assert queries.designations(session, {derogation_id}) == {}
    assert GUY.establishment_id == HOSPITAL_B
