"""Actions on people, log-in sessions and API tokens."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import argon2
from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from tracker import db
from tracker.accounts import queries, rules
from tracker.accounts.models import ApiToken, LoginFailure, LoginSession, Person
from tracker.accounts.queries import Credentials
from tracker.accounts.rules import SessionPolicy, TokenScope
from tracker.actor import Actor, Permission, Role, permissions_of, system_actor
from tracker.audit import service as audit
from tracker.errors import N_, Conflict, InvalidInput, NotPermitted

_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# RFC 9106 argon2id; OWASP Password Storage Cheat Sheet: 19 MiB, 2 iterations, 1 lane

_UNKNOWN_ACCOUNT_HASH = _HASHER.hash(secrets.token_urlsafe())
"""Verified in vain where no account exists, so that the answer takes as long."""


class LoginRefused(NotPermitted):
    """Address or password is wrong; which one is not told."""

    code = "login-refused"


class LoginThrottled(Conflict):
    """Too many failures of one address in a short time."""

    code = "login-throttled"


class EmailTaken(Conflict):
    """Another account has this address."""

    code = "person-email-taken"


class PersonDiffers(Conflict):
    """The same request was sent before, with another content."""

    code = "person-differs"


@dataclass(frozen=True, slots=True)
class NewPerson:
    """What is known of a new person."""

    email: str
    family_name: str
    given_name: str
    roles: frozenset[Role]
    password: str
    rpps: str | None = None
    locale: str = "fr"


def hash_token(token: str) -> bytes:
    """Return what is stored of a token: its SHA-256. A token has 256 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode()).digest()


def find_credentials(
    session: Session, *, cookie: str | None, bearer: str | None, policy: SessionPolicy, now: datetime
) -> Credentials | None:
    """Return whom a request speaks for, None when its cookie or token does not hold."""
    if bearer:
        found = queries.find_by_token(session, hash_token(bearer))
        return found if found and now < found.expires_at else None
    if not cookie:
        return None
    found = queries.find_by_session(session, hash_token(cookie))
    if found is None or not rules.is_live(
        last_seen_at=found.last_seen_at, expires_at=found.expires_at, idle=policy.idle, now=now
    ):
        return None
    if now - found.last_seen_at > rules.LAST_SEEN_STEP:
        session.execute(update(LoginSession).where(LoginSession.id == found.session_id).values(last_seen_at=now))
    return found


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """What became of a log-in: ``person`` may go on, ``known`` is whose name was typed."""

    person: Person | None
    known: Person | None


def try_password(session: Session, *, email: str, password: str, now: datetime) -> LoginAttempt:
    """Return the person, or nobody after having counted the failure; runs while authenticating.

    Each attempt is counted before its password is looked at, and taken back when it was right: however many come at
    once, no more than ``MAX_FAILURES`` of them are looked at.

    Raises:
        LoginThrottled: the address failed too often in the last minutes.
    """
    email = email.strip().lower()
    email_key = db.keyring(session).lookup("login.email", email)
    session.execute(delete(LoginFailure).where(LoginFailure.at <= now - rules.FAILURE_WINDOW))
    attempt_id = session.scalar(insert(LoginFailure).values(email_key=email_key, at=now).returning(LoginFailure.id))
    if queries.count_failures(session, email_key, since=now - rules.FAILURE_WINDOW) > rules.MAX_FAILURES:
        session.execute(delete(LoginFailure).where(LoginFailure.id == attempt_id))
        raise LoginThrottled(
            N_("Too many failed log-ins for this address."),
            next_step=N_("Wait fifteen minutes, or ask the administrator for a new password."),
        )
    person = queries.find_by_email(session, email)
    if not _matches(person.password_hash if person else _UNKNOWN_ACCOUNT_HASH, password) or not person:
        return LoginAttempt(None, person)
    session.execute(delete(LoginFailure).where(LoginFailure.email_key == email_key))
    return LoginAttempt(person if person.is_active else None, person)


def note_failed_login(session: Session, person: Person, *, now: datetime) -> None:
    """Write in the trail that somebody failed to log in under a person's name; the throttle bounds how often."""
    audit.append(
        session,
        actor=system_actor(person.establishment_id),
        action="person:login-failed",
        subject=f"person:{person.id}",
        details={},
        now=now,
    )


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password[: rules.MAX_PASSWORD_LENGTH])
    except argon2.exceptions.VerifyMismatchError:
        return False


def actor_of(person: Person) -> Actor:
    """Return the actor that a person is."""
    roles = frozenset(Role(role) for role in person.roles)
    return Actor(
        id=person.id,
        display_name=person.display_name,
        establishment_id=person.establishment_id,
        roles=roles,
        permissions=permissions_of(roles),
    )


def open_session(session: Session, *, actor: Actor, policy: SessionPolicy, user_agent: str, now: datetime) -> str:
    """Open a log-in session and return its token; only the token's hash is kept."""
    token = secrets.token_urlsafe(32)
    row = LoginSession(
        id=db.new_id(),
        establishment_id=actor.establishment_id,
        person_id=actor.id,
        token_hash=hash_token(token),
        created_at=now,
        last_seen_at=now,
        expires_at=now + policy.longest,
        user_agent=user_agent[:200],
    )
    session.add(row)
    audit.append(session, actor=actor, action="person:logged-in", subject=f"person:{actor.id}", details={}, now=now)
    return token


def revoke_session(session: Session, session_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Revoke one of the actor's own log-in sessions.

    Raises:
        SessionNotFound: it is not the actor's.
    """
    row = session.get(LoginSession, session_id)
    if row is None or row.person_id != actor.id:
        raise queries.SessionNotFound(N_("There is no such log-in."))
    row.revoked_at = row.revoked_at or now
    audit.append(session, actor=actor, action="person:logged-out", subject=f"person:{actor.id}", details={}, now=now)


def create_person(session: Session, person_id: UUID, *, new: NewPerson, actor: Actor, now: datetime) -> Person:
    """Create an account with a first password; the same request again returns the account it made.

    Raises:
        PasswordRefused: the password may not be used.
        InvalidInput: no role was chosen.
        EmailTaken: another account has the address, here or in another establishment.
        PersonDiffers: the same request made another account before.
    """
    actor.require(Permission.PERSON_MANAGE)
    rules.check_password(new.password, email=new.email)
    _check_roles(new.roles)
    values = {
        "id": person_id,
        "establishment_id": actor.establishment_id,
        "email": new.email.strip().lower(),
        "family_name": new.family_name.strip(),
        "given_name": new.given_name.strip(),
        "rpps": new.rpps or None,
        "roles": sorted(new.roles),
        "password_hash": _HASHER.hash(new.password),
        "locale": new.locale,
        "is_active": True,
        "created_at": now,
    }
    is_new = session.scalar(insert(Person).values(values).on_conflict_do_nothing().returning(Person.id))
    if is_new is None:
        return _created_before(session, person_id, email=str(values["email"]))
    audit.append(
        session,
        actor=actor,
        action="person:created",
        subject=f"person:{person_id}",
        details={"roles": " ".join(sorted(new.roles))},
        now=now,
    )
    return queries.get_person(session, person_id)


def _created_before(session: Session, person_id: UUID, *, email: str) -> Person:
    """Return the account that the same request made.

    Raises:
        EmailTaken: it made none, so another account has the address; one of another establishment is not seen here.
        PersonDiffers: it made an account with another address.
    """
    person = session.get(Person, person_id)
    if person is None:
        raise EmailTaken(N_("Another account has this address."), next_step=N_("Use another address."))
    if person.email != email:
        raise PersonDiffers(
            N_("This request already opened another account."), next_step=N_("Reload the page and try again.")
        )
    return person


def _check_roles(roles: Iterable[Role]) -> None:
    if not list(roles):
        raise InvalidInput(N_("Choose at least one role."), fields={"roles": N_("Choose at least one role.")})


def change_roles(
    session: Session, person_id: UUID, *, roles: frozenset[Role], is_active: bool, actor: Actor, now: datetime
) -> Person:
    """Change what a person may do, or close the account; its log-ins and tokens end at once when it is closed.

    Raises:
        InvalidInput: no role was chosen.
        Conflict: an administrator closes or demotes their own account.
    """
    actor.require(Permission.PERSON_MANAGE)
    _check_roles(roles)
    person = queries.get_person(session, person_id)
    if person.id == actor.id and (not is_active or Role.ADMINISTRATOR not in roles):
        raise Conflict(
            N_("You cannot take your own administrator's right."), next_step=N_("Ask another administrator.")
        )
    person.roles = sorted(roles)
    person.is_active = is_active
    if not is_active:
        _end_credentials(session, person_id, now=now)
    details = {"roles": " ".join(sorted(roles)), "active": str(is_active).lower()}
    audit.append(session, actor=actor, action="person:changed", subject=f"person:{person_id}", details=details, now=now)
    return person


def reset_password(session: Session, person_id: UUID, *, password: str, actor: Actor, now: datetime) -> None:
    """Give a person a new password; every log-in and token of theirs ends.

    Raises:
        PasswordRefused: the password may not be used.
    """
    actor.require(Permission.PERSON_MANAGE)
    _set_password(session, queries.get_person(session, person_id), password=password, actor=actor, now=now)


def change_password(session: Session, *, present: str, password: str, actor: Actor, now: datetime) -> None:
    """Change one's own password; every log-in and token of theirs ends.

    Raises:
        PasswordWrong: the present password is not the actor's, who may have left the screen open.
        PasswordRefused: the new password may not be used.
    """
    person = queries.get_person(session, actor.id)
    if not _matches(person.password_hash, present):
        raise rules.PasswordWrong(
            N_("The present password is wrong."), fields={"present": N_("The present password is wrong.")}
        )
    _set_password(session, person, password=password, actor=actor, now=now)


def _set_password(session: Session, person: Person, *, password: str, actor: Actor, now: datetime) -> None:
    rules.check_password(password, email=person.email)
    person.password_hash = _HASHER.hash(password)
    _end_credentials(session, person.id, now=now)
    audit.append(
        session, actor=actor, action="person:password-changed", subject=f"person:{person.id}", details={}, now=now
    )


def _end_credentials(session: Session, person_id: UUID, *, now: datetime) -> None:
    for table in (LoginSession, ApiToken):
        session.execute(
            update(table).where(table.person_id == person_id, table.revoked_at.is_(None)).values(revoked_at=now)
        )


def create_token(
    session: Session,
    *,
    name: str,
    lifetime: timedelta,
    actor: Actor,
    now: datetime,
    scope: TokenScope = TokenScope.EVERYTHING,
) -> tuple[ApiToken, str]:
    """Make an API token that acts as its owner, within its scope; it is shown once and only its hash is kept.

    Raises:
        InvalidInput: the name is empty or the lifetime longer than a year.
    """
    if not name.strip():
        raise InvalidInput(N_("Give the token a name."), fields={"name": N_("Say which program will use it.")})
    if not timedelta(0) < lifetime <= rules.LONGEST_TOKEN:
        raise InvalidInput(N_("A token lasts between one day and one year."))
    secret = f"t59_{secrets.token_urlsafe(32)}"
    token = ApiToken(
        id=db.new_id(),
        establishment_id=actor.establishment_id,
        person_id=actor.id,
        name=name.strip()[:100],
        scope=scope,
        token_hash=hash_token(secret),
        created_at=now,
        expires_at=now + lifetime,
    )
    session.add(token)
    audit.append(
        session,
        actor=actor,
        action="token:created",
        subject=f"token:{token.id}",
        details={"name": token.name, "scope": scope.value},
        now=now,
    )
    return token, secret


def revoke_token(session: Session, token_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Revoke one of the actor's own tokens.

    Raises:
        SessionNotFound: it is not the actor's.
    """
    token = session.get(ApiToken, token_id)
    if token is None or token.person_id != actor.id:
        raise queries.SessionNotFound(N_("There is no such token."))
    token.revoked_at = token.revoked_at or now
    audit.append(session, actor=actor, action="token:revoked", subject=f"token:{token_id}", details={}, now=now)
