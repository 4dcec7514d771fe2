"""Many boxes in one request, packs, scans taken back, and what the verdict asks beyond its own establishment."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from scanners.udi import gtin
from tests.bench import (
    LABEL,
    PATIENT_LABEL,
    SERIAL_LABEL,
    actions,
    box,
    by_hand,
    codes,
    count,
    counted,
    open_one,
    receive,
)
from tests.care import make_patient
from tests.hospital import ALICE, BOB, GUY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import GTIN, a_hold, make_definition, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.arrivals import service as arrivals
from tracker.arrivals.queries import NewReason
from tracker.arrivals.service import ReceptionClosed
from tracker.audit import service as audit
from tracker.derogations.rules import DerogationKind
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.models import Device, Hold
from tracker.devices.rules import HoldCause, ReasonMissing, UnitMoved, UnitState
from tracker.errors import NotPermitted, RequestIdReused
from tracker.lots import service as lots
from tracker.places import service as places
from tracker.reception import queries, service
from tracker.reception.models import Correction, ReceptionLine
from tracker.reception.queries import LineView
from tracker.reception.service import (
    Arrival,
    BoxesTooMany,
    LineCorrected,
    PackCountOdd,
    PackToCount,
    PatientLabelScanned,
)
from tracker.verdicts.queries import Box
from tracker.verdicts.rules import Outcome


@pytest.fixture
def definition_id(session: Session) -> UUID:
    """SCORE insert C 14 mm under a derogation in force."""
    maker = make_manufacturer(session)
    definition_id = make_definition(session, manufacturer_id=maker)
    make_derogation(session, maker)
    return definition_id


def receive_all(session: Session, reception_id: UUID, sent: Sequence[Arrival]) -> list[LineView]:
    return service.receive_many(session, reception_id, arrivals=sent, actor=ALICE, now=NOW, today=TODAY)


def arrivals_of(*boxes: Box) -> list[Arrival]:
    return [Arrival(db.new_id(), one) for one in boxes]


def correct(session: Session, line: LineView, reason: str = "scanned twice") -> LineView:
    return service.correct_line(session, db.new_id(), line_id=line.id, reason=reason, actor=ALICE, now=NOW)


def test_a_delivery_of_250_lines_takes_as_many_statements_as_one_box(session: Session, definition_id: UUID) -> None:
    reception_id, counts = open_one(session), []

    for size in (1, 250):
        sent = arrivals_of(
            *[box(f"]d201{GTIN}17280131" + f"10L{number % 40}\x1d21S{size}-{number}") for number in range(size)]
        )
        with counted(session) as statements:
            lines = receive_all(session, reception_id, sent)
        counts.append(len(statements))
        assert [line.id for line in lines] == [arrival.line_id for arrival in sent]
        assert {line.outcome for line in lines} == {Outcome.ACCEPTED}

    assert counts[0] == counts[1] <= 12
    assert count(session, Device) == count(session, ReceptionLine) == 251
    assert actions(session).count("unit:created") == 251
    assert audit.verify_chain(session, HOSPITAL_A)[1] is None


def test_the_boxes_of_one_request_are_judged_one_after_the_other(session: Session, definition_id: UUID) -> None:
    sent = arrivals_of(
        box(SERIAL_LABEL),
        box(SERIAL_LABEL),
        box(LABEL),
        box(f"]d201{GTIN}17290131" + "10A1"),
        box("hello"),
    )

    lines = receive_all(session, open_one(session), sent)

    assert [line.outcome.value for line in lines] == ["accepted", "refused", "accepted", "quarantined", "refused"]
    assert codes(lines[1])[0] == "serial-repeated"
    assert lines[3].findings[0].data == {"expires_on": "2029-01-31", "other_on": "2028-01-31"}
    assert len({line.unit_number for line in lines if line.unit_number}) == 3
    assert count(session, Hold) == 1


def test_one_impossible_box_leaves_no_trace_of_the_others(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        reception_id = open_one(session)

    with pytest.raises(PatientLabelScanned), db.transaction(database, HOSPITAL_A) as session:
        receive_all(session, reception_id, arrivals_of(box("hello"), box(PATIENT_LABEL)))

    with db.transaction(database, HOSPITAL_A) as session:
        assert count(session, ReceptionLine) == 0


def test_the_same_boxes_again_are_the_same_lines(session: Session, definition_id: UUID) -> None:
    reception_id, sent = open_one(session), arrivals_of(box(LABEL), box("hello"))
    first = receive_all(session, reception_id, sent)
    before = actions(session)

    assert receive_all(session, reception_id, sent) == first
    assert actions(session) == before
    with pytest.raises(RequestIdReused):
        receive_all(session, reception_id, [*sent, *arrivals_of(box(LABEL))])
    with pytest.raises(RequestIdReused):
        receive_all(session, reception_id, [sent[0], sent[0]])


@pytest.mark.parametrize("size", [0, service.MOST_BOXES + 1])
def test_no_box_and_too_many_boxes_are_refused(session: Session, size: int) -> None:
    with pytest.raises(BoxesTooMany):
        receive_all(session, open_one(session), arrivals_of(*[box("hello")] * size))


def test_the_code_of_a_pack_makes_nothing_before_somebody_counted(session: Session, definition_id: UUID) -> None:
    reception_id, line_id = open_one(session), db.new_id()
    pack = f"]d2011{GTIN[1:-1]}{gtin.check_digit('1' + GTIN[1:-1])}1728013110A1"

    with pytest.raises(PackToCount):
        receive(session, reception_id, box(pack))
    lines = receive_all(session, reception_id, [Arrival(line_id, box(pack, count=4))])

    assert len({line.unit_number for line in lines}) == 4
    assert {line.definition_id for line in lines} == {definition_id}
    assert lines[0].id == line_id
    assert "counted-by-person" in codes(lines[0])
    assert receive_all(session, reception_id, [Arrival(line_id, box(pack, count=4))]) == lines
    with pytest.raises(RequestIdReused):
        receive_all(session, reception_id, [Arrival(line_id, box(pack, count=6))])


def test_a_serial_number_is_not_given_to_several_units(session: Session, definition_id: UUID) -> None:
    for odd in (box(SERIAL_LABEL, count=2), box(LABEL, count=0), box(LABEL, count=501)):
        with pytest.raises(PackCountOdd):
            receive(session, open_one(session), odd)

    assert count(session, Device) == 0


def test_a_scan_taken_back_keeps_its_line_and_its_unit_and_frees_the_serial_number(
    session: Session, definition_id: UUID
) -> None:
    reception_id = open_one(session)
    line = receive(session, reception_id, box(SERIAL_LABEL))

    corrected = correct(session, line, "wrong delivery")

    assert (corrected.correction_reason, corrected.corrected_by_name) == ("wrong delivery", ALICE.display_name)
    unit = devices.get_unit(session, line.unit_number or "")
    assert (unit.state, unit.is_usable) == (UnitState.VOIDED, False)
    assert actions(session)[-2:] == ["unit:voided", "box:corrected"]
    assert queries.count_outcomes(session, reception_id) == {}
    assert receive(session, reception_id, box(SERIAL_LABEL)).outcome is Outcome.ACCEPTED


def test_taking_back_a_quarantined_box_closes_the_hold_of_its_verdict(session: Session, definition_id: UUID) -> None:
    lots.hold_lot(
        session,
        definition_id=definition_id,
        lot_number="A1",
        serial_device_id=None,
        hold=a_hold("notice 7", HoldCause.RECALL),
        actor=BOB,
        now=NOW,
    )
    line = receive(session, open_one(session), box(LABEL))
    assert line.findings[0].code == "lot-on-recall"

    correct(session, line)

    assert devices.get_unit(session, line.unit_number or "").holds == ()


def test_a_scan_is_taken_back_once_and_only_while_nothing_happened(session: Session, definition_id: UUID) -> None:
    reception_id, correction_id = open_one(session), db.new_id()
    line, held, refused = (receive(session, reception_id, box(raw)) for raw in (LABEL, LABEL, "hello"))
    device_service.open_hold(session, db.new_id(), number=held.unit_number or "", hold=a_hold(), actor=ALICE, now=NOW)

    for _again in range(2):
        service.correct_line(session, correction_id, line_id=line.id, reason="twice", actor=ALICE, now=NOW)
    with pytest.raises(LineCorrected):
        correct(session, line)
    with pytest.raises(UnitMoved), session.begin_nested():
        correct(session, held)
    with pytest.raises(ReasonMissing):
        correct(session, held, " ")
    with pytest.raises(NotPermitted):
        service.correct_line(session, db.new_id(), line_id=held.id, reason="x", actor=BOB, now=NOW)
    assert correct(session, refused).correction_reason == "scanned twice"
    arrivals.close_reception(session, reception_id, actor=ALICE, now=NOW)
    with pytest.raises(ReceptionClosed):
        correct(session, held)

    assert count(session, Correction) == 2


def test_a_serial_number_of_another_hospital_blocks_and_tells_nothing_else(
    session: Session, definition_id: UUID
) -> None:
    enter(session, HOSPITAL_B)
    theirs = make_definition(session, manufacturer_id=make_manufacturer(session, actor=GUY), actor=GUY)
    make_unit(session, theirs, serial_number="S1", actor=GUY)
    make_unit(session, theirs, serial_number="S9", actor=GUY)
    enter(session, HOSPITAL_A)

    line = receive(session, open_one(session), box(SERIAL_LABEL))

    assert line.outcome is Outcome.QUARANTINED
    assert line.findings[0].as_json() == {"code": "serial-known-elsewhere", "data": {"serial": "S1"}}
    assert count(session, Device) == 1
    other = make_definition(session, reference="another", udi_di=None)
    asked = text("select serial_known_elsewhere(:definition, 'S9')")
    assert session.scalar(asked, {"definition": definition_id}) is True
    assert session.scalar(asked, {"definition": other}) is False  # the serial number alone is nobody's
    assert session.scalar(asked, {"definition": theirs}) is False  # a definition of theirs is no key to ask with


def test_a_global_derogation_needs_the_reason_of_this_delivery(session: Session) -> None:
    maker = make_manufacturer(session)
    make_definition(session, manufacturer_id=maker)
    derogation_id = make_derogation(session, maker, kind=DerogationKind.GLOBAL)
    reception_id, other = open_one(session), open_one(session)
    new = NewReason(derogation_id, "Dr Test", TODAY, "No other device fits.")

    before = receive(session, reception_id, box(LABEL))
    for _again in range(2):
        arrivals.record_reason(session, UUID(int=7), reception_id=reception_id, new=new, actor=ALICE, now=NOW)
    after = receive(session, reception_id, box(LABEL))

    assert before.outcome is Outcome.QUARANTINED
    assert codes(before)[0] == "clinical-reason-missing"
    assert after.outcome is Outcome.ACCEPTED
    assert actions(session).count("reason:recorded") == 1
    assert codes(receive(session, other, box(LABEL)))[0] == "clinical-reason-missing"
    with pytest.raises(RequestIdReused):
        arrivals.record_reason(session, UUID(int=7), reception_id=other, new=new, actor=ALICE, now=NOW)
    with pytest.raises(NotPermitted):
        arrivals.record_reason(session, db.new_id(), reception_id=other, new=new, actor=BOB, now=NOW)


def test_a_cap_counts_the_patients_already_treated(session: Session) -> None:
    maker = make_manufacturer(session)
    make_definition(session, manufacturer_id=maker)
    derogation_id = make_derogation(session, maker, patient_cap=1)
    reception_id = open_one(session)

    before = receive(session, reception_id, box(LABEL))
    places.take_place(
        session, derogation_id=derogation_id, patient_id=make_patient(session), establishment_id=HOSPITAL_A, now=NOW
    )
    after = receive(session, reception_id, by_hand(lot="C3"))

    assert before.outcome is Outcome.ACCEPTED
    assert after.outcome is Outcome.QUARANTINED
    assert codes(after)[0] == "patient-cap-reached"
