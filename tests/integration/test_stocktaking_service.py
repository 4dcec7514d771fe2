"""Counts of the stock, on PostgreSQL."""

from collections.abc import Sequence
from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from tests.bench import counted as counting
from tests.hospital import ALICE, BOB, DORA, GUY, HOSPITAL_A, HOSPITAL_B, NOW, THEATRE, TODAY, enter
from tests.stock import make_covered, make_delivery, make_unit
from tracker import db
from tracker.actor import Actor
from tracker.audit.models import AuditEntry
from tracker.devices import queries as devices
from tracker.devices import service as devices_service
from tracker.devices.queries import UnitNotFound, UnitView
from tracker.devices.rules import Event, HoldNotPossible, ReasonMissing
from tracker.errors import NotPermitted, RequestIdReused
from tracker.organisation.queries import WardNotFound
from tracker.stocktaking import queries, service
from tracker.stocktaking.models import CountedUnit
from tracker.stocktaking.queries import CountNotFound
from tracker.stocktaking.rules import CountClosed, Difference, DifferencesOpen, NoDifference, NothingChosen, Resolution
from tracker.stocktaking.service import Counted, NewCount


def begin(session: Session, *, ward_id: UUID | None = None, definition_id: UUID | None = None) -> UUID:
    new = NewCount(ward_id, definition_id, "shelf 2")
    opened = service.open_count(session, db.new_id(), new=new, actor=ALICE, now=NOW)
    session.flush()  # the scans lock it
    return opened.id


def scan(session: Session, count_id: UUID, unit: UnitView, *, actor: Actor = ALICE) -> Counted:
    return service.count_unit(session, count_id, raw=unit.number, actor=actor, now=NOW, today=TODAY)


def decide_all(
    session: Session,
    count_id: UUID,
    units: Sequence[UnitView],
    resolution: Resolution = Resolution.EXPLAINED,
    *,
    reason: str = "lent to theatre 2",
    actor: Actor = ALICE,
) -> None:
    numbers = [unit.number for unit in units]
    service.resolve(session, count_id, numbers=numbers, resolution=resolution, reason=reason, actor=actor, now=NOW)


def decide(
    session: Session,
    count_id: UUID,
    unit: UnitView,
    resolution: Resolution = Resolution.EXPLAINED,
    *,
    reason: str = "lent to theatre 2",
    actor: Actor = ALICE,
) -> None:
    decide_all(session, count_id, [unit], resolution, reason=reason, actor=actor)
    session.flush()  # the differences are read


def deliver(session: Session, unit: UnitView) -> None:
    make_delivery(session, unit.number)


def differences(session: Session, count_id: UUID) -> dict[str, Difference]:
    found = queries.list_differences(session, queries.get_count(session, count_id))
    return {one.number: one.difference for one in found if one.resolution is None}


def test_a_count_tells_what_is_missing_elsewhere_and_no_longer_here(session: Session) -> None:
    definition_id = make_covered(session)
    counted, missing, away, used = (make_unit(session, definition_id) for _unit in range(4))
    deliver(session, away)
    devices_service.mark_used(session, used.id, event=Event.IMPLANTATION, reason="", actor=ALICE, now=NOW)
    count_id = begin(session)

    answers = [scan(session, count_id, unit).difference for unit in (counted, away, used)]

    assert answers == [None, Difference.WRONG_PLACE, Difference.UNEXPECTED]
    assert differences(session, count_id) == {
        missing.number: Difference.MISSING,
        away.number: Difference.WRONG_PLACE,
        used.number: Difference.UNEXPECTED,
    }


def test_a_ward_is_counted_by_what_was_delivered_to_it(session: Session) -> None:
    definition_id = make_covered(session)
    there, missing, _in_pharmacy = (make_unit(session, definition_id) for _unit in range(3))
    deliver(session, there)
    deliver(session, missing)
    count_id = begin(session, ward_id=THEATRE)

    scan(session, count_id, there, actor=DORA)

    assert differences(session, count_id) == {missing.number: Difference.MISSING}


def test_a_count_of_one_device_misses_no_other(session: Session) -> None:
    one, other = make_covered(session), make_covered(session, reference="R2", udi_di=None)
    unit, _other = make_unit(session, one), make_unit(session, other)

    assert differences(session, begin(session, definition_id=one)) == {unit.number: Difference.MISSING}


def test_a_unit_counts_once_whoever_scans_it_again(session: Session) -> None:
    unit = make_unit(session, make_covered(session))
    count_id = begin(session)

    firsts = [scan(session, count_id, unit, actor=actor).is_first for actor in (ALICE, DORA, ALICE)]

    assert firsts == [True, False, False]
    assert session.scalar(select(func.count()).select_from(CountedUnit)) == 1
    assert session.scalars(select(AuditEntry.action)).all().count("unit:counted") == 1


def test_two_people_who_scan_one_unit_at_once_count_it_once(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        unit = make_unit(session, make_covered(session))
        count_id = begin(session)
    firsts: list[bool] = []

    def act(actor: Actor) -> None:
        with db.transaction(database, HOSPITAL_A) as session:
            firsts.append(scan(session, count_id, unit, actor=actor).is_first)

    threads = [Thread(target=act, args=(actor,)) for actor in (ALICE, DORA)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(firsts) == [False, True]


def test_a_missing_unit_is_blocked_until_it_is_found_and_then_the_count_closes(session: Session) -> None:
    definition_id = make_covered(session)
    lost, moved = make_unit(session, definition_id), make_unit(session, definition_id)
    count_id = begin(session)

    with pytest.raises(DifferencesOpen):
        service.close_count(session, count_id, actor=ALICE, now=NOW)
    for _again in range(2):
        decide(session, count_id, lost, Resolution.HELD, reason="not on the shelf")
    deliver(session, moved)
    closed = [service.close_count(session, count_id, actor=ALICE, now=NOW).closed_by_name for _again in range(2)]

    assert closed == ["Alice Test"] * 2
    assert [hold.reason for hold in devices.get_unit_by_id(session, lost.id).holds] == ["not on the shelf"]
    (line,) = queries.list_differences(session, queries.get_count(session, count_id))
    assert (line.resolution, line.reason, line.decided_by) == (Resolution.HELD, "not on the shelf", "Alice Test")
    with pytest.raises(CountClosed):
        scan(session, count_id, lost)
    with pytest.raises(CountClosed):
        decide(session, count_id, moved)


def test_only_a_difference_is_decided_about_once_with_a_reason_by_a_pharmacist(session: Session) -> None:
    definition_id = make_covered(session)
    there, missing = make_unit(session, definition_id), make_unit(session, definition_id)
    count_id = begin(session)
    scan(session, count_id, there)

    with pytest.raises(NoDifference):
        decide(session, count_id, there)
    with pytest.raises(ReasonMissing):
        decide(session, count_id, missing, reason=" ")
    with pytest.raises(NotPermitted):
        decide(session, count_id, missing, actor=DORA)
    decide(session, count_id, missing)
    with pytest.raises(NoDifference):
        decide(session, count_id, missing, reason="another story")


def test_several_differences_are_decided_about_at_once_each_with_its_entry(session: Session) -> None:
    definition_id = make_covered(session)
    missing = [make_unit(session, definition_id) for _unit in range(3)]
    count_id = begin(session)

    for _again in range(2):
        decide_all(session, count_id, missing, Resolution.HELD, reason="not on the shelf")
        session.flush()  # the differences are read

    found = queries.list_differences(session, queries.get_count(session, count_id))
    entries = session.execute(select(AuditEntry.action, AuditEntry.subject)).all()
    assert {(one.number, one.resolution, one.is_held) for one in found} == {
        (unit.number, Resolution.HELD, True) for unit in missing
    }
    assert sorted(subject for action, subject in entries if action == "difference:resolved") == sorted(
        f"device:{unit.id}" for unit in missing
    )
    assert [action for action, _subject in entries].count("hold:opened") == 3


def test_one_that_cannot_be_decided_about_keeps_all_from_it(session: Session) -> None:
    definition_id = make_covered(session)
    there, missing, used = (make_unit(session, definition_id) for _unit in range(3))
    devices_service.mark_used(session, used.id, event=Event.IMPLANTATION, reason="", actor=ALICE, now=NOW)
    count_id = begin(session)
    scan(session, count_id, there)
    scan(session, count_id, used)

    with pytest.raises(NoDifference, match=there.number), session.begin_nested():
        decide_all(session, count_id, [missing, there])
    with pytest.raises(HoldNotPossible), session.begin_nested():
        decide_all(session, count_id, [missing, used], Resolution.HELD)
    with pytest.raises(NothingChosen):
        decide_all(session, count_id, [])

    assert set(differences(session, count_id)) == {missing.number, used.number}


@pytest.mark.parametrize("resolution", list(Resolution), ids=str)
def test_a_decision_takes_as_many_statements_for_many_as_for_one(session: Session, resolution: Resolution) -> None:
    definition_id, sizes = make_covered(session), []
    count_id = begin(session)
    for size in (1, 4, 9):
        units = [make_unit(session, definition_id) for _unit in range(size)]
        with counting(session) as statements:
            decide_all(session, count_id, units, resolution)
            session.flush()  # what the end of the transaction writes is counted too
        sizes.append(len(statements))

    assert len(set(sizes)) == 1, sizes


def test_of_two_who_decide_otherwise_at_once_one_is_told_and_nothing_of_theirs_is_written(
    database: db.Database,
) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        definition_id = make_covered(session)
        units = [make_unit(session, definition_id) for _unit in range(3)]
        count_id = begin(session)
    outcomes: list[str] = []

    def act(reason: str, mine: Sequence[UnitView]) -> None:
        try:
            with db.transaction(database, HOSPITAL_A) as session:
                decide_all(session, count_id, mine, Resolution.HELD, reason=reason)
        except NoDifference:
            outcomes.append("told")
        else:
            outcomes.append(reason)

    threads = [
        Thread(target=act, args=("lost", units[:2])),
        Thread(target=act, args=("stolen", units[:0:-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (winner,) = (one for one in outcomes if one != "told")
    with db.transaction(database, HOSPITAL_A) as session:
        found = queries.list_differences(session, queries.get_count(session, count_id))
        holds = [len(devices.get_unit_by_id(session, unit.id).holds) for unit in units]
    assert len(outcomes) == 2
    assert [one.reason for one in found if one.resolution] == [winner, winner]
    assert sum(holds) == 2


def test_a_count_belongs_to_its_hospital_and_to_who_may_count(session: Session) -> None:
    unit, request_id = make_unit(session, make_covered(session)), db.new_id()
    service.open_count(session, request_id, new=NewCount(), actor=ALICE, now=NOW)
    session.flush()  # the same request follows

    assert service.open_count(session, request_id, new=NewCount(), actor=ALICE, now=NOW).id == request_id
    with pytest.raises(RequestIdReused):
        service.open_count(session, request_id, new=NewCount(THEATRE), actor=ALICE, now=NOW)
    with pytest.raises(WardNotFound):
        begin(session, ward_id=db.new_id())
    with pytest.raises(NotPermitted):
        scan(session, request_id, unit, actor=BOB)
    with pytest.raises(UnitNotFound):
        service.count_unit(session, request_id, raw="nothing", actor=ALICE, now=NOW, today=TODAY)
    session.expunge_all()
    enter(session, HOSPITAL_B)
    with pytest.raises(CountNotFound):
        scan(session, request_id, unit, actor=GUY)


def test_the_database_refuses_to_rewrite_a_closed_count(session: Session) -> None:
    count_id = begin(session)
    service.close_count(session, count_id, actor=ALICE, now=NOW)
    session.flush()  # the next statement goes beneath the service

    with pytest.raises(DatabaseError, match="closed once"), session.begin_nested():
        session.execute(text("update stock_count set closed_at = null where id = :id"), {"id": count_id})
