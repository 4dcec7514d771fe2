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
from tracker.consents.rules import (
    ConsentEventKind,
    DerogationOfOtherPatient,
    EventDraft,
    NoticeOfOtherDerogation,
    NoticeTexts,
    SignerCapacity,
)
from tracker.derogations import queries as derogations
from tracker.documents import service as documents
from tracker.documents.service import NewFile
from tracker.errors import N_, Conflict
from tracker.patients import queries as patients
from tracker.patients.rules import age_on


class EventAlreadyRecorded(Conflict):
    """The same form was already sent with another content."""

    code = "consent-event-changed"


class NoticeChanged(Conflict):
    """The same form was already sent with other words."""

    code = "notice-changed"


_OTHER_CONTENT = N_("This form was already sent with another content.")


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
    """Freeze the next version of a derogation's notice; the same id again is the same version.

    Raises:
        NotPermitted: the actor may not.
        DerogationNotFound: there is no such derogation here.
        NoticeChanged: the id was used for other words.
    """
    actor.require(Permission.CONSENT_WRITE)
    derogations.lock_derogation(session, derogation_id)  # two versions written at once get two numbers
    existing = session.get(Notice, notice_id)
    if existing is not None:
        if (existing.derogation_id, existing.sha256) != (derogation_id, rules.notice_hash(texts)):
            raise NoticeChanged(_OTHER_CONTENT, next_step=N_("Start again."))
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
        DerogationNotFound: no such derogation here.
        DerogationOfOtherPatient: the derogation is individual, for somebody else.
        NoticeNotFound: no such notice here.
        NoticeOfOtherDerogation: the notice informs about another derogation.
        PersonNotFound: nobody here informed.
        ConsentIncomplete: something is missing or cannot be.
        NoConsentToWithdraw: nothing is in force.
        FileRefused: the signed document may not be kept.
        EventAlreadyRecorded: the id was used for something else.
    """
    actor.require(Permission.CONSENT_WRITE)
    queries.lock_consent(session, new.patient_id, new.derogation_id)  # a form sent twice, two withdrawals at once
    existing = session.get(ConsentEvent, event_id)
    if existing is not None:
        return _same_or_conflict(session, existing, new)
    patient = patients.get_patient(session, new.patient_id)
    _check_derogation(session, new)
    informed_by_name = ""
    if new.informed_by_id is not None:
        informed_by_name = accounts.get_person(session, new.informed_by_id).display_name
    draft = EventDraft(
        kind=new.kind,
        at=new.at,
        has_notice=new.notice_id is not None,
        informed_by=informed_by_name,
        signer_capacity=new.signer_capacity,
        signer_name=new.signer_name,
        reason=new.reason,
        age=age_on(patient.traits.birth_date, derogations.paris_day(new.at)),
    )
    rules.check_event(draft, queries.list_facts(session, new.patient_id, new.derogation_id), now=now)
    event = _insert(session, event_id, new=new, informed_by_name=informed_by_name, actor=actor, now=now)
    details = {"kind": new.kind.value, "patient": str(new.patient_id), "derogation": str(new.derogation_id)}
    audit.append(
        session, actor=actor, action="consent:recorded", subject=f"consent_event:{event_id}", details=details, now=now
    )
    return event


def _check_derogation(session: Session, new: NewConsentEvent) -> None:
    derogation = derogations.get_derogation(session, new.derogation_id)
    if derogation.patient_id not in {None, new.patient_id}:
        raise DerogationOfOtherPatient(
            N_("This derogation was granted for another patient."),
            next_step=N_("Check the patient's identity, or choose another derogation."),
        )
    if new.notice_id is None:
        return
    if queries.get_notice(session, new.notice_id).derogation_id != new.derogation_id:
        raise NoticeOfOtherDerogation(
            N_("This notice informs about another derogation."),
            fields={"notice_id": N_("Choose a notice of the same derogation.")},
        )


def _same_or_conflict(session: Session, existing: ConsentEvent, new: NewConsentEvent) -> ConsentEvent:
    view = queries.opened(session, existing)
    before = (existing.patient_id, existing.derogation_id, existing.kind, existing.at, existing.notice_id)
    after = (new.patient_id, new.derogation_id, new.kind, new.at, new.notice_id)
    words = (view.signer_name, view.reason) == (new.signer_name.strip(), new.reason.strip())
    if before != after or existing.informed_by_id != new.informed_by_id or not words:
        raise EventAlreadyRecorded(_OTHER_CONTENT, next_step=N_("Start again."))
    return existing


def _insert(
    session: Session, event_id: UUID, *, new: NewConsentEvent, informed_by_name: str, actor: Actor, now: datetime
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
