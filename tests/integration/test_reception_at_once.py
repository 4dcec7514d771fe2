"""Two at the bench at the same moment, on committed rows."""

from threading import Barrier, Thread
from uuid import UUID

import pytest

from tests.bench import LABEL, SERIAL_LABEL, box, codes, count, open_one, receive
from tests.hospital import ALICE, BOB, HOSPITAL_A, NOW
from tests.stock import (
    GTIN,
    REFERENCE,
    a_hold,
    make_definition,
    make_derogation,
    make_manufacturer,
)
from tracker import db
from tracker.arrivals import queries as deliveries
from tracker.arrivals import service as arrivals
from tracker.arrivals.rules import AnnouncedLine
from tracker.arrivals.service import ReceptionClosed
from tracker.catalogue import queries as catalogue
from tracker.devices import queries as devices
from tracker.devices.models import Device
from tracker.lots import service as lots
from tracker.reception.models import ReceptionLine
from tracker.reception.queries import LineView
from tracker.verdicts.queries import Box


def at_once(database: db.Database, boxes: list[tuple[UUID, Box]], reception_id: UUID) -> list[LineView | Exception]:
    """Receive boxes at the same moment, each in its own transaction."""
    ready = Barrier(len(boxes))
    answers: list[LineView | Exception] = []

    def act(line_id: UUID, what: Box) -> None:
        with db.transaction(database, HOSPITAL_A) as session:
            ready.wait()
            answers.append(receive(session, reception_id, what, line_id=line_id))

    threads = [Thread(target=act, args=one) for one in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.fixture
def bench(database: db.Database) -> UUID:
    """An open delivery, committed, with SCORE under a derogation in force."""
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        make_definition(session, manufacturer_id=maker)
        make_derogation(session, maker)
        return open_one(session)


def test_one_request_twice_at_once_makes_one_unit(database: db.Database, bench: UUID) -> None:
    line_id = db.new_id()

    answers = at_once(database, [(line_id, box(LABEL))] * 4, bench)

    assert len(answers) == 4
    assert len({answer.unit_number for answer in answers if isinstance(answer, LineView)}) == 1
    with db.transaction(database, HOSPITAL_A) as session:
        assert count(session, Device) == count(session, ReceptionLine) == 1


def test_one_serial_number_twice_at_once_makes_one_unit(database: db.Database, bench: UUID) -> None:
    answers = at_once(database, [(db.new_id(), box(SERIAL_LABEL)) for _box in range(4)], bench)

    outcomes = sorted(answer.outcome.value for answer in answers if isinstance(answer, LineView))
    assert outcomes == ["accepted", "refused", "refused", "refused"]
    with db.transaction(database, HOSPITAL_A) as session:
        assert count(session, Device) == 1
        assert count(session, ReceptionLine) == 4


def test_the_last_expected_unit_scanned_twice_at_once_is_told_to_be_too_many_once(
    database: db.Database, bench: UUID
) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        lines, list_id = [AnnouncedLine(REFERENCE, 1)], db.new_id()
        arrivals.announce(session, list_id, reception_id=bench, lines=lines, replaces_id=None, actor=ALICE, now=NOW)

    answers = at_once(database, [(db.new_id(), box(f"]d201{GTIN}1728013110A{lot}")) for lot in range(4)], bench)

    told = ["beyond-announced" in codes(answer) for answer in answers if isinstance(answer, LineView)]
    assert sorted(told) == [False, True, True, True]


def test_boxes_scanned_while_the_delivery_is_closed_are_in_it_or_refused_and_never_after(
    database: db.Database, bench: UUID
) -> None:
    ready, answers = Barrier(5), list[LineView | ReceptionClosed]()

    def close() -> None:
        with db.transaction(database, HOSPITAL_A) as session:
            ready.wait()
            arrivals.close_reception(session, bench, actor=ALICE, now=NOW)

    def bring(lot: int) -> None:
        try:
            with db.transaction(database, HOSPITAL_A) as session:
                ready.wait()
                answers.append(receive(session, bench, box(f"]d201{GTIN}1728013110A{lot}")))
        except ReceptionClosed as error:
            answers.append(error)

    threads = [Thread(target=close), *[Thread(target=bring, args=(lot,)) for lot in range(4)]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 4
    with db.transaction(database, HOSPITAL_A) as session:
        assert count(session, ReceptionLine) == len([one for one in answers if isinstance(one, LineView)])
        assert deliveries.is_closed(session, bench)


def test_a_box_received_while_its_lot_is_being_held_does_not_slip_in(database: db.Database, bench: UUID) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        definition_id = catalogue.find_definitions(session, udi_di=GTIN, reference=None)[0].id
    ready, answers = Barrier(2), []

    def hold() -> None:
        with db.transaction(database, HOSPITAL_A) as session:
            ready.wait()
            lots.hold_lot(
                session,
                definition_id=definition_id,
                lot_number="A1",
                serial_device_id=None,
                hold=a_hold("incident"),
                actor=BOB,
                now=NOW,
            )

    def bring() -> None:
        with db.transaction(database, HOSPITAL_A) as session:
            ready.wait()
            answers.append(receive(session, bench, box(LABEL)))

    threads = [Thread(target=hold), Thread(target=bring)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with db.transaction(database, HOSPITAL_A) as session:
        unit = devices.get_unit(session, answers[0].unit_number)
        assert len(unit.holds) == 1
        assert not unit.is_usable
