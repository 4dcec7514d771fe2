"""PostgreSQL for the tests: one server, one filled template, a copy or a rolled-back transaction for each test.

``session`` is for services: everything it writes is rolled back. ``database`` is for what really commits (pages,
worker, two at once): a copy of the template, dropped afterwards. The server is embedded, unless
``DATABASE_URL_TEST_SUPERUSER`` names another one.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, Engine, NullPool, create_engine, make_url
from sqlalchemy.orm import Session

from tests.hospital import HOSPITAL_A, KEYRING, enter, fill
from tracker import db, embedded, maintenance

_PASSWORD = "trace59"

hypothesis.settings.register_profile("house", deadline=None)  # time is measured in benchmarks/, never in a test
hypothesis.settings.load_profile("house")


@pytest.fixture(scope="session")
def superuser_url() -> Iterator[URL]:
    """Address of a server where databases may be made and dropped."""
    given = os.environ.get("DATABASE_URL_TEST_SUPERUSER")
    if given:
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = Path(tempfile.gettempdir()) / f"trace59-tests-{run[:12]}"
    folder.mkdir(mode=0o711, exist_ok=True)  # not below pytest's own folder, which another run closes
    server = embedded.start(folder, durable=False)
    yield make_url(server.superuser_url)
    if server.stop():
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def administration(superuser_url: URL) -> Iterator[psycopg.Connection]:
    """Connection that makes and drops databases."""
    address = superuser_url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        if "DATABASE_URL_TEST_SUPERUSER" in os.environ:  # one process at a time: pytest without -n
            embedded.create_roles(connection)
            for role in (db.OWNER_ROLE, db.APP_ROLE):
                connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), _PASSWORD))
        yield connection


@pytest.fixture(scope="session")
def make_database(superuser_url: URL, administration: psycopg.Connection) -> "DatabaseMaker":
    """Maker of databases with names of this process."""
    return DatabaseMaker(superuser_url, administration)


class DatabaseMaker:
    """Makes empty databases and copies, each with a name that no other process uses."""

    def __init__(self, superuser_url: URL, administration: psycopg.Connection) -> None:
        self._superuser_url = superuser_url
        self._administration = administration
        self._count = 0

    def empty(self) -> str:
        """Make an empty database of the owner's and return its name."""
        name = self._new_name()
        embedded.create_database(self._administration, name)
        return name

    def copy(self, template: str) -> str:
        """Copy a database nobody is connected to, and return the name of the copy."""
        name = self._new_name()
        query = sql.SQL("create database {} template {} owner {} strategy file_copy").format(
            sql.Identifier(name), sql.Identifier(template), sql.Identifier(db.OWNER_ROLE)
        )
        self._administration.execute(query)
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        self._administration.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    def app_url(self, name: str) -> str:
        """Return the address for the program's role."""
        return self._url(name, db.APP_ROLE)

    def owner_url(self, name: str) -> str:
        """Return the address for the owner's role."""
        return self._url(name, db.OWNER_ROLE)

    def superuser_url(self, name: str) -> str:
        """Return the address for the superuser, whom nothing binds."""
        return self._superuser_url.set(database=name).render_as_string(hide_password=False)

    def _url(self, name: str, role: str) -> str:
        url = self._superuser_url.set(database=name, username=role, password=_PASSWORD)
        return url.render_as_string(hide_password=False)

    def _new_name(self) -> str:
        self._count += 1
        return f"trace59_{os.getpid()}_{self._count}"


@pytest.fixture(scope="session")
def template(make_database: DatabaseMaker) -> Iterator[str]:
    """Name of a database with all tables, the two hospitals and their people."""
    name = make_database.empty()
    maintenance.migrate(make_database.owner_url(name))
    engine = create_engine(make_database.owner_url(name), poolclass=NullPool)
    with Session(engine, info={"keyring": KEYRING}) as session, session.begin():
        fill(session)
    yield name
    make_database.drop(name)


@pytest.fixture(scope="session")
def engine(make_database: DatabaseMaker, template: str) -> Iterator[Engine]:
    """Engine of the program's role on the database whose tests roll back."""
    name = make_database.copy(template)
    shared = create_engine(make_database.app_url(name))
    yield shared
    shared.dispose()
    make_database.drop(name)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """Transaction of hospital A, rolled back at the end of the test; ``enter`` goes to another hospital."""
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(
            connection, expire_on_commit=False, join_transaction_mode="create_savepoint", info={"keyring": KEYRING}
        ) as opened:
            enter(opened, HOSPITAL_A)
            yield opened
        outer.rollback()


@pytest.fixture
def database_name(make_database: DatabaseMaker, template: str) -> Iterator[str]:
    """Name of a database of this test alone."""
    name = make_database.copy(template)
    yield name
    make_database.drop(name)


@pytest.fixture
def database(make_database: DatabaseMaker, database_name: str) -> Iterator[db.Database]:
    """Database of this test alone, as the program uses it: what is written is committed."""
    opened = db.create_database(make_database.app_url(database_name), KEYRING)
    yield opened
    opened.dispose()
