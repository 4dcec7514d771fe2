"""A statement that goes straight to the driver behaves as every other: values, order, errors, counting."""

import pytest
from sqlalchemy import Connection, bindparam, event, func, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from tests.hospital import HOSPITAL_A
from tests.stock import make_definition, make_manufacturer
from tracker import db
from tracker.catalogue.models import DefinitionIdentifier, Manufacturer
from tracker.catalogue.rules import IdentifierKind
from tracker.db import Database, DirectStatement

_BY_VALUE = DirectStatement(
    select(DefinitionIdentifier.kind, DefinitionIdentifier.value)
    .where(DefinitionIdentifier.value == bindparam("value"), DefinitionIdentifier.kind == IdentifierKind.UDI_DI)
    .order_by(DefinitionIdentifier.value)
)
_NAMES = DirectStatement(select(Manufacturer.name).order_by(Manufacturer.name))
_END_ALL = text(
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where pid <> pg_backend_pid() and usename = current_user and datname = current_database()"
)


def test_codes_come_back_as_members_and_go_in_as_codes(session: Session) -> None:
    make_definition(session)

    row = _BY_VALUE.first(session, {"value": "03700000000013"})

    assert (row.kind, row.value) == (IdentifierKind.UDI_DI, "03700000000013")
    assert _BY_VALUE.first(session, {"value": "absent"}) is None


def test_what_was_added_before_in_the_transaction_is_seen(session: Session) -> None:
    values = {"address": "", "website": "", "vigilance_email": "", "srn": ""}
    session.add(Manufacturer(id=db.new_id(), establishment_id=HOSPITAL_A, name="Unflushed", **values))

    assert "Unflushed" in [row.name for row in _NAMES.rows(session, {})]


def test_it_is_bound_to_the_establishment_of_the_transaction(database: Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        make_manufacturer(session, "Seen at A")
    with db.transaction(database, None) as session:
        assert _NAMES.rows(session, {}) == []


def test_a_refusal_is_the_error_of_every_other_statement_without_its_values(session: Session) -> None:
    insertion = DirectStatement(text("insert into manufacturer (id, name) values (:id, :name)"))

    with pytest.raises(ProgrammingError) as refused:
        insertion.rows(session, {"id": db.new_id(), "name": "a private word"})

    assert "a private word" not in str(refused.value)


def test_a_lost_connection_is_told_as_lost_and_the_next_transaction_works(database: Database) -> None:
    ask = DirectStatement(select(func.now().label("now")))

    def ask_after_the_end() -> None:
        with db.transaction(database, HOSPITAL_A) as session, database.login_engine.connect() as other:
            other.execute(_END_ALL)
            ask.rows(session, {})

    with pytest.raises(OperationalError) as lost:
        ask_after_the_end()

    assert lost.value.connection_invalidated
    with db.transaction(database, HOSPITAL_A) as session:
        assert ask.first(session, {}).now is not None


def test_who_counts_statements_counts_it(database: Database) -> None:
    seen: list[str] = []

    def note(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    with db.transaction(database, HOSPITAL_A) as session:
        event.listen(database.engine, "before_cursor_execute", note)
        _NAMES.rows(session, {})
        event.remove(database.engine, "before_cursor_execute", note)

    assert len(seen) == 1
