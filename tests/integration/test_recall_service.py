"""Which patients carry a lot, and where the rest of it is: at once, whatever its size."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from tests.care import MARIE, make_patient, make_use
from tests.hospital import ALICE, BOB, CHARLIE, DORA, ERIC, FANNY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import a_hold, make_definition, make_delivery, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.actor import Actor
from tracker.audit.models import AuditEntry
from tracker.catalogue import service as catalogue
from tracker.catalogue.queries import DefinitionNotFound
from tracker.catalogue.rules import NewMerge
from tracker.db import Database, transaction
from tracker.devices import queries as devices
from tracker.devices.rules import HoldCause, ReasonMissing, UnitState
from tracker.errors import NotPermitted
from tracker.lots import queries as lot_queries
from tracker.lots import service as lots
from tracker.lots.jobs import merged_lots_job
from tracker.lots.models import LotHold
from tracker.recalls import queries, service
from tracker.recalls.queries import Place
from tracker.recalls.rules import LotMissing


class Lot:
    """Lot A1: one unit in Marie, one in Paul, one delivered to theatre, one on the shelf, one in quarantine."""

    def __init__(self, session: Session) -> None:
        manufacturer = make_manufacturer(session)
        self.definition_id = make_definition(session, manufacturer_id=manufacturer)
        derogation = make_derogation(session, manufacturer)
        self.units = [make_unit(session, self.definition_id) for _ in range(4)]
        self.units.append(make_unit(session, self.definition_id, hold=a_hold()))
        self.marie = make_patient(session)
        self.paul = make_patient(session, replace(MARIE, family_name="DURAND", given_names="Paul", ipp="77"))
        for unit, patient, days_ago in ((self.units[0], self.marie, 3), (self.units[1], self.paul, 1)):
            make_use(
                session,
                unit.id,
                patient_id=patient,
                derogation_id=derogation,
                used_on=TODAY - timedelta(days=days_ago),
            )
        make_delivery(session, self.units[2].number)
        make_unit(session, self.definition_id, lot_number="B2")


@pytest.fixture
def lot(session: Session) -> Lot:
    return Lot(session)


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """Collect the statements that reach the database."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def hold(
    session: Session, lot: Lot, *, request_id: UUID | None = None, actor: Actor = BOB, reason: str = "FSN 12"
) -> int:
    return service.hold_lot(
        session,
        request_id or db.new_id(),
        definition_id=lot.definition_id,
        lot_number="A1",
        reason=reason,
        actor=actor,
        now=NOW,
    )


def test_the_patients_who_carry_the_lot_are_named_latest_first(session: Session, lot: Lot) -> None:
    view = queries.recall(session, lot_number="A1")

    names = [unit.patient.traits.display_name for unit in view.carriers if unit.patient]
    assert names == ["DURAND Paul", "MARTIN-BRÉANT Marie"]
    assert [unit.operator_name for unit in view.carriers] == [CHARLIE.display_name] * 2


def test_every_unit_of_the_lot_is_counted_by_state_and_place(session: Session, lot: Lot) -> None:
    view = queries.recall(session, lot_number="A1")

    assert set(view.places) == {
        Place(UnitState.USED, "Bloc opératoire", 2),
        Place(UnitState.DELIVERED, "Bloc opératoire", 1),
        Place(UnitState.RELEASED, None, 1),
        Place(UnitState.QUARANTINED, None, 1, 1),
    }
    assert view.usable_count == 2


def test_another_lot_is_not_in_the_answer(session: Session, lot: Lot) -> None:
    view = queries.recall(session, lot_number="A1")

    assert {unit.device_id for unit in view.units} == {unit.id for unit in lot.units}


def test_two_devices_with_the_same_lot_number_are_told_apart(session: Session, lot: Lot) -> None:
    other = make_definition(session, reference="OTHER", udi_di=None)
    stranger = make_unit(session, other)

    assert len(queries.recall(session, lot_number="A1").units) == 6
    narrowed = queries.recall(session, lot_number="A1", definition_id=other)
    assert [unit.device_id for unit in narrowed.units] == [stranger.id]


def test_another_hospital_sees_nothing_of_the_lot(session: Session, lot: Lot) -> None:
    enter(session, HOSPITAL_B)
    session.expunge_all()

    assert queries.recall(session, lot_number="A1").units == ()


def test_an_unknown_lot_has_no_unit(session: Session, lot: Lot) -> None:
    assert queries.recall(session, lot_number="a1").units == ()


@pytest.mark.parametrize("size", [1, 100])
def test_the_answer_takes_three_statements_whatever_the_size(session: Session, engine: Engine, size: int) -> None:
    definition_id = make_definition(session)
    for _ in range(size):
        make_unit(session, definition_id)
    session.expunge_all()

    with counted(engine) as statements:
        view = queries.recall(session, lot_number="A1")

    assert len(view.units) == size
    assert len(statements) == 3


def test_who_asks_for_a_recall_is_recorded(session: Session, lot: Lot) -> None:
    service.recall_lot(session, lot_number=" A1 ", definition_id=None, actor=FANNY, now=NOW)

    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "recall:read")).one()
    assert entry.subject == "lot:A1"
    assert entry.details == {"units": "5", "patients": "2"}


@pytest.mark.parametrize("actor", [CHARLIE, DORA, ERIC])
def test_a_recall_is_not_for_everybody(session: Session, lot: Lot, actor: Actor) -> None:
    with pytest.raises(NotPermitted):
        service.recall_lot(session, lot_number="A1", definition_id=None, actor=actor, now=NOW)


def test_a_recall_names_a_lot(session: Session) -> None:
    with pytest.raises(LotMissing):
        service.recall_lot(session, lot_number=" ", definition_id=None, actor=BOB, now=NOW)


def test_a_recalled_lot_is_blocked_at_once(session: Session, lot: Lot) -> None:
    held = hold(session, lot)

    assert held == 3
    view = queries.recall(session, lot_number="A1")
    assert view.usable_count == 0
    assert view.lot_hold_count == 1
    causes = {hold.cause for hold in devices.get_unit_by_id(session, lot.units[3].id).holds}
    assert causes == {HoldCause.RECALL}


def test_the_same_request_blocks_a_lot_once(session: Session, lot: Lot) -> None:
    request_id = db.new_id()

    counts = [hold(session, lot, request_id=request_id) for _ in range(2)]

    assert counts == [3, 0]
    assert session.scalar(select(func.count()).select_from(LotHold)) == 1


def test_blocking_a_lot_needs_a_reason_a_device_and_the_right(session: Session, lot: Lot) -> None:
    with pytest.raises(ReasonMissing):
        hold(session, lot, reason=" ")
    with pytest.raises(NotPermitted):
        hold(session, lot, actor=CHARLIE)
    lot.definition_id = UUID(int=1)
    with pytest.raises(DefinitionNotFound):
        hold(session, lot)

    assert session.scalar(select(func.count()).select_from(LotHold)) == 0


def test_shelf_life_shows_in_the_answer(session: Session, lot: Lot) -> None:
    assert {unit.expiration_date for unit in queries.recall(session, lot_number="A1").units} == {date(2028, 1, 31)}


def block(session: Session, definition_id: UUID) -> int:
    return service.hold_lot(
        session, db.new_id(), definition_id=definition_id, lot_number="A1", reason="notice", actor=BOB, now=NOW
    )


def merge(session: Session, absorbed: UUID, survivor: UUID) -> None:
    new = NewMerge(db.new_id(), survivor, "two entries of one device")
    catalogue.merge_definition(session, absorbed, new=new, actor=ALICE, now=NOW)
    session.flush()  # the recall reads it


@pytest.fixture
def merged(session: Session) -> tuple[UUID, UUID]:
    """Two entries of one device with a unit of lot A1 under each, merged since."""
    absorbed = make_definition(session, reference="R1", udi_di=None)
    survivor = make_definition(session, reference="R2", udi_di=None)
    for definition_id in (absorbed, survivor):
        make_unit(session, definition_id)
    merge(session, absorbed, survivor)
    return absorbed, survivor


@pytest.mark.parametrize("place", [None, 0, 1], ids=["by-lot", "by-what-was-merged", "by-what-is-used"])
def test_a_recall_after_a_merge_finds_one_device(
    session: Session, merged: tuple[UUID, UUID], place: int | None
) -> None:
    view = queries.recall(session, lot_number="A1", definition_id=None if place is None else merged[place])

    assert len(view.units) == 2
    assert {(unit.definition_id, unit.reference) for unit in view.units} == {(merged[1], "R2")}


@pytest.mark.parametrize("place", [0, 1], ids=["what-was-merged", "what-is-used"])
def test_blocking_a_lot_after_a_merge_stops_every_unit_and_lifting_frees_them(
    session: Session, merged: tuple[UUID, UUID], place: int
) -> None:
    held = block(session, merged[place])
    session.flush()  # the recall reads the holds

    assert held == 2
    assert queries.recall(session, lot_number="A1").usable_count == 0
    assert [lot_queries.count_lot_holds(session, "A1", definition_id) for definition_id in merged] == [1, 1]

    lot_hold = session.scalars(select(LotHold)).one()
    assert lots.release_lot(session, lot_hold.id, reason="sorted out", actor=ALICE, now=NOW) == 2
    assert queries.recall(session, lot_number="A1").usable_count == 2


def test_a_merge_brings_units_into_a_blocked_lot_and_they_are_blocked_too(database: Database) -> None:
    later = NOW + timedelta(minutes=1)
    with transaction(database, HOSPITAL_A) as session:
        first, second = (make_definition(session, reference=name, udi_di=None) for name in ("R1", "R2"))
        for definition_id in (first, second):
            make_unit(session, definition_id)
        block(session, first)
        merge(session, first, second)
        assert queries.recall(session, lot_number="A1").usable_count == 1

    assert [merged_lots_job().run(database, later) for _ in range(2)] == [1, 0]

    with transaction(database, HOSPITAL_A) as session:
        assert queries.recall(session, lot_number="A1").usable_count == 0
        lot_hold = session.scalars(select(LotHold)).one()
        released = lots.release_lot(session, lot_hold.id, reason="sorted out", actor=ALICE, now=later)
        assert released == 2
    assert merged_lots_job().run(database, later) == 0
