"""Failed implantations and explantations: the trace, the caps, the recaps, the recalls, and two at once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from tests.bench import counted
from tests.care import make_explantation, make_failure, make_patient
from tests.hospital import ALICE, CHARLIE, DORA, FANNY, HOSPITAL_A, HOSPITAL_B, NOW, THEATRE, TODAY, enter
from tests.integration.test_use_service import PAUL, Scene, actions, make_scene, record
from tests.stock import a_hold, make_unit
from tracker import db
from tracker.chronicle import queries as chronicle
from tracker.chronicle.rules import Kind
from tracker.derogations import queries as derogations
from tracker.derogations.models import Derogation
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.rules import Event, EventNotPossible, UnitState
from tracker.effects import queries as effects
from tracker.errors import NotPermitted, RequestIdReused, TraceError
from tracker.outcomes import queries, service
from tracker.outcomes.models import Explantation, Failure
from tracker.outcomes.rules import AlreadyExplanted, ExplantationCause, FailureCause, NewExplantation, NewFailure, Stage
from tracker.patients.queries import PatientNotFound
from tracker.recalls import queries as recalls
from tracker.recaps import queries as recaps
from tracker.use.queries import UseNotFound
from tracker.use.rules import UseRefused

EXPLANTATION = NewExplantation(TODAY, ExplantationCause.LOOSENING, CHARLIE.id, note="  moved  ")


@pytest.fixture
def scene(session: Session) -> Scene:
    """Everything holds."""
    return make_scene(session)


def a_failure(scene: Scene, **changes: object) -> NewFailure:
    new = NewFailure(scene.unit.number, TODAY, Stage.OPENED, FailureCause.DROPPED, CHARLIE.id, THEATRE)
    return replace(new, **changes)  # type: ignore[arg-type] # names of fields


def fail(session: Session, new: NewFailure, failure_id: UUID | None = None) -> Failure:
    return service.record_failure(session, failure_id or db.new_id(), new=new, actor=DORA, now=NOW, today=TODAY)


def explant(session: Session, use_id: UUID, one_id: UUID | None = None, **changes: object) -> Explantation:
    new = replace(EXPLANTATION, **changes)  # type: ignore[arg-type] # names of fields
    return service.record_explantation(
        session, one_id or db.new_id(), use_id=use_id, new=new, actor=DORA, now=NOW, today=TODAY
    )


def at_once(acts: list[Callable[[], object]]) -> list[str]:
    answers: list[str] = []
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        start.wait()
        try:
            act()
            answers.append("written")
        except TraceError as error:
            answers.append(error.code)

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answers)


def test_a_unit_that_fell_is_gone_and_stays_in_the_trace(session: Session, scene: Scene) -> None:
    failure = fail(session, a_failure(scene))

    assert devices.get_unit(session, scene.unit.number).state is UnitState.FAILED
    assert devices.life_of(session, scene.unit.id)[-1].event is Event.FAILED_IMPLANTATION
    assert actions(session)[-2:] == ["unit:taken-out", "failure:recorded"]
    (entry,) = [e for e in chronicle.chronicle_of(session, scene.unit, actor=CHARLIE).entries if e.kind is Kind.FAILURE]
    assert (entry.source_id, entry.data["failure"]) == (failure.id, "dropped")
    with pytest.raises(UseRefused, match="not released"):
        record(session, scene.use())


def test_it_counts_neither_under_a_cap_nor_in_a_recap_and_nobody_carries_it(session: Session) -> None:
    scene = make_scene(session, patient_cap=1)
    fail(session, a_failure(scene, stage=Stage.TRIED, cause=FailureCause.SIZE, patient_id=make_patient(session, PAUL)))
    second = make_unit(session, scene.definition_id)

    record(session, scene.use(unit_number=second.number))

    assert derogations.count_places(session, scene.derogation_id) == 1
    recap = recaps.gather(
        session, session.get_one(Derogation, scene.derogation_id), period=(TODAY, TODAY), least_count=1
    )
    assert recap.use_count == 1
    assert [(line.state, line.count) for line in recap.units] == [(UnitState.FAILED, 1)]
    view = recalls.recall(session, lot_number="A1")
    assert [line.number for line in view.carriers] == [second.number]
    assert {(place.state, place.count) for place in view.places} == {(UnitState.FAILED, 1), (UnitState.USED, 1)}


def test_a_unit_on_hold_that_was_opened_is_recorded_too_and_its_holds_close(session: Session, scene: Scene) -> None:
    device_service.open_hold(session, db.new_id(), number=scene.unit.number, hold=a_hold(), actor=ALICE, now=NOW)
    session.flush()  # the act reads it

    fail(session, a_failure(scene))

    assert devices.get_unit(session, scene.unit.number).holds == ()
    (hold,) = devices.list_holds(session, scene.unit.id)
    assert hold.close_reason == "not-implanted"


def test_what_was_used_is_not_opened_again_and_what_failed_does_not_fail_twice(session: Session, scene: Scene) -> None:
    record(session, scene.use())
    other = make_unit(session, scene.definition_id)
    fail(session, a_failure(scene, unit_number=other.number))

    for number in (scene.unit.number, other.number):
        with pytest.raises(EventNotPossible):
            fail(session, a_failure(scene, unit_number=number))


def test_the_same_failure_sent_again_is_one_and_another_under_its_number_is_refused(
    session: Session, scene: Scene
) -> None:
    failure_id, new = db.new_id(), a_failure(scene)
    before = [fail(session, new, failure_id).id, len(actions(session))]

    assert [fail(session, new, failure_id).id, len(actions(session))] == before
    with pytest.raises(RequestIdReused):
        fail(session, replace(new, cause=FailureCause.SIZE), failure_id)


def test_who_may_not_record_uses_records_no_failure_and_another_hospital_sees_none(
    session: Session, scene: Scene
) -> None:
    for actor in (ALICE, FANNY):
        with pytest.raises(NotPermitted):
            make_failure(session, scene.unit.number, actor=actor)
    with pytest.raises(PatientNotFound):
        fail(session, a_failure(scene, patient_id=db.new_id()))
    failure = fail(session, a_failure(scene))

    enter(session, HOSPITAL_B)
    assert queries.find_failure(session, failure.device_id) is None


def test_a_use_and_a_failure_of_one_unit_at_once_are_one_of_them(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        scene = make_scene(session)

    def use() -> None:
        with db.transaction(database, HOSPITAL_A) as session:
            record(session, scene.use())

    def drop() -> None:
        with db.transaction(database, HOSPITAL_A) as session:
            fail(session, a_failure(scene))

    answers = at_once([use, drop])

    assert answers in (["unit-event-impossible", "written"], ["use-refused", "written"])


def test_an_explanted_device_is_told_apart_in_a_recall(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())
    other = record(session, scene.use(unit_number=make_unit(session, scene.definition_id).number))

    explantation = explant(session, use.id)

    view = recalls.recall(session, lot_number="A1")
    assert [line.use_id for line in view.carriers] == [other.id]
    assert {line.use_id: line.explanted_on for line in view.uses} == {use.id: TODAY, other.id: None}
    assert (explantation.patient_id, explantation.operator_name, explantation.note) == (
        scene.patient_id,
        CHARLIE.display_name,
        "moved",
    )
    assert actions(session)[-1] == "explantation:recorded"
    kinds = [entry.kind for entry in chronicle.chronicle_of(session, scene.unit, actor=CHARLIE).entries]
    assert kinds[-1] is Kind.EXPLANTATION


def test_an_explantation_keeps_what_was_used(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())
    explant(session, use.id)

    assert devices.get_unit(session, scene.unit.number).state is UnitState.USED
    assert derogations.count_places(session, scene.derogation_id) == 1
    derogation = session.get_one(Derogation, scene.derogation_id)
    assert recaps.gather(session, derogation, period=(TODAY, TODAY), least_count=1).use_count == 1


def test_who_carries_nothing_any_more_is_not_told_of_the_end_of_a_derogation(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())
    assert effects._implanted(session, scene.derogation_id) == [scene.patient_id]

    explant(session, use.id)

    assert effects._implanted(session, scene.derogation_id) == []


def test_a_device_is_taken_out_once(session: Session, scene: Scene) -> None:
    use, one_id = record(session, scene.use()), db.new_id()
    first = explant(session, use.id, one_id)

    assert explant(session, use.id, one_id).id == first.id
    with pytest.raises(AlreadyExplanted):
        explant(session, use.id)
    with pytest.raises(RequestIdReused):
        explant(session, use.id, one_id, cause=ExplantationCause.PAIN)
    with pytest.raises(UseNotFound):
        explant(session, db.new_id())


def test_a_device_is_taken_out_elsewhere_by_somebody_who_has_no_account(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())

    explantation = explant(session, use.id, operator_id=None, elsewhere=" Dr Else, Lyon ")

    assert (explantation.operator_id, explantation.operator_name) == (None, "Dr Else, Lyon")


def test_who_may_not_record_uses_takes_nothing_out_and_nothing_is_rewritten(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())
    with pytest.raises(NotPermitted):
        make_explantation(session, use.id, actor=ALICE)
    explantation = explant(session, use.id)

    later = update(Explantation).where(Explantation.id == explantation.id).values(explanted_on=TODAY + timedelta(1))
    with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
        session.execute(later)


def test_two_people_who_take_one_device_out_at_once_write_it_once(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        use_id = record(session, make_scene(session).use()).id

    def act() -> None:
        with db.transaction(database, HOSPITAL_A) as session:
            explant(session, use_id)

    assert at_once([act, act]) == ["already-explanted", "written"]


def test_a_recall_asks_as_many_statements_as_before(session: Session, scene: Scene) -> None:
    counts = []
    for _more in range(3):
        unit = make_unit(session, scene.definition_id)
        explant(session, record(session, scene.use(unit_number=unit.number)).id)
        with counted(session) as statements:
            recalls.recall(session, lot_number="A1")
        counts.append(len(statements))

    assert set(counts) == {3}


def test_the_statements_of_both_acts_do_not_grow(session: Session, scene: Scene) -> None:
    failures, explantations = [], []
    for _more in range(3):
        lost, worn = (make_unit(session, scene.definition_id) for _unit in range(2))
        use_id = record(session, scene.use(unit_number=worn.number)).id
        session.flush()  # what a test wrote is not counted with the act
        with counted(session) as statements:
            fail(session, a_failure(scene, unit_number=lost.number, stage=Stage.TRIED, patient_id=scene.patient_id))
        failures.append(len(statements))
        with counted(session) as statements:
            explant(session, use_id)
        explantations.append(len(statements))

    assert (len(set(failures[1:])), len(set(explantations[1:]))) == (1, 1)
    assert max(failures) <= 16
    assert max(explantations) <= 14
