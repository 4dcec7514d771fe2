"""Kill -9 while boxes are received: what was acknowledged is there, once, whatever the clients repeat."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from tests.installation import NO_ANSWER, Installation, kill
from tracker import clock, db, demonstration
from tracker.accounts import queries as people
from tracker.accounts import service as accounts
from tracker.actor import Role
from tracker.app import keyring_of
from tracker.db import Database
from tracker.maintenance import connection_string

pytestmark = pytest.mark.enable_socket

LABEL = "]d201020590000110191740123110A1"  # GTIN of DEMO-INS-M12, last day 31/12/2040, lot A1
CLIENTS = 4
PATIENCE_SECONDS = 90
PAUSE_SECONDS = 0.02


@dataclass
class Bench:
    """Clients that receive boxes, each asking with the same id until it is answered."""

    installation: Installation
    token: str
    reception_id: UUID = field(default_factory=db.new_id)
    acknowledged: dict[str, str] = field(default_factory=dict)
    """Unit number by id of the request."""
    unanswered_count: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)
    """Set when nothing more happens to the server: until then the clients go on, so that every blow hits somebody."""

    def open(self) -> None:
        """Open a delivery."""
        body = {"id": str(self.reception_id), "supplier": "Transporteur"}
        status, answer = self.installation.ask("POST", "/api/v1/receptions", body, token=self.token)
        assert status == 200, answer

    def receive_while(self, harm: Callable[[], None]) -> None:
        """Let every client receive boxes while something happens to the server."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._receive_on) for _client in range(CLIENTS)]
            try:
                harm()
            finally:
                self.is_over.set()
            for client in clients:
                client.result()

    def _receive_on(self) -> None:
        while not self.is_over.is_set():
            line_id = str(db.new_id())
            deadline = time.monotonic() + PATIENCE_SECONDS
            while (number := self.ask_for(line_id)) is None and time.monotonic() < deadline:
                time.sleep(PAUSE_SECONDS)
            assert number, "the server never came back"
            self.acknowledged[line_id] = number

    def ask_for(self, line_id: str) -> str | None:
        """Send one request and return the unit's number, None without a good answer."""
        path = f"/api/v1/receptions/{self.reception_id}/lines"
        try:
            status, content = self.installation.ask("POST", path, {"id": line_id, "text": LABEL}, token=self.token)
        except NO_ANSWER:
            self.unanswered_count += 1
            return None
        if status >= 500:  # the database is away
            self.unanswered_count += 1
            return None
        answer = json.loads(content)
        assert (status, answer["outcome"]) == (200, "accepted"), answer
        return str(answer["unit_number"])

    def wait_for(self, count: int) -> None:
        """Wait until so many boxes are acknowledged."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.acknowledged) < count and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS / 4)
        assert len(self.acknowledged) >= count


def make_token(database: Database) -> str:
    """Return a token of the pharmacist's."""
    with db.transaction(database, demonstration.ESTABLISHMENT_ID) as session:
        [pharmacist] = [one for one in people.list_people(session) if Role.PHARMACIST in one.roles]
        actor = accounts.actor_of(pharmacist)
        _token, secret = accounts.create_token(
            session, name="bench", lifetime=timedelta(days=1), actor=actor, now=clock.utc_now()
        )
        return secret


def check_nothing_lost_nothing_twice(bench: Bench, app_url: str) -> None:
    """Check what the database holds against what the clients were told."""
    with psycopg.connect(connection_string(app_url)) as connection:
        hospital = str(demonstration.ESTABLISHMENT_ID)
        connection.execute("select set_config('trace59.establishment_id', %s, false)", [hospital])
        lines = connection.execute(
            "select id::text, device_id from reception_line where reception_id = %s", [bench.reception_id]
        ).fetchall()
    assert {line_id for line_id, _device in lines} == set(bench.acknowledged)
    assert len(lines) == len({device for _id, device in lines}) > 0
    assert len(set(bench.acknowledged.values())) == len(bench.acknowledged)
    again = {line_id: bench.ask_for(line_id) for line_id in list(bench.acknowledged)[::5]}
    assert again == {line_id: bench.acknowledged[line_id] for line_id in again}


@pytest.fixture(autouse=True)
def nothing_left_running(installation: Installation) -> Iterator[None]:
    """Stop what a test started: on the same port the next one would ask it, and kill another."""
    yield
    installation.stop()


def test_a_killed_web_server_loses_nothing_acknowledged_and_makes_nothing_twice(
    installation: Installation, hospital: Database
) -> None:
    web = installation.start()
    bench = Bench(installation, make_token(hospital))
    bench.open()

    def kill_three_times() -> None:
        running = web
        for count in (5, 25, 50):
            bench.wait_for(count)
            kill(running)
            running = installation.start()

    bench.receive_while(kill_three_times)

    assert bench.unanswered_count > 0
    check_nothing_lost_nothing_twice(bench, str(installation.settings.database_url))


def test_one_request_from_many_clients_at_once_makes_one_unit(installation: Installation, hospital: Database) -> None:
    installation.start()
    bench = Bench(installation, make_token(hospital))
    bench.open()
    line_id = str(db.new_id())

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(bench.ask_for, [line_id] * 16))

    assert len(set(numbers)) == 1
    assert None not in numbers


@pytest.fixture
def demonstration_house(tmp_path: Path) -> Iterator[Installation]:
    """What ``make run`` starts: the embedded PostgreSQL, the web server and the worker."""
    made = Installation(tmp_path / "var", {})
    yield made
    made.stop()


def test_a_killed_database_loses_nothing_acknowledged(demonstration_house: Installation) -> None:
    running = demonstration_house.start("run")
    app_url = demonstration_house.run("database", "url").stdout.strip()
    database = db.create_database(app_url, keyring_of(demonstration_house.settings))
    bench = Bench(demonstration_house, make_token(database))
    database.dispose()
    bench.open()

    def kill_database_then_everything() -> None:
        bench.wait_for(20)
        os.kill(postmaster_pid(demonstration_house), signal.SIGKILL)
        bench.wait_for(45)
        os.kill(postmaster_pid(demonstration_house), signal.SIGKILL)
        kill(running)
        demonstration_house.start("run")

    bench.receive_while(kill_database_then_everything)

    assert bench.unanswered_count > 0
    check_nothing_lost_nothing_twice(bench, app_url)
    assert demonstration_house.run("audit", "verify").returncode == 0


def postmaster_pid(house: Installation) -> int:
    """Return the number of PostgreSQL's first process."""
    return int((house.settings.var_directory / "pg" / "data" / "postmaster.pid").read_text().split()[0])
