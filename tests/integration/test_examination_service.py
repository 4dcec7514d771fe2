"""Examinations after a use on PostgreSQL: noted once, done once, taken up again, seen by their hospital only."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.bench import actions, counted, every_row
from tests.care import MARIE, make_patient, make_use
from tests.hospital import ALICE, CHARLIE, FANNY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import make_definition, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.actor import Actor, system_actor
from tracker.devices.rules import Finding
from tracker.errors import NotPermitted, RequestIdReused, TraceError
from tracker.examinations import jobs, queries, service
from tracker.examinations.models import Examination, ExaminationOutcome
from tracker.examinations.queries import ExaminationNotFound
from tracker.examinations.rules import NewOutcome, OutcomeKind, OutcomeNotPossible, Urgency

SYSTEM = system_actor(HOSPITAL_A)
USED_ON = TODAY - timedelta(days=40)
DONE = NewOutcome(OutcomeKind.DONE, TODAY, "the implant has not moved")


def required(days: int, what: str = "X-ray") -> Finding:
    return Finding("follow-up-required", {"due_on": (TODAY + timedelta(days=days)).isoformat(), "what": what})


def make_followed_use(session: Session, *findings: Finding, lot: str = "A1") -> UUID:
    maker = make_manufacturer(session, f"Maker {lot}")
    unit = make_unit(session, make_definition(session, reference=f"R-{lot}", udi_di=None, manufacturer_id=maker))
    derogation_id = make_derogation(session, maker, references=(f"R-{lot}",))
    patient_id = make_patient(session, replace(MARIE, ipp=lot))
    use_id = make_use(
        session, unit.id, patient_id=patient_id, derogation_id=derogation_id, used_on=USED_ON, findings=findings
    )
    session.flush()  # the sweep reads it
    return use_id


def note(session: Session) -> int:
    return service.note_required(session, actor=SYSTEM, now=NOW)


def record(
    session: Session, examination_id: UUID, new: NewOutcome = DONE, *, id_: UUID | None = None, actor: Actor = CHARLIE
) -> ExaminationOutcome:
    done = service.record_outcome(
        session, id_ or db.new_id(), examination_id=examination_id, new=new, actor=actor, now=NOW, today=TODAY
    )
    session.flush()  # the next statement of the test reads it
    return done


@pytest.fixture
def examination_id(session: Session) -> UUID:
    """One examination, due ten days ago."""
    make_followed_use(session, required(-10))
    assert note(session) == 1
    return session.scalars(select(Examination.id)).one()


def test_what_a_use_requires_is_noted_once_however_often_the_sweep_runs(session: Session) -> None:
    make_followed_use(session, required(-10), required(140), Finding("consent-obtained"))
    make_followed_use(session, lot="B2")

    assert [note(session), note(session)] == [2, 0]
    assert [line.examination.what for line in queries.list_open(session, limit=9)] == ["X-ray", "X-ray"]
    assert actions(session).count("examination:noted") == 2


def test_a_use_recorded_while_another_was_noted_is_found_later(session: Session) -> None:
    make_followed_use(session, required(5))
    note(session)

    make_followed_use(session, required(6), lot="B2")

    assert note(session) == 1


def test_the_sweep_looks_at_new_uses_and_not_at_all_of_them(session: Session) -> None:
    for place in range(3):
        make_followed_use(session, required(place), lot=f"L{place}")
    note(session)
    session.execute(text("set local enable_seqscan = off"))

    plan = "\n".join(session.scalars(text("explain " + compiled(session))))

    assert "ix_device_use_requires" in plan


def compiled(session: Session) -> str:
    """Return the sweep's question as PostgreSQL gets it."""
    with counted(session) as statements:
        queries.list_new_uses(session)
    return statements[-1].replace("%(recorded_at_1)s::TIMESTAMP WITH TIME ZONE", "now()")


def test_an_overdue_examination_is_counted_until_it_is_done(session: Session, examination_id: UUID) -> None:
    until = TODAY + timedelta(days=30)
    before = queries.count_due(session, today=TODAY, until=until)
    line = queries.get_examination(session, examination_id)
    assert line.urgency(TODAY) is Urgency.OVERDUE

    record(session, examination_id)

    assert [before, queries.count_due(session, today=TODAY, until=until)] == [(1, 0), (0, 0)]
    assert queries.list_open(session, limit=9) == []
    assert queries.get_examination(session, examination_id).urgency(TODAY) is None
    assert actions(session)[-1] == "examination:done"


def test_it_is_done_once_whoever_sends_it_twice(session: Session, examination_id: UUID) -> None:
    id_ = db.new_id()
    first = record(session, examination_id, id_=id_)

    assert record(session, examination_id, id_=id_).id == first.id
    with pytest.raises(RequestIdReused):
        record(session, examination_id, NewOutcome(OutcomeKind.DONE, TODAY, "other"), id_=id_)
    with pytest.raises(OutcomeNotPossible):
        record(session, examination_id)
    assert len(queries.list_outcomes(session, examination_id)) == 1


def test_a_mistake_is_taken_up_again_by_a_new_fact(session: Session, examination_id: UUID) -> None:
    record(session, examination_id, NewOutcome(OutcomeKind.NOT_DONE, TODAY, "moved away"))
    record(session, examination_id, NewOutcome(OutcomeKind.REOPENED, TODAY, "came back"))

    told = [view.note for view in queries.list_outcomes(session, examination_id)]

    assert sorted(told) == ["came back", "moved away"]
    assert [line.examination.id for line in queries.list_open(session, limit=9)] == [examination_id]


def test_notes_about_patients_are_sealed_at_rest(session: Session, examination_id: UUID) -> None:
    record(session, examination_id)

    assert DONE.note not in every_row(session)


@pytest.mark.parametrize("actor", [ALICE, FANNY], ids=lambda actor: actor.display_name)
def test_only_those_who_treat_say_what_became_of_it(session: Session, examination_id: UUID, actor: Actor) -> None:
    with pytest.raises(NotPermitted):
        record(session, examination_id, actor=actor)


def test_another_hospital_sees_none_of_it(session: Session, examination_id: UUID) -> None:
    enter(session, HOSPITAL_B)
    session.expire_all()

    assert queries.list_open(session, limit=9) == []
    with pytest.raises(ExaminationNotFound):
        queries.get_examination(session, examination_id)


@pytest.mark.parametrize(
    "statement",
    [
        update(ExaminationOutcome).values(happened_on=TODAY - timedelta(days=1)),
        update(Examination).values(due_on=TODAY),
    ],
    ids=["outcome", "examination"],
)
def test_the_database_refuses_to_rewrite_it(session: Session, examination_id: UUID, statement: object) -> None:
    record(session, examination_id)

    with pytest.raises(DBAPIError):
        session.execute(statement)  # type: ignore[call-overload]


def test_two_people_at_once_record_one_outcome(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        make_followed_use(session, required(-1))
        note(session)
        examination_id = session.scalars(select(Examination.id)).one()
    together = threading.Barrier(2)

    def act() -> bool:
        try:
            with db.transaction(database, HOSPITAL_A) as session:
                together.wait()
                record(session, examination_id)
        except TraceError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: act(), range(2)))

    assert sorted(done) == [False, True]


def test_the_job_notes_for_every_hospital(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        make_followed_use(session, required(-1))

    assert [jobs.examination_job().run(database, NOW) for _ in range(2)] == [1, 0]
