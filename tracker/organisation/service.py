"""Actions on establishments, wards and recipients."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.organisation.models import Establishment, Recipient, RecipientPurpose, Ward


@dataclass(frozen=True, slots=True)
class NewEstablishment:
    """What is known of a new establishment."""

    name: str
    finess: str
    address: str
    phone: str = ""
    email: str = ""
    is_demonstration: bool = False


def create_establishment(
    session: Session, establishment_id: UUID, *, new: NewEstablishment, actor: Actor, now: datetime
) -> Establishment:
    """Create an establishment with its empty trail; the transaction must be opened for its id."""
    actor.require(Permission.ESTABLISHMENT_MANAGE)
    establishment = Establishment(
        id=establishment_id,
        name=new.name,
        finess=new.finess,
        address=new.address,
        phone=new.phone,
        email=new.email,
        is_demonstration=new.is_demonstration,
    )
    session.add(establishment)
    session.flush()  # the chain's head refers to it
    audit.start_chain(session, establishment_id)
    session.flush()  # the first entry is appended to the head
    audit.append(
        session,
        actor=actor,
        action="establishment:created",
        subject=f"establishment:{establishment_id}",
        details={"name": new.name, "finess": new.finess},
        now=now,
    )
    return establishment


def add_ward(session: Session, *, code: str, name: str, actor: Actor, now: datetime) -> Ward:
    """Add a ward that units can be delivered to."""
    actor.require(Permission.ESTABLISHMENT_MANAGE)
    ward = Ward(id=db.new_id(), establishment_id=actor.establishment_id, code=code.strip(), name=name.strip())
    session.add(ward)
    session.flush()  # a second ward of the same code is refused here, before the trail tells of it
    audit.append(session, actor=actor, action="ward:added", subject=f"ward:{ward.id}", details={"code": code}, now=now)
    return ward


def add_recipient(session: Session, *, purpose: RecipientPurpose, email: str, actor: Actor, now: datetime) -> Recipient:
    """Add an address that messages of one purpose go to."""
    actor.require(Permission.ESTABLISHMENT_MANAGE)
    recipient = Recipient(id=db.new_id(), establishment_id=actor.establishment_id, purpose=purpose, email=email)
    session.add(recipient)
    session.flush()  # the same address twice is refused here
    audit.append(
        session,
        actor=actor,
        action="recipient:added",
        subject=f"recipient:{recipient.id}",
        details={"purpose": purpose.value},
        now=now,
    )
    return recipient
