"""Actions on establishments, wards and recipients."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.errors import N_, check_same_request
from tracker.organisation import queries, rules
from tracker.organisation.models import Establishment, Recipient, Ward
from tracker.organisation.rules import EstablishmentData, RecipientKnown, RecipientPurpose, WardCodeTaken, WardData


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


def change_establishment(session: Session, *, data: EstablishmentData, actor: Actor, now: datetime) -> Establishment:
    """Change what is printed and sent of the actor's establishment; the trail keeps what it was.

    Raises:
        NotPermitted: the actor may not.
        EstablishmentInvalid: something is missing or odd.
    """
    actor.require(Permission.ESTABLISHMENT_MANAGE)
    data = rules.check_establishment(data)
    establishment = queries.get_establishment(session, actor.establishment_id)
    session.refresh(establishment, with_for_update=True)
    details = _change(establishment, asdict(data))
    if details:
        subject = f"establishment:{establishment.id}"
        audit.append(session, actor=actor, action="establishment:changed", subject=subject, details=details, now=now)
    return establishment


def _change(row: Establishment | Ward, values: dict[str, Any]) -> dict[str, str]:
    """Write what differs, and return it as ``before → after`` by name."""
    details = {}
    for name, value in values.items():
        before = getattr(row, name)
        if before != value:
            setattr(row, name, value)
            details[name] = f"{before} → {value}"
    return details


def add_ward(session: Session, ward_id: UUID, *, data: WardData, actor: Actor, now: datetime) -> Ward:
    """Add a ward that units can be delivered to; the same request again is the same ward.

    Raises:
        NotPermitted: the actor may not.
        WardInvalid: it has no code or no name.
        WardCodeTaken: another ward has the code.
        RequestIdReused: the id belongs to another ward.
    """
    actor.require(Permission.ESTABLISHMENT_MANAGE)
    data = rules.check_ward(data)
    values = asdict(data) | {"id": ward_id, "establishment_id": actor.establishment_id}
    ward: Ward | None = session.scalar(upsert(Ward).values(values).on_conflict_do_nothing().returning(Ward))
    if ward is not None:
        details = {"code": data.code, "name": data.name}
        audit.append(session, actor=actor, action="ward:added", subject=f"ward:{ward_id}", details=details, now=now)
        return ward
    existing = session.get(Ward, ward_id)
    if existing is None:
        raise WardCodeTaken(_CODE_TAKEN, next_step=_OTHER_CODE)
    check_same_request(is_same=(existing.code, existing.name) == (data.code, data.name))
    return existing


_CODE_TAKEN = N_("Another ward has this code.")
_OTHER_CODE = N_("Give the ward another code, or open the other ward again.")


def change_ward(session: Session, ward_id: UUID, *, data: WardData, actor: Actor, now: datetime) -> Ward:
    """Rename, close or open a ward; a ward is never deleted.

    Raises:
        NotPermitted: the actor may not.
        WardNotFound: there is none with this id here.
        WardInvalid: it has no code or no name.
        WardCodeTaken: another ward has the code.
    """
    actor.require(Permission.ESTABLISHMENT_MANAGE)
    ward = queries.get_ward(session, ward_id)
    session.refresh(ward, with_for_update=True)
    data = rules.check_ward(data)
    try:
        with session.begin_nested():
            details = _change(ward, asdict(data))
    except IntegrityError as error:  # the code's unique key, also against a ward added at this moment
        raise WardCodeTaken(_CODE_TAKEN, next_step=_OTHER_CODE) from error
    if details:
        audit.append(session, actor=actor, action="ward:changed", subject=f"ward:{ward_id}", details=details, now=now)
    return ward


def add_recipient(
    session: Session, recipient_id: UUID, *, purpose: RecipientPurpose, email: str, actor: Actor, now: datetime
) -> Recipient:
    """Add an address that messages of one purpose go to; the same request again is the same recipient.

    Raises:
        NotPermitted: the actor may not.
        RecipientInvalid: it is no address.
        RecipientKnown: the address is already there for this purpose.
        RequestIdReused: the id belongs to another recipient.
    """
    actor.require(Permission.ESTABLISHMENT_MANAGE)
    email = rules.check_recipient(email)
    values = {"id": recipient_id, "establishment_id": actor.establishment_id, "purpose": purpose, "email": email}
    added: Recipient | None = session.scalar(
        upsert(Recipient).values(values).on_conflict_do_nothing().returning(Recipient)
    )
    if added is not None:
        _audit_recipient(session, added, "recipient:added", actor=actor, now=now)
        return added
    existing = session.get(Recipient, recipient_id)
    if existing is None:
        raise RecipientKnown(N_("This address is already there for this purpose."))
    check_same_request(is_same=(existing.purpose, existing.email) == (purpose, email))
    return existing


def remove_recipient(session: Session, recipient_id: UUID, *, actor: Actor, now: datetime) -> Recipient:
    """Send nothing more to an address; removed twice is removed once.

    Raises:
        NotPermitted: the actor may not.
        RecipientNotFound: there is none with this id here.
    """
    actor.require(Permission.ESTABLISHMENT_MANAGE)
    recipient = queries.get_recipient_for_update(session, recipient_id)
    if recipient.removed_at is None:
        recipient.removed_at = now
        _audit_recipient(session, recipient, "recipient:removed", actor=actor, now=now)
    return recipient


def _audit_recipient(session: Session, recipient: Recipient, action: str, *, actor: Actor, now: datetime) -> None:
    audit.append(
        session,
        actor=actor,
        action=action,
        subject=f"recipient:{recipient.id}",
        details={"purpose": recipient.purpose.value},
        now=now,
    )
