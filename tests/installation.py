"""One installation as an administrator runs it: the program's own commands, in processes that a test may kill."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from sqlalchemy import text

from config.demonstration import new_keys
from config.settings import Settings
from tracker import commands, db, maintenance
from tracker.app import keyring_of

ROOT = Path(__file__).parent.parent
_START_SECONDS = 60
_STOP_SECONDS = 30
_ANSWER_SECONDS = 20
_POLL_SECONDS = 0.05
NO_ANSWER = (OSError, HTTPException)
"""What a client sees of a server that dies."""
_OURS = ("TRACE59_", "DATABASE_")


class Installation:
    """Settings of one installation, and the processes that run on it."""

    def __init__(self, var: Path, given: Mapping[str, str]) -> None:
        """Choose a free port; ``given`` are variables of the environment, those of the tests' own are left out."""
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        own = {"TRACE59_VAR_DIRECTORY": str(var), "TRACE59_PORT": str(self.port), "TRACE59_LOG_LEVEL": "WARNING"}
        self.settings = Settings.from_env({**own, **given})
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        self.environ = {**inherited, **own, **given}
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, command: str = "serve") -> subprocess.Popen[bytes]:
        """Start the web server, or everything, in a session of its own, and wait until it answers."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tracker", command],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._processes.append(process)
        self._wait_for_answer(process)
        return process

    def _wait_for_answer(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until a page answers.

        Raises:
            TimeoutError: none did, or the process ended.
        """
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                self.ask("GET", "/login")
            except NO_ANSWER:
                time.sleep(_POLL_SECONDS)
            else:
                return
        raise TimeoutError(f"no answer from {self.address}; the process ended with {process.poll()}")

    def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, token: str = ""
    ) -> tuple[int, bytes]:
        """Send one request of the API on a connection of its own and return status and content."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_SECONDS)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "tracker", *arguments],
            cwd=ROOT,
            env=self.environ,
            check=False,
            capture_output=True,
            text=True,
            timeout=_START_SECONDS,
        )

    def stop(self) -> None:
        """Stop what still runs, as an administrator does."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                kill(process)
        self._processes.clear()


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all it started in its session, as a power cut would: nothing can be caught."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    """Return a port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def production_environ(app_url: str, owner_url: str) -> dict[str, str]:
    """Return what production needs in its environment: secrets, the addresses of the database, an HTTPS address."""
    return {
        **new_keys(),
        "TRACE59_MODE": "production",
        "TRACE59_PUBLIC_URL": "https://trace59.hopital.test",
        "DATABASE_URL": app_url,
        "DATABASE_OWNER_URL": owner_url,
    }


def open_hospital(installation: Installation) -> db.Database:
    """Fill an empty database with the demonstration's people and things, as a hospital whose mail may leave."""
    settings = installation.settings
    maintenance.migrate(str(settings.database_owner_url))
    database = db.create_database(str(settings.database_url), keyring_of(settings))
    commands.load_house(database)
    with db.transaction(database, None) as session:
        session.execute(text("update establishment set is_demonstration = false, name = 'Hôpital de la Marche'"))
    return database
