"""The stock through its pages: list, search, exports, picture."""

import csv
import io
from collections.abc import Callable
from uuid import UUID

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from tests.hospital import ALICE, HOSPITAL_A
from tests.stock import make_definition, make_unit
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
