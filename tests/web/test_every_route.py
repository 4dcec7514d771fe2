"""Every route with every role, with nobody, and with a stranger from another hospital.

What is expected comes from the permission that the route declares (``http.permission_of``), so a new route is tested
the day it is written; a route that declares nothing does not let the program start.
"""

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from config.settings import Settings
from tests.conftest import DatabaseMaker
from tests.everything import one_of_everything
from tests.hospital import (
    ALICE,
    BOB,
    CHARLIE,
    DORA,
    ERIC,
    FANNY,
    GUY,
    HOSPITAL_A,
    HOSPITAL_B,
    KEYRING,
)
from tests.pages import words
from tracker import app as composition
from tracker import clock, db, http
from tracker.accounts import service as accounts
from tracker.accounts.models import Person
from tracker.accounts.rules import SessionPolicy
from tracker.accounts.views import LOCALE_COOKIE, SESSION_COOKIE
from tracker.actor import Actor, Permission, Role
from tracker.app import create_app
from tracker.db import Database, transaction
from tracker.outbox import jobs
from tracker.outbox.transport import mailbox_of

STAFF = (ALICE, BOB, CHARLIE, DORA, ERIC, FANNY)
POLICY = SessionPolicy(idle=timedelta(hours=1), longest=timedelta(hours=12))
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
ALSO_NEEDS = {"outbox.mail_file": Permission.DEROGATION_READ}
"""Routes that need a second right: a message is seen by more people than the file that goes with it."""
ENDS_SESSION = {"accounts.log_out", "accounts.revoke_session", "accounts.change_password"}
NO_BODY = {"GET", "HEAD", "OPTIONS"}


@cache
def every_rule() -> tuple[Rule, ...]:
    """Return the addresses of the program, without its static files; nothing is connected for that."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.from_env({"TRACE59_VAR_DIRECTORY": folder})
    nowhere = db.create_database("postgresql+psycopg://", KEYRING)
    rules = create_app(settings, nowhere).url_map.iter_rules()
    return tuple(sorted((rule for rule in rules if not rule.endpoint.endswith("static")), key=lambda rule: rule.rule))


CALLS = [(rule, method) for rule in every_rule() for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]
CALLS_WITH_ID = [(rule, method) for rule, method in CALLS if rule.arguments - {"code", "key", "position"}]


def named(calls: list[tuple[Rule, str]]) -> list[str]:
    return [f"{method} {rule.rule}" for rule, method in calls]


@dataclass(frozen=True, slots=True)
class Ground:
    """The application on a database where hospital A has one of everything."""

    app: Flask
    database: Database
    arguments: dict[str, object]
    """What stands in each address, by the name of its variable."""

    def address(self, rule: Rule) -> str:
        """Return the address of a rule for what hospital A has."""
        values = {name: self.arguments[name] for name in rule.arguments}
        with self.app.test_request_context():
            address: str = self.app.url_map.bind("localhost").build(rule.endpoint, values)
        return address


@pytest.fixture(scope="module")
def ground(make_database: DatabaseMaker, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The application on one database for the whole walk."""
    name, folder = make_database.copy(template), tmp_path_factory.mktemp("var")
    database = db.create_database(make_database.app_url(name), KEYRING)
    with transaction(database, HOSPITAL_A) as session:
        arguments = one_of_everything(session)
    jobs.deliver(database, clock.utc_now(), transport_for=lambda _: mailbox_of(folder), sender="t@localhost")
    with transaction(database, HOSPITAL_B) as session:
        session.execute(update(Person).where(Person.id == GUY.id).values(roles=[role.value for role in Role]))
    yield Ground(create_app(Settings.from_env({"TRACE59_VAR_DIRECTORY": str(folder)}), database), database, arguments)
    database.dispose()
    make_database.drop(name)


@dataclass
class Walker:
    """A person who tries addresses, with a browser that holds their session and their form token."""

    ground: Ground
    actor: Actor
    client: FlaskClient
    form_token: str

    def call(self, rule: Rule, method: str) -> TestResponse:
        """Try one address as a real form or a real program would."""
        headers = {"X-CSRFToken": self.form_token}
        address = self.ground.address(rule)
        if rule.rule.startswith("/api/") and method not in NO_BODY:
            return self.client.open(address, method=method, json={}, headers=headers)
        return self.client.open(address, method=method, headers=headers)


@pytest.fixture(scope="module")
def walker(ground: Ground) -> Callable[[Actor], Walker]:
    """Maker of walkers; each keeps their session until they end it."""

    @cache
    def log_in(actor: Actor) -> Walker:
        with transaction(ground.database, actor.establishment_id) as session:
            token = accounts.open_session(session, actor=actor, policy=POLICY, user_agent="walk", now=clock.utc_now())
        client = ground.app.test_client()
        client.set_cookie(SESSION_COOKIE, token)
        client.set_cookie(LOCALE_COOKIE, "en")
        found = TOKEN.search(client.get("/account").text)
        assert found is not None
        return Walker(ground, actor, client, found[1])

    def walk(actor: Actor) -> Walker:
        return log_in(actor)

    walk.__dict__["forget"] = log_in.cache_clear
    return walk


def declared(ground: Ground, rule: Rule) -> Permission | str:
    permission = http.permission_of(ground.app, rule.endpoint)
    assert permission is not None
    return permission


@pytest.mark.parametrize(("rule", "method"), CALLS, ids=named(CALLS))
def test_each_role_may_do_what_the_route_declares_and_no_more(
    ground: Ground, walker: Callable[[Actor], Walker], rule: Rule, method: str
) -> None:
    permission = declared(ground, rule)

    answered = {}
    for actor in STAFF:
        answered[actor] = walker(actor).call(rule, method).status_code
        if rule.endpoint in ENDS_SESSION:
            walker.__dict__["forget"]()

    needed = {permission, ALSO_NEEDS.get(rule.endpoint, permission)} - {http.PUBLIC}
    may = {actor: needed <= actor.permissions for actor in STAFF}
    fails = {actor.display_name: status for actor, status in answered.items() if status >= 500}
    refused = {actor.display_name for actor, status in answered.items() if status in {401, 403}}
    assert refused == {actor.display_name for actor in STAFF if not may[actor]}
    assert fails == {} or rule.endpoint == "health"  # no worker runs here, and the health page says so


@pytest.mark.parametrize(("rule", "method"), CALLS, ids=named(CALLS))
def test_nobody_gets_in_without_logging_in(ground: Ground, rule: Rule, method: str) -> None:
    answer = ground.app.test_client().open(ground.address(rule), method=method)

    if declared(ground, rule) == http.PUBLIC:
        assert answer.status_code not in {401, 403}
        assert not (answer.location or "").startswith("/login?next")
    elif rule.rule.startswith("/api/"):
        assert (answer.status_code, answer.get_json()["type"]) == (401, "not-logged-in")
    else:
        assert answer.status_code == 303
        assert answer.location.startswith("/login?next=/")


@pytest.mark.parametrize(("rule", "method"), CALLS_WITH_ID, ids=named(CALLS_WITH_ID))
def test_a_stranger_of_another_hospital_finds_nothing_whatever_their_roles(
    ground: Ground, walker: Callable[[Actor], Walker], rule: Rule, method: str
) -> None:
    answer = walker(GUY).call(rule, method)

    said = words(answer)
    assert answer.status_code in ({404} if method == "GET" else {404, 422})
    assert not [name for name in ("MARTIN", "SCORE", "Amplitude", "Alice") if name in said]


@pytest.mark.parametrize(
    ("rule", "method"),
    [(rule, method) for rule, method in CALLS_WITH_ID if method == "GET"],
    ids=[name for name in named(CALLS_WITH_ID) if name.startswith("GET")],
)
def test_what_the_stranger_does_not_find_is_really_there(
    ground: Ground, walker: Callable[[Actor], Walker], rule: Rule, method: str
) -> None:
    permission = declared(ground, rule)
    actor = next(actor for actor in STAFF if permission in actor.permissions)

    assert walker(actor).call(rule, method).status_code == 200


@pytest.mark.parametrize(
    ("rule", "method"),
    [(rule, method) for rule, method in CALLS if method not in NO_BODY],
    ids=[name for name in named(CALLS) if not name.startswith("GET")],
)
def test_a_forged_form_is_refused_everywhere_whoever_is_logged_in(
    ground: Ground, walker: Callable[[Actor], Walker], rule: Rule, method: str
) -> None:
    permission = declared(ground, rule)
    actor = next(actor for actor in STAFF if permission in {*actor.permissions, http.PUBLIC})

    answer = walker(actor).client.open(ground.address(rule), method=method)

    assert answer.status_code == 400
    assert "form-forged" in answer.text


def test_every_permission_opens_a_route() -> None:
    """A permission that no route asks for is a right nobody can use, or a route that asks for too little."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.from_env({"TRACE59_VAR_DIRECTORY": folder})
    app = create_app(settings, db.create_database("postgresql+psycopg://", KEYRING))

    asked = {http.permission_of(app, rule.endpoint) for rule in app.url_map.iter_rules()}

    assert set(Permission) - asked == {Permission.WARNING_READ}


def test_a_route_that_declares_nothing_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(app: Flask) -> None:
        app.add_url_rule("/careless", "careless", lambda: "")

    monkeypatch.setattr(composition, "_dress", careless)

    with pytest.raises(RuntimeError, match="routes without a declared permission: careless"):
        create_app(
            Settings.from_env({"TRACE59_VAR_DIRECTORY": str(tmp_path)}),
            db.create_database("postgresql+psycopg://", KEYRING),
        )
