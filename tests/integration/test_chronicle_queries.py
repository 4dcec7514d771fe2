"""The whole life of a unit, as each person may read it."""

from sqlalchemy.orm import Session

from scanners import Udi
from scanners.symbols import datamatrix
from tests.bench import counted, open_one
from tests.hospital import ALICE, CHARLIE, ERIC, NOW, TODAY
from tests.lives import live
from tests.stock import REFERENCE, a_hold, make_definition, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.chronicle.queries import chronicle_of
from tracker.chronicle.rules import Entry, Kind
from tracker.devices import queries as devices
from tracker.stocktaking import service as counts
from tracker.stocktaking.service import NewCount
from tracker.unidentified import service as unidentified
from tracker.unidentified.rules import Cause
from tracker.unidentified.service import Identity, NewItem
from tracker.upkeep import service as upkeep
from tracker.upkeep.rules import NewPlace

ELSEWHERE = {
    Kind.TRAY,
    Kind.ARRIVAL,
    Kind.COUNT,
    Kind.CORRECTION,
    Kind.FAILURE,
    Kind.FAILURE_CORRECTION,
    Kind.EXPLANTATION,
    Kind.EXPLANTATION_CORRECTION,
}
"""What did not happen to the unit of ``tests.lives``."""


def kinds(entries: list[Entry]) -> set[Kind]:
    return {entry.kind for entry in entries}


def test_a_pharmacist_reads_everything_in_one_order_and_no_patient(session: Session) -> None:
    unit = live(session)

    entries = chronicle_of(session, unit, actor=ALICE).entries

    assert kinds(entries) == set(Kind) - ELSEWHERE
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    assert [entry.data["reprint"] for entry in entries if entry.kind is Kind.LABEL] == ["", "yes"]
    assert "MARIE" not in str(entries).upper()
    assert "worn insert" not in str(entries)


def test_uses_and_incidents_are_told_to_whom_may_read_them_only(session: Session) -> None:
    unit = live(session)

    whole = kinds(chronicle_of(session, unit, actor=ALICE).entries)

    surgeon, administrator = (kinds(chronicle_of(session, unit, actor=actor).entries) for actor in (CHARLIE, ERIC))

    assert whole - surgeon == {Kind.INCIDENT}
    assert whole - administrator == {Kind.USE, Kind.INCIDENT}


def test_the_statements_do_not_grow_with_what_happened(session: Session) -> None:
    unit = live(session)
    with counted(session) as first:
        chronicle_of(session, unit, actor=ALICE)
    for place in range(5):
        new = NewPlace(f"Room {place}", TODAY)
        upkeep.record_place(session, db.new_id(), number=unit.number, new=new, actor=ALICE, now=NOW, today=TODAY)
    with counted(session) as last:
        chronicle_of(session, unit, actor=ALICE)

    assert len(last) == len(first) <= 15


def test_a_box_of_the_tray_keeps_its_photo_its_delivery_and_the_counts_that_saw_it(session: Session) -> None:
    maker = make_manufacturer(session)
    make_definition(session, manufacturer_id=maker)
    make_derogation(session, maker)
    new = NewItem(Cause.UNREADABLE, "Shelf 4", description="blue box", photo=datamatrix.png("X"))
    item = unidentified.put_aside(session, db.new_id(), new=new, actor=ALICE, now=NOW, today=TODAY)
    identity = Identity(open_one(session), Udi(reference=REFERENCE, lot="A1"))
    line = unidentified.receive_item(
        session, item.id, line_id=db.new_id(), identity=identity, actor=ALICE, now=NOW, today=TODAY
    )
    session.flush()  # the unit is read
    unit = devices.get_unit(session, str(line.unit_number))
    count_id = counts.open_count(session, db.new_id(), new=NewCount(None, None, ""), actor=ALICE, now=NOW).id
    session.flush()  # the scan locks it
    counts.count_unit(session, count_id, raw=unit.number, actor=ALICE, now=NOW, today=TODAY)
    session.flush()  # the chronicle reads it

    known = chronicle_of(session, unit, actor=ALICE)

    assert [photo.id for photo in known.photos] == [item.document_id]
    sources = {entry.kind: entry.source_id for entry in known.entries}
    assert sources[Kind.TRAY] == item.id
    assert sources[Kind.ARRIVAL] == identity.reception_id
    assert sources[Kind.COUNT] == count_id
    assert sources[Kind.PHOTO] == item.document_id


def test_a_reason_is_told_once_with_the_hold_it_set(session: Session) -> None:
    unit = make_unit(session, make_definition(session), hold=a_hold("expiry-conflict"))

    entries = chronicle_of(session, unit, actor=ALICE).entries

    assert {entry.kind: entry.data["reason"] for entry in entries} == {
        Kind.MOVEMENT: "",
        Kind.HOLD_OPENED: "expiry-conflict",
    }
