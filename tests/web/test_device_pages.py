"""The stock, one unit and the catalogue through the pages."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import func, select

from tests.hospital import ALICE, BOB, CHARLIE, ERIC, FANNY, GUY, HOSPITAL_A, NOW
from tests.stock import a_hold, make_definition, make_unit
from tests.web.conftest import Person, Program
from tracker import db
from tracker.devices import queries, service
from tracker.devices.models import Hold
from tracker.devices.queries import UnitView
from tracker.devices.rules import Event

LogIn = Callable[[object], Person]


@pytest.fixture
def unit(database: db.Database) -> UnitView:
    """A released unit."""
    with db.transaction(database, HOSPITAL_A) as session:
        return make_unit(session, make_definition(session))


@pytest.fixture
def held(database: db.Database, unit: UnitView) -> UnitView:
    """A unit in quarantine."""
    with db.transaction(database, HOSPITAL_A) as session:
        return make_unit(session, unit.definition.id, hold=a_hold("expiry-conflict"))


def now_of(database: db.Database, device_id: UUID) -> UnitView:
    with db.transaction(database, HOSPITAL_A) as session:
        return queries.get_unit_by_id(session, device_id)


def count(database: db.Database, table: type[db.Base]) -> int:
    with db.transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.parametrize("actor", [ALICE, BOB, CHARLIE, FANNY])
def test_who_may_read_units_sees_the_whole_life(person: LogIn, held: UnitView, actor: object) -> None:
    page = person(actor).get(f"/units/{held.number}")

    assert page.status_code == 200
    assert "two expiry dates disagree" in page.text
    assert ("Release this hold" in page.text) is (actor is ALICE)


def test_an_unknown_or_foreign_unit_is_not_found(person: LogIn, unit: UnitView) -> None:
    assert person(GUY).get(f"/units/{unit.number}").status_code == 404
    assert person(ALICE).get("/units/T590000000179").status_code == 404
    assert person(ERIC).get(f"/units/{unit.number}").status_code == 403


def test_a_hold_is_opened_and_released_with_reasons(person: LogIn, unit: UnitView, database: db.Database) -> None:
    bob, alice = person(BOB), person(ALICE)

    opened = bob.post(f"/units/{unit.number}/holds", {"reason": "seal broken", "request_id": str(db.new_id())})
    hold = now_of(database, unit.id).holds[0]
    without = alice.post(f"/units/{unit.number}/holds/{hold.id}/release", {"reason": " "})
    released = alice.post(f"/units/{unit.number}/holds/{hold.id}/release", {"reason": "seal is good"})
    again = alice.post(f"/units/{unit.number}/holds/{hold.id}/release", {"reason": "seal is good"})

    assert (opened.status_code, without.status_code, released.status_code) == (303, 422, 303)
    assert again.status_code == 409
    assert now_of(database, unit.id).is_usable
    assert "seal is good" in alice.get(f"/units/{unit.number}").text


def test_a_quarantined_unit_is_released_into_stock(person: LogIn, held: UnitView, database: db.Database) -> None:
    person(ALICE).post(f"/units/{held.number}/holds/{held.holds[0].id}/release", {"reason": "print read again"})

    assert now_of(database, held.id).state.value == "released"


def test_a_hold_without_reason_is_not_opened(person: LogIn, unit: UnitView, database: db.Database) -> None:
    assert person(ALICE).post(f"/units/{unit.number}/holds", {"reason": ""}).status_code == 422
    assert person(CHARLIE).post(f"/units/{unit.number}/holds", {"reason": "x"}).status_code == 403
    assert person(GUY).post(f"/units/{unit.number}/holds", {"reason": "x"}).status_code == 404
    assert count(database, Hold) == 0


def test_a_hold_is_not_opened_on_a_used_unit_nor_under_a_number_used_before(
    person: LogIn, unit: UnitView, held: UnitView, database: db.Database
) -> None:
    alice = person(ALICE)
    with db.transaction(database, HOSPITAL_A) as session:
        service.mark_used(session, unit.id, event=Event.IMPLANTATION, reason="", actor=CHARLIE, now=NOW)

    used = alice.post(f"/units/{unit.number}/holds", {"reason": "too late", "request_id": str(db.new_id())})
    reused = alice.post(f"/units/{held.number}/holds", {"reason": "other", "request_id": str(held.holds[0].id)})

    assert (used.status_code, reused.status_code) == (409, 409)
    assert ">other</textarea>" in reused.text.replace("\r\n", "")
    assert count(database, Hold) == 1


def test_a_program_blocks_and_releases(
    program: Callable[[object], Program], unit: UnitView, database: db.Database
) -> None:
    alice, hold_id = program(ALICE), str(db.new_id())
    address = f"/api/v1/units/{unit.number}/holds"

    opened = [alice.post(address, {"id": hold_id, "reason": "seal broken"}) for _again in range(2)]
    released = alice.post(f"{address}/{hold_id}/release", {"reason": "seal is good"})
    again = alice.post(f"{address}/{hold_id}/release", {"reason": "seal is good"})

    assert [answer.get_json()["is_usable"] for answer in opened] == [False, False]
    assert released.get_json()["is_usable"]
    assert (again.status_code, again.get_json()["type"]) == (409, "hold-closed")
