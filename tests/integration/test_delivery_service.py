"""Delivery and return by scan, on PostgreSQL; nothing goes to a ward that no derogation in force covers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from threading import Barrier, Thread
from threading import Event as Signal
from uuid import UUID

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from tests.care import make_patient
from tests.hospital import ALICE, BOB, CHARLIE, HOSPITAL_A, NOW, THEATRE, TODAY
from tests.stock import (
    GTIN,
    REFERENCE,
    a_hold,
    make_covered,
    make_decision,
    make_definition,
    make_delivery,
    make_derogation,
    make_manufacturer,
    make_scope,
    make_unit,
)
from tracker import db
from tracker.actor import Actor
from tracker.audit.models import AuditEntry
from tracker.catalogue import service as catalogue
from tracker.catalogue.models import DeviceDefinition
from tracker.catalogue.rules import NewMerge
from tracker.delivery import service
from tracker.delivery.queries import CodeOfNoUnit, PatientLabelAtDelivery, UnitDoubtful
from tracker.delivery.rules import Handover, Inspected, NotCovered
from tracker.derogations import service as register
from tracker.derogations.rules import DecisionKind, DerogationKind
from tracker.derogations.service import NewDecision
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.models import Device
from tracker.devices.queries import UnitNotFound, UnitView
from tracker.devices.rules import Event, EventNotPossible, UnitOnHold, UnitPastShelfLife, UnitState
from tracker.errors import NotPermitted, RequestIdReused
from tracker.organisation.queries import WardNotFound
from tracker.terms.rules import Conditions

LOT_CODE = f"]d201{GTIN}17280131\x1d10A1"
SERIAL_CODE = f"]d201{GTIN}21S7"
PATIENT = "IS010000000000000000000000S1160045512005003S2MARTINXS3PAULXS4MXS519-07-1960XS675056XS7X"


def deliver(session: Session, raw: str, *, actor: Actor = ALICE, movement_id: UUID | None = None) -> UnitView:
    return service.deliver_scanned(
        session,
        movement_id or db.new_id(),
        raw=raw,
        to=Handover(THEATRE, "Dr T"),
        actor=actor,
        now=NOW,
        today=TODAY,
    )


def take_back(session: Session, raw: str, *, doubt: str = "") -> UnitView:
    return service.return_scanned(
        session, db.new_id(), raw=raw, inspected=Inspected(doubt, "IBODE N"), actor=ALICE, now=NOW, today=TODAY
    )


def test_our_label_delivers_its_unit_and_brings_it_back(session: Session) -> None:
    unit = make_unit(session, make_covered(session))

    out = deliver(session, f"{unit.number}\n")
    back = take_back(session, unit.number.lower())

    assert (out.state, out.ward_id) == (UnitState.DELIVERED, THEATRE)
    assert (back.state, back.ward_id) == (UnitState.RELEASED, None)


def test_a_manufacturers_code_names_the_one_unit_it_fits(session: Session) -> None:
    definition_id = make_covered(session)
    of_lot = make_unit(session, definition_id)
    of_serial = make_unit(session, definition_id, lot_number=None, serial_number="S7")

    assert deliver(session, LOT_CODE).id == of_lot.id
    assert deliver(session, SERIAL_CODE).id == of_serial.id
    assert take_back(session, LOT_CODE).id == of_lot.id


def test_a_code_that_fits_several_units_or_none_delivers_nothing(session: Session) -> None:
    definition_id = make_covered(session)
    units = [make_unit(session, definition_id) for _unit in range(2)]

    with pytest.raises(UnitDoubtful):
        deliver(session, LOT_CODE)
    with pytest.raises(CodeOfNoUnit):
        deliver(session, f"]d201{GTIN}10ZZ")
    with pytest.raises(UnitNotFound):
        deliver(session, "no label at all")
    with pytest.raises(UnitDoubtful):
        take_back(session, LOT_CODE)
    assert {deliver(session, unit.number).state for unit in units} == {UnitState.DELIVERED}


def test_a_code_never_delivers_the_free_unit_of_a_lot_for_the_blocked_one(session: Session) -> None:
    definition_id = make_covered(session)
    free = make_unit(session, definition_id)
    make_unit(session, definition_id, hold=a_hold())

    with pytest.raises(UnitDoubtful):  # which of the two boxes is in the hand, the code does not tell
        deliver(session, LOT_CODE)

    assert devices.get_unit(session, free.number).state is UnitState.RELEASED


def test_a_code_of_a_lot_sees_the_units_of_a_device_that_was_merged(session: Session) -> None:
    kept = make_covered(session)
    maker = session.get_one(DeviceDefinition, kept).manufacturer_id
    doubled = make_definition(session, reference="R2", udi_di=None, manufacturer_id=maker)
    make_unit(session, kept)
    make_unit(session, doubled, hold=a_hold())
    merge = NewMerge(db.new_id(), kept, "One device, entered twice.")
    catalogue.merge_definition(session, doubled, new=merge, actor=ALICE, now=NOW)

    with pytest.raises(UnitDoubtful):
        deliver(session, LOT_CODE)


def test_a_code_of_a_lot_names_its_blocked_unit_and_passes_over_those_that_are_gone(session: Session) -> None:
    definition_id = make_covered(session)
    gone, held = make_unit(session, definition_id), make_unit(session, definition_id, hold=a_hold())
    session.get_one(Device, gone.id).state = UnitState.USED
    session.flush()  # the query of the service must see it

    with pytest.raises(UnitOnHold):
        deliver(session, LOT_CODE)
    assert devices.get_unit(session, held.number).state is UnitState.QUARANTINED


def test_the_label_of_a_patient_is_refused(session: Session) -> None:
    with pytest.raises(PatientLabelAtDelivery):
        deliver(session, PATIENT)


def test_the_same_scan_sent_again_names_the_same_unit_although_its_state_has_changed(session: Session) -> None:
    unit, movement_id = make_unit(session, make_covered(session)), db.new_id()

    first = deliver(session, LOT_CODE, movement_id=movement_id)
    again = deliver(session, LOT_CODE, movement_id=movement_id)

    assert first.id == again.id == unit.id


def test_what_is_on_hold_is_not_delivered_and_nobody_else_than_a_pharmacist_delivers(session: Session) -> None:
    definition_id = make_covered(session)
    held, free = make_unit(session, definition_id, hold=a_hold()), make_unit(session, definition_id)

    with pytest.raises(UnitOnHold):
        deliver(session, held.number)
    with pytest.raises(NotPermitted):
        deliver(session, free.number, actor=CHARLIE)


def test_a_unit_is_delivered_to_a_ward(session: Session) -> None:
    unit = make_unit(session, make_covered(session))

    assert make_delivery(session, unit.number) is UnitState.DELIVERED

    last = devices.life_of(session, unit.id)[-1]
    assert (last.event, last.ward_name) == (Event.DELIVERY, "Bloc opératoire")
    assert session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence.desc())).first() == "unit:delivered"


def test_the_same_delivery_again_changes_nothing(session: Session) -> None:
    unit, movement_id = make_unit(session, make_covered(session)), db.new_id()
    make_delivery(session, unit.number, movement_id=movement_id)

    assert make_delivery(session, unit.number, movement_id=movement_id) is UnitState.DELIVERED

    assert len(devices.life_of(session, unit.id)) == 2
    other = make_unit(session, unit.definition.id)
    with pytest.raises(RequestIdReused):
        make_delivery(session, other.number, movement_id=movement_id)


def test_a_unit_on_hold_is_not_delivered(session: Session) -> None:
    unit = make_unit(session, make_covered(session))
    device_service.open_hold(session, db.new_id(), number=unit.number, hold=a_hold(), actor=BOB, now=NOW)

    with pytest.raises(UnitOnHold):
        make_delivery(session, unit.number)

    assert len(devices.life_of(session, unit.id)) == 1


def test_a_unit_is_delivered_on_its_last_day_and_not_after(session: Session) -> None:
    definition_id = make_covered(session)
    fresh = make_unit(session, definition_id, expiration_date=TODAY)
    past = make_unit(session, definition_id, expiration_date=TODAY - timedelta(1))

    assert make_delivery(session, fresh.number) is UnitState.DELIVERED
    with pytest.raises(UnitPastShelfLife):
        make_delivery(session, past.number)


def test_a_delivery_needs_a_ward_of_this_hospital(session: Session) -> None:
    unit = make_unit(session, make_covered(session))

    with pytest.raises(WardNotFound):
        service.deliver_unit(
            session,
            unit.number,
            to=Handover(db.new_id()),
            movement_id=db.new_id(),
            actor=ALICE,
            now=NOW,
            today=TODAY,
        )


def test_only_a_pharmacist_delivers(session: Session) -> None:
    unit = make_unit(session, make_covered(session))

    with pytest.raises(NotPermitted):
        make_delivery(session, unit.number, actor=CHARLIE)


def test_two_people_who_deliver_one_unit_at_once_deliver_it_once(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        unit = make_unit(session, make_covered(session))

    def act() -> UnitState:
        with db.transaction(database, HOSPITAL_A) as session:
            return make_delivery(session, unit.number)

    answers = at_once(act, act)

    assert sorted(type(answer).__name__ for answer in answers) == ["EventNotPossible", "UnitState"]
    with db.transaction(database, HOSPITAL_A) as session:
        assert len(devices.life_of(session, unit.id)) == 2


def test_shelf_life_of_a_unit_without_date_never_ends(session: Session) -> None:
    unit = make_unit(session, make_covered(session), expiration_date=None)

    assert make_delivery(session, unit.number) is UnitState.DELIVERED
    assert session.get_one(Device, unit.id).expiration_date is None


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Run acts at once and return their answers, errors included."""
    answers: list[object] = []
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        start.wait()
        try:
            answers.append(act())
        except Exception as error:  # noqa: BLE001 - the answer of a thread
            answers.append(error)

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


class Shelf:
    """A unit of one device, and the derogation that covers it or does not."""

    def __init__(
        self, session: Session, *, until: date | None = TODAY, references: tuple[str, ...] = (REFERENCE,)
    ) -> None:
        self.manufacturer_id = make_manufacturer(session)
        self.derogation_id = make_derogation(session, self.manufacturer_id, valid_until=until, references=references)
        self.definition_id = make_definition(session, manufacturer_id=self.manufacturer_id)
        self.unit = make_unit(session, self.definition_id)


def decide(session: Session, derogation_id: UUID, kind: DecisionKind, **changes: object) -> None:
    told = {"effective_from": TODAY, "reference": "2026-S-7"} | changes
    new = NewDecision(derogation_id=derogation_id, kind=kind, **told)  # type: ignore[arg-type]
    register.record_decision(session, db.new_id(), new=new, actor=ALICE, now=NOW)


def refusal(session: Session, unit: UnitView, *, today: date = TODAY) -> NotCovered:
    """Deliver a unit, see it refused and nothing written, and return the refusal."""
    with pytest.raises(NotCovered) as refused:
        service.deliver_unit(
            session, unit.number, to=Handover(THEATRE), movement_id=db.new_id(), actor=ALICE, now=NOW, today=today
        )
    assert devices.get_unit_by_id(session, unit.id).state is UnitState.RELEASED
    assert [one.event for one in devices.life_of(session, unit.id)] == [Event.VALID_RECEIPT]
    return refused.value


def test_a_unit_goes_on_the_last_day_of_its_derogation_and_not_on_the_day_after(session: Session) -> None:
    shelf = Shelf(session)

    said = refusal(session, shelf.unit, today=TODAY + timedelta(days=1))

    assert said.finding.code == "derogation-ended"
    assert str(said) == "The derogation SCORE inserts (DM-2025-001) ended on 2026-03-02."
    assert said.next_step == "If ANSM extended it, record the decision, then scan again. If not, send the box back."
    assert make_delivery(session, shelf.unit.number) is UnitState.DELIVERED


@pytest.mark.parametrize("kind", [DecisionKind.SUSPENDED, DecisionKind.WITHDRAWN])
def test_a_unit_that_was_scanned_before_the_decision_and_sent_after_it_stays(
    session: Session, kind: DecisionKind
) -> None:
    shelf = Shelf(session)
    decide(session, shelf.derogation_id, kind)

    said = refusal(session, shelf.unit)

    assert (said.finding.code, said.code) == (f"derogation-{kind.value}", "delivery-not-covered")
    assert said.explain(str)[0]["source"] == "Register: SCORE inserts, ANSM's decision 2026-S-7"


def test_the_end_of_a_suspension_lets_it_go(session: Session) -> None:
    shelf = Shelf(session)
    decide(session, shelf.derogation_id, DecisionKind.SUSPENDED, effective_from=TODAY - timedelta(days=1))
    decide(session, shelf.derogation_id, DecisionKind.REINSTATED)

    assert make_delivery(session, shelf.unit.number) is UnitState.DELIVERED


def test_a_reference_that_left_the_scope_or_was_never_in_it_stays(session: Session) -> None:
    left = Shelf(session)
    unlisted = make_definition(session, reference="R2", udi_di=None, manufacturer_id=left.manufacturer_id)
    other = refusal(session, make_unit(session, unlisted))
    decide(session, left.derogation_id, DecisionKind.SCOPE_CHANGED, removed=(REFERENCE,))

    assert refusal(session, left.unit).finding.code == "reference-not-listed"
    assert str(other) == "None of this manufacturer's derogations in the register lists the reference R2."


def test_a_scope_in_words_is_read_by_a_pharmacist_before_anything_goes(session: Session) -> None:
    shelf = Shelf(session, references=())

    assert refusal(session, shelf.unit).finding.code == "scope-reading-missing"
    make_scope(session, shelf.derogation_id, (REFERENCE,), effective_from=TODAY, reading="size C is an insert")
    assert make_delivery(session, shelf.unit.number) is UnitState.DELIVERED


@pytest.mark.parametrize(
    ("until", "begins", "kind", "code"),
    [
        (None, date(2025, 1, 1), DecisionKind.GRANTED, "derogation-end-unknown"),
        (TODAY + timedelta(days=90), TODAY + timedelta(days=1), DecisionKind.GRANTED, "derogation-not-yet"),
        (None, date(2025, 1, 1), DecisionKind.REFUSED, "derogation-refused"),
    ],
    ids=["no end", "not yet", "refused"],
)
def test_what_is_not_in_force_covers_nothing(
    session: Session, until: date | None, begins: date, kind: DecisionKind, code: str
) -> None:
    maker = make_manufacturer(session)
    make_derogation(session, maker, valid_until=until, effective_from=begins, decision_kind=kind)
    unit = make_unit(session, make_definition(session, manufacturer_id=maker))

    assert refusal(session, unit).finding.code == code


def test_a_device_without_any_derogation_stays(session: Session) -> None:
    unit = make_unit(session, make_definition(session))

    said = refusal(session, unit)

    assert str(said) == f"The register has no derogation for devices of Maker of {REFERENCE}."


def test_a_derogation_for_other_establishments_covers_nothing_here_and_another_one_does(session: Session) -> None:
    shelf = Shelf(session)
    elsewhere = Conditions(sites=("Hôpital B",), is_allowed_here=False)
    decide(session, shelf.derogation_id, DecisionKind.CONDITIONS_CHANGED, conditions=elsewhere)

    assert refusal(session, shelf.unit).finding.code == "site-not-allowed"
    second = make_derogation(session, shelf.manufacturer_id)
    assert make_delivery(session, shelf.unit.number) is UnitState.DELIVERED
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "unit:delivered")).one()
    assert entry.details["derogation"] == str(second)


@pytest.mark.parametrize("is_fictional", [False, True])
def test_an_individual_or_a_fictional_derogation_in_force_is_enough(session: Session, is_fictional: bool) -> None:  # noqa: FBT001
    maker = make_manufacturer(session)
    patient_id = None if is_fictional else make_patient(session)
    make_derogation(session, maker, kind=DerogationKind.INDIVIDUAL, patient_id=patient_id, is_fictional=is_fictional)
    unit = make_unit(session, make_definition(session, manufacturer_id=maker))

    assert make_delivery(session, unit.number) is UnitState.DELIVERED


def test_what_stands_against_the_unit_itself_is_said_before_the_register(session: Session) -> None:
    shelf = Shelf(session)
    make_delivery(session, shelf.unit.number)
    decide(session, shelf.derogation_id, DecisionKind.SUSPENDED)

    with pytest.raises(EventNotPossible):
        make_delivery(session, shelf.unit.number)


def test_a_delivery_that_was_written_is_answered_again_although_its_derogation_is_suspended(session: Session) -> None:
    shelf, movement_id = Shelf(session), db.new_id()
    make_delivery(session, shelf.unit.number, movement_id=movement_id)
    decide(session, shelf.derogation_id, DecisionKind.SUSPENDED)

    assert make_delivery(session, shelf.unit.number, movement_id=movement_id) is UnitState.DELIVERED


def test_a_delivery_that_waited_while_a_decision_was_recorded_obeys_it(database: db.Database) -> None:
    """The delivery begins first and waits for the unit; the decision that is recorded meanwhile counts."""
    with db.transaction(database, HOSPITAL_A) as session:
        shelf = Shelf(session)
    locked, decided, answers = Signal(), Signal(), list[object]()

    def suspend() -> None:
        with db.transaction(database, HOSPITAL_A) as session:
            devices.get_unit_for_update(session, shelf.unit.number)
            locked.set()
            later = NOW + timedelta(seconds=1)
            new = NewDecision(derogation_id=shelf.derogation_id, kind=DecisionKind.SUSPENDED, effective_from=TODAY)
            register.record_decision(session, db.new_id(), new=new, actor=ALICE, now=later)
            decided.wait()

    def deliver_one() -> None:
        locked.wait()
        try:
            with db.transaction(database, HOSPITAL_A) as session:
                decided.set()
                answers.append(make_delivery(session, shelf.unit.number))
        except NotCovered as refused:
            answers.append(refused.finding.code)

    threads = [Thread(target=suspend), Thread(target=deliver_one)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == ["derogation-suspended"]


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(session.connection(), "before_cursor_execute", note)
    yield statements
    event.remove(session.connection(), "before_cursor_execute", note)


def test_the_number_of_statements_does_not_grow_with_the_register(session: Session) -> None:
    counts = []
    shelf = Shelf(session)
    for _derogations in (0, 30):
        for _one in range(_derogations):
            other = make_derogation(session, shelf.manufacturer_id, valid_until=TODAY - timedelta(days=1))
            make_decision(session, other, DecisionKind.WITHDRAWN, effective_from=TODAY)
        unit = make_unit(session, shelf.definition_id)
        session.flush()
        session.expunge_all()
        with counted(session) as statements:
            deliver(session, unit.number)
        counts.append(len(statements))

    assert counts[0] == counts[1] <= 14
