"""What an administrator does to the database as a whole: migrate, check, back up, restore.

These work on PostgreSQL itself, beneath the establishments: they need the owner's address, never the program's.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, NullPool, create_engine, make_url, text

from tracker import embedded

_ROOT = Path(__file__).parent.parent
_OLDEST_VERSION = 15
_VERSION_IS_READABLE = "select has_table_privilege(to_regclass('public.alembic_version'), 'SELECT')"
_BINDING_CHECKS = {
    "select rolsuper from pg_roles where rolname = current_user": (
        "the role is a superuser: row-level security and the append-only trail would not bind it"
    ),
    "select rolbypassrls from pg_roles where rolname = current_user": (
        "the role has BYPASSRLS: it would see every establishment"
    ),
    "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace"
    " where n.nspname = 'public' and c.relkind in ('r', 'p') and pg_has_role(current_user, c.relowner, 'member'))": (
        "the role owns tables: row-level security would not bind it"
    ),
    "select has_table_privilege(current_user, c.oid, 'UPDATE') or has_table_privilege(current_user, c.oid, 'DELETE')"
    " from pg_class c where c.oid = to_regclass('public.audit_entry')": (
        "the role may rewrite the trail: run the migrations again as the owner"
    ),
}


class MaintenanceRefused(Exception):
    """The database cannot be worked on as asked; the text says why and what to do."""


def alembic_config(owner_url: str) -> Config:
    """Return the configuration of the migrations for one database."""
    return Config(toml_file=str(_ROOT / "pyproject.toml"), attributes={"url": owner_url})


def migrate(owner_url: str) -> None:
    """Bring the tables to the newest version; several callers at once wait for each other."""
    command.upgrade(alembic_config(owner_url), "head")


def find_problems(app_url: str) -> Sequence[str]:
    """Return one sentence for each reason why the program must not run on this database; none when all is well."""
    engine = create_engine(app_url, poolclass=NullPool)
    with engine.connect() as connection:
        problems = [sentence for query, sentence in _BINDING_CHECKS.items() if connection.scalar(text(query))]
        return [*_version_problems(connection), *problems]


def _version_problems(connection: Connection) -> Sequence[str]:
    problems = []
    version = int(connection.scalar(text("select current_setting('server_version_num')::int")) or 0) // 10_000
    if version < _OLDEST_VERSION:
        problems.append(f"PostgreSQL {version} is too old: {_OLDEST_VERSION} or newer is needed")
    newest = ScriptDirectory.from_config(alembic_config("")).get_current_head()
    is_readable = connection.scalar(text(_VERSION_IS_READABLE))
    found = MigrationContext.configure(connection).get_current_revision() if is_readable else None
    if found != newest:
        problems.append(
            f"the tables are at version {found or 'none'}, the program needs {newest}: "
            "run 'python -m tracker database migrate'"
        )
    return problems


def back_up(owner_url: str, target: Path) -> None:
    """Write the whole database to one new file, which holds every establishment but not the keys.

    Raises:
        MaintenanceRefused: the file exists, or PostgreSQL refuses.
    """
    if target.exists():
        raise MaintenanceRefused(f"{target} exists already; choose a new name")
    unfinished = target.with_name(f"{target.name}.unfinished")
    unfinished.touch(mode=0o600)
    unfinished.chmod(0o600)
    _run_client("pg_dump", owner_url, "--format=custom", "--no-password", f"--file={unfinished}")
    unfinished.rename(target)


def restore(owner_url: str, source: Path) -> None:
    """Fill an empty database from a backup, whole or not at all, then migrate it.

    Raises:
        MaintenanceRefused: the database is not empty, or PostgreSQL refuses.
    """
    engine = create_engine(owner_url, poolclass=NullPool)
    with engine.connect() as connection:
        count = connection.scalar(text("select count(*) from pg_tables where schemaname = 'public'"))
    if count:
        raise MaintenanceRefused(f"the database already has {count} tables; a backup is restored into an empty one")
    _run_client(
        "pg_restore", owner_url, "--single-transaction", "--exit-on-error", "--no-owner", "--no-password", str(source)
    )
    migrate(owner_url)


def connection_string(url: str, **changes: str | None) -> str:
    """Return an address as PostgreSQL's own programs read it; ``changes`` replace or, with None, leave out parts."""
    address = make_url(url)
    parts: dict[str, object] = {
        "host": address.host,
        "port": address.port,
        "user": address.username,
        "password": address.password,
        "dbname": address.database,
        **address.query,
        **changes,
    }
    return make_conninfo(**{name: str(value) for name, value in parts.items() if value is not None})


def _run_client(name: str, url: str, *arguments: str) -> None:
    location = connection_string(url, password=None)
    password = str(make_url(url).password or "")
    environ = {"PATH": os.defpath, "PGPASSWORD": password}  # not on the command line, where other users read it
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs, no shell
        [embedded.program(name), *arguments, f"--dbname={location}"],
        env=environ,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise MaintenanceRefused(f"{name} failed: {done.stderr.strip()[-2000:]}")
