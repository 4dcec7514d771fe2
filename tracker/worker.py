"""Composition root of the scheduler: which jobs there are, and how one tick is run.

APScheduler only calls; a run is a row with a unique (job, due instant), so two workers cannot run one tick twice.
"""

import logging
import signal
import threading
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from apscheduler.schedulers.background import BackgroundScheduler

from config.settings import Settings
from tracker import clock, db, schedule
from tracker.alerts.jobs import warning_job
from tracker.audit.jobs import heads_job
from tracker.dispositions.jobs import expire_job
from tracker.effects.jobs import effects_job
from tracker.examinations.jobs import examination_job
from tracker.imports.jobs import import_job
from tracker.lots.jobs import merged_lots_job
from tracker.organisation import queries as organisation
from tracker.outbox.jobs import deliver_job
from tracker.outbox.transport import MaildirTransport, SmtpTransport, Transports
from tracker.publications.jobs import reading_job
from tracker.requests.jobs import reminder_job
from tracker.schedule import Job

logger = logging.getLogger(__name__)

MAIL_PERIOD = timedelta(seconds=15)


def all_jobs(settings: Settings) -> tuple[Job, ...]:
    """Return every periodic job of the program."""
    return (
        deliver_job(transports(settings).choose, sender=settings.mail_from, every=MAIL_PERIOD),
        warning_job(
            thresholds=settings.warning_thresholds_days,
            acknowledgement_days=settings.acknowledgement_days,
            public_url=settings.public_url,
        ),
        reminder_job(patience=timedelta(days=settings.request_reminder_days), public_url=settings.public_url),
        reading_job(),
        effects_job(public_url=settings.public_url),
        merged_lots_job(),
        expire_job(),
        examination_job(),
        import_job(),
        heads_job(
            _establishment_ids,
            signing_key=settings.audit_signing_key,
            path=settings.var_directory / "audit" / "heads.jsonl",
        ),
        Job("schedule.forget", timedelta(hours=1), _forget_runs),
    )


def transports(settings: Settings) -> Transports:
    """Return the ways out of the machine that the settings open."""
    local = MaildirTransport(settings.var_directory / "mail")
    if settings.mail_transport == "local":
        return Transports(local=local, outside=None)
    smtp = SmtpTransport(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=settings.smtp_password,
    )
    return Transports(local=local, outside=smtp)


def _establishment_ids(database: db.Database) -> list[UUID]:
    with db.transaction(database, None) as session:
        return [row.id for row in organisation.list_establishments(session)]


def _forget_runs(database: db.Database, now: datetime) -> int:
    with db.transaction(database, None) as session:
        return schedule.forget_runs(session, now=now)


def run_once(job: Job, database: db.Database) -> bool:
    """Run the present tick of a job unless another worker has it; a failure is recorded and told, never raised.

    Returns:
        Whether this worker ran it.
    """
    with db.transaction(database, None) as session:
        run_id = schedule.claim_run(session, job, now=clock.utc_now())
    if run_id is None:
        return False
    done, error = None, None
    try:
        done = job.run(database, clock.utc_now())
    except Exception as failure:
        logger.exception("job %s failed", job.id)
        error = type(failure).__name__
    with db.transaction(database, None) as session:
        schedule.finish_run(session, run_id, now=clock.utc_now(), done_count=done, error=error)
    return True


def run(settings: Settings, database: db.Database) -> None:
    """Run the scheduler until the process is told to stop."""
    scheduler = BackgroundScheduler(timezone="UTC")
    for job in all_jobs(settings):
        scheduler.add_job(
            partial(run_once, job, database),
            "interval",
            seconds=job.every.total_seconds(),
            id=job.id,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            next_run_time=clock.utc_now(),  # what fell due while the worker was down is done at once
        )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    scheduler.start()
    logger.info("worker started")
    stop.wait()
    scheduler.shutdown(wait=True)
