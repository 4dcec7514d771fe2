"""Runs the migrations: as the owner of the tables, one runner at a time, each migration in its own transaction.

The address comes from the caller (``config.attributes["url"]``), or from ``DATABASE_OWNER_URL``, or from the embedded
server of ``TRACE59_VAR_DIRECTORY``, so that ``alembic revision --autogenerate`` works in a fresh checkout.
"""

import os
import pkgutil
from importlib import import_module, util
from pathlib import Path

from alembic import context
from sqlalchemy import Connection, NullPool, create_engine, text

import tracker
from tracker import embedded
from tracker.db import Base

_RUNNER_LOCK = 5_959_000_001  # any fixed number: advisory locks are told apart by it
_WAIT_FOR_RUNNER = "set lock_timeout = '300s'"
_LOCK_TIMEOUT = "set lock_timeout = '10s'"  # a migration never queues behind a long request, blocking all others
_STATEMENT_TIMEOUT = "set statement_timeout = '30min'"


def import_models() -> None:
    """Import every module that declares tables, so that the metadata is complete."""
    import_module("tracker.schedule")
    for slice_ in pkgutil.iter_modules(tracker.__path__, "tracker."):
        if slice_.ispkg and util.find_spec(f"{slice_.name}.models"):
            import_module(f"{slice_.name}.models")


def find_url() -> str:
    """Return the address of the owner's role."""
    given = context.config.attributes.get("url") or os.environ.get("DATABASE_OWNER_URL")
    if given:
        return str(given).replace("postgresql://", "postgresql+psycopg://", 1)
    return embedded.start(Path(os.environ.get("TRACE59_VAR_DIRECTORY", "var"))).owner_url


def run(connection: Connection) -> None:
    """Run what was asked for on a connection."""
    context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def run_one_runner_at_a_time() -> None:
    """Hold the runner's lock on a connection of its own while another one migrates."""
    engine = create_engine(find_url(), poolclass=NullPool)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as guard:
        guard.execute(text(_WAIT_FOR_RUNNER))
        guard.execute(text("select pg_advisory_lock(:number)"), {"number": _RUNNER_LOCK})
        with engine.connect() as connection:
            with connection.begin():
                connection.execute(text(_LOCK_TIMEOUT))
                connection.execute(text(_STATEMENT_TIMEOUT))
            run(connection)


import_models()
if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    run_one_runner_at_a_time()
