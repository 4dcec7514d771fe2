"""The page of what is blocked, and blocked lots for programs."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from tests.hospital import ALICE, BOB, HOSPITAL_A, NOW
from tests.stock import a_hold, make_definition, make_unit
from tests.web.conftest import Person, Program
from tracker import db
from tracker.devices import queries as devices
from tracker.devices.queries import UnitView
from tracker.lots import queries, service

LogIn = Callable[[object], Person]


@pytest.fixture
def unit(database: db.Database) -> UnitView:
    """A released unit."""
    with db.transaction(database, HOSPITAL_A) as session:
        return make_unit(session, make_definition(session))


def now_of(database: db.Database, device_id: UUID) -> UnitView:
    with db.transaction(database, HOSPITAL_A) as session:
        return devices.get_unit_by_id(session, device_id)


def block_lot(session: Session, unit: UnitView) -> None:
    service.hold_lot(
        session,
        definition_id=unit.definition.id,
        lot_number="A1",
        serial_device_id=None,
        hold=a_hold("notice of the maker"),
        actor=BOB,
        now=NOW,
    )


def test_a_blocked_lot_is_listed_and_lifted_with_a_reason(person: LogIn, unit: UnitView, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        block_lot(session, unit)
        (block,) = queries.list_lot_holds(session, limit=2)
    alice, address = person(ALICE), f"/lot-holds/{block.id}/release"

    page = alice.get("/holds").text
    mute = alice.post(address, {"reason": " "})
    done = alice.post(address, {"reason": "notice withdrawn"})
    again = alice.post(address, {"reason": "notice withdrawn"})

    assert "notice of the maker" in page
    assert unit.number in page
    assert (mute.status_code, done.status_code, again.status_code) == (422, 303, 409)
    assert now_of(database, unit.id).is_usable
    assert "notice withdrawn" in alice.get("/holds").text
    assert person(BOB).post(address, {"reason": "x"}).status_code == 403


def test_a_program_lists_blocked_lots_and_frees_one(
    program: Callable[[object], Program], unit: UnitView, database: db.Database
) -> None:
    alice = program(ALICE)
    assert alice.get("/api/v1/lot-holds").get_json() == {"items": [], "next": None}
    with db.transaction(database, HOSPITAL_A) as session:
        block_lot(session, unit)

    (listed,) = alice.get("/api/v1/lot-holds").get_json()["items"]
    answers = [
        alice.post(f"/api/v1/lot-holds/{listed['id']}/release", {"reason": "notice withdrawn"}) for _again in range(2)
    ]

    assert (listed["lot_number"], listed["held_count"]) == ("A1", 1)
    assert [answer.status_code for answer in answers] == [200, 409]
    assert answers[0].get_json() == {"released_count": 1}
    assert now_of(database, unit.id).is_usable
