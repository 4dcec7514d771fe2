"""Raises the warnings that are due, once each, and withdraws those that an extension has made untrue."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from string import Template
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from tracker import db
from tracker.accounts import queries as accounts
from tracker.actor import Actor, Permission, Role
from tracker.alerts import queries, rules
from tracker.alerts.models import DerogationWarning
from tracker.alerts.rules import EndFacts
from tracker.audit import service as audit
from tracker.derogations import queries as derogations
from tracker.derogations.queries import DerogationStanding
from tracker.derogations.rules import DerogationStatus
from tracker.organisation import queries as organisation
from tracker.organisation.models import RecipientPurpose
from tracker.outbox import service as outbox
from tracker.outbox.rules import MessageKind, MessageNotWaiting
from tracker.outbox.service import NewMessage

_TEMPLATE = Path(__file__).parent / "templates" / "alerts" / "email_derogation_end.txt"
_WARNED = frozenset({DerogationStatus.IN_FORCE, DerogationStatus.ENDED, DerogationStatus.SUSPENDED})
"""What may still be used, or was until its end. A withdrawn or refused derogation has no end to warn of."""


@dataclass(frozen=True, slots=True)
class Letter:
    """The words of one warning."""

    subject: str
    body: str


def raise_warnings(
    session: Session, *, thresholds: Sequence[int], public_url: str, actor: Actor, now: datetime, today: date
) -> int:
    """Raise every warning that is due for one establishment and withdraw what is no longer true.

    Returns:
        How many warnings were raised.
    """
    actor.require(Permission.WARNING_READ)
    standings = derogations.list_standings(session, day=today, known_at=now)
    _withdraw_untrue(session, standings, actor=actor, now=now)
    raised = 0
    for standing in standings:
        threshold = _due(standing, today=today, thresholds=thresholds)
        if threshold is not None and _raise_once(session, standing, threshold, actor=actor, now=now):
            _queue_mails(session, standing, threshold, public_url=public_url, actor=actor, now=now, today=today)
            raised += 1
    return raised


def _end(standing: DerogationStanding) -> date | None:
    """Return the last day that is still to be warned of, None where there is none."""
    return standing.valid_until if standing.status in _WARNED else None


def _due(standing: DerogationStanding, *, today: date, thresholds: Sequence[int]) -> int | None:
    end = _end(standing)
    if end is None or standing.end_recorded_on is None:
        return None
    return rules.due_threshold(EndFacts(end, standing.end_recorded_on), today=today, thresholds=thresholds)


def _raise_once(session: Session, standing: DerogationStanding, threshold: int, *, actor: Actor, now: datetime) -> bool:
    """Write the warning unless it was ever raised; the unique key decides between two workers."""
    statement = (
        insert(DerogationWarning)
        .values(
            id=db.new_id(),
            establishment_id=actor.establishment_id,
            derogation_id=standing.id,
            valid_until=standing.valid_until,
            threshold_days=threshold,
            raised_at=now,
        )
        .on_conflict_do_nothing()
        .returning(DerogationWarning.id)
    )
    warning_id = session.scalar(statement)
    if warning_id is None:
        return False
    audit.append(
        session,
        actor=actor,
        action="warning:raised",
        subject=f"derogation:{standing.id}",
        details={"threshold_days": str(threshold), "valid_until": str(standing.valid_until)},
        now=now,
    )
    return True


def _queue_mails(
    session: Session,
    standing: DerogationStanding,
    threshold: int,
    *,
    public_url: str,
    actor: Actor,
    now: datetime,
    today: date,
) -> None:
    end = standing.valid_until or today
    letter = _letter(standing, end, public_url=public_url, today=today)
    prefix = rules.mail_key_prefix(standing.id, end)
    for recipient in _recipients(session):
        new = NewMessage(
            kind=MessageKind.DEROGATION_WARNING,
            idempotency_key=f"{prefix}{threshold}:{recipient}",
            subject_ref=f"derogation:{standing.id}",
            recipient=recipient,
            subject=letter.subject,
            body=letter.body,
        )
        outbox.queue(session, new=new, actor=actor, now=now)


def _recipients(session: Session) -> list[str]:
    listed = organisation.list_recipients(session, RecipientPurpose.DEROGATION_WARNING)
    if listed:
        return list(listed)
    return [person.email for person in accounts.list_people_with_role(session, Role.PHARMACIST)]


def _letter(standing: DerogationStanding, end: date, *, public_url: str, today: date) -> Letter:
    left = rules.days_left(end, today)
    when_fr = f"dans {left} jour{'s' if left > 1 else ''}" if left > 0 else "aujourd’hui" if left == 0 else "passée"
    when_en = f"in {left} day{'s' if left > 1 else ''}" if left > 0 else "today" if left == 0 else "over"
    designation = "".join(c if c.isprintable() else " " for c in standing.designation)
    words = {
        "designation": designation,
        "manufacturer": standing.manufacturer_name,
        "end_fr": f"{end:%d/%m/%Y}",
        "end_en": end.isoformat(),
        "when_fr": when_fr,
        "when_en": when_en,
        "address": f"{public_url}/derogations/{standing.id}",
    }
    body = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(words)
    return Letter(f"[Trace59] Fin de dérogation {when_fr} : {designation}", body)


def _withdraw_untrue(session: Session, standings: Sequence[DerogationStanding], *, actor: Actor, now: datetime) -> None:
    """Cancel mails that wait to say an end which is no longer the derogation's."""
    still_true = tuple(
        rules.mail_key_prefix(standing.id, end) for standing in standings if (end := _end(standing)) is not None
    )
    for message in queries.list_waiting_mails(session):
        if not message.idempotency_key.startswith(still_true):
            with suppress(MessageNotWaiting):  # sent a moment ago
                outbox.cancel(session, message.id, actor=actor, now=now)


def list_true_warnings(
    session: Session, standings: Sequence[DerogationStanding], *, today: date
) -> list[DerogationWarning]:
    """Return the nearest warning of each derogation whose end is still the one it warns of, earliest end first."""
    ends = [
        (standing.id, end)
        for standing in standings
        if (end := _end(standing)) is not None and rules.is_shown(end, today)
    ]
    nearest: dict[UUID, DerogationWarning] = {}
    for warning in queries.list_warnings(session, ends):
        nearest.setdefault(warning.derogation_id, warning)
    return sorted(nearest.values(), key=lambda warning: warning.valid_until)
