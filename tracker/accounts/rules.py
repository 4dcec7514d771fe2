"""When a log-in holds, and what a password must be. Pure."""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from tracker.actor import Permission, Role
from tracker.errors import N_, InvalidInput

MIN_PASSWORD_LENGTH = 12
"""CNIL deliberation 2022-100 asks for 50 bits when guessing is slowed down; twelve free characters are well above."""
MAX_PASSWORD_LENGTH = 200
FAILURE_WINDOW = timedelta(minutes=15)
MAX_FAILURES = 5
"""Failed log-ins of one address in the window before further ones are refused without looking."""
LAST_SEEN_STEP = timedelta(minutes=1)
"""How exact ``last_seen_at`` is: it is not written at every request."""
LONGEST_TOKEN = timedelta(days=366)
_LEAST_NAME_LENGTH = 4
"""Shorter account names are in too many words to be refused in a password."""

ROLE_LABELS: dict[Role, str] = {
    Role.PHARMACIST: N_("Pharmacist"),
    Role.SURGEON: N_("Surgeon"),
    Role.THEATRE_NURSE: N_("Theatre nurse"),
    Role.VIGILANCE_OFFICER: N_("Vigilance officer"),
    Role.ADMINISTRATOR: N_("Administrator"),
    Role.AUDITOR: N_("Auditor"),
}


class TokenScope(enum.StrEnum):
    """What a token may be used for, within what its owner may. Values are stored: a change needs a migration."""

    EVERYTHING = "everything"
    READING = "reading"
    GOODS_IN = "goods_in"
    """A scanner agent: it asks for verdicts and receives boxes, and reads no patient."""


TOKEN_SCOPE_LABELS: dict[TokenScope, str] = {
    TokenScope.EVERYTHING: N_("Everything I may do"),
    TokenScope.READING: N_("Reading only"),
    TokenScope.GOODS_IN: N_("Goods-in only, for a scanner"),
}
_GOODS_IN = frozenset(
    {Permission.UNIT_CHECK, Permission.UNIT_READ, Permission.RECEPTION_READ, Permission.RECEPTION_WRITE}
)


def permissions_within(scope: TokenScope, permissions: frozenset[Permission]) -> frozenset[Permission]:
    """Return what a token of that scope may do, out of what its owner may.

    >>> own = frozenset({Permission.PATIENT_READ, Permission.PATIENT_WRITE, Permission.UNIT_CHECK})
    >>> sorted(permissions_within(TokenScope.READING, own))
    [<Permission.PATIENT_READ: 'patient:read'>, <Permission.UNIT_CHECK: 'unit:check'>]
    >>> sorted(permissions_within(TokenScope.GOODS_IN, own))
    [<Permission.UNIT_CHECK: 'unit:check'>]
    """
    match scope:
        case TokenScope.EVERYTHING:
            return permissions
        case TokenScope.READING:
            return frozenset(one for one in permissions if one.value.endswith(":read") or one is Permission.UNIT_CHECK)
        case TokenScope.GOODS_IN:
            return permissions & _GOODS_IN


class PasswordRefused(InvalidInput):
    """The password is too short, too long, or says who its owner is."""

    code = "password-refused"


class PasswordWrong(InvalidInput):
    """The present password, asked for before a change, is not the account's."""

    code = "password-wrong"


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How long a log-in lasts; the establishment's choice."""

    idle: timedelta
    longest: timedelta


def check_password(password: str, *, email: str) -> None:
    """Check that a new password may be used.

    Raises:
        PasswordRefused: it is too short, too long, or contains the name of the account.
    """
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        sentence = N_("The password must have between %(least)s and %(most)s characters.")
        raise PasswordRefused(sentence, least=MIN_PASSWORD_LENGTH, most=MAX_PASSWORD_LENGTH)
    name = email.partition("@")[0].lower()
    if len(name) >= _LEAST_NAME_LENGTH and name in password.lower():
        raise PasswordRefused(N_("The password must not contain the name of the account."))


_BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
_SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


def browser_of(user_agent: str) -> str:
    """Return the browser and the system that a User-Agent names, or its beginning: for a person to know their own.

    >>> browser_of("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox, Windows'
    >>> browser_of("curl/8.5.0")
    'curl/8.5.0'
    """
    browser = next((name for mark, name in _BROWSERS.items() if f"{mark}/" in user_agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in user_agent), "")
    return ", ".join(part for part in (browser, system) if part) or user_agent[:60]


def is_live(*, last_seen_at: datetime, expires_at: datetime, idle: timedelta, now: datetime) -> bool:
    """Test whether a log-in session still holds: not past its end, and used recently enough."""
    return now < expires_at and now - last_seen_at < idle
