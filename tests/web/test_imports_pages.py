"""Imports of the catalogue through the pages and the API."""

import base64
import io
from collections.abc import Callable

from sqlalchemy import func, select

from tests.hospital import ALICE, BOB, HOSPITAL_A, NOW
from tests.stock import make_definition
from tests.web.conftest import Person, Program
from tracker import db
from tracker.catalogue.models import DeviceDefinition
from tracker.imports import jobs

LogIn = Callable[[object], Person]
FILE = "Fabricant;Référence;Désignation;Type\nSerf;R1;Prothèse;implant\nSerf;;x;implant\n".encode("cp1252")


def count(database: db.Database) -> int:
    with db.transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(DeviceDefinition)) or 0


def test_a_file_is_looked_at_confirmed_and_followed(person: LogIn, database: db.Database) -> None:
    alice = person(ALICE)

    sent = alice.post("/catalogue/imports", {"file": (io.BytesIO(FILE), "catalogue.csv")})
    address = sent.headers["Location"]
    looked_at, before = alice.get(address).text, count(database)
    confirmed = alice.post(f"{address}/confirm")
    running = alice.get(address).text
    jobs.import_job().run(database, NOW)
    done = alice.get(address, headers={"X-Fragment": "1"}).text

    assert (sent.status_code, confirmed.status_code) == (303, 303)
    assert "Prothèse" in looked_at
    assert "Line 3: the column &#39;Reference&#39; is empty" in looked_at
    assert (before, count(database)) == (0, 1)
    assert 'value="0"' in running
    assert "js/progress.js" in running
    assert "data-done" in done
    assert "<html" not in done
    assert alice.post(f"{address}/confirm").status_code == 409
    assert "catalogue.csv" in alice.get("/catalogue/imports").text


def test_a_file_that_cannot_be_read_is_refused_with_the_next_step(person: LogIn) -> None:
    alice = person(ALICE)

    wrong = alice.post("/catalogue/imports", {"file": (io.BytesIO(b"a;b\n1;2\n"), "x.csv")})
    empty = alice.post("/catalogue/imports", {})

    assert (wrong.status_code, empty.status_code) == (422, 422)
    assert "does not name these columns" in wrong.text
    assert "Choose a file first." in empty.text
    assert person(BOB).post("/catalogue/imports", {"file": (io.BytesIO(FILE), "x.csv")}).status_code == 403


def test_what_the_catalogue_exports_can_be_imported(person: LogIn, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        make_definition(session)
    alice = person(ALICE)

    for form in ("csv", "xlsx"):
        exported = alice.get(f"/definitions/export.{form}").data
        sent = alice.post("/catalogue/imports", {"file": (io.BytesIO(exported), f"c.{form}")})
        alice.post(f"{sent.headers['Location']}/confirm")
        jobs.import_job().run(database, NOW)
        done = alice.get(sent.headers["Location"]).text
        assert "Rejected lines" not in done

    assert count(database) == 1


def test_a_program_imports(program: Callable[[object], Program], database: db.Database) -> None:
    alice, import_id = program(ALICE), str(db.new_id())
    body = {"id": import_id, "filename": "c.csv", "content": base64.b64encode(FILE).decode()}

    sent = [alice.post("/api/v1/catalogue-imports", body) for _again in range(2)]
    alice.post(f"/api/v1/catalogue-imports/{import_id}/confirm", {})
    jobs.import_job().run(database, NOW)
    done = alice.get(f"/api/v1/catalogue-imports/{import_id}").get_json()

    assert [answer.status_code for answer in sent] == [201, 201]
    assert (done["created_count"], done["rejected_count"]) == (1, 1)
    assert done["errors"] == [{"line": 3, "code": "missing", "data": {"column": "reference", "most": "100"}}]
    assert alice.post("/api/v1/catalogue-imports", body | {"content": "%"}).status_code == 422
