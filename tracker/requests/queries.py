"""Reads of requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from tracker import db
from tracker.catalogue import queries as catalogue
from tracker.catalogue.models import DeviceDefinition
from tracker.derogations.models import Derogation, ScopeEntry
from tracker.documents.models import Document
from tracker.errors import N_, NotFound
from tracker.organisation import queries as organisation
from tracker.requests import rules
from tracker.requests.documents import AttachmentData, DossierSource, signature_data
from tracker.requests.models import DerogationRequest, RequestAttachment, RequestEvent, RequestRevision
from tracker.requests.rules import OPEN_STATES, Missing, RequestEventKind, RequestFile, RequestIncomplete, RequestState


class RequestNotFound(NotFound):
    """No such request in this establishment."""

    code = "request-not-found"


@dataclass(frozen=True, slots=True)
class EventView:
    """One event with its note opened."""

    row: RequestEvent
    note: str


@dataclass(frozen=True, slots=True)
class AttachmentView:
    """One attached document."""

    id: UUID
    title: str
    names_patient: bool
    document: Document


@dataclass(frozen=True, slots=True)
class RequestView:
    """One request with its file as last saved, its events and its attachments."""

    row: DerogationRequest
    file: RequestFile
    saved: RequestRevision
    events: tuple[EventView, ...]
    attachments: tuple[AttachmentView, ...]

    @property
    def number(self) -> str:
        """Return the number as people see it."""
        return rules.request_number(self.row.number)

    @property
    def pseudonym(self) -> str:
        """Return the name under which the operator knows the patient."""
        return rules.pseudonym(self.row.number)

    @property
    def signature(self) -> EventView | None:
        """Return the clinician's signature that holds for the justification as it is, None where none does."""
        present = rules.justification_hash(self.file)
        signed = (event for event in reversed(self.events) if event.row.kind is RequestEventKind.SIGNED)
        return next((event for event in signed if event.row.sha256 == present), None)

    @property
    def was_signed(self) -> bool:
        """Test whether anybody ever signed, whatever was changed since."""
        return any(event.row.kind is RequestEventKind.SIGNED for event in self.events)

    @property
    def missing(self) -> tuple[Missing, ...]:
        """Return what is missing before the dossier can be given."""
        return rules.missing_of(self.file, self.row.kind, is_signed=self.signature is not None)

    @property
    def sent_attachments(self) -> tuple[AttachmentView, ...]:
        """Return the attachments that go with the dossier."""
        return tuple(one for one in self.attachments if not one.names_patient and one.id not in self.file.left_out)


@dataclass(frozen=True, slots=True)
class RequestPage:
    """One page of the list."""

    rows: tuple[DerogationRequest, ...]
    next_before: int | None
    """Number from which the next page goes on; None at the end."""


def lock_request(session: Session, request_id: UUID) -> None:
    """Wait until nobody else opens a request with this id."""
    session.execute(_LOCK, {"name": f"request:{request_id}"})


_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")


def get_request(session: Session, request_id: UUID) -> DerogationRequest:
    """Return one request.

    Raises:
        RequestNotFound: there is none with this id here.
    """
    return _found(session.get(DerogationRequest, request_id))


def get_request_for_update(session: Session, request_id: UUID) -> DerogationRequest:
    """Return one request, locked until the transaction ends.

    Raises:
        RequestNotFound: there is none with this id here.
    """
    statement = select(DerogationRequest).where(DerogationRequest.id == request_id).with_for_update()
    return _found(session.scalar(statement.execution_options(populate_existing=True)))


def _found(row: DerogationRequest | None) -> DerogationRequest:
    if row is None:
        raise RequestNotFound(N_("There is no such request."), next_step=N_("Search the list of requests."))
    return row


def read_file(session: Session, revision: RequestRevision) -> RequestFile:
    """Return the file of one saving."""
    context = f"derogation_request.file:{revision.id}"
    return rules.file_from_json(db.keyring(session).unseal(revision.sealed_file, context=context))


def get_view(session: Session, request_id: UUID) -> RequestView:
    """Return one request with everything its page shows; four SQL.

    Raises:
        RequestNotFound: there is none with this id here.
    """
    return view_of(session, get_request(session, request_id))


def view_of(session: Session, row: DerogationRequest) -> RequestView:
    """Return a request with its file, events and attachments."""
    revision = session.scalars(
        select(RequestRevision).where(RequestRevision.request_id == row.id, RequestRevision.version == row.version)
    ).one()
    events = session.scalars(
        select(RequestEvent)
        .where(RequestEvent.request_id == row.id)
        .order_by(RequestEvent.recorded_at, RequestEvent.id)
    )
    attached = session.execute(
        select(RequestAttachment, Document)
        .join(Document, Document.id == RequestAttachment.document_id)
        .where(RequestAttachment.request_id == row.id)
        .order_by(RequestAttachment.attached_at, RequestAttachment.id)
    )
    return RequestView(
        row=row,
        file=read_file(session, revision),
        saved=revision,
        events=tuple(EventView(event, _note(session, event)) for event in events),
        attachments=tuple(
            AttachmentView(one.id, _title(session, one), one.names_patient, document) for one, document in attached
        ),
    )


def _note(session: Session, event: RequestEvent) -> str:
    if event.sealed_note is None:
        return ""
    context = f"derogation_request_event.note:{event.id}"
    return db.keyring(session).unseal(event.sealed_note, context=context).decode()


def _title(session: Session, attachment: RequestAttachment) -> str:
    context = f"derogation_request_attachment.title:{attachment.id}"
    return db.keyring(session).unseal(attachment.sealed_title, context=context).decode()


def get_dossier_source(session: Session, view: RequestView) -> DossierSource:
    """Return what the dossier of a complete and signed request is printed from.

    Raises:
        RequestIncomplete: it names no manufacturer, or no signature holds.
    """
    file, signature = view.file, view.signature
    if file.manufacturer_id is None or signature is None:
        raise RequestIncomplete(view.missing)
    return DossierSource(
        number=view.number,
        version=view.row.version,
        kind=view.row.kind,
        pseudonym=view.pseudonym,
        file=file,
        attachments=tuple(AttachmentData(title=one.title, sha256=one.document.sha256) for one in view.sent_attachments),
        signature=signature_data(signature.row.recorded_by_name, signature.row.recorded_at, signature.row.sha256),
        manufacturer=catalogue.get_manufacturer(session, file.manufacturer_id).name,
        establishment=organisation.get_establishment(session, view.row.establishment_id),
    )


def list_uncatalogued(session: Session, view: RequestView) -> Sequence[str]:
    """Return the references that ANSM granted and no device of the catalogue carries, by reference; one SQL.

    Without the device in the catalogue its box is refused at goods-in, whatever the register says.
    """
    if view.row.state is not RequestState.GRANTED:
        return ()
    definition = select(DeviceDefinition.id).where(
        DeviceDefinition.manufacturer_id == Derogation.manufacturer_id,
        DeviceDefinition.reference == ScopeEntry.reference,
    )
    statement = (
        select(ScopeEntry.reference)
        .join(Derogation, Derogation.id == ScopeEntry.derogation_id)
        .where(Derogation.id == view.row.derogation_id, ~definition.exists())
    )
    return session.scalars(statement.distinct().order_by(ScopeEntry.reference)).all()


def list_requests(session: Session, *, state: RequestState | None, before: int | None, limit: int) -> RequestPage:
    """Return one page of requests, newest first; ``before`` is the number to go on from."""
    statement = select(DerogationRequest).order_by(DerogationRequest.number.desc()).limit(limit + 1)
    if state is not None:
        statement = statement.where(DerogationRequest.state == state)
    if before is not None:
        statement = statement.where(DerogationRequest.number < before)
    rows = session.scalars(statement).all()
    return RequestPage(tuple(rows[:limit]), rows[limit - 1].number if len(rows) > limit else None)


_STILL = DerogationRequest.state.in_(sorted(OPEN_STATES))


def list_still(session: Session, *, before: datetime) -> Sequence[DerogationRequest]:
    """Return the open requests that have not moved since before an instant, the longest still first."""
    statement = select(DerogationRequest).where(_STILL, DerogationRequest.moved_at <= before)
    return session.scalars(statement.order_by(DerogationRequest.moved_at, DerogationRequest.id)).all()


def count_still(session: Session, *, before: datetime) -> int:
    """Return how many open requests have not moved since before an instant."""
    statement = select(func.count()).select_from(DerogationRequest)
    return session.scalar(statement.where(_STILL, DerogationRequest.moved_at <= before)) or 0


def last_reminders(session: Session, request_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """Return when each request was last reminded of; one that never was is left out."""
    statement = (
        select(RequestEvent.request_id, func.max(RequestEvent.recorded_at).label("at"))
        .where(RequestEvent.request_id.in_(request_ids), RequestEvent.kind == RequestEventKind.REMINDED)
        .group_by(RequestEvent.request_id)
    )
    return {row.request_id: row.at for row in session.execute(statement)}
