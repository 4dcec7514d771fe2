"""Equipment and software after a use: in service, asked about at every use, updated, moved, returned, recalled."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.bench import counted
from tests.care import make_consent, make_patient
from tests.everything import INCIDENT
from tests.hospital import ALICE, CHARLIE, HOSPITAL_A, NOW, THEATRE, TODAY
from tests.integration.test_use_at_once import at_once, recording
from tests.integration.test_use_service import PAUL, Scene, make_scene, record
from tests.stock import make_decision, make_delivery, make_unit
from tracker import db
from tracker.catalogue.rules import DeviceKind
from tracker.chronicle import queries as chronicle
from tracker.chronicle.rules import Kind
from tracker.derogations.models import Derogation
from tracker.derogations.rules import DecisionKind, DerogationKind
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.rules import Event, HoldCause, NewHold, UnitState
from tracker.recalls import queries as recalls
from tracker.recaps import queries as recaps
from tracker.upkeep import service as upkeep
from tracker.upkeep.rules import Change, NewPlace, NewUpdate
from tracker.use import queries
from tracker.use.models import DeviceUse
from tracker.use.rules import FINDINGS, Intervention, UseRefused
from tracker.use.service import NewUse
from tracker.vigilance import service as incidents
from tracker.vigilance.service import NewIncident

IN_SERVICE = [DeviceKind.EQUIPMENT, DeviceKind.SOFTWARE]


def scene_of(session: Session, kind: DeviceKind) -> Scene:
    """Return a unit of equipment or software in theatre that everything allows, for Marie."""
    scene = make_scene(session, device_kind=kind, kind=DerogationKind.GLOBAL)
    deliver(session, scene, db.new_id())
    return replace(scene, unit=devices.get_unit(session, scene.unit.number))


def deliver(session: Session, scene: Scene, movement_id: UUID) -> None:
    make_delivery(session, scene.unit.number, movement_id=movement_id)


def other_use(session: Session, scene: Scene, **changes: object) -> NewUse:
    """Return a use for Paul, who consented."""
    paul = make_patient(session, PAUL)
    make_consent(session, paul, scene.derogation_id)
    return scene.use(patient_id=paul, intervention=Intervention.OTHER, implanted_system="", **changes)


def reasons(refused: UseRefused) -> list[str]:
    return [finding.code for finding in refused.findings if FINDINGS[finding.code].blocks]


@pytest.mark.parametrize("kind", IN_SERVICE)
def test_it_stays_where_it_was_and_every_use_keeps_its_patient(session: Session, kind: DeviceKind) -> None:
    scene = scene_of(session, kind)
    new = other_use(session, scene)

    first, second = record(session, scene.use()), record(session, new)

    unit = devices.get_unit(session, scene.unit.number)
    assert (unit.state, unit.ward_id, unit.is_usable) == (UnitState.DELIVERED, THEATRE, True)
    uses = queries.list_uses_of_device(session, unit.id, limit=9)
    assert [(use.id, use.ordinal, use.patient_id) for use in uses] == [
        (second.id, 2, new.patient_id),
        (first.id, 1, scene.patient_id),
    ]
    assert [event.event for event in devices.life_of(session, unit.id)][-2:] == [Event.USE_IN_SERVICE] * 2


@pytest.mark.parametrize("kind", [kind for kind in DeviceKind if kind not in IN_SERVICE])
def test_anything_else_ends_with_its_use_and_its_label_is_refused_from_then_on(
    session: Session, kind: DeviceKind
) -> None:
    scene = make_scene(session, device_kind=kind, kind=DerogationKind.GLOBAL)
    record(session, scene.use())

    with pytest.raises(UseRefused) as refused:
        record(session, other_use(session, scene))

    assert reasons(refused.value) == ["unit-already-used"]
    assert devices.get_unit(session, scene.unit.number).state is UnitState.USED


def test_the_database_itself_refuses_a_second_use_of_what_a_use_ends(session: Session) -> None:
    scene = make_scene(session)
    use = record(session, scene.use())
    columns = {column.name: getattr(use, column.name) for column in DeviceUse.__table__.columns}

    with pytest.raises(IntegrityError, match="uq_device_use_device_id_ordinal"), session.begin_nested():
        session.execute(
            insert(DeviceUse).values(columns | {"id": db.new_id(), "ordinal": queries.next_ordinal(scene.unit)})
        )


def test_every_use_passes_the_whole_gate(session: Session) -> None:
    scene = scene_of(session, DeviceKind.SOFTWARE)
    record(session, scene.use())
    held = NewHold(HoldCause.PHARMACIST, "wrong result", "test")
    hold = device_service.open_hold(session, db.new_id(), number=scene.unit.number, hold=held, actor=ALICE, now=NOW)
    session.flush()  # the gate reads it
    make_decision(session, scene.derogation_id, DecisionKind.SUSPENDED, effective_from=TODAY)
    nobody_asked = make_patient(session, replace(PAUL, ipp="8007777777"))

    with pytest.raises(UseRefused) as refused:
        record(session, scene.use(patient_id=nobody_asked))

    assert reasons(refused.value) == ["unit-on-hold", "derogation-suspended", "consent-missing"]
    device_service.release_hold(session, hold.id, reason="checked", actor=ALICE, now=NOW)
    with pytest.raises(UseRefused) as refused:
        record(session, scene.use())
    assert reasons(refused.value) == ["derogation-suspended"]


def test_used_software_is_updated_and_an_update_that_nothing_covers_stops_the_next_use(session: Session) -> None:
    scene = scene_of(session, DeviceKind.SOFTWARE)
    record(session, scene.use())

    for version, change in (("2.1", Change.MINOR), ("3.0", Change.MAJOR)):
        new = NewUpdate(version, change, TODAY)
        upkeep.record_update(session, db.new_id(), number=scene.unit.number, new=new, actor=ALICE, now=NOW, today=TODAY)

    assert devices.get_unit(session, scene.unit.number).software_version == "3.0"
    with pytest.raises(UseRefused) as refused:
        record(session, scene.use())
    assert reasons(refused.value) == ["unit-on-hold"]


def test_used_equipment_is_moved_comes_back_and_goes_out_again(session: Session) -> None:
    scene = scene_of(session, DeviceKind.EQUIPMENT)
    record(session, scene.use())

    place = NewPlace("Theatre 4", TODAY)
    upkeep.record_place(session, db.new_id(), number=scene.unit.number, new=place, actor=ALICE, now=NOW, today=TODAY)
    back = {"doubt": "", "returned_by": "", "actor": ALICE, "now": NOW, "today": TODAY}
    state = device_service.return_unit(session, scene.unit.number, movement_id=db.new_id(), **back)  # type: ignore[arg-type]
    assert state is UnitState.RELEASED
    deliver(session, scene, db.new_id())

    record(session, scene.use())
    assert len(queries.list_uses_of_device(session, scene.unit.id, limit=9)) == 2


def test_a_recall_names_every_patient_of_a_unit_and_counts_the_unit_once(session: Session) -> None:
    scene = scene_of(session, DeviceKind.EQUIPMENT)
    new = other_use(session, scene, used_on=TODAY)
    for use in (scene.use(), new, scene.use()):
        record(session, use)
    make_unit(session, scene.definition_id)

    view = recalls.recall(session, lot_number="A1")

    assert [line.patient.id for line in view.carriers if line.patient] == [
        scene.patient_id,
        new.patient_id,
        scene.patient_id,
    ]
    assert len(view.units) == 2
    assert view.usable_count == 2
    assert sum(place.count for place in view.places) == 2


def test_a_recap_counts_every_use_and_each_incident_once(session: Session) -> None:
    scene = scene_of(session, DeviceKind.EQUIPMENT)
    for _twice in range(2):
        record(session, scene.use())
    declared = NewIncident(scene.unit.number, scene.patient_id, INCIDENT)
    incidents.declare(session, db.new_id(), new=declared, actor=ALICE, now=NOW, today=TODAY)
    derogation = session.get_one(Derogation, scene.derogation_id)

    recap = recaps.gather(session, derogation, period=(TODAY - timedelta(days=1), TODAY), least_count=1)

    assert (recap.use_count, len(recap.incidents)) == (2, 1)


def test_the_life_of_a_unit_tells_every_use(session: Session) -> None:
    scene = scene_of(session, DeviceKind.EQUIPMENT)
    ids = [record(session, scene.use()).id for _one in range(3)]

    told = chronicle.chronicle_of(session, scene.unit, actor=CHARLIE)

    assert [entry.source_id for entry in told.entries if entry.kind is Kind.USE] == ids


def test_the_use_an_incident_is_about_is_the_last_one_for_its_patient(session: Session) -> None:
    scene = scene_of(session, DeviceKind.EQUIPMENT)
    new = other_use(session, scene)
    first, last, other = (record(session, use) for use in (scene.use(), scene.use(), new))

    def about(patient_id: UUID | None, days_ago: int = 0) -> DeviceUse | None:
        return queries.find_use(session, scene.unit, patient_id=patient_id, day=TODAY - timedelta(days_ago))

    assert (about(scene.patient_id), about(new.patient_id)) == (last, other)
    assert (about(None), about(scene.patient_id, 1), about(db.new_id())) == (None, None, None)
    assert first.ordinal == 1


def test_the_same_form_twice_is_one_use_of_equipment_too(session: Session) -> None:
    scene = scene_of(session, DeviceKind.EQUIPMENT)
    new, use_id = scene.use(), db.new_id()

    assert {record(session, new, use_id=use_id).id for _twice in range(2)} == {use_id}
    assert len(queries.list_uses_of_device(session, scene.unit.id, limit=9)) == 1


def test_ten_uses_of_one_unit_at_once_are_ten_uses_and_one_form_sent_twice_is_one(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        scene = scene_of(session, DeviceKind.EQUIPMENT)
    same = db.new_id()
    acts = [recording(database, scene.use(), use_id) for use_id in (same, same, *[db.new_id() for _one in range(8)])]

    assert at_once(acts) == ["written"] * 10
    with db.transaction(database, HOSPITAL_A) as session:
        ordinals = [use.ordinal for use in queries.list_uses_of_device(session, scene.unit.id, limit=99)]
    assert ordinals == list(range(9, 0, -1))


@pytest.mark.parametrize("kind", [DeviceKind.IMPLANT, DeviceKind.EQUIPMENT])
def test_the_statements_of_a_use_are_as_many_whatever_was_used_before(session: Session, kind: DeviceKind) -> None:
    scene = make_scene(session, device_kind=kind, kind=DerogationKind.GLOBAL, patient_cap=9)
    units = [scene.unit if kind is DeviceKind.EQUIPMENT else make_unit(session, scene.definition_id) for _n in range(6)]
    counts = []
    for unit in units:
        session.flush()  # what a test wrote is not counted with the act
        with counted(session) as statements:
            record(session, scene.use(unit_number=unit.number))
        counts.append(len(statements))

    assert set(counts) == {STATEMENTS}


STATEMENTS = 24
"""Of a use under a cap, with everything the gate asks."""
