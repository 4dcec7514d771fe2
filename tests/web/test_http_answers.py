"""What every answer has in common: errors, headers, the health page, and what they never tell."""

import logging
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import psycopg.errors
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from scanners.readers import decoders
from tests.hospital import ALICE, CHARLIE, ERIC, FANNY, GUY, HOSPITAL_A, KEYRING, NOW, PEOPLE
from tests.pages import words
from tests.web.conftest import Person, Program
from tracker import clock, db, http, schedule
from tracker.accounts.views import LOCALE_COOKIE
from tracker.actor import Actor
from tracker.alerts.rules import HEADS_JOB, MAIL_JOB, SILENCE_ALARMS, WARNING_JOB
from tracker.app import MAX_BODY_BYTES, health_state
from tracker.db import Database, transaction
from tracker.documents import service as documents
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.schedule import Job

LogIn = Callable[[Actor], Person]
WithToken = Callable[[Actor], Program]


def break_route(app: Flask, error: Exception, endpoint: str = "alerts.home") -> None:
    """Make one address fail."""

    def fail(**_values: object) -> str:
        raise error

    app.view_functions[endpoint] = http.public(fail)


@pytest.fixture
def api_endpoint(app: Flask) -> str:
    return str(next(rule.endpoint for rule in app.url_map.iter_rules() if rule.rule == "/api/v1/units"))


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    """Somebody who is not logged in, in English."""
    client = app.test_client()
    client.set_cookie(LOCALE_COOKIE, "en")
    return client


def test_an_unknown_address_is_told_with_a_way_on(person: LogIn) -> None:
    answer = person(ALICE).get("/no-such-page")

    assert answer.status_code == 404
    assert "There is no page at this address." in words(answer)
    assert 'href="/"' in answer.text


def test_an_unknown_address_of_the_api_is_a_problem_document(program: WithToken) -> None:
    answer = program(ALICE).get("/api/v1/nothing")

    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert answer.get_json() == {
        "type": "http-404",
        "title": "Not found",
        "status": 404,
        "detail": "There is no page at this address.",
        "next_step": "Check the address or go back to the home page.",
    }


def test_a_wrong_method_is_told_with_those_that_are_right(person: LogIn) -> None:
    answer = person(ALICE).client.delete("/account")

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert "does not answer this kind of request" in words(answer)


def test_too_large_a_body_is_told_and_not_read(person: LogIn) -> None:
    answer = person(ALICE).client.post(
        "/account/tokens", data=b"x" * (MAX_BODY_BYTES + 1), content_type="application/x-www-form-urlencoded"
    )

    assert answer.status_code == 413
    assert "The file is too large." in words(answer)


def test_a_forbidden_page_says_which_right_is_missing(person: LogIn) -> None:
    answer = person(CHARLIE).get("/audit")

    assert answer.status_code == 403
    assert "Your role does not allow this action (audit:read)." in words(answer)


def test_a_defect_is_logged_under_the_reference_that_is_shown_and_nothing_else_is(
    app: Flask, person: LogIn, caplog: pytest.LogCaptureFixture
) -> None:
    alice = person(ALICE)
    break_route(app, ZeroDivisionError("Marie MARTIN"))

    with caplog.at_level(logging.ERROR):
        answer = alice.get("/")

    logged = caplog.records[-1]
    assert isinstance(logged.args, tuple)
    reference = str(logged.args[0])
    assert answer.status_code == 500
    assert UUID(reference).version == 7
    assert reference in words(answer)
    assert "MARTIN" not in answer.text
    assert "ZeroDivision" not in answer.text
    assert "Traceback" not in answer.text
    assert logged.exc_info is not None


def test_a_defect_in_the_api_is_a_problem_document_with_its_reference_only(
    app: Flask, program: WithToken, api_endpoint: str
) -> None:
    alice = program(ALICE)
    break_route(app, KeyError("Marie MARTIN"), api_endpoint)

    body = alice.get("/api/v1/units").get_json()

    assert set(body) == {"type", "title", "status", "detail", "next_step", "reference"}
    assert (body["type"], body["status"]) == ("defect", 500)


@pytest.mark.parametrize(
    "cause",
    [
        psycopg.errors.DeadlockDetected,
        psycopg.errors.LockNotAvailable,
        psycopg.errors.QueryCanceled,
        psycopg.errors.SerializationFailure,
    ],
)
def test_a_busy_database_asks_to_send_the_same_again(app: Flask, person: LogIn, cause: type[psycopg.Error]) -> None:
    alice = person(ALICE)
    break_route(app, OperationalError("select 1", {}, cause()))

    answer = alice.get("/")

    assert answer.status_code == 503
    assert "Send the same request again in a few seconds." in words(answer)


def test_a_database_that_is_gone_is_a_defect_and_not_busy(app: Flask, person: LogIn) -> None:
    alice = person(ALICE)
    break_route(app, OperationalError("select 1", {}, psycopg.OperationalError("server closed the connection")))

    assert alice.get("/").status_code == 500


@pytest.mark.parametrize("query", ["subject=%00", "before=99999999999999999999"])
def test_a_value_that_no_column_can_hold_is_refused_and_is_no_defect(person: LogIn, query: str) -> None:
    answer = person(FANNY).get(f"/audit?{query}")

    assert answer.status_code == 422
    assert "cannot be kept" in words(answer)


def test_a_script_that_asks_for_a_fragment_gets_one(app: Flask, person: LogIn) -> None:
    answer = person(CHARLIE).fragment("/audit/verify")

    assert answer.status_code == 403
    assert "<html" not in answer.text
    assert "data-problem-title" in answer.text


@pytest.mark.parametrize(("code", "language", "word"), [("fr", "fr", "Se connecter"), ("en", "en", "Log in")])
def test_the_language_is_chosen_and_kept(visitor: FlaskClient, code: str, language: str, word: str) -> None:
    answer = visitor.get(f"/language/{code}?next=/login")

    page = visitor.get("/login")
    assert (answer.status_code, answer.location) == (303, "/login")
    assert f'<html lang="{language}"' in page.text
    assert word in words(page)


def test_french_is_the_first_language(app: Flask) -> None:
    page = app.test_client().get("/login", headers={"Accept-Language": "de"})

    assert '<html lang="fr"' in page.text


@pytest.mark.parametrize("address", ["/language/de?next=/login", "/language/en?next=//evil.test"])
def test_an_odd_language_or_way_back_changes_nothing(visitor: FlaskClient, address: str) -> None:
    answer = visitor.get(address)

    assert answer.status_code == 303
    assert answer.location in {"/login", "/"}
    assert '<html lang="en"' in visitor.get("/login").text


@pytest.mark.parametrize("address", ["/", "/login", "/no-such-page", "/health", "/api/v1/units", "/audit"])
def test_every_answer_is_hardened(app: Flask, person: LogIn, address: str) -> None:
    for client in (person(ALICE).client, app.test_client()):
        headers = client.get(address).headers

        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"


def test_a_static_file_may_be_kept_by_the_browser(app: Flask) -> None:
    with app.test_client().get("/static/logo.svg") as answer:
        kept = answer.headers.get("Cache-Control", "")

    assert answer.status_code == 200
    assert "no-store" not in kept


def test_the_openapi_document_is_public_and_names_every_act_of_the_api(app: Flask) -> None:
    document = app.test_client().get("/api/v1/openapi.json").get_json()

    served = {
        (rule.rule.replace("<uuid:", "<").replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/") and not rule.rule.endswith("openapi.json")
    }
    assert document["openapi"].startswith("3.")
    assert served == {(path, method) for path, acts in document["paths"].items() for method in acts}


def succeed(database: Database, *jobs: str, ago: timedelta = timedelta(0)) -> None:
    now = clock.utc_now() - ago
    with transaction(database, None) as session:
        for job_id in jobs:
            run_id = schedule.claim_run(session, Job(job_id, timedelta(minutes=1), lambda _d, _n: 0), now=now)
            assert run_id is not None
            schedule.finish_run(session, run_id, now=now, done_count=0, error=None)


def test_the_health_page_is_well_when_every_job_reported(app: Flask, database: Database) -> None:
    succeed(database, WARNING_JOB, MAIL_JOB, HEADS_JOB)

    answer = app.test_client().get("/health")

    body = answer.get_json()
    assert (answer.status_code, body["status"]) == (200, "ok")
    assert {part: body[part]["state"] for part in ("database", "worker", "mail", "scanner")} == {
        "database": "ok",
        "worker": "ok",
        "mail": "ok",
        "scanner": "ok",
    }
    assert body["mail"]["transport"] == "local"


def test_the_health_page_is_not_well_before_the_worker_has_run(app: Flask) -> None:
    answer = app.test_client().get("/health")

    assert answer.status_code == 503
    assert answer.get_json()["worker"]["silent_jobs"] == sorted(SILENCE_ALARMS)


@pytest.mark.parametrize("job_id", sorted(SILENCE_ALARMS))
def test_one_silent_job_is_named(app: Flask, database: Database, job_id: str) -> None:
    succeed(database, *(other for other in SILENCE_ALARMS if other != job_id))
    succeed(database, job_id, ago=SILENCE_ALARMS[job_id] + timedelta(minutes=1))

    answer = app.test_client().get("/health")

    body = answer.get_json()
    assert (answer.status_code, body["status"], body["worker"]["silent_jobs"]) == (503, "degraded", [job_id])
    assert body["mail"]["state"] == ("silent" if job_id == MAIL_JOB else "ok")


def test_the_health_page_tells_a_missing_second_reader_and_is_well_all_the_same(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = app.test_client().get("/health").json
    monkeypatch.setattr(decoders, "_zbar", None)

    answer = app.test_client().get("/health").json

    assert answer["scanner"] == {"state": "ok", "second_reader": "missing (libzbar)"}
    assert answer["status"] == before["status"]


def test_the_health_page_answers_while_the_database_does_not(app: Flask) -> None:
    nowhere = db.create_database("postgresql+psycopg://nobody@127.0.0.1:1/nothing", KEYRING)

    with app.test_request_context("/health"):
        state = health_state(nowhere, now=NOW)
    nowhere.dispose()

    assert state == {"status": "failing", "database": {"state": "unreachable"}}


def test_the_health_page_names_no_person_and_no_establishment(app: Flask, database: Database) -> None:
    succeed(database, WARNING_JOB, MAIL_JOB, HEADS_JOB)

    told = app.test_client().get("/health").text

    assert not [actor.display_name for actor in PEOPLE if actor.display_name.split()[0] in told]
    assert "Hôpital" not in told
    assert "postgresql" not in told
    assert str(HOSPITAL_A) not in told


def freeze(database: Database, *, has_patient_data: bool, filename: str = "décision œuvre.pdf") -> str:
    with transaction(database, HOSPITAL_A) as session:
        file = NewFile(DocumentKind.CONSENT, "patient:1", filename, b"%PDF-1.7", has_patient_data)
        return f"/documents/{documents.freeze(session, file, actor=CHARLIE, now=NOW).id}"


def test_a_document_is_given_back_inert_with_its_name(person: LogIn, database: Database) -> None:
    address = freeze(database, has_patient_data=False)

    answer = person(ALICE).get(address)

    assert (answer.status_code, answer.data, answer.content_type) == (200, b"%PDF-1.7", "application/pdf")
    assert answer.headers["Content-Disposition"].startswith("inline; ")
    assert "filename*=UTF-8''d%C3%A9cision%20%C5%93uvre.pdf" in answer.headers["Content-Disposition"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("actor", "status"), [(ERIC, 403), (GUY, 404), (CHARLIE, 200)])
def test_a_patients_document_is_given_to_those_who_may_read_patients(
    person: LogIn, database: Database, actor: Actor, status: int
) -> None:
    address = freeze(database, has_patient_data=True)

    assert person(actor).get(address).status_code == status
