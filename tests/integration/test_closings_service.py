"""What of a delivery goes back unused: in one act, all or none, once."""

from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from tests.bench import LABEL, SERIAL_LABEL, actions, box, counted, open_one, receive
from tests.care import make_failure
from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_B, NOW, enter
from tests.stock import a_hold, make_definition, make_derogation, make_manufacturer
from tracker import db
from tracker.arrivals.queries import ReceptionNotFound
from tracker.closings import queries, service
from tracker.closings.service import ReturnOdd, UnitOfAnotherDelivery
from tracker.devices import queries as devices
from tracker.devices import service as devices_service
from tracker.devices.rules import EventNotPossible, ReasonMissing, UnitState
from tracker.dispositions import service as dispositions
from tracker.dispositions.rules import Disposition, NewDisposition
from tracker.errors import NotPermitted, TraceError


@pytest.fixture(autouse=True)
def definition_id(session: Session) -> UUID:
    """SCORE insert C 14 mm under a derogation in force."""
    maker = make_manufacturer(session)
    definition_id = make_definition(session, manufacturer_id=maker)
    make_derogation(session, maker)
    return definition_id


def unit_of(session: Session, reception_id: UUID, label: str = LABEL) -> str:
    return receive(session, reception_id, box(label)).unit_number or ""


def send_back(
    session: Session, reception_id: UUID, *numbers: str, request_id: UUID | None = None, **more: object
) -> None:
    given = {"reason": "BR-12", "actor": ALICE, **more}
    service.return_units(
        session, request_id or db.new_id(), reception_id=reception_id, numbers=numbers, now=NOW, **given
    )


def states(session: Session, reception_id: UUID) -> dict[str, UnitState]:
    return {one.number: one.state for one in queries.list_unused(session, reception_id)}


def test_unused_units_go_back_in_one_act_and_the_same_request_again_changes_nothing(session: Session) -> None:
    reception_id, request_id = open_one(session), db.new_id()
    first, second, kept = [unit_of(session, reception_id, label) for label in (LABEL, SERIAL_LABEL, LABEL)]

    send_back(session, reception_id, second, first, first, request_id=request_id)
    before = actions(session)
    send_back(session, reception_id, first, second, request_id=request_id)

    assert states(session, reception_id) == {
        first: UnitState.RETURNED,
        second: UnitState.RETURNED,
        kept: UnitState.RELEASED,
    }
    gone = queries.list_unused(session, reception_id)[0]
    assert (gone.reason, gone.returned_at) == ("BR-12", NOW)
    assert actions(session) == before
    assert before.count("units:returned") == 1
    assert before.count("unit:taken-out") == 2


def test_what_was_opened_and_not_implanted_is_not_unused_even_once_it_went_back(session: Session) -> None:
    reception_id = open_one(session)
    opened, kept = (unit_of(session, reception_id) for _unit in range(2))
    make_failure(session, opened)

    assert states(session, reception_id) == {kept: UnitState.RELEASED}
    expertise = NewDisposition(Disposition.RETURN, "expertise")
    dispositions.dispose(session, db.new_id(), number=opened, new=expertise, actor=ALICE, now=NOW)
    session.flush()  # the list reads it
    assert states(session, reception_id) == {kept: UnitState.RELEASED}


@pytest.mark.parametrize(
    ("wrong", "error"),
    [({"actor": CHARLIE}, NotPermitted), ({"reason": " "}, ReasonMissing)],
)
def test_what_may_not_go_back_stays(session: Session, wrong: dict[str, object], error: type[TraceError]) -> None:
    reception_id = open_one(session)
    number = unit_of(session, reception_id)

    with pytest.raises(error):
        send_back(session, reception_id, number, **wrong)

    assert states(session, reception_id) == {number: UnitState.RELEASED}


def test_a_unit_of_another_delivery_or_of_nobody_goes_back_with_none_of_the_others(session: Session) -> None:
    reception_id, other_id = open_one(session), open_one(session)
    own, other = unit_of(session, reception_id), unit_of(session, other_id)

    for numbers in ((own, other), (own, "T590000000000")):
        with pytest.raises(UnitOfAnotherDelivery):
            send_back(session, reception_id, *numbers)
    for numbers in ((), tuple(f"T{number}" for number in range(201))):
        with pytest.raises(ReturnOdd):
            send_back(session, reception_id, *numbers)

    assert states(session, reception_id) == {own: UnitState.RELEASED}


def test_what_went_back_does_not_go_back_again(session: Session) -> None:
    reception_id = open_one(session)
    number = unit_of(session, reception_id)
    send_back(session, reception_id, number)

    with pytest.raises(EventNotPossible):
        send_back(session, reception_id, number)

    assert actions(session).count("units:returned") == 1


def test_a_delivery_of_another_hospital_gives_nothing_back(session: Session) -> None:
    reception_id = open_one(session)
    number = unit_of(session, reception_id)
    enter(session, HOSPITAL_B)

    with pytest.raises(ReceptionNotFound):
        send_back(session, reception_id, number, actor=GUY)


def test_many_units_go_back_in_as_many_statements_as_one_and_their_holds_are_closed(session: Session) -> None:
    reception_id = open_one(session)
    numbers = [unit_of(session, reception_id) for _unit in range(7)]
    for number in numbers:
        devices_service.open_hold(session, db.new_id(), number=number, hold=a_hold(), actor=ALICE, now=NOW)
    session.flush()  # the return reads the holds

    with counted(session) as one:
        send_back(session, reception_id, numbers[0])
    with counted(session) as six:
        send_back(session, reception_id, *numbers[1:])

    assert len(one) == len(six)
    assert set(states(session, reception_id).values()) == {UnitState.RETURNED}
    assert all(not devices.get_unit(session, number).holds for number in numbers)
