"""Pages and API of recalls: from a lot, typed or scanned, to its block."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.care import MARIE, PATIENT_LABEL, CarriedLot
from tests.hospital import BOB, CHARLIE, ERIC, HOSPITAL_A
from tests.pages import Visitor, make_app, token_of, words
from tests.stock import GTIN
from tracker import clock, db
from tracker.actor import Actor
from tracker.db import Database, transaction
from tracker.devices.models import Hold

TODAY = clock.paris_day(clock.utc_now()).isoformat()


@pytest.fixture
def app(database: Database, tmp_path: Path) -> Flask:
    return make_app(database, tmp_path)


@pytest.fixture
def stock(database: Database) -> CarriedLot:
    return CarriedLot(database)


def count_holds(database: Database) -> int:
    with transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(Hold)) or 0


@pytest.fixture
def program(app: Flask) -> FlaskClient:
    return app.test_client()


def test_a_patient_label_is_refused_and_not_shown_again(app: Flask, database: Database, stock: CarriedLot) -> None:
    answer = Visitor(app, database, BOB).post("/recall", {"raw": PATIENT_LABEL})

    assert answer.status_code == 422
    assert "This is the label of a patient" in words(answer)
    assert "EXEMPLE" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("actor", [CHARLIE, ERIC], ids=["surgeon", "administrator"])
def test_the_page_is_for_those_who_need_it(app: Flask, database: Database, actor: Actor) -> None:
    assert Visitor(app, database, actor).get("/recall").status_code == 403


def test_the_page_is_in_french(app: Flask, database: Database) -> None:
    page = Visitor(app, database, BOB, locale="fr").read("/recall")

    assert "Rappel" in page
    assert "Find" not in page


def test_a_recall_names_the_patients_and_the_units_that_can_still_be_used(
    app: Flask, database: Database, stock: CarriedLot
) -> None:
    officer = Visitor(app, database, BOB)

    answer = officer.post("/recall", {"raw": " A1 "})
    page = officer.read(answer.location)

    assert answer.status_code == 303
    assert MARIE.display_name in page
    assert MARIE.ipp in page
    assert "2 units can still be used." in page
    assert all(unit in page for unit in [stock.implanted, *stock.shelf])


@pytest.mark.parametrize("scanned", ["box", "label"])
def test_a_recall_starts_from_a_scan(app: Flask, database: Database, stock: CarriedLot, scanned: str) -> None:
    raw = f"]d201{GTIN}10A1" if scanned == "box" else stock.shelf[0]

    answer = Visitor(app, database, BOB).post("/recall", {"raw": raw})

    assert answer.location == f"/recall?lot=A1&definition={stock.definition_id}"


def test_an_empty_recall_and_an_unknown_lot_say_what_to_do(app: Flask, database: Database, stock: CarriedLot) -> None:
    officer = Visitor(app, database, BOB)

    assert officer.post("/recall", {"raw": "  "}).status_code == 422
    assert "never received this lot" in officer.read("/recall?lot=ZZ")


def test_a_recalled_lot_is_blocked_from_its_page(app: Flask, database: Database, stock: CarriedLot) -> None:
    officer = Visitor(app, database, BOB)
    form = {
        "request_id": str(db.new_id()),
        "lot": "A1",
        "definition_id": str(stock.definition_id),
        "reason": "FSN 12",
    }

    refused = officer.post("/recall/hold", form | {"reason": ""})
    done = officer.post("/recall/hold", form)

    assert refused.status_code == 422
    assert "Write the reason." in words(refused)
    assert done.status_code == 303
    assert "The lot is blocked" in officer.read(done.location)
    assert count_holds(database) == 2


def test_a_program_finds_a_lot_without_the_traits_of_anybody(
    program: FlaskClient, database: Database, stock: CarriedLot
) -> None:
    answer = program.get("/api/v1/recalls?lot=A1", headers=token_of(database, BOB))

    assert answer.status_code == 200
    assert answer.json is not None
    assert (answer.json["patient_count"], answer.json["usable_count"], len(answer.json["units"])) == (1, 2, 3)
    assert {unit["patient_id"] for unit in answer.json["units"]} == {str(stock.patient_id), None}
    assert MARIE.family_name not in answer.get_data(as_text=True)


@pytest.mark.parametrize(("query", "status"), [("", 422), ("?lot=", 422), ("?lot=%20", 422), ("?lot=A1", 401)])
def test_a_bad_question_for_a_lot_is_refused(program: FlaskClient, database: Database, query: str, status: int) -> None:
    headers = {} if status == 401 else token_of(database, BOB)

    assert program.get(f"/api/v1/recalls{query}", headers=headers).status_code == status


def test_a_surgeons_program_may_not_ask_for_a_lot(program: FlaskClient, database: Database) -> None:
    assert program.get("/api/v1/recalls?lot=A1", headers=token_of(database, CHARLIE)).status_code == 403
