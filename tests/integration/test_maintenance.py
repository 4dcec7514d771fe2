"""Migrating, checking, backing up and restoring a whole database."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from sqlalchemy import make_url

from tests.conftest import DatabaseMaker
from tests.hospital import PEOPLE
from tracker.maintenance import (
    MaintenanceRefused,
    alembic_config,
    back_up,
    connection_string,
    find_problems,
    restore,
)


@pytest.fixture
def empty_name(make_database: DatabaseMaker) -> Iterator[str]:
    name = make_database.empty()
    yield name
    make_database.drop(name)


def count(url: str, table: str) -> int:
    with psycopg.connect(connection_string(url)) as connection:
        row = connection.execute(psycopg.sql.SQL("select count(*) from {}").format(psycopg.sql.Identifier(table)))
        return int((row.fetchone() or [0])[0])


def test_a_backup_restored_elsewhere_is_the_same_database_and_binds_the_program(
    make_database: DatabaseMaker, database_name: str, empty_name: str, tmp_path: Path
) -> None:
    backup = tmp_path / "trace59.dump"

    back_up(make_database.owner_url(database_name), backup)
    restore(make_database.owner_url(empty_name), backup)

    assert backup.stat().st_mode & 0o777 == 0o600
    assert count(make_database.owner_url(empty_name), "person") == len(PEOPLE)
    assert count(make_database.app_url(empty_name), "person") == 0, "without an establishment nobody is seen"
    assert find_problems(make_database.app_url(empty_name)) == []


def test_a_backup_never_replaces_a_file(make_database: DatabaseMaker, database_name: str, tmp_path: Path) -> None:
    backup = tmp_path / "trace59.dump"
    backup.write_text("last night's")

    with pytest.raises(MaintenanceRefused, match="exists already"):
        back_up(make_database.owner_url(database_name), backup)

    assert backup.read_text() == "last night's"


def test_a_backup_that_fails_leaves_no_file_that_looks_whole(
    make_database: DatabaseMaker, database_name: str, tmp_path: Path
) -> None:
    backup = tmp_path / "trace59.dump"
    nowhere = make_url(make_database.owner_url(database_name)).set(database="nowhere")

    with pytest.raises(MaintenanceRefused, match="pg_dump failed"):
        back_up(nowhere.render_as_string(hide_password=False), backup)

    assert not backup.exists()


def test_a_restore_refuses_a_database_that_holds_something(
    make_database: DatabaseMaker, database_name: str, tmp_path: Path
) -> None:
    backup = tmp_path / "trace59.dump"
    back_up(make_database.owner_url(database_name), backup)

    with pytest.raises(MaintenanceRefused, match="a backup is restored into an empty one"):
        restore(make_database.owner_url(database_name), backup)

    assert count(make_database.owner_url(database_name), "person") == len(PEOPLE)


def test_a_broken_backup_restores_nothing(
    make_database: DatabaseMaker, database_name: str, empty_name: str, tmp_path: Path
) -> None:
    backup = tmp_path / "trace59.dump"
    back_up(make_database.owner_url(database_name), backup)
    backup.write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])

    with pytest.raises(MaintenanceRefused, match="pg_restore failed"):
        restore(make_database.owner_url(empty_name), backup)

    with psycopg.connect(connection_string(make_database.owner_url(empty_name))) as connection:
        tables = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
    assert tables == (0,)


def test_two_runners_of_the_migrations_wait_for_each_other(make_database: DatabaseMaker, empty_name: str) -> None:
    program = f"from tracker.maintenance import migrate; migrate({make_database.owner_url(empty_name)!r})"

    runners = [subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[2]) for _ in range(2)]

    assert [runner.wait(120) for runner in runners] == [0, 0]
    assert find_problems(make_database.app_url(empty_name)) == []


def test_the_program_is_refused_a_database_that_is_behind(make_database: DatabaseMaker, database_name: str) -> None:
    command.downgrade(alembic_config(make_database.owner_url(database_name)), "base")

    problems = find_problems(make_database.app_url(database_name))

    assert len(problems) == 1
    assert "run 'python -m tracker database migrate'" in problems[0]


@pytest.mark.parametrize(
    ("role", "sentences"),
    [
        ("owner", ["the role owns tables", "the role may rewrite the trail"]),
        (
            "superuser",
            ["the role is a superuser", "the role has BYPASSRLS", "the role owns tables", "the role may rewr"],
        ),
    ],
)
def test_the_program_is_refused_a_role_that_nothing_binds(
    make_database: DatabaseMaker, database_name: str, role: str, sentences: list[str]
) -> None:
    urls = {"owner": make_database.owner_url(database_name), "superuser": make_database.superuser_url(database_name)}

    problems = find_problems(urls[role])

    assert len(problems) == len(sentences)
    assert all(problem.startswith(sentence) for problem, sentence in zip(problems, sentences, strict=True))


def test_a_password_stays_out_of_what_other_users_of_the_machine_can_read() -> None:
    url = "postgresql+psycopg://trace59_owner:hid den@db.test:5433/trace59?sslmode=verify-full"

    assert connection_string(url, password=None) == (
        "host=db.test port=5433 user=trace59_owner dbname=trace59 sslmode=verify-full"
    )
    assert "password='hid den'" in connection_string(url)
