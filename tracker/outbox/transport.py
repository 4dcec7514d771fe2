"""Ways out: a mail server by SMTP, or the mailbox on this machine.

A way out answers with a receipt, the proof of sending, or raises :class:`TransportError`; it knows no database.
"""

import hashlib
import mailbox
import smtplib
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from tracker.organisation.models import Establishment
from tracker.outbox.rules import Attachment, Letter

_POLICY = policy.SMTP.clone(cte_type="7bit")  # any server takes it, with or without 8BITMIME (RFC 6152)
_OK = frozenset({250, 251})  # RFC 5321 section 4.2.2: completed; user not local, will forward
_READY = 220
_COMMAND_SECONDS = 20.0
_FINAL_SECONDS = 120.0
# RFC 5321 section 4.5.3.2 asks for up to 10 minutes; ours are shorter, because a late answer only means that the same
# message, with the same Message-ID, is offered again.
_OUR_CREDENTIALS = frozenset({530, 534, 535, 538})
# RFC 4954 section 6: our log-in is missing or wrong; the message itself is not refused


class TransportError(Exception):
    """A message did not go out. ``permanent``: no further attempt can change the answer."""

    def __init__(self, message: str, *, permanent: bool, is_unreachable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent
        self.is_unreachable = is_unreachable


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the receiving side answered."""

    answer: str
    details: Mapping[str, str]


class Transport(Protocol):
    """A way out."""

    is_local: ClassVar[bool]
    """True where nothing leaves the machine."""

    def send(self, email: EmailMessage) -> Receipt:
        """Hand one e-mail over.

        Raises:
            TransportError: it was not accepted.
        """


@dataclass(frozen=True, slots=True)
class Transports:
    """The ways out of one installation."""

    local: Transport
    outside: Transport | None
    """None where nothing is to leave the machine."""

    def choose(self, establishment: Establishment) -> Transport:
        """Return the way out of an establishment: the mailbox for a demonstration, whatever the settings say."""
        if establishment.is_demonstration or self.outside is None:
            return self.local
        return self.outside


def compose(letter: Letter) -> EmailMessage:
    """Return the e-mail of a letter; the same letter gives the same bytes.

    Raises:
        ValueError: a header would hold a line break.
    """
    email = EmailMessage(policy=_POLICY)
    email["From"] = Address(letter.sender_name, addr_spec=letter.sender)
    email["To"] = Address(addr_spec=letter.recipient)
    if letter.reply_to:
        email["Reply-To"] = Address(letter.sender_name, addr_spec=letter.reply_to)
    email["Subject"] = letter.subject
    email["Date"] = letter.written_at
    email["Message-ID"] = letter.message_id
    email["Auto-Submitted"] = "auto-generated"  # RFC 3834 section 5: no automatic answer, please
    email.set_content(letter.body, charset="utf-8")
    for attachment in letter.attachments:
        main, _, sub = attachment.media_type.partition("/")
        email.add_attachment(attachment.content, maintype=main, subtype=sub, filename=attachment.filename)
    if email.is_multipart():
        digest = hashlib.sha256(letter.message_id.encode()).hexdigest()
        email.set_boundary(f"=_{digest[:40]}")
    return email


def fingerprint(email: EmailMessage) -> str:
    """Return the SHA-256 of the bytes that travel, 64 lowercase hexadecimal digits."""
    return hashlib.sha256(email.as_bytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class MaildirTransport:
    """A mailbox in a folder of this machine (Maildir: several programs may write at once)."""

    path: Path
    is_local: ClassVar[bool] = True

    def send(self, email: EmailMessage) -> Receipt:
        """Put one e-mail into the mailbox.

        Raises:
            TransportError: the folder cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            key = mailbox.Maildir(self.path, create=True).add(email.as_bytes())
        except OSError as error:
            raise TransportError(
                f"the local mailbox cannot be written: {error.strerror}", permanent=False, is_unreachable=True
            ) from error
        return Receipt("kept in the local mailbox", {"transport": "local", "mailbox_key": key})

    def read(self, key: str) -> bytes | None:
        """Return one kept e-mail as it was written, or None when it is no longer there."""
        if not self.path.is_dir():
            return None
        try:
            return mailbox.Maildir(self.path, create=False).get_bytes(key)
        except (KeyError, OSError):
            return None


def parse(content: bytes) -> EmailMessage:
    """Return a kept e-mail."""
    return message_from_bytes(content, policy=policy.default)


@dataclass(frozen=True, slots=True)
class ShownMail:
    """An e-mail as a page shows it."""

    headers: tuple[tuple[str, str], ...]
    body: str
    attachments: tuple[Attachment, ...]


def show(email: EmailMessage) -> ShownMail:
    """Return what an e-mail says: its headers in order, its text, its files."""
    body = email.get_body(("plain",))
    files = tuple(
        Attachment(part.get_filename() or "", part.get_content_type(), bytes(part.get_payload(decode=True)))
        for part in email.iter_attachments()
    )
    return ShownMail(
        headers=tuple((name, str(value)) for name, value in email.items()),
        body=body.get_content() if body is not None else "",
        attachments=files,
    )


@dataclass(frozen=True, slots=True)
class SmtpTransport:
    """A mail server (RFC 5321). Encryption that was asked for and is not offered stops the conversation."""

    host: str
    port: int
    security: Literal["none", "starttls", "tls"]
    user: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    command_seconds: float = _COMMAND_SECONDS
    final_seconds: float = _FINAL_SECONDS
    """How long to wait for the answer that follows the last byte of the message."""
    is_local: ClassVar[bool] = False

    def send(self, email: EmailMessage) -> Receipt:
        """Offer one e-mail to the server.

        Raises:
            TransportError: the server refused it or gave no answer.
        """
        sender = email["From"].addresses[0].addr_spec
        recipient = email["To"].addresses[0].addr_spec
        try:
            server = self._open(sender.rpartition("@")[2])
        except (smtplib.SMTPException, OSError) as error:
            raise TransportError(_words(error, "no connection"), permanent=False, is_unreachable=True) from error
        try:
            answer = self._submit(server, sender, recipient, content=email.as_bytes())
            with suppress(smtplib.SMTPException, OSError):
                server.quit()  # the message is already accepted: how they part changes nothing
        except (smtplib.SMTPException, OSError) as error:
            raise TransportError(_words(error, "no answer"), permanent=_is_permanent(error)) from error
        finally:
            server.close()
        return Receipt(answer, {"transport": "smtp", "server": self.host})

    def _open(self, own_name: str) -> smtplib.SMTP:
        """Return a server that is greeted, encrypted and logged in to, as far as was asked for.

        Raises:
            SMTPException: the server refused.
            OSError: it was not reached, or did not answer in time.
        """
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, local_hostname=own_name, timeout=self.command_seconds, context=self.tls
            )
        else:
            server = smtplib.SMTP(self.host, self.port, local_hostname=own_name, timeout=self.command_seconds)
        try:
            server.ehlo_or_helo_if_needed()
            if self.security == "starttls":
                self._encrypt(server)
            if self.user:
                server.login(self.user, self.password)
        except (smtplib.SMTPException, OSError):
            server.close()
            raise
        return server

    def _encrypt(self, server: smtplib.SMTP) -> None:
        code, text = server.starttls(context=self.tls)
        if code != _READY:
            raise smtplib.SMTPResponseException(code, text)
        server.ehlo()

    def _submit(self, server: smtplib.SMTP, sender: str, recipient: str, *, content: bytes) -> str:
        """Return the server's last answer, which names the message at its side."""
        options = [f"size={len(content)}"] if server.does_esmtp and server.has_extn("size") else []
        _check(server.mail(sender, options))
        _check(server.rcpt(recipient))
        if server.sock is not None:
            server.sock.settimeout(self.final_seconds)
        code, text = server.data(content)
        _check((code, text))
        return _readable(code, text)


def mailbox_of(var_directory: Path) -> MaildirTransport:
    """Return the mailbox of this machine."""
    return MaildirTransport(var_directory / "mail")


def _check(reply: tuple[int, bytes]) -> None:
    code, text = reply
    if code not in _OK:
        raise smtplib.SMTPResponseException(code, text)


def _is_permanent(error: Exception) -> bool:
    """Test whether the server refused the message itself: 5yz (RFC 5321 section 4.2.1), our log-in set apart."""
    if not isinstance(error, smtplib.SMTPResponseException):
        return False
    return 500 <= error.smtp_code <= 599 and error.smtp_code not in _OUR_CREDENTIALS  # noqa: PLR2004 - the 5yz replies


def _words(error: Exception, otherwise: str) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _readable(error.smtp_code, error.smtp_error)
    return f"{otherwise}: {type(error).__name__} {error}".rstrip()


def _readable(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {words}"
