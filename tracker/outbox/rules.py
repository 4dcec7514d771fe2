"""States of a message and when it is tried again. Pure."""

import enum
from datetime import timedelta


class MessageKind(enum.StrEnum):
    """What a message is for. Stored: a change needs a migration."""

    DEROGATION_WARNING = "derogation_warning"
    REPORT_ANSM = "report_ansm"
    REPORT_MANUFACTURER = "report_manufacturer"


class MessageState(enum.StrEnum):
    """Where a message is. Stored: a change needs a migration."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


LEASE = timedelta(minutes=5)
"""How long a claimed message belongs to one worker: longer than any time-out of one SMTP conversation."""

_DELAYS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
_LONGEST_DELAY = timedelta(hours=4)
MAX_ATTEMPTS = 30
"""About five days of trying, as mail servers do (RFC 5321 section 4.5.4.1: at least 4–5 days)."""


def retry_delay(attempt_count: int) -> timedelta:
    """Return how long to wait after the given number of failed attempts.

    >>> retry_delay(1), retry_delay(9)
    (datetime.timedelta(seconds=60), datetime.timedelta(seconds=14400))
    """
    return _DELAYS[attempt_count - 1] if attempt_count <= len(_DELAYS) else _LONGEST_DELAY


def is_exhausted(attempt_count: int) -> bool:
    """Test whether no further attempt is made."""
    return attempt_count >= MAX_ATTEMPTS
