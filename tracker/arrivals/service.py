"""Actions on deliveries: open one, say what it holds and how it looks, keep what a clinician wrote, close it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker.actor import Actor, Permission
from tracker.arrivals import queries, rules
from tracker.arrivals.models import Announcement, ArrivalCondition, ClinicalReason, Reception
from tracker.arrivals.queries import NewReason, NewReception
from tracker.arrivals.rules import AnnouncedChanged, AnnouncedLine, Closing, Conditions, DeliveryState
from tracker.audit import service as audit
from tracker.derogations import queries as derogations
from tracker.devices.rules import check_reason
from tracker.errors import N_, Conflict, check_same_request


class ReceptionClosed(Conflict):
    """The delivery is closed: no box can be added."""

    code = "reception-closed"


class NoRestAwaited(Conflict):
    """The earlier delivery waits for nothing: it is open, complete, or its rest has come."""

    code = "rest-not-awaited"


def open_reception(
    session: Session, reception_id: UUID, *, new: NewReception, actor: Actor, now: datetime
) -> Reception:
    """Open a delivery; the same request again returns the same one.

    Raises:
        NotPermitted: the actor may not receive.
        NoRestAwaited: it is to bring the rest of a delivery that waits for none.
        RequestIdReused: the id belongs to another delivery.
    """
    actor.require(Permission.RECEPTION_WRITE)
    if new.rest_of_id is not None:
        _check_awaits(session, new.rest_of_id, reception_id)
    values = {
        "id": reception_id,
        "establishment_id": actor.establishment_id,
        "supplier": new.supplier.strip(),
        "delivery_note": new.delivery_note.strip(),
        "order_number": new.order_number.strip(),
        "note": new.note.strip(),
        "ownership": new.ownership,
        "rest_of_id": new.rest_of_id,
        "opened_at": now,
        "opened_by_id": actor.id,
        "opened_by_name": actor.display_name,
    }
    opened: Reception | None = session.scalar(
        upsert(Reception).values(values).on_conflict_do_nothing().returning(Reception)
    )
    if opened is None:
        earlier = session.get(Reception, reception_id)
        asked = (values["supplier"], values["delivery_note"], new.rest_of_id)
        is_same = earlier is not None and (earlier.supplier, earlier.delivery_note, earlier.rest_of_id) == asked
        check_same_request(is_same=is_same)
        return queries.get_reception(session, reception_id)
    audit.append(
        session,
        actor=actor,
        action="reception:opened",
        subject=f"reception:{reception_id}",
        details={"number": str(opened.number), "ownership": opened.ownership.value},
        now=now,
    )
    return opened


def _check_awaits(session: Session, earlier_id: UUID, reception_id: UUID) -> None:
    """Check, holding the earlier delivery, that no other than this one brings its rest.

    Raises:
        NoRestAwaited: it waits for nothing, or another one does.
    """
    earlier = queries.get_reception_for_update(session, earlier_id)
    rest = queries.find_rest(session, earlier_id)
    is_this = rest is not None and rest.id == reception_id
    if not is_this and queries.state_of_delivery(session, earlier) is not DeliveryState.PARTIAL:
        raise NoRestAwaited(
            N_("The delivery %(number)s waits for nothing."),
            next_step=N_("Open a delivery of its own for these boxes."),
            number=earlier.number,
        )


def close_reception(
    session: Session, reception_id: UUID, *, closing: Closing = Closing.COMPLETE, actor: Actor, now: datetime
) -> Reception:
    """Close a delivery, for good or with its rest awaited: no box can be added to it any more.

    Raises:
        NotPermitted: the actor may not receive.
        ReceptionNotFound: there is no such delivery here.
        ReceptionClosed: it is closed already.
    """
    actor.require(Permission.RECEPTION_WRITE)
    reception = queries.get_reception_for_update(session, reception_id)
    check_open(is_closed=reception.closed_at is not None)
    reception.closed_at = now
    reception.closed_by_id = actor.id
    reception.close_reason = closing
    audit.append(
        session,
        actor=actor,
        action="reception:closed",
        subject=f"reception:{reception_id}",
        details={"number": str(reception.number), "closing": closing.value},
        now=now,
    )
    return reception


def check_open(*, is_closed: bool) -> None:
    """Check that boxes may be added to a delivery.

    Raises:
        ReceptionClosed: they may not any more.
    """
    if is_closed:
        raise ReceptionClosed(
            N_("This delivery is closed. Nothing was written."),
            next_step=N_("Open another delivery for the boxes that remain."),
        )


def record_reason(
    session: Session, reason_id: UUID, *, reception_id: UUID, new: NewReason, actor: Actor, now: datetime
) -> ClinicalReason:
    """Keep with a delivery the written reason of a clinician's order; the same request again changes nothing.

    Raises:
        NotPermitted: the actor may not receive.
        ReceptionNotFound: there is no such delivery here.
        ReasonMissing: nothing was written.
        RequestIdReused: the id belongs to another reason.
    """
    actor.require(Permission.RECEPTION_WRITE)
    queries.get_reception(session, reception_id)
    derogation = derogations.get_derogation(session, new.derogation_id)
    values = {
        "id": reason_id,
        "establishment_id": actor.establishment_id,
        "reception_id": reception_id,
        "derogation_id": derogation.id,
        "clinician_name": new.clinician_name.strip(),
        "written_on": new.written_on,
        "reason": check_reason(new.reason),
        "recorded_at": now,
        "recorded_by_id": actor.id,
        "recorded_by_name": actor.display_name,
    }
    statement = upsert(ClinicalReason).values(values).on_conflict_do_nothing().returning(ClinicalReason)
    kept: ClinicalReason | None = session.scalar(statement)
    if kept is None:
        earlier = session.get(ClinicalReason, reason_id)
        same = (reception_id, new.derogation_id)
        check_same_request(is_same=earlier is not None and (earlier.reception_id, earlier.derogation_id) == same)
        return session.get_one(ClinicalReason, reason_id)
    audit.append(
        session,
        actor=actor,
        action="reason:recorded",
        subject=f"reception:{reception_id}",
        details={"derogation": str(derogation.id), "written_on": str(new.written_on)},
        now=now,
    )
    return kept


def record_conditions(
    session: Session, record_id: UUID, *, reception_id: UUID, seen: Conditions, actor: Actor, now: datetime
) -> ArrivalCondition:
    """Record how an open delivery looks; the same request again changes nothing, the last record counts.

    Raises:
        NotPermitted: the actor may not receive.
        ReceptionNotFound: there is no such delivery here.
        ReceptionClosed: it is closed.
        TemperatureOdd: what is written of the temperature contradicts itself.
        RemarkMissing: what was damaged no longer is, and nothing was written about it.
        RequestIdReused: the id belongs to another record.
    """
    actor.require(Permission.RECEPTION_WRITE)
    reception = queries.get_reception_for_update(session, reception_id)
    recorded = session.get(ArrivalCondition, record_id)
    if recorded is not None:
        check_same_request(is_same=recorded.reception_id == reception_id)
        return recorded
    check_open(is_closed=reception.closed_at is not None)
    seen = rules.check_conditions(seen, queries.find_conditions(session, reception_id))
    values = {
        "id": record_id,
        "establishment_id": actor.establishment_id,
        "reception_id": reception_id,
        "parcel": seen.parcel,
        "seals": seen.seals,
        "temperature": seen.temperature,
        "measured": seen.measured,
        "lowest": seen.lowest,
        "highest": seen.highest,
        "remark": seen.remark,
        "at": now,
        "actor_id": actor.id,
        "actor_name": actor.display_name,
    }
    made = session.scalar(upsert(ArrivalCondition).values(values).on_conflict_do_nothing().returning(ArrivalCondition))
    check_same_request(is_same=made is not None)  # the id of another establishment's row, which nobody sees here
    told = {"parcel": seen.parcel.value, "seals": seen.seals.value, "temperature": seen.temperature.value}
    audit.append(
        session, actor=actor, action="conditions:recorded", subject=f"reception:{reception_id}", details=told, now=now
    )
    return session.get_one(ArrivalCondition, record_id)


def announce(
    session: Session,
    announcement_id: UUID,
    *,
    reception_id: UUID,
    lines: Sequence[AnnouncedLine],
    replaces_id: UUID | None,
    actor: Actor,
    now: datetime,
) -> Announcement:
    """Keep the whole list of what an open delivery is to hold, in place of the list that was on the screen.

    Raises:
        NotPermitted: the actor may not receive.
        ReceptionNotFound: there is no such delivery here.
        ReceptionClosed: it is closed.
        AnnouncedTooLong: there are too many lines.
        AnnouncedChanged: somebody else wrote another list meanwhile.
        RequestIdReused: the id belongs to another list.
    """
    actor.require(Permission.RECEPTION_WRITE)
    rules.check_announced_length(len(lines))
    reception = queries.get_reception_for_update(session, reception_id)
    kept = [{"reference": one.reference, "lot": one.lot, "count": one.count} for one in lines]
    earlier = session.get(Announcement, announcement_id)
    if earlier is not None:
        check_same_request(is_same=(earlier.reception_id, earlier.lines) == (reception_id, kept))
        return earlier
    check_open(is_closed=reception.closed_at is not None)
    last = queries.find_announcement(session, reception_id)
    if replaces_id != (last.id if last else None):
        raise AnnouncedChanged(
            N_("Somebody else changed the announced lines meanwhile. Nothing was written."),
            next_step=N_("Compare with the list on the delivery's page, then send yours again."),
        )
    values = {
        "id": announcement_id,
        "establishment_id": actor.establishment_id,
        "reception_id": reception_id,
        "replaces_id": replaces_id,
        "lines": kept,
        "at": now,
        "actor_id": actor.id,
        "actor_name": actor.display_name,
    }
    made = session.scalar(upsert(Announcement).values(values).on_conflict_do_nothing().returning(Announcement))
    check_same_request(is_same=made is not None)  # the id of another establishment's row, which nobody sees here
    told = {"lines": str(len(lines)), "units": str(sum(one.count for one in lines))}
    audit.append(
        session, actor=actor, action="announcement:recorded", subject=f"reception:{reception_id}", details=told, now=now
    )
    return session.get_one(Announcement, announcement_id)
