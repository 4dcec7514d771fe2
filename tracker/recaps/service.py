"""Actions on recaps: freeze one, and record that it was handed over to the manufacturer."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.catalogue import queries as catalogue
from tracker.derogations import queries as derogations
from tracker.derogations.models import Derogation
from tracker.derogations.rules import DerogationKind
from tracker.documents import service as documents
from tracker.documents.documents import Locale, render
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.errors import N_, check_same_request
from tracker.organisation import queries as organisation
from tracker.recaps import queries, rules
from tracker.recaps.documents import RecapSource, recap_data
from tracker.recaps.models import RecapHandover, RecapRecord
from tracker.recaps.rules import Recap, RecapNotAsked

_PARIS = ZoneInfo("Europe/Paris")


@dataclass(frozen=True, slots=True)
class Period:
    """What a recap is about."""

    derogation_id: UUID
    first_day: date
    """Paris calendar."""
    last_day: date
    least_count: int
    """Fewest uses told together as one stretch of time."""


@dataclass(frozen=True, slots=True)
class NewHandover:
    """How a recap reached the manufacturer."""

    recap_id: UUID
    handed_on: date
    """Paris calendar."""
    recipient: str
    note: str = ""


def preview(session: Session, *, period: Period, today: date) -> Recap:
    """Return what a recap would say; nothing is written.

    Raises:
        DerogationNotFound: there is no such derogation here.
        RecapNotAsked: it is not an annual derogation for partial revisions.
        RecapPeriodWrong: the period cannot be.
    """
    derogation = _check(session, period, today=today)
    return _gather(session, derogation, period)


def _check(session: Session, period: Period, *, today: date) -> Derogation:
    derogation = derogations.get_derogation(session, period.derogation_id)
    if derogation.kind is not DerogationKind.PARTIAL_REVISION:
        raise RecapNotAsked(
            N_("A recap is asked for only under an annual derogation for partial revisions."),
            next_step=N_("Choose one of the list."),
        )
    rules.check_period(period.first_day, period.last_day, today=today)
    return derogation


def _gather(session: Session, derogation: Derogation, period: Period) -> Recap:
    days = (period.first_day, period.last_day)
    return queries.gather(session, derogation, period=days, least_count=period.least_count)


def make_recap(
    session: Session, recap_id: UUID, *, period: Period, locale: Locale, actor: Actor, now: datetime, today: date
) -> RecapRecord:
    """Count, freeze the PDF and keep the recap; the same id again is the same recap.

    Raises:
        DerogationNotFound: there is no such derogation here.
        RecapNotAsked: it is not an annual derogation for partial revisions.
        RecapPeriodWrong: the period cannot be.
        RequestIdReused: the id belongs to another recap.
    """
    actor.require(Permission.RECAP_WRITE)
    queries.lock_recaps(session, period.derogation_id)  # not the derogation: its uses do not wait for a printer
    asked = (period.derogation_id, period.first_day, period.last_day)
    existing = session.get(RecapRecord, recap_id)
    if existing is not None:
        check_same_request(is_same=(existing.derogation_id, existing.first_day, existing.last_day) == asked)
        return existing
    derogation = _check(session, period, today=today)
    recap = _gather(session, derogation, period)
    content = rules.recap_to_json(recap)
    source = RecapSource(
        recap=recap,
        designation=derogation.designation,
        manufacturer=catalogue.get_manufacturer(session, derogation.manufacturer_id).name,
        first_day=period.first_day,
        last_day=period.last_day,
        sha256=rules.recap_hash(content),
        establishment=organisation.get_establishment(session, actor.establishment_id),
    )
    pdf = render("recaps/recap", recap_data(source, locale=locale, number=str(recap_id), now=now))
    file = NewFile(DocumentKind.RECAP, f"recap:{recap_id}", _filename(period), pdf, has_patient_data=False)
    document = documents.freeze(session, file, actor=actor, now=now)
    values = {
        "id": recap_id,
        "establishment_id": actor.establishment_id,
        "derogation_id": period.derogation_id,
        "first_day": period.first_day,
        "last_day": period.last_day,
        "content": content,
        "sha256": source.sha256,
        "document_id": document.id,
        "made_at": now,
        "made_by_id": actor.id,
        "made_by_name": actor.display_name,
    }
    made = session.scalars(upsert(RecapRecord).values(values).on_conflict_do_nothing().returning(RecapRecord)).all()
    check_same_request(is_same=bool(made))  # nothing is made when the id is that of another establishment's row
    audit.append(
        session,
        actor=actor,
        action="recap:made",
        subject=f"derogation:{period.derogation_id}",
        details={"recap_id": str(recap_id), "sha256": source.sha256, "last_day": period.last_day.isoformat()},
        now=now,
    )
    return made[0]


def _filename(period: Period) -> str:
    return f"recap-{period.first_day.isoformat()}-{period.last_day.isoformat()}.pdf"


def hand_over(
    session: Session, handover_id: UUID, *, new: NewHandover, actor: Actor, now: datetime, today: date
) -> RecapHandover:
    """Record that a recap was handed over to the manufacturer; the same id again is the same fact.

    Raises:
        RecapNotFound: there is no such recap here.
        RecapDayWrong: the day cannot be.
        RequestIdReused: the id belongs to another fact.
    """
    actor.require(Permission.RECAP_WRITE)
    recap = queries.get_recap(session, new.recap_id)
    derogations.lock_derogation(session, recap.derogation_id)
    existing = session.get(RecapHandover, handover_id)
    if existing is not None:
        check_same_request(is_same=(existing.recap_id, existing.handed_on) == (new.recap_id, new.handed_on))
        return existing
    rules.check_handover(new.handed_on, made_on=recap.made_at.astimezone(_PARIS).date(), today=today)
    values = {
        "id": handover_id,
        "establishment_id": actor.establishment_id,
        "recap_id": new.recap_id,
        "handed_on": new.handed_on,
        "recipient": new.recipient.strip(),
        "note": new.note.strip(),
        "recorded_at": now,
        "recorded_by_id": actor.id,
        "recorded_by_name": actor.display_name,
    }
    told = session.scalars(upsert(RecapHandover).values(values).on_conflict_do_nothing().returning(RecapHandover)).all()
    check_same_request(is_same=bool(told))
    audit.append(
        session,
        actor=actor,
        action="recap:handed-over",
        subject=f"derogation:{recap.derogation_id}",
        details={"recap_id": str(new.recap_id), "handed_on": new.handed_on.isoformat()},
        now=now,
    )
    return told[0]
