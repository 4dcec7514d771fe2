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
from psycopg.sql import SQL, Literal
from sqlalchemy import Connection, DateTime, Dialect, Engine, Enum, ForeignKey, LargeBinary, MetaData, Text, Uuid, event
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
    "reading",
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
    reading_engine: Engine
    """Writes nothing, and each statement stands for itself: settings of its connections."""
    login_engine: Engine
    """Sees the log-in tables of every establishment, and nothing else of any: a setting of its connections."""
    keyring: KeyRing

    @property
    def engines(self) -> tuple[Engine, Engine, Engine]:
        """Return every pool of connections."""
        return self.engine, self.reading_engine, self.login_engine

    def dispose(self) -> None:
        """Close every connection that is not in use."""
        for engine in self.engines:
            engine.dispose()


_KEPT_PLANS = "plan_cache_mode=force_generic_plan"


def create_database(url: str, keyring: KeyRing, *, pool_size: int = 4) -> Database:
    """Return a database handle; nothing is connected yet.

    Args:
        url: SQLAlchemy URL of the app's role, with the psycopg 3 driver.
        keyring: keys for sealed columns.
        pool_size: connections kept per process and engine; twice as many may be open for a moment.
    """
    pool: dict[str, Any] = {"pool_size": pool_size, "max_overflow": pool_size, "pool_recycle": 1800}
    alone = pool | {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
    reading = f"-c default_transaction_read_only=on -c {_KEPT_PLANS}"
    login = f"-c trace59.access=authentication -c {_KEPT_PLANS}"
    database = Database(
        engine=sqlalchemy_create_engine(url, connect_args={"autocommit": True}, **pool),
        reading_engine=sqlalchemy_create_engine(url, connect_args={"options": reading}, **alone),
        login_engine=sqlalchemy_create_engine(url, connect_args={"options": login}, **alone),
        keyring=keyring,
    )
    event.listen(database.engine, "begin", _begin)
    return database


_ESTABLISHMENT = "trace59.establishment_id"
_KEEPS_PLANS = "trace59.keeps_plans"


def _begin(connection: Connection) -> None:
    """Begin a transaction and name its establishment to PostgreSQL, in one message.

    The driver's connection is in autocommit, else it would send a BEGIN of its own before. Every transaction of the
    engine comes through here: one that names no establishment sees no tenant's rows.
    """
    options = connection.get_execution_options()
    establishment_id = Literal(options.get(_ESTABLISHMENT, ""))
    begin = SQL("begin; set local trace59.establishment_id = {}").format(establishment_id)
    driver: Any = connection.connection.driver_connection
    driver.execute(begin + SQL(f"; set local {_KEPT_PLANS}") if options.get(_KEEPS_PLANS) else begin)


@contextmanager
def transaction(database: Database, establishment_id: UUID | None, *, keeps_plans: bool = False) -> Iterator[Session]:
    """Open one transaction for one establishment: commit at a normal end, roll back at any exception.

    Args:
        database: where.
        establishment_id: whose rows can be seen and written; None sees no tenant's rows at all.
        keeps_plans: plan a statement once for a connection, whatever its values are (docs/decisions/0022).
    """
    options = {_ESTABLISHMENT: str(establishment_id or ""), _KEEPS_PLANS: keeps_plans}
    with _session(database.engine, database) as session:
        _retried(session, lambda: session.connection(execution_options=options))
        try:
            yield session
        except BaseException:
            session.rollback()
            raise
        session.commit()


@contextmanager
def reading(database: Database, establishment_id: UUID) -> Iterator[Session]:
    """Open a session that reads one establishment and writes nothing, for what somebody waits for at every scan.

    Each statement sees what is committed when it begins, as in a transaction at READ COMMITTED: BEGIN and COMMIT would
    only be waited for. A connection keeps the name of its establishment until another one is asked for.
    """
    with _session(database.reading_engine, database) as session:
        _retried(session, lambda: _name_establishment(session, str(establishment_id)))
        yield session


def _session(engine: Engine, database: Database) -> Session:
    return Session(engine, expire_on_commit=False, info={"keyring": database.keyring})


def _name_establishment(session: Session, establishment_id: str) -> None:
    """Name the establishment to PostgreSQL, once for as long as the connection serves the same one."""
    connection = session.connection().connection
    if connection.info.get(_ESTABLISHMENT) != establishment_id:
        connection.info.pop(_ESTABLISHMENT, None)  # unknown until the server has answered
        driver: Any = connection.driver_connection
        driver.execute("select set_config('trace59.establishment_id', %s, false)", (establishment_id,))
        connection.info[_ESTABLISHMENT] = establishment_id


def _retried(session: Session, begin: Callable[[], object]) -> None:
    """Begin, on a new connection when the server was restarted since the last one: nothing is lost."""
    try:
        begin()
    except psycopg.OperationalError:
        session.invalidate()
        session.get_bind().engine.dispose(close=False)  # the other kept connections went the same way
        begin()


@contextmanager
def authentication(database: Database) -> Iterator[Session]:
    """Open a session that sees the log-in tables of every establishment, and nothing else of any.

    A log-in, a session cookie or a token is known before the establishment is. Each statement stands for itself: every
    request begins with one of them, and nothing here needs two to hold together.
    """
    with _session(database.login_engine, database) as session:
        yield session
        session.flush()


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
        self._make: RowMaker[Any] | None = None

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
            return cursor.fetchall() if cursor.rownumber is not None else []
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
        """Return what makes the rows: the same for every call, because a statement has the same columns each time."""
        if self._make is None and cursor.rownumber is not None:
            self._make = self._converted(namedtuple_row(cursor))
        return self._make or namedtuple_row(cursor)

    def _converted(self, make: RowMaker[Any]) -> RowMaker[Any]:
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
