"""Uses that were entered wrongly: nothing is rewritten, and everything that counts or lists uses follows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from tests.bench import counted
from tests.care import make_consent, make_explantation, make_patient
from tests.everything import INCIDENT
from tests.hospital import ALICE, BOB, CHARLIE, DORA, FANNY, HOSPITAL_A, HOSPITAL_B, NOW, THEATRE, TODAY, enter
from tests.integration.test_outcome_service import at_once
from tests.integration.test_use_service import PAUL, Scene, actions, make_scene, record
from tests.stock import make_decision, make_delivery, make_unit
from tracker import db
from tracker.actor import system_actor
from tracker.alerts import queries as alerts
from tracker.audit.models import AuditEntry
from tracker.catalogue.rules import DeviceKind
from tracker.chronicle import queries as chronicle
from tracker.chronicle.rules import Kind
from tracker.consents.rules import ConsentEventKind
from tracker.corrections import service
from tracker.corrections.rules import Amendment, CorrectionInvalid, UseCorrected, UseExplanted, Whereabouts
from tracker.derogations import queries as derogations
from tracker.derogations import service as register
from tracker.derogations.models import Derogation
from tracker.derogations.rules import DecisionKind, DerogationKind
from tracker.derogations.service import NewDecision
from tracker.devices import queries as devices
from tracker.devices.models import Movement
from tracker.devices.rules import Event, HoldCause, NewHold, UnitState
from tracker.effects import queries as effects
from tracker.errors import NotPermitted, RequestIdReused
from tracker.examinations import queries as examinations
from tracker.examinations import service as examination_service
from tracker.examinations.rules import NewOutcome, OutcomeKind
from tracker.lots import service as lots
from tracker.outcomes import queries as outcomes
from tracker.outcomes.rules import UseWithdrawn
from tracker.recalls import queries as recalls
from tracker.recaps import queries as recaps
from tracker.terms.rules import Conditions, FollowUp
from tracker.use import queries as uses
from tracker.use.models import DeviceUse, UseCorrection
from tracker.use.queries import UseNotFound
from tracker.use.rules import Intervention, Side, UseDayInvalid, UseRefused
from tracker.vigilance import queries as vigilance
from tracker.vigilance import service as incidents
from tracker.vigilance.service import NewIncident

TOMORROW = TODAY + timedelta(days=1)
RIGHT = Amendment(TODAY, CHARLIE.id, THEATRE, Side.RIGHT, Intervention.PARTIAL_REVISION, "SCORE, 2011", "worn insert")


@pytest.fixture
def scene(session: Session) -> Scene:
    """Everything holds, and the unit is in theatre."""
    return in_theatre(session, make_scene(session))


def in_theatre(session: Session, scene: Scene) -> Scene:
    make_delivery(session, scene.unit.number)
    return replace(scene, unit=devices.get_unit(session, scene.unit.number))


def amend(session: Session, use_id: UUID, *, one_id: UUID | None = None, **changes: object) -> DeviceUse:
    new = replace(RIGHT, **changes)  # type: ignore[arg-type] # names of fields
    now, today = NOW + (new.used_on - TODAY), max(TODAY, min(new.used_on, TOMORROW))
    return service.amend_use(
        session, one_id or db.new_id(), use_id=use_id, new=new, why=" wrong side ", actor=DORA, now=now, today=today
    )


def withdraw(
    session: Session,
    use_id: UUID,
    *,
    one_id: UUID | None = None,
    whereabouts: Whereabouts = Whereabouts.WARD,
    why: str = "wrong unit",
) -> UnitState:
    return service.withdraw_use(
        session,
        one_id or db.new_id(),
        use_id=use_id,
        why=why,
        whereabouts=whereabouts,
        actor=ALICE,
        now=NOW,
        today=TODAY,
    )


def use_count(session: Session, scene: Scene) -> int:
    derogation = session.get_one(Derogation, scene.derogation_id)
    return recaps.gather(session, derogation, period=(TODAY, TOMORROW), least_count=1).use_count


def carriers(session: Session) -> list[UUID | None]:
    return [line.use_id for line in recalls.recall(session, lot_number="A1").carriers]


def logged(session: Session) -> list[UUID]:
    return [line.use.id for line in uses.list_uses(session, before=None, limit=9)]


def test_a_corrected_side_stands_and_the_wrong_record_is_kept_as_it_was(session: Session, scene: Scene) -> None:
    wrong = record(session, scene.use())

    right = amend(session, wrong.id)

    assert (right.side, right.origin_id, right.recorded_by_name) == (Side.RIGHT, wrong.id, DORA.display_name)
    assert (right.patient_id, right.device_id, right.derogation_id, right.consent_event_id) == (
        wrong.patient_id,
        wrong.device_id,
        wrong.derogation_id,
        wrong.consent_event_id,
    )
    session.expire_all()
    assert uses.get_use(session, wrong.id).use.side is Side.LEFT
    correction = uses.find_correction(session, wrong.id)
    assert correction is not None
    assert (correction.replacement_id, correction.reason) == (right.id, "wrong side")
    assert [one.id for one in uses.list_records(session, right)] == [wrong.id, right.id]
    assert uses.find_standing(session, wrong.id) == right == uses.find_standing(session, right.id)


def test_what_counts_and_lists_uses_follows_a_corrected_record(session: Session, scene: Scene) -> None:
    wrong = record(session, scene.use())

    right = amend(session, wrong.id, used_on=TOMORROW)

    assert use_count(session, scene) == 1
    assert carriers(session) == logged(session) == [right.id]
    assert [line.use.id for line in uses.list_uses_of_patient(session, scene.patient_id)] == [right.id]
    assert uses.find_use(session, scene.unit, patient_id=None, day=TODAY) == right
    assert derogations.count_places(session, scene.derogation_id) == 1
    assert devices.get_unit(session, scene.unit.number).state is UnitState.USED
    entries = chronicle.chronicle_of(session, scene.unit, actor=CHARLIE).entries
    assert {entry.source_id for entry in entries if entry.kind is Kind.USE} == {wrong.id, right.id}
    assert [entry.source_id for entry in entries if entry.kind is Kind.CORRECTION] == [wrong.id]


def test_a_correction_stands_in_the_trail_with_what_changed_and_why(session: Session, scene: Scene) -> None:
    wrong = record(session, scene.use())

    right = amend(session, wrong.id, used_on=TOMORROW)

    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.sequence.desc()).limit(1)).one()
    assert (entry.action, entry.subject) == ("use:amended", f"use:{wrong.id}")
    assert entry.details == {
        "replacement": str(right.id),
        "changed": "used_on,side,reason",
        "reason": "wrong side",
        "gate": "open",
    }


def test_a_corrected_day_on_which_the_gate_was_closed_is_recorded_and_says_so(session: Session, scene: Scene) -> None:
    wrong = record(session, scene.use())
    make_decision(session, scene.derogation_id, DecisionKind.SUSPENDED, effective_from=TOMORROW)

    right = amend(session, wrong.id, used_on=TOMORROW)

    codes = [finding["code"] for finding in right.findings]
    assert codes[0] == "derogation-suspended"
    assert "unit-already-used" not in codes
    assert "consent-in-force" in codes


def test_a_correction_is_corrected_again_and_the_chain_has_one_end(session: Session, scene: Scene) -> None:
    first = record(session, scene.use())
    second = amend(session, first.id)
    third = amend(session, second.id, side=Side.NOT_APPLICABLE)

    assert [use.ordinal for use in uses.list_records(session, third)] == [1, 2, 3]
    assert uses.find_standing(session, first.id) == third
    with pytest.raises(UseCorrected):
        amend(session, first.id)
    with pytest.raises(UseCorrected):
        withdraw(session, second.id)


def test_the_same_correction_sent_again_is_one_and_another_under_its_number_is_refused(
    session: Session, scene: Scene
) -> None:
    use, one_id = record(session, scene.use()), db.new_id()
    made = amend(session, use.id, one_id=one_id)
    before = actions(session)

    assert amend(session, use.id, one_id=one_id).id == made.id
    assert actions(session) == before
    for act in (
        lambda: amend(session, use.id, one_id=one_id, side=Side.NOT_APPLICABLE),
        lambda: withdraw(session, use.id, one_id=one_id),
        lambda: amend(session, made.id, one_id=one_id),
    ):
        with pytest.raises(RequestIdReused):
            act()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"used_on": TODAY + timedelta(2)}, UseDayInvalid),
        ({"used_on": TODAY - timedelta(999)}, UseDayInvalid),
        ({"side": Side.LEFT, "reason": "worn insert, the rest is sound"}, CorrectionInvalid),
    ],
)
def test_what_cannot_be_or_changes_nothing_is_refused(
    session: Session, scene: Scene, changes: dict[str, object], error: type[Exception]
) -> None:
    use = record(session, scene.use())

    with pytest.raises(error):
        amend(session, use.id, **changes)
    with pytest.raises(UseNotFound):
        amend(session, db.new_id())
    assert session.scalar(select(func.count()).select_from(UseCorrection)) == 0


def test_a_unit_that_was_not_used_is_with_its_ward_again_and_can_be_used(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())

    state = withdraw(session, use.id)

    unit = devices.get_unit(session, scene.unit.number)
    assert (state, unit.state, unit.ward_id, unit.holds) == (UnitState.DELIVERED, UnitState.DELIVERED, THEATRE, ())
    assert devices.life_of(session, unit.id)[-1].event is Event.USE_CORRECTED
    assert actions(session)[-2:] == ["unit:unused", "use:withdrawn"]
    assert (use_count(session, scene), carriers(session), logged(session)) == (0, [], [])
    assert uses.find_standing(session, use.id) is None
    again = record(session, scene.use())
    assert (again.ordinal, carriers(session)) == (2, [again.id])
    with pytest.raises(UseRefused, match="already recorded as used"):
        record(session, scene.use())


def test_the_database_itself_refuses_a_second_use_after_a_correction_too(session: Session, scene: Scene) -> None:
    use = amend(session, record(session, scene.use()).id)
    columns = {column.name: getattr(use, column.name) for column in DeviceUse.__table__.columns}

    with pytest.raises(IntegrityError, match="uq_device_use_device_id_ordinal"), session.begin_nested():
        session.execute(
            insert(DeviceUse).values(columns | {"id": db.new_id(), "ordinal": uses.next_ordinal(scene.unit)})
        )


def test_a_unit_that_nobody_has_seen_goes_into_quarantine(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())

    assert withdraw(session, use.id, whereabouts=Whereabouts.CHECK) is UnitState.QUARANTINED

    unit = devices.get_unit(session, scene.unit.number)
    assert (unit.state, unit.ward_id, unit.holds[0].reason) == (UnitState.QUARANTINED, None, "use-withdrawn")
    states = session.scalars(
        select(Movement.state_after).where(Movement.device_id == unit.id).order_by(Movement.at, Movement.id)
    ).all()
    assert states[-1] is unit.state
    with pytest.raises(UseRefused):
        record(session, scene.use())


def test_a_unit_of_a_lot_that_was_blocked_meanwhile_is_not_given_back(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())
    hold = NewHold(HoldCause.RECALL, "FSN 12", "test")
    lots.hold_lot(
        session,
        definition_id=scene.definition_id,
        lot_number="A1",
        serial_device_id=None,
        hold=hold,
        actor=ALICE,
        now=NOW,
    )
    make_decision(session, scene.derogation_id, DecisionKind.SUSPENDED, effective_from=TODAY)

    assert withdraw(session, use.id) is UnitState.QUARANTINED
    (held,) = devices.get_unit(session, scene.unit.number).holds
    assert held.reason == "lot-on-hold derogation-suspended"


def test_the_place_of_a_patient_without_any_other_use_is_free_again(session: Session) -> None:
    scene = in_theatre(session, make_scene(session, patient_cap=1))
    use = record(session, scene.use())
    paul = make_patient(session, PAUL)
    make_consent(session, paul, scene.derogation_id)

    withdraw(session, use.id)

    assert derogations.count_places(session, scene.derogation_id) == 0
    for_paul = record(session, scene.use(patient_id=paul))
    assert derogations.count_places(session, scene.derogation_id) == 1
    assert derogations.count_places_of(session, [scene.derogation_id]) == {scene.derogation_id: 1}
    with pytest.raises(UseRefused, match=r"is reached \(1\)"):
        record(session, scene.use(unit_number=make_unit(session, scene.definition_id).number))
    withdraw(session, for_paul.id)
    record(session, scene.use())
    assert derogations.count_places(session, scene.derogation_id) == 1


def test_a_patient_with_another_use_keeps_the_place(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())
    record(session, scene.use(unit_number=make_unit(session, scene.definition_id).number))

    withdraw(session, use.id)

    assert derogations.count_places(session, scene.derogation_id) == 1
    assert effects._implanted(session, scene.derogation_id) == [scene.patient_id]


def test_an_emergency_that_was_no_use_asks_for_no_information_any_more(session: Session) -> None:
    scene = in_theatre(session, make_scene(session, consents=False))
    make_consent(session, scene.patient_id, scene.derogation_id, kind=ConsentEventKind.EMERGENCY)
    use = record(session, scene.use())
    assert alerts.count_emergencies_to_inform(session) == 1

    withdraw(session, use.id)

    assert alerts.count_emergencies_to_inform(session) == 0


def test_an_incident_follows_the_record_that_stands(session: Session, scene: Scene) -> None:
    wrong, incident_id = record(session, scene.use()), db.new_id()
    declared = NewIncident(scene.unit.number, scene.patient_id, INCIDENT)
    incidents.declare(session, incident_id, new=declared, actor=BOB, now=NOW, today=TODAY)

    right = amend(session, wrong.id)
    assert vigilance.get_dossier(session, incident_id, known_at=NOW).use == right
    assert [line.incident.id for line in vigilance.list_incidents(session, under=scene.derogation_id)] == [incident_id]

    withdraw(session, right.id)
    assert vigilance.get_dossier(session, incident_id, known_at=NOW).use is None


def test_what_was_taken_out_of_a_patient_was_used_and_a_withdrawn_use_is_taken_out_of_nobody(
    session: Session, scene: Scene
) -> None:
    use = record(session, scene.use())
    other = record(session, scene.use(unit_number=make_unit(session, scene.definition_id).number))
    make_explantation(session, use.id)
    withdraw(session, other.id, whereabouts=Whereabouts.CHECK)

    with pytest.raises(UseExplanted):
        withdraw(session, use.id)
    with pytest.raises(UseWithdrawn):
        make_explantation(session, other.id)
    right = amend(session, use.id)
    assert (carriers(session), outcomes.find_explantation(session, right.device_id) is not None) == ([], True)


def test_a_wrong_use_of_equipment_is_taken_back_and_the_others_stand(session: Session) -> None:
    scene = in_theatre(session, make_scene(session, device_kind=DeviceKind.EQUIPMENT, kind=DerogationKind.GLOBAL))
    first, second = record(session, scene.use()), record(session, scene.use())

    assert withdraw(session, first.id, whereabouts=Whereabouts.CHECK) is UnitState.DELIVERED
    amended = amend(session, second.id)

    assert (carriers(session), amended.ordinal) == ([amended.id], 3)
    assert record(session, scene.use()).ordinal == 4


def test_who_may_correct_what(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())
    details = {"use_id": use.id, "why": "x", "now": NOW, "today": TODAY}

    for actor in (ALICE, BOB, FANNY):
        with pytest.raises(NotPermitted):
            service.amend_use(session, db.new_id(), new=RIGHT, actor=actor, **details)
    for actor in (BOB, CHARLIE, DORA, FANNY):
        with pytest.raises(NotPermitted):
            service.withdraw_use(session, db.new_id(), whereabouts=Whereabouts.WARD, actor=actor, **details)
    with pytest.raises(CorrectionInvalid):
        withdraw(session, use.id, why="  ")
    assert logged(session) == [use.id]


def test_no_correction_is_rewritten_nor_seen_elsewhere(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())
    withdraw(session, use.id)

    with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
        session.execute(update(UseCorrection).values(reason="another"))
    with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
        session.execute(text("update derogation_place set patient_id = patient_id"))
    enter(session, HOSPITAL_B)
    assert uses.find_correction(session, use.id) is None


def in_transactions(database: db.Database, *acts: Callable[[Session], object]) -> list[Callable[[], object]]:
    def run(act: Callable[[Session], object]) -> None:
        with db.transaction(database, HOSPITAL_A) as session:
            act(session)

    return [lambda act=act: run(act) for act in acts]  # type: ignore[misc] # a default that binds early


def test_two_corrections_of_one_use_at_once_are_one(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        use_id = record(session, in_theatre(session, make_scene(session)).use()).id
    acts = in_transactions(database, lambda session: amend(session, use_id), lambda session: withdraw(session, use_id))

    assert at_once(acts) == ["use-corrected", "written"]


def test_a_unit_given_back_while_its_lot_is_being_blocked_does_not_slip_through(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        scene = in_theatre(session, make_scene(session))
        use_id = record(session, scene.use()).id
    waiting = text("select exists (select from pg_locks where not granted)")
    (act,) = in_transactions(database, lambda session: withdraw(session, use_id))
    giver = Thread(target=act)

    with db.transaction(database, HOSPITAL_A) as session:
        lots.hold_lot(
            session,
            definition_id=scene.definition_id,
            lot_number="A1",
            serial_device_id=None,
            hold=NewHold(HoldCause.RECALL, "FSN 12", "test"),
            actor=ALICE,
            now=NOW,
        )
        giver.start()
        while giver.is_alive() and not session.scalar(waiting):
            pass  # until it waits for the lot, or has slipped through
    giver.join()

    with db.transaction(database, HOSPITAL_A) as session:
        assert not devices.get_unit(session, scene.unit.number).is_usable


def test_a_unit_given_back_and_used_at_once_never_stands_twice(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        scene = in_theatre(session, make_scene(session, patient_cap=1))
        use_id = record(session, scene.use()).id
    acts = in_transactions(
        database, lambda session: withdraw(session, use_id), lambda session: record(session, scene.use())
    )

    assert at_once(acts) in (["use-refused", "written"], ["written", "written"])
    with db.transaction(database, HOSPITAL_A) as session:
        assert len(logged(session)) <= 1
        assert derogations.count_places(session, scene.derogation_id) == len(logged(session))


def test_the_statements_of_a_correction_do_not_grow(session: Session, scene: Scene) -> None:
    use, counts = record(session, scene.use()), []
    for side in (Side.RIGHT, Side.NOT_APPLICABLE, Side.RIGHT, Side.LEFT):
        session.flush()  # what a test wrote is not counted with the act
        with counted(session) as statements:
            use = amend(session, use.id, side=side)
        counts.append(len(statements))

    assert len(set(counts[1:])) == 1
    assert max(counts) <= 30


def test_the_examinations_a_use_requires_follow_its_corrected_day_and_what_was_done_stays_done(
    session: Session, scene: Scene
) -> None:
    conditions = Conditions(follow_up=(FollowUp(12, "X-ray"),))
    changed = NewDecision(scene.derogation_id, DecisionKind.CONDITIONS_CHANGED, TODAY, conditions=conditions)
    register.record_decision(session, db.new_id(), new=changed, actor=ALICE, now=NOW)
    first = record(session, scene.use())

    def due() -> list[str]:
        examination_service.note_required(session, actor=system_actor(HOSPITAL_A), now=NOW)
        return [line.examination.due_on.isoformat() for line in examinations.list_open(session, limit=9)]

    assert due() == ["2027-03-02"]
    second = amend(session, first.id)
    assert due() == ["2027-03-02"]
    (line,) = examinations.list_of_use(session, second.id)
    done = NewOutcome(OutcomeKind.DONE, TODAY, "")
    ids = {"examination_id": line.examination.id, "new": done, "actor": CHARLIE, "now": NOW, "today": TODAY}
    examination_service.record_outcome(session, db.new_id(), **ids)
    session.flush()  # the next statement reads it
    third = amend(session, second.id, side=Side.NOT_APPLICABLE)
    assert due() == []
    fourth = amend(session, third.id, used_on=TOMORROW)
    assert due() == ["2027-03-03"]
    later = TODAY + timedelta(days=400)
    assert examinations.count_due(session, today=later, until=later) == (1, 0)

    withdraw(session, fourth.id)

    assert due() == []
    assert examinations.count_due(session, today=later, until=later) == (0, 0)
