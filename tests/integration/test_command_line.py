"""``python -m tracker``: what an administrator types, and what a refusal says."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from config.settings import Settings
from tests.conftest import DatabaseMaker
from tests.hospital import HOSPITAL_A
from tracker import db
from tracker.cli import main
from tracker.schedule import JobRun


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Commands say where the log goes; the tests' own log goes where it went."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def environ(make_database: DatabaseMaker, database_name: str, tmp_path: Path) -> dict[str, str]:
    return {
        "TRACE59_VAR_DIRECTORY": str(tmp_path),
        "DATABASE_URL": make_database.app_url(database_name),
        "DATABASE_OWNER_URL": make_database.owner_url(database_name),
    }


def trace59(*arguments: str, environ: dict[str, str]) -> Result:
    return CliRunner(env={"DATABASE_URL": None, "DATABASE_OWNER_URL": None} | environ).invoke(main, arguments)


def test_new_keys_are_all_that_production_asks_for(tmp_path: Path) -> None:
    printed = trace59("keys", environ={}).output.splitlines()

    settings = Settings.from_env(
        dict(line.split("=", 1) for line in printed)
        | {
            "TRACE59_MODE": "production",
            "TRACE59_VAR_DIRECTORY": str(tmp_path),
            "TRACE59_PUBLIC_URL": "https://trace59.hospital.test",
        }
    )

    assert len({settings.secret_key, settings.lookup_key, settings.audit_signing_key}) == 3
    assert printed != trace59("keys", environ={}).output.splitlines()


def test_odd_settings_are_told_in_sentences_without_a_trace(environ: dict[str, str]) -> None:
    result = trace59("database", "check", environ=environ | {"TRACE59_PORT": "x", "TRACE59_PRT": "1"})

    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "Error: TRACE59_PORT: 'x' is not a whole number from 1 to 65535",
        "TRACE59_PRT: there is no such setting; did you mean TRACE59_PORT?",
    ]


def test_a_ready_database_is_told_to_be_ready(environ: dict[str, str]) -> None:
    result = trace59("database", "check", environ=environ)

    assert (result.exit_code, result.output) == (0, "The database is ready.\n")


def test_a_database_role_that_nothing_binds_is_told_with_a_failing_status(environ: dict[str, str]) -> None:
    result = trace59("database", "check", environ=environ | {"DATABASE_URL": environ["DATABASE_OWNER_URL"]})

    assert result.exit_code == 1
    assert "the role owns tables" in result.output


def test_migrating_twice_changes_nothing(environ: dict[str, str]) -> None:
    results = [trace59("database", "migrate", environ=environ) for _ in range(2)]

    assert [result.exit_code for result in results] == [0, 0]


def test_what_needs_the_owner_says_so(environ: dict[str, str], tmp_path: Path) -> None:
    result = trace59("database", "backup", str(tmp_path / "dump"), environ=environ | {"DATABASE_OWNER_URL": ""})

    assert result.exit_code == 2
    assert "DATABASE_OWNER_URL: missing" in result.output
    assert not (tmp_path / "dump").exists()


def test_a_backup_is_restored_into_an_empty_database(
    environ: dict[str, str], make_database: DatabaseMaker, tmp_path: Path
) -> None:
    empty = make_database.empty()
    other = {"DATABASE_URL": make_database.app_url(empty), "DATABASE_OWNER_URL": make_database.owner_url(empty)}

    written = trace59("database", "backup", str(tmp_path / "dump"), environ=environ)
    restored = trace59("database", "restore", str(tmp_path / "dump"), environ=environ | other)
    checked = trace59("database", "check", environ=environ | other)
    again = trace59("database", "restore", str(tmp_path / "dump"), environ=environ | other)
    make_database.drop(empty)

    assert [result.exit_code for result in (written, restored, checked, again)] == [0, 0, 0, 1]
    assert again.output.startswith("Error: the database already has")


def test_the_address_is_printed_for_other_programs(environ: dict[str, str]) -> None:
    assert trace59("database", "url", environ=environ).output.strip() == environ["DATABASE_URL"]
    assert trace59("database", "url", "--owner", environ=environ).output.strip() == environ["DATABASE_OWNER_URL"]


def test_the_worker_runs_every_job_once(environ: dict[str, str], database: db.Database) -> None:
    result = trace59("worker", "--once", environ=environ)

    with db.transaction(database, HOSPITAL_A) as session:
        failed = session.scalars(select(JobRun.job_id).where(JobRun.error.is_not(None))).all()
        count = session.scalar(select(func.count()).select_from(JobRun))
    assert (result.exit_code, failed) == (0, [])
    assert count
    assert count >= 3
