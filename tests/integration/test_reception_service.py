"""Goods-in on PostgreSQL: what is written, once, by whom, and what leaves no trace."""

from uuid import UUID

import pytest
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from scanners import Udi
from tests.bench import (
    LABEL,
    PATIENT_LABEL,
    SERIAL_LABEL,
    actions,
    box,
    codes,
    count,
    counted,
    every_row,
    open_one,
    read,
    receive,
)
from tests.hospital import ALICE, BOB, CHARLIE, FANNY, GUY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import (
    GTIN,
    make_definition,
    make_derogation,
    make_manufacturer,
    make_unit,
)
from tracker import db
from tracker.actor import Actor
from tracker.arrivals import queries as deliveries
from tracker.arrivals import service as arrivals
from tracker.arrivals.models import Reception
from tracker.arrivals.queries import NewReception, ReceptionNotFound
from tracker.arrivals.service import ReceptionClosed
from tracker.checks import service as checks
from tracker.checks.rules import ScanEmpty
from tracker.devices import queries as devices
from tracker.devices.models import Device
from tracker.devices.rules import EntryMethod
from tracker.errors import NotPermitted, RequestIdReused
from tracker.findings.rules import Outcome
from tracker.reception import queries
from tracker.reception.models import ReceptionLine
from tracker.reception.service import PatientLabelScanned
from tracker.verdicts.queries import Box


@pytest.fixture
def definition_id(session: Session) -> UUID:
    """SCORE insert C 14 mm under a derogation in force."""
    maker = make_manufacturer(session)
    definition_id = make_definition(session, manufacturer_id=maker)
    make_derogation(session, maker)
    return definition_id


def test_the_same_request_again_is_the_same_unit(session: Session, definition_id: UUID) -> None:
    reception_id, line_id = open_one(session), db.new_id()
    first = receive(session, reception_id, box(LABEL), line_id=line_id)
    before = actions(session)

    again = receive(session, reception_id, box(LABEL), line_id=line_id)

    assert again == first
    assert count(session, Device) == 1
    assert actions(session) == before


def test_the_same_request_again_answers_even_after_the_delivery_was_closed(
    session: Session, definition_id: UUID
) -> None:
    reception_id, line_id = open_one(session), db.new_id()
    first = receive(session, reception_id, box(LABEL), line_id=line_id)
    arrivals.close_reception(session, reception_id, actor=ALICE, now=NOW)

    assert receive(session, reception_id, box(LABEL), line_id=line_id) == first


def test_a_request_id_is_not_reused_for_another_box(session: Session, definition_id: UUID) -> None:
    reception_id, line_id = open_one(session), db.new_id()
    receive(session, reception_id, box(LABEL), line_id=line_id)

    with pytest.raises(RequestIdReused):
        receive(session, reception_id, box(SERIAL_LABEL), line_id=line_id)
    with pytest.raises(RequestIdReused):
        receive(session, open_one(session), box(LABEL), line_id=line_id)
    with pytest.raises(RequestIdReused):
        receive(session, reception_id, box(LABEL, typed=Udi(serial="S9")), line_id=line_id)

    assert count(session, Device) == 1


def test_a_refused_box_leaves_a_line_and_an_entry_and_no_unit(session: Session) -> None:
    reception_id = open_one(session)

    line = receive(session, reception_id, box(LABEL))

    assert codes(line) == ["definition-unknown"]
    assert (line.device_id, line.unit_number) == (None, None)
    assert line.raw_scan == LABEL.encode()
    assert count(session, Device) == 0
    assert actions(session)[-1] == "box:refused"
    assert queries.list_lines(session, reception_id) == [line]


@pytest.mark.parametrize("raw", ["hello", "\x00\x01\x02", "\ud800", "x" * 5000, "' or 1=1 --", "12345"])
def test_an_unknown_text_is_refused_and_traced_with_every_character(session: Session, raw: str) -> None:
    reception_id = open_one(session)

    line = receive(session, reception_id, box(raw))

    assert line.outcome is Outcome.REFUSED
    kept = queries.get_line(session, line.id).raw_scan
    assert kept is not None
    assert kept.decode("utf-8", "surrogatepass") == raw


def test_control_characters_of_a_label_survive(session: Session, definition_id: UUID) -> None:
    raw = f"]d201{GTIN}10A1\x1d17280131\x1d"

    line = receive(session, open_one(session), box(raw))

    assert line.unit_number is not None
    assert devices.get_unit(session, line.unit_number).raw_scan == raw.encode()


@pytest.mark.parametrize("raw", ["", " ", "\r\n", "\t"])
def test_an_empty_scan_leaves_nothing(session: Session, raw: str) -> None:
    reception_id = open_one(session)
    before = actions(session)

    with pytest.raises(ScanEmpty):
        receive(session, reception_id, box(raw))

    assert actions(session) == before
    assert count(session, ReceptionLine) == 0


def test_a_patients_label_is_stored_nowhere(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        reception_id = open_one(session)
    label = read(PATIENT_LABEL)

    with db.transaction(database, HOSPITAL_A) as session:
        asked = checks.check(session, scan=label, today=TODAY, now=NOW, actor=CHARLIE)
    with pytest.raises(PatientLabelScanned), db.transaction(database, HOSPITAL_A) as session:
        receive(session, reception_id, Box(label, EntryMethod.PHOTO))

    assert asked.verdict.findings[0].code == "patient-label"
    with db.transaction(database, HOSPITAL_A) as session:
        everything = every_row(session)
    assert "Bob" in everything  # the search does see what is stored
    for trait in ("MARIE", "EXEMPLE", "280129999999969", "1980", "1.2.250.1.213.1.4.10", "patient-label"):
        assert trait not in everything
        assert trait.encode().hex() not in everything


def test_a_delivery_of_another_hospital_does_not_exist_here(session: Session, definition_id: UUID) -> None:
    reception_id = open_one(session)
    enter(session, HOSPITAL_B)
    before = actions(session)

    with pytest.raises(ReceptionNotFound):
        receive(session, reception_id, box(LABEL), actor=GUY)
    with pytest.raises(ReceptionNotFound):
        arrivals.close_reception(session, reception_id, actor=GUY, now=NOW)

    assert actions(session) == before
    assert every_row(session).count(str(reception_id)) == 0


def test_the_id_of_a_line_of_another_hospital_is_refused(session: Session, definition_id: UUID) -> None:
    line_id = db.new_id()
    receive(session, open_one(session), box(LABEL), line_id=line_id)
    enter(session, HOSPITAL_B)
    theirs = open_one(session, actor=GUY)

    with pytest.raises(RequestIdReused), session.begin_nested():
        receive(session, theirs, box(LABEL), line_id=line_id, actor=GUY)


def test_a_closed_delivery_takes_no_box(session: Session, definition_id: UUID) -> None:
    reception_id = open_one(session)
    arrivals.close_reception(session, reception_id, actor=ALICE, now=NOW)

    with pytest.raises(ReceptionClosed):
        receive(session, reception_id, box(LABEL))
    with pytest.raises(ReceptionClosed):
        arrivals.close_reception(session, reception_id, actor=ALICE, now=NOW)

    assert count(session, Device) == 0
    assert actions(session).count("reception:closed") == 1


def test_a_delivery_is_opened_once_per_request(session: Session) -> None:
    reception_id, new = db.new_id(), NewReception(supplier="Amplitude", delivery_note="BL-1")

    first = arrivals.open_reception(session, reception_id, new=new, actor=ALICE, now=NOW)
    again = arrivals.open_reception(session, reception_id, new=new, actor=ALICE, now=NOW)

    assert first.number == again.number
    assert count(session, Reception) == 1
    with pytest.raises(RequestIdReused):
        arrivals.open_reception(session, reception_id, new=NewReception("Other"), actor=ALICE, now=NOW)


@pytest.mark.parametrize("actor", [BOB, CHARLIE, FANNY])
def test_only_a_pharmacist_receives(session: Session, definition_id: UUID, actor: Actor) -> None:
    reception_id = open_one(session)

    with pytest.raises(NotPermitted):
        receive(session, reception_id, box(LABEL), actor=actor)
    with pytest.raises(NotPermitted):
        open_one(session, actor=actor)

    assert count(session, Device) == 0


def test_a_line_cannot_be_rewritten(session: Session, definition_id: UUID) -> None:
    line = receive(session, open_one(session), box(LABEL))
    row = session.get_one(ReceptionLine, line.id)

    row.outcome = Outcome.REFUSED
    with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
        session.flush()


def test_deliveries_are_listed_newest_first_with_their_boxes(session: Session, definition_id: UUID) -> None:
    receptions = [open_one(session) for _delivery in range(3)]
    receive(session, receptions[0], box(LABEL))
    receive(session, receptions[0], box("hello"))

    first = queries.list_receptions(session, before=None, limit=2)
    rest = queries.list_receptions(session, before=first[-1].number, limit=2)

    assert [found.id for found in [*first, *rest]] == receptions[::-1]
    assert rest[0].line_count == 2
    assert queries.count_outcomes(session, receptions[0]) == {Outcome.ACCEPTED: 1, Outcome.REFUSED: 1}


def test_lists_of_deliveries_and_lines_take_as_many_statements_for_many_as_for_one(
    session: Session, definition_id: UUID
) -> None:
    reception_id, counts = open_one(session), []
    for _size in range(3):
        for _more in range(2):
            receive(session, open_one(session), box(LABEL))
            receive(session, reception_id, box("hello"))
        with counted(session) as statements:
            listed = deliveries.list_receptions(session, before=None, limit=10)
            queries.get_view(session, reception_id)
            lines = queries.page_lines(session, reception_id, after=None, limit=10)
        counts.append((len(statements), len(listed), len(lines)))

    assert counts == [(3, 3, 2), (3, 5, 4), (3, 7, 6)]


def test_receiving_takes_at_most_twelve_statements_whatever_is_stored(session: Session, definition_id: UUID) -> None:
    reception_id, counts = open_one(session), []

    for more in (0, 30):
        for _unit in range(more):
            make_unit(session, definition_id)
        with counted(session) as statements:
            receive(session, reception_id, box(LABEL))
        counts.append(len([one for one in statements if "SAVEPOINT" not in one.upper()]))

    assert counts[0] == counts[1] <= 12
