"""The two hospitals, the people and the instant of all tests."""

from datetime import UTC, date, datetime
from functools import cache
from uuid import UUID

import argon2
from sqlalchemy import text
from sqlalchemy.orm import Session

from tracker.accounts.models import Person
from tracker.actor import Actor, Role, permissions_of
from tracker.audit import service as audit
from tracker.organisation.models import Establishment, Recipient, Ward
from tracker.organisation.rules import RecipientPurpose
from tracker.sealing import KeyRing

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)

HOSPITAL_A = UUID("0a000000-0000-7000-8000-00000000000a")
HOSPITAL_B = UUID("0b000000-0000-7000-8000-00000000000b")
THEATRE = UUID("0a000000-0000-7000-8000-0000000000a1")
PASSWORD = "correct horse battery staple"

KEYRING = KeyRing(data_keys={1: bytes(range(32))}, current_key_id=1, lookup_key=bytes(range(32, 64)))


def _actor(number: int, name: str, role: Role, establishment_id: UUID = HOSPITAL_A) -> Actor:
    return Actor(
        id=UUID(int=0x0C000000_0000_7000_8000_000000000000 + number),
        display_name=f"{name} Test",
        establishment_id=establishment_id,
        roles=frozenset({role}),
        permissions=permissions_of({role}),
    )


ALICE = _actor(1, "Alice", Role.PHARMACIST)
BOB = _actor(2, "Bob", Role.VIGILANCE_OFFICER)
CHARLIE = _actor(3, "Charlie", Role.SURGEON)
DORA = _actor(4, "Dora", Role.THEATRE_NURSE)
ERIC = _actor(5, "Eric", Role.ADMINISTRATOR)
FANNY = _actor(6, "Fanny", Role.AUDITOR)
GUY = _actor(7, "Guy", Role.PHARMACIST, HOSPITAL_B)
PEOPLE = (ALICE, BOB, CHARLIE, DORA, ERIC, FANNY, GUY)


def email_of(actor: Actor) -> str:
    """Return the log-in name of one of the people."""
    return f"{actor.display_name.split()[0].lower()}@hospital.test"


@cache
def _password_hash() -> str:
    return argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


def enter(session: Session, establishment_id: UUID) -> None:
    """Go on in the name of another establishment, as ``db.transaction`` does at its start."""
    scope = text("select set_config('trace59.establishment_id', :id, true)")
    session.execute(scope, {"id": str(establishment_id)})


def fill(session: Session) -> None:
    """Write the two hospitals and their people; the session is the owner's."""
    for number, (id_, name) in enumerate([(HOSPITAL_A, "Hôpital A"), (HOSPITAL_B, "Hôpital B")], start=1):
        session.add(
            Establishment(
                id=id_,
                name=name,
                finess=f"75000000{number}",
                address=f"{number} rue de l'Essai, 75013 Paris",
                phone="01 00 00 00 00",
                email=f"contact@hospital-{number}.test",
                is_demonstration=True,
            )
        )
        session.flush()
        audit.start_chain(session, id_)
    session.add(Ward(id=THEATRE, establishment_id=HOSPITAL_A, code="BLOC", name="Bloc opératoire"))
    session.add(
        Recipient(
            id=UUID(int=THEATRE.int + 1),
            establishment_id=HOSPITAL_A,
            purpose=RecipientPurpose.DEROGATION_WARNING,
            email="pharmacie@hospital-1.test",
        )
    )
    session.add_all(_person(actor) for actor in PEOPLE)


def _person(actor: Actor) -> Person:
    given_name, family_name = actor.display_name.split()
    return Person(
        id=actor.id,
        establishment_id=actor.establishment_id,
        email=email_of(actor),
        family_name=family_name,
        given_name=given_name,
        rpps=None,
        roles=sorted(actor.roles),
        password_hash=_password_hash(),
        locale="fr",
        is_active=True,
        created_at=NOW,
    )
