"""What leaves the stock, through the pages and the API."""

from collections.abc import Callable

import pytest

from tests.care import make_failure
from tests.hospital import ALICE, BOB, CHARLIE, HOSPITAL_A
from tests.stock import make_definition, make_unit
from tests.web.conftest import Person, Program
from tracker import db
from tracker.devices import queries
from tracker.devices.queries import UnitView
from tracker.dispositions.queries import list_destructions

LogIn = Callable[[object], Person]


@pytest.fixture
def unit(database: db.Database) -> UnitView:
    """A released unit."""
    with db.transaction(database, HOSPITAL_A) as session:
        return make_unit(session, make_definition(session))


def state_of(database: db.Database, unit: UnitView) -> str:
    with db.transaction(database, HOSPITAL_A) as session:
        return queries.get_unit_by_id(session, unit.id).state.value


def test_a_unit_goes_back_to_the_supplier(person: LogIn, unit: UnitView, database: db.Database) -> None:
    alice, address = person(ALICE), f"/units/{unit.number}/disposition"

    page = alice.get(address).text
    empty = alice.post(address, {"reason": "kept text"})
    done = alice.post(address, {"kind": "return", "reason": "loan not used"})
    again = alice.post(address, {"kind": "return", "reason": "loan not used"})

    assert "Returned to the supplier or the manufacturer" in page
    assert (empty.status_code, done.status_code, again.status_code) == (422, 303, 409)
    assert "kept text" in empty.text
    assert state_of(database, unit) == "returned"
    assert "Stock out · Returned" in alice.get(f"/units/{unit.number}").text
    assert person(CHARLIE).post(address, {"kind": "return", "reason": "x"}).status_code == 403


def test_a_unit_that_was_opened_is_offered_what_may_become_of_it(
    person: LogIn, unit: UnitView, database: db.Database
) -> None:
    alice, address = person(ALICE), f"/units/{unit.number}/disposition"
    with db.transaction(database, HOSPITAL_A) as session:
        failure_id = make_failure(session, unit.number)

    assert address in alice.get(f"/failures/{failure_id}").text
    assert address not in person(CHARLIE).get(f"/failures/{failure_id}").text
    assert address in alice.get(f"/units/{unit.number}").text
    assert "Non-conforming: set apart" not in alice.get(address).text
    forged = alice.post(address, {"kind": "nonconforming", "reason": "x"})
    done = alice.post(address, {"kind": "return", "reason": "expertise"})

    assert (forged.status_code, done.status_code) == (409, 303)
    assert address not in alice.get(f"/failures/{failure_id}").text
    assert state_of(database, unit) == "returned"


def test_a_destruction_waits_for_a_second_person(person: LogIn, unit: UnitView, database: db.Database) -> None:
    alice, bob = person(ALICE), person(BOB)

    asked = alice.post(f"/units/{unit.number}/disposition", {"kind": "destruction", "reason": "seal broken"})
    with db.transaction(database, HOSPITAL_A) as session:
        (line,) = list_destructions(session, limit=2)
    address = f"/destructions/{line.id}"
    own = alice.post(f"{address}/confirm")
    mute = bob.post(f"{address}/withdraw", {"reason": ""})
    confirmed = bob.post(f"{address}/confirm")
    late = alice.post(f"{address}/withdraw", {"reason": "wrong box"})

    assert asked.headers["Location"].endswith("/destructions")
    assert (own.status_code, mute.status_code, confirmed.status_code, late.status_code) == (409, 422, 303, 409)
    assert "somebody else confirms it" in own.text
    assert state_of(database, unit) == "destroyed"


def test_a_program_disposes_and_confirms(
    program: Callable[[object], Program], unit: UnitView, database: db.Database
) -> None:
    alice, bob, request_id = program(ALICE), program(BOB), str(db.new_id())
    body = {"id": request_id, "kind": "destruction", "reason": "seal broken"}

    asked = [alice.post(f"/api/v1/units/{unit.number}/dispositions", body) for _again in range(2)]
    own = alice.post(f"/api/v1/destructions/{request_id}/confirm", {})
    back = bob.post(f"/api/v1/destructions/{request_id}/withdraw", {"reason": "wrong box"})
    listed = alice.get("/api/v1/destructions").get_json()

    assert [(answer.status_code, answer.get_json()["state"]) for answer in asked] == [(201, "released")] * 2
    assert (own.status_code, own.get_json()["type"]) == (409, "destruction-unwitnessed")
    assert back.get_json() == {"state": "released"}
    assert [one["close_reason"] for one in listed["items"]] == ["wrong box"]
