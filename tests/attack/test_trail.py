"""Attacks on the trail: by the program's own role, by a superuser, and what the administrator then reads."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import DatabaseMaker
from tests.installation import Installation
from tracker.db import Database
from tracker.maintenance import connection_string

REWRITES = (
    "update audit_entry set actor_name = 'Personne' where sequence = 3",
    "update audit_entry set details = '{}' where sequence = 3",
    "delete from audit_entry where sequence = 3",
    "delete from audit_entry",
    "truncate audit_entry",
    "alter table audit_entry disable trigger all",
    "drop table audit_entry",
)


@pytest.fixture
def superuser(make_database: DatabaseMaker, hospital_name: str, hospital: Database) -> Iterator[psycopg.Connection]:
    """Whom nothing binds: not row-level security, not triggers."""
    with psycopg.connect(connection_string(make_database.superuser_url(hospital_name)), autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")  # no trigger fires
        connection.execute("create temporary table kept as select * from audit_entry")
        yield connection
        connection.execute("delete from audit_entry; insert into audit_entry select * from kept")


@pytest.mark.parametrize("statement", REWRITES)
def test_the_programs_own_role_cannot_rewrite_the_trail(
    make_database: DatabaseMaker, hospital_name: str, hospital: Database, statement: str
) -> None:
    with (
        psycopg.connect(connection_string(make_database.app_url(hospital_name)), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


@pytest.mark.parametrize("statement", REWRITES[:4])
def test_the_owner_of_the_tables_is_refused_by_the_database_itself(
    make_database: DatabaseMaker, hospital_name: str, hospital: Database, statement: str
) -> None:
    with (
        psycopg.connect(connection_string(make_database.owner_url(hospital_name)), autocommit=True) as connection,
        pytest.raises(psycopg.Error, match="append"),
    ):
        connection.execute(statement)


def test_a_trail_that_nobody_touched_holds(installation: Installation, hospital: Database) -> None:
    report = installation.run("audit", "verify")

    assert report.returncode == 0
    assert "the chain holds" in report.stdout


def test_an_entry_edited_by_a_superuser_is_named(installation: Installation, superuser: psycopg.Connection) -> None:
    superuser.execute("update audit_entry set actor_name = 'Personne' where sequence = 5")

    report = installation.run("audit", "verify")

    assert report.returncode == 1
    assert "BROKEN at entry 5 (altered)" in report.stderr


def test_an_entry_removed_by_a_superuser_is_named(installation: Installation, superuser: psycopg.Connection) -> None:
    superuser.execute("delete from audit_entry where sequence = 4")

    report = installation.run("audit", "verify")

    assert report.returncode == 1
    assert "BROKEN at entry 4 (missing)" in report.stderr
