"""When a derogation's end is warned of, and when silence of the program is itself an alarm. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

WARNING_JOB = "alerts.derogation_ends"
MAIL_JOB = "outbox.deliver"
HEADS_JOB = "audit.heads"

SILENCE_ALARMS: dict[str, timedelta] = {
    MAIL_JOB: timedelta(minutes=10),
    WARNING_JOB: timedelta(hours=3),
    HEADS_JOB: timedelta(hours=3),
}
"""How long each job may go without a success before people are told (a monitor that expects each task to report)."""

SHOWN_AFTER_END_DAYS = 90
"""How long the home page goes on to show an end that is past; the register shows it for ever."""


@dataclass(frozen=True, slots=True)
class EndFacts:
    """What the rules need of one derogation's end."""

    valid_until: date
    """Last day of validity, Paris calendar."""
    recorded_on: date
    """Day on which this end was recorded here."""


def days_left(valid_until: date, today: date) -> int:
    """Return the days until the last day of validity: 0 on that day, negative once past.

    >>> days_left(date(2024, 7, 26), date(2024, 7, 26))
    0
    """
    return (valid_until - today).days


def due_threshold(facts: EndFacts, *, today: date, thresholds: Sequence[int]) -> int | None:
    """Return the threshold that is due, None where none is.

    Of several crossed at once (a derogation recorded late, a worker that was down), only the nearest is due: people get
    one warning, not five. An end that was already past when it was recorded warns of nothing: the register says so.
    """
    if facts.valid_until < facts.recorded_on:
        return None
    left = days_left(facts.valid_until, today)
    crossed = [threshold for threshold in thresholds if left <= threshold]
    return min(crossed) if crossed else None


def first_end_shown(today: date) -> date:
    """Return the earliest end whose warning the home page still shows."""
    return today - timedelta(days=SHOWN_AFTER_END_DAYS)


def mail_key_prefix(derogation_id: UUID, valid_until: date) -> str:
    """Return how the keys of all mails that warn of one end begin."""
    return f"alerts.end:{derogation_id}:{valid_until.isoformat()}:"


def operation_key_prefix(operation_id: UUID, valid_until: date | None) -> str:
    """Return how the keys of all mails about one operation and one end of its derogation begin."""
    return f"alerts.operation:{operation_id}:{valid_until or 'none'}:"
