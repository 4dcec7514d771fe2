"""The database: one engine, one way to open a transaction, the base of all tables.

``transaction`` is the only place where a transaction ends. It tells PostgreSQL which establishment the work is for;
row-level security then hides every other one (docs/decisions/0005). Key material travels with the session, so that
services can seal and unseal without reading settings.
"""

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, NoReturn
from uuid import UUID

import psycopg
import uuid_utils.compat
from psycopg.rows import RowMaker, namedtuple_row
from sqlalchemy import Connection, DateTime, Dialect, Engine, Enum, ForeignKey, LargeBinary, MetaData, Text, Uuid
from sqlalchemy import create_engine as sqlalchemy_create_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeEngine

from tracker.sealing import KeyRing

__all__ = [
    "APP_ROLE",
    "OWNER_ROLE",
    "Base",
    "Database",
    "DirectStatement",
    "Session",
    "Tenant",
    "authentication",
    "code_column",
    "create_database",
    "keyring",
    "new_id",
    "transaction",
]

APP_ROLE = "trace59_app"
"""Database role of the program: neither superuser nor owner of a table, so that the database's refusals bind it."""
OWNER_ROLE = "trace59_owner"
"""Database role of the migrations."""

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        str: Text(),
        bytes: LargeBinary(),
        UUID: Uuid(),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
    }


def code_column(values: type[enum.StrEnum], **options: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's own type
    """Return a column that stores an enum by value in a text column with a CHECK.

    A new or renamed value needs a migration.
    """
    length = max(len(member.value) for member in values)
    kind = Enum(
        values,
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        length=length,
        values_callable=lambda members: [member.value for member in members],
        name=_snake(values.__name__),
    )
    return mapped_column(kind, **options)


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))


class Tenant:
    """Mixin of every table whose rows belong to one establishment; row-level security is set in the migration."""

    id: Mapped[UUID] = mapped_column(primary_key=True)
    establishment_id: Mapped[UUID] = mapped_column(ForeignKey("establishment.id"))


def new_id() -> UUID:
    """Return a new UUIDv7 (RFC 9562 section 5.7), for rows whose key no client has chosen."""
    return uuid_utils.compat.uuid7()


@dataclass(frozen=True, slots=True)
class Database:
    """One PostgreSQL with the keys that open its sealed columns."""

    engine: Engine
    login_engine: Engine
    """Sees the log-in tables of every establishment, and nothing else of any: a setting of its connections."""
    keyring: KeyRing

    def dispose(self) -> None:
        """Close every connection that is not in use."""
        self.engine.dispose()
        self.login_engine.dispose()


def create_database(url: str, keyring: KeyRing, *, pool_size: int = 4) -> Database:
    """Return a database handle; nothing is connected yet.

    Args:
        url: SQLAlchemy URL of the app's role, with the psycopg 3 driver.
        keyring: keys for sealed columns.
        pool_size: connections kept per process; twice as many may be open for a moment.
    """
    pool: dict[str, Any] = {"pool_size": pool_size, "max_overflow": pool_size, "pool_recycle": 1800}
    return Database(
        engine=sqlalchemy_create_engine(url, **pool),
        login_engine=sqlalchemy_create_engine(
            url, isolation_level="AUTOCOMMIT", connect_args={"options": "-c trace59.access=authentication"}, **pool
        ),
        keyring=keyring,
    )


_SCOPE = "select set_config('trace59.establishment_id', %s, true)"


@contextmanager
def transaction(database: Database, establishment_id: UUID | None) -> Iterator[Session]:
    """Open one transaction for one establishment: commit at a normal end, roll back at any exception.

    Args:
        database: where.
        establishment_id: whose rows can be seen and written; None sees no tenant's rows at all.
    """
    with Session(database.engine, expire_on_commit=False, info={"keyring": database.keyring}) as session:
        _begin(session, database, str(establishment_id or ""))
        try:
            yield session
        except BaseException:
            session.rollback()
            raise
        session.commit()


def _begin(session: Session, database: Database, establishment_id: str) -> None:
    """Begin the transaction, on a new connection when the server was restarted since the last one: nothing is lost."""
    session.begin()
    try:
        _enter(session, establishment_id)
    except psycopg.OperationalError:
        session.invalidate()
        database.engine.dispose(close=False)
        session.begin()
        _enter(session, establishment_id)


def _enter(session: Session, establishment_id: str) -> None:
    """Name the establishment to PostgreSQL; BEGIN and the setting travel together."""
    connection: Any = session.connection().connection.driver_connection
    with connection.pipeline():
        connection.execute(_SCOPE, (establishment_id,))


@contextmanager
def authentication(database: Database) -> Iterator[Session]:
    """Open a session that sees the log-in tables of every establishment, and nothing else of any.

    A log-in, a session cookie or a token is known before the establishment is. Each statement stands for itself: every
    request begins with one of them, and nothing here needs two to hold together.
    """
    with Session(database.login_engine, expire_on_commit=False, info={"keyring": database.keyring}) as session:
        with session.begin():
            yield session


def keyring(session: Session) -> KeyRing:
    """Return the keys that travel with the session."""
    ring: KeyRing = session.info["keyring"]
    return ring


_DIALECT: Dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call] # SQLAlchemy gives it no types
_Conversions = dict[str, Callable[[Any], Any]]


class DirectStatement:
    """A statement that is compiled once and then goes straight to the driver, in the transaction of the session.

    For the few statements that somebody waits for at every scan. SQLAlchemy writes them, so that names stay checked; on
    its usual way through the session each would cost more than PostgreSQL's answer (docs/decisions/0019). Errors are
    told as SQLAlchemy tells them.
    """

    def __init__(self, statement: Any, *, columns: Sequence[str] = ()) -> None:  # noqa: ANN401 - any statement
        self._statement = statement
        self._columns = columns or None
        """Of an insertion: the columns that the parameters are for."""

    def rows(self, session: Session, parameters: Mapping[str, object]) -> list[Any]:
        """Return all rows as named tuples, with the Python values of the columns; none where the statement has none.

        Args:
            session: an open transaction.
            parameters: a value for every bind parameter that has none of its own.

        Raises:
            DBAPIError: the database refused.
        """
        text, defaults, conversions = self._compiled
        values = {**defaults, **parameters}
        for name, convert in conversions.items():
            values[name] = convert(values[name])
        if session.new or session.dirty:
            session.flush()  # what was changed before in this transaction is seen, as with every other statement
        connection = session.connection()
        driver: Any = connection.connection.driver_connection
        cursor = driver.cursor(row_factory=self._rows_of)
        for listener in connection.dispatch.before_cursor_execute:  # who counts statements counts this one too
            listener(connection, cursor, text, values, None, False)  # noqa: FBT003 - the listener's own signature
        try:
            cursor.execute(text, values)
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            _raise_as_sqlalchemy(error, text, connection)

    def first(self, session: Session, parameters: Mapping[str, object]) -> Any:  # noqa: ANN401 - a named tuple
        """Return the first row, or None."""
        found = self.rows(session, parameters)
        return found[0] if found else None

    @cached_property
    def _compiled(self) -> tuple[str, dict[str, object], _Conversions]:
        compiled = self._statement.compile(dialect=_DIALECT, column_keys=self._columns)
        found = {name: _impl(bind.type).bind_processor(_DIALECT) for bind, name in compiled.bind_names.items()}
        return str(compiled), dict(compiled.params), {name: convert for name, convert in found.items() if convert}

    def _rows_of(self, cursor: Any) -> RowMaker[Any]:  # noqa: ANN401 - psycopg's own
        make = namedtuple_row(cursor)
        conversions = self._results
        if not conversions:
            return make

        def converted(values: Sequence[Any]) -> Any:  # noqa: ANN401 - a named tuple
            row = list(values)
            for position, convert in conversions:
                row[position] = convert(row[position])
            return make(row)

        return converted

    @cached_property
    def _results(self) -> list[tuple[int, Callable[[Any], Any]]]:
        """Return what the values of some columns go through: codes become members of their enum."""
        columns = getattr(self._statement, "selected_columns", getattr(self._statement, "exported_columns", ()))
        found = [
            (position, _impl(column.type).result_processor(_DIALECT, None)) for position, column in enumerate(columns)
        ]
        return [(position, convert) for position, convert in found if convert]


def _impl(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    return kind.dialect_impl(_DIALECT)


def _raise_as_sqlalchemy(error: psycopg.Error, text: str, connection: Connection) -> NoReturn:
    driver: Any = connection.connection.driver_connection
    is_lost = bool(driver.closed)
    if is_lost:
        connection.invalidate(error)
        connection.engine.dispose(close=False)  # the other kept connections go the same way
    raise DBAPIError.instance(  # without the values, which may be personal data
        text, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=is_lost, dialect=_DIALECT
    ) from error
