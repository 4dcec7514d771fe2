"""Reads of notices and consent events."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from tracker import db
from tracker.consents.models import ConsentEvent, Notice
from tracker.consents.rules import ConsentFacts, NoticeTexts
from tracker.errors import N_, NotFound


class NoticeNotFound(NotFound):
    """No such notice in this establishment."""

    code = "notice-not-found"


@dataclass(frozen=True, slots=True)
class EventView:
    """One event with its sealed texts opened."""

    event: ConsentEvent
    signer_name: str
    reason: str
    notice_version: int | None


_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")


def lock_consent(session: Session, patient_id: UUID, derogation_id: UUID) -> None:
    """Wait until nobody else writes between one patient and one derogation: events are appended, no row is locked."""
    session.execute(_LOCK, {"name": f"consent:{patient_id}:{derogation_id}"})


def facts_of(event: ConsentEvent) -> ConsentFacts:
    """Return an event as the rules need it."""
    return ConsentFacts(event.id, event.kind, event.at, event.recorded_at)


def list_facts(session: Session, patient_id: UUID, derogation_id: UUID) -> list[ConsentFacts]:
    """Return what happened between one patient and one derogation; one statement."""
    statement = select(ConsentEvent.id, ConsentEvent.kind, ConsentEvent.at, ConsentEvent.recorded_at).where(
        ConsentEvent.patient_id == patient_id, ConsentEvent.derogation_id == derogation_id
    )
    return [ConsentFacts(*row) for row in session.execute(statement)]


def list_events(session: Session, patient_id: UUID) -> Sequence[EventView]:
    """Return every event of a patient, newest first."""
    statement = (
        select(ConsentEvent, Notice.version)
        .outerjoin(Notice, Notice.id == ConsentEvent.notice_id)
        .where(ConsentEvent.patient_id == patient_id)
        .order_by(ConsentEvent.at.desc(), ConsentEvent.recorded_at.desc())
    )
    return [opened(session, event, version) for event, version in session.execute(statement)]


def opened(session: Session, event: ConsentEvent, version: int | None = None) -> EventView:
    """Return a row with its sealed texts opened."""
    ring = db.keyring(session)
    signer, reason = event.sealed_signer_name, event.sealed_reason
    return EventView(
        event=event,
        signer_name=ring.unseal(signer, context=f"consent_event.signer:{event.id}").decode() if signer else "",
        reason=ring.unseal(reason, context=f"consent_event.reason:{event.id}").decode() if reason else "",
        notice_version=version,
    )


def get_notice(session: Session, notice_id: UUID) -> Notice:
    """Return one version of a notice.

    Raises:
        NoticeNotFound: there is none with this id here.
    """
    notice = session.get(Notice, notice_id)
    if notice is None:
        raise NoticeNotFound(N_("There is no such notice."), next_step=N_("Choose one of the list."))
    return notice


def list_notices(session: Session, derogation_id: UUID) -> Sequence[Notice]:
    """Return the versions of a derogation's notice, newest first."""
    statement = select(Notice).where(Notice.derogation_id == derogation_id).order_by(Notice.version.desc())
    return session.scalars(statement).all()


def find_latest_notice(session: Session, derogation_id: UUID) -> Notice | None:
    """Return the newest version of a derogation's notice, None where none was written."""
    statement = select(Notice).where(Notice.derogation_id == derogation_id).order_by(Notice.version.desc()).limit(1)
    return session.scalar(statement)


def next_version(session: Session, derogation_id: UUID) -> int:
    """Return the number of the next version."""
    last = session.scalar(select(func.max(Notice.version)).where(Notice.derogation_id == derogation_id))
    return (last or 0) + 1


def texts_of(notice: Notice) -> NoticeTexts:
    """Return the words of a notice."""
    return NoticeTexts(**notice.texts)
