"""Examinations after a use in a browser, and for programs."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from tests.hospital import ALICE, CHARLIE, FANNY, HOSPITAL_A
from tests.integration.test_examination_service import make_followed_use
from tests.web.conftest import Person, Program
from tracker import clock, db
from tracker.actor import system_actor
from tracker.devices.rules import Finding
from tracker.examinations import service
from tracker.examinations.models import Examination

LogIn = Callable[..., Person]
WithToken = Callable[..., Program]


def typed(**changes: object) -> dict[str, object]:
    today = clock.paris_day(clock.utc_now()).isoformat()
    return {"request_id": str(db.new_id()), "kind": "done", "happened_on": today, "note": "fine", **changes}


@pytest.fixture
def overdue(database: db.Database) -> UUID:
    """One examination that was due yesterday."""
    now = clock.utc_now()
    yesterday = clock.paris_day(now) - timedelta(days=1)
    with db.transaction(database, HOSPITAL_A) as session:
        make_followed_use(
            session, Finding("follow-up-required", {"due_on": yesterday.isoformat(), "what": "X-ray of the knee"})
        )
        service.note_required(session, actor=system_actor(HOSPITAL_A), now=now)
        return session.scalars(select(Examination.id)).one()


def test_the_home_page_tells_what_is_overdue_until_it_is_done(person: LogIn, overdue: UUID) -> None:
    charlie = person(CHARLIE)
    assert "Examinations to do" in charlie.get("/").text
    assert "Overdue: 1." in person(ALICE).get("/").text
    assert "X-ray of the knee" in charlie.get("/examinations").text

    answer = charlie.post(f"/examinations/{overdue}/outcomes", typed())

    assert answer.status_code == 303
    assert "Examinations to do" not in charlie.get("/").text
    assert "No examination is awaited" in charlie.get("/examinations").text
    page = charlie.get(f"/examinations/{overdue}").text
    assert "Examination done on" in page
    assert "Take it up again" in page


def test_the_list_names_no_patient(person: LogIn, overdue: UUID) -> None:
    assert "MARTIN" not in person(CHARLIE).get("/examinations").text
    assert "MARTIN" in person(CHARLIE).get(f"/examinations/{overdue}").text


def test_the_page_of_the_use_leads_to_its_examinations_closed_ones_too(
    person: LogIn, database: db.Database, overdue: UUID
) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        use_id = session.get_one(Examination, overdue).use_id
        plain = make_followed_use(session, lot="B2")
    charlie, address = person(CHARLIE), f"/examinations?use={use_id}"

    assert address in charlie.get(f"/uses/{use_id}").text
    assert "/examinations?use=" not in charlie.get(f"/uses/{plain}").text
    assert "X-ray of the knee" in charlie.get(address).text
    assert "X-ray of the knee" not in charlie.get(f"/examinations?use={plain}").text
    charlie.post(f"/examinations/{overdue}/outcomes", typed())
    page = charlie.get(address).text
    assert "Closed" in page
    assert f"/uses/{use_id}" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "not_done", "note": ""}, "Write the reason."),
        ({"happened_on": "2020-01-01"}, "Give a day between the use and today."),
        ({"happened_on": ""}, "Give the day."),
        ({"kind": "forged"}, "Not a valid choice"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_kept(
    person: LogIn, overdue: UUID, changes: dict[str, object], said: str
) -> None:
    page = person(CHARLIE).post(f"/examinations/{overdue}/outcomes", typed(**{"note": "seen", **changes}))

    assert page.status_code == 422
    assert said in page.text
    assert str({"note": "seen", **changes}["note"]) in page.text


def test_who_comes_second_is_told(person: LogIn, overdue: UUID) -> None:
    charlie = person(CHARLIE)
    charlie.post(f"/examinations/{overdue}/outcomes", typed())

    second = charlie.post(f"/examinations/{overdue}/outcomes", typed())

    assert second.status_code == 409
    assert "Somebody else has recorded" in second.text


def test_who_only_reads_finds_no_form(person: LogIn, overdue: UUID) -> None:
    assert "What became of the examination" not in person(FANNY).get(f"/examinations/{overdue}").text
    assert person(FANNY).post(f"/examinations/{overdue}/outcomes", typed()).status_code == 403


def test_a_program_reads_and_records(program: WithToken, overdue: UUID) -> None:
    robot = program(CHARLIE)
    [told] = robot.get("/api/v1/examinations").json["examinations"]
    body = {"id": str(db.new_id()), "kind": "done", "happened_on": clock.paris_day(clock.utc_now()).isoformat()}

    done = robot.post(f"/api/v1/examinations/{overdue}/outcomes", body)
    again = robot.post(f"/api/v1/examinations/{overdue}/outcomes", body)

    assert (told["what"], told["urgency"]) == ("X-ray of the knee", "overdue")
    assert done.json == again.json
    assert done.json["urgency"] is None
    assert robot.get("/api/v1/examinations").json == {"examinations": []}
    [closed] = robot.get(f"/api/v1/examinations?use_id={told['use_id']}").json["examinations"]
    assert closed["closed_at"]
