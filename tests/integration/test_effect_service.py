"""What a suspension or a withdrawal does: units held, people told, and only that lifted again; two workers at once."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from tests.care import MARIE, make_consent, make_patient, make_use
from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, email_of, enter
from tests.stock import REFERENCE, a_hold, make_definition, make_delivery, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.audit.models import AuditEntry
from tracker.derogations import service as derogations
from tracker.derogations.queries import DerogationNotFound
from tracker.derogations.rules import DecisionKind
from tracker.derogations.service import NewDecision
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.models import Hold
from tracker.devices.queries import UnitView
from tracker.devices.rules import HoldCause, UnitState
from tracker.effects import queries, service
from tracker.effects.jobs import reconcile
from tracker.effects.models import Effect
from tracker.errors import NotPermitted
from tracker.operations import service as operations
from tracker.operations.service import NewOperation
from tracker.outbox.models import Message

URL = "https://trace59.hospital.test"
LATER = NOW + timedelta(hours=1)


class Shelf:
    """A derogation, its definition, and units on hand."""

    def __init__(self, session: Session, *, units: int = 2) -> None:
        self.manufacturer_id = make_manufacturer(session)
        self.definition_id = make_definition(session, manufacturer_id=self.manufacturer_id)
        self.derogation_id = make_derogation(session, self.manufacturer_id)
        self.units = [make_unit(session, self.definition_id, lot_number=f"L{n}") for n in range(units)]
        session.flush()


def decide(
    session: Session, derogation_id: UUID, kind: DecisionKind, *, on: date = TODAY, corrects_id: UUID | None = None
) -> UUID:
    new = NewDecision(derogation_id=derogation_id, kind=kind, effective_from=on, corrects_id=corrects_id)
    return derogations.record_decision(session, db.new_id(), new=new, actor=ALICE, now=NOW).id


def apply(session: Session, derogation_id: UUID, *, today: date = TODAY) -> service.EffectReport:
    return service.apply(session, derogation_id, public_url=URL, actor=ALICE, now=NOW, today=today)


def held(session: Session, unit: UnitView) -> list[str]:
    return [hold.reason for hold in devices.get_unit_by_id(session, unit.id).holds]


def test_a_suspension_holds_every_unit_on_hand(session: Session) -> None:
    shelf = Shelf(session)
    decision_id = decide(session, shelf.derogation_id, DecisionKind.SUSPENDED)

    report = apply(session, shelf.derogation_id)

    assert report.held_count == 2
    assert [held(session, unit) for unit in shelf.units] == [["derogation-suspended"]] * 2
    hold = session.scalars(select(Hold).limit(1)).one()
    assert (hold.cause, hold.source_ref) == (HoldCause.DEROGATION, f"derogation_decision:{decision_id}")


def test_done_again_it_adds_nothing(session: Session) -> None:
    shelf = Shelf(session)
    decide(session, shelf.derogation_id, DecisionKind.SUSPENDED)
    apply(session, shelf.derogation_id)

    assert apply(session, shelf.derogation_id) == service.EffectReport()
    assert session.scalar(select(func.count()).select_from(Hold)) == 2


def test_a_unit_that_came_in_meanwhile_is_held_at_the_next_look(session: Session) -> None:
    shelf = Shelf(session)
    decide(session, shelf.derogation_id, DecisionKind.SUSPENDED)
    apply(session, shelf.derogation_id)
    late = make_unit(session, shelf.definition_id, lot_number="LATE")

    report = apply(session, shelf.derogation_id)

    assert (report.held_count, report.told_count) == (1, 0)
    assert held(session, late) == ["derogation-suspended"]
    assert session.scalars(select(Effect)).one().held_count == 3


def test_a_unit_that_another_derogation_in_force_covers_is_left_alone(session: Session) -> None:
    shelf = Shelf(session)
    make_derogation(session, shelf.manufacturer_id)
    decide(session, shelf.derogation_id, DecisionKind.WITHDRAWN)

    assert apply(session, shelf.derogation_id).held_count == 0


@pytest.mark.parametrize("other", ["ended", "of another reference", "of one patient"])
def test_a_derogation_that_does_not_cover_it_saves_no_unit(session: Session, other: str) -> None:
    shelf = Shelf(session)
    if other == "ended":
        make_derogation(session, shelf.manufacturer_id, valid_until=TODAY - timedelta(days=1))
    elif other == "of another reference":
        make_derogation(session, shelf.manufacturer_id, references=("other",))
    else:
        make_derogation(session, shelf.manufacturer_id, patient_id=make_patient(session))
    decide(session, shelf.derogation_id, DecisionKind.SUSPENDED)

    assert apply(session, shelf.derogation_id).held_count == 2


def test_what_is_no_longer_in_the_hospital_or_of_another_device_is_left_alone(session: Session) -> None:
    shelf = Shelf(session)
    make_use(session, shelf.units[0].id, patient_id=make_patient(session), derogation_id=shelf.derogation_id)
    other = make_unit(session, make_definition(session, reference="other", udi_di=None), lot_number="X")
    decide(session, shelf.derogation_id, DecisionKind.SUSPENDED)

    assert apply(session, shelf.derogation_id).held_count == 1
    assert (held(session, shelf.units[0]), held(session, other)) == ([], [])


def test_the_end_of_a_suspension_lifts_only_what_it_had_set(session: Session) -> None:
    shelf = Shelf(session)
    first, second = shelf.units
    device_service.open_hold(session, db.new_id(), number=first.number, hold=a_hold(), actor=ALICE, now=NOW)
    decide(session, shelf.derogation_id, DecisionKind.SUSPENDED, on=TODAY - timedelta(days=1))
    apply(session, shelf.derogation_id)
    decide(session, shelf.derogation_id, DecisionKind.REINSTATED)

    report = apply(session, shelf.derogation_id)

    assert report.lifted_count == 2
    assert held(session, first) == ["seal broken"]
    assert held(session, second) == []
    effect = session.scalars(select(Effect)).one()
    assert (effect.held_count, effect.lifted_count, effect.lifted_by_name) == (2, 2, ALICE.display_name)


def test_a_unit_that_only_the_suspension_kept_in_quarantine_goes_into_stock(session: Session) -> None:
    shelf = Shelf(session, units=0)
    unit = make_unit(session, shelf.definition_id, hold=a_hold())
    (own,) = devices.get_unit_by_id(session, unit.id).holds
    decide(session, shelf.derogation_id, DecisionKind.SUSPENDED, on=TODAY - timedelta(days=1))
    apply(session, shelf.derogation_id)
    device_service.release_hold(session, own.id, reason="sound", actor=ALICE, now=NOW)
    decide(session, shelf.derogation_id, DecisionKind.REINSTATED)
    apply(session, shelf.derogation_id)

    assert devices.get_unit_by_id(session, unit.id).state is UnitState.RELEASED


def test_a_unit_that_a_pharmacist_released_after_the_decision_is_not_held_again(session: Session) -> None:
    shelf = Shelf(session, units=1)
    decide(session, shelf.derogation_id, DecisionKind.SUSPENDED)
    apply(session, shelf.derogation_id)
    (hold,) = devices.get_unit_by_id(session, shelf.units[0].id).holds
    device_service.release_hold(session, hold.id, reason="agreed with ANSM", actor=ALICE, now=NOW)

    assert apply(session, shelf.derogation_id).held_count == 0


def test_a_suspension_that_becomes_a_withdrawal_keeps_one_hold_on_each_unit(session: Session) -> None:
    shelf = Shelf(session, units=1)
    decide(session, shelf.derogation_id, DecisionKind.SUSPENDED, on=TODAY - timedelta(days=1))
    apply(session, shelf.derogation_id)
    decide(session, shelf.derogation_id, DecisionKind.WITHDRAWN)

    report = apply(session, shelf.derogation_id)

    assert report.held_count == 0
    assert report.told_count > 0
    assert len(held(session, shelf.units[0])) == 1


def test_a_decision_of_a_coming_day_has_its_effect_on_that_day(session: Session) -> None:
    shelf = Shelf(session)
    decide(session, shelf.derogation_id, DecisionKind.SUSPENDED, on=TODAY + timedelta(days=3))

    assert apply(session, shelf.derogation_id).held_count == 0
    assert apply(session, shelf.derogation_id, today=TODAY + timedelta(days=3)).held_count == 2


def test_a_derogation_that_simply_ended_holds_nothing(session: Session) -> None:
    shelf = Shelf(session)

    assert apply(session, shelf.derogation_id, today=date(2027, 1, 1)) == service.EffectReport()


def test_pharmacy_theatre_and_the_surgeon_of_a_planned_operation_are_told_once_without_the_patient(
    session: Session,
) -> None:
    shelf = Shelf(session)
    patient = make_patient(session)
    planned = NewOperation(patient, TODAY + timedelta(days=9), CHARLIE.id, definition_id=shelf.definition_id)
    operations.plan_operation(session, db.new_id(), new=planned, actor=CHARLIE, now=NOW, today=TODAY)
    decide(session, shelf.derogation_id, DecisionKind.WITHDRAWN)
    report = apply(session, shelf.derogation_id)
    apply(session, shelf.derogation_id)

    mails = {mail.recipient: mail for mail in session.scalars(select(Message))}
    assert mails.keys() == {
        "pharmacie@hospital-1.test",
        email_of(ALICE),
        "dora@hospital.test",
        email_of(CHARLIE),
    }
    assert report.told_count == 4
    mail = mails[email_of(CHARLIE)]
    assert mail.subject == "[Trace59] Dérogation retirée : SCORE inserts"
    assert "Opérations prévues concernées : 1, dont les vôtres : 1." in mail.body
    assert "pharmacie : 2" in mail.body
    assert f"{URL}/derogations/{shelf.derogation_id}/effects" in mail.body
    assert "MARTIN" not in mail.body
    assert "dont les vôtres : 0" in mails[email_of(ALICE)].body


def test_units_are_counted_by_shelf(session: Session) -> None:
    shelf = Shelf(session, units=3)
    make_delivery(session, shelf.units[0].number)

    found = queries.simulate(session, shelf.derogation_id, ends_on=TODAY, today=TODAY, known_at=LATER)

    assert [(one.ward, one.count) for one in found.shelves] == [("", 2), ("Bloc opératoire", 1)]
    assert found.unit_count == 3
    assert [unit.reference for unit in found.units] == [REFERENCE] * 3


def test_the_simulator_counts_operations_after_the_day_consents_and_patients_who_carry_one(session: Session) -> None:
    shelf = Shelf(session)
    carrier = make_patient(session)
    make_use(session, shelf.units[0].id, patient_id=carrier, derogation_id=shelf.derogation_id)
    waiting = make_patient(session, replace(MARIE, family_name="DURAND", ipp="8009999999"))
    make_consent(session, waiting, shelf.derogation_id)
    for days in (5, 20):
        new = NewOperation(waiting, TODAY + timedelta(days=days), CHARLIE.id, derogation_id=shelf.derogation_id)
        operations.plan_operation(session, db.new_id(), new=new, actor=CHARLIE, now=NOW, today=TODAY)

    found = queries.simulate(
        session, shelf.derogation_id, ends_on=TODAY + timedelta(days=10), today=TODAY, known_at=LATER
    )

    assert [line.operation.planned_on for line in found.operations] == [TODAY + timedelta(days=20)]
    assert (found.consented, found.implanted) == ((waiting,), (carrier,))
    assert found.unit_count == 1


def test_the_simulator_writes_nothing(session: Session) -> None:
    shelf = Shelf(session)

    queries.simulate(session, shelf.derogation_id, ends_on=TODAY, today=TODAY, known_at=LATER)

    assert session.scalar(select(func.count()).select_from(Hold)) == 0
    assert session.scalar(select(func.count()).select_from(Effect)) == 0


def test_what_another_derogation_covers_is_told_and_not_counted(session: Session) -> None:
    shelf = Shelf(session)
    make_derogation(session, shelf.manufacturer_id)

    found = queries.simulate(session, shelf.derogation_id, ends_on=TODAY, today=TODAY, known_at=LATER)

    assert found.concerned.covered == {REFERENCE}
    assert found.unit_count == 0


def test_the_number_of_statements_does_not_grow_with_what_is_stored(session: Session) -> None:
    counts = []
    for units in (1, 30):
        manufacturer = make_manufacturer(session, f"Maker {units}")
        definition = make_definition(session, reference=f"R-{units}", udi_di=None, manufacturer_id=manufacturer)
        derogation_id = make_derogation(session, manufacturer, references=(f"R-{units}",))
        for number in range(units):
            make_unit(session, definition, lot_number=f"L{number}")
        decide(session, derogation_id, DecisionKind.SUSPENDED)
        session.flush()
        session.expunge_all()
        statements: list[int] = []
        counts.append(statements)
        note = _counter(statements)
        event.listen(session.connection(), "before_cursor_execute", note)
        queries.simulate(session, derogation_id, ends_on=TODAY, today=TODAY, known_at=LATER)
        apply(session, derogation_id)
        event.remove(session.connection(), "before_cursor_execute", note)

    assert len(counts[0]) == len(counts[1])


def _counter(statements: list[int]) -> Callable[..., None]:
    def note(*_arguments: object) -> None:
        statements.append(1)

    return note


def test_who_may_not_hold_does_nothing(session: Session) -> None:
    shelf = Shelf(session)
    decide(session, shelf.derogation_id, DecisionKind.SUSPENDED)

    with pytest.raises(NotPermitted):
        service.apply(session, shelf.derogation_id, public_url=URL, actor=CHARLIE, now=NOW, today=TODAY)
    assert session.scalar(select(func.count()).select_from(Hold)) == 0


def test_another_hospital_finds_nothing(session: Session) -> None:
    shelf = Shelf(session)
    enter(session, HOSPITAL_B)
    session.expunge_all()

    with pytest.raises(DerogationNotFound):
        service.apply(session, shelf.derogation_id, public_url=URL, actor=GUY, now=NOW, today=TODAY)


def test_what_was_done_is_in_the_trail(session: Session) -> None:
    shelf = Shelf(session)
    decide(session, shelf.derogation_id, DecisionKind.SUSPENDED)
    apply(session, shelf.derogation_id)

    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "effects:applied")).one()
    assert (entry.subject, entry.details["count"]) == (f"derogation:{shelf.derogation_id}", "2")


def suspended(database: db.Database) -> UUID:
    with db.transaction(database, HOSPITAL_A) as session:
        shelf = Shelf(session, units=5)
        decide(session, shelf.derogation_id, DecisionKind.SUSPENDED, on=TODAY - timedelta(days=1))
        return shelf.derogation_id


def test_the_worker_gives_a_decision_recorded_elsewhere_its_effects_and_lifts_them(database: db.Database) -> None:
    derogation_id = suspended(database)

    assert reconcile(database, LATER, public_url=URL) == 5
    assert reconcile(database, LATER, public_url=URL) == 0
    with db.transaction(database, HOSPITAL_A) as session:
        decide(session, derogation_id, DecisionKind.REINSTATED)
    assert reconcile(database, LATER, public_url=URL) == 5
    assert reconcile(database, LATER + timedelta(hours=1), public_url=URL) == 0


def test_two_workers_at_once_hold_each_unit_once_and_write_each_mail_once(database: db.Database) -> None:
    suspended(database)
    barrier, counts = threading.Barrier(3), list[int]()

    def work() -> None:
        barrier.wait()
        counts.append(reconcile(database, LATER, public_url=URL))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(counts) == 5
    with db.transaction(database, HOSPITAL_A) as session:
        assert session.scalar(select(func.count()).select_from(Hold)) == 5
        assert session.scalar(select(func.count()).select_from(Effect)) == 1
        recipients = session.scalars(select(Message.recipient)).all()
        assert len(recipients) == len(set(recipients)) == 3
