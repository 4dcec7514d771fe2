"""The sweep that reminds people of requests in which nothing moves."""

from datetime import datetime, timedelta
from pathlib import Path
from string import Template
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from tracker import clock
from tracker.accounts import queries as accounts
from tracker.actor import Actor, Role, system_actor
from tracker.db import Database, Session, transaction
from tracker.errors import TraceError
from tracker.organisation import queries as organisation
from tracker.organisation.rules import RecipientPurpose
from tracker.outbox import service as outbox
from tracker.outbox.rules import MessageKind
from tracker.outbox.service import NewMessage
from tracker.requests import rules, service
from tracker.requests.models import DerogationRequest
from tracker.schedule import Job

REMINDER_JOB = "requests.reminders"

_TEMPLATE = Path(__file__).parent / "templates" / "requests" / "email_reminder.txt"


def reminder_job(*, patience: timedelta, public_url: str) -> Job:
    """Return the job that reminds, one transaction per establishment, every hour.

    What fails in one establishment does not keep the others from being reminded; the run ends as failed.
    """

    def run(database: Database, now: datetime) -> int:
        with transaction(database, None) as session:
            establishment_ids = [row.id for row in organisation.list_establishments(session)]
        reminded, failures = 0, list[Exception]()
        for establishment_id in establishment_ids:
            try:
                reminded += run_one(database, establishment_id, now)
            except (TraceError, SQLAlchemyError) as failure:
                failures.append(failure)
        if failures:
            raise ExceptionGroup(f"reminders failed in {len(failures)} establishments", failures)
        return reminded

    def run_one(database: Database, establishment_id: UUID, now: datetime) -> int:
        actor = system_actor(establishment_id)
        with transaction(database, establishment_id) as session:
            due = service.remind(session, patience=patience, actor=actor, now=now, today=clock.paris_day(now))
            recipients = _recipients(session) if due else []
            for row in due:
                for recipient in recipients:
                    _queue(session, row, recipient, public_url=public_url, actor=actor, now=now)
        return len(due)

    return Job(REMINDER_JOB, timedelta(hours=1), run)


def _recipients(session: Session) -> list[str]:
    listed = organisation.list_recipients(session, RecipientPurpose.DEROGATION_WARNING)
    return list(listed) or [person.email for person in accounts.list_people_with_role(session, Role.PHARMACIST)]


def _queue(
    session: Session, row: DerogationRequest, recipient: str, *, public_url: str, actor: Actor, now: datetime
) -> None:
    number, days = rules.request_number(row.number), (now - row.moved_at).days
    words = {"number": number, "days": days, "address": f"{public_url}/requests/{row.id}"}
    new = NewMessage(
        kind=MessageKind.REQUEST_REMINDER,
        idempotency_key=f"requests.still:{row.id}:{now.isoformat()}:{recipient}",
        subject_ref=f"request:{row.id}",
        recipient=recipient,
        subject=f"[Trace59] Demande de dérogation {number} : rien n’a bougé depuis {days} jours",
        body=Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(words),
    )
    outbox.queue(session, new=new, actor=actor, now=now)
