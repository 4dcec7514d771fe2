"""A person at a browser without scripts: the application's own client, logged in."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from html import unescape
from pathlib import Path

from flask import Flask
from werkzeug.test import TestResponse

from config.settings import Settings
from tests.hospital import ALICE
from tracker import clock
from tracker.accounts import service as accounts
from tracker.accounts.rules import SessionPolicy
from tracker.accounts.views import LOCALE_COOKIE, SESSION_COOKIE
from tracker.actor import Actor
from tracker.app import create_app
from tracker.db import Database, transaction

POLICY = SessionPolicy(idle=timedelta(minutes=30), longest=timedelta(hours=12))
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_HIDDEN = re.compile(r'name="request_id"[^>]*value="([^"]+)"')


def make_app(database: Database, var_directory: Path) -> Flask:
    """Return the application on a database of this test."""
    return create_app(Settings.from_env({"TRACE59_VAR_DIRECTORY": str(var_directory)}), database)


def token_of(database: Database, actor: Actor) -> dict[str, str]:
    """Return the header of a program that speaks for a person."""
    with transaction(database, actor.establishment_id) as session:
        _row, secret = accounts.create_token(
            session, name="theatre", lifetime=POLICY.longest, actor=actor, now=clock.utc_now()
        )
    return {"Authorization": f"Bearer {secret}"}


class Visitor:
    """One person logged in, in English unless said otherwise."""

    def __init__(self, app: Flask, database: Database, actor: Actor = ALICE, *, locale: str = "en") -> None:
        self.client = app.test_client()
        self.actor = actor
        with transaction(database, actor.establishment_id) as session:
            token = accounts.open_session(session, actor=actor, policy=POLICY, user_agent="test", now=clock.utc_now())
        self.client.set_cookie(SESSION_COOKIE, token)
        self.client.set_cookie(LOCALE_COOKIE, locale)

    def get(self, path: str) -> TestResponse:
        """Open a page."""
        return self.client.get(path)

    def read(self, path: str) -> str:
        """Open a page that must be there, and return its words."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return words(answer)

    def post(self, path: str, data: Mapping[str, str | Sequence[str]] | None = None) -> TestResponse:
        """Send a form, with the token that every page carries."""
        found = _TOKEN.search(self.get("/account").get_data(as_text=True))
        assert found is not None
        return self.client.post(path, data={"csrf_token": found[1], **(data or {})})


def words(answer: TestResponse) -> str:
    """Return what an answer says, without markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True))).split())


def request_id_of(answer: TestResponse) -> str:
    """Return the request id that a form carries."""
    found = _HIDDEN.search(answer.get_data(as_text=True))
    assert found is not None
    return found[1]
