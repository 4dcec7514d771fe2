"""Actions on notices and consents."""

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from tracker import db
from tracker.accounts import queries as accounts
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.consents import queries, rules
from tracker.consents.models import ConsentEvent, Notice
from tracker.consents.rules import ConsentEventKind, EventDraft, NoticeTexts, SignerCapacity
from tracker.derogations import queries as derogations
from tracker.documents import service as documents
from tracker.documents.service import NewFile
from tracker.errors import N_, Conflict
from tracker.patients import queries as patients


class EventAlreadyRecorded(Conflict):
    """The same form was already sent with another content."""

    code = "consent-event-changed"


@dataclass(frozen=True, slots=True)
class NewConsentEvent:
    """What was entered of a consent event."""

    patient_id: UUID
    derogation_id: UUID
    kind: ConsentEventKind
    at: datetime
    notice_id: UUID | None = None
    informed_by_id: UUID | None = None
    signer_capacity: SignerCapacity | None = None
    signer_name: str = ""
    reason: str = ""
    document: NewFile | None = None


def create_notice(
    session: Session,
    notice_id: UUID,
    *,
    derogation_id: UUID,
    texts: NoticeTexts,
    effective_from: date,
    actor: Actor,
    now: datetime,
) -> Notice:
    """Freeze the next version of a derogation's notice; the same id again is the same version."""
    actor.require(Permission.CONSENT_WRITE)
    existing = session.get(Notice, notice_id)
    if existing is not None:
        return existing
    derogations.get_derogation(session, derogation_id)
    notice = Notice(
        id=notice_id,
        establishment_id=actor.establishment_id,
        derogation_id=derogation_id,
        version=queries.next_version(session, derogation_id),
        texts=asdict(texts),
        sha256=rules.notice_hash(texts),
        effective_from=effective_from,
        created_at=now,
        created_by_id=actor.id,
    )
    session.add(notice)
    session.flush()  # two people making the same version at once: the second is refused here
    details = {"derogation": str(derogation_id), "version": str(notice.version), "sha256": notice.sha256}
    audit.append(session, actor=actor, action="notice:created", subject=f"notice:{notice_id}", details=details, now=now)
    return notice


def record_event(
    session: Session, event_id: UUID, *, new: NewConsentEvent, actor: Actor, now: datetime
) -> ConsentEvent:
    """Record one fact about a patient's information and consent; the same id again is the same fact.

    Raises:
        NotPermitted: the actor may not.
        PatientNotFound: no such patient here.
        ConsentIncomplete: something is missing.
        NoConsentToWithdraw: nothing is in force.
        FileRefused: the signed document may not be kept.
        EventAlreadyRecorded: the id was used for something else.
    """
    actor.require(Permission.CONSENT_WRITE)
    existing = session.get(ConsentEvent, event_id)
    if existing is not None:
        return _same_or_conflict(existing, new)
    patients.get_patient(session, new.patient_id)
    derogations.get_derogation(session, new.derogation_id)
    informed_by = accounts.get_person(session, new.informed_by_id) if new.informed_by_id else None
    if new.notice_id is not None:
        queries.get_notice(session, new.notice_id)
    informed_by_name = informed_by.display_name if informed_by else ""
    draft = EventDraft(
        kind=new.kind,
        at=new.at,
        has_notice=new.notice_id is not None,
        informed_by=informed_by_name,
        signer_capacity=new.signer_capacity,
        signer_name=new.signer_name,
        reason=new.reason,
    )
    rules.check_event(draft, queries.list_facts(session, new.patient_id, new.derogation_id), now=now)
    event = _insert(session, event_id, new, informed_by_name=informed_by_name, actor=actor, now=now)
    details = {"kind": new.kind.value, "patient": str(new.patient_id), "derogation": str(new.derogation_id)}
    audit.append(
        session, actor=actor, action="consent:recorded", subject=f"consent_event:{event_id}", details=details, now=now
    )
    return event


def _same_or_conflict(existing: ConsentEvent, new: NewConsentEvent) -> ConsentEvent:
    same = (
        existing.patient_id == new.patient_id
        and existing.derogation_id == new.derogation_id
        and existing.kind is new.kind
    )
    if not same:
        raise EventAlreadyRecorded(N_("This form was already sent with another content."), next_step=N_("Start again."))
    return existing


def _insert(
    session: Session, event_id: UUID, new: NewConsentEvent, *, informed_by_name: str, actor: Actor, now: datetime
) -> ConsentEvent:
    document_id = None
    if new.document is not None:
        file = replace(new.document, subject=f"consent_event:{event_id}")
        document_id = documents.freeze(session, file, actor=actor, now=now).id
    event = ConsentEvent(
        id=event_id,
        establishment_id=actor.establishment_id,
        patient_id=new.patient_id,
        derogation_id=new.derogation_id,
        notice_id=new.notice_id,
        kind=new.kind,
        at=new.at,
        informed_by_id=new.informed_by_id,
        informed_by_name=informed_by_name,
        signer_capacity=new.signer_capacity if new.signer_name.strip() else None,
        sealed_signer_name=_sealed(session, new.signer_name, context=f"consent_event.signer:{event_id}"),
        sealed_reason=_sealed(session, new.reason, context=f"consent_event.reason:{event_id}"),
        document_id=document_id,
        recorded_at=now,
        recorded_by_id=actor.id,
        recorded_by_name=actor.display_name,
    )
    session.add(event)
    session.flush()  # a forged reference is refused before the trail tells of the event
    return event


def _sealed(session: Session, text: str, *, context: str) -> bytes | None:
    return db.keyring(session).seal(text.strip().encode(), context=context) if text.strip() else None
