"""Delivery and return by scan through the pages and the API."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.hospital import ALICE, CHARLIE, HOSPITAL_A, THEATRE
from tests.stock import a_hold, make_covered, make_definition, make_derogation, make_manufacturer, make_unit
from tests.web.conftest import Person, Program
from tracker import clock, db
from tracker.derogations.models import Derogation
from tracker.devices import queries
from tracker.devices.queries import UnitView

LogIn = Callable[[object], Person]


@pytest.fixture
def units(database: db.Database) -> list[UnitView]:
    """Two released units and one in quarantine."""
    with db.transaction(database, HOSPITAL_A) as session:
        definition_id = make_covered(session)
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
    assert re.search(r"on hold since \d+ \w+ \d{4}: seal broken", cards[2].text)
    assert f'href="/units/{units[2].number}"' in cards[2].text  # which of the boxes on the bench it is
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


def test_a_unit_is_delivered_from_its_page(person: LogIn, units: list[UnitView], database: db.Database) -> None:
    alice, form = person(ALICE), {"ward": str(THEATRE), "requested_by": "Dr X", "request_id": str(db.new_id())}

    page = alice.get(f"/units/{units[0].number}/deliver")
    answers = [alice.post(f"/units/{units[0].number}/deliver", form).status_code for _again in range(2)]

    assert "Bloc opératoire" in page.text
    assert answers == [303, 303]
    assert states(database, units) == ["delivered", "released", "quarantined"]


def test_a_held_unit_is_not_delivered_and_nothing_typed_is_lost(
    person: LogIn, units: list[UnitView], database: db.Database
) -> None:
    form = {"ward": str(THEATRE), "requested_by": "Dr Xavier", "request_id": str(db.new_id())}

    page = person(ALICE).post(f"/units/{units[2].number}/deliver", form)

    assert page.status_code == 409
    assert "on hold" in page.text
    assert "Dr Xavier" in page.text
    assert states(database, units) == ["released", "released", "quarantined"]


def test_a_delivery_from_its_page_needs_a_ward(person: LogIn, units: list[UnitView]) -> None:
    alice = person(ALICE)

    assert alice.post(f"/units/{units[0].number}/deliver", {"ward": ""}).status_code == 422
    assert alice.post(f"/units/{units[0].number}/deliver", {"ward": str(db.new_id())}).status_code == 422
    assert person(CHARLIE).post(f"/units/{units[0].number}/deliver", {"ward": str(THEATRE)}).status_code == 403


def decide(alice: Person, kind: str, database: db.Database) -> None:
    """Record a decision of today through the register's own form."""
    with db.transaction(database, HOSPITAL_A) as session:
        (derogation_id,) = session.scalars(select(Derogation.id))
    today = clock.paris_day(clock.utc_now()).isoformat()
    form = {"request_id": str(db.new_id()), "kind": kind, "effective_from": today, "reference": "2026-S-7"}
    assert alice.post(f"/derogations/{derogation_id}/decisions/new", form).status_code == 303


@pytest.mark.parametrize("kind", ["suspended", "withdrawn"])
def test_a_unit_that_was_scanned_before_a_decision_and_sent_after_it_stays_by_every_way(
    person: LogIn, program: Callable[[object], Program], units: list[UnitView], database: db.Database, kind: str
) -> None:
    alice, token = person(ALICE), program(ALICE)
    address = f"/units/{units[0].number}/deliver"
    assert "Asked for by" in alice.get(address).text
    decide(alice, kind, database)

    at_bench = alice.fragment("/delivery", scanned(units[0]))
    from_page = alice.post(address, scanned(units[0]))
    forged = token.post(
        "/api/v1/deliveries", {"id": str(db.new_id()), "code": units[0].number, "ward_id": str(THEATRE)}
    )

    assert [answer.status_code for answer in (at_bench, from_page, forged)] == [409, 409, 409]
    assert states(database, units[:1]) == ["released"]


def test_the_day_after_the_end_the_page_says_so_before_anything_is_typed(
    person: LogIn, program: Callable[[object], Program], database: db.Database
) -> None:
    yesterday = clock.paris_day(clock.utc_now()) - timedelta(days=1)
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        make_derogation(session, maker, valid_until=yesterday)
        unit = make_unit(session, make_definition(session, manufacturer_id=maker))

    page = person(ALICE).get(f"/units/{unit.number}/deliver")
    body = {"id": str(db.new_id()), "code": unit.number, "ward_id": str(THEATRE)}
    forged = program(ALICE).post("/api/v1/deliveries", body)

    said = f"The derogation SCORE inserts (DM-2025-001) ended on {yesterday.day} {yesterday:%b %Y}."
    assert page.status_code == 200
    assert said in page.text
    assert "Asked for by" not in page.text
    answer = forged.get_json()
    assert (forged.status_code, answer["type"], answer["detail"]) == (409, "delivery-not-covered", said)
    assert [one["code"] for one in answer["findings"]] == ["derogation-ended"]
    assert states(database, [unit]) == ["released"]
