"""Actions at the end of a delivery: open the delivery that brings its rest."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.arrivals import queries as arrivals
from tracker.arrivals import service as arrivals_service
from tracker.arrivals.models import Reception
from tracker.arrivals.queries import NewReception
from tracker.audit import service as audit
from tracker.reception import queries as reception


def open_rest(session: Session, rest_id: UUID, *, reception_id: UUID, actor: Actor, now: datetime) -> Reception:
    """Open the delivery that brings the rest of an earlier one, with what is missing as its expected lines.

    The same request again returns the same delivery.

    Raises:
        NotPermitted: the actor may not receive.
        ReceptionNotFound: there is no such delivery here.
        NoRestAwaited: it waits for nothing, or another delivery brings its rest.
        RequestIdReused: the id belongs to another delivery.
    """
    actor.require(Permission.RECEPTION_WRITE)
    earlier = arrivals.get_reception(session, reception_id)
    known = arrivals.find_rest(session, reception_id)
    if known is not None and known.id == rest_id:
        return known
    new = NewReception(
        supplier=earlier.supplier,
        order_number=earlier.order_number,
        ownership=earlier.ownership,
        rest_of_id=reception_id,
    )
    rest = arrivals_service.open_reception(session, rest_id, new=new, actor=actor, now=now)
    missing = reception.find_tally(session, reception_id).rest
    if missing:
        arrivals_service.announce(
            session, db.new_id(), reception_id=rest_id, lines=missing, replaces_id=None, actor=actor, now=now
        )
    audit.append(
        session,
        actor=actor,
        action="rest:opened",
        subject=f"reception:{reception_id}",
        details={"rest": str(rest.number)},
        now=now,
    )
    return rest
