"""The merge of two manufacturers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from tracker.actor import Actor, Permission
from tracker.catalogue import queries as catalogue
from tracker.catalogue import service as catalogue_service
from tracker.catalogue.models import ManufacturerMerge
from tracker.catalogue.rules import NewMerge
from tracker.makers import queries


def merge(session: Session, absorbed_id: UUID, *, new: NewMerge, actor: Actor, now: datetime) -> ManufacturerMerge:
    """Use one manufacturer instead of another from now on; the same request again changes nothing.

    The devices of the absorbed one become the survivor's, and so fall under the survivor's derogations.

    Raises:
        NotPermitted: the actor may not write the catalogue.
        ManufacturerNotFound: one of the two is not here.
        MergeNotPossible: they cannot be one, or derogations are the absorbed one's.
        RequestIdReused: the id belongs to another merge.
    """
    actor.require(Permission.DEFINITION_WRITE)
    catalogue.lock_manufacturers(session, {absorbed_id, new.survivor_id})  # no derogation is entered meanwhile
    has_derogations = queries.has_derogations(session, absorbed_id)
    return catalogue_service.merge_manufacturer(
        session, absorbed_id, new=new, has_derogations=has_derogations, actor=actor, now=now
    )
