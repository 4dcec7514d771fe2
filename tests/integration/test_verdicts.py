"""The verdict on real rows: each state of the register, of the stock and of a label has its answer."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from scanners import Udi
from scanners.udi import unit as unit_label
from tests.bench import LABEL, SERIAL_LABEL, actions, box, by_hand, codes, count, counted, open_one, read, receive
from tests.hospital import BOB, CHARLIE, GUY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import (
    GTIN,
    REFERENCE,
    a_hold,
    make_decision,
    make_definition,
    make_derogation,
    make_manufacturer,
    make_unit,
)
from tracker.checks import service as checks
from tracker.derogations.rules import DecisionKind, DerogationKind
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.models import Device, Hold
from tracker.devices.rules import Event, HoldCause, ReasonMissing, UnitState
from tracker.findings.rules import Outcome
from tracker.lots import service as lots
from tracker.reception import queries
from tracker.reception.models import ReceptionLine
from tracker.verdicts import queries as verdicts
from tracker.verdicts.queries import Question, ReadingMissing
from tracker.verdicts.rules import Purpose


@pytest.fixture
def definition_id(session: Session) -> UUID:
    """SCORE insert C 14 mm under a derogation in force."""
    maker = make_manufacturer(session)
    definition_id = make_definition(session, manufacturer_id=maker)
    make_derogation(session, maker)
    return definition_id


def test_an_accepted_box_becomes_a_released_unit(session: Session, definition_id: UUID) -> None:
    line = receive(session, open_one(session), box(LABEL))

    assert line.outcome is Outcome.ACCEPTED
    assert line.unit_number is not None
    unit = devices.get_unit(session, line.unit_number)
    assert unit.state is UnitState.RELEASED
    assert (unit.lot_number, unit.expiration_date, unit.udi_di) == ("A1", date(2028, 1, 31), GTIN)
    assert unit.definition.id == definition_id
    assert unit.raw_scan == LABEL.encode()
    assert actions(session)[-1] == "unit:created"
    assert queries.get_line(session, line.id) == line


def test_the_same_lot_again_is_one_more_unit(session: Session, definition_id: UUID) -> None:
    reception_id = open_one(session)

    first, second = (receive(session, reception_id, box(LABEL)) for _box in range(2))

    assert first.unit_number != second.unit_number
    assert count(session, Device) == 2


def test_the_same_serial_number_twice_is_refused_and_names_the_unit(session: Session, definition_id: UUID) -> None:
    reception_id = open_one(session)
    first = receive(session, reception_id, box(SERIAL_LABEL))

    second = receive(session, reception_id, box(SERIAL_LABEL))

    assert second.outcome is Outcome.REFUSED
    assert second.findings[0].data == {"serial": "S1", "number": first.unit_number}
    assert count(session, Device) == 1
    assert count(session, ReceptionLine) == 2
    assert actions(session)[-1] == "box:refused"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (DecisionKind.SUSPENDED, "derogation-suspended"),
        (DecisionKind.WITHDRAWN, "derogation-withdrawn"),
    ],
)
def test_a_derogation_that_was_stopped_refuses_from_that_day(session: Session, kind: DecisionKind, code: str) -> None:
    maker = make_manufacturer(session)
    make_definition(session, manufacturer_id=maker)
    derogation_id = make_derogation(session, maker)
    make_decision(session, derogation_id, kind, effective_from=TODAY)

    line = receive(session, open_one(session), box(LABEL))

    assert codes(line)[0] == code
    assert line.derogation_id == derogation_id
    assert count(session, Device) == 0


def test_a_derogation_that_ended_refuses_until_its_extension_is_recorded(session: Session) -> None:
    maker = make_manufacturer(session)
    make_definition(session, manufacturer_id=maker)
    derogation_id = make_derogation(session, maker, valid_until=TODAY - timedelta(1))
    reception_id = open_one(session)

    before = receive(session, reception_id, box(LABEL))
    make_decision(
        session,
        derogation_id,
        DecisionKind.EXTENDED,
        effective_from=TODAY,
        valid_until=TODAY + timedelta(365),
    )
    after = receive(session, reception_id, box(LABEL))

    assert codes(before) == ["derogation-ended", "partial-revision-only"]
    assert after.outcome is Outcome.ACCEPTED


def test_the_last_day_of_a_derogation_counts(session: Session) -> None:
    maker = make_manufacturer(session)
    make_definition(session, manufacturer_id=maker)
    make_derogation(session, maker, valid_until=TODAY)

    line = receive(session, open_one(session), box(LABEL))

    assert line.outcome is Outcome.ACCEPTED
    assert "derogation-ending-soon" in codes(line)


@pytest.mark.parametrize(
    ("changes", "outcome", "code"),
    [
        ({"effective_from": TODAY + timedelta(1)}, Outcome.REFUSED, "derogation-not-yet"),
        ({"decision_kind": DecisionKind.REFUSED, "valid_until": None}, Outcome.REFUSED, "derogation-refused"),
        ({"valid_until": None}, Outcome.QUARANTINED, "derogation-end-unknown"),
        ({"references": ("1-020163A",)}, Outcome.REFUSED, "reference-not-listed"),
        ({"references": ()}, Outcome.QUARANTINED, "scope-reading-missing"),
        ({"kind": DerogationKind.INDIVIDUAL}, Outcome.QUARANTINED, "individual-patient-missing"),
        ({"is_fictional": True}, Outcome.ACCEPTED, "derogation-demonstration"),
    ],
)
def test_each_state_of_the_register_has_its_answer(
    session: Session, changes: dict[str, object], outcome: Outcome, code: str
) -> None:
    maker = make_manufacturer(session)
    make_definition(session, manufacturer_id=maker)
    make_derogation(session, maker, **changes)  # type: ignore[arg-type] # one keyword each

    line = receive(session, open_one(session), box(LABEL))

    assert line.outcome is outcome
    assert code in codes(line)
    assert count(session, Device) == (0 if outcome is Outcome.REFUSED else 1)


def test_without_any_derogation_of_the_manufacturer_the_box_is_refused(session: Session) -> None:
    make_definition(session)
    make_derogation(session, make_manufacturer(session, "Somebody else"))

    assert codes(receive(session, open_one(session), box(LABEL))) == ["derogation-none"]


def test_a_box_past_its_shelf_life_is_refused(session: Session, definition_id: UUID) -> None:
    line = receive(session, open_one(session), box(f"]d201{GTIN}1726030110A1"))

    assert codes(line)[0] == "shelf-life-past"
    assert count(session, Device) == 0


def test_a_box_without_lot_and_serial_number_is_refused_until_one_is_typed(
    session: Session, definition_id: UUID
) -> None:
    reception_id, label = open_one(session), f"]d201{GTIN}17280131"

    without = receive(session, reception_id, box(label))
    completed = receive(session, reception_id, box(label, typed=Udi(lot="A1")))

    assert codes(without)[0] == "lot-and-serial-missing"
    assert completed.outcome is Outcome.ACCEPTED
    assert "entered-by-hand" in codes(completed)
    assert completed.lot_number == "A1"


def test_what_was_scanned_is_not_replaced_by_what_was_typed(session: Session, definition_id: UUID) -> None:
    line = receive(session, open_one(session), box(LABEL, typed=Udi(lot="Z9", serial="S7")))

    assert (line.lot_number, line.serial_number) == ("A1", "S7")


def test_a_typed_date_that_differs_blocks_and_keeps_the_earlier_one(session: Session, definition_id: UUID) -> None:
    line = receive(session, open_one(session), box(LABEL, typed=Udi(expiration_date=date(2027, 6, 30))))

    assert line.outcome is Outcome.QUARANTINED
    assert line.findings[0].data == {"expires_on": "2027-06-30", "other_on": "2028-01-31"}
    assert line.unit_number is not None
    unit = devices.get_unit(session, line.unit_number)
    assert unit.expiration_date == date(2027, 6, 30)
    assert [hold.cause for hold in unit.holds] == [HoldCause.VERDICT]
    assert unit.holds[0].source_ref == f"reception_line:{line.id}"
    assert unit.holds[0].reason == "expiry-conflict"


def test_another_date_on_the_same_lot_blocks_and_changes_no_other_unit(session: Session, definition_id: UUID) -> None:
    earlier = make_unit(session, definition_id, lot_number="A1", expiration_date=date(2027, 1, 1))

    line = receive(session, open_one(session), box(LABEL))

    assert line.outcome is Outcome.QUARANTINED
    assert line.findings[0].data == {"expires_on": "2028-01-31", "other_on": "2027-01-01"}
    assert devices.get_unit_by_id(session, earlier.id) == earlier


def test_one_odd_date_does_not_put_the_whole_lot_in_quarantine(session: Session, definition_id: UUID) -> None:
    reception_id = open_one(session)

    lines = [receive(session, reception_id, box(f"]d201{GTIN}17{day}10A1")) for day in ("280131", "280228", "280131")]

    assert [line.outcome for line in lines] == [Outcome.ACCEPTED, Outcome.QUARANTINED, Outcome.ACCEPTED]


def test_a_box_of_a_held_lot_goes_into_quarantine(session: Session, definition_id: UUID) -> None:
    lots.hold_lot(
        session,
        definition_id=definition_id,
        lot_number="A1",
        serial_device_id=None,
        hold=a_hold("incident 4", HoldCause.INCIDENT),
        actor=BOB,
        now=NOW,
    )

    line = receive(session, open_one(session), box(LABEL))

    assert line.outcome is Outcome.QUARANTINED
    assert line.findings[0].data == {"lot": "A1", "reason": "incident 4"}
    assert count(session, Hold) == 1


def test_a_wrong_check_digit_is_passed_over_only_with_a_reason(session: Session) -> None:
    maker = make_manufacturer(session)
    make_definition(session, manufacturer_id=maker, udi_di="03700000000012")
    make_derogation(session, maker)
    reception_id, wrong = open_one(session), "]d20103700000000012" + "1728013110A1"

    refused = receive(session, reception_id, box(wrong))
    accepted = receive(session, reception_id, box(wrong, override="printed so, letter of the maker"))

    assert codes(refused) == ["scan-invalid"]
    assert accepted.outcome is Outcome.ACCEPTED
    assert accepted.findings[-1].data == {"reason": "printed so, letter of the maker"}
    with pytest.raises(ReasonMissing):
        receive(session, reception_id, box(wrong, override="  "))


def test_an_ambiguous_code_is_refused_until_a_person_chose(session: Session, definition_id: UUID) -> None:
    reception_id, lost = open_one(session), f"01{GTIN}1728013110A12199"

    unclear = receive(session, reception_id, box(lost))
    readings = read(lost).readings
    chosen = next(place for place, udi in enumerate(readings) if udi.lot == "A1")
    clear = receive(session, reception_id, box(lost, reading=chosen))

    assert codes(unclear) == ["scan-ambiguous"]
    assert (clear.lot_number, clear.serial_number) == ("A1", "99")
    assert "reading-chosen" in codes(clear)
    for odd in (-1, len(readings)):
        with pytest.raises(ReadingMissing):
            receive(session, reception_id, box(lost, reading=odd))


def test_a_reference_alone_finds_its_device(session: Session, definition_id: UUID) -> None:
    line = receive(session, open_one(session), box(REFERENCE, typed=Udi(lot="A1")))

    assert line.outcome is Outcome.ACCEPTED
    assert (
        receive(session, open_one(session), box(f"]C0{REFERENCE}", typed=Udi(lot="A1"))).definition_id == definition_id
    )
    assert line.definition_id == definition_id


def test_the_reference_on_a_label_helps_where_its_gtin_is_not_known(session: Session, definition_id: UUID) -> None:
    line = receive(session, open_one(session), box(f"]d201012345678901281728013110A1\x1d240{REFERENCE}"))

    assert line.outcome is Outcome.ACCEPTED
    assert line.definition_id == definition_id


def test_a_reference_of_two_manufacturers_is_refused_until_one_is_chosen(session: Session) -> None:
    wanted = None
    for name in ("Amplitude", "Serf"):
        maker = make_manufacturer(session, name)
        wanted = make_definition(session, manufacturer_id=maker, udi_di=None)
        make_derogation(session, maker)
    reception_id = open_one(session)

    unclear = receive(session, reception_id, by_hand())
    clear = receive(session, reception_id, replace(by_hand(), definition_id=wanted))

    assert codes(unclear) == ["definition-several"]
    assert clear.definition_id == wanted


def test_our_own_label_is_refused_at_goods_in(session: Session, definition_id: UUID) -> None:
    unit = make_unit(session, definition_id)

    line = receive(session, open_one(session), box(unit.number))

    assert codes(line) == ["unit-label-scanned"]
    assert count(session, Device) == 1


def test_the_label_of_another_establishment_is_refused_as_such_and_nothing_is_told_of_its_unit(
    session: Session,
) -> None:
    enter(session, HOSPITAL_B)
    theirs = make_unit(session, make_definition(session, actor=GUY), actor=GUY)
    enter(session, HOSPITAL_A)

    line = receive(session, open_one(session), box(theirs.number))
    used = ask_to_use(session, theirs.number)

    assert codes(line) == ["unit-label-foreign"]
    assert (line.definition_id, line.unit_number) == (None, None)
    assert used == ["refused", "unit-unknown"]
    assert count(session, Device) == 0


def test_many_labels_of_our_own_cost_one_statement_more(session: Session, definition_id: UUID) -> None:
    units = [make_unit(session, definition_id) for _unit in range(5)]
    boxes = [box(unit.number) for unit in units]
    with counted(session) as one:
        verdicts.assess_many(session, boxes[:1], question=Question(Purpose.RECEIVE, TODAY, NOW))
    with counted(session) as five:
        verdicts.assess_many(session, boxes, question=Question(Purpose.RECEIVE, TODAY, NOW))

    assert len(one) == len(five) <= 2


def ask_to_use(session: Session, raw: str) -> list[str]:
    found = checks.check(session, scan=read(raw), today=TODAY, now=NOW, actor=CHARLIE, purpose=Purpose.USE)
    return [found.verdict.outcome.value, *(finding.code for finding in found.verdict.findings)]


def test_in_theatre_our_label_says_whether_the_unit_may_be_used(session: Session, definition_id: UUID) -> None:
    good, held = make_unit(session, definition_id), make_unit(session, definition_id, hold=a_hold())
    used = make_unit(session, definition_id)
    device_service.mark_used(session, used.id, event=Event.IMPLANTATION, reason="", actor=CHARLIE, now=NOW)

    assert ask_to_use(session, good.number)[0] == "accepted"
    assert ask_to_use(session, held.number)[:2] == ["refused", "unit-on-hold"]
    assert ask_to_use(session, used.number)[:2] == ["refused", "unit-not-usable"]
    assert ask_to_use(session, "T590009999999") == ["refused", "scan-invalid"]
    assert ask_to_use(session, unit_label.format(999_999_999)) == ["refused", "unit-unknown"]


def test_in_theatre_the_manufacturers_label_says_yes_only_when_it_names_the_unit(
    session: Session, definition_id: UUID
) -> None:
    make_unit(session, definition_id, serial_number="S1")

    assert ask_to_use(session, LABEL)[:2] == ["quarantined", "unit-label-needed"]
    assert ask_to_use(session, SERIAL_LABEL)[0] == "accepted"
