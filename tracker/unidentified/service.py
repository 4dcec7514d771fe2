"""Actions on the tray: put a box aside, receive it once it is identified, say what else became of it."""

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from scanners import Status, Udi, scan
from tracker import db
from tracker.actor import Actor, Permission
from tracker.arrivals import queries as deliveries
from tracker.audit import service as audit
from tracker.devices.rules import EntryMethod
from tracker.documents import service as documents
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.errors import N_, Conflict, RuleRefused, check_same_request
from tracker.findings.rules import Outcome
from tracker.reception import service as reception
from tracker.reception.queries import LineView
from tracker.unidentified import queries, rules
from tracker.unidentified.models import UnidentifiedItem, UnidentifiedOutcome
from tracker.unidentified.queries import ItemView
from tracker.unidentified.rules import Cause, Disposition
from tracker.verdicts.queries import Box


class PatientLabelAside(RuleRefused):
    """The label of a patient was scanned or photographed to put it aside; nothing of it is kept."""

    code = "unidentified-patient-label"


class ItemClosed(Conflict):
    """What became of the box is written already."""

    code = "unidentified-closed"


@dataclass(frozen=True, slots=True)
class NewItem:
    """A box that could not be identified, as somebody puts it aside."""

    cause: Cause
    place: str
    description: str = ""
    raw: str = ""
    """What could be read, as it arrived."""
    reception_id: UUID | None = None
    photo: bytes = b""
    photo_name: str = ""
    texts_on_photo: tuple[str, ...] = field(default=(), repr=False)
    """What a decoder reads on the photo: a patient's label is looked for in it, nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a person found out about an item, and into which delivery it is received."""

    reception_id: UUID
    typed: Udi
    definition_id: UUID | None = None


def put_aside(session: Session, item_id: UUID, *, new: NewItem, actor: Actor, now: datetime, today: date) -> ItemView:
    """Put a box into the tray, with its photo frozen; the same request again returns the same item.

    Raises:
        NotPermitted: the actor may not receive.
        ItemIncomplete: it lacks its place, or anything by which it will be known again.
        PatientLabelAside: a patient's label was scanned or is on the photo; nothing is kept.
        FileRefused: the photo may not be kept.
        ReceptionNotFound: there is no such delivery here.
        RequestIdReused: the id belongs to another item.
    """
    actor.require(Permission.RECEPTION_WRITE)
    rules.check_item(
        place=new.place, description=new.description, has_text=bool(new.raw.strip()), has_photo=bool(new.photo)
    )
    _check_no_patient((new.raw, *new.texts_on_photo), today=today)
    if new.reception_id is not None:
        deliveries.get_reception(session, new.reception_id)
    if new.photo:
        documents.check_upload(new.photo)
    document_id = db.new_id() if new.photo else None
    queries.lock_request(session, item_id)
    if session.get(UnidentifiedItem, item_id) is not None:
        return _same_item(session, item_id, new)
    if document_id is not None:
        subject = queries.photo_subject(item_id)
        file = NewFile(DocumentKind.PHOTO, subject, new.photo_name or "photo", new.photo, has_patient_data=False)
        documents.freeze(session, file, actor=actor, now=now, document_id=document_id)
    values = _values(item_id, new, document_id=document_id, actor=actor, now=now)
    made = session.scalar(
        upsert(UnidentifiedItem).values(values).on_conflict_do_nothing().returning(UnidentifiedItem.number)
    )
    check_same_request(is_same=made is not None)  # the id of an item of another establishment, which nobody sees here
    audit.append(
        session,
        actor=actor,
        action="unidentified:put_aside",
        subject=f"unidentified_item:{item_id}",
        details={"number": str(made), "cause": new.cause.value, "reception": str(new.reception_id or "")},
        now=now,
    )
    return queries.get_item(session, item_id)


def _check_no_patient(texts: tuple[str, ...], *, today: date) -> None:
    """Check that no text is the label of a patient.

    Raises:
        PatientLabelAside: one is.
    """
    for text in texts:
        if text and scan(text, reference_date=today).status is Status.PATIENT:
            raise PatientLabelAside(
                N_("This is a patient's label. Nothing of it was kept."),
                next_step=N_("Take a photo of the box alone, without any label of a patient."),
            )


def _values(item_id: UUID, new: NewItem, *, document_id: UUID | None, actor: Actor, now: datetime) -> dict[str, object]:
    return {
        "id": item_id,
        "establishment_id": actor.establishment_id,
        "reception_id": new.reception_id,
        "cause": new.cause,
        "description": new.description.strip(),
        "place": new.place.strip(),
        "raw_scan": new.raw.encode("utf-8", "surrogatepass") or None,
        "document_id": document_id,
        "put_aside_at": now,
        "put_aside_by_id": actor.id,
        "put_aside_by_name": actor.display_name,
    }


def _same_item(session: Session, item_id: UUID, new: NewItem) -> ItemView:
    item = queries.get_item(session, item_id)
    earlier = (item.cause, item.place, item.description, item.raw_text)
    check_same_request(is_same=earlier == (new.cause, new.place.strip(), new.description.strip(), new.raw))
    return item


def receive_item(
    session: Session, item_id: UUID, *, line_id: UUID, identity: Identity, actor: Actor, now: datetime, today: date
) -> LineView:
    """Receive an item that a person has identified, with the verdict that any box gets.

    A refused box stays in the tray: its line traces the refusal, the box still has to go somewhere. The same request
    again returns the same line.

    Raises:
        NotPermitted: the actor may not receive.
        ItemNotFound: there is no such item here.
        ItemClosed: something else became of it.
        ReceptionNotFound: there is no such delivery here.
        ReceptionClosed: the delivery is closed.
    """
    actor.require(Permission.RECEPTION_WRITE)
    item = queries.get_item_for_update(session, item_id)
    _check_open(is_open=item.closed_at is None or queries.is_received_as(session, item_id, line_id))
    box = Box(None, EntryMethod.MANUAL, typed=identity.typed, definition_id=identity.definition_id)
    (line,) = reception.receive(
        session, line_id, reception_id=identity.reception_id, box=box, actor=actor, now=now, today=today
    )
    if line.outcome is not Outcome.REFUSED and item.closed_at is None:
        _close(session, item, Disposition.RECEIVED, reason="", line_id=line_id, actor=actor, now=now)
    return line


def _check_open(*, is_open: bool) -> None:
    """Check that nothing else became of an item.

    Raises:
        ItemClosed: something did.
    """
    if not is_open:
        raise ItemClosed(
            N_("What became of this box is written already. Nothing was changed."),
            next_step=N_("Open it to read what."),
        )


def dispose(
    session: Session,
    item_id: UUID,
    *,
    outcome_id: UUID,
    disposition: Disposition,
    reason: str,
    actor: Actor,
    now: datetime,
) -> ItemView:
    """Write what became of an item that is not received; the same request again changes nothing.

    Raises:
        NotPermitted: the actor may not receive.
        ReasonMissing: no reason was written.
        ItemNotFound: there is no such item here.
        ItemClosed: something else became of it.
    """
    actor.require(Permission.RECEPTION_WRITE)
    rules.check_reason(reason)
    item = queries.get_item_for_update(session, item_id)
    if item.closed_at is None:
        _close(session, item, disposition, reason=reason.strip(), outcome_id=outcome_id, actor=actor, now=now)
    else:
        _check_open(is_open=queries.is_outcome(session, item_id, outcome_id))
    return queries.get_item(session, item_id)


def _close(
    session: Session,
    item: UnidentifiedItem,
    disposition: Disposition,
    *,
    reason: str,
    actor: Actor,
    now: datetime,
    outcome_id: UUID | None = None,
    line_id: UUID | None = None,
) -> None:
    item.closed_at, item.closed_by_id, item.closed_by_name = now, actor.id, actor.display_name
    session.add(
        UnidentifiedOutcome(
            id=outcome_id or db.new_id(),
            establishment_id=actor.establishment_id,
            item_id=item.id,
            disposition=disposition,
            reason=reason,
            line_id=line_id,
            at=now,
            actor_id=actor.id,
            actor_name=actor.display_name,
        )
    )
    session.flush()  # the item is read again with what became of it
    audit.append(
        session,
        actor=actor,
        action=f"unidentified:{disposition.value}",
        subject=f"unidentified_item:{item.id}",
        details={"number": str(item.number), "reason": reason, "line": str(line_id or "")},
        now=now,
    )
