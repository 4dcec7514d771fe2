"""The whole life of a unit, as each person may read it."""

from sqlalchemy.orm import Session

from tests.bench import counted
from tests.hospital import ALICE, CHARLIE, ERIC, NOW, TODAY
from tests.lives import live
from tracker import db
from tracker.chronicle.queries import chronicle_of
from tracker.chronicle.rules import Entry, Kind
from tracker.upkeep import service as upkeep
from tracker.upkeep.rules import NewPlace


def kinds(entries: list[Entry]) -> set[Kind]:
    return {entry.kind for entry in entries}


def test_a_pharmacist_reads_everything_in_one_order_and_no_patient(session: Session) -> None:
    unit = live(session)

    entries = chronicle_of(session, unit, actor=ALICE)

    assert kinds(entries) == set(Kind)
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    assert [entry.data["reprint"] for entry in entries if entry.kind is Kind.LABEL] == ["", "yes"]
    assert "MARIE" not in str(entries).upper()
    assert "worn insert" not in str(entries)


def test_uses_and_incidents_are_told_to_whom_may_read_them_only(session: Session) -> None:
    unit = live(session)

    surgeon, administrator = (kinds(chronicle_of(session, unit, actor=actor)) for actor in (CHARLIE, ERIC))

    assert set(Kind) - surgeon == {Kind.INCIDENT}
    assert set(Kind) - administrator == {Kind.USE, Kind.INCIDENT}


def test_the_statements_do_not_grow_with_what_happened(session: Session) -> None:
    unit = live(session)
    with counted(session) as first:
        chronicle_of(session, unit, actor=ALICE)
    for place in range(5):
        new = NewPlace(f"Room {place}", TODAY)
        upkeep.record_place(session, db.new_id(), number=unit.number, new=new, actor=ALICE, now=NOW, today=TODAY)
    with counted(session) as last:
        chronicle_of(session, unit, actor=ALICE)

    assert len(last) == len(first) <= 10
