"""States of a message, what goes into it and when it is tried again. Pure."""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tracker.errors import N_, Conflict, InvalidInput
from tracker.organisation.rules import is_mail_address


class MessageKind(enum.StrEnum):
    """What a message is for. Stored: a change needs a migration."""

    DEROGATION_WARNING = "derogation_warning"
    REPORT_ANSM = "report_ansm"
    REPORT_MANUFACTURER = "report_manufacturer"
    INCIDENT_COPY = "incident_copy"
    VIGILANCE_WARNING = "vigilance_warning"
    REQUEST_REMINDER = "request_reminder"
    DEROGATION_EFFECT = "derogation_effect"


class MessageState(enum.StrEnum):
    """Where a message is. Stored: a change needs a migration."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


KIND_LABELS: Mapping[MessageKind, str] = {
    MessageKind.DEROGATION_WARNING: N_("Warning on a derogation"),
    MessageKind.REPORT_ANSM: N_("Incident report to ANSM"),
    MessageKind.REPORT_MANUFACTURER: N_("Incident report to the manufacturer"),
    MessageKind.INCIDENT_COPY: N_("Copy of an incident report"),
    MessageKind.VIGILANCE_WARNING: N_("Warning on a late acknowledgement"),
    MessageKind.REQUEST_REMINDER: N_("Reminder of a request for a derogation"),
    MessageKind.DEROGATION_EFFECT: N_("Derogation suspended or withdrawn"),
}

LEASE = timedelta(minutes=10)
"""How long a claimed message belongs to one worker: longer than all time-outs of one SMTP conversation together."""

_DELAYS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
_LONGEST_DELAY = timedelta(hours=4)
MAX_ATTEMPTS = 30
"""About five days of trying, as mail servers do (RFC 5321 section 4.5.4.1: at least four to five days)."""

_BREAK = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


class RecipientInvalid(InvalidInput):
    """Not an address that every mail server can deliver to."""

    code = "message-recipient-invalid"


class SubjectInvalid(InvalidInput):
    """A subject with a line break or a control character: another header could hide behind it."""

    code = "message-subject-invalid"


class MessageNotWaiting(Conflict):
    """The message is not in a state from which this is possible."""

    code = "message-state"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a letter."""

    filename: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything one e-mail is made of. The same letter gives the same bytes at every attempt."""

    message_id: str
    """Header value with its angle brackets."""
    written_at: datetime
    sender: str
    """Address of the envelope and of the ``From`` header."""
    sender_name: str
    reply_to: str
    """Address of the establishment; empty where none."""
    recipient: str
    subject: str
    body: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """How one attempt ended."""

    succeeded: bool
    permanent: bool
    answer: str
    details: Mapping[str, str]
    is_unreachable: bool = False
    """The server itself could not be reached: no other message would fare better now."""


def check_recipient(address: str) -> None:
    """Check that an address is one plain ASCII address (RFC 5321 section 4.1.2, dot-string form).

    Raises:
        RecipientInvalid: it is not.
    """
    if not is_mail_address(address):
        raise RecipientInvalid(
            N_("“%(address)s” is not an e-mail address."),
            next_step=N_("Correct the address, then start again."),
            address=address,
        )


def check_subject(subject: str) -> None:
    """Check that a subject is one line.

    Raises:
        SubjectInvalid: it has a line break or a control character.
    """
    if _BREAK.search(subject):
        raise SubjectInvalid(N_("The subject of a message must be one line."))


def retry_delay(attempt_count: int) -> timedelta:
    """Return how long to wait after the given number of failed attempts.

    >>> retry_delay(1), retry_delay(9)
    (datetime.timedelta(seconds=60), datetime.timedelta(seconds=14400))
    """
    return _DELAYS[attempt_count - 1] if attempt_count <= len(_DELAYS) else _LONGEST_DELAY


def is_exhausted(attempt_count: int) -> bool:
    """Test whether no further attempt is made."""
    return attempt_count >= MAX_ATTEMPTS


def state_after_failure(attempt_count: int, *, permanent: bool) -> MessageState:
    """Return where a message is after a failed attempt: tried again, or failed for good."""
    return MessageState.FAILED if permanent or is_exhausted(attempt_count) else MessageState.QUEUED
