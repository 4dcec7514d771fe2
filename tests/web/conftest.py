"""The application on a database of the test alone, and people who are logged in to it."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from config.settings import Settings
from tests.hospital import ALICE, HOSPITAL_A
from tests.stock import make_definition, make_derogation, make_manufacturer
from tracker import clock, db
from tracker.accounts import service as accounts
from tracker.accounts.rules import SessionPolicy
from tracker.accounts.views import SESSION_COOKIE
from tracker.actor import Actor
from tracker.app import create_app
from tracker.arrivals import service as arrivals
from tracker.arrivals.queries import NewReception

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_POLICY = SessionPolicy(idle=timedelta(hours=1), longest=timedelta(hours=12))


class Person:
    """A person in front of a browser: reads pages, sends forms with the token of their session."""

    def __init__(self, client: FlaskClient, actor: Actor) -> None:
        self.client = client
        self.actor = actor
        self._token = ""

    def get(self, address: str, **options: object) -> TestResponse:
        """Open a page."""
        return self.client.get(address, **options)

    def post(self, address: str, data: dict[str, object] | None = None, **options: object) -> TestResponse:
        """Send a form that really comes from this session."""
        if not self._token:
            found = _TOKEN.search(self.client.get("/account").text)
            self._token = found.group(1) if found else ""
        answer = self.client.post(address, data={"csrf_token": self._token, **(data or {})}, **options)
        answer.request.environ["wsgi.input"].close()  # the client spools a large form to a file, and forgets it
        return answer

    def fragment(self, address: str, data: dict[str, object] | None = None) -> TestResponse:
        """Send a form as the page's script does."""
        return self.post(address, data, headers={"X-Fragment": "1"})


class Program:
    """A program that speaks to the API with a token of its owner."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self.client = client
        self._headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}

    def get(self, address: str) -> TestResponse:
        """Read."""
        return self.client.get(address, headers=self._headers)

    def post(self, address: str, body: object) -> TestResponse:
        """Send JSON."""
        return self.client.post(address, json=body, headers=self._headers)


@pytest.fixture
def app(database: db.Database, tmp_path: Path) -> Flask:
    """The application, as the demonstration runs it."""
    return create_app(Settings.from_env({"TRACE59_VAR_DIRECTORY": str(tmp_path)}), database)


@pytest.fixture
def bench(database: db.Database) -> UUID:
    """An open delivery, with SCORE under a derogation in force on the day of the test."""
    now = clock.utc_now()
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        make_definition(session, manufacturer_id=maker)
        make_derogation(session, maker, valid_until=clock.paris_day(now) + timedelta(200))
        new = NewReception(supplier="Amplitude", delivery_note="BL-1")
        return arrivals.open_reception(session, db.new_id(), new=new, actor=ALICE, now=now).id


@pytest.fixture
def person(app: Flask, database: db.Database) -> Callable[[Actor], Person]:
    """Maker of people who are logged in."""

    def log_in(actor: Actor) -> Person:
        with db.transaction(database, actor.establishment_id) as session:
            token = accounts.open_session(session, actor=actor, policy=_POLICY, user_agent="test", now=clock.utc_now())
        client = app.test_client()
        client.set_cookie(SESSION_COOKIE, token)
        client.set_cookie("trace59_locale", "en")
        return Person(client, actor)

    return log_in


@pytest.fixture
def program(app: Flask, database: db.Database) -> Callable[[Actor], Program]:
    """Maker of programs that hold a token."""

    def with_token(actor: Actor) -> Program:
        with db.transaction(database, actor.establishment_id) as session:
            _row, secret = accounts.create_token(
                session, name="test", lifetime=timedelta(days=1), actor=actor, now=clock.utc_now()
            )
        return Program(app.test_client(), secret)

    return with_token
