"""What a walk through the hospital meets besides pages: the mail server, the worker, paper."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self

import pypdfium2 as pdfium
import zxingcpp
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.installation import Installation, free_port
from tracker import clock, worker
from tracker.db import Database
from tracker.outbox import jobs

_DOTS_PER_POINT = 600 / 72


class Mailbox(AbstractContextManager["Mailbox"]):
    """A real SMTP server that keeps what arrives, and can answer that it is busy."""

    def __init__(self) -> None:
        self.is_busy = False
        self.refused: list[bytes] = []
        self.accepted: list[bytes] = []
        self.recipients: list[str] = []
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd
        """Answer the last byte of a message."""
        content = envelope.original_content or b""
        if self.is_busy:
            self.refused.append(content)
            return "451 4.3.2 busy, try again later"
        self.accepted.append(content)
        self.recipients += envelope.rcpt_tos
        return "250 2.0.0 OK: taken"

    def emails(self) -> list[EmailMessage]:
        """Return what was accepted, parsed."""
        return [parse(content) for content in self.accepted]

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()


def parse(content: bytes) -> EmailMessage:
    """Return a message as a mail program reads it."""
    return message_from_bytes(content, policy=policy.default)


@dataclass(frozen=True, slots=True)
class Hospital:
    """The running program."""

    installation: Installation
    database: Database

    def run_worker(self) -> None:
        """Let the worker do once what is due."""
        done = self.installation.run("worker", "--once")
        assert done.returncode == 0, done.stderr

    def send_mail(self) -> int:
        """Do what the worker does at its next tick, without waiting for it."""
        settings = self.installation.settings
        return jobs.deliver(
            self.database, clock.utc_now(), transport_for=worker.transports(settings).choose, sender=settings.mail_from
        )


def read_pdf(content: bytes) -> str:
    """Return the text of all pages, as somebody who selects and copies it gets it, and what the file says of itself."""
    with pdfium.PdfDocument(content) as document:
        pages = [page.get_textpage().get_text_range() for page in document]
        words = "\n".join([*document.get_metadata_dict(skip_empty=True).values(), *pages])
    return words.replace("\u00a0", " ").replace("\u202f", " ")


def read_symbols(content: bytes) -> dict[str, str]:
    """Return the texts of the barcodes on the first page, by symbology, as a reader sees the print."""
    with pdfium.PdfDocument(content) as document:
        picture = document[0].render(scale=_DOTS_PER_POINT).to_pil()
    return {symbol.format.name: symbol.text for symbol in zxingcpp.read_barcodes(picture)}


def read_message(email: EmailMessage) -> str:
    """Return everything that a message says: headers, text, and the text of its documents."""
    parts = [f"{name}: {value}" for name, value in email.items()]
    for part in email.walk():
        if part.get_content_type() == "application/pdf":
            parts += [part.get_filename() or "", read_pdf(part.get_content())]
        elif part.get_content_maintype() == "text":
            parts.append(part.get_content())
    return "\n".join(parts)
