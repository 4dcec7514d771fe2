"""Requests for programs: every action of the pages, and conflicts that tell the present state."""

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import get_args
from uuid import UUID

import pytest

from tests.dossiers import make_complete, make_request
from tests.hospital import ALICE, BOB, CHARLIE, HOSPITAL_A, TODAY
from tests.web.conftest import Program
from tracker import clock, db
from tracker.actor import Actor
from tracker.requests.api import PointCode
from tracker.requests.rules import POINTS

WithToken = Callable[[Actor], Program]
PDF = {"filename": "letter.pdf", "content_base64": b64encode(b"%PDF-1.7 a letter").decode()}
NOW_DAY = clock.paris_day(clock.utc_now()).isoformat()


def make(database: db.Database, maker: Callable[..., UUID], **options: object) -> str:
    with db.transaction(database, HOSPITAL_A) as session:
        return f"/api/v1/requests/{maker(session, **options)}"


def test_the_api_knows_every_point_of_the_application_and_no_other() -> None:
    assert list(get_args(PointCode)) == [point.code for point in POINTS]


def new() -> str:
    return str(db.new_id())


def test_a_program_goes_the_whole_way(program: WithToken, database: db.Database) -> None:
    here = make(database, make_complete, is_signed=False)
    alice, charlie = program(ALICE), program(CHARLIE)

    signed = charlie.post(f"{here}/signature", {"id": new(), "version": 1})
    attached = charlie.post(f"{here}/attachments", {"id": new(), "title": "Study", "names_patient": False, "file": PDF})
    given = alice.post(f"{here}/steps", {"id": new(), "kind": "given", "happened_on": NOW_DAY, "version": 1})
    filed = alice.post(f"{here}/steps", {"id": new(), "kind": "filed", "happened_on": NOW_DAY})
    until = (clock.paris_day(clock.utc_now()) + timedelta(days=90)).isoformat()
    body = {
        "id": new(),
        "outcome": "granted",
        "happened_on": NOW_DAY,
        "effective_from": NOW_DAY,
        "valid_until": until,
        "letter": PDF,
    }
    granted = alice.post(f"{here}/answer", body)
    again = alice.post(f"{here}/answer", body)

    answers = (signed, attached, given, filed, granted, again)
    assert [answer.status_code for answer in answers] == [201] * 6
    whole = again.get_json()
    assert (whole["state"], whole["missing"], whole["signed_by"]) == ("granted", [], "Charlie Test")
    assert whole["derogation_id"] is not None
    assert [event["kind"] for event in whole["events"]] == ["opened", "signed", "given", "filed", "granted"]


def test_opening_and_saving_answer_what_is_missing(program: WithToken) -> None:
    charlie = program(CHARLIE)
    body = {"id": new(), "kind": "global", "file": {"designation": "SCORE"}, "route": "derogation_global"}

    opened = charlie.post("/api/v1/requests", body)
    repeated = charlie.post("/api/v1/requests", body)
    here = f"/api/v1/requests/{opened.get_json()['id']}"
    file = {"designation": "SCORE", "points": {"need": "A worn insert."}, "from_operator": ["performance", "need"]}
    saved = charlie.post(f"{here}/file", {"id": new(), "version": 1, "file": file})

    assert (opened.status_code, repeated.get_json()["number"]) == (201, opened.get_json()["number"])
    answer = saved.get_json()
    assert (answer["version"], answer["file"]["from_operator"]) == (2, ["performance"])
    missing = {one["field"] for one in answer["missing"]}
    assert {"no_investigation", "review", "signature"} <= missing
    assert not missing & {"need", "performance", "designation"}


def test_a_file_saved_meanwhile_is_a_conflict_that_tells_the_present_state(
    program: WithToken, database: db.Database
) -> None:
    here, charlie = make(database, make_request), program(CHARLIE)
    charlie.post(f"{here}/file", {"id": new(), "version": 1, "file": {"designation": "First"}})

    told = charlie.post(f"{here}/file", {"id": new(), "version": 1, "file": {"designation": "Second"}})

    assert (told.status_code, told.get_json()["type"]) == (409, "request-file-changed")
    assert {one["code"]: one["sentence"] for one in told.get_json()["findings"]} == {
        "version": "2",
        "designation": "First",
    }


def test_an_incomplete_dossier_is_refused_with_everything_that_is_missing(
    program: WithToken, database: db.Database
) -> None:
    here = make(database, make_request)

    refused = program(ALICE).post(f"{here}/steps", {"id": new(), "kind": "given", "happened_on": NOW_DAY, "version": 1})

    assert (refused.status_code, refused.get_json()["type"]) == (409, "request-incomplete")
    assert len(refused.get_json()["findings"]) == 15


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("file", {"id": "x", "version": 1, "file": {}}),
        ("file", {"id": str(UUID(int=7)), "version": 1, "file": {"points": {"nonsense": "a"}}}),
        ("steps", {"id": str(UUID(int=7)), "kind": "granted", "happened_on": TODAY.isoformat()}),
        ("attachments", {"id": str(UUID(int=7)), "title": "a", "names_patient": False, "file": {"filename": "a"}}),
        (
            "attachments",
            {
                "id": str(UUID(int=7)),
                "title": "a",
                "names_patient": False,
                "file": {"filename": "a", "content_base64": "é"},
            },
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    program: WithToken, database: db.Database, action: str, body: dict[str, object]
) -> None:
    here = make(database, make_request)

    assert program(ALICE).post(f"{here}/{action}", body).status_code == 422


def test_a_reader_reads_and_writes_nothing(program: WithToken, database: db.Database) -> None:
    here, bob = make(database, make_request), program(BOB)

    assert bob.get(here).status_code == 200
    assert bob.get("/api/v1/requests?state=drafting").get_json()["items"][0]["state"] == "drafting"
    assert bob.post(f"{here}/file", {"id": new(), "version": 1, "file": {}}).status_code == 403
