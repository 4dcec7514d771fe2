"""Delivery against mail servers that refuse, die and hang, and against workers that are killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.hospital import BOB, GUY, HOSPITAL_A, HOSPITAL_B, NOW
from tests.mail_server import Behaviour, MailServer, running_mail_server
from tracker.actor import Actor
from tracker.db import Database, transaction
from tracker.documents import service as documents
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.outbox import jobs, queries, rules, service
from tracker.outbox.models import Message
from tracker.outbox.rules import MessageKind, MessageState
from tracker.outbox.service import NewMessage
from tracker.outbox.transport import MaildirTransport, Receipt, SmtpTransport, Transport, TransportError, parse

SENDER = "trace59@hospital-1.test"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with running_mail_server() as server:
        yield server


@pytest.fixture
def real(database: Database) -> Database:
    """Database whose two hospitals are no demonstration: their mail may leave."""
    with transaction(database, None) as session:
        session.execute(text("update establishment set is_demonstration = false"))
    return database


def smtp(mail: MailServer) -> SmtpTransport:
    return SmtpTransport("127.0.0.1", mail.port, "none", command_seconds=2.0, final_seconds=0.3)


def write(database: Database, *keys: str, actor: Actor = BOB, content: bytes = b"%PDF-A") -> list[UUID]:
    written = []
    with transaction(database, actor.establishment_id) as session:
        for key in keys:
            file = NewFile(DocumentKind.REPORT_ANSM, f"incident:{key}", "r.pdf", content, has_patient_data=True)
            document = documents.freeze(session, file, actor=actor, now=NOW)
            new = NewMessage(
                kind=MessageKind.REPORT_ANSM,
                idempotency_key=key,
                subject_ref=f"incident:{key}",
                recipient="materiovigilance@ansm.test",
                subject=f"Report {key}",
                body="Please find our report.",
                attachments=(document.id,),
            )
            written.append(service.queue(session, new=new, actor=actor, now=NOW).id)
    return written


def deliver(database: Database, transport: Transport, *, after: timedelta = timedelta()) -> int:
    return jobs.deliver(database, NOW + after, transport_for=lambda _: transport, sender=SENDER)


def read(database: Database, message_id: UUID, establishment_id: UUID = HOSPITAL_A) -> Message:
    with transaction(database, establishment_id) as session:
        return queries.get_message(session, message_id)


def answers(database: Database, message_id: UUID) -> list[str]:
    with transaction(database, HOSPITAL_A) as session:
        return [attempt.answer for attempt in queries.list_attempts(session, message_id)]


def test_the_job_sends_what_is_due_and_keeps_the_proof(real: Database, mail: MailServer) -> None:
    [message_id] = write(real, "1")

    job = jobs.deliver_job(lambda _: smtp(mail), sender=SENDER, every=timedelta(minutes=1))
    sent = job.run(real, NOW)

    assert sent == 1
    assert read(real, message_id).state is MessageState.SENT
    assert answers(real, message_id) == ["250 2.0.0 Ok: queued as 0001"]
    [email] = mail.emails()
    [file] = email.iter_attachments()
    assert file.get_content() == b"%PDF-A"


def test_a_sent_message_is_not_sent_again(real: Database, mail: MailServer) -> None:
    write(real, "1")

    deliver(real, smtp(mail))
    deliver(real, smtp(mail), after=timedelta(days=30))

    assert len(mail.received) == 1


def test_every_hospital_is_served(real: Database, mail: MailServer) -> None:
    [here] = write(real, "1")
    [there] = write(real, "1", actor=GUY)

    sent = deliver(real, smtp(mail))

    assert sent == 2
    assert read(real, here).state is MessageState.SENT
    assert read(real, there, HOSPITAL_B).state is MessageState.SENT


def test_a_refusal_for_now_is_tried_again_until_accepted(real: Database, mail: MailServer) -> None:
    [message_id] = write(real, "1")
    mail.behaviour = Behaviour.REFUSE_FOR_NOW

    deliver(real, smtp(mail))
    mail.behaviour = Behaviour.ACCEPT
    too_early = deliver(real, smtp(mail))
    in_time = deliver(real, smtp(mail), after=timedelta(minutes=2))

    assert (too_early, in_time) == (0, 1)
    assert answers(real, message_id) == ["451 4.3.0 try again later", "250 2.0.0 Ok: queued as 0001"]


@pytest.mark.parametrize("behaviour", [Behaviour.REFUSE_FOR_GOOD, Behaviour.REFUSE_CONTENT])
def test_a_refusal_for_good_is_counted_and_the_next_message_still_goes(
    real: Database, mail: MailServer, behaviour: Behaviour
) -> None:
    first, second = write(real, "1", "2")
    mail.behaviour = behaviour

    deliver(real, smtp(mail))

    assert [read(real, first).state, read(real, second).state] == [MessageState.FAILED] * 2
    with transaction(real, HOSPITAL_A) as session:
        assert queries.count_failed(session) == 2


@pytest.mark.parametrize("behaviour", [Behaviour.DIE_AFTER_DATA, Behaviour.HANG_AFTER_DATA])
def test_a_server_silent_after_the_last_byte_gets_the_same_message_again(
    real: Database, mail: MailServer, behaviour: Behaviour
) -> None:
    [message_id] = write(real, "1")
    mail.behaviour = behaviour

    deliver(real, smtp(mail))
    mail.behaviour = Behaviour.ACCEPT
    deliver(real, smtp(mail), after=timedelta(minutes=2))

    assert read(real, message_id).state is MessageState.SENT
    assert len(mail.received) == 2
    assert mail.received[0] == mail.received[1]
    assert {email["Message-ID"] for email in mail.emails()} == {read(real, message_id).message_id}


def test_a_server_that_is_down_is_asked_once_in_a_run(real: Database, mail: MailServer) -> None:
    first, second = write(real, "1", "2")
    mail.behaviour = Behaviour.DIE_AT_ONCE

    deliver(real, smtp(mail))

    assert mail.conversations == 1
    assert [read(real, first).attempt_count, read(real, second).attempt_count] == [1, 0]


def test_a_long_outage_loses_nothing(real: Database, mail: MailServer) -> None:
    written = write(real, "1", "2", "3")
    mail.behaviour = Behaviour.DIE_AT_ONCE
    for hour in range(12):
        deliver(real, smtp(mail), after=timedelta(hours=hour))

    mail.behaviour = Behaviour.ACCEPT
    for hour in range(12, 20):
        deliver(real, smtp(mail), after=timedelta(hours=hour))

    assert {read(real, message_id).state for message_id in written} == {MessageState.SENT}
    assert len(mail.received) == 3


def test_a_message_that_cannot_be_made_does_not_stop_the_others(
    real: Database, mail: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    poison, sound = write(real, "1", "2")
    with transaction(real, HOSPITAL_A) as session:
        queries.get_message(session, poison).subject = "two\nlines: Marie Exemple"

    deliver(real, smtp(mail))

    assert read(real, sound).state is MessageState.SENT
    pushed = read(real, poison)
    assert pushed.state is MessageState.QUEUED
    assert pushed.next_attempt_at > NOW
    assert answers(real, poison) == ["defect: ValueError"]
    assert str(poison) in caplog.text


def test_a_demonstration_never_gets_a_way_out(database: Database, mail: MailServer) -> None:
    [message_id] = write(database, "1")

    with pytest.raises(jobs.DemonstrationMail):
        deliver(database, smtp(mail))

    assert mail.conversations == 0
    assert read(database, message_id).attempt_count == 0


def test_a_demonstrations_mail_lies_in_the_local_mailbox(database: Database, tmp_path: Path) -> None:
    [message_id] = write(database, "1")
    mailbox = MaildirTransport(tmp_path / "mail")

    deliver(database, mailbox)

    with transaction(database, HOSPITAL_A) as session:
        [kept] = queries.list_kept(session)
        assert queries.get_kept(session, message_id).mailbox_key == kept.mailbox_key
    with transaction(database, HOSPITAL_B) as session:
        assert queries.list_kept(session) == []
    content = mailbox.read(kept.mailbox_key)
    assert content is not None
    assert parse(content)["Message-ID"] == kept.message.message_id


def test_the_mailbox_is_read_page_by_page(database: Database, tmp_path: Path) -> None:
    written = write(database, "1", "2", "3")
    deliver(database, MaildirTransport(tmp_path / "mail"))

    with transaction(database, HOSPITAL_A) as session:
        first = queries.list_kept(session, limit=2)
        second = queries.list_kept(session, before=first[-1].message.id, limit=2)

    assert [kept.message.id for kept in [*first, *second]] == list(reversed(written))


def test_messages_that_wait_for_long_are_counted(real: Database, mail: MailServer) -> None:
    write(real, "1", "2")
    mail.behaviour = Behaviour.REFUSE_FOR_NOW
    deliver(real, smtp(mail))

    with transaction(real, HOSPITAL_A) as session:
        assert queries.count_waiting_since(session, NOW + timedelta(seconds=1)) == 2
        assert queries.count_waiting_since(session, NOW) == 0


@dataclass
class Slow:
    """A way out that takes its time, and counts."""

    is_local: ClassVar[bool] = True
    seen: list[str] = field(default_factory=list)
    meeting: threading.Barrier | None = None

    def send(self, email: EmailMessage) -> Receipt:
        time.sleep(0.05)
        self.seen.append(email["Message-ID"])
        return Receipt("kept", {})


def test_two_workers_at_once_send_each_message_once(database: Database) -> None:
    written = write(database, *(str(number) for number in range(10)))
    way = Slow()
    totals: list[int] = []

    threads = [threading.Thread(target=lambda: totals.append(deliver(database, way))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(totals) == 10
    assert len(way.seen) == len(set(way.seen)) == 10
    assert {read(database, message_id).state for message_id in written} == {MessageState.SENT}


def test_sending_holds_no_transaction(database: Database) -> None:
    [message_id] = write(database, "1")
    seen: list[MessageState] = []

    @dataclass
    class Curious(Slow):
        def send(self, email: EmailMessage) -> Receipt:
            with transaction(database, HOSPITAL_A) as session:
                seen.append(queries.get_message_for_update(session, message_id).state)
            return super().send(email)

    deliver(database, Curious())

    assert seen == [MessageState.QUEUED]


_KILLED = """
import os, signal, sys
from datetime import datetime
from tests.hospital import KEYRING
from tracker import db
from tracker.outbox import jobs
from tracker.outbox.transport import SmtpTransport

class Killed(SmtpTransport):
    def send(self, email):
        super().send(email)
        os.kill(os.getpid(), signal.SIGKILL)

url, port, now = sys.argv[1:]
way = Killed("127.0.0.1", int(port), "none")
database = db.create_database(url, KEYRING)
jobs.deliver(database, datetime.fromisoformat(now), transport_for=lambda _: way, sender="{sender}")
"""


def test_a_worker_killed_between_sending_and_marking_repeats_the_same_message(
    real: Database, mail: MailServer, tmp_path: Path
) -> None:
    [message_id] = write(real, "1")
    program = tmp_path / "worker.py"
    program.write_text(_KILLED.replace("{sender}", SENDER))
    url = real.engine.url.render_as_string(hide_password=False)
    root = Path(__file__).parents[2]

    killed = subprocess.run(
        [sys.executable, str(program), url, str(mail.port), NOW.isoformat()],
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
        timeout=60,
    )
    before_the_lease_ends = deliver(real, smtp(mail), after=rules.LEASE - timedelta(seconds=30))
    after_the_lease = deliver(real, smtp(mail), after=rules.LEASE + timedelta(seconds=1))

    assert killed.returncode == -signal.SIGKILL
    assert (before_the_lease_ends, after_the_lease) == (0, 1)
    assert [email["Message-ID"] for email in mail.emails()] == [read(real, message_id).message_id] * 2
    assert mail.received[0] == mail.received[1]
    assert read(real, message_id).state is MessageState.SENT


def test_a_run_has_an_end_however_many_messages_wait(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST_PER_RUN", 3)
    write(database, *(str(number) for number in range(5)))

    runs = [deliver(database, Slow()) for _ in range(3)]

    assert runs == [3, 2, 0]


def test_a_failure_leaves_the_others_of_another_hospital_alone(real: Database, mail: MailServer) -> None:
    [here] = write(real, "1")
    [there] = write(real, "1", actor=GUY)

    @dataclass
    class Closed(Slow):
        def send(self, email: EmailMessage) -> Receipt:
            raise TransportError(f"no way for {email['To']}", permanent=False, is_unreachable=True)

    jobs.deliver(
        real,
        NOW,
        transport_for=lambda establishment: Closed() if establishment.id == HOSPITAL_A else smtp(mail),
        sender=SENDER,
    )

    assert read(real, here).state is MessageState.QUEUED
    assert read(real, there, HOSPITAL_B).state is MessageState.SENT
