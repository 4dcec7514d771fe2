"""Reads of people, sessions and tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import Session

from tracker.accounts.models import ApiToken, LoginFailure, LoginSession, Person
from tracker.accounts.rules import SessionPolicy, TokenScope, permissions_within
from tracker.actor import Actor, Role, permissions_of
from tracker.db import DirectStatement
from tracker.errors import N_, InvalidInput, NotFound
from tracker.organisation.models import Establishment


class PersonNotFound(NotFound):
    """No such person in this establishment."""

    code = "person-not-found"


class SessionNotFound(NotFound):
    """No such log-in session or token of this person."""

    code = "session-not-found"


class OperatorInvalid(InvalidInput):
    """The operator is not a surgeon with an open account."""

    code = "use-operator-invalid"


@dataclass(frozen=True, slots=True)
class ShownEstablishment:
    """What every page says of the establishment."""

    name: str
    is_demonstration: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a cookie or a token stands for, and how long."""

    actor: Actor
    establishment: ShownEstablishment
    locale: str
    session_id: UUID
    last_seen_at: datetime
    expires_at: datetime


_PERSON_COLUMNS = (
    Person.id,
    Person.establishment_id,
    Person.given_name,
    Person.family_name,
    Person.roles,
    Person.locale,
    Establishment.name.label("establishment_name"),
    Establishment.is_demonstration,
)


def _actor_of(row: Row[*tuple[Any, ...]], *, scope: TokenScope = TokenScope.EVERYTHING) -> Actor:
    roles = frozenset(Role(role) for role in row.roles)
    own = permissions_of(roles)
    permissions = permissions_within(scope, own)
    return Actor(
        id=row.id,
        display_name=f"{row.given_name} {row.family_name}",
        establishment_id=row.establishment_id,
        roles=roles,
        permissions=permissions,
        withheld=own - permissions,
    )


def _shown(row: Row[*tuple[Any, ...]]) -> ShownEstablishment:
    return ShownEstablishment(row.establishment_name, row.is_demonstration)


# Made once: every request asks one of the two.
_BY_SESSION = DirectStatement(
    select(*_PERSON_COLUMNS, LoginSession.id.label("session_id"), LoginSession.last_seen_at, LoginSession.expires_at)
    .join(LoginSession, LoginSession.person_id == Person.id)
    .join(Establishment, Establishment.id == Person.establishment_id)
    .where(LoginSession.token_hash == bindparam("token_hash"), LoginSession.revoked_at.is_(None), Person.is_active)
)
_BY_TOKEN = DirectStatement(
    select(*_PERSON_COLUMNS, ApiToken.id.label("session_id"), ApiToken.created_at, ApiToken.expires_at, ApiToken.scope)
    .join(ApiToken, ApiToken.person_id == Person.id)
    .join(Establishment, Establishment.id == Person.establishment_id)
    .where(ApiToken.token_hash == bindparam("token_hash"), ApiToken.revoked_at.is_(None), Person.is_active)
)


def find_by_session(session: Session, token_hash: bytes) -> Credentials | None:
    """Return whom a cookie stands for, if it was never revoked and its person is active; one statement."""
    row = _BY_SESSION.first(session, {"token_hash": token_hash})
    if row is None:
        return None
    return Credentials(_actor_of(row), _shown(row), row.locale, row.session_id, row.last_seen_at, row.expires_at)


def find_by_token(session: Session, token_hash: bytes) -> Credentials | None:
    """Return whom an API token stands for, if it was never revoked and its person is active; one statement."""
    row = _BY_TOKEN.first(session, {"token_hash": token_hash})
    if row is None:
        return None
    actor = _actor_of(row, scope=row.scope)
    return Credentials(actor, _shown(row), row.locale, row.session_id, row.created_at, row.expires_at)


def find_by_email(session: Session, email: str) -> Person | None:
    """Return the person with a log-in name, in any establishment; only while authenticating."""
    return session.scalar(select(Person).where(Person.email == email.strip().lower()))


def count_failures(session: Session, email_key: bytes, *, since: datetime) -> int:
    """Return how often a log-in name failed since an instant."""
    statement = select(func.count()).where(LoginFailure.email_key == email_key, LoginFailure.at > since)
    return session.scalar(statement) or 0


def get_person(session: Session, person_id: UUID) -> Person:
    """Return one person.

    Raises:
        PersonNotFound: there is none with this id here.
    """
    person = session.get(Person, person_id)
    if person is None:
        raise PersonNotFound(N_("There is no such person."))
    return person


def get_operator(session: Session, person_id: UUID) -> Person:
    """Return the doctor who used the device (CSP R.5212-39).

    Raises:
        PersonNotFound: there is none with this id here.
        OperatorInvalid: not a surgeon, or an account that is closed.
    """
    person = get_person(session, person_id)
    if not person.is_active or Role.SURGEON not in person.roles:
        raise OperatorInvalid(
            N_("The operator is not a surgeon of this hospital."),
            fields={"operator_id": N_("Choose the surgeon who used the device.")},
        )
    return person


def list_people(session: Session) -> Sequence[Person]:
    """Return everybody of the establishment, by name."""
    return session.scalars(select(Person).order_by(Person.family_name, Person.given_name)).all()


def list_people_with_role(session: Session, role: Role) -> Sequence[Person]:
    """Return the active people who have a role, by name."""
    statement = select(Person).where(Person.is_active, Person.roles.contains([role.value]))
    return session.scalars(statement.order_by(Person.family_name, Person.given_name)).all()


def list_operators(session: Session, *, recorded_id: UUID | None) -> Sequence[Person]:
    """Return who may be chosen where an operator is corrected: surgeons, and who is recorded, surgeon or not any more.

    Raises:
        PersonNotFound: nobody here has the id that is recorded.
    """
    surgeons = list_people_with_role(session, Role.SURGEON)
    recorded = [get_person(session, recorded_id)] if recorded_id else []
    return list({person.id: person for person in (*surgeons, *recorded)}.values())


def list_sessions(session: Session, person_id: UUID, *, policy: SessionPolicy, now: datetime) -> Sequence[LoginSession]:
    """Return the log-ins of a person that still hold, newest first."""
    statement = select(LoginSession).where(
        LoginSession.person_id == person_id,
        LoginSession.revoked_at.is_(None),
        LoginSession.expires_at > now,
        LoginSession.last_seen_at > now - policy.idle,
    )
    return session.scalars(statement.order_by(LoginSession.created_at.desc())).all()


def list_tokens(session: Session, person_id: UUID, *, now: datetime) -> Sequence[ApiToken]:
    """Return the API tokens of a person that still hold, newest first."""
    statement = select(ApiToken).where(
        ApiToken.person_id == person_id, ApiToken.revoked_at.is_(None), ApiToken.expires_at > now
    )
    return session.scalars(statement.order_by(ApiToken.created_at.desc())).all()
