"""Actions on deliveries: open one, close it, keep with it what a clinician wrote."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker.actor import Actor, Permission
from tracker.arrivals import queries
from tracker.arrivals.models import ClinicalReason, Reception
from tracker.arrivals.queries import NewReason, NewReception
from tracker.audit import service as audit
from tracker.derogations import queries as derogations
from tracker.devices.rules import check_reason
from tracker.errors import N_, Conflict, check_same_request


class ReceptionClosed(Conflict):
    """The delivery is closed: no box can be added."""

    code = "reception-closed"


def open_reception(
    session: Session, reception_id: UUID, *, new: NewReception, actor: Actor, now: datetime
) -> Reception:
    """Open a delivery; the same request again returns the same one.

    Raises:
        NotPermitted: the actor may not receive.
        RequestIdReused: the id belongs to another delivery.
    """
    actor.require(Permission.RECEPTION_WRITE)
    values = {
        "id": reception_id,
        "establishment_id": actor.establishment_id,
        "supplier": new.supplier.strip(),
        "delivery_note": new.delivery_note.strip(),
        "order_number": new.order_number.strip(),
        "note": new.note.strip(),
        "opened_at": now,
        "opened_by_id": actor.id,
        "opened_by_name": actor.display_name,
    }
    opened: Reception | None = session.scalar(
        upsert(Reception).values(values).on_conflict_do_nothing().returning(Reception)
    )
    if opened is None:
        earlier = session.get(Reception, reception_id)
        is_same = earlier is not None and (earlier.supplier, earlier.delivery_note) == (
            values["supplier"],
            values["delivery_note"],
        )
        check_same_request(is_same=is_same)
        return queries.get_reception(session, reception_id)
    audit.append(
        session,
        actor=actor,
        action="reception:opened",
        subject=f"reception:{reception_id}",
        details={"number": str(opened.number)},
        now=now,
    )
    return opened


def close_reception(session: Session, reception_id: UUID, *, actor: Actor, now: datetime) -> Reception:
    """Close a delivery: no box can be added to it any more.

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
    audit.append(
        session,
        actor=actor,
        action="reception:closed",
        subject=f"reception:{reception_id}",
        details={"number": str(reception.number)},
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
