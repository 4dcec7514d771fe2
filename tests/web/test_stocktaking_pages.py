"""Counts of the stock through the pages and the API."""

from collections.abc import Callable

import pytest

from tests.hospital import ALICE, CHARLIE, DORA, HOSPITAL_A, THEATRE
from tests.stock import make_covered, make_unit
from tests.web.conftest import Person, Program
from tracker import db
from tracker.devices import queries
from tracker.devices.queries import UnitView

LogIn = Callable[[object], Person]


@pytest.fixture
def units(database: db.Database) -> list[UnitView]:
    """Two released units of one device."""
    with db.transaction(database, HOSPITAL_A) as session:
        definition_id = make_covered(session)
        return [make_unit(session, definition_id) for _unit in range(2)]


def test_a_shelf_is_counted_its_difference_decided_and_the_count_closed(
    person: LogIn, units: list[UnitView], database: db.Database
) -> None:
    alice, dora = person(ALICE), person(DORA)

    opened = alice.post("/counts", {"place": "pharmacy", "note": "shelf 2"})
    address = opened.headers["Location"]
    cards = [dora.fragment(f"{address}/units", {"raw": units[0].number}).text for _again in range(2)]
    page = alice.get(address).text
    early = alice.post(f"{address}/close")
    mute = alice.post(f"{address}/resolutions", {"number": units[1].number, "resolution": "held", "reason": ""})
    held = alice.post(f"{address}/resolutions", {"number": units[1].number, "resolution": "held", "reason": "gone"})
    closed = alice.post(f"{address}/close")

    assert (opened.status_code, early.status_code, mute.status_code) == (303, 409, 422)
    assert 'data-outcome="accepted"' in cards[0]
    assert "Counted before" in cards[1]
    assert units[1].number in page
    assert "Not found" in page
    assert (held.status_code, closed.status_code) == (303, 303)
    assert "This count is closed." in alice.get(address).text
    with db.transaction(database, HOSPITAL_A) as session:
        assert not queries.get_unit_by_id(session, units[1].id).is_usable
    assert dora.post(f"{address}/close").status_code == 403
    assert person(CHARLIE).get("/counts").status_code == 403


def test_what_is_blocked_is_counted_and_said_to_be_blocked(
    person: LogIn, units: list[UnitView], database: db.Database
) -> None:
    alice = person(ALICE)
    for unit in units:
        alice.post(f"/units/{unit.number}/holds", {"reason": "seal broken", "request_id": str(db.new_id())})
    address = alice.post("/counts", {"place": "pharmacy"}).headers["Location"]

    card = alice.fragment(f"{address}/units", {"raw": units[0].number}).text
    page = alice.get(address).text

    assert "On hold" in card
    assert "Accepted" not in card
    assert page.count("On hold") == 1  # of the one that is still to be found


def test_a_unit_of_a_ward_found_at_the_pharmacy_is_elsewhere_and_not_in_quarantine(
    person: LogIn, units: list[UnitView]
) -> None:
    alice = person(ALICE)
    delivered = {"raw": units[0].number, "ward": str(THEATRE), "request_id": str(db.new_id())}
    alice.fragment("/delivery", delivered)
    address = alice.post("/counts", {"place": "pharmacy"}).headers["Location"]

    card = alice.fragment(f"{address}/units", {"raw": units[0].number}).text

    assert "Recorded elsewhere: Bloc opératoire" in card
    assert "Quarantined" not in card


def test_before_the_first_scan_what_is_expected_is_a_plain_list(person: LogIn, units: list[UnitView]) -> None:
    alice = person(ALICE)
    address = alice.post("/counts", {"place": "pharmacy"}).headers["Location"]

    before, over = alice.get(address).text, alice.get(f"{address}?over=1").text
    early = alice.post(f"{address}/close").text
    alice.post(f"{address}/units", {"raw": units[0].number})
    begun = alice.get(address).text

    assert all(unit.number in before for unit in units)
    assert "Expected here" in before
    assert "Not found" not in before
    assert "Record the decision" not in before
    for page, expected in ((over, 2), (early, 2), (begun, 1)):
        assert page.count('name="number"') == expected
        assert page.count("Record the decision") == 1
        assert f'href="/units/{units[1].number}"' in page


def test_several_differences_get_one_decision_and_what_was_ticked_stays_when_it_is_refused(
    person: LogIn, units: list[UnitView]
) -> None:
    alice = person(ALICE)
    address = alice.post("/counts", {"place": "pharmacy"}).headers["Location"]
    numbers = [unit.number for unit in units]

    mute = alice.post(f"{address}/resolutions", {"number": numbers, "resolution": "explained", "reason": ""})
    none = alice.post(f"{address}/resolutions", {"resolution": "explained", "reason": "lent"})
    decided = alice.post(f"{address}/resolutions", {"number": numbers, "resolution": "explained", "reason": "lent"})

    assert (mute.status_code, none.status_code, decided.status_code) == (422, 422, 303)
    assert all(f'id="unit-{number}" checked>' in mute.text for number in numbers)
    assert 'value="explained" checked>' in mute.text
    assert "Choose between 1 and 500 differences." in none.text
    assert alice.get(address).text.count("Explained") == 2
    assert alice.post(f"{address}/close").status_code == 303


def test_what_cannot_be_counted_is_told_and_kept_in_the_box(person: LogIn, units: list[UnitView]) -> None:
    alice = person(ALICE)
    address = alice.post("/counts", {"place": "pharmacy"}).headers["Location"]

    unknown = alice.post(f"{address}/units", {"raw": "nothing"})

    assert unknown.status_code == 404
    assert 'value="nothing"' in unknown.text
    assert alice.post("/counts", {"place": "elsewhere"}).status_code == 422
    assert alice.post("/counts", {"place": "pharmacy", "reference": "R99"}).status_code == 422
    assert "shelf" not in alice.get("/counts").text


def test_a_program_counts(program: Callable[[object], Program], units: list[UnitView]) -> None:
    alice, count_id = program(ALICE), str(db.new_id())
    address = f"/api/v1/counts/{count_id}"

    opened = [alice.post("/api/v1/counts", {"id": count_id}) for _again in range(2)]
    scanned = alice.post(f"{address}/units", {"code": units[0].number}).get_json()
    early = alice.post(f"{address}/close", {})
    body = {"number": units[1].number, "resolution": "explained", "reason": "lent"}
    none = alice.post(f"{address}/resolutions", {"resolution": "explained", "reason": "lent"})
    decided = alice.post(f"{address}/resolutions", body | {"numbers": [units[1].number]}).get_json()
    closed = alice.post(f"{address}/close", {}).get_json()

    assert [answer.status_code for answer in opened] == [201, 201]
    assert scanned == {"number": units[0].number, "difference": None, "is_first": True}
    assert (early.status_code, early.get_json()["type"]) == (409, "count-differences-open")
    assert none.status_code == 422
    assert decided["differences"][0]["resolution"] == "explained"
    assert closed["closed_at"] is not None
