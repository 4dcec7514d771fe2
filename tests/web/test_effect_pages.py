"""What would stand were a derogation to end, and the decision that stops it, in a browser and for programs."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from tests.gate import Case, make_case
from tests.hospital import ALICE, BOB, CHARLIE, FANNY, HOSPITAL_A
from tests.web.conftest import Person, Program
from tracker import db
from tracker.audit.models import AuditEntry
from tracker.devices import queries as devices
from tracker.outbox.models import Message

LogIn = Callable[..., Person]
WithToken = Callable[..., Program]


@pytest.fixture
def case(database: db.Database) -> Case:
    """Two units, one of them held already, and Marie, who consented."""
    with db.transaction(database, HOSPITAL_A) as session:
        return make_case(session)


def address(case: Case) -> str:
    return f"/derogations/{case.derogation_id}/effects"


def typed(case: Case, kind: str = "suspended", **changes: object) -> dict[str, object]:
    return {"request_id": str(db.new_id()), "kind": kind, "effective_from": case.today, **changes}


def hold_counts(database: db.Database, case: Case) -> list[int]:
    with db.transaction(database, HOSPITAL_A) as session:
        return [len(devices.get_unit(session, number).holds) for number in (case.number, case.held)]


def test_the_simulator_shows_counts_shelves_and_patients_and_changes_nothing(
    person: LogIn, case: Case, database: db.Database
) -> None:
    page = person(ALICE).get(f"{address(case)}?day={case.today}")

    assert page.status_code == 200
    for words in ("Units on the shelves", "Pharmacy", case.number, "MARTIN-BRÉANT", "consented, nothing used yet"):
        assert words in page.text
    assert hold_counts(database, case) == [0, 1]
    with db.transaction(database, HOSPITAL_A) as session:
        read = session.scalars(select(AuditEntry).where(AuditEntry.action == "effects:read")).one()
        assert read.details == {"patients": "1"}


def test_a_suspension_holds_every_unit_in_the_same_step_and_its_end_lifts_only_those(
    person: LogIn, case: Case, database: db.Database
) -> None:
    alice = person(ALICE)
    yesterday = (date.fromisoformat(case.today) - timedelta(days=1)).isoformat()

    stopped = alice.post(address(case), typed(case, effective_from=yesterday, reference="2026-S-1"))
    during = hold_counts(database, case)
    page = alice.get(address(case)).text
    again = alice.post(address(case), typed(case, "reinstated"))

    assert (stopped.status_code, again.status_code) == (303, 303)
    assert during == [1, 2]
    assert "2 units held, 0 released" in page
    assert hold_counts(database, case) == [0, 1]
    assert "0 units held, 2 released" in alice.get(address(case)).text


def test_a_form_sent_twice_is_one_decision_and_one_mail_for_each_person(
    person: LogIn, case: Case, database: db.Database
) -> None:
    alice, form = person(ALICE), typed(case)

    answers = [alice.post(address(case), form).status_code for _ in range(2)]

    assert answers == [303, 303]
    assert hold_counts(database, case) == [1, 2]
    with db.transaction(database, HOSPITAL_A) as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 3


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"effective_from": ""}, 422, "Type a date."),
        ({"kind": "reinstated"}, 409, "The derogation is not suspended on this day."),
        ({"kind": "granted"}, 422, "Not a valid choice"),
    ],
)
def test_what_the_register_refuses_holds_nothing_and_keeps_what_was_typed(
    person: LogIn, case: Case, database: db.Database, changes: dict[str, object], status: int, said: str
) -> None:
    answer = person(ALICE).post(address(case), typed(case, **{"reference": "2026-S-1", **changes}))

    assert answer.status_code == status
    assert said in answer.text
    assert 'value="2026-S-1"' in answer.text
    assert hold_counts(database, case) == [0, 1]


def test_a_day_that_is_none_is_refused(person: LogIn, case: Case) -> None:
    assert person(ALICE).get(f"{address(case)}?day=soon").status_code == 422


def test_a_surgeon_sees_it_and_cannot_stop_it(person: LogIn, case: Case) -> None:
    charlie = person(CHARLIE)

    page = charlie.get(address(case))

    assert page.status_code == 200
    assert "Record it, with effect at once" not in page.text
    assert charlie.post(address(case), typed(case)).status_code == 403


def test_the_page_of_the_derogation_leads_there(person: LogIn, case: Case) -> None:
    assert address(case) in person(ALICE).get(f"/derogations/{case.derogation_id}").text


def test_a_program_simulates_stops_and_sees_what_was_done(program: WithToken, case: Case) -> None:
    alice = program(ALICE)
    url = f"/api/v1{address(case)}"
    body = {"id": str(db.new_id()), "kind": "withdrawn", "effective_from": case.today}

    before = alice.get(f"{url}?day={case.today}").get_json()["simulation"]
    stopped = alice.post(url, body)
    again = alice.post(url, body)
    after = alice.get(url).get_json()

    assert (before["unit_count"], before["consented_count"], before["implanted_count"]) == (2, 1, 0)
    assert [unit["number"] for unit in before["units"]] == [case.number, case.held]
    assert before["consented_patient_ids"] == [str(case.patient_id)]
    assert stopped.get_json() == {"held_count": 2, "lifted_count": 0, "told_count": 3}
    assert (again.status_code, again.get_json()["held_count"]) == (200, 0)
    assert [one["held_count"] for one in after["effects"]] == [2]


def test_a_program_gets_lists_by_its_rights_only(program: WithToken, case: Case) -> None:
    url = f"/api/v1{address(case)}"
    body = {"id": str(db.new_id()), "kind": "suspended", "effective_from": case.today}

    for actor in (BOB, FANNY):
        read = program(actor).get(url)
        assert read.get_json()["simulation"]["unit_count"] == 2
        assert program(actor).post(url, body).status_code == 403
    odd = program(ALICE).post(url, {**body, "kind": "granted"})
    assert (odd.status_code, list(odd.get_json()["errors"])) == (422, ["kind"])
