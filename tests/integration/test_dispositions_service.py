"""What takes a unit out of stock, on PostgreSQL."""

from dataclasses import replace
from datetime import timedelta
from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.orm import Session

from tests.care import make_failure
from tests.hospital import ALICE, BOB, CHARLIE, GUY, HOSPITAL_A, HOSPITAL_B, NOW, THEATRE, TODAY, enter
from tests.stock import a_hold, make_covered, make_definition, make_unit
from tracker import db
from tracker.actor import Actor
from tracker.audit.models import AuditEntry
from tracker.delivery import service as delivery
from tracker.delivery.rules import Handover
from tracker.devices import queries as devices
from tracker.devices import service as devices_service
from tracker.devices.queries import UnitNotFound, UnitView
from tracker.devices.rules import Event, EventNotPossible, HoldNotPossible, ReasonMissing, UnitState
from tracker.dispositions import jobs, queries, service
from tracker.dispositions.models import Destruction
from tracker.dispositions.queries import DestructionNotFound
from tracker.dispositions.rules import (
    DestructionAsked,
    DestructionClosed,
    DestructionUnwitnessed,
    Disposition,
    NewDisposition,
)
from tracker.errors import NotPermitted, RequestIdReused

PAULE = replace(ALICE, id=UUID(int=ALICE.id.int + 100), display_name="Paule Test")


def dispose(
    session: Session,
    unit: UnitView,
    kind: Disposition,
    *,
    reason: str = "seal broken",
    actor: Actor = ALICE,
    request_id: UUID | None = None,
) -> UnitState:
    new = NewDisposition(kind, reason)
    return service.dispose(session, request_id or db.new_id(), number=unit.number, new=new, actor=actor, now=NOW)


def ask(session: Session, unit: UnitView) -> UUID:
    request_id = db.new_id()
    dispose(session, unit, Disposition.DESTRUCTION, request_id=request_id)
    return request_id


def after(session: Session, unit: UnitView) -> UnitView:
    return devices.get_unit_by_id(session, unit.id)


@pytest.mark.parametrize(
    ("kind", "state", "event"),
    [
        (Disposition.NON_CONFORMING, UnitState.NON_CONFORMING, Event.NON_CONFORMING),
        (Disposition.RETURN, UnitState.RETURNED, Event.STOCK_OUT),
    ],
)
def test_a_unit_leaves_the_stock_with_its_reason(
    session: Session, kind: Disposition, state: UnitState, event: Event
) -> None:
    unit = make_unit(session, make_definition(session))

    assert dispose(session, unit, kind) is state

    last = devices.life_of(session, unit.id)[-1]
    assert (last.event, last.state_after, last.reason) == (event, state, "seal broken")
    assert not after(session, unit).is_usable
    assert session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence.desc())).first() == "unit:taken-out"


def test_the_same_request_again_changes_nothing(session: Session) -> None:
    unit, request_id = make_unit(session, make_definition(session)), db.new_id()
    other = make_unit(session, unit.definition.id)

    for _again in range(2):
        dispose(session, unit, Disposition.RETURN, request_id=request_id)

    assert len(devices.life_of(session, unit.id)) == 2
    with pytest.raises(RequestIdReused):
        dispose(session, other, Disposition.RETURN, request_id=request_id)


def test_a_hold_goes_with_the_unit_that_leaves_for_good_and_stays_with_one_that_is_set_apart(session: Session) -> None:
    definition_id = make_definition(session)
    gone, kept = (make_unit(session, definition_id, hold=a_hold()) for _unit in range(2))

    dispose(session, gone, Disposition.RETURN)
    dispose(session, kept, Disposition.NON_CONFORMING)

    assert [hold.close_reason for hold in devices.list_holds(session, gone.id)] == ["left-stock"]
    assert len(after(session, kept).holds) == 1
    with pytest.raises(HoldNotPossible):
        devices_service.open_hold(session, db.new_id(), number=gone.number, hold=a_hold(), actor=ALICE, now=NOW)


def test_what_was_opened_and_not_implanted_goes_back_or_is_destroyed_by_two(session: Session) -> None:
    definition_id = make_definition(session)
    back, burnt = (make_unit(session, definition_id) for _unit in range(2))
    for unit in (back, burnt):
        make_failure(session, unit.number)

    with pytest.raises(EventNotPossible):
        dispose(session, back, Disposition.NON_CONFORMING)
    assert dispose(session, back, Disposition.RETURN, reason="expertise, incident 2026-1") is UnitState.RETURNED
    asked = ask(session, burnt)
    with pytest.raises(DestructionUnwitnessed):
        service.confirm_destruction(session, asked, actor=ALICE, now=NOW)
    assert service.confirm_destruction(session, asked, actor=PAULE, now=NOW) is UnitState.DESTROYED

    for unit in (back, burnt):
        assert not after(session, unit).is_usable
        with pytest.raises(EventNotPossible):
            dispose(session, unit, Disposition.RETURN)


def test_what_was_used_or_has_left_does_not_leave_again(session: Session) -> None:
    used, gone = (make_unit(session, make_definition(session, reference=f"R{n}", udi_di=None)) for n in range(2))
    devices_service.mark_used(session, used.id, event=Event.IMPLANTATION, reason="", actor=CHARLIE, now=NOW)
    dispose(session, gone, Disposition.RETURN)

    for unit in (used, gone):
        for kind in Disposition:
            with pytest.raises(EventNotPossible):
                dispose(session, unit, kind)


def test_taking_out_needs_a_reason_the_right_and_the_hospital(session: Session) -> None:
    unit = make_unit(session, make_definition(session))

    with pytest.raises(ReasonMissing):
        dispose(session, unit, Disposition.RETURN, reason=" ")
    with pytest.raises(NotPermitted):
        dispose(session, unit, Disposition.RETURN, actor=CHARLIE)
    assert after(session, unit).is_usable
    enter(session, HOSPITAL_B)
    with pytest.raises(UnitNotFound):
        dispose(session, unit, Disposition.RETURN, actor=GUY)


def test_a_destruction_takes_two_people(session: Session) -> None:
    unit = make_unit(session, make_definition(session))
    asked = ask(session, unit)

    with pytest.raises(DestructionUnwitnessed):
        service.confirm_destruction(session, asked, actor=ALICE, now=NOW)
    assert after(session, unit).state is UnitState.RELEASED
    states = [service.confirm_destruction(session, asked, actor=PAULE, now=NOW) for _again in range(2)]

    assert states == [UnitState.DESTROYED] * 2
    last = devices.life_of(session, unit.id)[-1]
    assert (last.event, last.actor_name, last.details) == (
        Event.STOCK_OUT,
        "Paule Test",
        {"requested_by": "Alice Test"},
    )
    (line,) = queries.list_destructions(session, limit=5)
    assert (line.requested_by_name, line.closed_by_name, line.close_reason) == ("Alice Test", "Paule Test", "confirmed")


def test_the_database_itself_refuses_a_confirmation_by_who_asked(session: Session) -> None:
    asked = ask(session, make_unit(session, make_definition(session)))
    close = text("update destruction set closed_at = now(), closed_by_id = :by, close_reason = :reason where id = :id")

    with pytest.raises(IntegrityError, match="witness"), session.begin_nested():
        session.execute(close, {"by": ALICE.id, "reason": "confirmed", "id": asked})
    service.confirm_destruction(session, asked, actor=BOB, now=NOW)
    session.flush()  # the next statement goes beneath the service
    with pytest.raises(DatabaseError, match="closed once"), session.begin_nested():
        session.execute(close, {"by": CHARLIE.id, "reason": "other", "id": asked})


def test_a_request_is_taken_back_with_a_reason_and_the_unit_stays(session: Session) -> None:
    unit = make_unit(session, make_definition(session))
    asked = ask(session, unit)

    with pytest.raises(ReasonMissing):
        service.withdraw_destruction(session, asked, reason=" ", actor=ALICE, now=NOW)
    service.withdraw_destruction(session, asked, reason="wrong box", actor=ALICE, now=NOW)

    with pytest.raises(DestructionClosed):
        service.confirm_destruction(session, asked, actor=PAULE, now=NOW)
    with pytest.raises(DestructionClosed):
        service.withdraw_destruction(session, asked, reason="again", actor=ALICE, now=NOW)
    assert after(session, unit).is_usable
    session.flush()  # a new request for the same unit follows
    assert service.confirm_destruction(session, ask(session, unit), actor=BOB, now=NOW) is UnitState.DESTROYED


def test_a_destruction_is_asked_for_once_and_belongs_to_its_hospital(session: Session) -> None:
    unit = make_unit(session, make_definition(session))
    asked = ask(session, unit)

    with pytest.raises(DestructionAsked):
        ask(session, unit)
    dispose(session, unit, Disposition.DESTRUCTION, request_id=asked)
    assert session.scalar(select(func.count()).select_from(Destruction)) == 1
    session.expunge_all()
    enter(session, HOSPITAL_B)
    with pytest.raises(DestructionNotFound):
        service.confirm_destruction(session, asked, actor=GUY, now=NOW)


def test_what_was_used_meanwhile_is_not_destroyed(session: Session) -> None:
    unit = make_unit(session, make_definition(session))
    asked = ask(session, unit)
    devices_service.mark_used(session, unit.id, event=Event.IMPLANTATION, reason="", actor=CHARLIE, now=NOW)

    with pytest.raises(EventNotPossible), session.begin_nested():
        service.confirm_destruction(session, asked, actor=PAULE, now=NOW)

    assert after(session, unit).state is UnitState.USED


def test_two_witnesses_at_once_destroy_one_unit_once(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        unit = make_unit(session, make_definition(session))
        asked = ask(session, unit)
    answers: list[UnitState] = []

    def confirm(actor: Actor) -> None:
        with db.transaction(database, HOSPITAL_A) as session:
            answers.append(service.confirm_destruction(session, asked, actor=actor, now=NOW))

    threads = [Thread(target=confirm, args=(actor,)) for actor in (PAULE, BOB)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [UnitState.DESTROYED] * 2
    with db.transaction(database, HOSPITAL_A) as session:
        assert len(devices.life_of(session, unit.id)) == 2


def test_the_sweep_takes_out_what_is_past_in_the_pharmacy_and_nothing_else(
    database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SWEEP_SIZE", 2)
    with db.transaction(database, HOSPITAL_A) as session:
        definition_id = make_covered(session)
        yesterday = TODAY - timedelta(1)
        past = [make_unit(session, definition_id, expiration_date=yesterday) for _unit in range(2)]
        held = make_unit(session, definition_id, expiration_date=yesterday, hold=a_hold())
        last_day = make_unit(session, definition_id, expiration_date=TODAY)
        undated = make_unit(session, definition_id, expiration_date=None)
        away = make_unit(session, definition_id, expiration_date=yesterday)
        delivery.deliver_unit(
            session,
            away.number,
            to=Handover(THEATRE),
            movement_id=db.new_id(),
            actor=ALICE,
            now=NOW,
            today=yesterday,
        )

    counts = [jobs.expire_job().run(database, NOW) for _again in range(2)]

    assert counts == [3, 0]
    with db.transaction(database, HOSPITAL_A) as session:
        assert {after(session, unit).state for unit in (*past, held)} == {UnitState.EXPIRED}
        assert after(session, last_day).is_usable
        assert after(session, undated).is_usable
        assert after(session, away).state is UnitState.DELIVERED
        life = devices.life_of(session, held.id)
    assert (life[-1].event, life[-1].actor_name, life[-1].reason) == (Event.EXPIRED, "system", "shelf-life-past")
