"""The stock through its pages: list, search, exports, picture."""

import csv
import io
from collections.abc import Callable
from datetime import date
from uuid import UUID

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from tests.hospital import ALICE, HOSPITAL_A
from tests.stock import GTIN, make_definition, make_derogation, make_manufacturer, make_unit
from tests.web.conftest import Person, Program
from tracker import db
from tracker.audit.models import AuditEntry
from tracker.devices.queries import UnitView
from tracker.stock import rules

LogIn = Callable[[object], Person]


@pytest.fixture
def unit(database: db.Database) -> UnitView:
    """A released unit."""
    with db.transaction(database, HOSPITAL_A) as session:
        return make_unit(session, make_definition(session))


def test_the_stock_is_listed_searched_and_paged(person: LogIn, unit: UnitView, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        for _unit in range(50):
            make_unit(session, unit.definition.id, lot_number="B2")
    alice = person(ALICE)

    first = alice.get("/units").text
    older = alice.get(f"/units?before={unit.sequence + 1}").text
    found = alice.get("/units?q=A1&state=released").text

    assert unit.number not in first
    assert "before=" in first
    assert unit.number in older
    assert unit.number in found
    assert "No unit found" in alice.get("/units?q=nothing").text


@pytest.mark.parametrize("query", ["before=x", "before=-5", "before=99999999999999999999", "state=lost", "q=%00%1d"])
def test_an_odd_address_of_the_list_is_answered(person: LogIn, unit: UnitView, query: str) -> None:
    assert person(ALICE).get(f"/units?{query}").status_code == 200


def test_a_scanned_label_opens_its_unit(person: LogIn, unit: UnitView) -> None:
    answer = person(ALICE).get(f"/units?q={unit.number.lower()}")

    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(unit.number)


@pytest.mark.parametrize("query", ["ward=x", "derogation=x", "expires=2026-13-01", f"derogation={UUID(int=59)}"])
def test_an_odd_filter_is_answered(person: LogIn, unit: UnitView, query: str) -> None:
    assert person(ALICE).get(f"/units?{query}").status_code == 200


def test_the_list_is_exported_as_csv_without_any_formula(person: LogIn, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        unit = make_unit(session, make_definition(session), lot_number="=HYPERLINK(1)")

    answer = person(ALICE).get("/units/export.csv?state=released")

    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig")), delimiter=";"))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert rows[0][0] == "Unit"
    assert [row[0] for row in rows[1:]] == [unit.number]
    assert rows[1][6] == "'=HYPERLINK(1)"


def test_both_exports_name_supplier_delivery_and_derogation_without_any_formula(
    person: LogIn, program: Callable[[object], Program], database: db.Database
) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        received = make_definition(session, manufacturer_id=maker)
        make_derogation(session, maker, valid_until=date(2099, 12, 31))
        unreceived = make_unit(session, received, lot_number="B2")
    api, reception_id = program(ALICE), str(db.new_id())
    opened = api.post("/api/v1/receptions", {"id": reception_id, "supplier": "=1+1"}).get_json()
    line = {"id": str(db.new_id()), "text": f"]d201{GTIN}1740013110A1"}
    number = api.post(f"/api/v1/receptions/{reception_id}/lines", line).get_json()["unit_number"]

    as_csv, as_xlsx = (person(ALICE).get(f"/units/export.{form}").data for form in ("csv", "xlsx"))

    of_csv = list(csv.reader(io.StringIO(as_csv.decode("utf-8-sig")), delimiter=";"))
    of_xlsx = CalamineWorkbook.from_filelike(io.BytesIO(as_xlsx)).get_sheet_by_index(0).to_python()
    for header, *rows in (of_csv, of_xlsx):
        assert header[-3:] == ["Supplier", "Delivery", "Derogation at reception"]
        assert {row[0]: row[-3:] for row in rows} == {
            number: ["'=1+1", str(opened["number"]), "SCORE inserts"],
            unreceived.number: ["", "", ""],
        }


def test_the_list_is_exported_as_a_spreadsheet_and_the_trail_says_so(
    person: LogIn, unit: UnitView, database: db.Database
) -> None:
    answer = person(ALICE).get("/units/export.xlsx?q=A1")

    (sheet,) = CalamineWorkbook.from_filelike(io.BytesIO(answer.data)).sheet_names
    rows = CalamineWorkbook.from_filelike(io.BytesIO(answer.data)).get_sheet_by_name(sheet).to_python()
    assert [row[0] for row in rows] == ["Unit", unit.number]
    with db.transaction(database, HOSPITAL_A) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "stock:exported")).one()
    assert entry.details == {"form": "xlsx", "text": "A1"}


def test_a_spreadsheet_that_nobody_could_open_is_refused(
    person: LogIn, unit: UnitView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOST_XLSX_ROWS", 0)

    answer = person(ALICE).get("/units/export.xlsx")

    assert answer.status_code == 422
    assert "export it as CSV" in answer.text


def test_the_picture_counts_what_is_on_hand(person: LogIn, unit: UnitView) -> None:
    page = person(ALICE).get("/stock").text

    assert "Units on hand by state" in page
    assert "No derogation lists the reference" in page
    assert "/units?end=none" in page


def test_a_bar_leads_to_its_list_which_says_what_it_is_narrowed_to(
    person: LogIn, program: Callable[[object], Program], unit: UnitView
) -> None:
    alice = person(ALICE)

    there, elsewhere = alice.get("/units?end=none").text, alice.get("/units?end=ended").text

    assert unit.number in there
    assert '<option value="none" selected>' in there
    assert "export.csv?end=none" in there
    assert unit.number not in elsewhere
    assert alice.get("/units?end=lost").status_code == 200
    assert [one["number"] for one in program(ALICE).get("/api/v1/units?derogation_end=none").get_json()["items"]] == [
        unit.number
    ]
    assert program(ALICE).get("/api/v1/units?derogation_end=lost").status_code == 422


def test_the_list_and_the_picture_are_open_to_programs(
    program: Callable[[object], Program], unit: UnitView, database: db.Database
) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        make_unit(session, unit.definition.id)
    alice = program(ALICE)

    first = alice.get("/api/v1/units?expires_until=2030-01-01&limit=1").get_json()
    rest = alice.get(f"/api/v1/units?expires_until=2030-01-01&after={first['next']}").get_json()

    assert [one["number"] for one in first["items"]] == [unit.number]
    assert (len(rest["items"]), rest["next"]) == (1, None)
    assert alice.get("/api/v1/stock").get_json()["by_state"]["released"] == 2
