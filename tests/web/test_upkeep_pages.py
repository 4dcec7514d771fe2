"""Versions, places and photos through the pages and the API."""

import base64
import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from scanners.symbols import datamatrix
from tests.bench import PATIENT_LABEL
from tests.hospital import ALICE, BOB, CHARLIE, HOSPITAL_A
from tests.stock import REFERENCE, make_definition, make_derogation, make_manufacturer, make_unit
from tests.web.conftest import Person, Program
from tracker import clock, db
from tracker.arrivals import service as arrivals
from tracker.arrivals.queries import NewReception
from tracker.catalogue.rules import DeviceKind
from tracker.devices.queries import UnitView
from tracker.findings.rules import Outcome
from tracker.reception import queries as reception

LogIn = Callable[[object], Person]
WithToken = Callable[[object], Program]
PHOTO = datamatrix.png("SOMETHING-ELSE")
DAY = clock.paris_day(clock.utc_now())


def make(database: db.Database, kind: DeviceKind, *, days_left: int = 200) -> UnitView:
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        definition_id = make_definition(session, manufacturer_id=maker, kind=kind)
        make_derogation(session, maker, valid_until=DAY + timedelta(days_left))
        return make_unit(session, definition_id, lot_number=None, serial_number="S1", expiration_date=None)


@pytest.fixture
def software(database: db.Database) -> UnitView:
    """Planning software under a derogation in force."""
    return make(database, DeviceKind.SOFTWARE)


def form(**more: object) -> dict[str, object]:
    known = {"version": "2.1", "change": "minor", "installed_on": DAY.isoformat(), "request_id": str(db.new_id())}
    return known | more


def test_an_update_is_asked_for_recorded_and_shown_with_what_the_register_said(
    person: LogIn, software: UnitView
) -> None:
    alice, address = person(ALICE), f"/units/{software.number}/software-update"

    asked = alice.get(address).text
    incomplete = alice.post(address, form(change="", note="typed once"))
    done = alice.post(address, form())
    again = alice.post(address, form())
    page = alice.get(f"/units/{software.number}/upkeep").text

    assert DAY.isoformat() in asked
    assert not any(word in asked for word in ("Lot", "Last day of use", "steril"))
    assert (incomplete.status_code, done.status_code, again.status_code) == (422, 303, 409)
    assert "typed once" in incomplete.text
    assert "already runs version 2.1" in again.text
    assert "2.1" in page
    assert "is in force until" in page
    unit_page = alice.get(f"/units/{software.number}").text
    assert "Version" in unit_page
    assert "2.1" in unit_page
    assert "Last day of use" not in unit_page


def test_an_update_that_the_ended_derogation_does_not_cover_is_shown_refused_and_blocks(
    person: LogIn, database: db.Database
) -> None:
    unit, alice = make(database, DeviceKind.SOFTWARE, days_left=-1), person(ALICE)

    alice.post(f"/units/{unit.number}/software-update", form())
    page = alice.get(f"/units/{unit.number}/upkeep").text
    unit_page = alice.get(f"/units/{unit.number}").text

    assert "the unit is on hold" in page
    assert "derogation-ended" in page
    assert "Source: Register: SCORE inserts" in page
    assert "the derogation has ended" in unit_page


def test_equipment_moves_and_others_have_neither_versions_nor_places(person: LogIn, database: db.Database) -> None:
    equipment, alice = make(database, DeviceKind.EQUIPMENT), person(ALICE)
    address = f"/units/{equipment.number}/place"

    asked = alice.get(address)
    missing = alice.post(address, {"place": "", "moved_on": DAY.isoformat(), "note": "typed once"})
    done = alice.post(address, {"place": "Room 3", "moved_on": DAY.isoformat(), "request_id": str(db.new_id())})
    refused = alice.post(f"/units/{equipment.number}/software-update", form())

    assert (asked.status_code, missing.status_code, done.status_code, refused.status_code) == (200, 422, 303, 409)
    assert "typed once" in missing.text
    assert "Room 3" in alice.get(f"/units/{equipment.number}").text
    assert "Room 3" in alice.get(f"/units/{equipment.number}/upkeep").text
    assert person(CHARLIE).post(address, {"place": "x"}).status_code == 403


def test_a_program_records_updates_and_moves_once(program: WithToken, software: UnitView) -> None:
    alice, base = program(ALICE), f"/api/v1/units/{software.number}"
    new = {"id": str(db.new_id()), "version": "3.0", "change": "major", "installed_on": DAY.isoformat()}
    place = {"id": str(db.new_id()), "place": "Server 2", "moved_on": DAY.isoformat()}

    answers = [alice.post(f"{base}/software-updates", new) for _again in range(2)]
    moved = [alice.post(f"{base}/places", place) for _again in range(2)]
    known = program(BOB).get(f"{base}/upkeep").get_json()

    assert [answer.status_code for answer in (*answers, *moved)] == [201] * 4
    assert answers[0].get_json() == answers[1].get_json()
    assert answers[0].get_json()["outcome"] == "quarantined"
    assert (known["software_version"], known["place"], len(known["updates"]), len(known["places"])) == (
        "3.0",
        "Server 2",
        1,
        1,
    )
    assert known["updates"][0]["hold_id"]
    future = new | {"id": str(db.new_id()), "version": "4", "installed_on": (DAY + timedelta(2)).isoformat()}
    problem = alice.post(f"{base}/software-updates", future)
    assert (problem.status_code, problem.get_json()["type"]) == (422, "update-invalid")
    assert program(CHARLIE).post(f"{base}/software-updates", new).status_code == 403


def photo(content: bytes = PHOTO, name: str = "label.png") -> dict[str, object]:
    return {"photo": (io.BytesIO(content), name), "request_id": str(db.new_id())}


def test_a_photo_is_kept_with_a_unit_and_seen_on_its_page(person: LogIn, software: UnitView) -> None:
    alice, address = person(ALICE), f"/units/{software.number}/photo"

    asked = alice.get(address)
    none = alice.post(address, {"request_id": str(db.new_id())})
    patient = alice.post(address, photo(datamatrix.png(PATIENT_LABEL)))
    document = alice.post(address, photo(b"%PDF-1.7"))
    done = alice.post(address, photo())
    page = alice.get(f"/units/{software.number}").text
    kept = re.findall(r'<img class="kept-photo" src="([^"]+)"', page)

    assert (asked.status_code, none.status_code, document.status_code) == (200, 422, 422)
    assert patient.status_code == 409
    assert "Nothing of it was kept" in patient.text
    assert done.status_code == 303
    assert len(kept) == 1
    assert alice.get(kept[0]).data == PHOTO


def test_a_box_entered_by_hand_comes_with_its_photo(person: LogIn, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        make_definition(session, manufacturer_id=maker)
        make_derogation(session, maker, valid_until=DAY + timedelta(200))
        new = NewReception(supplier="Amplitude", delivery_note="BL-1")
        delivery = arrivals.open_reception(session, db.new_id(), new=new, actor=ALICE, now=clock.utc_now()).id
    alice = person(ALICE)

    for with_photo in (photo(), {"request_id": str(db.new_id())}):
        entry = {"reference": REFERENCE, "lot": "A1"} | with_photo
        assert alice.post(f"/receptions/{delivery}/by-hand", entry).status_code == 303
    patient = {"reference": REFERENCE, "lot": "P9"} | photo(datamatrix.png(PATIENT_LABEL))
    refused = alice.post(f"/receptions/{delivery}/by-hand", patient)

    with db.transaction(database, HOSPITAL_A) as session:
        second, first = [line.unit_number for line in reception.list_lines(session, delivery)]
    assert "kept-photo" in alice.get(f"/units/{first}").text
    assert "Entered by hand: a photo" in alice.get(f"/units/{second}").text
    assert refused.status_code == 409
    assert "P9" in refused.text


def test_a_program_keeps_a_photo_once(program: WithToken, software: UnitView) -> None:
    alice, address = program(ALICE), f"/api/v1/units/{software.number}/photos"
    new = {"id": str(db.new_id()), "photo": base64.b64encode(PHOTO).decode()}

    answers = [alice.post(address, new) for _again in range(2)]
    broken = alice.post(address, {"id": str(db.new_id()), "photo": "?"})
    known = alice.get(f"/api/v1/units/{software.number}/upkeep").get_json()

    assert [answer.status_code for answer in answers] == [201, 201]
    assert known["photos"] == [answers[0].get_json()]
    assert (broken.status_code, broken.get_json()["type"]) == (422, "photo-not-base64")


def test_software_is_received_by_its_version_alone(person: LogIn, database: db.Database, software: UnitView) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        new = NewReception(supplier="Maker", delivery_note="BL-2")
        delivery = arrivals.open_reception(session, db.new_id(), new=new, actor=ALICE, now=clock.utc_now()).id
    alice = person(ALICE)
    entry = {"reference": REFERENCE, "software_version": "1.9", "request_id": str(db.new_id())}

    done = alice.post(f"/receptions/{delivery}/by-hand", entry)

    with db.transaction(database, HOSPITAL_A) as session:
        (line,) = reception.list_lines(session, delivery)
    assert done.status_code == 303
    assert line.outcome is Outcome.ACCEPTED
    assert line.unit_number != software.number
    assert "1.9" in alice.get(f"/units/{line.unit_number}").text
