"""Workstations through the pages and the API, and every scan box by the calibration of its browser's workstation."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from scanners.readers import calibration
from scanners.readers.keyboards import Layout, typed
from scanners.symbols import datamatrix
from tests.care import make_patient
from tests.hospital import ALICE, BOB, CHARLIE, ERIC, FANNY, GUY, HOSPITAL_A
from tests.stock import GTIN, make_definition, make_derogation, make_manufacturer, make_unit
from tests.web.conftest import Person, Program
from tracker import clock, db
from tracker.arrivals import service as arrivals
from tracker.arrivals.queries import NewReception
from tracker.patients.models import Patient
from tracker.reception import queries
from tracker.workstations.forms import WORKSTATION_COOKIE
from tracker.workstations.models import Calibration

SHEET = "]d1" + calibration.TEXT
LABEL = f"]d201{GTIN}1740013110A1"
GS = "\x1d"
PATIENT = "]d1IS01" + "0" * 22 + "S1280129999999969S21.2.250.1.213.1.4.10S3MARIE<GS>S4EXEMPLE<GS>S5FS612-12-1980"
LogIn = Callable[[object], Person]
WithToken = Callable[[object], Program]


def french(text: str) -> str:
    return typed(text, Layout.US, Layout.FR)


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


def stand_at_a_new_workstation(somebody: Person, name: str = "Bench 1") -> str:
    return somebody.post("/workstations/new", {"name": name}).headers["Location"]


def calibrated(somebody: Person, sheet: str = SHEET, host: Callable[[str], str] = french) -> Person:
    address = stand_at_a_new_workstation(somebody)
    answer = somebody.post(f"{address}/calibrations", {"raw": host(sheet)})
    assert answer.status_code == 200, answer.text
    return somebody


def lines(database: db.Database, bench: UUID) -> list[queries.LineView]:
    with db.transaction(database, HOSPITAL_A) as session:
        return list(queries.list_lines(session, bench))


def test_a_workstation_is_named_calibrated_and_remembered(person: LogIn) -> None:
    alice = person(ALICE)
    empty = alice.get("/workstations")

    address = stand_at_a_new_workstation(alice, "Pharmacy, bench 1")
    before = alice.get(address)
    answer = alice.post(f"{address}/calibrations", {"raw": french(SHEET)})

    assert "No workstation yet" in empty.text
    assert "Not calibrated yet" in before.text
    assert "verdict-accepted" in answer.text
    assert "AZERTY (France)" in answer.text
    assert "arrives as GS" in answer.text
    cookie = answer.headers["Set-Cookie"]
    assert WORKSTATION_COOKIE in cookie
    assert "Max-Age=34560000" in cookie
    assert "HttpOnly" in cookie
    assert "This computer is 'Pharmacy, bench 1'" in alice.get("/workstations").text


def test_a_reader_that_leaves_something_out_is_calibrated_with_a_loss(person: LogIn) -> None:
    alice = person(ALICE)
    address = stand_at_a_new_workstation(alice)

    answer = alice.post(f"{address}/calibrations", {"raw": "%" + calibration.TEXT.replace(GS, "")})

    assert "verdict-quarantined" in answer.text
    assert "does not arrive" in answer.text
    assert "sends no AIM identifier" in answer.text
    assert "%" in answer.text


@pytest.mark.parametrize(
    ("raw", "keys", "says"),
    [
        (typed(SHEET, Layout.US, Layout.FR, caps_lock=True), "", "Switch Caps Lock off"),
        (SHEET, json.dumps([["Numpad5", 0]]), "numeric keypad"),
        ("3700000000013", "", "not the calibration sheet"),
        ("", "", "Nothing was scanned"),
        (PATIENT, "", "label of a patient"),
    ],
)
def test_a_reader_that_cannot_be_put_right_is_red_with_what_to_change(
    person: LogIn, database: db.Database, raw: str, keys: str, says: str
) -> None:
    alice = person(ALICE)
    address = stand_at_a_new_workstation(alice)

    answer = alice.post(f"{address}/calibrations", {"raw": raw, "keys": keys})

    assert answer.status_code == 422
    assert "verdict-refused" in answer.text
    assert says in answer.text
    assert "EXEMPLE" not in answer.text
    with db.transaction(database, HOSPITAL_A) as session:
        assert session.scalar(select(Calibration.id)) is None


def test_a_name_that_is_taken_or_missing_comes_back_with_what_was_typed(person: LogIn) -> None:
    alice = person(ALICE)
    stand_at_a_new_workstation(alice)

    taken = alice.post("/workstations/new", {"name": "Bench 1"})
    missing = alice.post("/workstations/new", {"name": " "})

    assert (taken.status_code, missing.status_code) == (409, 422)
    assert 'value="Bench 1"' in taken.text


def test_a_browser_says_where_it_stands_and_that_it_stands_nowhere(person: LogIn) -> None:
    address = stand_at_a_new_workstation(person(ALICE))
    fanny = person(FANNY)

    fanny.post("/workstations/choose", {"workstation_id": address.rsplit("/", 1)[1]})
    chosen = fanny.get("/workstations").text
    fanny.post("/workstations/choose", {"workstation_id": ""})
    gone = fanny.get("/workstations").text

    assert "This computer is 'Bench 1'" in chosen
    assert "It is not known which workstation" in gone
    assert person(GUY).post("/workstations/choose", {"workstation_id": address.rsplit("/", 1)[1]}).status_code == 404


def test_the_sheet_holds_what_is_expected_of_it(person: LogIn) -> None:
    page = person(FANNY).get("/workstations/sheet")

    assert "<svg" in page.text
    assert "data-print" in page.text


def test_a_mangled_box_is_repaired_received_and_kept_as_it_arrived(
    person: LogIn, database: db.Database, bench: UUID
) -> None:
    alice = calibrated(person(ALICE))
    arrived = french(LABEL)

    answer = alice.fragment(f"/receptions/{bench}/lines", {"raw": arrived, "request_id": str(db.new_id())})

    assert 'data-outcome="accepted"' in answer.text
    (line,) = lines(database, bench)
    assert line.raw_scan == arrived.encode()
    assert line.lot_number == "A1"
    assert line.reader.calibration_id is not None
    unit = alice.get(f"/units/{line.unit_number}").text
    assert LABEL[3:] in unit


def test_a_calibrated_reader_that_sends_separators_is_read_strictly(
    person: LogIn, database: db.Database, bench: UUID
) -> None:
    lost = f"01{GTIN}1740013110A12199"
    person(ALICE).post(f"/receptions/{bench}/lines", {"raw": "]d2" + lost, "request_id": str(db.new_id())})
    alice = calibrated(person(ALICE))

    alice.post(f"/receptions/{bench}/lines", {"raw": french("]d2" + lost), "request_id": str(db.new_id())})

    strict, unknown = lines(database, bench)
    assert [finding.code for finding in unknown.findings] == ["scan-ambiguous"]
    assert strict.lot_number == "A12199"


def test_a_missing_identifier_says_to_calibrate_again(person: LogIn, bench: UUID) -> None:
    alice = calibrated(person(ALICE))
    caps = typed(LABEL, Layout.US, Layout.FR, caps_lock=True)

    mangled = alice.fragment(f"/receptions/{bench}/lines", {"raw": caps, "request_id": str(db.new_id())})
    fine = alice.fragment("/scan", {"raw": french(LABEL), "purpose": "receive"})

    assert "reader-changed" in mangled.text
    assert "calibrate this workstation" in mangled.text
    assert "reader-changed" not in fine.text


def test_an_ambiguous_keyboard_stays_ambiguous_and_a_person_chooses(
    person: LogIn, database: db.Database, bench: UUID
) -> None:
    alice = person(ALICE)
    arrived = typed(f"]d201{GTIN}1740013110A=42", Layout.US, Layout.BE)

    alice.post(f"/receptions/{bench}/lines", {"raw": arrived, "request_id": str(db.new_id())})
    refused = lines(database, bench)[0]
    body = {"from_line": str(refused.id), "reading": "0", "request_id": str(db.new_id())}
    alice.post(f"/receptions/{bench}/lines", body)

    chosen = lines(database, bench)[0]
    assert refused.findings[0].code == "scan-ambiguous"
    assert chosen.lot_number in {"A=42", "A642"}
    assert chosen.raw_scan == arrived.encode()


def test_physical_keys_decide_what_two_keyboards_leave_open_and_are_kept(
    person: LogIn, database: db.Database, bench: UUID
) -> None:
    arrived = typed(f"]d201{GTIN}1740013110A=42", Layout.US, Layout.BE)
    keys = [["BracketRight", 0], ["KeyD", 0], ["Digit2", 0]]
    keys += [[f"Digit{digit}", 0] for digit in f"01{GTIN}1740013110"]
    keys += [["KeyA", 1], ["Equal", 0], ["Digit4", 0], ["Digit2", 0]]

    body = {"raw": arrived, "keys": json.dumps(keys), "request_id": str(db.new_id())}
    person(ALICE).post(f"/receptions/{bench}/lines", body)

    (line,) = lines(database, bench)
    assert (line.lot_number, line.outcome) == ("A=42", "accepted")
    assert line.keyed.startswith("]d2")
    assert "keyboard-repaired" in [finding.code for finding in line.findings]


def test_the_gate_the_patients_the_stock_and_the_incidents_read_by_the_profile(
    person: LogIn, database: db.Database
) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        unit = make_unit(session, make_definition(session), lot_number="AZ-42", serial_number="SN7")
        patient = make_patient(session)
        ipp = "8000000042"
        assert session.get(Patient, patient) is not None
    charlie = calibrated(person(CHARLIE))
    own, maker_label = french(f"]C0{unit.number}"), french(f"]d201{GTIN}21SN7")

    gate = charlie.post("/use", {"raw": own})
    incident = charlie.post("/incidents/find", {"raw": own})
    stock = charlie.post("/units", {"raw": maker_label})
    search = charlie.post("/patients", {"raw": french(f"]C0{ipp}")})

    assert f"unit={unit.number}" in gate.headers["Location"]
    assert f"unit={unit.number}" in incident.headers["Location"]
    assert stock.headers["Location"].endswith("q=SN7")
    assert ipp in search.text or search.status_code == 303
    bob = person(BOB)
    address = stand_at_a_new_workstation(bob, "Office")
    bob.post(f"{address}/calibrations", {"raw": french(SHEET)})
    recall = bob.post("/recall", {"raw": french(f"]d201{GTIN}10AZ-42")})
    assert "lot=AZ-42" in recall.headers["Location"]


def test_a_patient_label_scanned_to_find_a_unit_stands_in_no_address(person: LogIn) -> None:
    answer = person(ALICE).post("/units", {"raw": french(PATIENT)})

    assert answer.status_code == 422
    assert "EXEMPLE" not in answer.text
    assert "Location" not in answer.headers


def test_a_cookie_of_another_hospital_or_of_nobody_is_as_good_as_none(person: LogIn, bench: UUID) -> None:
    address = stand_at_a_new_workstation(person(GUY), "Elsewhere")
    for value in (address.rsplit("/", 1)[1], "nonsense", str(db.new_id())):
        alice = person(ALICE)
        alice.client.set_cookie(WORKSTATION_COOKIE, value)
        answer = alice.fragment("/scan", {"raw": LABEL, "purpose": "receive"})
        assert 'data-outcome="accepted"' in answer.text
        assert alice.get("/workstations").status_code == 200


def test_programs_name_calibrate_and_read_by_a_workstation(
    program: WithToken, database: db.Database, bench: UUID
) -> None:
    api, workstation, request = program(ALICE), str(db.new_id()), str(db.new_id())

    made = api.post("/api/v1/workstations", {"id": workstation, "name": "Agent 1"})
    kept = api.post(f"/api/v1/workstations/{workstation}/calibrations", {"id": request, "text": french(SHEET)})
    listed = api.get("/api/v1/workstations")
    body = {"text": french(LABEL), "workstation_id": workstation}
    checked = api.post("/api/v1/scans", body)
    received = api.post(f"/api/v1/receptions/{bench}/lines", body | {"id": str(db.new_id())})

    assert (made.status_code, kept.status_code) == (200, 200)
    assert kept.json["layout"] == "us-fr"
    assert listed.json["workstations"][0]["calibration"]["id"] == request
    assert (checked.json["outcome"], checked.json["udi"]["lot"]) == ("accepted", "A1")
    assert received.json["lot_number"] == "A1"
    assert str(lines(database, bench)[0].reader.calibration_id) == request


def test_programs_are_told_what_is_wrong_with_a_reader(program: WithToken, bench: UUID) -> None:
    api, workstation = program(ALICE), str(db.new_id())
    api.post("/api/v1/workstations", {"id": workstation, "name": "Agent 1"})
    address = f"/api/v1/workstations/{workstation}/calibrations"

    caps = api.post(address, {"id": str(db.new_id()), "text": typed(SHEET, Layout.US, Layout.FR, caps_lock=True)})
    other = api.post(address, {"id": str(db.new_id()), "text": "no sheet"})
    unknown = api.post("/api/v1/scans", {"text": LABEL, "workstation_id": str(db.new_id())})

    assert (caps.status_code, caps.json["type"]) == (422, "calibration-unusable")
    assert [finding["code"] for finding in caps.json["findings"]] == ["caps-lock"]
    assert (other.status_code, other.json["type"]) == (422, "calibration-not-the-sheet")
    assert (unknown.status_code, unknown.json["type"]) == (404, "workstation-not-found")


def test_the_administrator_calibrates_and_the_auditor_only_looks(person: LogIn) -> None:
    address = stand_at_a_new_workstation(person(ERIC))

    assert "data-scan-box" in person(ERIC).get(address).text
    assert "data-scan-box" not in person(FANNY).get(address).text


def test_a_frame_of_a_camera_is_answered_with_what_it_holds_and_nothing_is_kept(person: LogIn) -> None:
    charlie = person(CHARLIE)
    frame = {"frame": (io.BytesIO(datamatrix.png(f"(01){GTIN}(10)A1")), "frame.jpg")}

    found = charlie.post("/frames", frame)
    others = [charlie.post("/frames", body) for body in ({}, {"frame": (io.BytesIO(b"no picture"), "frame.jpg")})]

    assert found.json == {"texts": [f"]d201{GTIN}10A1"]}
    assert found.headers["Cache-Control"] == "no-store"
    assert [(answer.status_code, answer.json) for answer in others] == [(200, {"texts": []})] * 2


def test_a_page_with_a_scan_box_may_use_the_camera_and_no_other_site_may(person: LogIn) -> None:
    page = person(CHARLIE).get("/scan")

    assert page.headers["Permissions-Policy"] == "camera=(self), microphone=(), geolocation=()"
    assert "data-camera" in page.text
