"""Actions on requests: open, save, attach, sign, give to the operator, follow, and record ANSM's answer.

The request's row is locked by every action, so that two people are served one after the other. Savings, events and
attachments are appended; an action sent twice is done once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid5

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.catalogue import queries as catalogue
from tracker.derogations import queries as derogation_queries
from tracker.derogations import service as derogations
from tracker.derogations.rules import DecisionKind, DerogationKind
from tracker.derogations.service import NewDecision, NewDerogation, NewReference
from tracker.documents import service as documents
from tracker.documents.documents import Locale, render
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.errors import N_, check_same_request
from tracker.patients import queries as patients
from tracker.patients.rules import identity_of
from tracker.requests import queries, rules
from tracker.requests.documents import dossier_data
from tracker.requests.models import DerogationRequest, RequestAttachment, RequestEvent, RequestRevision
from tracker.requests.queries import RequestView
from tracker.requests.rules import (
    LetterMissing,
    RequestEventKind,
    RequestFile,
    RequestFileChanged,
    RequestIncomplete,
    RequestState,
    Step,
    TitleMissing,
)

T = TypeVar("T", bound=db.Base)

_UNSIGNED_FIELDS = frozenset({"ipp", "designation", "alternatives"})
"""What a signature needs beside the clinical points."""


@dataclass(frozen=True, slots=True)
class NewAttachment:
    """A document to attach."""

    title: str
    file: NewFile
    """What it is about is set here."""
    names_patient: bool


@dataclass(frozen=True, slots=True)
class AnsmAnswer:
    """ANSM's answer as its letter says it; the operator gets it, the hospital a copy."""

    is_granted: bool
    happened_on: date
    """Day on which it was received, Paris calendar."""
    effective_from: date
    valid_until: date | None = None
    decided_on: date | None = None
    reference: str = ""
    patient_cap: int | None = None
    legal_basis: str = ""
    scope_text: str = ""
    note: str = ""
    references: tuple[NewReference, ...] = ()
    letter: NewFile | None = None


def open_request(
    session: Session,
    request_id: UUID,
    *,
    kind: DerogationKind,
    file: RequestFile,
    route: str,
    actor: Actor,
    now: datetime,
) -> DerogationRequest:
    """Open a request with what is known of it; the same id again is the same request.

    Raises:
        RequestFileWrong: it does not fit the kind.
        ManufacturerNotFound, PatientNotFound: there is no such one here.
        RequestIdReused: the id belongs to a request of another kind.
    """
    actor.require(Permission.REQUEST_WRITE)
    queries.lock_request(session, request_id)
    existing = session.get(DerogationRequest, request_id)
    if existing is not None:
        check_same_request(is_same=(existing.kind, existing.opened_by_id) == (kind, actor.id))
        return existing
    _check_file(session, file, kind)
    values = {
        "id": request_id,
        "kind": kind,
        "state": RequestState.DRAFTING,
        "version": 1,
        "designation": file.designation.strip(),
        "moved_at": now,
        "route": route,
    }
    row = _insert(session, DerogationRequest, values, verb="opened", actor=actor, now=now)
    _append_revision(session, row, uuid5(request_id, "first"), file=file, actor=actor, now=now)
    step = Step(RequestEventKind.OPENED, derogation_queries.paris_day(now))
    _append_event(session, row, uuid5(request_id, "opened"), step=step, actor=actor, now=now)
    return row


def save_file(
    session: Session,
    request_id: UUID,
    *,
    save_id: UUID,
    version: int,
    file: RequestFile,
    actor: Actor,
    now: datetime,
) -> RequestRevision:
    """Save the file, complete or not; the same saving again is done once.

    ``version`` is that of the file which the person had before their eyes.

    Raises:
        RequestNotFound: there is no such request here.
        RequestStateWrong: it is no longer being drafted.
        RequestFileChanged: somebody saved it in the meantime; nothing was written.
        RequestFileWrong: it does not fit the kind.
        ManufacturerNotFound, PatientNotFound: there is no such one here.
        RequestIdReused: the id belongs to another saving.
    """
    actor.require(Permission.REQUEST_WRITE)
    row = queries.get_request_for_update(session, request_id)
    existing = session.get(RequestRevision, save_id)
    if existing is not None:
        same = existing.request_id == request_id and queries.read_file(session, existing) == file
        check_same_request(is_same=same)
        return existing
    if row.state is not RequestState.DRAFTING:
        raise rules.RequestStateWrong(
            N_("The file can be changed only while the request is being drafted."),
            next_step=N_("Take the request up again first."),
        )
    _check_version(session, row, version)
    _check_file(session, file, row.kind)
    row.version, row.designation, row.moved_at = row.version + 1, file.designation.strip(), now
    return _append_revision(session, row, save_id, file=file, actor=actor, now=now)


def _check_version(session: Session, row: DerogationRequest, version: int) -> None:
    if row.version != version:
        raise RequestFileChanged(queries.view_of(session, row).file, row.version)


def _check_file(session: Session, file: RequestFile, kind: DerogationKind) -> None:
    rules.check_file(file, kind)
    if file.manufacturer_id is not None:
        catalogue.get_manufacturer(session, file.manufacturer_id)
    if file.patient_id is not None:
        patients.get_patient(session, file.patient_id)


def _append_revision(
    session: Session, row: DerogationRequest, save_id: UUID, *, file: RequestFile, actor: Actor, now: datetime
) -> RequestRevision:
    sealed = db.keyring(session).seal(rules.file_to_json(file), context=f"derogation_request.file:{save_id}")
    values = {
        "id": save_id,
        "request_id": row.id,
        "version": row.version,
        "sealed_file": sealed,
    }
    revision = _insert(session, RequestRevision, values, verb="saved", actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="request:saved",
        subject=f"request:{row.id}",
        details={"version": str(row.version), "kind": row.kind.value},
        now=now,
    )
    return revision


def attach(
    session: Session, attachment_id: UUID, *, request_id: UUID, new: NewAttachment, actor: Actor, now: datetime
) -> RequestAttachment:
    """Attach a document, frozen and hashed; the same id again is the same attachment.

    Raises:
        RequestNotFound: there is no such request here.
        RequestStateWrong: the request is closed.
        TitleMissing: it does not say what it is.
        FileRefused: empty, too large or of another kind.
        RequestIdReused: the id belongs to another attachment.
    """
    actor.require(Permission.REQUEST_WRITE)
    row = queries.get_request_for_update(session, request_id)
    existing = session.get(RequestAttachment, attachment_id)
    if existing is not None:
        check_same_request(is_same=existing.request_id == request_id)
        return existing
    if row.state not in rules.OPEN_STATES:
        raise rules.RequestStateWrong(N_("This request is closed."), next_step=N_("Open a new request."))
    if not new.title.strip():
        raise TitleMissing(N_("Say what the document is."), fields={"title": N_("Type a title.")})
    file = NewFile(
        DocumentKind.REQUEST_ATTACHMENT,
        f"request:{request_id}",
        new.file.filename,
        new.file.content,
        has_patient_data=new.names_patient,
    )
    document = documents.freeze(session, file, actor=actor, now=now)
    context = f"derogation_request_attachment.title:{attachment_id}"
    values = {
        "id": attachment_id,
        "request_id": request_id,
        "document_id": document.id,
        "sealed_title": db.keyring(session).seal(new.title.strip().encode(), context=context),
        "names_patient": new.names_patient,
    }
    attachment = _insert(session, RequestAttachment, values, verb="attached", actor=actor, now=now)
    row.moved_at = now
    audit.append(
        session,
        actor=actor,
        action="request:attached",
        subject=f"request:{request_id}",
        details={"document_id": str(document.id), "sha256": document.sha256},
        now=now,
    )
    return attachment


def sign(
    session: Session, event_id: UUID, *, request_id: UUID, version: int, actor: Actor, now: datetime, today: date
) -> RequestEvent:
    """Sign the clinical justification of the version that was read; a later change of it makes the signature lapse.

    Raises:
        NotPermitted: only a clinician signs.
        RequestNotFound: there is no such request here.
        RequestFileChanged: the file was saved since it was read.
        RequestStateWrong: it is no longer being drafted.
        RequestIncomplete: a point of the justification is empty.
        RequestIdReused: the id belongs to another event.
    """
    actor.require(Permission.REQUEST_SIGN)
    row = queries.get_request_for_update(session, request_id)
    done = _find_event(session, event_id, row=row, kind=RequestEventKind.SIGNED)
    if done is not None:
        return done
    rules.state_after(RequestEventKind.SIGNED, row.state)
    _check_version(session, row, version)
    view = queries.view_of(session, row)
    clinical = _UNSIGNED_FIELDS | {point.code for point in rules.POINTS if point.is_clinical}
    missing = [one for one in view.missing if one.field in clinical]
    if missing:
        raise RequestIncomplete(missing)
    sha256 = rules.justification_hash(view.file)
    step = Step(RequestEventKind.SIGNED, today)
    return _append_event(session, row, event_id, step=step, actor=actor, now=now, sha256=sha256)


def give(
    session: Session,
    event_id: UUID,
    *,
    request_id: UUID,
    step: Step,
    locale: Locale,
    actor: Actor,
    now: datetime,
    today: date,
) -> RequestEvent:
    """Freeze the dossier and record that it was given to the market operator, who alone files with ANSM.

    Raises:
        RequestNotFound: there is no such request here.
        RequestFileChanged: the file was saved since it was read.
        RequestStateWrong: it is not being drafted.
        RequestIncomplete: something of the ten points is missing.
        RequestNamesPatient: a text would tell the operator who the patient is.
        RequestDayWrong: the day cannot be.
        RequestIdReused: the id belongs to another event.
    """
    actor.require(Permission.DEROGATION_WRITE)
    row = queries.get_request_for_update(session, request_id)
    done = _find_event(session, event_id, row=row, kind=RequestEventKind.GIVEN)
    if done is not None:
        return done
    rules.state_after(RequestEventKind.GIVEN, row.state)
    _check_version(session, row, step.version)
    view = queries.view_of(session, row)
    if view.missing:
        raise RequestIncomplete(view.missing)
    identity = identity_of(patients.get_patient(session, view.file.patient_id).traits) if view.file.patient_id else None
    rules.check_pseudonymous(view.file, [one.title for one in view.sent_attachments], identity=identity)
    rules.check_day(step.happened_on, previous=view.events[-1].row.happened_on, today=today)
    pdf = render("requests/dossier", dossier_data(queries.get_dossier_source(session, view), locale=locale, now=now))
    name = f"{view.number}.pdf"
    file = NewFile(DocumentKind.REQUEST_DOSSIER, f"request:{row.id}", name, pdf, has_patient_data=False)
    dossier = documents.freeze(session, file, actor=actor, now=now)
    return _append_event(session, row, event_id, step=step, actor=actor, now=now, document_id=dossier.id)


def record_step(
    session: Session, event_id: UUID, *, request_id: UUID, step: Step, actor: Actor, now: datetime, today: date
) -> RequestEvent:
    """Record that the operator filed, that the file is taken up again, or that the request is abandoned.

    Raises:
        RequestNotFound: there is no such request here.
        RequestStateWrong: the request does not stand where this can happen.
        RequestDayWrong: the day cannot be.
        RequestIdReused: the id belongs to another event.
    """
    actor.require(Permission.DEROGATION_WRITE)
    row = queries.get_request_for_update(session, request_id)
    done = _find_event(session, event_id, row=row, kind=step.kind)
    if done is not None:
        return done
    rules.state_after(step.kind, row.state)
    _check_step_day(session, row, step, today=today)
    return _append_event(session, row, event_id, step=step, actor=actor, now=now)


def _check_step_day(session: Session, row: DerogationRequest, step: Step, *, today: date) -> None:
    previous = queries.view_of(session, row).events[-1].row.happened_on
    rules.check_day(step.happened_on, previous=previous, today=today)


def record_answer(
    session: Session, event_id: UUID, *, request_id: UUID, answer: AnsmAnswer, actor: Actor, now: datetime, today: date
) -> RequestEvent:
    """Record ANSM's answer: a grant makes the derogation, a refusal a refused one that blocks goods-in.

    Raises:
        RequestNotFound: there is no such request here.
        RequestStateWrong: nothing was given to the operator yet, or the request is closed.
        RequestDayWrong: the day cannot be.
        LetterMissing: a grant without its letter.
        FileRefused: the letter is empty, too large or of another kind.
        DerogationIncomplete, DecisionDatesWrong, DecisionIncomplete, ScopeWrong: of the register.
        RequestIdReused: the id belongs to another event.
    """
    actor.require(Permission.DEROGATION_WRITE)
    row = queries.get_request_for_update(session, request_id)
    kind = RequestEventKind.GRANTED if answer.is_granted else RequestEventKind.REFUSED
    done = _find_event(session, event_id, row=row, kind=kind)
    if done is not None:
        return done
    rules.state_after(kind, row.state)
    if answer.is_granted and answer.letter is None:
        raise LetterMissing(
            N_("A grant is recorded with ANSM's letter."), fields={"letter": N_("Choose the file of the letter.")}
        )
    step = Step(kind, answer.happened_on, answer.note)
    _check_step_day(session, row, step, today=today)
    view = queries.view_of(session, row)
    derogation_id = uuid5(row.id, "derogation")
    new = _derogation_of(view, answer)
    derogations.create_derogation(session, derogation_id, new=new, actor=actor, now=now)
    decision = derogations.record_decision(
        session, event_id, new=_decision_of(view, answer, derogation_id), actor=actor, now=now
    )
    row.derogation_id = derogation_id
    return _append_event(session, row, event_id, step=step, actor=actor, now=now, document_id=decision.document_id)


def _derogation_of(view: RequestView, answer: AnsmAnswer) -> NewDerogation:
    file, kind = view.file, view.row.kind
    if file.manufacturer_id is None:
        raise RequestIncomplete([one for one in view.missing if one.field == "manufacturer_id"])
    return NewDerogation(
        kind=kind,
        domain=file.domain,
        designation=file.designation.strip(),
        manufacturer_id=file.manufacturer_id,
        source=view.number,
        legal_basis=answer.legal_basis.strip(),
        partial_revision_only=kind is DerogationKind.PARTIAL_REVISION,
        implanted_system=file.implanted_system.strip(),
        scope_text=answer.scope_text.strip(),
        patient_id=file.patient_id,
        pseudonym=view.pseudonym if file.patient_id else "",
    )


def _decision_of(view: RequestView, answer: AnsmAnswer, derogation_id: UUID) -> NewDecision:
    asked_for = tuple(NewReference(reference) for reference in view.file.references)
    return NewDecision(
        derogation_id=derogation_id,
        kind=DecisionKind.GRANTED if answer.is_granted else DecisionKind.REFUSED,
        effective_from=answer.effective_from,
        valid_until=answer.valid_until if answer.is_granted else None,
        decided_on=answer.decided_on,
        received_on=answer.happened_on,
        reference=answer.reference.strip(),
        patient_cap=answer.patient_cap if answer.is_granted else None,
        note=answer.note.strip(),
        source=view.number,
        document=answer.letter,
        added=answer.references or asked_for,
    )


def _find_event(
    session: Session, event_id: UUID, *, row: DerogationRequest, kind: RequestEventKind
) -> RequestEvent | None:
    """Return the event of an action that was already done; None where it is new."""
    existing = session.get(RequestEvent, event_id)
    if existing is not None:
        check_same_request(is_same=(existing.request_id, existing.kind) == (row.id, kind))
    return existing


def _append_event(
    session: Session,
    row: DerogationRequest,
    event_id: UUID,
    *,
    step: Step,
    actor: Actor,
    now: datetime,
    sha256: str = "",
    document_id: UUID | None = None,
) -> RequestEvent:
    """Append an event and write the state beside it."""
    if step.kind is not RequestEventKind.OPENED:
        row.state = rules.state_after(step.kind, row.state)
    if step.kind is not RequestEventKind.REMINDED:
        row.moved_at = now
    note, context = step.note.strip(), f"derogation_request_event.note:{event_id}"
    values = {
        "id": event_id,
        "request_id": row.id,
        "kind": step.kind,
        "state_after": row.state,
        "happened_on": step.happened_on,
        "version": row.version,
        "sha256": sha256,
        "sealed_note": db.keyring(session).seal(note.encode(), context=context) if note else None,
        "document_id": document_id,
    }
    event = _insert(session, RequestEvent, values, verb="recorded", actor=actor, now=now)
    details = {"version": str(row.version), "happened_on": step.happened_on.isoformat(), "sha256": sha256}
    audit.append(
        session,
        actor=actor,
        action=f"request:{step.kind.value}",
        subject=f"request:{row.id}",
        details={name: value for name, value in details.items() if value},
        now=now,
    )
    return event


def _insert(
    session: Session, table: type[T], values: dict[str, object], *, verb: str, actor: Actor, now: datetime
) -> T:
    """Write a row with who did it and when, unless its id is that of a row of another establishment."""
    signed = {f"{verb}_at": now, f"{verb}_by_id": actor.id, f"{verb}_by_name": actor.display_name}
    row = {**values, **signed, "establishment_id": actor.establishment_id}
    made = session.scalars(upsert(table).values(row).on_conflict_do_nothing().returning(table)).all()
    check_same_request(is_same=bool(made))
    return made[0]


def remind(
    session: Session, *, patience: timedelta, actor: Actor, now: datetime, today: date
) -> Sequence[DerogationRequest]:
    """Record that people are reminded of the open requests in which nothing moves, again each time as long has passed.

    Returns:
        The requests to remind of.
    """
    actor.require(Permission.REQUEST_READ)
    still = queries.list_still(session, before=now - patience)
    reminded_at = queries.last_reminders(session, [row.id for row in still])
    due = [row for row in still if rules.is_still(reminded_at.get(row.id, row.moved_at), now=now, patience=patience)]
    for row in due:
        step = Step(RequestEventKind.REMINDED, today)
        _append_event(session, row, db.new_id(), step=step, actor=actor, now=now)
    return due
