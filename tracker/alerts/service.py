"""Raises the warnings that are due, once each, and withdraws those that an extension has made untrue."""

from collections.abc import Mapping, Sequence
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
from tracker.alerts.models import DerogationWarning, OperationWarning
from tracker.alerts.rules import EndFacts
from tracker.audit import service as audit
from tracker.derogations import queries as derogations
from tracker.derogations.queries import DerogationStanding, paris_day
from tracker.derogations.rules import DerogationStatus
from tracker.followups import queries as followups
from tracker.followups.rules import sent_before
from tracker.operations import queries as operations
from tracker.operations.queries import OperationLine, Outlook
from tracker.organisation import queries as organisation
from tracker.organisation.rules import RecipientPurpose
from tracker.outbox import service as outbox
from tracker.outbox.rules import MessageKind, MessageNotWaiting
from tracker.outbox.service import NewMessage
from tracker.vigilance.rules import ReportRecipient

_TEMPLATES = Path(__file__).parent / "templates" / "alerts"
_WARNED = frozenset({DerogationStatus.IN_FORCE, DerogationStatus.ENDED, DerogationStatus.SUSPENDED})
"""What may still be used, or was until its end. A withdrawn or refused derogation has no end to warn of."""


@dataclass(frozen=True, slots=True)
class Letter:
    """The words of one warning."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Endangered:
    """A planned operation that nothing allows on its day, as known now."""

    line: OperationLine
    outlook: Outlook

    @property
    def status(self) -> str:
        """Return the code that is stored with the warning."""
        return self.outlook.status.value if self.outlook.status else "none"


def raise_warnings(
    session: Session, *, thresholds: Sequence[int], public_url: str, actor: Actor, now: datetime, today: date
) -> int:
    """Raise every warning that is due for one establishment and withdraw what is no longer true.

    Returns:
        How many warnings were raised.
    """
    actor.require(Permission.WARNING_READ)
    standings = derogations.list_standings(session, day=today, known_at=now)
    endangered = _endangered(session, now=now, today=today)
    _withdraw_untrue(session, standings, endangered, actor=actor, now=now)
    raised = _raise_for_operations(session, endangered, public_url=public_url, actor=actor, now=now)
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
    body = Template((_TEMPLATES / "email_derogation_end.txt").read_text(encoding="utf-8")).substitute(words)
    return Letter(f"[Trace59] Fin de dérogation {when_fr} : {designation}", body)


def _withdraw_untrue(
    session: Session,
    standings: Sequence[DerogationStanding],
    endangered: Mapping[UUID, Endangered],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Cancel mails that wait to say an end, or a danger of an operation, which is no longer true."""
    ends = [rules.mail_key_prefix(standing.id, end) for standing in standings if (end := _end(standing)) is not None]
    dangers = [rules.operation_key_prefix(id_, found.outlook.valid_until) for id_, found in endangered.items()]
    for message in queries.list_waiting_mails(session):
        if not message.idempotency_key.startswith((*ends, *dangers)):
            with suppress(MessageNotWaiting):  # sent a moment ago
                outbox.cancel(session, message.id, actor=actor, now=now)


def _endangered(session: Session, *, now: datetime, today: date) -> dict[UUID, Endangered]:
    """Return the operations still planned that nothing allows on their day, by operation."""
    found = {}
    for line in operations.list_open_operations(session, from_day=today):
        outlook = operations.find_outlook(session, line, known_at=now)
        if not outlook.is_covered:
            found[line.operation.id] = Endangered(line, outlook)
    return found


def _raise_for_operations(
    session: Session, endangered: Mapping[UUID, Endangered], *, public_url: str, actor: Actor, now: datetime
) -> int:
    """Warn once of each operation and end of its derogation; withdraw what an extension or another day made untrue."""
    opened = queries.list_operation_warnings(session)
    for operation_id, warning in opened.items():
        one = endangered.get(operation_id)
        if one is None or (one.status, one.outlook.valid_until) != (warning.status, warning.valid_until):
            warning.withdrawn_at = now
    session.flush()  # an operation has one open warning
    raised = 0
    for operation_id, one in endangered.items():
        warning_id = session.scalar(
            insert(OperationWarning)
            .values(
                id=db.new_id(),
                establishment_id=actor.establishment_id,
                operation_id=operation_id,
                status=one.status,
                valid_until=one.outlook.valid_until,
                raised_at=now,
            )
            .on_conflict_do_nothing()
            .returning(OperationWarning.id)
        )
        if warning_id is not None:
            _tell_of_operation(session, one, public_url=public_url, actor=actor, now=now)
            raised += 1
    return raised


def _tell_of_operation(session: Session, one: Endangered, *, public_url: str, actor: Actor, now: datetime) -> None:
    """Queue the mails about one operation, to its operator too; no patient is named (design, decision 12)."""
    operation, outlook = one.line.operation, one.outlook
    audit.append(
        session,
        actor=actor,
        action="warning:operation",
        subject=f"operation:{operation.id}",
        details={"status": one.status, "valid_until": str(outlook.valid_until or "")},
        now=now,
    )
    letter = _operation_letter(one, public_url=public_url)
    operator = accounts.get_person(session, operation.operator_id)
    for recipient in sorted({*_recipients(session), operator.email}):
        new = NewMessage(
            kind=MessageKind.DEROGATION_WARNING,
            idempotency_key=f"{rules.operation_key_prefix(operation.id, outlook.valid_until)}{one.status}:{recipient}",
            subject_ref=f"operation:{operation.id}",
            recipient=recipient,
            subject=letter.subject,
            body=letter.body,
        )
        outbox.queue(session, new=new, actor=actor, now=now)


def _operation_letter(one: Endangered, *, public_url: str) -> Letter:
    operation, end = one.line.operation, one.outlook.valid_until
    words = {
        "day_fr": f"{operation.planned_on:%d/%m/%Y}",
        "day_en": operation.planned_on.isoformat(),
        "subject": "".join(c if c.isprintable() else " " for c in one.line.subject),
        "operator": operation.operator_name,
        "end_fr": f"fin le {end:%d/%m/%Y}" if end else "aucune dérogation en vigueur ce jour-là",
        "end_en": f"ends on {end.isoformat()}" if end else "no derogation in force on that day",
        "address": f"{public_url}/operations/{operation.id}",
    }
    body = Template((_TEMPLATES / "email_operation_uncovered.txt").read_text(encoding="utf-8")).substitute(words)
    return Letter(f"[Trace59] Opération du {words['day_fr']} sans dérogation en vigueur", body)


def list_true_warnings(
    session: Session, *, today: date, now: datetime
) -> list[tuple[DerogationWarning, DerogationStanding]]:
    """Return the nearest warning of each derogation whose end is still the one it warns of, earliest end first.

    Two statements over what is about to end, whatever the register holds.
    """
    found = queries.list_warnings(session, from_day=rules.first_end_shown(today))
    concerned = {warning.derogation_id for warning in found}
    standings = {
        standing.id: standing for standing in derogations.list_standings_of(session, concerned, day=today, known_at=now)
    }
    nearest: dict[UUID, DerogationWarning] = {}
    for warning in found:
        if _end(standings[warning.derogation_id]) == warning.valid_until:
            nearest.setdefault(warning.derogation_id, warning)
    return [(warning, standings[derogation_id]) for derogation_id, warning in nearest.items()]


_MOST_LATE = 500


def warn_of_late_acknowledgements(session: Session, *, days: int, public_url: str, actor: Actor, now: datetime) -> int:
    """Warn once, by mail, of each report that nobody has acknowledged in time.

    Returns:
        How many reports are late.
    """
    actor.require(Permission.WARNING_READ)
    late = followups.list_late(session, sent_before=sent_before(now, days), limit=_MOST_LATE)
    recipients = _vigilance_recipients(session) if late else []
    for report in late:
        words = {
            "number": report.number,
            "recipient": "l’ANSM" if report.recipient is ReportRecipient.ANSM else "le fabricant",
            "days": str(days),
            "sent_on": f"{paris_day(report.sent_at):%d/%m/%Y}",
            "address": f"{public_url}/incidents/{report.incident_id}/follow-up",
        }
        body = Template((_TEMPLATES / "email_late_acknowledgement.txt").read_text(encoding="utf-8")).substitute(words)
        for recipient in recipients:
            new = NewMessage(
                kind=MessageKind.VIGILANCE_WARNING,
                idempotency_key=f"alerts.late:{report.report_id}:{recipient}",
                subject_ref=f"incident:{report.incident_id}",
                recipient=recipient,
                subject=f"[Trace59] Incident {report.number} : aucun accusé de réception",
                body=body,
            )
            outbox.queue(session, new=new, actor=actor, now=now)
    return len(late)


def _vigilance_recipients(session: Session) -> list[str]:
    listed = organisation.list_recipients(session, RecipientPurpose.VIGILANCE_WARNING)
    if listed:
        return list(listed)
    return [person.email for person in accounts.list_people_with_role(session, Role.VIGILANCE_OFFICER)]
