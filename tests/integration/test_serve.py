"""The whole program, started for real: each of its processes may be killed, and everything comes back."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tracker import serve
from tracker.serve import ServeFailed

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120


class Program:
    """``python -m tracker run`` on a folder and a port of its own."""

    def __init__(self, var: Path, port: int) -> None:
        self.var, self.port = var, port
        self._log = (var / "log").open("ab")
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("TRACE59", "DATABASE"))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tracker", "run"],
            cwd=ROOT,
            env={**environ, "TRACE59_VAR_DIRECTORY": str(var), "TRACE59_PORT": str(port)},
            stdout=self._log,
            stderr=self._log,
        )

    def health(self) -> dict[str, Any] | None:
        """Return what the health page says, None when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                state: dict[str, Any] = json.load(answer)
                return state
        except (urllib.error.URLError, OSError):
            return None

    def is_well(self) -> bool:
        """Test whether pages, database and worker all answer."""
        return (self.health() or {}).get("status") == "ok"

    def child(self, command: str) -> psutil.Process:
        """Return the running child of a command."""
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                if command in child.cmdline():
                    return child
        raise LookupError(command)

    def postmaster(self) -> int:
        """Return the number of the database's first process."""
        return int((self.var / "pg" / "data" / "postmaster.pid").read_text().split()[0])

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with suppress(LookupError, FileNotFoundError, IndexError, psutil.Error):
                if condition():
                    return
            time.sleep(0.1)
        raise AssertionError((self.var / "log").read_text()[-3000:])

    def stop(self) -> int:
        """Press Ctrl-C and return the status."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(PATIENCE_SECONDS)
        self._log.close()
        return status

    def kill(self) -> None:
        """Kill the supervising process only."""
        self.process.kill()
        self.process.wait()
        self._log.close()


def is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def programs() -> Iterator[list[Program]]:
    """Every program of this module, on one folder and one port; the last is the present one."""
    var = Path(tempfile.mkdtemp(prefix="trace59-serve-"))
    started = [Program(var, free_port())]
    yield started
    if started[-1].process.poll() is None:
        started[-1].stop()


@pytest.fixture
def running(programs: list[Program]) -> Program:
    """A program that answers; started again when the test before stopped it."""
    if programs[-1].process.poll() is not None:
        programs.append(Program(programs[-1].var, programs[-1].port))
    programs[-1].wait_for(programs[-1].is_well)
    return programs[-1]


def test_the_first_start_says_where_it_is_and_how_to_log_in(running: Program) -> None:
    running.wait_for(lambda: "Ctrl-C" in (running.var / "log").read_text())
    said = (running.var / "log").read_text()

    assert f"http://127.0.0.1:{running.port}" in said
    assert "password" in said
    assert (running.var / "keys.json").stat().st_mode & 0o777 == 0o600


def test_children_never_see_the_owners_address(running: Program) -> None:
    environ = running.child("serve").environ()

    assert "trace59_app@" in environ["DATABASE_URL"]
    assert "DATABASE_OWNER_URL" not in environ


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_killed_child_is_started_again(running: Program, command: str) -> None:
    killed = running.child(command)

    killed.kill()

    running.wait_for(lambda: running.child(command).pid != killed.pid and running.is_well())


def test_a_killed_database_is_started_again(running: Program) -> None:
    killed = running.postmaster()

    os.kill(killed, signal.SIGKILL)

    running.wait_for(lambda: running.postmaster() != killed and running.is_well())


def test_after_kill_9_of_the_program_its_children_leave_and_the_next_start_takes_the_database_over(
    running: Program, programs: list[Program]
) -> None:
    children = [running.child("serve"), running.child("worker")]
    database = running.postmaster()

    running.kill()
    programs.append(Program(running.var, running.port))
    programs[-1].wait_for(lambda: not any(is_alive(child) for child in children))
    programs[-1].wait_for(programs[-1].is_well)

    assert programs[-1].postmaster() == database


def test_ctrl_c_stops_everything_in_order(running: Program) -> None:
    processes = [*psutil.Process(running.process.pid).children(recursive=True), psutil.Process(running.postmaster())]
    before = len((running.var / "log").read_text())

    status = running.stop()

    assert status == 0
    assert not any(is_alive(process) for process in processes)
    assert not (running.var / "pg" / "data" / "postmaster.pid").exists()
    assert "Traceback" not in (running.var / "log").read_text()[before:]


def test_a_port_that_is_taken_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_PORT_SECONDS", 0.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(ServeFailed, match="choose another: TRACE59_PORT="):
            serve.wait_for_port("127.0.0.1", taken.getsockname()[1])
