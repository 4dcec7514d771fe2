"""Logging: one line per event on the standard error, in UTC, without personal data (design, decision 12)."""

import logging
import logging.config
import time
from typing import Any


class UtcFormatter(logging.Formatter):
    """Writes instants in UTC, so that lines of several machines can be compared."""

    converter = staticmethod(time.gmtime)


def logging_config(level: str) -> dict[str, Any]:
    """Return the configuration for :func:`logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": UtcFormatter,
                "format": "%(asctime)sZ %(levelname)s %(process)d %(name)s: %(message)s",
                "datefmt": "%Y-%m-%dT%H:%M:%S",
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {
            "alembic": {"level": "WARNING"},
            "apscheduler": {"level": "WARNING"},  # our own run record tells what ran
            "fontTools": {"level": "WARNING"},
        },
    }


def configure_logging(level: str) -> None:
    """Send the log of this process to the standard error."""
    logging.config.dictConfig(logging_config(level))
