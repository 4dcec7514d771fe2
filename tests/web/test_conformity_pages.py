"""The page of the way to the CE mark and of the names, and its API."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from tests.hospital import ALICE, CHARLIE, HOSPITAL_A
from tests.stock import make_definition, make_derogation, make_manufacturer
from tests.web.conftest import Person, Program
from tracker import clock, db
from tracker.actor import Actor

LogIn = Callable[[Actor], Person]
TODAY = clock.paris_day(clock.utc_now())


@pytest.fixture
def place(database: db.Database) -> str:
    """Address of the page of a derogation."""
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        make_definition(session, manufacturer_id=maker)
        derogation_id: UUID = make_derogation(session, maker)
    return f"/derogations/{derogation_id}/conformity"


def statement(**changes: object) -> dict[str, object]:
    return {
        "request_id": str(db.new_id()),
        "risk_class": "iib",
        "exchanges_medicine": "y",
        "no_mark_reason": "in_assessment",
        "certificates": "CE 123 ; 2696 ; 05/2024",
        "notified_body": "2696",
        "milestones": f"{(TODAY - timedelta(days=1)).isoformat()} ; file completed",
        "consultation": "opinion_given",
        "consultation_on": "2025-06-24",
        "stated_on": TODAY.isoformat(),
        "source": "letter",
    } | changes


def test_a_statement_is_recorded_shown_and_offered_again(person: LogIn, place: str) -> None:
    alice = person(ALICE)

    before = alice.get(place).text
    answer = alice.post(f"{place}/statements/new", statement())
    page, form = alice.get(place).text, alice.get(f"{place}/statements/new").text

    assert "Nothing is recorded yet" in before
    assert answer.status_code == 303
    for words in ("applies — the opinion is given", "The timetable is late", "CE 123", "2696"):
        assert words in page
    assert "CE 123 ; 2696 ; 05/2024" in form


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"risk_class": "i"}, "does not apply to this class"),
        ({"milestones": "soon ; done"}, "has no day"),
        ({"source": ""}, "Say which document states it"),
        ({"stated_on": (TODAY + timedelta(days=1)).isoformat()}, "not after today"),
    ],
)
def test_an_odd_statement_is_told_and_nothing_typed_is_lost(
    person: LogIn, place: str, changes: dict[str, object], words: str
) -> None:
    page = person(ALICE).post(f"{place}/statements/new", statement(**changes))

    assert page.status_code == 422
    assert words in page.text
    assert "CE 123" in page.text


def test_a_difference_is_shown_until_it_is_explained(person: LogIn, place: str) -> None:
    alice = person(ALICE)
    naming = {"request_id": str(db.new_id()), "place": "instructions", "title": "ed. 3", "designation": "AirVENT60"}
    reason = {"request_id": str(db.new_id()), "aspect": "designation", "value": "AirVENT60", "reason": "old name"}

    assert "no difference" in alice.get(place).text
    assert alice.post(f"{place}/namings/new", naming).status_code == 303
    differing = alice.get(place).text
    assert alice.post(f"{place}/explanations", reason | {"reason": ""}).status_code == 422
    assert alice.post(f"{place}/explanations", reason).status_code == 303
    explained = alice.get(place).text
    again = alice.post(f"{place}/explanations", reason | {"request_id": str(db.new_id())})

    assert "to explain" in differing
    assert "AirVENT60" in person(CHARLIE).get(place).text
    assert "to explain" not in explained
    assert "old name" in explained
    assert again.status_code == 422
    assert (
        alice.post(f"{place}/namings/new", naming | {"request_id": str(db.new_id()), "designation": ""}).status_code
        == 422
    )


def test_programs_record_and_read_the_same(program: Callable[[Actor], Program], place: str) -> None:
    alice, address = program(ALICE), f"/api/v1{place}"
    pathway = {
        "risk_class": "iii",
        "is_implantable": True,
        "exchanges_medicine": False,
        "no_mark_reason": "never_asked",
    }
    body = {"id": str(db.new_id()), "stated_on": TODAY.isoformat(), "source": "letter", "pathway": pathway}
    naming = {"id": str(db.new_id()), "place": "notice", "title": "v1", "population": "> 1 kg"}

    recorded = [alice.post(f"{address}/statements", body) for _ in range(2)]
    wrong = alice.post(f"{address}/statements", body | {"id": str(db.new_id()), "source": "\0"})
    alice.post(f"{address}/namings", naming | {"population": "> 5 kg"})
    second = alice.post(f"{address}/namings", naming | {"id": str(db.new_id()), "title": "v2"})
    value = {"id": str(db.new_id()), "aspect": "population", "value": "> 1 kg", "reason": "children, annex 2"}
    third = alice.post(f"{address}/explanations", value)

    assert [answer.status_code for answer in recorded] == [201, 201]
    assert recorded[0].json["consultation_applies"] == "yes"
    assert wrong.status_code == 422
    (difference,) = second.json["differences"]
    assert (difference["aspect"], difference["bounds_differ"], second.json["open_count"]) == ("population", True, 1)
    assert third.json["open_count"] == 0
    assert alice.get(address).json["statements"][0]["source"] == "letter"
