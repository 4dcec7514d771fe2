"""A restarted server costs no request: a transaction begins on a new connection."""

import pytest
from sqlalchemy import text

from tests.hospital import HOSPITAL_A
from tracker import db
from tracker.db import Database

_END_THE_OTHERS = text("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() "
                       "and usename = current_user and datname = current_database()")  # fmt: skip


def test_a_transaction_begins_again_where_its_connection_was_ended(database: Database) -> None:
    with db.transaction(database, HOSPITAL_A):
        pass  # leaves a connection in the pool
    with database.login_engine.connect() as other:
        other.execute(_END_THE_OTHERS)

    with db.transaction(database, HOSPITAL_A) as session:
        answer = session.scalar(text("select current_setting('trace59.establishment_id')"))

    assert answer == str(HOSPITAL_A)


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    class StoppedError(Exception):
        pass

    def fail() -> None:
        with db.transaction(database, HOSPITAL_A) as session:
            session.execute(text("insert into login_failure (email_key, at) values ('x', now())"))
            raise StoppedError

    with pytest.raises(StoppedError):
        fail()

    with db.transaction(database, HOSPITAL_A) as session:
        assert session.scalar(text("select count(*) from login_failure where email_key = 'x'")) == 0
