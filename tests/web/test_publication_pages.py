"""ANSM's list in a browser, and for programs."""

import io
import re
from base64 import b64encode
from collections.abc import Callable

import pytest

from tests import lists
from tests.hospital import ALICE, CHARLIE, FANNY, HOSPITAL_A
from tests.lists import ANSM_LIST, GLENOIDS, STEMS, VALVES
from tests.web.conftest import Person, Program
from tracker import clock, db
from tracker.derogations import queries as register
from tracker.publications.jobs import read_waiting

LogIn = Callable[..., Person]
WithToken = Callable[..., Program]


def upload(person: Person, content: bytes, *, filename: str = "page.html", listed_on: str = "2026-03-02") -> str:
    """Upload a list and return the address of its page."""
    form = {"request_id": str(db.new_id()), "listed_on": listed_on, "file": (io.BytesIO(content), filename)}
    answer = person.post("/publications/new", form, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def lines_of(page: str, act: str) -> list[str]:
    return re.findall(rf'action="(/publications/lines/[^"]+/{act})"', page)


def test_a_list_is_uploaded_compared_and_approved_line_by_line(person: LogIn, database: db.Database) -> None:
    alice = person(ALICE)

    address = upload(alice, lists.as_html([STEMS, GLENOIDS]).encode())
    page = alice.get(address).text
    first, second = lines_of(page, "approve")
    approved = alice.post(first)
    declined = alice.post(second.replace("approve", "decline"), {"reason": "not used here"})
    page = alice.get(address).text

    assert (approved.status_code, declined.status_code) == (303, 303)
    assert "Approved by Alice Test" in page
    assert "Set aside by Alice Test: not used here" in page
    assert "Nothing left to decide" in alice.get("/publications").text
    now = clock.utc_now()
    with db.transaction(database, HOSPITAL_A) as session:
        (one,) = register.list_standings(session, day=clock.paris_day(now), known_at=now)
    sheet = alice.get(f"/derogations/{one.id}").text
    assert re.search(r'href="/documents/[^"]+">\s*<svg', sheet)  # ANSM's page, frozen, beside the decision
    assert STEMS.title in sheet


def test_the_lines_that_are_ticked_are_approved_together(person: LogIn) -> None:
    alice = person(ALICE)
    address = upload(alice, ANSM_LIST.read_bytes(), filename="page.txt", listed_on="")
    page = alice.get(address).text
    ticks = re.findall(r'name="line" value="([^"]+)"', page)

    answer = alice.post(f"{address}/approve", {"line": ticks})

    assert len(ticks) == 8
    assert answer.status_code == 303
    assert "8 lines are recorded in the register." in alice.get(address).text
    assert "List of 6 Mar 2024" in page


def test_ticking_nothing_records_nothing_and_says_so(person: LogIn) -> None:
    alice = person(ALICE)
    address = upload(alice, lists.as_html([STEMS]).encode())

    alice.post(f"{address}/approve")

    assert "No line was ticked." in alice.get(address).text


def test_a_line_that_the_register_refuses_says_why_and_stays(person: LogIn) -> None:
    alice = person(ALICE)
    address = upload(alice, lists.as_html([STEMS]).encode(), listed_on="2027-03-01")
    (act,) = lines_of(alice.get(address).text, "approve")

    answer = alice.post(act)

    assert answer.status_code == 422
    assert "The last day of validity is before the first day of effect." in answer.text
    assert lines_of(alice.get(address).text, "approve") == [act]


def test_a_name_that_differs_is_shown_beside_the_other_and_confirmed(person: LogIn) -> None:
    alice = person(ALICE)
    page = lists.as_html([GLENOIDS])
    (act,) = lines_of(alice.get(upload(alice, page.encode())).text, "approve")
    alice.post(act)
    later = page.replace("LISA", "LIZA").replace("15/08/2026", "15/08/2027").replace("15 août 2026", "15 août 2027")
    address = upload(alice, later.encode())

    shown = alice.get(address).text
    (act,) = lines_of(shown, "approve")
    refused = alice.post(act)
    confirmed = alice.post(act, {"confirmed": "yes"})

    assert "The names differ" in shown
    assert 'name="line"' not in shown  # nothing can be ticked that is still to be confirmed
    assert (refused.status_code, confirmed.status_code) == (422, 303)


def test_declining_without_a_reason_keeps_the_page(person: LogIn) -> None:
    alice = person(ALICE)
    address = upload(alice, lists.as_html([STEMS]).encode())
    (act,) = lines_of(alice.get(address).text, "decline")

    answer = alice.post(act, {"reason": " "})

    assert answer.status_code == 422
    assert "No reason is given." in answer.text


def test_what_was_not_understood_is_shown_with_its_text(person: LogIn) -> None:
    alice = person(ALICE)
    page = lists.as_html([STEMS]).replace("28/02/2027", "31/02/2027")

    shown = alice.get(upload(alice, page.encode())).text

    assert "For you to look at" in shown
    assert "31/02/2027" in shown
    assert "The last day cannot be read as a day of the calendar." in shown


@pytest.mark.parametrize(
    ("content", "filename", "said"),
    [
        (b"<html><p>Nothing</p></html>", "page.html", "No derogation was found in this file"),
        (b"PK\x03\x04\x00", "page.docx", "The file is neither a saved page nor a PDF, a text, YAML or CSV."),
        (b"title;company", "list.csv", "The file does not have the documented form: valid_until"),
    ],
)
def test_a_file_that_is_no_list_is_kept_with_the_reason(
    person: LogIn, content: bytes, filename: str, said: str
) -> None:
    alice = person(ALICE)

    page = alice.get(upload(alice, content, filename=filename)).text

    assert said in page
    assert filename in page


def test_without_a_file_the_form_says_so(person: LogIn) -> None:
    alice = person(ALICE)

    answer = alice.post("/publications/new", {"request_id": str(db.new_id())}, content_type="multipart/form-data")

    assert answer.status_code == 422
    assert "Choose the file." in answer.text


def test_a_pdf_waits_for_the_worker_and_the_page_looks_again(person: LogIn, database: db.Database) -> None:
    alice = person(ALICE)
    address = upload(alice, lists.as_pdf([VALVES]), filename="page.pdf")

    waiting = alice.get(address).text
    read_waiting(database, clock.utc_now())
    page = alice.get(address).text

    assert 'data-reload-seconds="2"' in waiting
    assert "data-reload-seconds" not in page
    assert VALVES.title in page


def test_a_surgeon_sees_the_difference_and_has_nothing_to_press(person: LogIn) -> None:
    address = upload(person(ALICE), lists.as_html([STEMS]).encode())

    page = person(CHARLIE).get(address).text

    assert STEMS.title in page
    assert lines_of(page, "approve") == []


def test_what_was_uploaded_is_given_back_as_a_text(person: LogIn) -> None:
    alice = person(ALICE)
    page = alice.get(upload(alice, b"<html><script>alert(1)</script><p>x</p></html>")).text
    (document,) = re.findall(r'href="(/documents/[^"]+)"', page)

    answer = alice.get(document)

    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def body(content: bytes, **changes: object) -> dict[str, object]:
    return {
        "id": str(db.new_id()),
        "filename": "page.html",
        "content_base64": b64encode(content).decode(),
        "listed_on": "2026-03-02",
        **changes,
    }


def test_a_program_uploads_compares_and_approves(program: WithToken) -> None:
    alice = program(ALICE)
    sent = body(lists.as_html([STEMS, GLENOIDS]).encode())

    made = alice.post("/api/v1/publications", sent)
    again = alice.post("/api/v1/publications", sent)
    lines = made.get_json()["lines"]
    approved = alice.post(f"/api/v1/publication-lines/{lines[0]['id']}/approve", {})
    twice = alice.post(f"/api/v1/publication-lines/{lines[0]['id']}/approve", {})
    declined = alice.post(f"/api/v1/publication-lines/{lines[1]['id']}/decline", {"reason": "not ours"})
    late = alice.post(f"/api/v1/publication-lines/{lines[0]['id']}/decline", {"reason": "no"})

    assert (made.status_code, again.status_code, made.get_json()["state"]) == (201, 201, "read")
    assert made.get_json()["lines"] == again.get_json()["lines"]
    assert [line["kind"] for line in lines] == ["new", "new"]
    assert lines[0]["listed"]["title"] == STEMS.title
    assert (approved.status_code, approved.get_json()) == (200, twice.get_json())
    assert declined.get_json()["outcome"] == "declined"
    assert (late.status_code, late.get_json()["type"]) == (409, "publication-line-decided")


def test_a_program_pages_through_the_lists(program: WithToken) -> None:
    alice = program(ALICE)
    for _ in range(3):
        alice.post("/api/v1/publications", body(lists.as_html([STEMS]).encode()))

    first = alice.get("/api/v1/publications?limit=2").get_json()
    second = alice.get(f"/api/v1/publications?limit=2&after={first['next']}").get_json()

    assert (len(first["items"]), len(second["items"]), second["next"]) == (2, 1, None)


def test_a_program_that_sends_no_file_gets_a_clear_error(program: WithToken) -> None:
    alice = program(ALICE)

    odd = alice.post("/api/v1/publications", body(b"", content_base64="%%"))
    empty = alice.post("/api/v1/publications", body(b""))

    assert (odd.status_code, list(odd.get_json()["errors"])) == (422, ["content_base64"])
    assert (empty.status_code, empty.get_json()["type"]) == (422, "file-refused")


def test_an_auditor_reads_and_does_not_decide(program: WithToken, person: LogIn) -> None:
    address = upload(person(ALICE), lists.as_html([STEMS]).encode())
    fanny = program(FANNY)

    read = fanny.get(f"/api/v1{address}")
    line = read.get_json()["lines"][0]["id"]

    assert read.status_code == 200
    assert fanny.post(f"/api/v1/publication-lines/{line}/approve", {}).status_code == 403
