"""Goods-in and stock through the API."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from tests.hospital import ALICE, BOB, CHARLIE, ERIC, FANNY, GUY, HOSPITAL_A
from tests.stock import GTIN, REFERENCE, a_hold, make_definition, make_derogation, make_manufacturer, make_unit
from tests.web.conftest import Program
from tracker import clock, db
from tracker.devices.models import Device
from tracker.reception.models import ReceptionLine

LABEL = f"]d201{GTIN}1740013110A1"
LOST = f"01{GTIN}1740013110A12199"
PATIENT = (
    "IS010000000000000000000000S1280129999999969S21.2.250.1.213.1.4.10S3MARIE CLAIRE\x1dS4EXEMPLE\x1dS5FS612-12-1980"
)
WithToken = Callable[[object], Program]


@pytest.fixture
def definition_id(database: db.Database) -> UUID:
    """SCORE under a derogation in force on the day of the test."""
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        found = make_definition(session, manufacturer_id=maker)
        make_derogation(session, maker, valid_until=clock.paris_day(clock.utc_now()) + timedelta(200))
    return found


def open_one(api: Program) -> str:
    body = {"id": str(db.new_id()), "supplier": "Amplitude"}
    return str(api.post("/api/v1/receptions", body).json["id"])


def count(database: db.Database, table: type[db.Base]) -> int:
    with db.transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_text_becomes_a_verdict_with_reasons_and_sources(program: WithToken, definition_id: UUID) -> None:
    answer = program(CHARLIE).post("/api/v1/scans", {"text": LABEL})

    assert answer.status_code == 200
    found = answer.json
    assert found["status"] == "ok"
    assert found["outcome"] == "accepted"
    assert found["udi"]["lot"] == "A1"
    assert found["definition"]["id"] == str(definition_id)
    assert found["derogation"]["status"] == "in_force"
    first = found["findings"][0]
    assert first["code"] == "derogation-in-force"
    assert "SCORE inserts" in first["sentence"]
    assert first["source"]


def test_the_question_of_use_is_another_one(program: WithToken, definition_id: UUID, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        held = make_unit(session, definition_id, hold=a_hold())
    api = program(CHARLIE)

    label = api.post("/api/v1/scans", {"text": LABEL, "purpose": "use"}).json
    unit = api.post("/api/v1/scans", {"text": held.number, "purpose": "use"}).json

    assert label["outcome"] == "quarantined"
    assert unit["outcome"] == "refused"
    assert unit["unit_number"] == held.number


def test_an_ambiguous_text_shows_its_readings(program: WithToken, definition_id: UUID) -> None:
    found = program(ALICE).post("/api/v1/scans", {"text": LOST}).json
    known = program(ALICE).post("/api/v1/scans", {"text": LOST, "group_separator_known": True}).json

    assert found["status"] == "ambiguous"
    assert {reading["lot"] for reading in found["readings"]} == {"A1", "A12199"}
    assert found["outcome"] == "refused"
    assert known["udi"]["lot"] == "A12199"


def test_a_patients_label_is_answered_without_its_data(program: WithToken, database: db.Database) -> None:
    answer = program(ALICE).post("/api/v1/scans", {"text": PATIENT})

    assert answer.json["findings"][0]["code"] == "patient-label"
    assert "EXEMPLE" not in answer.text


def test_a_box_is_received_once_whatever_the_client_repeats(
    program: WithToken, definition_id: UUID, database: db.Database
) -> None:
    api = program(ALICE)
    reception_id, body = open_one(api), {"id": str(db.new_id()), "text": LABEL}

    answers = [api.post(f"/api/v1/receptions/{reception_id}/lines", body) for _again in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json == answers[1].json
    assert answers[0].json["outcome"] == "accepted"
    assert answers[0].json["unit_number"].startswith("T59")
    assert count(database, Device) == 1


def test_a_traced_refusal_is_an_answer(program: WithToken, definition_id: UUID, database: db.Database) -> None:
    api = program(ALICE)

    answer = api.post(f"/api/v1/receptions/{open_one(api)}/lines", {"id": str(db.new_id()), "text": "hello"})

    assert answer.status_code == 200
    assert answer.json["outcome"] == "refused"
    assert answer.json["unit_number"] is None
    assert count(database, ReceptionLine) == 1


def test_a_box_without_code_is_typed(program: WithToken, definition_id: UUID) -> None:
    api = program(ALICE)
    body = {"id": str(db.new_id()), "typed": {"reference": REFERENCE, "lot": "A1", "expiration_date": "2040-01-31"}}

    answer = api.post(f"/api/v1/receptions/{open_one(api)}/lines", body).json

    assert answer["outcome"] == "accepted"
    assert answer["entry_method"] == "manual"
    assert "entered-by-hand" in {finding["code"] for finding in answer["findings"]}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"text": PATIENT}, 409, "patient-label"),
        ({"text": ""}, 422, "scan-empty"),
        ({}, 422, "scan-empty"),
        ({"text": LOST, "reading": 9}, 422, "reading-missing"),
        ({"text": LABEL, "id": "no uuid"}, 422, "input-invalid"),
        ({"text": "x" * 10_001}, 422, "input-invalid"),
        ({"typed": {"reference": "R", "lot": "A\x00"}}, 422, "input-invalid"),
        ({"text": LABEL, "override": "  "}, 422, "reason-missing"),
    ],
)
def test_what_cannot_be_received_is_told_and_leaves_nothing(
    program: WithToken,
    definition_id: UUID,
    database: db.Database,
    body: dict[str, object],
    status: int,
    code: str,
) -> None:
    api = program(ALICE)

    answer = api.post(f"/api/v1/receptions/{open_one(api)}/lines", {"id": str(db.new_id()), **body})

    assert (answer.status_code, answer.json["type"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    assert "EXEMPLE" not in answer.text
    assert count(database, ReceptionLine) == count(database, Device) == 0


def test_a_delivery_of_another_hospital_is_not_found(
    program: WithToken, definition_id: UUID, database: db.Database
) -> None:
    reception_id = open_one(program(ALICE))

    answer = program(GUY).post(f"/api/v1/receptions/{reception_id}/lines", {"id": str(db.new_id()), "text": LABEL})

    assert answer.status_code == 404
    assert count(database, ReceptionLine) == 0


def test_a_delivery_is_read_with_its_lines_page_by_page(program: WithToken, definition_id: UUID) -> None:
    alice, fanny = program(ALICE), program(FANNY)
    reception_id = open_one(alice)
    boxes = [{"id": str(db.new_id()), "text": text} for text in (LABEL, "hello", LABEL)]
    alice.post(f"/api/v1/receptions/{reception_id}/boxes", {"lines": boxes})
    alice.post(f"/api/v1/reception-lines/{boxes[0]['id']}/correction", {"id": str(db.new_id()), "reason": "twice"})
    address = f"/api/v1/receptions/{reception_id}"

    whole = fanny.get(address).json
    first = fanny.get(f"{address}?limit=2").json
    rest = fanny.get(f"{address}?limit=2&after={first['next']}").json

    assert (whole["id"], whole["state"], whole["line_count"], whole["next"]) == (reception_id, "open", 3, None)
    assert {line["id"] for line in whole["lines"]} == {one["id"] for one in boxes}
    assert sorted(line["outcome"] for line in whole["lines"]) == ["accepted", "accepted", "refused"]
    assert [line["id"] for line in whole["lines"] if line["corrected_at"]] == [boxes[0]["id"]]
    assert first["lines"] + rest["lines"] == whole["lines"]
    assert rest["next"] is None


def test_lines_are_read_by_who_may_and_from_a_line_of_the_delivery(program: WithToken, definition_id: UUID) -> None:
    alice = program(ALICE)
    reception_id, other = open_one(alice), open_one(alice)
    line = {"id": str(db.new_id()), "text": LABEL}
    alice.post(f"/api/v1/receptions/{other}/lines", line)
    address = f"/api/v1/receptions/{reception_id}"

    asked = {
        "another's line": alice.get(f"{address}?after={line['id']}"),
        "no line": alice.get(f"{address}?after={db.new_id()}"),
        "another hospital": program(GUY).get(address),
        "a surgeon": program(CHARLIE).get(address),
        "too many": alice.get(f"{address}?limit=501"),
    }

    assert {who: answer.status_code for who, answer in asked.items()} == {
        "another's line": 404,
        "no line": 404,
        "another hospital": 404,
        "a surgeon": 403,
        "too many": 422,
    }


def test_the_stock_is_paged_and_searched(program: WithToken, definition_id: UUID, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        numbers = [make_unit(session, definition_id, lot_number=f"L{place}").number for place in range(5)]
    api = program(FANNY)

    first = api.get("/api/v1/units?limit=3").json
    rest = api.get(f"/api/v1/units?limit=3&after={first['next']}").json
    found = api.get("/api/v1/units?q=L2").json

    assert [unit["number"] for unit in first["items"] + rest["items"]] == numbers[::-1]
    assert rest["next"] is None
    assert [unit["number"] for unit in found["items"]] == [numbers[2]]
    assert api.get("/api/v1/units?state=quarantined").json["items"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1000", "after=x", "after=99999999999999999999", "state=lost"])
def test_an_odd_page_of_the_stock_is_refused(program: WithToken, query: str) -> None:
    assert program(ALICE).get(f"/api/v1/units?{query}").status_code == 422


def test_one_unit_shows_its_life_and_its_holds(program: WithToken, definition_id: UUID, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        unit = make_unit(session, definition_id, hold=a_hold("seal broken"))
    api = program(BOB)

    found = api.get(f"/api/v1/units/{unit.number}").json

    assert found["is_usable"] is False
    assert [event["event"] for event in found["life"]] == ["NRE"]
    assert found["holds"][0]["reason"] == "seal broken"
    assert found["definition"]["reference"] == REFERENCE
    assert api.get("/api/v1/units/T590000000179").status_code == 404
    assert program(GUY).get(f"/api/v1/units/{unit.number}").status_code == 404


@pytest.mark.parametrize(
    ("actor", "address"),
    [(FANNY, "/api/v1/scans"), (ERIC, "/api/v1/scans"), (CHARLIE, "/api/v1/receptions")],
)
def test_each_role_does_what_it_may(program: WithToken, actor: object, address: str) -> None:
    body = {"text": LABEL, "id": str(db.new_id()), "supplier": "X"}

    assert program(actor).post(address, body).status_code == 403
    assert program(ERIC).get("/api/v1/units").status_code == 403


def test_without_token_nothing_is_answered(program: WithToken) -> None:
    client = program(ALICE).client

    assert client.post("/api/v1/scans", json={"text": LABEL}).status_code in {400, 401}
    assert client.get("/api/v1/units").status_code == 401
