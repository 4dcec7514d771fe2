"""A failure or an explantation that was entered wrongly: corrected and taken back, through the pages and the API."""

import re
from collections.abc import Callable
from uuid import UUID

import pytest

from tests.care import make_explantation, make_failure, make_use
from tests.gate import Case, make_case
from tests.hospital import ALICE, BOB, CHARLIE, DORA, FANNY, HOSPITAL_A, THEATRE
from tests.web.conftest import Person, Program
from tests.web.test_outcome_pages import a_failure, an_explantation
from tracker import db
from tracker.devices import queries as devices

LogIn = Callable[[object], Person]


@pytest.fixture
def case(database: db.Database) -> Case:
    """Everything holds."""
    with db.transaction(database, HOSPITAL_A) as session:
        return make_case(session)


@pytest.fixture
def failure(database: db.Database, case: Case) -> str:
    """A unit is recorded as broken while it was tried."""
    with db.transaction(database, HOSPITAL_A) as session:
        return str(make_failure(session, case.number, patient_id=case.patient_id))


@pytest.fixture
def use_id(database: db.Database, case: Case) -> str:
    """A unit is implanted in Marie."""
    with db.transaction(database, HOSPITAL_A) as session:
        unit = devices.get_unit(session, case.number)
        return str(make_use(session, unit.id, patient_id=case.patient_id, derogation_id=case.derogation_id))


@pytest.fixture
def explantation(database: db.Database, use_id: str) -> str:
    """It is recorded as taken out again."""
    with db.transaction(database, HOSPITAL_A) as session:
        return str(make_explantation(session, UUID(use_id), note="moved"))


def test_a_failure_is_corrected_on_its_page_and_both_records_tell_of_each_other(
    person: LogIn, case: Case, failure: str
) -> None:
    dora, address = person(DORA), f"/failures/{failure}/amend"
    assert address in dora.get(f"/failures/{failure}").text
    form = dora.get(address).text

    mute = dora.post(address, a_failure(case, cause="size"))
    same = dora.post(address, a_failure(case, failed_on="2026-03-02", why="nothing"))
    done = dora.post(address, a_failure(case, cause="size", why="the other box broke"))
    late = dora.post(address, a_failure(case, cause="sterility", why="again"))

    assert 'value="8001234567"' in form
    assert [mute.status_code, same.status_code, done.status_code, late.status_code] == [422, 422, 303, 409]
    assert "Nothing differs from what is recorded" in same.text
    right, wrong = dora.get(done.location).text, dora.get(f"/failures/{failure}").text
    assert "Wrong size" in right
    assert "the other box broke" in right
    assert f"/failures/{failure}" in right
    assert "another one stands instead" in wrong
    assert done.location in wrong
    assert address not in wrong
    assert "Opened, not implanted: corrected" in dora.get(f"/units/{case.number}").text


def test_a_failure_of_the_wrong_unit_is_withdrawn_by_a_pharmacist(
    person: LogIn, case: Case, failure: str, database: db.Database
) -> None:
    alice, address = person(ALICE), f"/failures/{failure}/withdraw"
    assert address in alice.get(f"/failures/{failure}").text
    assert address not in person(DORA).get(f"/failures/{failure}").text

    form, nowhere = alice.get(address), alice.post(address, {"why": "kept text"})
    done = alice.post(address, {"why": "wrong box", "whereabouts": "ward"})

    assert (form.status_code, nowhere.status_code, done.status_code) == (200, 422, 303)
    assert "kept text" in nowhere.text
    page = alice.get(done.location).text
    assert "This record was withdrawn: the unit was not opened" in page
    with db.transaction(database, HOSPITAL_A) as session:
        assert devices.get_unit(session, case.number).state.value == "quarantined"
    assert person(DORA).post(address, {"why": "x", "whereabouts": "ward"}).status_code == 403


def test_an_explantation_is_corrected_and_withdrawn_on_the_page_of_its_use(
    person: LogIn, case: Case, use_id: str, explantation: str
) -> None:
    dora, alice, bob = person(DORA), person(ALICE), person(BOB)
    amend, withdraw = (f"/explantations/{explantation}/{act}" for act in ("amend", "withdraw"))
    page = dora.get(f"/uses/{use_id}").text
    assert amend in page
    assert withdraw not in page
    assert "moved" in dora.get(amend).text

    done = dora.post(amend, an_explantation(case, cause="pain", why="wrong cause"))
    page = alice.get(f"/uses/{use_id}").text
    (withdraw,) = re.findall(r"/explantations/[0-9a-f-]+/withdraw", page)
    back = [alice.get(withdraw), alice.post(withdraw, {"why": ""}), alice.post(withdraw, {"why": "still there"})]

    assert (done.status_code, done.location) == (303, f"/uses/{use_id}")
    assert "Pain or instability" in page
    assert "wrong cause" in page
    assert [answer.status_code for answer in back] == [200, 422, 303]
    page = dora.get(f"/uses/{use_id}").text
    assert "still there" in page
    assert f"/uses/{use_id}/explantation" in page
    assert "Nobody any more" not in bob.get("/recall?lot=A1").text
    assert "MARTIN" in bob.get("/recall?lot=A1").text
    assert dora.post(amend, an_explantation(case, cause="damage", why="late")).status_code == 409
    assert person(FANNY).get(amend).status_code == 403


def test_pages_speak_french(person: LogIn, case: Case, failure: str) -> None:
    dora = person(DORA)
    dora.client.set_cookie("trace59_locale", "fr")

    assert "Rectifier un échec de pose" in dora.get(f"/failures/{failure}/amend").text


def test_a_program_corrects_and_withdraws_a_failure(program: Callable[..., Program], case: Case, failure: str) -> None:
    charlie, alice = program(CHARLIE), program(ALICE)
    said = {
        "id": str(db.new_id()),
        "why": "wrong cause",
        "failed_on": case.today,
        "stage": "opened",
        "cause": "size",
        "operator_id": str(CHARLIE.id),
        "ward_id": str(THEATRE),
    }

    made = [charlie.post(f"/api/v1/failures/{failure}/amendments", said) for _twice in range(2)]
    right = (made[0].json or {})["id"]
    gone = {"id": str(db.new_id()), "why": "wrong unit", "whereabouts": "check"}
    taken = [alice.post(f"/api/v1/failures/{right}/withdrawal", gone) for _twice in range(2)]

    assert [answer.status_code for answer in (*made, *taken)] == [201] * 4
    assert made[0].json == made[1].json
    assert [answer.json for answer in taken] == [{"state": "quarantined"}] * 2
    assert charlie.post(f"/api/v1/failures/{failure}/withdrawal", gone).status_code == 403
    assert alice.post(f"/api/v1/failures/{failure}/amendments", said).status_code == 403
    assert alice.post(f"/api/v1/failures/{failure}/withdrawal", gone | {"whereabouts": "forged"}).status_code == 422
    assert alice.post(f"/api/v1/failures/{failure}/withdrawal", gone).status_code == 409


def test_a_program_corrects_and_withdraws_an_explantation(
    program: Callable[..., Program], case: Case, explantation: str
) -> None:
    charlie, alice = program(CHARLIE), program(ALICE)
    said = {"id": str(db.new_id()), "why": "where", "explanted_on": case.today, "cause": "pain", "elsewhere": "Lyon"}

    made = charlie.post(f"/api/v1/explantations/{explantation}/amendments", said)
    right = (made.json or {})["id"]
    gone = {"id": str(db.new_id()), "why": "still there"}
    taken = [alice.post(f"/api/v1/explantations/{right}/withdrawal", gone) for _twice in range(2)]

    assert [answer.status_code for answer in (made, *taken)] == [201] * 3
    assert [answer.json for answer in taken] == [{"id": None, "corrects": right}] * 2
    assert (program(BOB).get("/api/v1/recalls?lot=A1").json or {})["patient_count"] == 1
    assert charlie.post(f"/api/v1/explantations/{right}/withdrawal", gone).status_code == 403
