"""Corrections of uses, through the pages and the API."""

from collections.abc import Callable

import pytest

from tests.care import make_use
from tests.gate import Case, make_case
from tests.hospital import ALICE, BOB, CHARLIE, DORA, FANNY, HOSPITAL_A, THEATRE
from tests.stock import make_delivery
from tests.web.conftest import Person, Program
from tracker import db
from tracker.devices import queries as devices
from tracker.documents import queries as documents

LogIn = Callable[[object], Person]


@pytest.fixture
def case(database: db.Database) -> Case:
    """Everything holds, and the unit is in theatre."""
    with db.transaction(database, HOSPITAL_A) as session:
        case = make_case(session)
        make_delivery(session, case.number)
        return case


@pytest.fixture
def use(person: LogIn, case: Case) -> str:
    """The page of a use that was recorded at the gate."""
    return str(person(DORA).post("/use/new", case.typed()).location)


def corrected(case: Case, **changes: object) -> dict[str, object]:
    return {**case.typed(), "side": "right", "why": "the other knee", **changes}


def test_a_wrong_side_is_corrected_with_new_papers_and_the_wrong_record_says_so(
    person: LogIn, database: db.Database, case: Case, use: str
) -> None:
    dora = person(DORA)
    form = dora.get(f"{use}/amend").text
    assert "SCORE cemented, 2011" in form

    done = dora.post(f"{use}/amend", corrected(case))

    assert done.status_code == 303
    assert done.location != use
    new, old = dora.get(done.location).text, dora.get(use).text
    assert "An earlier record was wrong and is kept." in new
    assert "another record stands instead" in old
    assert "the other knee" in old
    assert "Correct the details" not in old
    with db.transaction(database, HOSPITAL_A) as session:
        papers = [
            len(documents.list_documents(session, f"use:{one.rpartition('/')[2]}")) for one in (use, done.location)
        ]
    assert papers == [2, 2]
    log = dora.get("/uses").text
    assert (done.location in log, f'"{use}"' in log) == (True, False)


def test_no_paper_is_made_of_a_record_that_was_taken_back(person: LogIn, database: db.Database, case: Case) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        unit = devices.get_unit(session, case.number)
        use_id = make_use(session, unit.id, patient_id=case.patient_id, derogation_id=case.derogation_id)
    person(ALICE).post(f"/uses/{use_id}/withdraw", {"why": "x", "whereabouts": "check"})

    person(CHARLIE).post(f"/uses/{use_id}/papers")

    with db.transaction(database, HOSPITAL_A) as session:
        assert documents.list_documents(session, f"use:{use_id}") == []


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"why": " "}, 422, "Write what was wrong."),
        ({"used_on": "2031-01-01"}, 422, "Give the day on which the device was used."),
        ({"side": "left"}, 422, "Nothing differs from what is recorded."),
        ({"side": "forged"}, 422, "Not a valid choice"),
    ],
)
def test_what_is_wrong_with_a_correction_is_said_and_what_was_typed_stays(
    person: LogIn, case: Case, use: str, changes: dict[str, object], status: int, words: str
) -> None:
    answer = person(DORA).post(f"{use}/amend", corrected(case, **changes))

    assert answer.status_code == status
    assert words in answer.text
    assert "insert worn, the rest is sound" in answer.text


def test_a_pharmacist_withdraws_a_use_and_the_label_is_accepted_again(person: LogIn, case: Case, use: str) -> None:
    alice, dora = person(ALICE), person(DORA)
    typed = {"why": "the box beside it", "whereabouts": "ward"}
    assert f"{use}/withdraw" in alice.get(use).text
    assert "must not be used" in dora.get(case.gate).text

    form = alice.get(f"{use}/withdraw")
    mute = alice.post(f"{use}/withdraw", {"why": "kept text"})
    done = alice.post(f"{use}/withdraw", typed)

    assert (form.status_code, mute.status_code, done.status_code) == (200, 422, 303)
    assert "Say where the unit is." in mute.text
    assert "kept text" in mute.text
    page = alice.get(use).text
    assert "This use was withdrawn" in page
    assert "is now: Delivered" in page
    assert "This device may be used for this patient." in dora.get(case.gate).text
    assert "Nobody" in person(BOB).get("/recall?lot=A1").text
    assert alice.post(f"{use}/withdraw", typed).status_code == 409


def test_who_may_not_correct_finds_no_way_to(person: LogIn, case: Case, use: str) -> None:
    alice, dora, fanny = person(ALICE), person(DORA), person(FANNY)

    assert "/amend" not in alice.get(use).text
    assert "/withdraw" not in dora.get(use).text
    assert alice.post(f"{use}/amend", corrected(case)).status_code == 403
    assert dora.post(f"{use}/withdraw", {"why": "x", "whereabouts": "ward"}).status_code == 403
    assert {fanny.get(f"{use}/{act}").status_code for act in ("amend", "withdraw")} == {403}


def test_pages_speak_french(person: LogIn, use: str) -> None:
    for actor, act, words in (
        (DORA, "amend", "Rectifier une utilisation"),
        (ALICE, "withdraw", "Annuler une utilisation"),
    ):
        visitor = person(actor)
        visitor.client.set_cookie("trace59_locale", "fr")
        assert words in visitor.get(f"{use}/{act}").text


def test_a_program_corrects_and_withdraws(
    program: Callable[..., Program], database: db.Database, case: Case, use: str
) -> None:
    address = f"/api/v1{use}"
    body = {
        "id": str(db.new_id()),
        "why": "the other knee",
        "used_on": case.today,
        "operator_id": str(CHARLIE.id),
        "ward_id": str(THEATRE),
        "side": "right",
        "intervention": "partial_revision",
        "implanted_system": "SCORE cemented, 2011",
        "reason": "insert worn",
    }

    made = [program(CHARLIE).post(f"{address}/amendments", body) for _twice in range(2)]
    right = (made[0].json or {})["use_id"]
    gone = {"id": str(db.new_id()), "why": "wrong box", "whereabouts": "check"}
    late = program(ALICE).post(f"{address}/withdrawal", gone)
    done = [program(ALICE).post(f"/api/v1/uses/{right}/withdrawal", gone) for _twice in range(2)]

    assert [answer.status_code for answer in (*made, late, *done)] == [201, 201, 409, 201, 201]
    assert made[0].json == made[1].json
    assert [(answer.json or {})["state"] for answer in done] == ["quarantined", "quarantined"]
    assert program(CHARLIE).post(f"/api/v1/uses/{right}/withdrawal", gone).status_code == 403
    offset = body | {"id": str(db.new_id()), "used_time": "08:00+02:00"}
    assert program(CHARLIE).post(f"{address}/amendments", offset).status_code == 422
    with db.transaction(database, HOSPITAL_A) as session:
        assert devices.get_unit(session, case.number).state.value == "quarantined"
