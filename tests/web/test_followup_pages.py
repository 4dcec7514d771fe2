"""The follow-up of incidents: pages, programs, and the home page of the vigilance officer."""

import io
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from tests.hospital import ALICE, BOB, CHARLIE, FANNY, HOSPITAL_A, NOW, TODAY
from tests.integration.test_vigilance_service import Case, declare, new, transmit
from tests.pages import words
from tests.web.conftest import Person, Program
from tracker import clock, db
from tracker.outbox.models import Message
from tracker.outbox.rules import MessageState

LogIn = Callable[..., Person]
WithToken = Callable[..., Program]


@pytest.fixture
def incident_id(database: db.Database) -> UUID:
    """An incident whose two reports left sixteen days ago."""
    with db.transaction(database, HOSPITAL_A) as session:
        incident = declare(session, new(Case(session).implanted))
        transmit(session, incident)
        sent_at = clock.utc_now() - timedelta(days=16)
        session.execute(update(Message).values(state=MessageState.SENT, finished_at=sent_at))
        return incident.id


def letter(**changes: object) -> dict[str, object]:
    return {
        "request_id": str(db.new_id()),
        "kind": "acknowledged",
        "recipient": "ansm",
        "happened_on": TODAY.isoformat(),
        "reference": "R2612345",
        **changes,
    }


def test_late_acknowledgements_wait_on_the_officers_home_page_until_recorded(person: LogIn, incident_id: UUID) -> None:
    bob = person(BOB)
    home = words(bob.get("/"))

    recorded = bob.post(f"/incidents/{incident_id}/letters", letter())
    page = words(bob.get(f"/incidents/{incident_id}/follow-up"))
    after = words(bob.get("/"))

    assert "ANSM has not acknowledged" in home
    assert "the manufacturer has not acknowledged" in home
    assert recorded.status_code == 303
    assert "R2612345" in page
    assert "ANSM has not acknowledged" not in after
    assert "has not acknowledged" not in words(person(CHARLIE).get("/"))


def test_a_letter_is_kept_and_can_be_read(person: LogIn, incident_id: UUID) -> None:
    bob = person(BOB)
    file = (io.BytesIO(b"%PDF-1.7 receipt"), "accuse.pdf")

    bob.post(f"/incidents/{incident_id}/letters", letter(document=file), content_type="multipart/form-data")
    page = bob.get(f"/incidents/{incident_id}/follow-up").text
    address = page.split('class="file-link" href="')[1].split('"')[0]

    assert "accuse.pdf" in page
    assert bob.get(address).data == b"%PDF-1.7 receipt"


@pytest.mark.parametrize(
    ("path", "form", "said"),
    [
        ("letters", letter(reference=""), "Write ANSM's reference: a complement refers to it."),
        ("letters", letter(recipient=""), "Say who it comes from."),
        ("letters", letter(happened_on="2020-01-01"), "The incident was not declared yet on this day."),
        (
            "place",
            {"happened_on": TODAY.isoformat(), "device_place": "pharmacy", "is_device_kept": "y", "text": ""},
            "Say exactly where it is kept: safe, shelf, box.",
        ),
        ("close", {"happened_on": TODAY.isoformat(), "text": " "}, "Write it."),
        ("reopen", {"happened_on": TODAY.isoformat(), "text": "why"}, "The incident is not closed."),
        ("complement", {"comments": "typed words", "basis": "mandatory"}, "ANSM's reference of this incident is not"),
        ("complement", {"comments": "", "basis": "mandatory"}, "Say what is new."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_kept(
    person: LogIn, incident_id: UUID, path: str, form: dict[str, object], said: str
) -> None:
    page = person(BOB).post(f"/incidents/{incident_id}/{path}", form)

    assert page.status_code in {409, 422}
    assert said in words(page)
    assert str(form.get("comments", "")) in page.text


def test_an_incident_is_placed_complemented_closed_and_opened_again(person: LogIn, incident_id: UUID) -> None:
    bob, day = person(BOB), {"happened_on": TODAY.isoformat()}
    bob.post(f"/incidents/{incident_id}/letters", letter())

    bob.post(
        f"/incidents/{incident_id}/place", day | {"device_place": "pharmacy", "is_device_kept": "y", "text": "Safe"}
    )
    sent = bob.post(f"/incidents/{incident_id}/complement", {"comments": "Expertise asked.", "basis": "mandatory"})
    closed = bob.post(f"/incidents/{incident_id}/close", day | {"text": "Impaction outside the instructions."})
    page = words(bob.get(f"/incidents/{incident_id}/follow-up"))
    reopened = bob.post(f"/incidents/{incident_id}/reopen", day | {"text": "Second case."})

    assert (sent.status_code, closed.status_code, reopened.status_code) == (303, 303, 303)
    assert "Safe" in page
    assert "Impaction outside the instructions." in page
    assert "Send a complement" not in page
    incident = words(bob.get(f"/incidents/{incident_id}"))
    assert "complement no. 1" in incident
    assert "Second case." in words(person(FANNY).get(f"/incidents/{incident_id}/follow-up"))
    assert "Record an acknowledgement" not in words(person(ALICE).get(f"/incidents/{incident_id}/follow-up"))


def test_weights_are_written_as_the_language_writes_them(person: LogIn, incident_id: UUID) -> None:
    bob = person(BOB)
    english = words(bob.get(f"/incidents/{incident_id}"))
    bob.client.set_cookie("trace59_locale", "fr")

    assert "71.5 kg" in english
    assert "71,5 kg" in words(bob.get(f"/incidents/{incident_id}")).replace("\u00a0", " ").replace("\u202f", " ")


def test_programs_do_the_same(program: WithToken, incident_id: UUID) -> None:
    bob, address = program(BOB), f"/api/v1/incidents/{incident_id}"
    receipt = {"id": str(db.new_id()), "kind": "acknowledged", "happened_on": str(TODAY), "recipient": "ansm"}

    refused = bob.post(f"{address}/events", receipt)
    recorded = bob.post(f"{address}/events", receipt | {"reference": "R2612345"})
    sent = bob.post(f"{address}/complements", {"id": str(db.new_id()), "comments": "Expertise asked."})
    read = bob.get(f"{address}/events").json

    assert (refused.status_code, refused.json["type"]) == (422, "followup-invalid")
    assert recorded.json["recorded_at"] > NOW.isoformat()
    assert (sent.json["number"], len(sent.json["documents"])) == (1, 2)
    assert (read["references"], read["is_closed"]) == ({"ansm": "R2612345"}, False)
    assert [event["id"] for event in read["events"]] == [receipt["id"]]
    assert program(ALICE).post(f"{address}/events", receipt).status_code == 403
