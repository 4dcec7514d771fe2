"""The pages of requests: from the guided questions to ANSM's answer; nothing typed is lost."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from tests.care import MARIE
from tests.dossiers import make_complete, make_given, make_request
from tests.hospital import ALICE, BOB, CHARLIE, FANNY, HOSPITAL_A
from tests.pages import words
from tests.stock import REFERENCE, make_definition, make_manufacturer
from tests.web.conftest import Person
from tracker import clock, db
from tracker.actor import Actor
from tracker.derogations import queries as derogations
from tracker.derogations.rules import DerogationKind, DerogationStatus
from tracker.requests import queries, service
from tracker.requests.queries import RequestView
from tracker.requests.rules import POINTS, RequestFile, RequestState

LogIn = Callable[[Actor], Person]
PDF = b"%PDF-1.7 the letter"
TODAY = clock.paris_day(clock.utc_now())


def make(database: db.Database, maker: Callable[..., UUID], **options: object) -> UUID:
    with db.transaction(database, HOSPITAL_A) as session:
        return maker(session, **options)


def view_of(database: db.Database, request_id: UUID) -> RequestView:
    with db.transaction(database, HOSPITAL_A) as session:
        return queries.get_view(session, request_id)


def typed(**changes: object) -> dict[str, object]:
    return {
        "request_id": str(db.new_id()),
        "version": "1",
        "designation": "SCORE insert",
        "domain": "joint",
        "references": "1-020163C\n1-020163C\n\n1-020164C",
        "operator": "Amplitude",
        "need": "A worn insert.",
        "performance_from_operator": "y",
        "alternatives": "ANATOMIC ; does not fit\nnothing else",
        **changes,
    }


def letter(**changes: object) -> dict[str, object]:
    return {
        "request_id": str(db.new_id()),
        "outcome": "granted",
        "happened_on": TODAY.isoformat(),
        "decided_on": TODAY.isoformat(),
        "effective_from": TODAY.isoformat(),
        "valid_until": (TODAY + timedelta(days=300)).isoformat(),
        "reference": "2026-DM-9",
        "references": "1-020163C",
        "letter": (io.BytesIO(PDF), "accord.pdf"),
        **changes,
    }


def test_the_guided_questions_open_the_request_of_their_kind(person: LogIn, database: db.Database) -> None:
    charlie = person(CHARLIE)
    end = charlie.get("/which-route?a=size&a=size_only&a=no")

    address = re.search(r'href="(/requests/new[^"]*)"', end.text)
    assert address is not None
    form = charlie.get(address.group(1).replace("&amp;", "&"))
    opened = charlie.post(
        "/requests/new",
        {
            "request_id": str(db.new_id()),
            "kind": "individual",
            "route": "derogation_size",
            "designation": "Long stem",
        },
    )

    assert re.findall(r'<input checked[^>]*value="([^"]+)"', form.text) == ["individual"]
    assert opened.status_code == 303
    request_id = UUID(opened.location.split("/")[2])
    view = view_of(database, request_id)
    assert (view.row.kind, view.row.route) == (DerogationKind.INDIVIDUAL, "derogation_size")
    assert view.file.designation == "Long stem"


def test_who_may_not_write_gets_no_button(person: LogIn) -> None:
    assert "/requests/new" not in person(FANNY).get("/which-route?a=size&a=size_only&a=no").text
    assert "/requests/new" not in person(BOB).get("/requests").text


def test_an_empty_list_says_how_to_begin(person: LogIn) -> None:
    assert "Begin with the guided questions" in person(ALICE).get("/requests").text


def test_the_list_is_narrowed_and_paged(person: LogIn, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        for number in range(51):
            make_request(session, file=RequestFile(designation=f"Device {number}"))
    alice = person(ALICE)

    first = alice.get("/requests?state=drafting")
    older = re.search(r'href="([^"]+)" rel="next"', first.text)

    assert older is not None
    assert first.text.count('data-label="Device"') == 50
    assert alice.get(older.group(1).replace("&amp;", "&")).text.count('data-label="Device"') == 1
    assert "No request stands there" in alice.get("/requests?state=filed").text
    assert alice.get("/requests?state=nonsense").status_code == 422


def test_a_draft_is_saved_in_part_and_says_what_is_missing(person: LogIn, database: db.Database) -> None:
    request_id = make(database, make_request)
    alice = person(ALICE)

    answer = alice.post(f"/requests/{request_id}/file", typed())

    page = alice.get(answer.location)
    view = view_of(database, request_id)
    assert answer.status_code == 303
    assert view.file.references == ("1-020163C", "1-020164C")
    assert view.file.from_operator == {"performance"}
    assert [one.name for one in view.file.alternatives] == ["ANATOMIC", "nothing else"]
    assert f'data-missing="{len(view.missing)}"' in page.text
    assert "Point 2" in page.text
    assert "The hospital never files with ANSM" in page.text


def test_the_form_shows_what_was_saved(person: LogIn, database: db.Database) -> None:
    request_id = make(database, make_complete)

    page = person(CHARLIE).get(f"/requests/{request_id}/file")

    assert "Text of need." in page.text
    assert MARIE.ipp in page.text
    assert [point.code for point in POINTS if f'name="{point.code}"' not in page.text] == ["review"]


def test_a_file_saved_meanwhile_is_shown_beside_what_was_typed_and_can_then_be_saved(
    person: LogIn, database: db.Database
) -> None:
    request_id = make(database, make_request)
    alice, charlie = person(ALICE), person(CHARLIE)
    alice.post(f"/requests/{request_id}/file", typed(need="What Alice wrote."))

    told = charlie.post(f"/requests/{request_id}/file", typed(need="What Charlie wrote."))
    version = re.search(r'name="version"[^>]*value="(\d+)"', told.text)

    assert told.status_code == 409
    assert "What Charlie wrote." in told.text
    assert "What Alice wrote." in told.text
    assert version is not None
    saved = charlie.post(f"/requests/{request_id}/file", typed(need="Both.", version=version.group(1)))
    assert saved.status_code == 303
    assert view_of(database, request_id).file.text("need") == "Both."


@pytest.mark.parametrize("changes", [{"ipp": "unknown"}, {"need": "x" * 20_001}])
def test_a_wrong_file_is_refused_with_what_was_typed(
    person: LogIn, database: db.Database, changes: dict[str, object]
) -> None:
    request_id = make(database, make_request)

    answer = person(ALICE).post(f"/requests/{request_id}/file", typed(designation="Kept <b>", **changes))

    assert answer.status_code == 422
    assert "Kept &lt;b&gt;" in answer.text
    assert view_of(database, request_id).row.version == 1


def test_the_whole_way_on_the_pages(person: LogIn, database: db.Database) -> None:
    request_id = make(database, make_complete, is_signed=False)
    alice, charlie, here = person(ALICE), person(CHARLIE), f"/requests/{request_id}"
    said = "I have read the justification and sign it"
    assert said in charlie.get(here).text
    assert said not in alice.get(here).text

    charlie.post(f"{here}/sign", {"request_id": str(db.new_id()), "version": "1"})
    attachment = {"request_id": str(db.new_id()), "title": "Study", "file": (io.BytesIO(PDF), "study.pdf")}
    charlie.post(f"{here}/attachments/new", attachment)
    given = alice.post(f"{here}/step", step("given"))
    alice.post(f"{here}/step", step("filed", note="by their portal"))
    granted = alice.post(f"{here}/answer", letter())

    page, view = alice.get(here), view_of(database, request_id)
    assert (given.status_code, granted.status_code) == (303, 303)
    assert view.row.state is RequestState.GRANTED
    assert "by their portal" in page.text
    assert f"/derogations/{view.row.derogation_id}" in page.text
    assert "Dossier for the operator" in page.text
    with db.transaction(database, HOSPITAL_A) as session:
        assert view.row.derogation_id is not None
        sheet = derogations.get_sheet(session, view.row.derogation_id, day=TODAY, known_at=clock.utc_now())
    assert sheet.status is DerogationStatus.IN_FORCE


def test_a_granted_device_is_added_to_the_catalogue_next_and_asked_for_until_it_is(
    person: LogIn, database: db.Database
) -> None:
    request_id, alice = make(database, make_given), person(ALICE)
    here = f"/requests/{request_id}"

    granted = alice.post(f"{here}/answer", letter())
    form = alice.get(granted.location)
    asking = alice.get(here).text
    fields = dict(
        re.findall(r'name="(manufacturer|request_id|reference|designation|back)"[^>]*value="([^"]*)"', form.text)
    )
    maker = str(view_of(database, request_id).file.manufacturer_id)
    added = alice.post("/definitions/new", {**fields, "manufacturer": maker, "kind": "implant"})

    assert granted.location.startswith("/definitions/new?")
    assert (fields["reference"], fields["designation"]) == (REFERENCE, "SCORE insert, size C 14 mm")
    assert f'<option selected value="{maker}">' in form.text
    assert f"Add {REFERENCE} to the catalogue" in asking
    assert added.location == here
    assert "to the catalogue" not in alice.get(here).text


def test_a_refusal_and_a_device_that_is_known_lead_back_to_the_request(person: LogIn, database: db.Database) -> None:
    alice = person(ALICE)
    refused = make(database, make_given)
    assert alice.post(f"/requests/{refused}/answer", letter(outcome="refused")).location == f"/requests/{refused}"

    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session, "Known")
        make_definition(session, manufacturer_id=maker)
        known = make_given(session, kind=DerogationKind.PARTIAL_REVISION, manufacturer_id=maker)
    assert alice.post(f"/requests/{known}/answer", letter()).location == f"/requests/{known}"


def test_the_form_of_the_catalogue_leads_to_no_other_site(person: LogIn, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session, "Known")
    typed_in = {"manufacturer": str(maker), "reference": "R9", "designation": "Cup", "kind": "implant"}

    added = person(ALICE).post("/definitions/new", {**typed_in, "request_id": str(db.new_id()), "back": "//evil.test"})

    assert added.location == "/"


def step(kind: str, **changes: object) -> dict[str, object]:
    return {
        "request_id": str(db.new_id()),
        "version": "1",
        "kind": kind,
        "happened_on": TODAY.isoformat(),
        **changes,
    }


def test_an_incomplete_dossier_is_not_given_and_the_page_lists_what_is_missing(
    person: LogIn, database: db.Database
) -> None:
    request_id = make(database, make_request)

    answer = person(ALICE).post(f"/requests/{request_id}/step", step("given", note="what I typed"))

    assert answer.status_code == 409
    assert "what I typed" in answer.text
    assert "Alternatives that were looked for" in answer.text


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"letter": (io.BytesIO(b""), "empty.pdf")}, 422),
        ({"letter": (io.BytesIO(b"PK not a pdf"), "a.pdf")}, 422),
        ({"valid_until": (TODAY - timedelta(days=9)).isoformat()}, 422),
        ({"outcome": ""}, 422),
        ({"happened_on": (TODAY + timedelta(days=1)).isoformat()}, 422),
    ],
)
def test_a_wrong_answer_is_refused_with_what_was_typed_and_nothing_is_written(
    person: LogIn, database: db.Database, changes: dict[str, object], status: int
) -> None:
    request_id = make(database, make_given)

    answer = person(ALICE).post(f"/requests/{request_id}/answer", letter(note="what I typed") | changes)

    assert answer.status_code == status
    assert "what I typed" in answer.text
    assert view_of(database, request_id).row.state is RequestState.GIVEN


def test_the_home_page_tells_of_requests_that_stand_still(person: LogIn, database: db.Database) -> None:
    make(database, make_request, now=clock.utc_now() - timedelta(days=31))
    make(database, make_request, now=clock.utc_now() - timedelta(days=29))

    assert "Requests that stand still 1" in words(person(ALICE).get("/"))
    assert "Requests that stand still" not in words(person(BOB).get("/"))


def test_the_name_of_the_patient_is_never_on_the_list(person: LogIn, database: db.Database) -> None:
    request_id = make(database, make_complete)
    alice = person(ALICE)

    assert MARIE.family_name not in alice.get("/requests").text.upper()
    assert MARIE.family_name in alice.get(f"/requests/{request_id}").text.upper()


def test_a_saving_that_changes_nothing_typed_keeps_line_feeds(person: LogIn, database: db.Database) -> None:
    request_id = make(database, make_request)
    with db.transaction(database, HOSPITAL_A) as session:
        file = replace(RequestFile(), points={"need": "one\ntwo"}, designation="SCORE")
        service.save_file(
            session, request_id, save_id=db.new_id(), version=1, file=file, actor=CHARLIE, now=clock.utc_now()
        )

    told = person(ALICE).post(
        f"/requests/{request_id}/file",
        {"request_id": str(db.new_id()), "version": "1", "domain": "other", "need": "one\r\ntwo"},
    )

    assert told.status_code == 409
    assert "Need and interest" not in told.text.partition('id="present"')[2].partition("</section>")[0]
