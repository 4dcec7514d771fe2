"""The processes of one installation: database, web server, worker; started, watched, restarted and stopped together.

``run`` keeps two children alive: ``serve`` (the web server with its own worker processes) and ``worker`` (the
scheduler). Each child holds the reading end of a pipe and stops by itself when this process is gone, however it ended,
so that nothing keeps the port or runs twice.
"""

import atexit
import contextlib
import gc
import logging
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from config.settings import Settings
from tracker import clock, embedded, maintenance
from tracker.app import create_app
from tracker.embedded import EmbeddedServer

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).parent.parent
_WATCH_SECONDS = 0.5
_STOP_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 60.0
_PORT_SECONDS = 10.0
_GC_THRESHOLDS = (20_000, 20, 20)
"""A page makes some ten thousand short-lived objects; at Python's own 700 each one set off a dozen collections."""
_OWNER_VARIABLES = ("DATABASE_OWNER_URL", "DATABASE_OWNER_URL_FILE", "DATABASE_URL_FILE")


class ServeFailed(Exception):
    """The program cannot start here; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Settings with the addresses of a database that answers, and the embedded server behind them if there is one."""

    settings: Settings
    server: EmbeddedServer | None

    @property
    def app_url(self) -> str:
        """Address for the program's role."""
        return str(self.settings.database_url)


@contextmanager
def installation(settings: Settings) -> Iterator[Installation]:
    """Make sure that a database answers; the embedded one is stopped at the end unless another process uses it."""
    if settings.database_url:
        yield Installation(settings, None)
        return
    server = embedded.start(settings.var_directory)
    try:
        yield Installation(replace(settings, database_url=server.app_url, database_owner_url=server.owner_url), server)
    finally:
        server.stop()


class _Gunicorn(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """Gunicorn, started from settings instead of a command line."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Give gunicorn its options."""
        for name, value in gunicorn_options(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the application, once for all worker processes: nothing is connected or started before they fork."""
        app = create_app(self._settings)
        gc.collect()
        gc.freeze()  # what stays for ever is never looked at again, and its pages stay shared between the workers
        gc.set_threshold(*_GC_THRESHOLDS)
        atexit.register(gc.unfreeze)  # libraries that count what they made complain of what was never freed
        return app


def gunicorn_options(settings: Settings) -> Mapping[str, Any]:
    """Return gunicorn's options (docs/decisions/0016)."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "bind": f"{host}:{settings.port}",
        "workers": settings.web_workers,
        "worker_class": "gthread",
        "threads": 4,
        "timeout": 60,
        "graceful_timeout": 20,
        "forwarded_allow_ips": "",  # only ProxyFix reads forwarded headers, and only when TRACE59_PROXY_COUNT says so
        "loglevel": "warning",  # that it starts and stops is told by the process that started it
        "preload_app": True,
        "control_socket_disable": True,
        "proc_name": "trace59",
    }


def serve(settings: Settings) -> None:
    """Serve the pages and the API until a signal ends it."""
    _Gunicorn(settings).run()


def prepare_database(ready: Installation) -> None:
    """Migrate where the owner's address is known, then check that the program may run on this database.

    Raises:
        ServeFailed: it may not; one sentence for each reason.
    """
    if ready.settings.database_owner_url:
        maintenance.migrate(ready.settings.database_owner_url)
    problems = maintenance.find_problems(ready.app_url)
    if problems:
        raise ServeFailed("The database is not ready:\n" + "\n".join(f"- {problem}" for problem in problems))


def wait_for_port(host: str, port: int) -> None:
    """Wait until the port is free: the children of a killed start need a moment to leave it.

    Raises:
        ServeFailed: another program keeps it.
    """
    deadline = clock.monotonic_seconds() + _PORT_SECONDS
    while True:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if clock.monotonic_seconds() > deadline:
                    raise ServeFailed(
                        f"Port {port} of {host} cannot be used ({error.strerror}). "
                        "Stop the program that uses it, or choose another: TRACE59_PORT=8060 make run"
                    ) from error
            else:
                return
        threading.Event().wait(_WATCH_SECONDS)


class Child:
    """One process that is kept alive: started again when it ends, each time after a longer pause."""

    def __init__(self, name: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self.name = name
        self._arguments = [sys.executable, "-m", "tracker", *arguments, "--until-stdin-closes"]
        self._environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = _FIRST_PAUSE_SECONDS

    def start(self) -> None:
        """Start the process, in a session of its own: Ctrl-C reaches the parent alone, which then ends it in order."""
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            self._arguments, cwd=_ROOT, env=self._environ, stdin=subprocess.PIPE, start_new_session=True
        )
        self._started = clock.monotonic_seconds()

    def watch(self) -> None:
        """Start the process again when it ended and its pause is over."""
        if self._process is None or self._process.poll() is None:
            return
        ran = clock.monotonic_seconds() - self._started
        if ran < self._pause:
            return
        logger.error(
            "%s ended with status %s after %.0f s; starting it again", self.name, self._process.returncode, ran
        )
        self._pause = _FIRST_PAUSE_SECONDS if ran > _STEADY_SECONDS else min(self._pause * 2, _LONGEST_PAUSE_SECONDS)
        self._close_pipe()
        self.start()

    def ask_to_stop(self) -> None:
        """Ask the process to finish what it does and end."""
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        """Wait for the end, then insist."""
        if self._process is None:
            return
        try:
            self._process.wait(max(seconds, 0.1))
        except subprocess.TimeoutExpired:
            logger.warning("%s does not end; killing it", self.name)
            self._process.kill()
            self._process.wait()
        self._close_pipe()

    def _close_pipe(self) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.close()


def run(ready: Installation, *, environ: Mapping[str, str], announce: Callable[[], None]) -> None:
    """Keep web server and worker alive until a signal ends all.

    Args:
        ready: settings, and the database that answers.
        environ: environment of the children; they get the program's address and never the owner's.
        announce: called once, when the web server answers.
    """
    settings = ready.settings
    wait_for_port(settings.host, settings.port)
    given = {name: value for name, value in environ.items() if name not in _OWNER_VARIABLES}
    given["DATABASE_URL"] = ready.app_url
    children = [Child("web server", ["serve"], given), Child("worker", ["worker"], given)]
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stopping.set())
    for child in children:
        child.start()
    try:
        _watch(ready, children, stopping=stopping, announce=announce)
    finally:
        for child in children:
            child.ask_to_stop()
        deadline = clock.monotonic_seconds() + _STOP_SECONDS
        for child in children:
            child.wait(deadline - clock.monotonic_seconds())


def _watch(
    ready: Installation, children: Sequence[Child], *, stopping: threading.Event, announce: Callable[[], None]
) -> None:
    is_announced = False
    while not stopping.wait(_WATCH_SECONDS):
        for child in children:
            child.watch()
        if ready.server and not ready.server.is_running():
            logger.error("PostgreSQL ended; starting it again")
            embedded.start(ready.settings.var_directory).share.close()
        if not is_announced and _answers(ready.settings.host, ready.settings.port):
            is_announced = True
            announce()


def _answers(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=_WATCH_SECONDS):
        return True
    return False
