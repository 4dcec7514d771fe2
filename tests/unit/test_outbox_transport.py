"""Ways out: what an e-mail is made of, and what each answer of a mail server means."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.mail_server import Behaviour, MailServer, make_certificate, running_mail_server
from tracker.organisation.models import Establishment
from tracker.outbox.rules import Attachment, Letter
from tracker.outbox.transport import (
    MaildirTransport,
    SmtpTransport,
    TransportError,
    Transports,
    compose,
    fingerprint,
    parse,
)

LETTER = Letter(
    message_id="<0199@hospital.test>",
    written_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
    sender="trace59@hospital.test",
    sender_name="Hôpital d'Essai",
    reply_to="contact@hospital.test",
    recipient="materiovigilance@ansm.test",
    subject="Déclaration de matériovigilance, dossier 12",
    body="Madame, Monsieur,\n\n.une ligne qui commence par un point\n\nà bientôt\n",
    attachments=(Attachment("dossier-12.pdf", "application/pdf", b"%PDF-1.7 example"),),
)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with running_mail_server() as server:
        yield server


def smtp(mail: MailServer, **options: object) -> SmtpTransport:
    values: dict[str, object] = {"security": "none", "command_seconds": 2.0, "final_seconds": 0.3} | options
    return SmtpTransport("127.0.0.1", mail.port, **values)  # type: ignore[arg-type]


def test_the_same_letter_gives_the_same_bytes() -> None:
    assert compose(LETTER).as_bytes() == compose(LETTER).as_bytes()
    assert len(fingerprint(compose(LETTER))) == 64


def test_the_mail_carries_its_headers_body_and_file(mail: MailServer) -> None:
    smtp(mail).send(compose(LETTER))

    [email] = mail.emails()
    assert email["Message-ID"] == LETTER.message_id
    assert email["Subject"] == LETTER.subject
    assert email["From"].addresses[0].addr_spec == LETTER.sender
    assert email["From"].addresses[0].display_name == LETTER.sender_name
    assert email["Reply-To"].addresses[0].addr_spec == LETTER.reply_to
    assert email["Auto-Submitted"] == "auto-generated"
    body = email.get_body()
    assert body is not None
    assert body.get_content().splitlines() == LETTER.body.splitlines()
    [file] = email.iter_attachments()
    assert file.get_filename() == "dossier-12.pdf"
    assert file.get_content() == b"%PDF-1.7 example"


def test_what_travels_is_seven_bit_so_that_any_server_takes_it() -> None:
    assert compose(LETTER).as_bytes().isascii()


def test_the_receipt_is_the_servers_last_answer(mail: MailServer) -> None:
    receipt = smtp(mail).send(compose(LETTER))

    assert receipt.answer == "250 2.0.0 Ok: queued as 0001"
    assert mail.recipients == [LETTER.recipient]


def test_a_server_that_dies_after_its_acceptance_has_accepted(mail: MailServer) -> None:
    mail.behaviour = Behaviour.ACCEPT_THEN_DIE

    assert smtp(mail).send(compose(LETTER)).answer.startswith("250 ")


@pytest.mark.parametrize(
    ("behaviour", "permanent", "is_unreachable", "answer"),
    [
        (Behaviour.REFUSE_FOR_NOW, False, False, "451 4.3.0 try again later"),
        (Behaviour.REFUSE_FOR_GOOD, True, False, "550 5.1.1 no such mailbox"),
        (Behaviour.REFUSE_CONTENT, True, False, "554 5.6.0 not like this"),
        (Behaviour.DIE_AFTER_DATA, False, False, "no answer"),
        (Behaviour.HANG_AFTER_DATA, False, False, "no answer"),
        (Behaviour.DIE_AT_ONCE, False, True, "no connection"),
    ],
)
def test_each_failure_says_whether_to_try_again(
    *, mail: MailServer, behaviour: Behaviour, permanent: bool, is_unreachable: bool, answer: str
) -> None:
    mail.behaviour = behaviour

    with pytest.raises(TransportError) as raised:
        smtp(mail).send(compose(LETTER))

    assert raised.value.permanent is permanent
    assert raised.value.is_unreachable is is_unreachable
    assert raised.value.message.startswith(answer)


def test_a_refused_log_in_is_ours_to_repair_and_not_the_messages_end(mail: MailServer) -> None:
    mail.behaviour = Behaviour.REFUSE_LOG_IN

    with pytest.raises(TransportError) as raised:
        smtp(mail, user="trace59", password="wrong").send(compose(LETTER))

    assert not raised.value.permanent
    assert raised.value.is_unreachable
    assert raised.value.message == "535 5.7.8 no such user"


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    with running_mail_server() as mail:
        gone = smtp(mail)

    with pytest.raises(TransportError) as raised:
        gone.send(compose(LETTER))

    assert raised.value.is_unreachable
    assert not raised.value.permanent


def test_nothing_is_sent_in_the_clear_when_the_server_hides_its_encryption(mail: MailServer) -> None:
    with pytest.raises(TransportError) as raised:
        smtp(mail, security="starttls", user="trace59", password="secret").send(compose(LETTER))

    assert mail.received == []
    assert raised.value.is_unreachable


def test_nothing_is_sent_to_a_server_whose_certificate_is_not_trusted(tmp_path: Path) -> None:
    server_side, _ = make_certificate(tmp_path)

    with running_mail_server(server_side) as mail:
        with pytest.raises(TransportError, match="certificate"):
            smtp(mail, security="starttls").send(compose(LETTER))

    assert mail.received == []


def test_an_encrypted_conversation_with_log_in_delivers(tmp_path: Path) -> None:
    server_side, client_side = make_certificate(tmp_path)

    with running_mail_server(server_side) as mail:
        smtp(mail, security="starttls", user="trace59", password="secret", tls=client_side).send(compose(LETTER))

    assert [email["Message-ID"] for email in mail.emails()] == [LETTER.message_id]


def test_a_conversation_encrypted_from_the_start_delivers(tmp_path: Path) -> None:
    server_side, client_side = make_certificate(tmp_path)

    with running_mail_server(server_side) as mail:
        mail.is_tls_from_the_start = True
        smtp(mail, security="tls", tls=client_side).send(compose(LETTER))

    assert [email["Message-ID"] for email in mail.emails()] == [LETTER.message_id]


def test_nothing_is_sent_when_the_server_refuses_to_encrypt(tmp_path: Path) -> None:
    server_side, client_side = make_certificate(tmp_path)

    with running_mail_server(server_side) as mail:
        mail.behaviour = Behaviour.REFUSE_ENCRYPTION
        with pytest.raises(TransportError, match="454") as raised:
            smtp(mail, security="starttls", tls=client_side).send(compose(LETTER))

    assert raised.value.is_unreachable
    assert mail.received == []


def test_a_letter_without_file_and_without_answer_address_is_a_plain_mail(mail: MailServer) -> None:
    smtp(mail).send(compose(replace(LETTER, attachments=(), reply_to="")))

    [email] = mail.emails()
    assert email["Reply-To"] is None
    assert not email.is_multipart()


def test_the_password_is_not_shown(mail: MailServer) -> None:
    assert "secret" not in repr(smtp(mail, user="trace59", password="secret"))


def test_the_local_mailbox_gives_back_what_was_kept(tmp_path: Path) -> None:
    mailbox = MaildirTransport(tmp_path / "var" / "mail")

    receipt = mailbox.send(compose(LETTER))

    kept = mailbox.read(receipt.details["mailbox_key"])
    assert kept is not None
    assert parse(kept)["Message-ID"] == LETTER.message_id


@pytest.mark.parametrize("key", ["nothing", "../../secret", ""])
def test_the_local_mailbox_gives_nothing_for_another_name(tmp_path: Path, key: str) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    mailbox = MaildirTransport(tmp_path / "mail")
    mailbox.send(compose(LETTER))

    assert mailbox.read(key) is None


def test_a_mailbox_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert MaildirTransport(tmp_path / "mail").read("key") is None


def test_a_folder_that_cannot_be_written_is_a_reason_to_try_again(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file where the folder should be")

    with pytest.raises(TransportError) as raised:
        MaildirTransport(tmp_path / "mail").send(compose(LETTER))

    assert not raised.value.permanent


@pytest.mark.parametrize(("is_demonstration", "is_local"), [(True, True), (False, False)])
def test_a_demonstration_keeps_its_mail_whatever_the_settings(
    *, tmp_path: Path, is_demonstration: bool, is_local: bool
) -> None:
    ways = Transports(MaildirTransport(tmp_path), outside=SmtpTransport("mail.test", 587, "starttls"))

    assert ways.choose(Establishment(is_demonstration=is_demonstration)).is_local is is_local


def test_without_a_way_outside_all_mail_is_kept(tmp_path: Path) -> None:
    ways = Transports(MaildirTransport(tmp_path), outside=None)

    assert ways.choose(Establishment(is_demonstration=False)).is_local
