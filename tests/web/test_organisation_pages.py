"""The establishment, its wards and its recipients: pages and programs."""

from collections.abc import Callable

import pytest

from tests.hospital import ALICE, CHARLIE, ERIC, HOSPITAL_A, THEATRE
from tests.pages import words
from tests.stock import make_covered, make_unit
from tests.web.conftest import Person, Program
from tracker import db

LogIn = Callable[..., Person]
WithToken = Callable[..., Program]

HOUSE = {"name": "Hôpital A", "finess": "750000001", "address": "1 rue de l'Essai", "phone": "", "email": "a@b.test"}


def test_the_data_of_the_establishment_is_changed(person: LogIn) -> None:
    eric = person(ERIC)

    answer = eric.post("/establishment", HOUSE | {"name": "Hôpital A, site Nord"})
    page = eric.get("/establishment")

    assert answer.status_code == 303
    assert 'value="Hôpital A, site Nord"' in page.text
    assert "pharmacie@hospital-1.test" in page.text


@pytest.mark.parametrize(
    ("address", "form", "said"),
    [
        ("/establishment", HOUSE | {"finess": "75"}, "A FINESS number has nine characters"),
        ("/establishment", HOUSE | {"email": "nobody"}, "This is not an e-mail address."),
        ("/establishment/wards", {"code": "BLOC", "name": "Again"}, "Another ward has this code."),
        ("/establishment/wards", {"code": "", "name": "typed"}, "Write the code."),
        ("/establishment/recipients", {"purpose": "incident_copy", "email": "a@b@c"}, "This is not an e-mail address."),
        (f"/establishment/wards/{THEATRE}", {"code": "", "name": "typed"}, "Write the code."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_kept(
    person: LogIn, address: str, form: dict[str, object], said: str
) -> None:
    page = person(ERIC).post(address, form)

    assert page.status_code in {409, 422}
    assert said in words(page)
    assert all(str(form[name]) in page.text for name in ("name", "email", "code") if name in form)


def test_a_ward_is_added_renamed_and_closed_and_no_longer_offered(person: LogIn, database: db.Database) -> None:
    eric, form = person(ERIC), {"request_id": str(db.new_id()), "code": "ORTHO", "name": "Orthopédie"}
    with db.transaction(database, HOSPITAL_A) as session:
        number = make_unit(session, make_covered(session)).number

    for _time in range(2):
        assert eric.post("/establishment/wards", form).status_code == 303
    offered = person(ALICE).get(f"/units/{number}/deliver").text
    eric.post(f"/establishment/wards/{form['request_id']}", {"code": "ORTHO", "name": "Orthopédie 2"})
    after = person(ALICE).get(f"/units/{number}/deliver").text

    assert "Orthopédie" in offered
    assert "Orthopédie" not in after
    assert "Orthopédie 2 ORTHO closed" in words(eric.get("/establishment"))


def test_a_recipient_is_added_and_removed(person: LogIn) -> None:
    eric, request_id = person(ERIC), str(db.new_id())
    form = {"request_id": request_id, "purpose": "incident_copy", "email": "direction@hospital-1.test"}

    eric.post("/establishment/recipients", form)
    added = eric.get("/establishment").text
    again = eric.post("/establishment/recipients", form | {"request_id": str(db.new_id())})
    eric.post(f"/establishment/recipients/{request_id}/remove")

    assert "direction@hospital-1.test" in added
    assert "This address is already there for this purpose." in words(again)
    assert "direction@hospital-1.test" not in eric.get("/establishment").text


def test_programs_do_the_same(program: WithToken) -> None:
    eric, ward_id, recipient_id = program(ERIC), str(db.new_id()), str(db.new_id())
    ward = {"id": ward_id, "code": "ORTHO", "name": "Orthopédie"}

    added = eric.post("/api/v1/wards", ward)
    closed = eric.client.put(
        f"/api/v1/wards/{ward_id}", json={"code": "ORTHO", "name": "Ortho", "is_active": False}, headers=eric._headers
    )
    house = eric.client.put("/api/v1/establishment", json=HOUSE, headers=eric._headers)
    known = eric.post("/api/v1/recipients", {"id": recipient_id, "purpose": "incident_copy", "email": "d@b.test"})
    listed = eric.get("/api/v1/recipients").json["recipients"]
    eric.post(f"/api/v1/recipients/{recipient_id}/remove", {})

    assert (added.status_code, closed.json["is_active"], house.json) == (201, False, HOUSE)
    assert eric.get("/api/v1/establishment").json == HOUSE
    assert [one["name"] for one in program(CHARLIE).get("/api/v1/wards").json["wards"]] == ["Bloc opératoire", "Ortho"]
    assert known.json in listed
    assert known.json not in eric.get("/api/v1/recipients").json["recipients"]
    assert eric.post("/api/v1/recipients", known.json | {"id": str(db.new_id()), "email": "x"}).status_code == 422
