"""The tray through the pages and the API."""

import base64
import io
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from scanners.symbols import datamatrix
from tests.hospital import ALICE, HOSPITAL_A
from tests.stock import REFERENCE, make_definition, make_derogation, make_manufacturer
from tests.web.conftest import Person, Program
from tracker import clock, db
from tracker.arrivals import service as arrivals
from tracker.arrivals.queries import NewReception
from tracker.reception import queries as reception_queries
from tracker.unidentified.models import UnidentifiedItem

PATIENT = (
    "IS010000000000000000000000S1280129999999969S21.2.250.1.213.1.4.10S3MARIE CLAIRE\x1dS4EXEMPLE\x1dS5FS612-12-1980"
)
PHOTO = datamatrix.png("SOMETHING-ELSE")
LogIn = Callable[[object], Person]
WithToken = Callable[[object], Program]


@pytest.fixture
def bench(database: db.Database) -> UUID:
    """An open delivery, with SCORE under a derogation in force on the day of the test."""
    now = clock.utc_now()
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        make_definition(session, manufacturer_id=maker)
        make_derogation(session, maker, valid_until=clock.paris_day(now) + timedelta(200))
        new = NewReception(supplier="Amplitude", delivery_note="BL-1")
        return arrivals.open_reception(session, db.new_id(), new=new, actor=ALICE, now=now).id


def count(database: db.Database) -> int:
    with db.transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(UnidentifiedItem)) or 0


def box(**more: object) -> dict[str, object]:
    known = {"cause": "unreadable", "place": "Shelf 4", "description": "blue box", "request_id": str(db.new_id())}
    return known | more


def test_a_refused_box_goes_from_the_bench_to_the_tray_and_is_received_from_it(
    person: LogIn, database: db.Database, bench: UUID
) -> None:
    alice = person(ALICE)
    card = alice.fragment(f"/receptions/{bench}/lines", {"raw": "GARBLED-7", "request_id": str(db.new_id())})
    with db.transaction(database, HOSPITAL_A) as session:
        line = reception_queries.list_lines(session, bench)[0]

    asked = alice.get(f"/unidentified/new?line={line.id}")
    sent = box(raw="GARBLED-7", reception_id=str(bench), photo=(io.BytesIO(PHOTO), "box.png"))
    put = alice.post("/unidentified/new", sent)
    address = put.headers["Location"]
    shown, home, tray = alice.get(address), alice.get("/"), alice.get("/unidentified")

    assert f"/unidentified/new?line={line.id}" in card.text
    assert "GARBLED-7" in asked.text
    assert "GARBLED-7" in shown.text
    assert "Open the photo" in shown.text
    assert "Boxes to identify" in home.text
    assert "Shelf 4" in tray.text
    answer = {"reception": str(bench), "reference": REFERENCE, "lot": "A1", "request_id": str(db.new_id())}
    received = alice.post(f"{address}/receipt", answer)
    assert received.status_code == 303
    assert "/units/T59" in received.headers["Location"]
    assert "The tray is empty" in alice.get("/unidentified").text
    assert "Identified and received" in alice.get("/unidentified?closed=1").text


def test_what_is_missing_comes_back_with_what_was_typed(person: LogIn, database: db.Database) -> None:
    alice = person(ALICE)

    missing = alice.post("/unidentified/new", box(place=""))
    no_cause = alice.post("/unidentified/new", box(cause=""))
    no_picture = alice.post("/unidentified/new", box(photo=(io.BytesIO(b"text"), "note.txt")))

    assert [page.status_code for page in (missing, no_cause, no_picture)] == [422, 422, 422]
    assert "blue box" in missing.text
    assert count(database) == 0


@pytest.mark.parametrize("how", ["text", "photo"])
def test_the_label_of_a_patient_is_refused_and_nothing_of_it_kept_or_shown(
    person: LogIn, database: db.Database, how: str
) -> None:
    photo = {"photo": (io.BytesIO(datamatrix.png(PATIENT)), "box.png")}

    page = person(ALICE).post("/unidentified/new", box(raw=PATIENT) if how == "text" else box(**photo))

    assert page.status_code == 409
    assert "EXEMPLE" not in page.text
    assert "patient" in page.text
    assert count(database) == 0


def test_a_refused_receipt_keeps_the_box_and_what_was_typed(person: LogIn, bench: UUID) -> None:
    alice = person(ALICE)
    address = alice.post("/unidentified/new", box()).headers["Location"]

    unknown = alice.post(f"{address}/receipt", {"reception": str(bench), "reference": "NO-SUCH", "lot": "A1"})
    missing = alice.post(f"{address}/receipt", {"reception": str(bench), "reference": ""})

    assert unknown.status_code == 200
    assert "definition-unknown" in unknown.text
    assert 'value="NO-SUCH"' in unknown.text
    assert missing.status_code == 422
    assert "Boxes that wait" in alice.get("/unidentified").text


def test_a_box_is_sent_back_with_its_reason_and_only_once(person: LogIn) -> None:
    alice = person(ALICE)
    address = alice.post("/unidentified/new", box()).headers["Location"]

    bare = alice.post(f"{address}/outcome", {"disposition": "returned", "reason": ""})
    unsaid = alice.post(f"{address}/outcome", {"reason": "why"})
    done = alice.post(f"{address}/outcome", {"disposition": "returned", "reason": "supplier's mistake"})
    again = alice.post(f"{address}/outcome", {"disposition": "destroyed", "reason": "no"})

    assert [page.status_code for page in (bare, unsaid, done, again)] == [422, 422, 303, 409]
    assert "supplier&#39;s mistake" in alice.get(address).text


def test_without_an_open_delivery_the_page_says_to_open_one(person: LogIn) -> None:
    alice = person(ALICE)
    address = alice.post("/unidentified/new", box()).headers["Location"]

    assert "No delivery is open" in alice.get(address).text


def test_programs_put_aside_list_receive_and_dispose(program: WithToken, bench: UUID) -> None:
    api, first, second = program(ALICE), str(db.new_id()), str(db.new_id())
    body = {"cause": "unknown", "place": "Shelf 4", "text": "?", "photo": base64.b64encode(PHOTO).decode()}

    made = api.post("/api/v1/unidentified", body | {"id": first, "reception_id": str(bench)})
    api.post("/api/v1/unidentified", body | {"id": second})
    listed = api.get("/api/v1/unidentified")
    receipt = {"id": str(db.new_id()), "reception_id": str(bench), "reference": REFERENCE, "lot": "A1"}
    received = api.post(f"/api/v1/unidentified/{first}/receipt", receipt)
    outcome = {"id": str(db.new_id()), "disposition": "destroyed", "reason": "soaked"}
    destroyed = api.post(f"/api/v1/unidentified/{second}/outcome", outcome)
    closed = api.get("/api/v1/unidentified?closed=true")

    assert made.json["document_id"]
    assert (listed.json["open_count"], len(listed.json["items"])) == (2, 2)
    assert received.json["outcome"] == "accepted"
    assert destroyed.json["disposition"] == "destroyed"
    assert [item["disposition"] for item in closed.json["items"]] == ["destroyed", "received"]
    assert closed.json["open_count"] == 0


def test_programs_are_told_what_is_wrong(program: WithToken) -> None:
    api, body = program(ALICE), {"id": str(db.new_id()), "cause": "other", "place": "Shelf 4"}

    odd = api.post("/api/v1/unidentified", body | {"photo": "not base64!"})
    patient = api.post("/api/v1/unidentified", body | {"text": PATIENT})
    empty = api.post("/api/v1/unidentified", body)

    assert (odd.status_code, odd.json["type"]) == (422, "photo-not-base64")
    assert (patient.status_code, patient.json["type"]) == (409, "unidentified-patient-label")
    assert (empty.status_code, empty.json["type"]) == (422, "unidentified-incomplete")
