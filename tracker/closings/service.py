"""Actions at the end of a delivery: open the delivery that brings its rest, send unused units back."""

from collections.abc import Sequence
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
from tracker.devices import queries as devices
from tracker.dispositions import service as dispositions
from tracker.errors import N_, InvalidInput, RuleRefused
from tracker.reception import queries as reception
from tracker.reception.rules import id_in_pack

MOST_RETURNED = 200
"""Units of one act: each is locked and moved by itself, and a parcel of loan instruments holds fewer [design]."""


class ReturnOdd(InvalidInput):
    """No unit was chosen, or more than one act takes."""

    code = "return-odd"


class UnitOfAnotherDelivery(RuleRefused):
    """A unit did not come with this delivery: it goes back with its own."""

    code = "unit-of-another-delivery"


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
    earlier = arrivals.get_reception_for_update(session, reception_id)  # a double click waits here for the first
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


def return_units(
    session: Session,
    request_id: UUID,
    *,
    reception_id: UUID,
    numbers: Sequence[str],
    reason: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Send unused units of a delivery back to its supplier, all or none; the same request again changes nothing.

    Raises:
        NotPermitted: the actor may not take units out.
        ReceptionNotFound: there is no such delivery here.
        ReturnOdd: no unit was chosen, or too many.
        UnitOfAnotherDelivery: one did not come with this delivery.
        ReasonMissing: nothing was written.
        EventNotPossible: one was used meanwhile, or has left.
        RequestIdReused: the id belongs to another return.
    """
    actor.require(Permission.UNIT_DISPOSE)
    delivery = arrivals.get_reception(session, reception_id)
    chosen = sorted(set(numbers))
    if not 1 <= len(chosen) <= MOST_RETURNED:
        raise ReturnOdd(
            N_("Choose between 1 and %(most)s units."), next_step=N_("Tick what goes back now."), most=MOST_RETURNED
        )
    came = set(reception.list_unit_numbers(session, reception_id))
    strange = [number for number in chosen if number not in came]
    if strange:
        raise UnitOfAnotherDelivery(
            N_("The unit %(number)s did not come with this delivery. Nothing was written."),
            next_step=N_("Send it back with its own delivery, or on its own page."),
            number=strange[0],
        )
    devices.lock_units(session, numbers=chosen)
    is_repeated = devices.find_moved(session, id_in_pack(request_id, 1)) is not None
    request_ids = {number: id_in_pack(request_id, place) for place, number in enumerate(chosen, start=1)}
    dispositions.return_units(session, request_ids, reason=reason, actor=actor, now=now)
    if is_repeated:
        return
    audit.append(
        session,
        actor=actor,
        action="units:returned",
        subject=f"reception:{reception_id}",
        details={"supplier": delivery.supplier, "numbers": " ".join(chosen), "reason": reason.strip()},
        now=now,
    )
