"""A PostgreSQL of our own, from a wheel, for whoever has none (docs/decisions/0002).

The wheel brings the programs of PostgreSQL; this module runs them. The server listens on a socket only, belongs to the
folder ``var/pg``, outlives the program that started it, and is taken over by the next one: after ``kill -9`` of the
program, of the server, or of both, a start recovers. Every process that uses the server holds a shared lock that the
operating system frees when the process ends, however it ends; the last one out stops the server.
"""

import fcntl
import hashlib
import importlib.util
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

logger = logging.getLogger(__name__)

DATABASE = "trace59"
OWNER_ROLE = "trace59_owner"
APP_ROLE = "trace59_app"
_SUPERUSER = "postgres"
_SYSTEM_USER = "trace59"  # PostgreSQL refuses to run as root
_MAJOR_VERSION = 18
_SOCKET_NAME = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 103  # unix(7): sun_path holds 108 bytes, 104 on BSD, with the final zero
_RECOVERY_SECONDS = 1800.0
_STOP_SECONDS = 60.0
_LOCK_SECONDS = 120.0
_POLL_SECONDS = 0.05

ROLE_SETTINGS = {
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
}
"""Limits of the program's role: no request may hold a lock or a connection for long."""

_SERVER_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",  # the DETAIL line of an error repeats values of the row: personal data
    "log_parameter_max_length": "0",
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_size": "0",
}
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedFailed(Exception):
    """The embedded PostgreSQL cannot run here; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running server, and this process's share in it."""

    folder: Path
    socket_directory: Path
    share: IO[bytes]
    """The shared lock; it lasts until :meth:`stop` or the end of the process."""

    @property
    def superuser_url(self) -> str:
        """Address for making roles and databases; tests only."""
        return self.url(_SUPERUSER, _SUPERUSER)

    @property
    def owner_url(self) -> str:
        """Address for migrations."""
        return self.url(OWNER_ROLE, DATABASE)

    @property
    def app_url(self) -> str:
        """Address for the program."""
        return self.url(APP_ROLE, DATABASE)

    def url(self, role: str, database: str) -> str:
        """Return the SQLAlchemy address of a database for a role."""
        return f"postgresql+psycopg://{role}@/{database}?host={quote(str(self.socket_directory), safe='')}"

    def stop(self) -> bool:
        """Leave the server, and stop it when nobody else uses it. Return whether it was stopped.

        Raises:
            EmbeddedFailed: it does not stop.
        """
        with _start_lock(self.folder):
            try:
                fcntl.flock(self.share, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            finally:
                if not self.share.closed:
                    pass
            _stop_postmaster(self.folder)
            self.share.close()
            return True
