"""The trail on PostgreSQL: appended only, never forked, and each attack on it is named."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.orm import Session

from tests.conftest import DatabaseMaker
from tests.hospital import ALICE, GUY, HOSPITAL_A, HOSPITAL_B, NOW, enter
from tracker.actor import Actor
from tracker.audit import jobs, queries, service
from tracker.audit.models import AuditEntry
from tracker.audit.rules import GENESIS, BrokenLink
from tracker.db import Database, transaction

SIGNING_KEY = bytes(range(32))
PUBLIC_KEY = service.public_key_of(SIGNING_KEY)
REFUSED_BY_TRIGGER = "TR001"
FORBIDDEN = [
    "update audit_entry set action = 'device:refused' where sequence = 2",
    "delete from audit_entry where sequence = 2",
    "truncate audit_entry",
]


def append(session: Session, number: int, *, actor: Actor = ALICE, **details: str) -> None:
    service.append(
        session,
        actor=actor,
        action="device:received",
        subject=f"device:{number}",
        details=details or {"lot": f"A{number}"},
        now=NOW + timedelta(minutes=number),
    )


@pytest.fixture
def trail(database: Database) -> Database:
    """Database where hospital A's chain has five entries."""
    with transaction(database, HOSPITAL_A) as session:
        for number in range(1, 6):
            append(session, number)
    return database


@pytest.fixture
def tamper(make_database: DatabaseMaker, database_name: str) -> Callable[..., None]:
    """Run statements as the superuser, whom no trigger stops once it is disabled."""

    def run(*statements: str) -> None:
        with psycopg.connect(make_database.superuser_url(database_name).replace("+psycopg", "")) as connection:
            connection.execute("set session_replication_role = replica")  # ordinary triggers do not fire
            for statement in statements:
                connection.execute(statement)

    return run


def verify(database: Database) -> tuple[int, BrokenLink | None]:
    with transaction(database, HOSPITAL_A) as session:
        return service.verify_chain(session, HOSPITAL_A)


def test_a_new_chain_is_empty_and_holds(session: Session) -> None:
    assert service.verify_chain(session, HOSPITAL_A) == (0, None)


def test_each_entry_names_the_one_before_and_the_head_is_the_last(session: Session) -> None:
    append(session, 1)
    append(session, 2)

    rows = session.scalars(select(AuditEntry).order_by(AuditEntry.sequence)).all()
    head = queries.get_head(session, HOSPITAL_A)
    assert [row.sequence for row in rows] == [1, 2]
    assert [row.previous_hash for row in rows] == [GENESIS, rows[0].hash]
    assert (head.sequence, head.hash) == (2, rows[1].hash)
    assert service.verify_chain(session, HOSPITAL_A) == (2, None)


def test_an_entry_says_who_did_what_when_to_what(session: Session) -> None:
    append(session, 1, état="reçu", lot="A1")

    (entry,) = queries.list_entries(session, HOSPITAL_A)
    assert (entry.actor_id, entry.actor_name) == (ALICE.id, "Alice Test")
    assert (entry.action, entry.subject) == ("device:received", "device:1")
    assert entry.at == NOW + timedelta(minutes=1)
    assert entry.details == {"état": "reçu", "lot": "A1"}


def test_each_establishment_has_its_own_chain(session: Session) -> None:
    append(session, 1)
    enter(session, HOSPITAL_B)
    append(session, 1, actor=GUY)

    assert service.verify_chain(session, HOSPITAL_B) == (1, None)
    assert [entry.actor_id for entry in queries.list_entries(session, HOSPITAL_B)] == [GUY.id]


def test_entries_are_paged_from_the_newest_and_narrowed_to_one_thing(session: Session) -> None:
    for number in (1, 2, 1, 2, 1):
        append(session, number)

    newest = queries.list_entries(session, HOSPITAL_A, limit=2)
    older = queries.list_entries(session, HOSPITAL_A, before=newest[-1].sequence, limit=2)
    about = queries.list_entries(session, HOSPITAL_A, subject="device:2")
    assert [entry.sequence for entry in newest] == [5, 4]
    assert [entry.sequence for entry in older] == [3, 2]
    assert [entry.sequence for entry in about] == [4, 2]


def test_a_rolled_back_change_leaves_no_entry(database: Database) -> None:
    def change() -> None:
        with transaction(database, HOSPITAL_A) as session:
            append(session, 1)
            raise RuntimeError("the change failed")

    with pytest.raises(RuntimeError, match="the change failed"):
        change()

    assert verify(database) == (0, None)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_programs_role_may_not_rewrite_the_trail(trail: Database, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction(trail, HOSPITAL_A) as session:
        session.execute(text(statement))

    assert verify(trail) == (5, None)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_owner_of_the_tables_is_refused_by_the_trigger(
    trail: Database, make_database: DatabaseMaker, database_name: str, statement: str
) -> None:
    url = make_database.owner_url(database_name).replace("+psycopg", "")

    with pytest.raises(psycopg.DatabaseError) as refused, psycopg.connect(url) as connection:
        connection.execute(statement)

    assert refused.value.sqlstate == REFUSED_BY_TRIGGER
    assert verify(trail) == (5, None)


def test_an_entry_cannot_be_appended_for_another_establishment(session: Session) -> None:
    enter(session, HOSPITAL_B)

    with pytest.raises(DBAPIError, match="row-level security"):
        session.execute(
            text(
                "insert into audit_entry values (:a, 1, now(), :a, 'x', 'a:b', 'a:1', '{}', repeat('0', 64), 'forged')"
            ),
            {"a": HOSPITAL_A},
        )


def test_two_entries_cannot_follow_the_same_one(trail: Database) -> None:
    fork = text(
        "insert into audit_entry select establishment_id, 6, at, actor_id, actor_name, action, subject, details,"
        " previous_hash, 'forged' from audit_entry where sequence = 5"
    )

    with pytest.raises(DBAPIError, match="uq_audit_entry"), transaction(trail, HOSPITAL_A) as session:
        session.execute(fork)

    assert verify(trail) == (5, None)


def test_appends_at_the_same_time_never_fork(database: Database) -> None:
    def write(number: int) -> None:
        for _repeat in range(5):
            with transaction(database, HOSPITAL_A) as session:
                append(session, number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert verify(database) == (30, None)


EDITS = {
    "an act": ("update audit_entry set action = 'device:refused' where sequence = 3", BrokenLink(3, "altered")),
    "a detail": ("""update audit_entry set details = '{"lot": "B2"}' where sequence = 1""", BrokenLink(1, "altered")),
    "an instant": ("update audit_entry set at = at + interval '1 hour' where sequence = 4", BrokenLink(4, "altered")),
    "a name": ("update audit_entry set actor_name = 'Guy Test' where sequence = 2", BrokenLink(2, "altered")),
    "a removed entry": ("delete from audit_entry where sequence = 2", BrokenLink(2, "missing")),
    "a cut tail": ("delete from audit_entry where sequence > 3", BrokenLink(4, "cut")),
    "everything removed": ("delete from audit_entry", BrokenLink(1, "cut")),
    "a moved head": ("update audit_head set sequence = 4", BrokenLink(6, "cut")),
}


@pytest.mark.parametrize(("statement", "named"), EDITS.values(), ids=EDITS.keys())
def test_what_a_superuser_edits_is_named_at_its_first_broken_link(
    trail: Database, tamper: Callable[..., None], statement: str, named: BrokenLink
) -> None:
    tamper(statement)

    assert verify(trail)[1] == named


def heads_file(database: Database, path: Path, *, times: int = 1) -> list[str]:
    job = jobs.heads_job(lambda _database: [HOSPITAL_A, HOSPITAL_B], signing_key=SIGNING_KEY, path=path)
    for hour in range(times):
        job.run(database, NOW + timedelta(hours=hour))
    return path.read_text(encoding="utf-8").splitlines()


def check(database: Database, lines: list[str], *, public_key: bytes = PUBLIC_KEY) -> service.HeadsReport:
    with transaction(database, HOSPITAL_A) as session:
        return service.check_heads(session, HOSPITAL_A, lines=lines, public_key=public_key)


CUT = "delete from audit_entry where sequence > 3"
HIDE = (
    "update audit_head set sequence = 3, hash = entry.hash from audit_entry entry"
    " where entry.sequence = 3 and entry.establishment_id = audit_head.establishment_id"
)


def test_the_heads_job_keeps_one_signed_line_for_each_establishment_and_hour(trail: Database, tmp_path: Path) -> None:
    lines = heads_file(trail, tmp_path / "audit" / "heads.jsonl", times=2)

    told = [json.loads(json.loads(line)["statement"]) for line in lines]
    assert [(head["establishment_id"], head["sequence"]) for head in told] == [
        (str(HOSPITAL_A), 5),
        (str(HOSPITAL_B), 0),
    ] * 2
    assert told[2]["at"] == "2026-03-02T10:00:00+00:00"


def test_signed_heads_of_an_untouched_chain_agree_with_it(trail: Database, tmp_path: Path) -> None:
    lines = heads_file(trail, tmp_path / "heads.jsonl", times=2)
    with transaction(trail, HOSPITAL_A) as session:
        append(session, 6)

    assert check(trail, lines) == service.HeadsReport(head_count=2, broken=None, unsigned_lines=())


def test_a_cut_tail_with_a_rewritten_head_shows_against_the_signed_heads(
    trail: Database, tamper: Callable[..., None], tmp_path: Path
) -> None:
    lines = heads_file(trail, tmp_path / "heads.jsonl")

    tamper(CUT, HIDE)

    assert verify(trail) == (3, None)
    assert check(trail, lines).broken == BrokenLink(5, "cut")


def test_a_chain_that_was_cut_and_grown_again_shows_against_the_signed_heads(
    trail: Database, tamper: Callable[..., None], tmp_path: Path
) -> None:
    lines = heads_file(trail, tmp_path / "heads.jsonl")
    tamper(CUT, HIDE)

    with transaction(trail, HOSPITAL_A) as session:
        for number in (4, 5, 6):
            append(session, number, lot="forged")

    assert verify(trail) == (6, None)
    assert check(trail, lines).broken == BrokenLink(5, "rewritten")


def test_lines_that_nobody_signed_are_named_and_count_for_nothing(trail: Database, tmp_path: Path) -> None:
    signed = heads_file(trail, tmp_path / "heads.jsonl")[0]
    forged = signed.replace(r"\"sequence\":5", r"\"sequence\":2")
    lines = [signed, "", "not a line of ours", forged, "[]", '{"statement": "{}", "signature": "zz"}']

    report = check(trail, lines)

    assert (report.head_count, report.broken) == (1, None)
    assert report.unsigned_lines == (3, 4, 5, 6)


def test_heads_signed_with_another_key_count_for_nothing(trail: Database, tmp_path: Path) -> None:
    lines = heads_file(trail, tmp_path / "heads.jsonl")

    report = check(trail, lines, public_key=service.public_key_of(bytes(32)))

    assert (report.head_count, report.unsigned_lines) == (0, (1, 2))


def test_an_entry_appended_during_a_verification_breaks_nothing(trail: Database) -> None:
    with transaction(trail, HOSPITAL_A) as session:
        rows = queries.iterate_chain(session, HOSPITAL_A)
        first = next(rows)
        with transaction(trail, HOSPITAL_A) as other:
            append(other, 6)
        seen = [first, *rows]

    assert [row[1] for row in seen] == [5] * 5
    assert verify(trail) == (6, None)
