"""Reads of establishments, wards and recipients."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.errors import N_, NotFound
from tracker.organisation.models import Establishment, Recipient, Ward
from tracker.organisation.rules import RecipientPurpose, WardClosed


class WardNotFound(NotFound):
    """No such ward in this establishment."""

    code = "ward-not-found"


class RecipientNotFound(NotFound):
    """No such recipient in this establishment."""

    code = "recipient-not-found"


class EstablishmentNotFound(NotFound):
    """No such establishment."""

    code = "establishment-not-found"


def get_establishment(session: Session, establishment_id: UUID) -> Establishment:
    """Return one establishment.

    Raises:
        EstablishmentNotFound: there is none with this id.
    """
    establishment = session.get(Establishment, establishment_id)
    if establishment is None:
        raise EstablishmentNotFound(N_("There is no such establishment."))
    return establishment


def list_establishments(session: Session) -> Sequence[Establishment]:
    """Return every establishment of the installation; jobs go through them one by one."""
    return session.scalars(select(Establishment).order_by(Establishment.name)).all()


def get_ward(session: Session, ward_id: UUID) -> Ward:
    """Return one ward.

    Raises:
        WardNotFound: there is none with this id here.
    """
    ward = session.get(Ward, ward_id)
    if ward is None:
        raise WardNotFound(N_("There is no such ward."), next_step=N_("Choose one of the list."))
    return ward


def get_open_ward(session: Session, ward_id: UUID) -> Ward:
    """Return one ward that units may be delivered to.

    Raises:
        WardNotFound: there is none with this id here.
        WardClosed: it is closed.
    """
    ward = get_ward(session, ward_id)
    if not ward.is_active:
        raise WardClosed(N_("The ward %(name)s is closed."), next_step=N_("Choose one of the list."), name=ward.name)
    return ward


def list_wards(session: Session) -> Sequence[Ward]:
    """Return the wards that units may be delivered to, by name."""
    return session.scalars(select(Ward).where(Ward.is_active).order_by(Ward.name)).all()


def list_all_wards(session: Session) -> Sequence[Ward]:
    """Return every ward, the closed ones last, by name."""
    return session.scalars(select(Ward).order_by(Ward.is_active.desc(), Ward.name)).all()


def get_recipient_for_update(session: Session, recipient_id: UUID) -> Recipient:
    """Return one recipient that nobody else can remove meanwhile.

    Raises:
        RecipientNotFound: there is none with this id here.
    """
    recipient = session.scalar(select(Recipient).where(Recipient.id == recipient_id).with_for_update())
    if recipient is None:
        raise RecipientNotFound(N_("There is no such recipient."))
    return recipient


def list_all_recipients(session: Session) -> Sequence[Recipient]:
    """Return the addresses of every purpose, by purpose and address."""
    statement = select(Recipient).where(Recipient.removed_at.is_(None))
    return session.scalars(statement.order_by(Recipient.purpose, Recipient.email)).all()


def list_recipients(session: Session, purpose: RecipientPurpose) -> Sequence[str]:
    """Return the addresses that messages of one purpose go to."""
    statement = (
        select(Recipient.email)
        .where(Recipient.purpose == purpose, Recipient.removed_at.is_(None))
        .order_by(Recipient.email)
    )
    return session.scalars(statement).all()
