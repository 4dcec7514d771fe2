"""A mail server on loopback that does what a test tells it to: accept, refuse, die, hang."""

import datetime as dt
import enum
import ipaddress
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Behaviour(enum.Enum):
    """What the server does with the next conversation."""

    ACCEPT = enum.auto()
    REFUSE_FOR_NOW = enum.auto()
    REFUSE_FOR_GOOD = enum.auto()
    REFUSE_CONTENT = enum.auto()
    REFUSE_LOG_IN = enum.auto()
    DIE_AFTER_DATA = enum.auto()
    HANG_AFTER_DATA = enum.auto()
    DIE_AT_ONCE = enum.auto()
    ACCEPT_THEN_DIE = enum.auto()
    REFUSE_ENCRYPTION = enum.auto()


@dataclass
class MailServer:
    """The running server. ``received`` holds each message whose last byte arrived, answered or not."""

    behaviour: Behaviour = Behaviour.ACCEPT
    received: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    conversations: int = 0
    port: int = 0
    tls: ssl.SSLContext | None = None
    is_tls_from_the_start: bool = False
    release: threading.Event = field(default_factory=threading.Event)
    """Ends what hangs."""

    def emails(self) -> list[EmailMessage]:
        """Return what arrived, parsed."""
        return [message_from_bytes(content, policy=policy.default) for content in self.received]


class _Conversation(socketserver.StreamRequestHandler):
    server: "_Listener"

    def setup(self) -> None:
        mail = self.server.mail
        if mail.tls and mail.is_tls_from_the_start:
            self.request = mail.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self) -> None:
        mail = self.server.mail
        mail.conversations += 1
        if mail.behaviour is Behaviour.DIE_AT_ONCE:
            return
        self._say("220 mail.test ready")
        while line := self.rfile.readline():
            if not self._answer(line.decode("ascii").strip()):
                return

    def finish(self) -> None:
        super().finish()
        self.request.close()  # after STARTTLS it is another one than the listener closes

    def _answer(self, line: str) -> bool:
        mail = self.server.mail
        verb = line.split(" ", 1)[0].upper()
        if verb == "EHLO":
            self._say("250-mail.test", *(["250-STARTTLS"] if mail.tls else []), "250-AUTH PLAIN", "250 SIZE 1000000")
        elif verb == "STARTTLS" and mail.tls:
            self._encrypt(mail.tls)
        elif verb == "AUTH":
            self._say("535 5.7.8 no such user" if mail.behaviour is Behaviour.REFUSE_LOG_IN else "235 welcome")
        elif verb == "RCPT":
            return self._recipient(line)
        elif verb == "DATA":
            return self._data()
        elif verb == "QUIT":
            self._say("221 bye")
            return False
        else:
            self._say("250 ok")
        return True

    def _encrypt(self, tls: ssl.SSLContext) -> None:
        if self.server.mail.behaviour is Behaviour.REFUSE_ENCRYPTION:
            self._say("454 4.7.0 not now")
            return
        self._say("220 go ahead")
        self.request = tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def _recipient(self, line: str) -> bool:
        refusals = {
            Behaviour.REFUSE_FOR_NOW: "451 4.3.0 try again later",
            Behaviour.REFUSE_FOR_GOOD: "550 5.1.1 no such mailbox",
        }
        self.server.mail.recipients.append(line.partition("<")[2].partition(">")[0])
        self._say(refusals.get(self.server.mail.behaviour, "250 ok"))
        return True

    def _data(self) -> bool:
        mail = self.server.mail
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        mail.received.append(b"".join(lines))
        if mail.behaviour is Behaviour.DIE_AFTER_DATA:
            return False
        if mail.behaviour is Behaviour.HANG_AFTER_DATA:
            mail.release.wait(10)
            return False
        if mail.behaviour is Behaviour.REFUSE_CONTENT:
            self._say("554 5.6.0 not like this")
            return True
        self._say(f"250 2.0.0 Ok: queued as {len(mail.received):04d}")
        return mail.behaviour is not Behaviour.ACCEPT_THEN_DIE

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    mail: MailServer


@contextmanager
def running_mail_server(tls: ssl.SSLContext | None = None) -> Iterator[MailServer]:
    """Run a server on a free port of loopback."""
    with _Listener(("127.0.0.1", 0), _Conversation) as listener:
        mail = MailServer(port=listener.server_address[1], tls=tls)
        listener.mail = mail
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield mail
        finally:
            mail.release.set()
            listener.shutdown()
            thread.join()


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate for 127.0.0.1 and return the server's context, and that of a client who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate_file, key_file)
    return server, ssl.create_default_context(cafile=str(certificate_file))
