"""Each threshold warns once, by one mail to each recipient; what an extension makes untrue is withdrawn."""

import threading
from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from tests.hospital import GUY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY
from tests.stock import make_decision, make_derogation, make_manufacturer
from tracker import db, schedule, worker
from tracker.actor import Actor, system_actor
from tracker.alerts import jobs, rules, service
from tracker.alerts.models import DerogationWarning
from tracker.audit import queries as audit
from tracker.db import Database, Session, transaction
from tracker.derogations.rules import DecisionKind
from tracker.organisation.models import Recipient
from tracker.outbox.models import Message
from tracker.outbox.rules import MessageState
from tracker.schedule import Job

THRESHOLDS = (180, 90, 60, 30, 14, 7, 1, 0)
PUBLIC_URL = "https://trace59.hospital-1.test"
END = date(2026, 12, 31)
DAY = timedelta(days=1)
SYSTEM_A, SYSTEM_B = system_actor(HOSPITAL_A), system_actor(HOSPITAL_B)


def sweep(session: Session, today: date, *, actor: Actor = SYSTEM_A) -> int:
    return service.raise_warnings(
        session, thresholds=THRESHOLDS, public_url=PUBLIC_URL, actor=actor, now=NOW, today=today
    )


def before_end(days: int, *, end: date = END) -> date:
    return end - timedelta(days=days)


def mails(session: Session) -> Sequence[Message]:
    return session.scalars(select(Message).order_by(Message.created_at, Message.id)).all()


def raised(session: Session) -> list[tuple[date, int]]:
    rows = session.scalars(select(DerogationWarning).order_by(DerogationWarning.id))
    return [(row.valid_until, row.threshold_days) for row in rows]


def shown(session: Session, today: date) -> list[tuple[date, int]]:
    found = service.list_true_warnings(session, today=today, now=NOW)
    return [(warning.valid_until, warning.threshold_days) for warning, _standing in found]


@pytest.fixture
def derogation(session: Session) -> UUID:
    """A derogation in force until the end of the year."""
    return make_derogation(session, make_manufacturer(session), valid_until=END)


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_each_threshold_warns_once(session: Session, derogation: UUID, threshold: int) -> None:
    found = [sweep(session, before_end(threshold)) for _run in range(3)]

    assert found == [1, 0, 0]
    assert raised(session) == [(END, threshold)]
    assert len(mails(session)) == 1


def test_a_day_before_the_first_threshold_nothing_is_said(session: Session, derogation: UUID) -> None:
    assert sweep(session, before_end(181)) == 0
    assert mails(session) == []


def test_a_year_of_daily_sweeps_warns_once_at_each_threshold_and_never_again(
    session: Session, derogation: UUID
) -> None:
    days = (185, 180, 179, 91, 90, 60, 31, 30, 14, 7, 2, 1, 0, -1, -30)

    found = [(day, sweep(session, before_end(day))) for day in days]

    assert [day for day, count in found if count] == [180, 90, 60, 30, 14, 7, 1, 0]
    assert [threshold for _end, threshold in raised(session)] == list(THRESHOLDS)


def test_a_worker_that_was_down_for_weeks_warns_of_the_nearest_threshold_only(
    session: Session, derogation: UUID
) -> None:
    sweep(session, before_end(95))

    sweep(session, before_end(10))

    assert raised(session) == [(END, 180), (END, 14)]


def test_a_worker_that_was_down_over_the_end_says_that_it_is_over(session: Session, derogation: UUID) -> None:
    sweep(session, END + 3 * DAY)

    (mail,) = mails(session)
    assert mail.subject == "[Trace59] Fin de dérogation passée : SCORE inserts"


def test_an_end_that_was_over_when_it_was_recorded_warns_of_nothing(session: Session) -> None:
    make_derogation(session, make_manufacturer(session), effective_from=date(2023, 1, 1), valid_until=date(2024, 7, 26))

    assert sweep(session, TODAY) == 0
    assert shown(session, TODAY) == []


@pytest.mark.parametrize(
    ("kind", "count"),
    [(DecisionKind.SUSPENDED, 1), (DecisionKind.WITHDRAWN, 0)],
)
def test_a_suspended_derogation_still_ends_and_a_withdrawn_one_does_not(
    session: Session, derogation: UUID, kind: DecisionKind, count: int
) -> None:
    make_decision(session, derogation, kind, effective_from=date(2026, 1, 1))

    assert sweep(session, before_end(30)) == count


def test_a_derogation_without_a_stated_end_warns_of_nothing(session: Session) -> None:
    make_derogation(session, make_manufacturer(session), valid_until=None)

    assert sweep(session, TODAY) == 0


def test_the_mail_says_what_ends_when_and_where_to_look_in_both_languages(session: Session, derogation: UUID) -> None:
    sweep(session, before_end(30))

    (mail,) = mails(session)
    assert mail.recipient == "pharmacie@hospital-1.test"
    assert mail.subject == "[Trace59] Fin de dérogation dans 30 jours : SCORE inserts"
    assert "prend fin le 31/12/2026 (inclus) : dans 30 jours." in mail.body
    assert "ends on 2026-12-31 (included): in 30 days." in mail.body
    assert f"{PUBLIC_URL}/derogations/{derogation}" in mail.body
    assert "$" not in mail.body


@pytest.mark.parametrize(("left", "words"), [(1, "dans 1 jour :"), (0, "aujourd’hui :")])
def test_the_mail_counts_in_correct_french(session: Session, derogation: UUID, left: int, words: str) -> None:
    sweep(session, before_end(left))

    (mail,) = mails(session)
    assert words in mail.subject


def test_every_listed_recipient_gets_one_mail(session: Session, derogation: UUID) -> None:
    purpose = session.scalars(select(Recipient.purpose)).one()
    session.add(Recipient(id=db.new_id(), establishment_id=HOSPITAL_A, purpose=purpose, email="clmv@hospital-1.test"))
    session.flush()

    sweep(session, before_end(30))

    assert [mail.recipient for mail in mails(session)] == ["clmv@hospital-1.test", "pharmacie@hospital-1.test"]


def test_without_a_listed_recipient_the_pharmacists_are_told(database: Database) -> None:
    with transaction(database, HOSPITAL_B) as session:
        make_derogation(session, make_manufacturer(session, actor=GUY), actor=GUY, valid_until=END)

        sweep(session, before_end(30), actor=SYSTEM_B)

        assert [mail.recipient for mail in mails(session)] == ["guy@hospital.test"]


def test_a_warning_is_told_by_the_trail(session: Session, derogation: UUID) -> None:
    sweep(session, before_end(30))

    (entry,) = [e for e in audit.list_entries(session, HOSPITAL_A) if e.action == "warning:raised"]
    assert entry.subject == f"derogation:{derogation}"
    assert entry.details == {"threshold_days": "30", "valid_until": "2026-12-31"}
    assert entry.actor_name == "system"


def test_an_extension_cancels_the_mails_that_wait_and_hides_the_warning(session: Session, derogation: UUID) -> None:
    sweep(session, before_end(30))
    assert shown(session, before_end(30)) == [(END, 30)]

    make_decision(
        session,
        derogation,
        DecisionKind.EXTENDED,
        effective_from=date(2026, 12, 1),
        valid_until=date(2028, 12, 31),
    )

    assert shown(session, before_end(29)) == []
    assert sweep(session, before_end(29)) == 0
    assert [mail.state for mail in mails(session)] == [MessageState.CANCELLED]


def test_a_mail_that_was_sent_before_the_extension_stays_sent(session: Session, derogation: UUID) -> None:
    sweep(session, before_end(30))
    (mail,) = mails(session)
    mail.state = MessageState.SENT
    session.flush()

    make_decision(session, derogation, DecisionKind.WITHDRAWN, effective_from=date(2026, 12, 1))
    sweep(session, before_end(29))

    assert [mail.state for mail in mails(session)] == [MessageState.SENT]


def test_the_end_of_an_extension_is_warned_of_anew(session: Session, derogation: UUID) -> None:
    sweep(session, before_end(0))
    new_end = date(2027, 12, 31)
    make_decision(
        session,
        derogation,
        DecisionKind.EXTENDED,
        effective_from=date(2026, 12, 31),
        valid_until=new_end,
    )

    sweep(session, before_end(90, end=new_end))

    assert raised(session) == [(END, 0), (new_end, 90)]
    assert shown(session, before_end(90, end=new_end)) == [(new_end, 90)]


def test_a_mail_of_another_cause_is_not_cancelled(session: Session, derogation: UUID) -> None:
    sweep(session, before_end(30))
    session.execute(
        text("update message set kind = 'report_ansm', idempotency_key = 'incident:1', subject_ref = 'incident:1'")
    )

    make_decision(session, derogation, DecisionKind.WITHDRAWN, effective_from=date(2026, 1, 1))
    sweep(session, before_end(29))

    assert session.scalars(text("select state from message")).all() == ["queued"]


def test_the_home_page_shows_the_nearest_warning_of_each_derogation(session: Session, derogation: UUID) -> None:
    for days in (180, 90, 60):
        sweep(session, before_end(days))
    make_derogation(session, make_manufacturer(session, "Other"), valid_until=END + 60 * DAY)
    sweep(session, before_end(60))

    assert shown(session, before_end(60)) == [(END, 60), (END + 60 * DAY, 180)]


def test_a_past_end_leaves_the_home_page_after_a_season(session: Session, derogation: UUID) -> None:
    sweep(session, END + DAY)

    assert shown(session, END + rules.SHOWN_AFTER_END_DAYS * DAY) == [(END, 0)]
    assert shown(session, END + (rules.SHOWN_AFTER_END_DAYS + 1) * DAY) == []


def due_now(database: Database) -> Job:
    """Write a derogation of hospital A that ends in 30 days, and return the job that warns of it."""
    with transaction(database, HOSPITAL_A) as session:
        make_derogation(session, make_manufacturer(session), valid_until=TODAY + 30 * DAY)
    return jobs.warning_job(thresholds=THRESHOLDS, acknowledgement_days=15, public_url=PUBLIC_URL)


def state_of(database: Database) -> tuple[int, int, int]:
    with transaction(database, HOSPITAL_A) as session:
        told = [entry for entry in audit.list_entries(session, HOSPITAL_A) if entry.action == "warning:raised"]
        return len(raised(session)), len(mails(session)), len(told)


def test_two_workers_on_one_due_warning_write_one_mail(database: Database) -> None:
    job, together, found = due_now(database), threading.Barrier(4), list[int]()

    def sweep_once() -> None:
        together.wait()
        found.append(job.run(database, NOW))

    workers = [threading.Thread(target=sweep_once) for _worker in range(4)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()

    assert sorted(found) == [0, 0, 0, 1]
    assert state_of(database) == (1, 1, 1)


def test_two_workers_on_one_tick_record_one_run(database: Database) -> None:
    job = due_now(database)

    ran = [worker.run_once(job, database) for _worker in range(2)]

    assert ran == [True, False]
    with transaction(database, None) as session:
        assert schedule.find_last_success(session, rules.WARNING_JOB) is not None


def test_one_establishment_that_fails_does_not_silence_the_others(database: Database) -> None:
    with transaction(database, HOSPITAL_A) as session:
        make_derogation(session, make_manufacturer(session), valid_until=TODAY + 30 * DAY)
        session.execute(text("update recipient set email = 'not an address'"))
    with transaction(database, HOSPITAL_B) as session:
        make_derogation(session, make_manufacturer(session, actor=GUY), actor=GUY, valid_until=TODAY + 30 * DAY)
    job = jobs.warning_job(thresholds=THRESHOLDS, acknowledgement_days=15, public_url=PUBLIC_URL)

    with pytest.raises(ExceptionGroup, match="warnings failed in 1 establishments"):
        job.run(database, NOW)

    assert state_of(database) == (0, 0, 0)
    with transaction(database, HOSPITAL_B) as session:
        assert len(mails(session)) == 1
