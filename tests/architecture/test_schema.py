"""The database as the migrations leave it: equal to the models, closed between hospitals, closed to rewriting."""

import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from alembic import command

from tests.conftest import DatabaseMaker
from tracker import db, embedded
from tracker.maintenance import alembic_config, connection_string, migrate

TRAIL = ("audit_entry", "movement", "consent_event", "derogation_decision", "device_use", "document", "incident_report")
"""What must never be rewritten, whatever else is append-only."""
MAY_DELETE = {"login_failure", "job_run"}


@pytest.fixture(scope="module")
def schema(make_database: DatabaseMaker, template: str) -> Iterator[psycopg.Connection]:
    name = make_database.copy(template)
    with psycopg.connect(connection_string(make_database.superuser_url(name)), autocommit=True) as connection:
        yield connection
    make_database.drop(name)


@pytest.fixture
def empty_url(make_database: DatabaseMaker) -> Iterator[str]:
    name = make_database.empty()
    yield make_database.owner_url(name)
    make_database.drop(name)


def names(connection: psycopg.Connection, query: str) -> set[str]:
    return {row[0] for row in connection.execute(query).fetchall()}  # type: ignore[call-overload]


def dump(url: str) -> list[str]:
    """Return the schema in PostgreSQL's own words, without what changes at every dump."""
    command_line = [embedded.program("pg_dump"), "--schema-only", f"--dbname={connection_string(url)}"]
    text = subprocess.run(command_line, check=True, capture_output=True, text=True).stdout
    return [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict", "--"))]


def test_the_migrations_make_exactly_the_models(make_database: DatabaseMaker, template: str) -> None:
    name = make_database.copy(template)

    command.check(alembic_config(make_database.owner_url(name)))

    make_database.drop(name)


def test_up_down_up_leaves_the_same_schema_and_nothing_in_between(empty_url: str) -> None:
    migrate(empty_url)
    first = dump(empty_url)

    command.downgrade(alembic_config(empty_url), "base")
    between = [line for line in dump(empty_url) if line.startswith("CREATE")]
    migrate(empty_url)

    assert between == ["CREATE TABLE public.alembic_version ("]
    assert dump(empty_url) == first


def test_every_table_of_an_establishment_is_closed_to_the_others(schema: psycopg.Connection) -> None:
    tenant_tables = names(
        schema,
        "select table_name from information_schema.columns"
        " where table_schema = 'public' and column_name = 'establishment_id'",
    )
    secured = names(schema, "select relname from pg_class where relrowsecurity")
    with_policy = names(schema, "select tablename from pg_policies where 'public' = schemaname")

    assert tenant_tables - secured == set()
    assert tenant_tables - with_policy == set()
    assert len(tenant_tables) > 20


def test_every_policy_checks_what_is_written_as_well_as_what_is_read(schema: psycopg.Connection) -> None:
    loose = names(schema, "select tablename from pg_policies where with_check is null or qual is null")

    assert loose == set()


def test_the_programs_role_owns_nothing_and_is_bound(schema: psycopg.Connection) -> None:
    owned = names(schema, "select relname from pg_class where pg_get_userbyid(relowner) = 'trace59_app'")
    bound = names(schema, "select rolname from pg_roles where not (rolsuper or rolbypassrls or rolcreaterole)")

    assert owned == set()
    assert db.APP_ROLE in bound


def test_the_program_deletes_and_truncates_nothing(schema: psycopg.Connection) -> None:
    deletes = names(
        schema,
        "select table_name from information_schema.role_table_grants where grantee = 'trace59_app'"
        " and privilege_type in ('DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES')",
    )

    assert deletes == MAY_DELETE


def append_only(schema: psycopg.Connection) -> set[str]:
    return names(
        schema,
        "select distinct event_object_table::text from information_schema.triggers"
        " where trigger_name = event_object_table || '_append_only'",
    )


def test_the_program_may_not_update_what_is_append_only(schema: psycopg.Connection) -> None:
    updates = names(
        schema,
        "select table_name from information_schema.column_privileges where grantee = 'trace59_app'"
        " and privilege_type = 'UPDATE'",
    )

    assert updates & append_only(schema) == set()
    assert append_only(schema) >= set(TRAIL)


def test_even_the_owner_may_not_truncate_what_is_append_only(schema: psycopg.Connection) -> None:
    schema.execute(f"set role {db.OWNER_ROLE}")
    for table in sorted(append_only(schema)):
        with pytest.raises(psycopg.Error, match="append-only"):
            schema.execute(f"truncate {table} cascade")
    schema.execute("reset role")


def test_every_constraint_and_index_has_a_name_of_the_convention(schema: psycopg.Connection) -> None:
    odd = names(
        schema,
        "select conname::text from pg_constraint c join pg_namespace n on n.oid = c.connamespace"
        " where nspname = 'public' and contype in ('p', 'u', 'f', 'c') and conname !~ '^(pk|uq|fk|ck)_'"
        " and conrelid::regclass::text <> 'alembic_version'",
    )

    assert odd == set()
