"""The pages and the API of recaps: previewed, frozen, downloaded, handed over, due on the home page."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from uuid import UUID

import pytest

from tests.care import MARIE, make_patient, make_use
from tests.hospital import ALICE, BOB, CHARLIE, HOSPITAL_A
from tests.pages import words
from tests.stock import make_definition, make_derogation, make_manufacturer, make_unit
from tests.web.conftest import Person, Program
from tracker import clock, db
from tracker.actor import Actor
from tracker.derogations.rules import DerogationKind
from tracker.recaps.rules import anniversary_of

LogIn = Callable[[Actor], Person]
TODAY = clock.paris_day(clock.utc_now())
YESTERDAY = TODAY - timedelta(days=1)
BEGINS = anniversary_of(TODAY, -1) + timedelta(days=20)


@pytest.fixture
def derogation(database: db.Database) -> UUID:
    """An annual derogation, about to be a year old, under which six units were used."""
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        derogation_id = make_derogation(session, maker, effective_from=BEGINS, valid_until=TODAY + timedelta(days=300))
        definition_id = make_definition(session, manufacturer_id=maker)
        patient_id = make_patient(session)
        for number in range(6):
            unit = make_unit(session, definition_id, lot_number=f"L{number % 2}")
            make_use(session, unit.id, patient_id=patient_id, derogation_id=derogation_id, used_on=YESTERDAY)
        make_unit(session, definition_id)
        make_derogation(session, maker, kind=DerogationKind.GLOBAL, references=("other",))
    return derogation_id


def period(derogation_id: UUID, last: date = YESTERDAY) -> dict[str, object]:
    return {
        "request_id": str(db.new_id()),
        "derogation": str(derogation_id),
        "first_day": BEGINS.isoformat(),
        "last_day": last.isoformat(),
    }


def test_the_home_page_and_the_list_say_what_is_due_and_lead_to_a_proposal(person: LogIn, derogation: UUID) -> None:
    alice = person(ALICE)

    assert "Recap for Amplitude" in words(alice.get("/"))
    assert "Recap for Amplitude" not in words(person(BOB).get("/"))
    assert f"/recaps/new?derogation={derogation}" in alice.get("/recaps").text
    proposal = alice.get(f"/recaps/new?derogation={derogation}")
    assert f'value="{BEGINS.isoformat()}"' in proposal.text
    assert "Freeze the recap" in proposal.text
    assert "Elements used 6" in words(proposal)


def test_the_form_offers_annual_derogations_only(person: LogIn, derogation: UUID) -> None:
    page = person(ALICE).get("/recaps/new")

    assert page.text.count("<option") == 2
    assert "Freeze the recap" not in page.text


def test_a_recap_is_frozen_downloaded_and_handed_over(person: LogIn, derogation: UUID) -> None:
    alice = person(ALICE)

    made = alice.post("/recaps/new", period(derogation))
    page = alice.get(made.location)
    workbook = alice.get(f"{made.location}/workbook")
    document = re.search(r'href="(/documents/[^"]+)"', page.text)
    handed = {"request_id": str(db.new_id()), "handed_on": TODAY.isoformat(), "recipient": "Amplitude", "note": "mail"}
    told = alice.post(f"{made.location}/handovers", handed)

    assert (made.status_code, told.status_code) == (303, 303)
    assert document is not None
    assert alice.get(document.group(1)).data.startswith(b"%PDF")
    assert workbook.data.startswith(b"PK")
    assert workbook.headers["Content-Disposition"].endswith(".xlsx")
    assert MARIE.family_name not in page.text.upper()
    assert "Amplitude" in alice.get(made.location).text
    assert "Recap for Amplitude" not in words(alice.get("/"))


@pytest.mark.parametrize("last", [TODAY, BEGINS - timedelta(days=1)])
def test_a_period_that_cannot_be_is_refused_in_preview_and_in_freezing(
    person: LogIn, derogation: UUID, last: date
) -> None:
    alice, asked = person(ALICE), period(derogation, last)

    preview = alice.get("/recaps/new", query_string=asked)
    frozen = alice.post("/recaps/new", asked)

    assert (preview.status_code, frozen.status_code) == (422, 422)
    assert last.isoformat() in preview.text
    assert "No recap yet" in alice.get("/recaps").text


def test_a_handing_over_without_a_recipient_is_refused_and_keeps_what_was_typed(
    person: LogIn, derogation: UUID
) -> None:
    alice = person(ALICE)
    made = alice.post("/recaps/new", period(derogation))

    told = alice.post(f"{made.location}/handovers", {"handed_on": TODAY.isoformat(), "note": "what I typed"})

    assert told.status_code == 422
    assert "what I typed" in told.text


@pytest.mark.parametrize("address", ["/recaps?at=x", "/recaps/new?derogation=x"])
def test_an_odd_address_is_refused_in_words(person: LogIn, address: str) -> None:
    assert person(ALICE).get(address).status_code == 422


def test_a_surgeon_sees_no_recap(person: LogIn) -> None:
    assert person(CHARLIE).get("/recaps").status_code == 403


def test_a_program_makes_reads_and_hands_over_a_recap(program: Callable[[Actor], Program], derogation: UUID) -> None:
    alice, recap_id = program(ALICE), str(db.new_id())
    due = alice.get("/api/v1/recaps/due").get_json()["items"]
    body = {
        "id": recap_id,
        "derogation_id": str(derogation),
        "first_day": BEGINS.isoformat(),
        "last_day": YESTERDAY.isoformat(),
    }

    made, again = (alice.post("/api/v1/recaps", body) for _ in range(2))
    handed = alice.post(
        f"/api/v1/recaps/{recap_id}/handovers",
        {"id": str(db.new_id()), "handed_on": TODAY.isoformat(), "recipient": "Amplitude"},
    )

    content = made.get_json()["content"]
    assert [one["derogation_id"] for one in due] == [str(derogation)]
    assert (made.status_code, again.get_json()) == (201, made.get_json())
    assert (content["use_count"], len(content["stretches"])) == (6, 1)
    assert [line["total"] for line in content["lines"]] == [3, 3]
    assert handed.get_json()["handovers"][0]["recipient"] == "Amplitude"
    assert alice.get("/api/v1/recaps/due").get_json()["items"] == []
    assert alice.get("/api/v1/recaps").get_json()["items"][0]["handed_on"] == TODAY.isoformat()
    assert (
        alice.post("/api/v1/recaps", body | {"id": str(db.new_id()), "last_day": TODAY.isoformat()}).status_code == 422
    )
