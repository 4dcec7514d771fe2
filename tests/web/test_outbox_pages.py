"""Pages of messages: states, proof, retry, and the mailbox of this machine."""

from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from tests.hospital import ALICE, BOB, CHARLIE, ERIC, FANNY, GUY, HOSPITAL_A, NOW
from tests.pages import Visitor, make_app, words
from tracker.actor import Actor
from tracker.db import Database, transaction
from tracker.documents import service as documents
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.outbox import jobs, queries, service
from tracker.outbox.rules import MessageKind, MessageState
from tracker.outbox.service import NewMessage
from tracker.outbox.transport import MaildirTransport, Receipt, TransportError, mailbox_of

SENDER = "trace59@localhost"


@pytest.fixture
def app(database: Database, tmp_path: Path) -> Flask:
    return make_app(database, tmp_path)


def write(database: Database, key: str = "1", *, content: bytes = b"%PDF-A") -> UUID:
    with transaction(database, HOSPITAL_A) as session:
        file = NewFile(DocumentKind.REPORT_ANSM, "incident:1", "report.pdf", content, has_patient_data=True)
        document = documents.freeze(session, file, actor=BOB, now=NOW)
        new = NewMessage(
            kind=MessageKind.REPORT_ANSM,
            idempotency_key=key,
            subject_ref="incident:1",
            recipient="materiovigilance@ansm.test",
            subject=f"Report {key}",
            body="First line\nsecond line\n\n<b>not bold</b>",
            attachments=(document.id,),
        )
        return service.queue(session, new=new, actor=BOB, now=NOW).id


def keep(database: Database, tmp_path: Path) -> None:
    jobs.deliver(database, NOW, transport_for=lambda _: mailbox_of(tmp_path), sender=SENDER)


class Refusing(MaildirTransport):
    """A way out that says no for ever."""

    def send(self, email: object) -> Receipt:
        raise TransportError(f"550 nobody for {email['To']}", permanent=True)  # type: ignore[index] # an e-mail


def fail(database: Database, tmp_path: Path) -> None:
    jobs.deliver(database, NOW, transport_for=lambda _: Refusing(tmp_path), sender=SENDER)


def state_of(database: Database, message_id: UUID) -> MessageState:
    with transaction(database, HOSPITAL_A) as session:
        return queries.get_message(session, message_id).state


def test_the_list_shows_each_message_with_its_state(app: Flask, database: Database) -> None:
    write(database)

    page = Visitor(app, database, ALICE).read("/messages")

    assert "Report 1" in page
    assert "Waiting to be sent" in page
    assert "materiovigilance@ ansm.test" in page  # a long address may be cut after the @


def test_an_empty_list_says_what_will_appear(app: Flask, database: Database) -> None:
    assert "No message yet" in Visitor(app, database).read("/messages")
    assert "Nothing failed" in Visitor(app, database).read("/messages?state=failed")


def test_what_failed_stands_at_the_top_and_has_a_list_of_its_own(
    app: Flask, database: Database, tmp_path: Path
) -> None:
    write(database)
    fail(database, tmp_path)
    write(database, "2")
    bob = Visitor(app, database, BOB)

    assert "1 message could not be sent." in bob.read("/messages")
    failed = bob.read("/messages?state=failed")
    assert "Report 1" in failed
    assert "Report 2" not in failed


def test_one_message_shows_its_headers_its_words_and_each_answer(
    app: Flask, database: Database, tmp_path: Path
) -> None:
    message_id = write(database)
    fail(database, tmp_path)

    page = Visitor(app, database, FANNY).read(f"/messages/{message_id}")

    assert "550 nobody for materiovigilance@ansm.test" in page
    assert f"<{message_id}@hospital-1.test>" in page
    assert "Hôpital A <trace59@localhost>" in page
    assert "<b>not bold</b>" in page
    assert "report.pdf" in page
    assert "De Hôpital A" in Visitor(app, database, FANNY, locale="fr").read(f"/messages/{message_id}")


def test_only_who_transmits_reports_is_offered_to_retry(app: Flask, database: Database, tmp_path: Path) -> None:
    message_id = write(database)
    fail(database, tmp_path)

    assert "Try again now" in Visitor(app, database, BOB).read(f"/messages/{message_id}")
    assert "Try again now" not in Visitor(app, database, ALICE).read(f"/messages/{message_id}")
    assert Visitor(app, database, ALICE).post(f"/messages/{message_id}/retry").status_code == 403
    assert state_of(database, message_id) is MessageState.FAILED


def test_a_failed_message_is_tried_again_from_its_page(app: Flask, database: Database, tmp_path: Path) -> None:
    message_id = write(database)
    fail(database, tmp_path)

    answer = Visitor(app, database, BOB).post(f"/messages/{message_id}/retry")

    assert (answer.status_code, answer.location) == (303, f"/messages/{message_id}")
    assert state_of(database, message_id) is MessageState.QUEUED


def test_a_failed_message_is_set_aside_from_its_page(app: Flask, database: Database, tmp_path: Path) -> None:
    message_id = write(database)
    fail(database, tmp_path)
    bob = Visitor(app, database, BOB)

    answer = bob.post(f"/messages/{message_id}/set-aside")

    assert answer.status_code == 303
    assert state_of(database, message_id) is MessageState.CANCELLED
    assert "Cancelled" in bob.read(f"/messages/{message_id}")


def test_retrying_what_was_sent_is_a_conflict(app: Flask, database: Database, tmp_path: Path) -> None:
    message_id = write(database)
    keep(database, tmp_path)

    answer = Visitor(app, database, BOB).post(f"/messages/{message_id}/retry")

    assert answer.status_code == 409
    assert state_of(database, message_id) is MessageState.SENT


def test_the_mailbox_shows_the_mail_and_gives_its_file_back(app: Flask, database: Database, tmp_path: Path) -> None:
    message_id = write(database, content=b"%PDF-what-left")
    keep(database, tmp_path)
    bob = Visitor(app, database, BOB)

    assert "Report 1" in bob.read("/mailbox")
    page = bob.read(f"/mailbox/{message_id}")
    file = bob.get(f"/mailbox/{message_id}/files/0")

    assert "second line" in page
    assert "report.pdf" in page
    assert file.data == b"%PDF-what-left"
    assert file.headers["Content-Disposition"].startswith("attachment")


def test_an_empty_mailbox_says_so(app: Flask, database: Database) -> None:
    assert "The mailbox is empty" in Visitor(app, database).read("/mailbox")


def test_a_file_with_patient_data_needs_the_right_to_read_patients(
    app: Flask, database: Database, tmp_path: Path
) -> None:
    message_id = write(database)
    keep(database, tmp_path)

    assert Visitor(app, database, ERIC).get(f"/mailbox/{message_id}").status_code == 200
    assert Visitor(app, database, ERIC).get(f"/mailbox/{message_id}/files/0").status_code == 403


@pytest.mark.parametrize("position", [1, 99])
def test_a_file_that_is_not_there_is_not_found(app: Flask, database: Database, tmp_path: Path, position: int) -> None:
    message_id = write(database)
    keep(database, tmp_path)

    assert Visitor(app, database, BOB).get(f"/mailbox/{message_id}/files/{position}").status_code == 404


def test_another_hospital_sees_neither_message_nor_mail(app: Flask, database: Database, tmp_path: Path) -> None:
    message_id = write(database)
    keep(database, tmp_path)
    guy = Visitor(app, database, GUY)

    assert "Report 1" not in guy.read("/messages")
    assert "Report 1" not in guy.read("/mailbox")
    for path in (f"/messages/{message_id}", f"/mailbox/{message_id}", f"/mailbox/{message_id}/files/0"):
        assert guy.get(path).status_code == 404


def test_a_mail_removed_from_the_folder_is_told_without_losing_the_register(
    app: Flask, database: Database, tmp_path: Path
) -> None:
    message_id = write(database)
    keep(database, tmp_path)
    for file in (tmp_path / "mail" / "new").iterdir():
        file.unlink()
    bob = Visitor(app, database, BOB)

    answer = bob.get(f"/mailbox/{message_id}")

    assert answer.status_code == 404
    assert "still in the register" in words(answer)
    assert "Sent" in bob.read(f"/messages/{message_id}")


@pytest.mark.parametrize("actor", [CHARLIE])
@pytest.mark.parametrize("path", ["/messages", "/mailbox"])
def test_messages_are_not_for_everybody(app: Flask, database: Database, actor: Actor, path: str) -> None:
    assert Visitor(app, database, actor).get(path).status_code == 403


def test_a_hospital_that_sends_its_mail_has_no_mailbox(app: Flask, database: Database, tmp_path: Path) -> None:
    message_id = write(database)
    keep(database, tmp_path)
    with transaction(database, None) as session:
        session.execute(text("update establishment set is_demonstration = false"))
    app.extensions["trace59"].values["mail_transport"] = "smtp"
    bob = Visitor(app, database, BOB)

    assert bob.get("/mailbox").status_code == 404
    assert bob.get(f"/mailbox/{message_id}").status_code == 404
    assert "Local mailbox" not in bob.read("/messages")


def test_the_pages_speak_french(app: Flask, database: Database) -> None:
    write(database)

    page = Visitor(app, database, locale="fr").read("/messages")

    assert "En attente d’envoi" in page or "attente" in page.lower()
    assert "Déclaration d’incident à l’ANSM" in page
