"""Planned operations in a browser, and for programs."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from tests.gate import Case, make_case
from tests.hospital import ALICE, CHARLIE, FANNY, HOSPITAL_A
from tests.stock import REFERENCE
from tests.web.conftest import Person, Program
from tracker import db

LogIn = Callable[..., Person]
WithToken = Callable[..., Program]


@pytest.fixture
def case(database: db.Database) -> Case:
    """A patient, and a derogation that ends in a hundred days."""
    with db.transaction(database, HOSPITAL_A) as session:
        return make_case(session)


def typed(case: Case, *, days: int = 10, **changes: object) -> dict[str, object]:
    return {
        "request_id": str(db.new_id()),
        "patient": str(case.patient_id),
        "planned_on": (date.fromisoformat(case.today) + timedelta(days=days)).isoformat(),
        "operator_id": str(CHARLIE.id),
        "derogation_id": str(case.derogation_id),
        "reference": "",
        **changes,
    }


def test_an_operation_is_planned_from_the_patient_and_closed(person: LogIn, case: Case) -> None:
    charlie = person(CHARLIE)

    form = charlie.get(f"/operations/new?patient={case.patient_id}")
    answer = charlie.post("/operations/new", typed(case))
    page = charlie.get(answer.location)
    closed = charlie.post(f"{answer.location}/close", {"reason": "done"})

    assert (form.status_code, answer.status_code, closed.status_code) == (200, 303, 303)
    assert "The derogation will be in force on that day" in page.text
    assert "No operation is planned" in charlie.get("/operations").text
    assert "done" in charlie.get(answer.location).text


def test_an_operation_after_the_end_is_planned_and_told(person: LogIn, case: Case) -> None:
    charlie = person(CHARLIE)

    answer = charlie.post("/operations/new", typed(case, days=101, derogation_id="", reference=REFERENCE))

    assert answer.status_code == 303
    assert "The derogation will not be in force" in charlie.get(answer.location).text
    assert REFERENCE in charlie.get("/operations").text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"planned_on": "2020-01-01"}, "This day is past: record the use instead."),
        ({"planned_on": ""}, "Give the day."),
        ({"derogation_id": ""}, "Choose the derogation, or type the reference of the device."),
        ({"reference": "nothing"}, "No device of the catalogue has this reference."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_kept(
    person: LogIn, case: Case, changes: dict[str, object], said: str
) -> None:
    page = person(CHARLIE).post("/operations/new", typed(case, **changes))

    assert page.status_code == 422
    assert said in page.text
    assert f'value="{changes.get("reference", "")}"' in page.text


def test_without_a_patient_one_is_found_first(person: LogIn) -> None:
    answer = person(CHARLIE).get("/operations/new")

    assert (answer.status_code, answer.location) == (303, "/patients")


def test_closing_asks_for_the_reason_and_an_auditor_only_reads(person: LogIn, case: Case) -> None:
    address = person(CHARLIE).post("/operations/new", typed(case)).location

    assert person(CHARLIE).post(f"{address}/close", {"reason": " "}).status_code == 422
    assert person(ALICE).post(f"{address}/close", {"reason": "done"}).status_code == 403
    assert "Close this operation" not in person(FANNY).get(address).text


def test_programs_plan_read_list_and_close(program: WithToken, case: Case) -> None:
    charlie = program(CHARLIE)
    body = {
        "id": str(db.new_id()),
        "patient_id": str(case.patient_id),
        "planned_on": typed(case, days=101)["planned_on"],
        "operator_id": str(CHARLIE.id),
        "derogation_id": str(case.derogation_id),
    }

    planned = charlie.post("/api/v1/operations", body)
    listed = charlie.get(f"/api/v1/operations?derogation_id={case.derogation_id}").json["operations"]
    closed = charlie.post(f"/api/v1/operations/{body['id']}/close", {"reason": "given up"})

    assert planned.status_code == 201
    assert planned.json["outlook"]["is_covered"] is False
    assert [one["id"] for one in listed] == [body["id"]]
    assert closed.json["close_reason"] == "given up"
    assert charlie.get("/api/v1/operations").json["operations"] == []
    assert charlie.get(f"/api/v1/operations/{body['id']}").json["closed_at"]
    assert (
        charlie.post("/api/v1/operations", body | {"id": str(db.new_id()), "planned_on": "2020-01-01"}).status_code
        == 422
    )
