"""Suspensions, uses under a cap, deliveries, returns and blocks at one instant: nobody waits in a circle (0023).

PostgreSQL ends one of two that wait for each other: that would be an error of the database here, not one of ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread
from uuid import UUID

import pytest
from sqlalchemy import select, text

from tests.care import make_consent, make_patient
from tests.hospital import ALICE, BOB, HOSPITAL_A, NOW, TODAY
from tests.integration.test_use_service import PAUL, Scene, make_scene, record
from tests.stock import a_hold, make_delivery, make_derogation, make_unit
from tracker import db
from tracker.db import Session
from tracker.derogations import queries as derogations
from tracker.derogations.rules import DecisionKind
from tracker.derogations.service import NewDecision
from tracker.devices import queries as devices
from tracker.devices.queries import UnitView
from tracker.devices.rules import UnitState
from tracker.effects import service
from tracker.errors import TraceError
from tracker.lots import service as lots
from tracker.lots.models import LotHold
from tracker.use.service import NewUse, RegisterChanged

Act = Callable[[Session], object]


def at_once(database: db.Database, acts: Sequence[Act]) -> list[str]:
    """Run each act in a transaction of its own, all at once, and return what became of each, in their order."""
    answers = [""] * len(acts)
    start = Barrier(len(acts))

    def run(place: int) -> None:
        start.wait()
        try:
            with db.transaction(database, HOSPITAL_A) as session:
                acts[place](session)
            answers[place] = "written"
        except TraceError as refused:
            answers[place] = refused.code
        except Exception as error:  # noqa: BLE001 - the answer of a thread
            answers[place] = f"{type(error).__name__}: {error}"

    threads = [Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


_WAITING = text("select count(*), pg_sleep(0.01) from pg_locks where locktype = 'advisory' and not granted")


def wait_until_somebody_waits(database: db.Database) -> None:
    """Go on once a transaction of another thread waits for a lock."""
    with db.transaction(database, HOSPITAL_A) as session:
        assert any(session.execute(_WAITING).scalar() for _look in range(1000))


def uses_of(session: Session, scene: Scene, *, count: int) -> list[NewUse]:
    """Return uses that the gate lets through, each of a unit and for a patient of its own."""
    uses = []
    for number in range(count):
        patient = make_patient(session, replace(PAUL, ipp=f"80000000{number:02}"))
        make_consent(session, patient, scene.derogation_id)
        unit = make_unit(session, scene.definition_id)
        uses.append(scene.use(unit_number=unit.number, patient_id=patient))
    return uses


def using(new: NewUse) -> Act:
    return lambda session: record(session, new)


def delivering(unit: UnitView) -> Act:
    return lambda session: make_delivery(session, unit.number)


def deciding(scene: Scene, kind: DecisionKind, **changes: object) -> Act:
    def act(session: Session) -> object:
        told = {"derogation_id": scene.derogation_id, "kind": kind, "effective_from": TODAY} | changes
        new = NewDecision(**told)  # type: ignore[arg-type] # names of fields
        return service.record_decision(
            session, db.new_id(), new=new, public_url="", actor=ALICE, now=NOW + timedelta(seconds=1), today=TODAY
        )

    return act


def applying(scene: Scene) -> Act:
    return lambda session: service.apply(
        session, scene.derogation_id, public_url="", actor=ALICE, now=NOW + timedelta(seconds=2), today=TODAY
    )


def holding_the_lot(scene: Scene) -> Act:
    return lambda session: lots.hold_lot(
        session,
        definition_id=scene.definition_id,
        lot_number="A1",
        serial_device_id=scene.unit.id,
        hold=a_hold("notice"),
        actor=BOB,
        now=NOW,
    )


def releasing(block: UUID) -> Act:
    return lambda session: lots.release_lot(session, block, reason="notice withdrawn", actor=ALICE, now=NOW)


@pytest.mark.parametrize("attempt", range(4))
def test_a_suspension_and_uses_under_a_cap_at_once_end_without_a_deadlock(database: db.Database, attempt: int) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        scene = make_scene(session, patient_cap=6)
        uses = uses_of(session, scene, count=10)
        shelf = [make_unit(session, scene.definition_id) for _unit in range(6)]
    acts = [*map(using, uses), *map(delivering, shelf), applying(scene)]
    acts.insert(attempt * 4, deciding(scene, DecisionKind.SUSPENDED))

    answers = dict(zip(acts, at_once(database, acts), strict=True))

    assert set(answers.values()) <= {"written", "use-refused", "unit-on-hold", "delivery-not-covered"}
    assert answers[acts[attempt * 4]] == "written"
    with db.transaction(database, HOSPITAL_A) as session:
        numbers = [new.unit_number for new in uses] + [unit.number for unit in shelf]
        after = [devices.get_unit(session, number) for number in numbers]
        places = derogations.count_places(session, scene.derogation_id)
    assert not any(unit.is_usable for unit in after)
    assert sum(unit.state is UnitState.USED for unit in after) == places <= 6
    assert all(unit.holds for unit in after if unit.state is not UnitState.USED)


@pytest.mark.parametrize("attempt", range(4))
def test_blocks_on_the_lot_and_the_end_of_a_suspension_at_once_end_without_a_deadlock(
    database: db.Database, attempt: int
) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        scene = make_scene(session)
        shelf = [make_unit(session, scene.definition_id) for _unit in range(8)]
        deciding(scene, DecisionKind.SUSPENDED, effective_from=TODAY - timedelta(days=1))(session)
        holding_the_lot(scene)(session)
        block = session.scalars(select(LotHold.id)).one()
    acts = [releasing(block), deciding(scene, DecisionKind.REINSTATED), holding_the_lot(scene), applying(scene)]
    acts += [delivering(unit) for unit in (shelf if attempt % 2 else shelf[::-1])]

    answers = at_once(database, acts)

    assert answers[:4] == ["written"] * 4
    assert set(answers[4:]) <= {"written", "unit-on-hold", "delivery-not-covered"}


def test_a_use_that_another_derogation_covers_meanwhile_is_not_written_and_says_to_send_it_again(
    database: db.Database,
) -> None:
    """The use has chosen what to lock and waits for it; meanwhile that derogation is withdrawn and another begins."""
    with db.transaction(database, HOSPITAL_A) as session:
        scene = make_scene(session)
    answers: list[str] = []

    def use() -> None:
        answers.extend(at_once(database, [using(scene.use())]))

    with db.transaction(database, HOSPITAL_A) as session:
        derogations.lock_derogation(session, scene.derogation_id)
        waiting = Thread(target=use)
        waiting.start()
        wait_until_somebody_waits(database)
        other = make_derogation(session, scene.manufacturer_id)
        make_consent(session, scene.patient_id, other)
        deciding(scene, DecisionKind.WITHDRAWN)(session)
    waiting.join()

    assert answers == [RegisterChanged.code]
    with db.transaction(database, HOSPITAL_A) as session:
        assert devices.get_unit(session, scene.unit.number).state is UnitState.RELEASED
