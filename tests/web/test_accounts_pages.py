"""Log-in, log-out, one's own account and the accounts of the establishment, as people and attackers see them."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from config.demonstration import new_keys
from config.settings import Settings
from tests.hospital import ALICE, BOB, ERIC, GUY, HOSPITAL_A, PASSWORD, email_of
from tests.pages import words
from tests.web.conftest import Person, Program
from tracker.accounts.models import ApiToken, LoginSession
from tracker.accounts.models import Person as Account
from tracker.accounts.rules import MAX_FAILURES
from tracker.accounts.views import LOCALE_COOKIE, SESSION_COOKIE
from tracker.actor import Actor, Role
from tracker.app import create_app
from tracker.audit.models import AuditEntry
from tracker.db import Database, transaction

NEW_PASSWORD = "a quite different sentence"
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
LogIn = Callable[[Actor], Person]


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.set_cookie(LOCALE_COOKIE, "en")
    return client


def log_in(visitor: FlaskClient, email: str, password: str, *, target: str = "") -> TestResponse:
    found = TOKEN.search(visitor.get("/login").text)
    assert found is not None
    form = {"csrf_token": found[1], "email": email, "password": password, "next": target}
    return visitor.post("/login", data=form)


def cookie_of(answer: TestResponse) -> str:
    (found,) = [value for value in answer.headers.getlist("Set-Cookie") if value.startswith(SESSION_COOKIE)]
    return found


def account_of(database: Database, actor: Actor) -> Account:
    with transaction(database, actor.establishment_id) as session:
        return session.get_one(Account, actor.id)


def test_a_person_logs_in_and_lands_on_the_home_page(visitor: FlaskClient) -> None:
    answer = log_in(visitor, email_of(ALICE), PASSWORD)

    assert (answer.status_code, answer.location) == (303, "/")
    assert "Alice Test" in words(visitor.get("/"))


def test_a_person_who_was_sent_to_log_in_comes_back_to_their_page(visitor: FlaskClient) -> None:
    sent = visitor.get("/units?state=quarantined")
    page = visitor.get(sent.location)
    form = dict(re.findall(r'name="(csrf_token|next)"[^>]*value="([^"]*)"', page.text))

    answer = visitor.post("/login", data=form | {"email": email_of(ALICE), "password": PASSWORD})

    assert sent.status_code == 303
    assert (answer.status_code, answer.location) == (303, "/units?state=quarantined")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/",
        "//evil.test/",
        "///evil.test/",
        "////evil.test",
        r"/\evil.test",
        r"\\evil.test",
        "/\t/evil.test",
        "/\n/evil.test",
        " //evil.test",
        "javascript:alert(1)",
        "evil.test",
        "http:evil.test",
        "/ok\r\nSet-Cookie: x=1",
    ],
)
def test_a_log_in_leads_to_no_other_site(visitor: FlaskClient, target: str) -> None:
    answer = log_in(visitor, email_of(ALICE), PASSWORD, target=target)

    assert (answer.status_code, answer.location) == (303, "/")


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(visitor: FlaskClient) -> None:
    cookie = cookie_of(log_in(visitor, email_of(ALICE), PASSWORD))

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie  # the demonstration has no HTTPS


def test_in_production_every_cookie_travels_over_https_only(database: Database, tmp_path: Path) -> None:
    site = "https://trace59.hospital.test"
    environ = {"TRACE59_MODE": "production", "TRACE59_PUBLIC_URL": site, "DATABASE_URL": "postgresql:///x"}
    settings = Settings.from_env({"TRACE59_VAR_DIRECTORY": str(tmp_path)} | environ | new_keys())
    client = create_app(settings, database).test_client()
    page = client.get("/login", base_url=site)
    form = {"csrf_token": TOKEN.findall(page.text)[0], "email": email_of(ALICE), "password": PASSWORD}

    answer = client.post("/login", base_url=site, data=form, headers={"Referer": f"{site}/login"})
    language = client.get("/language/en", base_url=site)

    cookies = [value for reply in (page, answer, language) for value in reply.headers.getlist("Set-Cookie")]
    assert answer.status_code == 303
    assert {value.partition("=")[0] for value in cookies} == {"trace59_form", SESSION_COOKIE, LOCALE_COOKIE}
    assert all("Secure" in value for value in cookies)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_the_cookie_changes_at_each_log_in(visitor: FlaskClient) -> None:
    first = cookie_of(log_in(visitor, email_of(ALICE), PASSWORD))
    second = cookie_of(log_in(visitor, email_of(ALICE), PASSWORD))

    assert first != second


@pytest.mark.parametrize(("email", "password"), [(email_of(ALICE), "wrong"), ("nobody@hospital.test", PASSWORD)])
def test_a_refused_log_in_does_not_tell_what_was_wrong_and_keeps_the_address(
    visitor: FlaskClient, email: str, password: str
) -> None:
    answer = log_in(visitor, email, password)

    assert answer.status_code == 403
    assert "The address or the password is wrong." in words(answer)
    assert f'value="{email}"' in answer.text
    assert SESSION_COOKIE not in str(answer.headers)


def test_a_password_is_never_shown_again(visitor: FlaskClient) -> None:
    answer = log_in(visitor, email_of(ALICE), "my other password")

    assert "my other password" not in answer.text


@pytest.mark.parametrize(("email", "password"), [("", PASSWORD), (email_of(ALICE), "")])
def test_a_log_in_without_address_or_password_asks_for_it(visitor: FlaskClient, email: str, password: str) -> None:
    answer = log_in(visitor, email, password)

    assert answer.status_code == 422
    assert "This field is required." in words(answer)


def test_guessing_is_slowed_down(visitor: FlaskClient) -> None:
    for _attempt in range(MAX_FAILURES):
        log_in(visitor, email_of(ALICE), "wrong")

    answer = log_in(visitor, email_of(ALICE), PASSWORD)

    assert answer.status_code == 409
    assert "Wait fifteen minutes" in words(answer)


def test_log_out_ends_the_session_on_the_server(person: LogIn) -> None:
    alice = person(ALICE)
    cookie = alice.client.get_cookie(SESSION_COOKIE)
    assert cookie is not None

    answer = alice.post("/logout")

    alice.client.set_cookie(SESSION_COOKIE, cookie.value)
    assert (answer.status_code, answer.location) == (303, "/login")
    assert alice.get("/account").status_code == 303


def test_a_link_cannot_log_anybody_out(person: LogIn) -> None:
    alice = person(ALICE)

    assert alice.get("/logout").status_code == 405
    assert alice.get("/account").status_code == 200


def forge(alice: Person, csrf_token: str | None) -> TestResponse:
    alice.get("/account")
    form = {"name": "forged", "days": "30", "scope": "reading"} | (
        {} if csrf_token is None else {"csrf_token": csrf_token}
    )
    return alice.client.post("/account/tokens", data=form)


@pytest.mark.parametrize("csrf_token", [None, "", "forged", "IjEyMyI.aaaa.bbbb"])
def test_a_forged_form_is_refused_and_writes_nothing(person: LogIn, database: Database, csrf_token: str | None) -> None:
    answer = forge(person(ALICE), csrf_token)

    assert answer.status_code == 400
    assert "Nothing was written" in words(answer)
    with transaction(database, HOSPITAL_A) as session:
        assert session.scalar(select(func.count()).select_from(ApiToken)) == 0


def test_the_token_of_another_persons_form_is_refused(person: LogIn) -> None:
    found = TOKEN.search(person(BOB).get("/account").text)
    assert found is not None

    assert forge(person(ALICE), found[1]).status_code == 400


def test_the_form_token_of_before_the_log_in_is_worth_nothing_after_it(visitor: FlaskClient) -> None:
    found = TOKEN.search(visitor.get("/login").text)
    assert found is not None
    log_in(visitor, email_of(ALICE), PASSWORD)

    answer = visitor.post("/account/tokens", data={"csrf_token": found[1], "name": "x", "days": "1"})

    assert answer.status_code == 400


def test_a_log_in_form_of_another_site_is_refused(visitor: FlaskClient) -> None:
    answer = visitor.post("/login", data={"email": email_of(ALICE), "password": PASSWORD})

    assert answer.status_code == 400
    assert SESSION_COOKIE not in str(answer.headers)


def test_the_api_refuses_a_cookie_without_a_form_token(person: LogIn) -> None:
    answer = person(ALICE).client.post("/api/v1/scans", json={"raw": "x"})

    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["type"] == "form-forged"


def test_the_api_takes_a_cookie_with_the_form_token_in_its_header(person: LogIn) -> None:
    alice = person(ALICE)
    found = TOKEN.search(alice.get("/account").text)
    assert found is not None

    answer = alice.client.post("/api/v1/scans", json={"raw": "x"}, headers={"X-CSRFToken": found[1]})

    assert answer.status_code not in {400, 401, 403}


def test_the_api_takes_a_token(program: Callable[[Actor], Program]) -> None:
    assert program(ALICE).get("/api/v1/units").status_code == 200


def test_the_api_challenges_whoever_comes_with_nothing_or_a_wrong_token(app: Flask) -> None:
    answers = [
        app.test_client().get("/api/v1/units"),
        app.test_client().get("/api/v1/units", headers={"Authorization": "Bearer forged"}),
        app.test_client().post("/api/v1/scans", json={"raw": "x"}),
    ]

    for answer in answers:
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="trace59"'
        assert answer.get_json()["type"] == "not-logged-in"


def test_a_session_that_was_idle_too_long_leads_to_the_log_in(person: LogIn, database: Database) -> None:
    alice = person(ALICE)
    with transaction(database, HOSPITAL_A) as session:
        session.execute(update(LoginSession).values(last_seen_at=LoginSession.last_seen_at - timedelta(hours=1)))

    answer = alice.get("/account")

    assert (answer.status_code, answer.location) == (303, "/login?next=/account")


def test_the_account_page_shows_this_log_in_and_ends_another(person: LogIn) -> None:
    alice = person(ALICE)
    person(ALICE)
    page = alice.get("/account").text

    (address,) = re.findall(r'action="(/account/sessions/[^"]+/revoke)"', page)
    answer = alice.post(address)

    assert "This log-in" in page
    assert (answer.status_code, answer.location) == (303, "/account")
    assert "/account/sessions/" not in alice.get("/account").text


def test_a_token_is_shown_once(person: LogIn) -> None:
    alice = person(ALICE)

    made = alice.post("/account/tokens", {"name": "dock scanner", "days": "30", "scope": "everything"})

    (secret,) = re.findall(r"t59_[\w-]+", made.text)
    later = alice.get("/account")
    assert made.status_code == 200
    assert secret not in later.text
    assert "dock scanner" in words(later)


@pytest.mark.parametrize(
    ("name", "days"), [("", "30"), ("scanner", ""), ("scanner", "0"), ("scanner", "367"), ("scanner", "x")]
)
def test_an_odd_token_is_refused_with_what_was_typed(person: LogIn, name: str, days: str) -> None:
    answer = person(ALICE).post("/account/tokens", {"name": name, "days": days, "scope": "reading"})

    assert answer.status_code == 422
    assert "t59_" not in answer.text
    assert f'value="{days}"' in answer.text
    assert '<details class="reveal" open>' in answer.text


def test_a_token_is_revoked_on_the_page(person: LogIn) -> None:
    alice = person(ALICE)
    page = alice.post("/account/tokens", {"name": "scanner", "days": "30", "scope": "everything"}).text
    (address,) = re.findall(r'action="(/account/tokens/[^"]+/revoke)"', page)

    answer = alice.post(address)

    assert answer.location == "/account"
    assert "No token." in words(alice.get("/account"))


def test_a_person_changes_their_password_and_logs_in_again(person: LogIn, visitor: FlaskClient) -> None:
    alice = person(ALICE)

    answer = alice.post("/account/password", {"present": PASSWORD, "password": NEW_PASSWORD})

    assert (answer.status_code, answer.location) == (303, "/login")
    assert "The password is changed. Log in again." in words(alice.get("/login"))
    assert alice.get("/account").status_code == 303
    assert log_in(visitor, email_of(ALICE), NEW_PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("present", "password", "said"),
    [
        ("wrong", NEW_PASSWORD, "The present password is wrong."),
        (PASSWORD, "short", "Field must be between 12 and 200 characters long."),
        (PASSWORD, "my name is alice, hello", "must not contain the name of the account"),
        ("", NEW_PASSWORD, "This field is required."),
    ],
)
def test_a_password_that_is_not_changed_says_why(person: LogIn, present: str, password: str, said: str) -> None:
    alice = person(ALICE)

    answer = alice.post("/account/password", {"present": present, "password": password})

    assert answer.status_code == 422
    assert said in words(answer)
    assert alice.get("/account").status_code == 200


def person_form(eric: Person, **changes: object) -> dict[str, object]:
    found = re.search(r'name="request_id"[^>]*value="([^"]+)"', eric.get("/people/new").text)
    assert found is not None
    form: dict[str, object] = {
        "request_id": found[1],
        "given_name": "Henri",
        "family_name": "Petit",
        "email": "henri@hospital.test",
        "rpps": "",
        "roles": [Role.SURGEON.value, Role.VIGILANCE_OFFICER.value],
        "locale": "fr",
        "password": NEW_PASSWORD,
    }
    return form | changes


def test_the_administrator_opens_an_account_that_works(person: LogIn, visitor: FlaskClient) -> None:
    eric = person(ERIC)

    answer = eric.post("/people/new", person_form(eric))

    assert (answer.status_code, answer.location) == (303, "/people")
    assert "Henri Petit henri@hospital.test Surgeon, Vigilance officer open" in words(eric.get("/people"))
    assert log_in(visitor, "henri@hospital.test", NEW_PASSWORD).status_code == 303


def test_a_form_sent_twice_opens_one_account(person: LogIn) -> None:
    eric = person(ERIC)
    form = person_form(eric)

    answers = [eric.post("/people/new", form) for _attempt in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert words(eric.get("/people")).count("henri@hospital.test") == 1


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"email": "henri"}, 422, "This is not an e-mail address."),
        ({"email": email_of(ALICE)}, 409, "Another account has this address."),
        ({"email": email_of(GUY)}, 409, "Another account has this address."),
        ({"roles": []}, 422, "Choose at least one role."),
        ({"roles": ["emperor"]}, 422, "'emperor' is not a valid choice"),
        ({"rpps": "123"}, 422, "Eleven digits."),
        ({"password": "short"}, 422, "Field must be between 12 and 200"),
        ({"password": "it is henri's word"}, 422, "must not contain the name"),
        ({"given_name": ""}, 422, "This field is required."),
        ({"request_id": "no uuid"}, 422, "The request number is not a UUID."),
    ],
)
def test_an_odd_account_is_refused_and_nothing_typed_is_lost(
    person: LogIn, changes: dict[str, object], status: int, said: str
) -> None:
    eric = person(ERIC)

    answer = eric.post("/people/new", person_form(eric, **changes))

    assert answer.status_code == status
    assert said in words(answer)
    assert 'value="Petit"' in answer.text
    assert NEW_PASSWORD not in answer.text
    assert "Petit" not in words(eric.get("/people"))


def test_roles_are_changed_and_the_page_shows_those_that_hold(person: LogIn, database: Database) -> None:
    eric = person(ERIC)

    answer = eric.post(f"/people/{ALICE.id}", {"roles": [Role.AUDITOR.value], "is_active": "y"})

    assert answer.location == "/people"
    assert account_of(database, ALICE).roles == [Role.AUDITOR]
    assert re.findall(r'checked[^>]*value="(\w+)"', eric.get(f"/people/{ALICE.id}").text) == ["auditor", "y"]


def test_a_closed_account_is_out_at_once(person: LogIn) -> None:
    alice, eric = person(ALICE), person(ERIC)

    eric.post(f"/people/{ALICE.id}", {"roles": [Role.PHARMACIST.value]})

    assert alice.get("/account").status_code == 303
    assert "Alice Test alice@hospital.test Pharmacist closed" in words(eric.get("/people"))


def test_the_administrator_keeps_their_own_right(person: LogIn) -> None:
    answer = person(ERIC).post(f"/people/{ERIC.id}", {"roles": [Role.AUDITOR.value], "is_active": "y"})

    assert answer.status_code == 409
    assert "You cannot take your own administrator's right." in words(answer)


def test_without_a_role_nothing_is_changed(person: LogIn, database: Database) -> None:
    answer = person(ERIC).post(f"/people/{ALICE.id}", {"is_active": "y"})

    assert answer.status_code == 422
    assert account_of(database, ALICE).roles == [Role.PHARMACIST]


def test_the_administrator_gives_a_new_password(person: LogIn, visitor: FlaskClient) -> None:
    alice, eric = person(ALICE), person(ERIC)

    answer = eric.post(f"/people/{ALICE.id}/password", {"password": NEW_PASSWORD})

    assert answer.location == f"/people/{ALICE.id}"
    assert alice.get("/account").status_code == 303
    assert log_in(visitor, email_of(ALICE), NEW_PASSWORD).status_code == 303


@pytest.mark.parametrize("password", ["short", "hello, alice, hello", ""])
def test_a_weak_given_password_is_refused_where_it_was_typed(person: LogIn, password: str) -> None:
    eric = person(ERIC)

    answer = eric.post(f"/people/{ALICE.id}/password", {"password": password})

    assert answer.status_code == 422
    assert "Alice Test" in words(answer)


@pytest.mark.parametrize("address", [f"/people/{GUY.id}", f"/people/{UUID(int=59)}"])
def test_an_account_of_another_establishment_is_not_found(person: LogIn, address: str) -> None:
    eric = person(ERIC)

    answers = [
        eric.get(address),
        eric.post(address, {"roles": [Role.AUDITOR.value], "is_active": "y"}),
        eric.post(f"{address}/password", {"password": NEW_PASSWORD}),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]


def test_a_failed_log_in_stands_in_the_trail_of_whose_name_was_typed_and_never_what_was_typed(
    app: Flask, database: Database
) -> None:
    client = app.test_client()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/login").text)
    assert token is not None

    for email in (email_of(ALICE), "nobody@hospital.test"):
        form = {"csrf_token": token[1], "email": email, "password": "wrong password typed"}
        assert client.post("/login", data=form).status_code == 403

    with transaction(database, HOSPITAL_A) as session:
        entries = list(session.scalars(select(AuditEntry).where(AuditEntry.action == "person:login-failed")))
    assert [entry.subject for entry in entries] == [f"person:{ALICE.id}"]
    assert [entry.details for entry in entries] == [{}]
