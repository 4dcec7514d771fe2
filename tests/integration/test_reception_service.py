"""Goods-in on PostgreSQL: verdicts on real rows, receiving, refusals, repeated requests, attacks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from threading import Barrier, Thread
from uuid import UUID

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from scanners import Scan, Udi, scan
from tests.hospital import ALICE, BOB, CHARLIE, FANNY, GUY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
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
from tracker import db
from tracker.actor import Actor
from tracker.audit.models import AuditEntry
from tracker.derogations.rules import DecisionKind, DerogationKind
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.models import Device, Hold
from tracker.devices.rules import EntryMethod, Event, HoldCause, ReasonMissing, RequestIdReused, UnitState
from tracker.errors import NotPermitted
from tracker.reception import queries, service
from tracker.reception.models import LabelPrint, Reception, ReceptionLine
from tracker.reception.queries import Box, LineView, NewReception, ReadingMissing, ReceptionNotFound
from tracker.reception.rules import Outcome, Purpose
from tracker.reception.service import PatientLabelScanned, ReceptionClosed, ScanEmpty

LABEL = f"]d201{GTIN}1728013110A1"
SERIAL_LABEL = f"]d201{GTIN}1728013121S1"
PATIENT_LABEL = (
    "IS010000000000000000000000S1280129999999969S21.2.250.1.213.1.4.10S3MARIE CLAIRE\x1dS4EXEMPLE\x1dS5FS612-12-1980"
)


def read(raw: str) -> Scan:
    return scan(raw, reference_date=TODAY, group_separator_known=False)


def box(raw: str, **more: object) -> Box:
    return replace(Box(read(raw), EntryMethod.SCANNED), **more)


def by_hand(**known: object) -> Box:
    return Box(None, EntryMethod.MANUAL, typed=replace(Udi(reference=REFERENCE, lot="A1"), **known))


def open_one(session: Session, *, actor: Actor = ALICE) -> UUID:
    new = NewReception(supplier="Amplitude", delivery_note="BL-1")
    return service.open_reception(session, db.new_id(), new=new, actor=actor, now=NOW).id


def receive(
    session: Session, reception_id: UUID, what: Box, *, line_id: UUID | None = None, actor: Actor = ALICE
) -> LineView:
    return service.receive(
        session, line_id or db.new_id(), reception_id=reception_id, box=what, actor=actor, now=NOW, today=TODAY
    )


def codes(line: LineView) -> list[str]:
    return [finding.code for finding in line.findings]


def count(session: Session, table: type[db.Base]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence)))


@pytest.fixture
def definition_id(session: Session) -> UUID:
    """SCORE insert C 14 mm under a derogation in force."""
    maker = make_manufacturer(session)
    definition_id = make_definition(session, manufacturer_id=maker)
    make_derogation(session, maker)
    return definition_id


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    """Collect the statements of a block."""
    statements: list[str] = []

    def note(*args: object) -> None:
        statements.append(str(args[2]))

    engine = session.connection().engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    yield statements
    sqlalchemy_event.remove(engine, "before_cursor_execute", note)


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


def test_the_verdict_writes_nothing(session: Session, definition_id: UUID) -> None:
    before = actions(session)

    found = service.check(session, scan=read(LABEL), today=TODAY, now=NOW, actor=CHARLIE)

    assert found.verdict.outcome is Outcome.ACCEPTED
    assert found.definition is not None
    assert found.definition.id == definition_id
    assert found.coverage is not None
    assert actions(session) == before
    assert count(session, Device) == 0


def test_the_same_lot_again_is_one_more_unit(session: Session, definition_id: UUID) -> None:
    reception_id = open_one(session)

    first, second = (receive(session, reception_id, box(LABEL)) for _box in range(2))

    assert first.unit_number != second.unit_number
    assert count(session, Device) == 2


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
    service.close_reception(session, reception_id, actor=ALICE, now=NOW)

    assert receive(session, reception_id, box(LABEL), line_id=line_id) == first


def test_a_request_id_is_not_reused_for_another_box(session: Session, definition_id: UUID) -> None:
    reception_id, line_id = open_one(session), db.new_id()
    receive(session, reception_id, box(LABEL), line_id=line_id)

    with pytest.raises(RequestIdReused):
        receive(session, reception_id, box(SERIAL_LABEL), line_id=line_id)
    with pytest.raises(RequestIdReused):
        receive(session, open_one(session), box(LABEL), line_id=line_id)

    assert count(session, Device) == 1


def test_the_same_serial_number_twice_is_refused_and_names_the_unit(session: Session, definition_id: UUID) -> None:
    reception_id = open_one(session)
    first = receive(session, reception_id, box(SERIAL_LABEL))

    second = receive(session, reception_id, box(SERIAL_LABEL))

    assert second.outcome is Outcome.REFUSED
    assert second.findings[0].data == {"serial": "S1", "number": first.unit_number}
    assert count(session, Device) == 1
    assert count(session, ReceptionLine) == 2
    assert actions(session)[-1] == "box:refused"


def test_a_refused_box_leaves_a_line_and_an_entry_and_no_unit(session: Session) -> None:
    reception_id = open_one(session)

    line = receive(session, reception_id, box(LABEL))

    assert codes(line) == ["definition-unknown"]
    assert (line.device_id, line.unit_number) == (None, None)
    assert line.raw_scan == LABEL.encode()
    assert count(session, Device) == 0
    assert actions(session)[-1] == "box:refused"
    assert queries.list_lines(session, reception_id) == [line]


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
    device_service.hold_lot(
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


def test_our_own_label_is_refused_at_goods_in(session: Session, definition_id: UUID) -> None:
    unit = make_unit(session, definition_id)

    line = receive(session, open_one(session), box(unit.number))

    assert codes(line) == ["unit-label-scanned"]
    assert count(session, Device) == 1


@pytest.mark.parametrize("raw", ["", " ", "\r\n", "\t"])
def test_an_empty_scan_leaves_nothing(session: Session, raw: str) -> None:
    reception_id = open_one(session)
    before = actions(session)

    with pytest.raises(ScanEmpty):
        receive(session, reception_id, box(raw))
    with pytest.raises(ScanEmpty):
        service.check(session, scan=read(raw), today=TODAY, now=NOW, actor=ALICE)

    assert actions(session) == before
    assert count(session, ReceptionLine) == 0


def test_a_patients_label_is_stored_nowhere(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        reception_id = open_one(session)
    label = read(PATIENT_LABEL)

    with db.transaction(database, HOSPITAL_A) as session:
        asked = service.check(session, scan=label, today=TODAY, now=NOW, actor=CHARLIE)
    with pytest.raises(PatientLabelScanned), db.transaction(database, HOSPITAL_A) as session:
        receive(session, reception_id, Box(label, EntryMethod.PHOTO))

    assert asked.verdict.findings[0].code == "patient-label"
    with db.transaction(database, HOSPITAL_A) as session:
        everything = every_row(session)
    assert "Bob" in everything  # the search does see what is stored
    for trait in ("MARIE", "EXEMPLE", "280129999999969", "1980", "1.2.250.1.213.1.4.10", "patient-label"):
        assert trait not in everything
        assert trait.encode().hex() not in everything


def every_row(session: Session) -> str:
    """Return every row of every table that the program can read, as text; bytes in hexadecimal."""
    names = session.scalars(text("select tablename from pg_tables where schemaname = 'public'")).all()
    rows = [session.scalars(text(f"select t::text from {name} t")).all() for name in names]  # noqa: S608 - own names
    return "\n".join(row for table in rows for row in table)


def test_a_delivery_of_another_hospital_does_not_exist_here(session: Session, definition_id: UUID) -> None:
    reception_id = open_one(session)
    enter(session, HOSPITAL_B)
    before = actions(session)

    with pytest.raises(ReceptionNotFound):
        receive(session, reception_id, box(LABEL), actor=GUY)
    with pytest.raises(ReceptionNotFound):
        service.close_reception(session, reception_id, actor=GUY, now=NOW)

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
    service.close_reception(session, reception_id, actor=ALICE, now=NOW)

    with pytest.raises(ReceptionClosed):
        receive(session, reception_id, box(LABEL))
    with pytest.raises(ReceptionClosed):
        service.close_reception(session, reception_id, actor=ALICE, now=NOW)

    assert count(session, Device) == 0
    assert actions(session).count("reception:closed") == 1


def test_a_delivery_is_opened_once_per_request(session: Session) -> None:
    reception_id, new = db.new_id(), NewReception(supplier="Amplitude", delivery_note="BL-1")

    first = service.open_reception(session, reception_id, new=new, actor=ALICE, now=NOW)
    again = service.open_reception(session, reception_id, new=new, actor=ALICE, now=NOW)

    assert first.number == again.number
    assert count(session, Reception) == 1
    with pytest.raises(RequestIdReused):
        service.open_reception(session, reception_id, new=NewReception("Other"), actor=ALICE, now=NOW)


@pytest.mark.parametrize("actor", [BOB, CHARLIE, FANNY])
def test_only_a_pharmacist_receives(session: Session, definition_id: UUID, actor: Actor) -> None:
    reception_id = open_one(session)

    with pytest.raises(NotPermitted):
        receive(session, reception_id, box(LABEL), actor=actor)
    with pytest.raises(NotPermitted):
        open_one(session, actor=actor)
    with pytest.raises(NotPermitted):
        service.print_label(session, db.new_id(), number="T590000000178", actor=actor, now=NOW, today=TODAY)

    assert count(session, Device) == 0


def test_an_auditor_may_not_ask_for_a_verdict(session: Session) -> None:
    with pytest.raises(NotPermitted):
        service.check(session, scan=read(LABEL), today=TODAY, now=NOW, actor=FANNY)


def test_a_line_cannot_be_rewritten(session: Session, definition_id: UUID) -> None:
    line = receive(session, open_one(session), box(LABEL))
    row = session.get_one(ReceptionLine, line.id)

    row.outcome = Outcome.REFUSED
    with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
        session.flush()


def ask_to_use(session: Session, raw: str) -> list[str]:
    found = service.check(session, scan=read(raw), today=TODAY, now=NOW, actor=CHARLIE, purpose=Purpose.USE)
    return [found.verdict.outcome.value, *(finding.code for finding in found.verdict.findings)]


def test_in_theatre_our_label_says_whether_the_unit_may_be_used(session: Session, definition_id: UUID) -> None:
    good, held = make_unit(session, definition_id), make_unit(session, definition_id, hold=a_hold())
    used = make_unit(session, definition_id)
    device_service.mark_used(session, used.id, event=Event.IMPLANTATION, reason="", actor=CHARLIE, now=NOW)

    assert ask_to_use(session, good.number)[0] == "accepted"
    assert ask_to_use(session, held.number)[:2] == ["refused", "unit-on-hold"]
    assert ask_to_use(session, used.number)[:2] == ["refused", "unit-not-usable"]
    assert ask_to_use(session, "T590009999999") == ["refused", "scan-invalid"]
    assert ask_to_use(session, "T599999999994")[:1] == ["refused"]


def test_in_theatre_the_manufacturers_label_says_yes_only_when_it_names_the_unit(
    session: Session, definition_id: UUID
) -> None:
    make_unit(session, definition_id, serial_number="S1")

    assert ask_to_use(session, LABEL)[:2] == ["quarantined", "unit-label-needed"]
    assert ask_to_use(session, SERIAL_LABEL)[0] == "accepted"


def test_the_label_of_a_unit_is_logged_and_its_second_print_marked(session: Session, definition_id: UUID) -> None:
    number, first_id = make_unit(session, definition_id).number, db.new_id()

    first = service.print_label(session, first_id, number=number, actor=ALICE, now=NOW, today=TODAY)
    again = service.print_label(session, first_id, number=number, actor=ALICE, now=NOW, today=TODAY)
    second = service.print_label(session, db.new_id(), number=number, actor=ALICE, now=NOW, today=TODAY)

    assert (first.is_reprint, again.is_reprint, second.is_reprint) == (False, False, True)
    assert first.derogation_until == date(2026, 12, 31)
    assert count(session, LabelPrint) == 2
    assert actions(session).count("label:printed") == 2


def test_deliveries_are_listed_newest_first_with_their_boxes(session: Session, definition_id: UUID) -> None:
    receptions = [open_one(session) for _delivery in range(3)]
    receive(session, receptions[0], box(LABEL))
    receive(session, receptions[0], box("hello"))

    first = queries.list_receptions(session, before=None, limit=2)
    rest = queries.list_receptions(session, before=first[-1].number, limit=2)

    assert [found.id for found in [*first, *rest]] == receptions[::-1]
    assert rest[0].line_count == 2
    assert queries.count_outcomes(session, receptions[0]) == {Outcome.ACCEPTED: 1, Outcome.REFUSED: 1}


def test_a_verdict_takes_at_most_six_statements(session: Session, definition_id: UUID) -> None:
    make_unit(session, definition_id, serial_number="S1")

    for raw, purpose in ((LABEL, Purpose.RECEIVE), (SERIAL_LABEL, Purpose.USE), ("hello", Purpose.RECEIVE)):
        with counted(session) as statements:
            service.check(session, scan=read(raw), today=TODAY, now=NOW, actor=ALICE, purpose=purpose)
        assert 1 <= len(statements) <= 6, statements


def test_receiving_takes_at_most_twelve_statements_whatever_is_stored(session: Session, definition_id: UUID) -> None:
    reception_id, counts = open_one(session), []

    for more in (0, 30):
        for _unit in range(more):
            make_unit(session, definition_id)
        with counted(session) as statements:
            receive(session, reception_id, box(LABEL))
        counts.append(len([one for one in statements if "SAVEPOINT" not in one.upper()]))

    assert counts[0] == counts[1] <= 12


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


def test_a_box_received_while_its_lot_is_being_held_does_not_slip_in(database: db.Database, bench: UUID) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        definition_id = devices.find_definitions(session, udi_di=GTIN, reference=None)[0].id
    ready, answers = Barrier(2), []

    def hold() -> None:
        with db.transaction(database, HOSPITAL_A) as session:
            ready.wait()
            device_service.hold_lot(
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
