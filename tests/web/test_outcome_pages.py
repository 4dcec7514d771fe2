"""A unit opened and not implanted, an implant taken out again: through the pages and the API."""

from collections.abc import Callable

import pytest

from tests.care import make_use
from tests.gate import Case, make_case
from tests.hospital import ALICE, BOB, CHARLIE, DORA, FANNY, HOSPITAL_A, THEATRE
from tests.web.conftest import Person, Program
from tracker import db
from tracker.devices import queries as devices

LogIn = Callable[[object], Person]


@pytest.fixture
def case(database: db.Database) -> Case:
    """Everything holds."""
    with db.transaction(database, HOSPITAL_A) as session:
        return make_case(session)


@pytest.fixture
def use_id(database: db.Database, case: Case) -> str:
    """The unit is implanted in Marie."""
    with db.transaction(database, HOSPITAL_A) as session:
        unit = devices.get_unit(session, case.number)
        return str(make_use(session, unit.id, patient_id=case.patient_id, derogation_id=case.derogation_id))


def a_failure(case: Case, **changes: object) -> dict[str, object]:
    return {
        "request_id": str(db.new_id()),
        "unit": case.number,
        "cause": "damaged",
        "stage": "tried",
        "patient_ipp": "8001234567",
        "failed_on": case.today,
        "operator_id": str(CHARLIE.id),
        "ward_id": str(THEATRE),
        **changes,
    }


def an_explantation(case: Case, **changes: object) -> dict[str, object]:
    return {
        "request_id": str(db.new_id()),
        "explanted_on": case.today,
        "cause": "loosening",
        "operator_id": str(CHARLIE.id),
        "fate": "kept",
        **changes,
    }


def test_the_gate_leads_to_the_form_with_what_was_scanned(person: LogIn, case: Case) -> None:
    dora = person(DORA)
    gate = dora.get(case.gate).text

    assert f"/failures/new?unit={case.number}&amp;patient={case.patient_id}" in gate
    form = dora.get(f"/failures/new?unit={case.number}&patient={case.patient_id}").text
    assert 'value="8001234567"' in form
    assert f"/failures/new?unit={case.held}" in dora.get(f"/use?unit={case.held}").text


def test_a_unit_that_broke_leads_to_the_declaration_of_an_incident(person: LogIn, case: Case) -> None:
    dora = person(DORA)

    done = dora.post("/failures/new", a_failure(case))
    page = dora.get(done.location).text

    assert done.status_code == 303
    assert "MARTIN" in page
    assert f"/incidents/new?unit={case.number}" in page
    assert "Was it an incident?" in page
    assert "Opened, not implanted" in dora.get(f"/units/{case.number}").text
    assert "Was it an incident?" not in dora.get(f"/use?unit={case.number}").text


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"cause": ""}, 422, "Choose the reason."),
        ({"patient_ipp": ""}, 422, "It was tried in a patient: say in whom."),
        ({"patient_ipp": "999"}, 422, "Check the IPP, or register the patient first."),
        ({"cause": "other", "note": "  "}, 422, "Write the reason."),
        ({"failed_on": "2031-01-01"}, 422, "It cannot be after today."),
        ({"cause": "forged"}, 422, "Not a valid choice"),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_stays(
    person: LogIn, case: Case, changes: dict[str, object], status: int, words: str
) -> None:
    answer = person(DORA).post("/failures/new", a_failure(case, **{"note": "kept text"} | changes))

    assert answer.status_code == status
    assert words in answer.text.replace("&#39;", "'")
    if "note" not in changes:
        assert "kept text" in answer.text


def test_a_pharmacist_reads_a_failure_and_records_none(person: LogIn, case: Case) -> None:
    address = person(DORA).post("/failures/new", a_failure(case)).location

    assert person(ALICE).get(address).status_code == 200
    assert person(ALICE).post("/failures/new", a_failure(case)).status_code == 403
    assert person(DORA).post("/failures/new", a_failure(case)).status_code == 409


def test_an_implant_that_is_taken_out_is_told_on_the_page_of_its_use_and_in_the_recall(
    person: LogIn, case: Case, use_id: str
) -> None:
    dora, address = person(DORA), f"/uses/{use_id}/explantation"
    assert address in dora.get(f"/uses/{use_id}").text

    form = dora.get(address)
    done = dora.post(address, an_explantation(case))
    page = dora.get(f"/uses/{use_id}").text

    assert (form.status_code, done.status_code, done.location) == (200, 303, f"/uses/{use_id}")
    assert "Taken out again" in page
    assert "Loosening or migration" in page
    assert address not in page
    recall = person(BOB).get("/recall?lot=A1").text
    assert "Nobody any more" in recall
    assert "Patients who carried it: taken out again" in recall
    assert dora.post(address, an_explantation(case)).status_code == 409


def test_who_and_why_are_asked(person: LogIn, case: Case, use_id: str) -> None:
    dora, address = person(DORA), f"/uses/{use_id}/explantation"

    nobody = dora.post(address, an_explantation(case, operator_id=""))
    both = dora.post(address, an_explantation(case, elsewhere="Dr Else, Lyon"))
    early = dora.post(address, an_explantation(case, explanted_on="2020-01-01"))

    assert [answer.status_code for answer in (nobody, both, early)] == [422, 422, 422]
    assert "write who did it elsewhere" in nobody.text
    assert "from the implantation to today" in early.text
    assert person(FANNY).get(address).status_code == 403


def test_pages_speak_french(person: LogIn, case: Case, use_id: str) -> None:
    dora = person(DORA)
    dora.client.set_cookie("trace59_locale", "fr")

    assert "Enregistrer une explantation" in dora.get(f"/uses/{use_id}/explantation").text
    assert "Ouvert, non posé" in dora.get(f"/failures/new?unit={case.held}").text


def test_a_program_records_both(program: Callable[..., Program], case: Case, use_id: str) -> None:
    charlie = program(CHARLIE)
    failure = {
        "id": str(db.new_id()),
        "unit_number": case.held,
        "failed_on": case.today,
        "stage": "opened",
        "cause": "dropped",
        "operator_id": str(CHARLIE.id),
        "ward_id": str(THEATRE),
    }
    gone = {"id": str(db.new_id()), "explanted_on": case.today, "cause": "pain", "elsewhere": "Dr Else, Lyon"}

    made = [charlie.post("/api/v1/failures", failure) for _twice in range(2)]
    taken = [charlie.post(f"/api/v1/uses/{use_id}/explantation", gone) for _twice in range(2)]

    assert [answer.status_code for answer in (*made, *taken)] == [201] * 4
    assert made[0].json == made[1].json == charlie.get(f"/api/v1/failures/{failure['id']}").json
    assert (taken[0].json or {})["fate"] == "unknown"
    recall = program(BOB).get("/api/v1/recalls?lot=A1").json or {}
    assert recall["patient_count"] == 0
    assert [use["explanted_on"] for use in recall["uses"]] == [case.today]
    assert charlie.post("/api/v1/failures", failure | {"id": str(db.new_id())}).status_code == 409
    assert program(ALICE).post("/api/v1/failures", failure).status_code == 403
