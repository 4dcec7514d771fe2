"""What the administrator reads after a superuser, whom nothing binds, has rewritten the trail."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import DatabaseMaker
from tests.installation import Installation
from tracker.db import Database
from tracker.maintenance import connection_string


@pytest.fixture
def superuser(make_database: DatabaseMaker, hospital_name: str, hospital: Database) -> Iterator[psycopg.Connection]:
    """Whom nothing binds: not row-level security, not triggers."""
    with psycopg.connect(connection_string(make_database.superuser_url(hospital_name)), autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")  # no trigger fires
        connection.execute("create temporary table kept as select * from audit_entry")
        yield connection
        connection.execute("delete from audit_entry; insert into audit_entry select * from kept")


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
