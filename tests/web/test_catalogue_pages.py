"""The catalogue through the pages: definitions, manufacturers."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from tests.hospital import ALICE, CHARLIE, HOSPITAL_A
from tests.stock import GTIN, make_definition, make_unit
from tests.web.conftest import Person, Program
from tracker import db
from tracker.catalogue.models import DeviceDefinition, Manufacturer
from tracker.devices.queries import UnitView

LogIn = Callable[[object], Person]


@pytest.fixture
def unit(database: db.Database) -> UnitView:
    """A released unit."""
    with db.transaction(database, HOSPITAL_A) as session:
        return make_unit(session, make_definition(session))


def count(database: db.Database, table: type[db.Base]) -> int:
    with db.transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_manufacturer_and_its_device_enter_the_catalogue(person: LogIn, database: db.Database) -> None:
    alice = person(ALICE)

    asked = alice.get("/manufacturers/new")
    made = alice.post("/manufacturers/new", {"name": "Serf", "vigilance_email": "vigilance@serf.fr"})
    page = alice.get(made.headers["Location"]).text
    with db.transaction(database, HOSPITAL_A) as session:
        maker_id = session.scalars(select(Manufacturer.id).where(Manufacturer.name == "Serf")).one()
    form = {
        "manufacturer": str(maker_id),
        "reference": "R-1",
        "designation": "Cup",
        "kind": "implant",
        "udi_di": f"]d201{GTIN}1740013110A1\n{GTIN}\nin-house code",
    }
    added = alice.post("/definitions/new", form)

    assert asked.status_code == 200
    assert f'value="{maker_id}"' in page
    assert added.status_code == 303
    listed = alice.get("/definitions?q=R-1").text
    assert "Cup" in listed
    assert listed.count(GTIN) == 1
    assert "Serf" in alice.get("/manufacturers").text


@pytest.mark.parametrize("code", ["03700000000012", "T590000000178", "IS010000000000000000000000S1280129999999969"])
def test_what_is_no_udi_di_is_not_kept_as_one(person: LogIn, database: db.Database, unit: UnitView, code: str) -> None:
    form = {
        "manufacturer": str(unit.definition.manufacturer_id),
        "reference": "R-1",
        "designation": "Cup",
        "kind": "implant",
        "udi_di": code,
    }

    page = person(ALICE).post("/definitions/new", form)

    assert page.status_code == 422
    assert "This UDI-DI cannot be read." in page.text
    assert count(database, DeviceDefinition) == 1


def test_the_catalogue_refuses_twins_and_keeps_what_was_typed(person: LogIn, unit: UnitView) -> None:
    alice = person(ALICE)
    form = {
        "manufacturer": str(unit.definition.manufacturer_id),
        "reference": unit.definition.reference,
        "designation": "A twin",
        "kind": "implant",
    }

    twin = alice.post("/definitions/new", form)
    maker = alice.post("/manufacturers/new", {"name": unit.definition.manufacturer_name})

    assert (twin.status_code, maker.status_code) == (409, 409)
    assert "A twin" in twin.text
    assert alice.post("/definitions/new", {"reference": ""}).status_code == 422
    assert alice.post("/manufacturers/new", {"name": "X", "vigilance_email": "not an address"}).status_code == 422


def test_only_a_pharmacist_writes_the_catalogue(person: LogIn, unit: UnitView) -> None:
    charlie = person(CHARLIE)

    assert charlie.get("/definitions").status_code == 200
    assert charlie.get("/definitions/new").status_code == 403
    assert charlie.post("/manufacturers/new", {"name": "X"}).status_code == 403
    assert person(ALICE).get(f"/definitions?after={db.new_id()}").status_code == 404


def test_a_device_is_corrected_on_its_page(person: LogIn, unit: UnitView) -> None:
    alice, address = person(ALICE), f"/definitions/{unit.definition.id}"
    form = {"designation": "SCORE, insert D", "kind": "implant", "brand": "SCORE", "udi_di": "in-house"}

    empty = alice.post(address, form | {"designation": ""})
    wrong = alice.post(address, form | {"udi_di": "03700000000012"})
    done = alice.post(address, form)

    page = alice.get(address).text
    assert (empty.status_code, wrong.status_code, done.status_code) == (422, 422, 303)
    assert "SCORE, insert D" in wrong.text
    assert "<del>SCORE, insert C 14 mm</del>" in page
    assert "in-house" in page
    assert person(CHARLIE).post(address, form).status_code == 403


def test_two_devices_are_merged_and_both_pages_say_so(person: LogIn, unit: UnitView, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        survivor = make_definition(session, reference="R2", udi_di=None)
    alice, address = person(ALICE), f"/definitions/{unit.definition.id}"

    unknown = alice.post(f"{address}/merge", {"survivor": "R3", "reason": "same device"})
    mute = alice.post(f"{address}/merge", {"survivor": "R2", "reason": ""})
    done = alice.post(f"{address}/merge", {"survivor": "R2", "reason": "same device"})
    again = alice.post(f"{address}/merge", {"survivor": "R2", "reason": "same device"})

    assert (unknown.status_code, mute.status_code, done.status_code, again.status_code) == (422, 422, 303, 409)
    assert "No other device has this reference." in unknown.text
    assert done.headers["Location"].endswith(str(survivor))
    assert "Another device is used instead" in alice.get(address).text
    assert "same device" in alice.get(f"/definitions/{survivor}").text
    assert unit.number in alice.get("/units?q=R2").text


def test_a_program_keeps_the_catalogue(program: Callable[[object], Program], unit: UnitView) -> None:
    alice, maker, one = program(ALICE), str(db.new_id()), str(db.new_id())
    body = {"id": one, "manufacturer_id": maker, "reference": "R1", "designation": "Cup", "kind": "implant"}

    made = alice.post("/api/v1/manufacturers", {"id": maker, "name": "Serf"})
    added = alice.post("/api/v1/definitions", body | {"udi_dis": ["in-house"]})
    merged = alice.post(
        f"/api/v1/definitions/{unit.definition.id}/merge",
        {"id": str(db.new_id()), "survivor_id": one, "reason": "same device"},
    )

    assert (made.status_code, added.status_code, merged.status_code) == (201, 201, 200)
    assert merged.get_json()["id"] == one
    assert alice.get(f"/api/v1/definitions/{unit.definition.id}").get_json()["merged_into_id"] == one
    assert [item["id"] for item in alice.get("/api/v1/definitions?q=R1").get_json()["items"]] == [one]
    assert "Serf" in {item["name"] for item in alice.get("/api/v1/manufacturers").get_json()["items"]}
