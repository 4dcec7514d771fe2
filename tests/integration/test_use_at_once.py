"""Two people at the gate at once: one unit is used once, one form is one use, the last place is given once."""

from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Thread
from uuid import UUID

from tests.care import make_consent, make_patient
from tests.hospital import HOSPITAL_A
from tests.integration.test_use_service import PAUL, count, make_scene, record
from tests.stock import make_unit
from tracker import db
from tracker.derogations import queries as derogations
from tracker.use.rules import FINDINGS, UseRefused
from tracker.use.service import NewUse


def at_once(acts: list[Callable[[], object]]) -> list[str]:
    """Run all acts at once and return what became of each, sorted."""
    answers: list[str] = []
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        start.wait()
        try:
            act()
            answers.append("written")
        except UseRefused as refused:
            answers.append(next(f.code for f in refused.findings if FINDINGS[f.code].blocks))

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answers)


def recording(database: db.Database, new: NewUse, use_id: UUID) -> Callable[[], object]:
    def act() -> UUID:
        with db.transaction(database, HOSPITAL_A) as session:
            return record(session, new, use_id=use_id).id

    return act


def test_two_people_using_one_unit_at_once_use_it_once(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        scene = make_scene(session)

    answers = at_once([recording(database, scene.use(), db.new_id()) for _one in range(2)])

    assert answers == ["unit-already-used", "written"]
    with db.transaction(database, HOSPITAL_A) as session:
        assert count(session) == 1


def test_one_form_sent_twice_at_once_is_one_use(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        scene = make_scene(session)
    use_id = db.new_id()

    assert at_once([recording(database, scene.use(), use_id) for _one in range(2)]) == ["written", "written"]
    with db.transaction(database, HOSPITAL_A) as session:
        assert count(session) == 1


def test_the_last_place_under_a_cap_is_given_once(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        scene = make_scene(session, patient_cap=1)
        paul = make_patient(session, PAUL)
        make_consent(session, paul, scene.derogation_id)
        second = make_unit(session, scene.definition_id)
    uses = [scene.use(), scene.use(unit_number=second.number, patient_id=paul)]

    answers = at_once([recording(database, new, db.new_id()) for new in uses])

    assert answers == ["patient-cap-reached", "written"]


def test_twenty_at_once_under_a_cap_of_three_count_three_patients(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        scene = make_scene(session, patient_cap=3)
        uses = [scene.use()]
        for number in range(19):
            patient = make_patient(session, replace(PAUL, ipp=f"80000000{number:02}"))
            make_consent(session, patient, scene.derogation_id)
            unit = make_unit(session, scene.definition_id)
            uses.append(scene.use(unit_number=unit.number, patient_id=patient))

    answers = at_once([recording(database, new, db.new_id()) for new in uses])

    assert answers == ["patient-cap-reached"] * 17 + ["written"] * 3
    with db.transaction(database, HOSPITAL_A) as session:
        assert (count(session), derogations.count_places(session, scene.derogation_id)) == (3, 3)
