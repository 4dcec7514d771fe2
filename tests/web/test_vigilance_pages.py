"""Pages and API of incidents: from the scan of a unit to both reports on their way."""

import re
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.care import MARIE, PATIENT_LABEL, CarriedLot
from tests.hospital import ALICE, BOB, CHARLIE, DORA, ERIC, FANNY, GUY, HOSPITAL_A, NOW
from tests.pages import Visitor, make_app, request_id_of, token_of, words
from tests.stock import GTIN
from tracker import clock, db
from tracker.actor import Actor
from tracker.catalogue.models import Manufacturer
from tracker.db import Database, transaction
from tracker.devices.models import Hold
from tracker.lots.models import LotHold
from tracker.outbox import jobs
from tracker.outbox.models import Message
from tracker.outbox.transport import mailbox_of
from tracker.vigilance.models import Incident, IncidentReport

TODAY = clock.paris_day(clock.utc_now()).isoformat()


@pytest.fixture
def app(database: Database, tmp_path: Path) -> Flask:
    return make_app(database, tmp_path)


@pytest.fixture
def stock(database: Database) -> CarriedLot:
    return CarriedLot(database)


def typed(unit: str, **changes: str | list[str]) -> dict[str, str | list[str]]:
    return {
        "request_id": str(db.new_id()),
        "unit": unit,
        "occurred_on": TODAY,
        "detected_on": TODAY,
        "place": "Bloc opératoire 2",
        "description": "L'insert s'est fissuré à l'impaction.",
        "consequences": ["intervention"],
        "clinical": "Reprise immédiate",
        "weight_kg": "71,5",
        "device_place": "pharmacy",
        "is_device_kept": "y",
        **changes,
    }


def declare(visitor: Visitor, unit: str, **changes: str | list[str]) -> TestResponse:
    return visitor.post("/incidents/new", typed(unit, **changes))


def count(database: Database, table: type[Incident | Hold | LotHold | Message | IncidentReport]) -> int:
    with transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_scanning_our_label_leads_to_the_form_of_that_unit(app: Flask, database: Database, stock: CarriedLot) -> None:
    surgeon = Visitor(app, database, CHARLIE)

    answer = surgeon.post("/incidents/find", {"raw": stock.implanted})

    assert (answer.status_code, answer.location) == (303, f"/incidents/new?unit={stock.implanted}")


def test_scanning_the_box_offers_the_units_of_its_lot(app: Flask, database: Database, stock: CarriedLot) -> None:
    answer = Visitor(app, database, CHARLIE).post("/incidents/find", {"raw": f"]d201{GTIN}10A1"})

    assert answer.status_code == 200
    assert all(unit in words(answer) for unit in [stock.implanted, *stock.shelf])


def test_a_patient_label_is_refused_and_not_shown_again(app: Flask, database: Database, stock: CarriedLot) -> None:
    answer = Visitor(app, database, BOB).post("/incidents/find", {"raw": PATIENT_LABEL})

    assert answer.status_code == 422
    assert "This is the label of a patient" in words(answer)
    assert "EXEMPLE" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("raw", ["nothing-like-this", "T590000000999"])
def test_what_nobody_carries_is_told_and_stays_in_the_box(app: Flask, database: Database, raw: str) -> None:
    answer = Visitor(app, database, CHARLIE).post("/incidents/find", {"raw": raw})

    assert answer.status_code == 404
    assert f'value="{raw}"' in answer.get_data(as_text=True)


def test_the_form_shows_what_is_known_of_the_unit(app: Flask, database: Database, stock: CarriedLot) -> None:
    page = Visitor(app, database, CHARLIE).read(f"/incidents/new?unit={stock.implanted}")

    for known in (stock.implanted, "1-020163C", "A1", "Amplitude", "DM-2025-001", MARIE.display_name):
        assert known in page
    assert "declare any incident or risk of incident, even without harm" in page


def test_an_unknown_unit_in_the_address_leads_back_to_the_search(app: Flask, database: Database) -> None:
    answer = Visitor(app, database, CHARLIE).get("/incidents/new?unit=T590000000999")

    assert answer.status_code == 404
    assert "There is no unit with this number" in words(answer)


def test_a_surgeon_declares_and_sees_what_becomes_of_it(app: Flask, database: Database, stock: CarriedLot) -> None:
    surgeon = Visitor(app, database, CHARLIE)

    answer = declare(surgeon, stock.implanted)

    assert answer.status_code == 303
    assert answer.location.endswith("/receipt")
    page = surgeon.read(answer.location)
    assert re.search(r"Incident INC-\d{6}", page)
    assert "To be transmitted" in page
    assert Visitor(app, database, DORA).get(answer.location).status_code == 404
    assert count(database, Hold) == 2


def test_the_form_sent_twice_is_one_incident(app: Flask, database: Database, stock: CarriedLot) -> None:
    nurse, form = Visitor(app, database, DORA), typed(stock.implanted)

    answers = [nurse.post("/incidents/new", form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].location == answers[1].location
    assert (count(database, Incident), count(database, LotHold)) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"description": ""}, "Say what happened."),
        ({"description": "Mme MARTIN-BREANT est retombée"}, "This text names the patient"),
        ({"detected_on": "2099-01-01"}, "This day is in the future."),
        ({"occurred_on": "31/02"}, "Day it happened"),
        ({"consequences": []}, "Choose at least one"),
        ({"consequences": ["death", "risk_only"]}, "cannot stand beside harm"),
        ({"consequences": ["nonsense"]}, "Consequences"),
        ({"weight_kg": "heavy"}, "Give the weight in kilograms"),
        ({"device_place": "in_patient"}, "is not kept for expertise"),
        ({"patient_ipp": "000"}, "No patient of this establishment has this IPP."),
        ({"request_id": "abc"}, "not a UUID"),
    ],
)
def test_a_refused_declaration_loses_nothing_typed(
    app: Flask, database: Database, stock: CarriedLot, changes: dict[str, str | list[str]], said: str
) -> None:
    unit = stock.shelf[0] if "patient_ipp" in changes else stock.implanted

    answer = declare(Visitor(app, database, CHARLIE), unit, **changes)

    assert answer.status_code == 422
    assert said in words(answer)
    page = answer.get_data(as_text=True)
    assert "Bloc opératoire 2" in page
    assert "Reprise immédiate" in page
    assert (count(database, Incident), count(database, Hold)) == (0, 0)


def test_a_patient_concerned_before_any_use_is_given_by_ipp(app: Flask, database: Database, stock: CarriedLot) -> None:
    officer = Visitor(app, database, BOB)

    answer = declare(officer, stock.shelf[0], patient_ipp=MARIE.ipp)

    assert MARIE.display_name in officer.read(answer.location)


def test_the_request_id_stays_when_the_form_comes_back(app: Flask, database: Database, stock: CarriedLot) -> None:
    form = typed(stock.implanted, place="")

    answer = Visitor(app, database, CHARLIE).post("/incidents/new", form)

    assert request_id_of(answer) == form["request_id"]


def test_a_forged_form_declares_nothing(app: Flask, database: Database, stock: CarriedLot) -> None:
    surgeon = Visitor(app, database, CHARLIE)

    answer = surgeon.client.post("/incidents/new", data=typed(stock.implanted))

    assert answer.status_code == 400
    assert count(database, Incident) == 0


def test_the_officer_transmits_and_sees_the_proof(
    app: Flask, database: Database, stock: CarriedLot, tmp_path: Path
) -> None:
    officer = Visitor(app, database, BOB)
    address = declare(officer, stock.implanted).location
    assert "Transmit both reports" in officer.read(address)

    answer = officer.post(f"{address}/transmit", {"basis": "mandatory", "comments": "Dispositif sous dérogation."})
    waiting = officer.read(address)
    jobs.deliver(database, NOW.replace(year=2099), transport_for=lambda _: mailbox_of(tmp_path), sender="a@b.test")
    sent = officer.read(address)

    assert (answer.status_code, answer.location) == (303, address)
    assert "Being sent" in waiting
    assert "Transmit both reports" not in waiting
    assert "Transmitted" in sent
    assert "materiovigilance@ansm.sante.fr" in sent
    assert "vigilance@maker.test" in sent
    assert (count(database, Message), count(database, IncidentReport)) == (2, 2)


def test_transmitting_twice_sends_one_pair(app: Flask, database: Database, stock: CarriedLot) -> None:
    officer = Visitor(app, database, BOB)
    address = declare(officer, stock.implanted).location

    answers = [officer.post(f"{address}/transmit", {"basis": "mandatory"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert count(database, Message) == 2


def test_without_the_manufacturers_address_the_page_says_where_to_add_it(
    app: Flask, database: Database, stock: CarriedLot
) -> None:
    officer = Visitor(app, database, BOB)
    address = declare(officer, stock.implanted).location
    with transaction(database, HOSPITAL_A) as session:
        manufacturer = session.get(Manufacturer, stock.manufacturer_id)
        assert manufacturer is not None
        manufacturer.vigilance_email = ""

    answer = officer.post(f"{address}/transmit", {"basis": "mandatory", "comments": "Observation gardée"})

    assert answer.status_code == 409
    assert "Amplitude has no vigilance e-mail address" in words(answer)
    assert "catalogue, manufacturers" in words(answer)
    assert "Observation gardée" in answer.get_data(as_text=True)
    assert count(database, Message) == 0


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"comments": "x"}, "Choose the kind of report"),
        ({"basis": "mandatory", "comments": "Marie"}, "names the patient"),
    ],
)
def test_a_refused_transmission_sends_nothing(
    app: Flask, database: Database, stock: CarriedLot, data: dict[str, str], said: str
) -> None:
    officer = Visitor(app, database, BOB)
    address = declare(officer, stock.implanted).location

    answer = officer.post(f"{address}/transmit", data)

    assert answer.status_code == 422
    assert said in words(answer)
    assert count(database, Message) == 0


def test_the_pharmacist_reads_incidents_and_does_not_transmit(
    app: Flask, database: Database, stock: CarriedLot
) -> None:
    pharmacist = Visitor(app, database, ALICE)
    address = declare(pharmacist, stock.implanted).location

    page = pharmacist.read(address)

    assert "Transmit both reports" not in page
    assert pharmacist.post(f"{address}/transmit", {"basis": "mandatory"}).status_code == 403
    listed = pharmacist.read("/incidents")
    assert "waits for the vigilance officer" in listed
    assert "Incidents by month in which they happened" in listed


def test_the_list_of_incidents_begins_empty(app: Flask, database: Database) -> None:
    assert "No incident" in Visitor(app, database, FANNY).read("/incidents")


def test_another_hospital_sees_no_incident(app: Flask, database: Database, stock: CarriedLot) -> None:
    address = declare(Visitor(app, database, ALICE), stock.implanted).location
    guy = Visitor(app, database, GUY)

    assert guy.get(address).status_code == 404
    assert "INC-" not in guy.read("/incidents")


@pytest.mark.parametrize(
    ("actor", "path"),
    [(CHARLIE, "/incidents"), (ERIC, "/incidents"), (FANNY, "/incidents/new")],
)
def test_each_page_is_for_those_who_need_it(app: Flask, database: Database, actor: Actor, path: str) -> None:
    assert Visitor(app, database, actor).get(path).status_code == 403


def api_body(unit: str, **changes: object) -> dict[str, object]:
    return {
        "id": str(db.new_id()),
        "unit_number": unit,
        "occurred_on": TODAY,
        "detected_on": TODAY,
        "place": "Bloc",
        "consequences": ["risk_only"],
        "description": "Emballage percé.",
        "device_place": "pharmacy",
        "is_device_kept": True,
        **changes,
    }


@pytest.fixture
def program(app: Flask) -> FlaskClient:
    return app.test_client()


def test_a_program_declares_an_incident_once(program: FlaskClient, database: Database, stock: CarriedLot) -> None:
    token, body = token_of(database, CHARLIE), api_body(stock.implanted)

    answers = [program.post("/api/v1/incidents", json=body, headers=token) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert answers[0].json is not None
    assert answers[0].json["number"].startswith("INC-")
    assert answers[0].json["is_serious"] is False
    assert (count(database, Incident), count(database, LotHold)) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"consequences": []}, 422, "input-invalid"),
        ({"consequences": ["nonsense"]}, 422, "input-invalid"),
        ({"description": "Marie"}, 422, "incident-names-patient"),
        ({"detected_on": "2099-01-01"}, 422, "incident-invalid"),
        ({"unit_number": "T590000000999"}, 404, "unit-not-found"),
        ({"patient_id": str(UUID(int=1))}, 422, "incident-patient-differs"),
    ],
)
def test_a_refused_request_of_a_program_says_why(
    program: FlaskClient,
    database: Database,
    stock: CarriedLot,
    changes: dict[str, object],
    status: int,
    code: str,
) -> None:
    body = api_body(stock.implanted, **changes)

    answer = program.post("/api/v1/incidents", json=body, headers=token_of(database, CHARLIE))

    assert answer.status_code == status
    assert answer.json is not None
    assert answer.json["type"] == code
    assert count(database, Incident) == 0


def test_the_same_id_for_another_incident_is_a_conflict(
    program: FlaskClient, database: Database, stock: CarriedLot
) -> None:
    token, body = token_of(database, CHARLIE), api_body(stock.implanted)
    program.post("/api/v1/incidents", json=body, headers=token)

    answer = program.post("/api/v1/incidents", json=body | {"unit_number": stock.shelf[0]}, headers=token)

    assert answer.status_code == 409


@pytest.mark.parametrize("path", ["/incidents", "/incidents/new"])
def test_the_pages_are_in_french(app: Flask, database: Database, path: str) -> None:
    page = Visitor(app, database, BOB, locale="fr").read(path)

    assert any(word in page for word in ("Incidents", "Déclarer un incident"))
    assert "Declare" not in page
