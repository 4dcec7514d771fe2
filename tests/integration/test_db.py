"""Transactions and readings: a restarted server costs no request, and no connection tells of another establishment."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, InternalError

from tests.hospital import HOSPITAL_A, HOSPITAL_B, KEYRING
from tests.stock import make_manufacturer
from tracker import db
from tracker.accounts.models import Person
from tracker.db import Database, DirectStatement, Session

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


_PEOPLE = DirectStatement(select(Person.establishment_id))


@pytest.fixture
def narrow(database: Database) -> Iterator[Database]:
    """The same database through one connection for each kind of work: everybody has the one before's."""
    url = database.engine.url.render_as_string(hide_password=False)
    opened = db.create_database(url, KEYRING, pool_size=1)
    yield opened
    opened.dispose()


def test_every_transaction_of_the_engine_begins_whoever_opens_it(database: Database) -> None:
    with Session(database.engine) as session:
        session.execute(text("insert into login_failure (email_key, at) values ('x', now())"))

    with Session(database.engine) as session:
        assert session.scalar(text("select count(*) from login_failure where email_key = 'x'")) == 0
        assert session.scalar(text("select current_setting('trace59.establishment_id')")) == ""


def test_a_reading_never_tells_of_the_establishment_before(narrow: Database) -> None:
    asked, seen = [HOSPITAL_A, HOSPITAL_B, HOSPITAL_B, HOSPITAL_A], []
    for establishment_id in asked:
        with db.reading(narrow, establishment_id) as session:
            seen.append({row.establishment_id for row in _PEOPLE.rows(session, {})})
        with db.transaction(narrow, None) as session:
            assert _PEOPLE.rows(session, {}) == []

    assert seen == [{one} for one in asked]


def test_a_reading_writes_nothing(database: Database) -> None:
    with db.reading(database, HOSPITAL_A) as session, pytest.raises(InternalError, match="read-only transaction"):
        make_manufacturer(session, "Never kept")


def test_a_reading_after_one_that_failed_is_of_its_own_establishment(narrow: Database) -> None:
    with db.reading(narrow, HOSPITAL_A) as session, pytest.raises(DBAPIError):
        session.execute(text("select 1 / 0"))

    with db.reading(narrow, HOSPITAL_B) as session:
        assert session.scalar(text("select current_setting('trace59.establishment_id')")) == str(HOSPITAL_B)


def test_a_reading_begins_again_where_its_connection_was_ended(narrow: Database) -> None:
    with db.reading(narrow, HOSPITAL_A):
        pass
    with narrow.login_engine.connect() as other:
        other.execute(_END_THE_OTHERS)

    with db.reading(narrow, HOSPITAL_B) as session:
        assert session.scalar(text("select current_setting('trace59.establishment_id')")) == str(HOSPITAL_B)


@pytest.mark.parametrize("keeps_plans", [True, False])
def test_a_transaction_keeps_plans_where_it_was_asked_to(narrow: Database, *, keeps_plans: bool) -> None:
    with db.transaction(narrow, HOSPITAL_A, keeps_plans=keeps_plans) as session:
        mode = session.scalar(text("select current_setting('plan_cache_mode')"))
    with db.transaction(narrow, HOSPITAL_A) as session:
        after = session.scalar(text("select current_setting('plan_cache_mode')"))

    assert (mode, after) == ("force_generic_plan" if keeps_plans else "auto", "auto")
