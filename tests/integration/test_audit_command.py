"""``python -m tracker audit``: the chain holds, or the first broken link is named, also against the signed heads."""

import logging
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from tests.conftest import DatabaseMaker
from tests.hospital import ALICE, HOSPITAL_A, NOW
from tracker.audit import service
from tracker.cli import main
from tracker.db import Database, transaction


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Commands say where the log goes; the tests' own log goes where it went."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def environ(make_database: DatabaseMaker, database_name: str, database: Database, tmp_path: Path) -> dict[str, str]:
    """Settings of an installation whose hospital A has five entries."""
    with transaction(database, HOSPITAL_A) as session:
        for number in range(1, 6):
            service.append(session, actor=ALICE, action="a:b", subject=f"device:{number}", details={}, now=NOW)
    return {
        "TRACE59_VAR_DIRECTORY": str(tmp_path),
        "DATABASE_URL": make_database.app_url(database_name),
        "DATABASE_OWNER_URL": make_database.owner_url(database_name),
    }


def audit(environ: dict[str, str], *arguments: str) -> Result:
    return CliRunner(env=environ).invoke(main, ["audit", *arguments])


def test_signed_heads_are_printed_and_agree_with_the_trail(environ: dict[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "heads.jsonl"
    kept.write_text(audit(environ, "heads").output, encoding="utf-8")

    result = audit(environ, "verify", "--heads", str(kept))

    assert result.exit_code == 0
    assert "Hôpital A: 5 entries, the chain holds" in result.output
    assert "Hôpital A: compared with 1 signed heads" in result.output


def test_a_cut_tail_is_named_with_the_heads_and_not_without_them(
    environ: dict[str, str], make_database: DatabaseMaker, database_name: str, tmp_path: Path
) -> None:
    kept = tmp_path / "heads.jsonl"
    kept.write_text(audit(environ, "heads").output + "forged line\n", encoding="utf-8")
    with psycopg.connect(make_database.superuser_url(database_name).replace("+psycopg", "")) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("delete from audit_entry where sequence > 3")
        connection.execute(
            "update audit_head set sequence = 3, hash = entry.hash from audit_entry entry"
            " where entry.sequence = 3 and entry.establishment_id = audit_head.establishment_id"
        )

    alone, compared = audit(environ, "verify"), audit(environ, "verify", "--heads", str(kept))

    assert (alone.exit_code, compared.exit_code) == (0, 1)
    assert "Hôpital A: BROKEN at entry 5 (cut)" in compared.output
    assert "line 3 is not signed with our key" in compared.output
