"""Reads of establishments, wards and recipients."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.errors import N_, NotFound
from tracker.organisation.models import Establishment, Recipient, RecipientPurpose, Ward


class WardNotFound(NotFound):
    """No such ward in this establishment."""

    code = "ward-not-found"


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


def list_wards(session: Session) -> Sequence[Ward]:
    """Return the wards, by name."""
    return session.scalars(select(Ward).order_by(Ward.name)).all()


def list_recipients(session: Session, purpose: RecipientPurpose) -> Sequence[str]:
    """Return the addresses that messages of one purpose go to."""
    statement = select(Recipient.email).where(Recipient.purpose == purpose).order_by(Recipient.email)
    return session.scalars(statement).all()
