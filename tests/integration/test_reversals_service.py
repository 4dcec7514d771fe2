"""Failures and explantations that were entered wrongly: nothing is rewritten, and what reads them follows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from tests.bench import counted
from tests.care import make_patient
from tests.hospital import ALICE, BOB, CHARLIE, DORA, FANNY, HOSPITAL_A, HOSPITAL_B, NOW, THEATRE, TODAY, enter
from tests.integration.test_correction_service import carriers, in_theatre, in_transactions
from tests.integration.test_correction_service import withdraw as withdraw_use
from tests.integration.test_outcome_service import EXPLANTATION, a_failure, at_once, explant, fail
from tests.integration.test_use_service import PAUL, Scene, actions, make_scene, record
from tests.stock import a_hold, make_decision, make_unit
from tracker import db
from tracker.audit.models import AuditEntry
from tracker.chronicle import queries as chronicle
from tracker.chronicle.rules import Kind
from tracker.corrections.rules import CorrectionInvalid, UseExplanted, Whereabouts
from tracker.derogations import service as register
from tracker.derogations.rules import DecisionKind
from tracker.derogations.service import NewDecision
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.rules import Event, EventNotPossible, HoldCause, NewHold, UnitState
from tracker.dispositions import service as dispositions
from tracker.dispositions.rules import Disposition, NewDisposition
from tracker.effects import queries as effects
from tracker.errors import NotPermitted, RequestIdReused
from tracker.lots import service as lots
from tracker.outcomes import queries as outcomes
from tracker.outcomes.models import Explantation, ExplantationCorrection, Failure, FailureCorrection
from tracker.outcomes.queries import ExplantationNotFound, FailureNotFound
from tracker.outcomes.rules import ExplantationCause, ExplantationInvalid, FailureCause, FailureInvalid, Fate, Stage
from tracker.reversals import service
from tracker.reversals.rules import OutcomeCorrected
from tracker.use.rules import UseRefused

YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def scene(session: Session) -> Scene:
    """Everything holds, and the unit is in theatre."""
    return in_theatre(session, make_scene(session))


def amend_failure(
    session: Session, scene: Scene, failure_id: UUID, *, one_id: UUID | None = None, **changes: object
) -> Failure:
    return service.amend_failure(
        session,
        one_id or db.new_id(),
        failure_id=failure_id,
        new=a_failure(scene, **{"cause": FailureCause.SIZE, **changes}),
        why=" another cause ",
        actor=DORA,
        now=NOW,
        today=TODAY,
    )


def withdraw_failure(
    session: Session, failure_id: UUID, *, one_id: UUID | None = None, whereabouts: Whereabouts = Whereabouts.WARD
) -> UnitState:
    return service.withdraw_failure(
        session,
        one_id or db.new_id(),
        failure_id=failure_id,
        why="wrong unit",
        whereabouts=whereabouts,
        actor=ALICE,
        now=NOW,
        today=TODAY,
    )


def amend_explantation(
    session: Session, explantation_id: UUID, *, one_id: UUID | None = None, **changes: object
) -> Explantation:
    return service.amend_explantation(
        session,
        one_id or db.new_id(),
        explantation_id=explantation_id,
        new=replace(EXPLANTATION, **{"cause": ExplantationCause.PAIN, **changes}),  # type: ignore[arg-type]
        why="another cause",
        actor=DORA,
        now=NOW,
        today=TODAY,
    )


def withdraw_explantation(session: Session, explantation_id: UUID, *, one_id: UUID | None = None) -> None:
    service.withdraw_explantation(
        session, one_id or db.new_id(), explantation_id=explantation_id, why="wrong patient", actor=ALICE, now=NOW
    )


def kinds_told(session: Session, scene: Scene) -> list[Kind]:
    told = {Kind.FAILURE, Kind.FAILURE_CORRECTION, Kind.EXPLANTATION, Kind.EXPLANTATION_CORRECTION}
    entries = chronicle.chronicle_of(session, scene.unit, actor=CHARLIE).entries
    return [entry.kind for entry in entries if entry.kind in told]


def test_a_corrected_failure_stands_and_the_wrong_record_is_kept_as_it_was(session: Session, scene: Scene) -> None:
    wrong = fail(session, a_failure(scene))
    paul = make_patient(session, PAUL)

    right = amend_failure(session, scene, wrong.id, stage=Stage.TRIED, patient_id=paul)

    session.expire_all()
    assert (wrong.cause, wrong.stage, wrong.patient_id) == (FailureCause.DROPPED, Stage.OPENED, None)
    assert (right.cause, right.stage, right.patient_id, right.ordinal) == (FailureCause.SIZE, Stage.TRIED, paul, 2)
    assert outcomes.find_failure(session, scene.unit.id) == right
    correction = outcomes.find_correction(session, wrong)
    assert correction is not None
    assert (correction.replacement_id, correction.reason) == (right.id, "another cause")
    assert devices.get_unit(session, scene.unit.number).state is UnitState.FAILED
    assert kinds_told(session, scene) == [Kind.FAILURE, Kind.FAILURE, Kind.FAILURE_CORRECTION]
    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.sequence.desc()).limit(1)).one()
    assert (entry.action, entry.subject) == ("failure:amended", f"failure:{wrong.id}")
    assert set(entry.details["changed"].split(",")) == {"patient_id", "stage", "cause"}


def test_a_unit_that_was_not_opened_is_with_its_ward_again_and_can_be_used_or_fail(
    session: Session, scene: Scene
) -> None:
    wrong = fail(session, a_failure(scene))

    state = withdraw_failure(session, wrong.id)

    unit = devices.get_unit(session, scene.unit.number)
    assert (state, unit.state, unit.ward_id, unit.holds) == (UnitState.DELIVERED, UnitState.DELIVERED, THEATRE, ())
    assert devices.life_of(session, unit.id)[-1].event is Event.USE_CORRECTED
    assert actions(session)[-2:] == ["unit:unused", "failure:withdrawn"]
    assert outcomes.find_failure(session, unit.id) is None
    again = fail(session, a_failure(scene))
    assert (again.ordinal, outcomes.find_failure(session, unit.id)) == (2, again)
    withdraw_failure(session, again.id)
    record(session, scene.use())
    assert kinds_told(session, scene).count(Kind.FAILURE_CORRECTION) == 2


def test_a_unit_that_nobody_has_seen_or_that_no_ward_had_goes_into_quarantine(session: Session, scene: Scene) -> None:
    in_pharmacy = make_unit(session, scene.definition_id)
    unseen = fail(session, a_failure(scene))
    never_out = fail(session, a_failure(scene, unit_number=in_pharmacy.number))

    assert withdraw_failure(session, unseen.id, whereabouts=Whereabouts.CHECK) is UnitState.QUARANTINED
    assert withdraw_failure(session, never_out.id) is UnitState.QUARANTINED

    for number in (scene.unit.number, in_pharmacy.number):
        (hold,) = devices.get_unit(session, number).holds
        assert hold.reason == "failure-withdrawn"
        with pytest.raises(UseRefused):
            record(session, scene.use(unit_number=number))


def test_a_unit_that_was_on_hold_before_it_was_recorded_as_lost_is_blocked_again(
    session: Session, scene: Scene
) -> None:
    device_service.open_hold(session, db.new_id(), number=scene.unit.number, hold=a_hold(), actor=ALICE, now=NOW)
    session.flush()  # the act reads it
    wrong = fail(session, a_failure(scene))

    assert withdraw_failure(session, wrong.id) is UnitState.QUARANTINED
    assert not devices.get_unit(session, scene.unit.number).is_usable


def test_a_unit_of_a_lot_that_was_blocked_or_that_nothing_covers_any_more_is_not_given_back(
    session: Session, scene: Scene
) -> None:
    wrong = fail(session, a_failure(scene))
    block(session, scene)
    make_decision(session, scene.derogation_id, DecisionKind.SUSPENDED, effective_from=TODAY)

    assert withdraw_failure(session, wrong.id) is UnitState.QUARANTINED

    (hold,) = devices.get_unit(session, scene.unit.number).holds
    assert hold.reason == "lot-on-hold derogation-suspended"


def block(session: Session, scene: Scene) -> None:
    lots.hold_lot(
        session,
        definition_id=scene.definition_id,
        lot_number="A1",
        serial_device_id=None,
        hold=NewHold(HoldCause.RECALL, "FSN 12", "test"),
        actor=ALICE,
        now=NOW,
    )


def test_what_went_back_to_the_manufacturer_is_not_given_back_but_its_details_are_corrected(
    session: Session, scene: Scene
) -> None:
    wrong = fail(session, a_failure(scene))
    expertise = NewDisposition(Disposition.RETURN, "expertise")
    dispositions.dispose(session, db.new_id(), number=scene.unit.number, new=expertise, actor=ALICE, now=NOW)

    with pytest.raises(EventNotPossible):
        withdraw_failure(session, wrong.id)
    amend_failure(session, scene, wrong.id)

    assert devices.get_unit(session, scene.unit.number).state is UnitState.RETURNED


def test_a_withdrawn_explantation_names_the_patient_in_recalls_again(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())
    wrong = explant(session, use.id)
    assert (carriers(session), effects._implanted(session, scene.derogation_id)) == ([], [])

    withdraw_explantation(session, wrong.id)

    assert (carriers(session), effects._implanted(session, scene.derogation_id)) == ([use.id], [scene.patient_id])
    assert outcomes.find_explantation(session, scene.unit.id) is None
    assert kinds_told(session, scene) == [Kind.EXPLANTATION, Kind.EXPLANTATION_CORRECTION]
    assert actions(session)[-1] == "explantation:withdrawn"
    again = explant(session, use.id)
    assert (again.ordinal, carriers(session)) == (2, [])


def test_a_use_whose_explantation_was_withdrawn_can_be_withdrawn_too(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())
    wrong = explant(session, use.id)
    with pytest.raises(UseExplanted):
        withdraw_use(session, use.id)

    withdraw_explantation(session, wrong.id)

    assert withdraw_use(session, use.id) is UnitState.DELIVERED
    other = record(session, scene.use())
    assert carriers(session) == [other.id]


def test_a_corrected_explantation_is_told_once_in_a_recall(session: Session, scene: Scene) -> None:
    use = record(session, scene.use())
    wrong = explant(session, use.id)

    right = amend_explantation(session, wrong.id, fate=Fate.MANUFACTURER)
    last = amend_explantation(session, right.id, operator_id=None, elsewhere="Dr Else, Lyon")

    assert [record.id for record, _wrong in outcomes.list_explantations(session, scene.unit.id)] == [
        wrong.id,
        right.id,
        last.id,
    ]
    assert (outcomes.find_explantation(session, scene.unit.id), carriers(session)) == (last, [])
    assert (right.fate, last.operator_id, last.operator_name) == (Fate.MANUFACTURER, None, "Dr Else, Lyon")
    assert kinds_told(session, scene).count(Kind.EXPLANTATION_CORRECTION) == 2
    with pytest.raises(OutcomeCorrected):
        withdraw_explantation(session, wrong.id)


def test_the_same_correction_sent_again_is_one_and_another_under_its_number_is_refused(
    session: Session, scene: Scene
) -> None:
    failure_id, one_id, other_id = fail(session, a_failure(scene)).id, db.new_id(), db.new_id()
    made = amend_failure(session, scene, failure_id, one_id=one_id)
    withdraw_failure(session, made.id, one_id=other_id)
    explantation = explant(session, record(session, scene.use()).id)
    ids = db.new_id(), db.new_id()
    right = amend_explantation(session, explantation.id, one_id=ids[0])
    withdraw_explantation(session, right.id, one_id=ids[1])
    before = actions(session)

    assert amend_failure(session, scene, failure_id, one_id=one_id).id == made.id
    withdraw_failure(session, made.id, one_id=other_id)
    assert amend_explantation(session, explantation.id, one_id=ids[0]).id == right.id
    withdraw_explantation(session, right.id, one_id=ids[1])
    assert actions(session) == before
    for act in (
        lambda: amend_failure(session, scene, failure_id, one_id=one_id, cause=FailureCause.STERILITY),
        lambda: amend_failure(session, scene, made.id, one_id=one_id),
        lambda: withdraw_failure(session, failure_id, one_id=one_id),
        lambda: amend_explantation(session, explantation.id, one_id=ids[1]),
        lambda: withdraw_explantation(session, explantation.id, one_id=ids[1]),
    ):
        with pytest.raises(RequestIdReused):
            act()


def test_what_cannot_be_or_changes_nothing_is_refused(session: Session, scene: Scene) -> None:
    failure = fail(session, a_failure(scene))
    other = record(session, scene.use(unit_number=make_unit(session, scene.definition_id).number))
    explantation = explant(session, other.id)

    for changes, error in (
        ({"cause": FailureCause.DROPPED}, CorrectionInvalid),
        ({"stage": Stage.TRIED}, FailureInvalid),
        ({"failed_on": TODAY + timedelta(1)}, FailureInvalid),
    ):
        with pytest.raises(error):
            amend_failure(session, scene, failure.id, **changes)
    for changes, error in (
        ({"cause": ExplantationCause.LOOSENING}, CorrectionInvalid),
        ({"explanted_on": YESTERDAY}, ExplantationInvalid),
        ({"operator_id": None}, ExplantationInvalid),
    ):
        with pytest.raises(error):
            amend_explantation(session, explantation.id, **changes)
    with pytest.raises(FailureNotFound):
        withdraw_failure(session, db.new_id())
    with pytest.raises(ExplantationNotFound):
        withdraw_explantation(session, db.new_id())
    assert session.scalars(select(FailureCorrection)).all() == session.scalars(select(ExplantationCorrection)).all()


def test_who_may_correct_what(session: Session, scene: Scene) -> None:
    failure = fail(session, a_failure(scene))
    other = record(session, scene.use(unit_number=make_unit(session, scene.definition_id).number))
    explantation = explant(session, other.id)
    said = {"why": "x", "now": NOW}
    lost, gone = {"failure_id": failure.id}, {"explantation_id": explantation.id}

    for actor in (ALICE, BOB, FANNY):
        with pytest.raises(NotPermitted):
            service.amend_failure(session, db.new_id(), new=a_failure(scene), actor=actor, today=TODAY, **lost, **said)
        with pytest.raises(NotPermitted):
            service.amend_explantation(session, db.new_id(), new=EXPLANTATION, actor=actor, today=TODAY, **gone, **said)
    for actor in (BOB, CHARLIE, DORA, FANNY):
        with pytest.raises(NotPermitted):
            service.withdraw_explantation(session, db.new_id(), actor=actor, **gone, **said)
        with pytest.raises(NotPermitted):
            service.withdraw_failure(
                session, db.new_id(), whereabouts=Whereabouts.WARD, actor=actor, today=TODAY, **lost, **said
            )
    with pytest.raises(CorrectionInvalid):
        service.withdraw_explantation(session, db.new_id(), actor=ALICE, now=NOW, why="  ", **gone)


def test_no_correction_is_rewritten_nor_seen_elsewhere_and_the_database_refuses_a_second_record_that_stands(
    session: Session, scene: Scene
) -> None:
    failure = amend_failure(session, scene, fail(session, a_failure(scene)).id)

    for table in (FailureCorrection, ExplantationCorrection):
        with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
            session.execute(update(table).values(reason="another"))
    columns = {column.name: getattr(failure, column.name) for column in Failure.__table__.columns}
    again = columns | {"id": db.new_id(), "ordinal": outcomes.next_ordinal(Failure, failure.device_id)}
    with pytest.raises(IntegrityError, match="uq_failure_device_id_ordinal"), session.begin_nested():
        session.execute(insert(Failure).values(again))
    enter(session, HOSPITAL_B)
    assert outcomes.find_correction(session, failure) is None
    assert outcomes.list_failures(session, failure.device_id) == []


def test_two_corrections_of_one_record_at_once_are_one(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        scene = in_theatre(session, make_scene(session))
        failure_id = fail(session, a_failure(scene)).id
        other = record(session, scene.use(unit_number=make_unit(session, scene.definition_id).number))
        explantation_id = explant(session, other.id).id
    on_failure: list[Callable[[Session], object]] = [
        lambda session: amend_failure(session, scene, failure_id),
        lambda session: withdraw_failure(session, failure_id),
    ]
    on_explantation: list[Callable[[Session], object]] = [
        lambda session: amend_explantation(session, explantation_id),
        lambda session: withdraw_explantation(session, explantation_id),
    ]

    for acts in (on_failure, on_explantation):
        assert at_once(in_transactions(database, *acts)) == ["outcome-corrected", "written"]


def suspend(session: Session, scene: Scene) -> None:
    new = NewDecision(scene.derogation_id, DecisionKind.SUSPENDED, TODAY)
    register.record_decision(session, db.new_id(), new=new, actor=ALICE, now=NOW)


@pytest.mark.parametrize("stop", [block, suspend])
def test_a_unit_given_back_while_it_is_being_stopped_does_not_slip_through(
    database: db.Database, stop: Callable[[Session, Scene], None]
) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        scene = in_theatre(session, make_scene(session))
        failure_id = fail(session, a_failure(scene)).id
    waiting = text("select exists (select from pg_locks where not granted)")
    (act,) = in_transactions(database, lambda session: withdraw_failure(session, failure_id))
    giver = Thread(target=act)

    with db.transaction(database, HOSPITAL_A) as session:
        stop(session, scene)
        giver.start()
        while giver.is_alive() and not session.scalar(waiting):
            pass  # until it waits, or has slipped through
    giver.join()

    with db.transaction(database, HOSPITAL_A) as session:
        unit = devices.get_unit(session, scene.unit.number)
        assert (unit.state, unit.is_usable) == (UnitState.QUARANTINED, False)


def test_the_statements_of_a_correction_do_not_grow(session: Session, scene: Scene) -> None:
    failure = fail(session, a_failure(scene))
    other = record(session, scene.use(unit_number=make_unit(session, scene.definition_id).number))
    explantation = explant(session, other.id)
    of_failures, of_explantations, of_pages = [], [], []
    for lost, gone in (
        (FailureCause.SIZE, ExplantationCause.PAIN),
        (FailureCause.DAMAGED, ExplantationCause.INFECTION),
        (FailureCause.STERILITY, ExplantationCause.DAMAGE),
    ):
        session.flush()  # what a test wrote is not counted with the act
        with counted(session) as statements:
            failure = amend_failure(session, scene, failure.id, cause=lost)
        of_failures.append(len(statements))
        with counted(session) as statements:
            explantation = amend_explantation(session, explantation.id, cause=gone)
        of_explantations.append(len(statements))
        with counted(session) as statements:
            chronicle.chronicle_of(session, scene.unit, actor=CHARLIE)
        of_pages.append(len(statements))

    for counts in (of_failures, of_explantations):
        assert len(set(counts[1:])) == 1
        assert max(counts) <= 20
    assert set(of_pages) <= set(range(16))
