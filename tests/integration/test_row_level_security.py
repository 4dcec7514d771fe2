"""PostgreSQL keeps establishments apart in every table, whatever the program asks."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Column, Engine, Enum, Table, create_engine, func, insert, select, text, types, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.orm import Session

import tracker
from tests.conftest import DatabaseMaker
from tests.hospital import HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
from tracker import db
from tracker.db import Base

for path in Path(tracker.__file__).parent.glob("*/models.py"):
    import_module(f"tracker.{path.parent.name}.models")
import_module("tracker.schedule")

TABLES = {table.name: table for table in Base.metadata.sorted_tables}
TENANT_TABLES = sorted(name for name, table in TABLES.items() if "establishment_id" in table.c)
LOG_IN_TABLES = {"person", "login_session", "api_token"}
SHARED_TABLES = {"establishment", "job_run", "login_failure"}
BOTH = (HOSPITAL_A, HOSPITAL_B)

_DROP_CHECKS = text(
    "do $$ declare found record; begin"
    " for found in select conrelid::regclass as place, conname from pg_constraint where contype = 'c' and conrelid <> 0"
    " and connamespace = 'public'::regnamespace"
    " loop execute format('alter table %s drop constraint %I', found.place, found.conname); end loop; end $$"
)


def value_of(column: Column[Any], number: int) -> object:
    """Return some value that the column's type and CHECK take."""
    if isinstance(column.type, Enum):
        return column.type.enums[0]
    if isinstance(column.type, ARRAY):
        return []
    kinds: list[tuple[Any, object]] = [
        (types.Uuid, db.new_id()),
        (types.DateTime, NOW),
        (types.Date, TODAY),
        (types.Boolean, True),
        (types.Integer, number),
        (types.Numeric, number),
        (types.LargeBinary, bytes([number])),
        (types.JSON, {}),
        (types.String, f"{number}"),
    ]
    return next(value for kind, value in kinds if isinstance(column.type, kind))


def row_of(table: Table, establishment_id: object, number: int) -> dict[str, object]:
    row = {
        column.name: value_of(column, number)
        for column in table.columns
        if not column.nullable and column.server_default is None
    }
    return row | {"establishment_id": establishment_id}


@pytest.fixture(scope="module")
def filled(make_database: DatabaseMaker, template: str) -> Iterator[Engine]:
    """Database of the program's role where every table has one more row of each hospital."""
    name = make_database.copy(template)
    superuser = create_engine(make_database.superuser_url(name))
    with superuser.begin() as connection:
        connection.execute(text("set session_replication_role = replica"))  # no foreign keys: the rows stand alone
        connection.execute(_DROP_CHECKS)  # what one row may hold is tested elsewhere
        for table in TENANT_TABLES:
            for number, establishment_id in enumerate(BOTH, start=1):
                if table != "audit_head":  # it has one row of each hospital
                    connection.execute(insert(TABLES[table]).values(row_of(TABLES[table], establishment_id, number)))
    superuser.dispose()
    program = create_engine(make_database.app_url(name))
    yield program
    program.dispose()
    make_database.drop(name)


@pytest.fixture
def here(filled: Engine) -> Iterator[Session]:
    """Transaction of hospital A in the filled database, rolled back."""
    with Session(filled) as session, session.begin():
        enter(session, HOSPITAL_A)
        yield session
        session.rollback()


def establishments_seen(session: Session, table: str) -> set[object]:
    return set(session.scalars(select(TABLES[table].c.establishment_id).distinct()))


def test_every_table_belongs_to_an_establishment_or_is_known_to_be_shared() -> None:
    assert set(TABLES) - set(TENANT_TABLES) == SHARED_TABLES


def test_the_programs_role_escapes_nothing(session: Session) -> None:
    escapes = session.execute(text("select rolsuper, rolbypassrls from pg_roles where rolname = current_user")).one()
    owned = session.scalar(
        text("select count(*) from pg_tables where schemaname = 'public' and tableowner = current_user")
    )

    assert tuple(escapes) == (False, False)
    assert owned == 0


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_a_hospital_sees_its_own_rows_and_none_of_another(here: Session, table: str) -> None:
    assert establishments_seen(here, table) == {HOSPITAL_A}


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_a_hospital_writes_no_row_for_another(here: Session, table: str) -> None:
    forged = insert(TABLES[table]).values(row_of(TABLES[table], HOSPITAL_B, 9))

    with pytest.raises(ProgrammingError, match="row-level security"):
        here.execute(forged)


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_a_hospital_changes_no_row_of_another(filled: Engine, table: str) -> None:
    columns = TABLES[table].c
    change = update(TABLES[table]).where(columns.establishment_id == HOSPITAL_B).values(establishment_id=HOSPITAL_A)

    with Session(filled) as session:
        enter(session, HOSPITAL_A)
        may_change = session.scalar(select(func.has_table_privilege(table, "update")))
        changed = session.connection().execute(change).rowcount if may_change else 0

    assert changed == 0


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_a_hospital_moves_no_row_of_its_own_to_another(here: Session, table: str) -> None:
    with pytest.raises(DBAPIError, match=r"row-level security|permission denied|never rewritten"):
        here.execute(update(TABLES[table]).values(establishment_id=HOSPITAL_B))


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_without_an_establishment_nothing_is_seen(filled: Engine, table: str) -> None:
    with Session(filled) as session:
        assert session.scalar(select(func.count()).select_from(TABLES[table])) == 0


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_while_authenticating_only_the_tables_of_log_in_are_seen(filled: Engine, table: str) -> None:
    with Session(filled) as session:
        session.execute(text("select set_config('trace59.access', 'authentication', true)"))

        seen = establishments_seen(session, table)

    assert seen == (set(BOTH) if table in LOG_IN_TABLES else set())


@pytest.mark.parametrize("table", sorted({*TENANT_TABLES, *SHARED_TABLES} - {"login_failure", "job_run"}))
def test_the_program_deletes_nothing(filled: Engine, table: str) -> None:
    with Session(filled) as session, pytest.raises(ProgrammingError, match="permission denied"):
        session.execute(text(f"delete from {table}"))  # noqa: S608 - a table of ours


def test_the_scope_ends_with_its_transaction(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A):
        pass

    with database.engine.connect() as connection:
        assert connection.scalar(text("select count(*) from person")) == 0


def test_a_connection_that_forges_an_establishment_must_know_its_number(filled: Engine) -> None:
    with Session(filled) as session:
        enter(session, db.new_id())

        assert session.scalar(text("select count(*) from person")) == 0


@pytest.mark.parametrize("role", [db.APP_ROLE, db.OWNER_ROLE])
def test_neither_role_of_ours_is_a_superuser(make_database: DatabaseMaker, database_name: str, role: str) -> None:
    with psycopg.connect(make_database.superuser_url(database_name).replace("+psycopg", "")) as connection:
        rights = connection.execute("select rolsuper, rolbypassrls from pg_roles where rolname = %s", [role]).fetchone()

    assert rights == (False, False)
