"""All settings of the program, read once from the environment; a missing or odd value stops the start.

Two modes. *Demonstration* (the default, what ``make run`` starts) makes its own keys once and keeps them in the var
directory; it can never send mail to the outside. *Production* invents nothing: every secret is given, and an insecure
value is refused. Each variable may also be given as ``NAME_FILE``, the path of a file that holds the value.
``docs/production.md`` lists every variable; a test compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from config.demonstration import demonstration_keys
from config.readers import Reader, SettingsInvalid, read_key, read_key_ring

__all__ = ["Settings", "SettingsInvalid"]

_DEMONSTRATION_MAIL_REFUSED = (
    "TRACE59_MAIL_TRANSPORT: the demonstration never sends real mail; set TRACE59_MODE=production to use 'smtp'"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What one installation decided. The variable of a field is ``TRACE59_`` and its name, unless it says otherwise."""

    demonstration: bool
    """True unless ``TRACE59_MODE=production``."""
    var_directory: Path
    """Folder of everything the program writes outside PostgreSQL (``TRACE59_VAR_DIRECTORY``, default ``./var``)."""
    database_url: str | None = field(repr=False)
    """PostgreSQL 15 or newer, role ``trace59_app`` (``DATABASE_URL``); None starts the embedded server."""
    database_owner_url: str | None = field(repr=False)
    """Same database, role ``trace59_owner``, for migrations (``DATABASE_OWNER_URL``); None where they run elsewhere."""
    secret_key: bytes = field(repr=False)
    """At least 32 bytes, base64; signs forms and language cookies."""
    data_keys: tuple[tuple[int, bytes], ...] = field(repr=False)
    """Keys that seal personal data: ``"1:<base64 of 32 bytes>,2:…"``; the highest number seals, all of them open."""
    lookup_key: bytes = field(repr=False)
    """32 bytes, base64; keyed hash under which patients are found. It cannot be changed once patients exist."""
    audit_signing_key: bytes = field(repr=False)
    """Ed25519 seed (RFC 8032) that signs the heads of the trail: 32 bytes, base64."""
    public_url: str
    """Address people type, without path; links in messages start with it. HTTPS in production."""
    host: str
    """Address the web server listens on (default ``127.0.0.1``)."""
    port: int
    """Port the web server listens on (default 8059)."""
    web_workers: int
    """Processes of the web server (default 2)."""
    proxy_count: int
    """Reverse proxies in front whose ``X-Forwarded-*`` headers are believed (default 0: none is)."""
    secure_cookies: bool
    """Cookies travel over HTTPS only; False in the demonstration, always True in production."""
    session_idle_minutes: int
    """Minutes without a request after which a log-in ends (default 30)."""
    session_hours: int
    """Hours after which a log-in ends whatever happens (default 12: one long shift)."""
    default_locale: Literal["fr", "en"]
    """Language of a page when neither the person nor the browser asks for another (default ``fr``)."""
    warning_thresholds_days: tuple[int, ...]
    """Days before the end of a derogation at which a warning is given (default 180,90,60,30,14,7,1,0)."""
    request_reminder_days: int
    """Days without any movement after which people are reminded of a request (default 30; our choice)."""
    recap_lead_days: int
    """Days before the anniversary of an annual derogation at which its recap is due (default 45; our choice)."""
    recap_least_count: int
    """Fewest uses that a recap tells together as one stretch of time (default 5; our choice, docs/recaps.md)."""
    acknowledgement_days: int
    """Days without ANSM's or the manufacturer's acknowledgement after which a report is shown as late (default 15)."""
    ansm_vigilance_address: str
    """Where serious incidents are declared by mail (default: ANSM's address, domain reference 2.5)."""
    ansm_ivd_vigilance_address: str
    """Where those with in vitro diagnostics are declared (default: ANSM's address; to be checked before use)."""
    mail_transport: Literal["local", "smtp"]
    """``local`` keeps messages in a mailbox that the program shows; ``smtp`` sends them. The demonstration is local."""
    mail_from: str
    """Sender of every message; required with ``smtp``."""
    smtp_host: str
    """Mail server; required with ``smtp``."""
    smtp_port: int
    """Port of the mail server (default 587, RFC 6409 submission)."""
    smtp_security: Literal["none", "starttls", "tls"]
    """Encryption towards the mail server (default ``starttls``); ``none`` only to this machine."""
    smtp_user: str
    """Log-in at the mail server; empty where it asks for none."""
    smtp_password: str = field(repr=False)
    """Its password."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    """Least severity that is logged to the standard error (default ``INFO``)."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Return all settings; the demonstration makes its keys once and keeps them in the var directory.

        Raises:
            SettingsInvalid: at least one value is missing or odd; its text has one sentence for each.
        """
        reader = Reader(environ)
        is_demonstration = reader.choice("TRACE59_MODE", "demonstration", "production") == "demonstration"
        var_directory = Path(reader.text("TRACE59_VAR_DIRECTORY", default="var")).absolute()
        if is_demonstration:
            reader.invented = demonstration_keys(var_directory)
        settings = cls(
            demonstration=is_demonstration,
            var_directory=var_directory,
            database_url=reader.database_url("DATABASE_URL"),
            database_owner_url=reader.database_url("DATABASE_OWNER_URL"),
            secret_key=reader.secret("TRACE59_SECRET_KEY", read_key, fallback=b""),
            data_keys=reader.secret("TRACE59_DATA_KEYS", read_key_ring, fallback=()),
            lookup_key=reader.secret("TRACE59_LOOKUP_KEY", read_key, fallback=b""),
            audit_signing_key=reader.secret("TRACE59_AUDIT_SIGNING_KEY", read_key, fallback=b""),
            public_url=reader.text("TRACE59_PUBLIC_URL").rstrip("/"),
            host=reader.text("TRACE59_HOST", default="127.0.0.1"),
            port=reader.number("TRACE59_PORT", default=8059, least=1, most=65535),
            web_workers=reader.number("TRACE59_WEB_WORKERS", default=2, least=1, most=64),
            proxy_count=reader.number("TRACE59_PROXY_COUNT", default=0, least=0, most=5),
            secure_cookies=reader.truth("TRACE59_SECURE_COOKIES", default=not is_demonstration),
            session_idle_minutes=reader.number("TRACE59_SESSION_IDLE_MINUTES", default=30, least=1, most=24 * 60),
            session_hours=reader.number("TRACE59_SESSION_HOURS", default=12, least=1, most=24),
            default_locale=reader.choice("TRACE59_DEFAULT_LOCALE", "fr", "en"),
            warning_thresholds_days=reader.days(
                "TRACE59_WARNING_THRESHOLDS_DAYS", default=(180, 90, 60, 30, 14, 7, 1, 0)
            ),
            request_reminder_days=reader.number("TRACE59_REQUEST_REMINDER_DAYS", default=30, least=1, most=366),
            recap_lead_days=reader.number("TRACE59_RECAP_LEAD_DAYS", default=45, least=1, most=180),
            recap_least_count=reader.number("TRACE59_RECAP_LEAST_COUNT", default=5, least=1, most=50),
            acknowledgement_days=reader.number("TRACE59_ACKNOWLEDGEMENT_DAYS", default=15, least=1, most=365),
            ansm_vigilance_address=reader.address(
                "TRACE59_ANSM_VIGILANCE_ADDRESS", default="materiovigilance@ansm.sante.fr"
            ),
            ansm_ivd_vigilance_address=reader.address(
                "TRACE59_ANSM_IVD_VIGILANCE_ADDRESS", default="reactovigilance@ansm.sante.fr"
            ),
            mail_transport=reader.choice("TRACE59_MAIL_TRANSPORT", "local", "smtp"),
            mail_from=reader.address("TRACE59_MAIL_FROM", default="trace59@localhost"),
            smtp_host=reader.text("TRACE59_SMTP_HOST"),
            smtp_port=reader.number("TRACE59_SMTP_PORT", default=587, least=1, most=65535),
            smtp_security=reader.choice("TRACE59_SMTP_SECURITY", "starttls", "tls", "none"),
            smtp_user=reader.text("TRACE59_SMTP_USER"),
            smtp_password=reader.text("TRACE59_SMTP_PASSWORD"),
            log_level=reader.choice("TRACE59_LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR"),
        )
        problems = [*reader.problems, *reader.unknown_names(), *_contradictions(settings)]
        if problems:
            raise SettingsInvalid(problems)
        return settings if settings.public_url else _with_local_url(settings)


def _with_local_url(settings: Settings) -> Settings:
    return replace(settings, public_url=f"http://{settings.host}:{settings.port}")


def _contradictions(settings: Settings) -> list[str]:
    problems = _mail_problems(settings)
    if not settings.demonstration:
        problems += _production_problems(settings)
    return problems


def _mail_problems(settings: Settings) -> list[str]:
    if settings.mail_transport == "local":
        return []
    problems = [_DEMONSTRATION_MAIL_REFUSED] if settings.demonstration else []
    if not settings.smtp_host:
        problems.append("TRACE59_SMTP_HOST: missing; TRACE59_MAIL_TRANSPORT=smtp needs a mail server")
    if settings.mail_from.endswith("@localhost"):
        problems.append("TRACE59_MAIL_FROM: missing; TRACE59_MAIL_TRANSPORT=smtp needs the hospital's own sender")
    if settings.smtp_security == "none" and settings.smtp_host not in {"", "localhost", "127.0.0.1", "::1"}:
        problems.append(
            "TRACE59_SMTP_SECURITY: 'none' would send incident reports unencrypted over the network; "
            "give 'starttls' or 'tls'"
        )
    return problems


def _production_problems(settings: Settings) -> list[str]:
    problems: list[str] = []
    if urlsplit(settings.public_url).scheme != "https":
        problems.append("TRACE59_PUBLIC_URL: in production, give the address people type; it starts with https://")
    if not settings.secure_cookies:
        problems.append("TRACE59_SECURE_COOKIES: in production, cookies travel over HTTPS only; remove this variable")
    return problems
