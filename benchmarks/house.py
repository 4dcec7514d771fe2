"""The house under measurement: an embedded PostgreSQL, the production server and the floor beside it."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

import psutil
import psycopg
from sqlalchemy import make_url, select

from benchmarks.fill import Shelf, fill
from config.settings import Settings
from tracker import clock, commands, db, demonstration, embedded, maintenance
from tracker.accounts import service as accounts
from tracker.accounts.models import Person
from tracker.accounts.rules import SessionPolicy
from tracker.actor import Role, system_actor
from tracker.app import keyring_of
from tracker.catalogue.models import DeviceDefinition
from tracker.consents import service as consents
from tracker.consents.rules import ConsentEventKind
from tracker.consents.service import NewConsentEvent
from tracker.derogations import service as derogations
from tracker.derogations.rules import DecisionKind
from tracker.derogations.service import NewDecision
from tracker.organisation.models import Ward
from tracker.patients.models import Patient

BENCH_DIRECTORY = Path("var/bench")
_POLICY = SessionPolicy(idle=timedelta(hours=12), longest=timedelta(hours=12))


class House(AbstractContextManager["House"]):
    """Everything that runs while the figures are taken."""

    def __init__(self, *, rows: int) -> None:
        self.rows = rows
        self._stack = ExitStack()
        self._servers: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        BENCH_DIRECTORY.mkdir(parents=True, exist_ok=True)
        server = embedded.start(BENCH_DIRECTORY.absolute())
        self._stack.callback(server.stop)
        _empty(server.superuser_url, server.owner_url)
        self.settings = replace(
            Settings.from_env({"TRACE59_VAR_DIRECTORY": str(BENCH_DIRECTORY)}),
            database_url=server.app_url,
            database_owner_url=server.owner_url,
        )
        maintenance.migrate(server.owner_url)
        self.database = db.create_database(server.app_url, keyring_of(self.settings))
        self._prepare(server)
        self.port, self.floor_port = _free_port(), _free_port()
        self._start("house", [sys.executable, "-m", "tracker", "serve"], environ=self._environ(server), port=self.port)
        floor = [
            sys.executable, "-m", "gunicorn", "benchmarks.floor:create_floor()", "--bind",
            f"127.0.0.1:{self.floor_port}", "--workers", "2", "--worker-class", "gthread", "--threads", "4",
            "--no-control-socket",
        ]  # fmt: skip
        self._start("floor", floor, environ={"FLOOR_URL": _plain(server.app_url)}, port=self.floor_port)
        return self

    def _environ(self, server: embedded.EmbeddedServer) -> dict[str, str]:
        return {
            "TRACE59_VAR_DIRECTORY": str(BENCH_DIRECTORY.absolute()),
            "DATABASE_URL": server.app_url,
            "TRACE59_PORT": str(self.port),
            "TRACE59_LOG_LEVEL": "WARNING",
        }

    def _prepare(self, server: embedded.EmbeddedServer) -> None:
        """Load the demonstration, extend SCORE so that boxes are accepted, fill the shelves."""
        commands.load_house(self.database)
        now = clock.utc_now()
        with db.transaction(self.database, demonstration.ESTABLISHMENT_ID) as session:
            actor = system_actor(demonstration.ESTABLISHMENT_ID)
            derogation_id = demonstration.id_of("derogation:amplitude-score")
            extension = NewDecision(
                derogation_id=derogation_id,
                kind=DecisionKind.EXTENDED,
                effective_from=clock.paris_day(now) - timedelta(days=30),
                valid_until=clock.paris_day(now) + timedelta(days=300),
                source="banc",
            )
            derogations.record_decision(session, db.new_id(), new=extension, actor=actor, now=now)
            patient_id = session.scalars(select(Patient.id)).first()
            emergency = NewConsentEvent(
                patient_id=patient_id or UUID(int=0),
                derogation_id=derogation_id,
                kind=ConsentEventKind.EMERGENCY,
                at=now,
                reason="banc",
            )
            event = consents.record_event(session, db.new_id(), new=emergency, actor=actor, now=now)
            pharmacist, officer = _person(session, Role.PHARMACIST), _person(session, Role.VIGILANCE_OFFICER)
            _token, self.token = accounts.create_token(
                session, name="bench", lifetime=timedelta(days=1), actor=accounts.actor_of(pharmacist), now=now
            )
            self.cookie = accounts.open_session(
                session, actor=accounts.actor_of(pharmacist), policy=_POLICY, user_agent="bench", now=now
            )
            shelf = Shelf(
                definition_ids=tuple(session.scalars(select(DeviceDefinition.id).order_by(DeviceDefinition.reference))),
                derogation_id=derogation_id,
                consent_event_id=event.id,
                person_id=officer.id,
                ward_id=session.scalars(select(Ward.id)).first() or UUID(int=0),
            )
        with psycopg.connect(_plain(server.superuser_url), dbname="trace59", autocommit=True) as connection:
            fill(connection, shelf, self.database.keyring, rows=self.rows)
            connection.execute("create table floor_read (id int primary key, value text)")
            connection.execute("insert into floor_read select n, repeat('x', 200) from generate_series(1, 10000) n")
            connection.execute("create table floor_write (id uuid primary key, value text)")
            connection.execute(f"grant select, insert on floor_read, floor_write to {db.APP_ROLE}")

    def _start(self, name: str, arguments: list[str], *, environ: dict[str, str], port: int) -> None:
        process = subprocess.Popen(arguments, env=os.environ | environ, start_new_session=True)
        self._servers[name] = process
        self._stack.callback(_stop, process)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5).close()
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise TimeoutError(f"{name} did not answer on port {port}")

    def csrf_token(self, path: str) -> tuple[str, str]:
        """Return a form token and the cookie it belongs to, from a page of the pharmacist."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Cookie": f"trace59_session={self.cookie}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            page = answer.read().decode()
            form_cookie = answer.headers["Set-Cookie"].partition(";")[0]
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert found, "no form on this page"
        return found[1], f"trace59_session={self.cookie}; {form_cookie}"

    def memory(self) -> dict[str, float]:
        """Return the proportional set size of each server with its workers, in MB."""
        sizes = {}
        for name, process in self._servers.items():
            parent = psutil.Process(process.pid)
            family = [parent, *parent.children(recursive=True)]
            sizes[name] = round(sum(member.memory_full_info().pss for member in family) / 1e6, 1)
        return sizes

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _person(session: db.Session, role: Role) -> Person:
    return next(person for person in session.scalars(select(Person)) if role in person.roles)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _empty(superuser_url: str, owner_url: str) -> None:
    """Drop what an earlier run left."""
    name = make_url(owner_url).database
    with psycopg.connect(_plain(superuser_url), dbname="postgres", autocommit=True) as connection:
        connection.execute(f'drop database if exists "{name}" with (force)')
        connection.execute(f'create database "{name}" owner {db.OWNER_ROLE}')
