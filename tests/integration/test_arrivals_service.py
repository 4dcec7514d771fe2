"""Deliveries: their state on arrival, what they announce, how they are closed, the rest that comes later."""

from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from tests.bench import LABEL, SERIAL_LABEL, actions, box, codes, count, counted, open_one, receive
from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_B, NOW, enter
from tests.stock import REFERENCE, make_definition, make_derogation, make_manufacturer
from tracker import db
from tracker.actor import Actor
from tracker.arrivals import queries, service
from tracker.arrivals.models import Announcement, ArrivalCondition, Reception
from tracker.arrivals.queries import ReceptionNotFound
from tracker.arrivals.rules import (
    AnnouncedChanged,
    AnnouncedLine,
    AnnouncedTooLong,
    Closing,
    Conditions,
    DeliveryState,
    RemarkMissing,
    Seen,
)
from tracker.arrivals.service import NoRestAwaited, ReceptionClosed
from tracker.closings import service as closings
from tracker.errors import NotPermitted, RequestIdReused
from tracker.findings.rules import Outcome
from tracker.reception import queries as reception
from tracker.reception import service as bench

BROKEN = Conditions(seals=Seen.DAMAGED)
WARM = Conditions(measured=Decimal("12.5"), lowest=Decimal(2), highest=Decimal(8))


@pytest.fixture(autouse=True)
def definition_id(session: Session) -> UUID:
    """SCORE insert C 14 mm under a derogation in force."""
    maker = make_manufacturer(session)
    definition_id = make_definition(session, manufacturer_id=maker)
    make_derogation(session, maker)
    return definition_id


def record(
    session: Session,
    reception_id: UUID,
    seen: Conditions,
    *,
    record_id: UUID | None = None,
    actor: Actor = ALICE,
) -> ArrivalCondition:
    return service.record_conditions(
        session, record_id or db.new_id(), reception_id=reception_id, seen=seen, actor=actor, now=NOW
    )


def announce(
    session: Session,
    reception_id: UUID,
    *lines: AnnouncedLine,
    list_id: UUID | None = None,
    replaces: UUID | None = None,
    actor: Actor = ALICE,
) -> Announcement:
    return service.announce(
        session,
        list_id or db.new_id(),
        reception_id=reception_id,
        lines=lines,
        replaces_id=replaces,
        actor=actor,
        now=NOW,
    )


def test_after_damaged_seals_every_box_goes_into_quarantine_until_they_are_said_in_order(session: Session) -> None:
    reception_id = open_one(session)
    before = receive(session, reception_id, box(LABEL))

    record(session, reception_id, BROKEN)
    after = receive(session, reception_id, box(LABEL))
    record(session, reception_id, Conditions(seals=Seen.GOOD, remark="outer seal only"))
    mended = receive(session, reception_id, box(LABEL))

    assert [line.outcome for line in (before, after, mended)] == [
        Outcome.ACCEPTED,
        Outcome.QUARANTINED,
        Outcome.ACCEPTED,
    ]
    assert codes(after)[0] == "seals-damaged"
    assert actions(session).count("conditions:recorded") == 2


def test_a_temperature_out_of_range_puts_the_box_into_quarantine_with_the_figure(session: Session) -> None:
    reception_id = open_one(session)

    kept = record(session, reception_id, WARM)
    line = receive(session, reception_id, box(LABEL))

    assert kept.temperature is Seen.DAMAGED
    assert (line.outcome, line.findings[0].code, dict(line.findings[0].data)) == (
        Outcome.QUARANTINED,
        "temperature-outside",
        {"measured": "12.5"},
    )


def test_a_damaged_parcel_warns_and_a_refused_box_is_refused_for_its_own_reason(session: Session) -> None:
    reception_id = open_one(session)
    record(session, reception_id, Conditions(parcel=Seen.DAMAGED))

    line, refused = receive(session, reception_id, box(LABEL)), receive(session, reception_id, box("UNKNOWN"))

    assert line.outcome is Outcome.ACCEPTED
    assert "parcel-damaged" in codes(line)
    assert codes(refused) == ["scan-unknown"]


def test_the_state_on_arrival_is_refused_kept_once_and_never_rewritten(session: Session) -> None:
    reception_id, record_id = open_one(session), db.new_id()
    first = record(session, reception_id, BROKEN, record_id=record_id)
    before = actions(session)

    assert record(session, reception_id, BROKEN, record_id=record_id).id == first.id
    with pytest.raises(NotPermitted):
        record(session, reception_id, BROKEN, actor=CHARLIE)
    with pytest.raises(RemarkMissing):
        record(session, reception_id, Conditions())
    with pytest.raises(RequestIdReused):
        record(session, open_one(session), BROKEN, record_id=record_id)
    enter(session, HOSPITAL_B)
    with pytest.raises(ReceptionNotFound):
        record(session, reception_id, BROKEN, actor=GUY)
    enter(session, ALICE.establishment_id)
    assert count(session, ArrivalCondition) == 1
    assert [one for one in actions(session) if one != "reception:opened"] == [
        one for one in before if one != "reception:opened"
    ]
    first.remark = "never seen"
    with pytest.raises(ProgrammingError), session.begin_nested():
        session.flush()


def test_a_closed_delivery_takes_neither_state_nor_lines(session: Session) -> None:
    reception_id = open_one(session)
    service.close_reception(session, reception_id, actor=ALICE, now=NOW)

    with pytest.raises(ReceptionClosed):
        record(session, reception_id, BROKEN)
    with pytest.raises(ReceptionClosed):
        announce(session, reception_id, AnnouncedLine(REFERENCE, 1))

    assert count(session, ArrivalCondition) == count(session, Announcement) == 0


def test_a_box_beyond_what_was_announced_is_received_with_a_warning(session: Session) -> None:
    reception_id = open_one(session)
    announce(session, reception_id, AnnouncedLine(REFERENCE, 1))

    expected, beyond = receive(session, reception_id, box(LABEL)), receive(session, reception_id, box(LABEL))
    bench.correct_line(session, db.new_id(), line_id=beyond.id, reason="twice", actor=ALICE, now=NOW)
    bench.correct_line(session, db.new_id(), line_id=expected.id, reason="twice", actor=ALICE, now=NOW)
    again = receive(session, reception_id, box(SERIAL_LABEL))

    assert {line.outcome for line in (expected, beyond, again)} == {Outcome.ACCEPTED}
    assert ["beyond-announced" in codes(line) for line in (expected, beyond, again)] == [False, True, False]
    (line,) = reception.find_tally(session, reception_id).lines
    assert (line.expected, line.received, line.missing) == (1, 1, 0)


def test_an_announced_delivery_costs_one_statement_more_whatever_it_holds(session: Session) -> None:
    plain, announced, counts = open_one(session), open_one(session), []
    record(session, announced, BROKEN)
    announce(session, announced, *[AnnouncedLine(f"R{number}", 2) for number in range(500)])
    receive(session, plain, box(LABEL))

    for reception_id in (plain, announced, announced):
        with counted(session) as statements:
            receive(session, reception_id, box(LABEL))
        counts.append(len(statements))

    assert counts[1] == counts[2] == counts[0] + 1 <= 12


def test_a_list_takes_the_place_of_the_one_on_the_screen_and_of_no_other(session: Session) -> None:
    reception_id, list_id = open_one(session), db.new_id()
    first = announce(session, reception_id, AnnouncedLine(REFERENCE, 1), list_id=list_id)

    second = announce(session, reception_id, AnnouncedLine(REFERENCE, 2), replaces=first.id)
    again = announce(session, reception_id, AnnouncedLine(REFERENCE, 1), list_id=list_id)
    with pytest.raises(AnnouncedChanged):
        announce(session, reception_id, AnnouncedLine(REFERENCE, 3), replaces=first.id)
    with pytest.raises(RequestIdReused):
        announce(session, reception_id, AnnouncedLine(REFERENCE, 9), list_id=list_id)
    with pytest.raises(AnnouncedTooLong):
        announce(session, reception_id, *[AnnouncedLine("R", 1)] * 1001, replaces=second.id)
    with pytest.raises(NotPermitted):
        announce(session, reception_id, AnnouncedLine(REFERENCE, 3), replaces=second.id, actor=CHARLIE)

    assert again.id == first.id
    assert queries.lines_of(queries.find_announcement(session, reception_id)) == (AnnouncedLine(REFERENCE, 2),)
    assert actions(session).count("announcement:recorded") == count(session, Announcement) == 2


def test_the_rest_comes_with_a_delivery_that_names_the_first(session: Session) -> None:
    reception_id, rest_id = open_one(session), db.new_id()
    announce(session, reception_id, AnnouncedLine(REFERENCE, 3), AnnouncedLine("R2", 2, "L"))
    receive(session, reception_id, box(LABEL))
    service.close_reception(session, reception_id, closing=Closing.REST_AWAITED, actor=ALICE, now=NOW)
    awaited = reception.list_awaited(session, limit=10)

    rest = closings.open_rest(session, rest_id, reception_id=reception_id, actor=ALICE, now=NOW)
    again = closings.open_rest(session, rest_id, reception_id=reception_id, actor=ALICE, now=NOW)

    assert [(one.id, one.state) for one in awaited] == [(reception_id, DeliveryState.PARTIAL)]
    assert again.id == rest.id == rest_id
    assert (rest.supplier, rest.rest_of_id) == ("Amplitude", reception_id)
    announced = queries.lines_of(queries.find_announcement(session, rest_id))
    assert announced == (AnnouncedLine(REFERENCE, 2), AnnouncedLine("R2", 2, "L"))
    assert reception.list_awaited(session, limit=10) == []
    first = queries.get_reception(session, reception_id)
    assert queries.state_of_delivery(session, first) is DeliveryState.CLOSED
    assert actions(session).count("rest:opened") == 1


def test_only_a_delivery_that_awaits_its_rest_gets_one(session: Session) -> None:
    open_id, complete_id, awaited_id = open_one(session), open_one(session), open_one(session)
    service.close_reception(session, complete_id, actor=ALICE, now=NOW)
    service.close_reception(session, awaited_id, closing=Closing.REST_AWAITED, actor=ALICE, now=NOW)
    closings.open_rest(session, db.new_id(), reception_id=awaited_id, actor=ALICE, now=NOW)
    before = count(session, Reception)

    for reception_id in (open_id, complete_id, awaited_id):
        with pytest.raises(NoRestAwaited):
            closings.open_rest(session, db.new_id(), reception_id=reception_id, actor=ALICE, now=NOW)
    with pytest.raises(NotPermitted):
        closings.open_rest(session, db.new_id(), reception_id=awaited_id, actor=CHARLIE, now=NOW)

    assert count(session, Reception) == before
