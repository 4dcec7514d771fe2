"""Delivery and return by scan through the pages and the API."""

from collections.abc import Callable

import pytest

from tests.hospital import ALICE, CHARLIE, HOSPITAL_A, THEATRE
from tests.stock import a_hold, make_definition, make_unit
from tests.web.conftest import Person, Program
from tracker import db
from tracker.devices import queries
from tracker.devices.queries import UnitView

LogIn = Callable[[object], Person]


@pytest.fixture
def units(database: db.Database) -> list[UnitView]:
    """Two released units and one in quarantine."""
    with db.transaction(database, HOSPITAL_A) as session:
        definition_id = make_definition(session)
        free = [make_unit(session, definition_id) for _unit in range(2)]
        return [*free, make_unit(session, definition_id, hold=a_hold())]


def states(database: db.Database, units: list[UnitView]) -> list[str]:
    with db.transaction(database, HOSPITAL_A) as session:
        return [queries.get_unit_by_id(session, unit.id).state.value for unit in units]


def scanned(unit: UnitView) -> dict[str, object]:
    return {"raw": unit.number, "ward": str(THEATRE), "requested_by": "Dr X", "request_id": str(db.new_id())}


def test_unit_after_unit_goes_to_one_ward(person: LogIn, units: list[UnitView], database: db.Database) -> None:
    alice = person(ALICE)

    page = alice.get(f"/delivery?ward={THEATRE}&requested_by=Dr+X").text
    cards = [alice.fragment("/delivery", scanned(unit)) for unit in units]

    assert "Bloc opératoire" in page
    assert 'name="requested_by" value="Dr X"' in page
    assert [card.status_code for card in cards] == [200, 200, 409]
    assert ['data-outcome="accepted"' in card.text for card in cards] == [True, True, False]
    assert "unit-on-hold" in cards[2].text
    assert states(database, units) == ["delivered", "delivered", "quarantined"]


def test_without_scripts_the_bench_stays_on_its_ward_and_keeps_what_was_scanned(
    person: LogIn, units: list[UnitView]
) -> None:
    alice = person(ALICE)

    done = alice.post("/delivery", scanned(units[0]))
    refused = alice.post("/delivery", scanned(units[2]))

    assert (done.status_code, refused.status_code) == (200, 409)
    assert "Bloc opératoire" in refused.text
    assert f'value="{units[2].number}"' in refused.text


def test_a_unit_delivered_before_is_refused_in_words_without_a_code(person: LogIn, units: list[UnitView]) -> None:
    alice = person(ALICE)
    alice.fragment("/delivery", scanned(units[0]))

    again = alice.fragment("/delivery", scanned(units[0]))
    unmoved = alice.fragment("/returns", {"raw": units[1].number, "request_id": str(db.new_id())})

    assert (again.status_code, unmoved.status_code) == (409, 409)
    assert "This unit is delivered to a ward: that cannot be done with it now." in again.text
    assert "This unit is in stock at the pharmacy: that cannot be done with it now." in unmoved.text


def test_a_delivery_needs_a_ward_and_a_pharmacist(person: LogIn, units: list[UnitView], database: db.Database) -> None:
    alice = person(ALICE)

    assert alice.get("/delivery").status_code == 200
    assert alice.get(f"/delivery?ward={db.new_id()}").status_code == 422
    assert alice.post("/delivery", scanned(units[0]) | {"ward": ""}).status_code == 422
    assert person(CHARLIE).post("/delivery", scanned(units[0])).status_code == 403
    assert states(database, units[:1]) == ["released"]


def test_units_come_back_sound_or_with_a_doubt(person: LogIn, units: list[UnitView], database: db.Database) -> None:
    alice = person(ALICE)
    for unit in units[:2]:
        alice.post("/delivery", scanned(unit))

    sound = alice.fragment("/returns", {"raw": units[0].number, "request_id": str(db.new_id())})
    mute = alice.post("/returns", {"raw": units[1].number, "is_doubtful": "1", "doubt": " "})
    torn = alice.post("/returns", {"raw": units[1].number, "is_doubtful": "1", "doubt": "bag torn"})

    assert 'data-outcome="accepted"' in sound.text
    assert (mute.status_code, torn.status_code) == (422, 200)
    assert units[1].number in mute.text
    assert 'data-outcome="quarantined"' in torn.text
    assert states(database, units[:2]) == ["released", "quarantined"]


def test_a_program_delivers_and_takes_back(
    program: Callable[[object], Program], units: list[UnitView], database: db.Database
) -> None:
    alice, request_id = program(ALICE), str(db.new_id())
    body = {"id": request_id, "code": units[0].number, "ward_id": str(THEATRE), "received_by": "IBODE N"}

    answers = [alice.post("/api/v1/deliveries", body) for _again in range(2)]
    back = alice.post("/api/v1/returns", {"id": str(db.new_id()), "code": units[0].number, "doubt": "bag torn"})
    held = alice.post("/api/v1/deliveries", body | {"id": str(db.new_id()), "code": units[2].number})

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1].get_json()["state"] == "delivered"
    assert back.get_json() == {"number": units[0].number, "state": "quarantined", "is_usable": False, "ward_id": None}
    assert (held.status_code, held.get_json()["type"]) == (409, "unit-on-hold")
