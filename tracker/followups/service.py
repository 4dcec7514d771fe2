"""Actions after an incident was reported: what came back, where the device is, complements, closing; late warnings."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker import db
from tracker.accounts import queries as accounts
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.derogations import queries as derogations
from tracker.documents import service as documents
from tracker.documents.service import NewFile
from tracker.errors import N_, InvalidInput, check_same_request
from tracker.followups import queries, rules
from tracker.followups.models import IncidentEvent
from tracker.followups.rules import EventFacts, Progress
from tracker.vigilance import queries as vigilance
from tracker.vigilance import service as vigilance_service
from tracker.vigilance.models import IncidentReport
from tracker.vigilance.queries import Dossier
from tracker.vigilance.rules import CorrespondentPart


class ComplementEmpty(InvalidInput):
    """A complement says nothing."""

    code = "complement-empty"


@dataclass(frozen=True, slots=True)
class NewComplement:
    """What the vigilance officer adds to an incident that was reported."""

    incident_id: UUID
    part: CorrespondentPart


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One step of the follow-up of an incident."""

    incident_id: UUID
    facts: EventFacts
    document: NewFile | None = None
    """The letter that came."""


def record_event(
    session: Session, event_id: UUID, *, new: NewEvent, actor: Actor, now: datetime, today: date
) -> IncidentEvent:
    """Record one step of the follow-up of an incident; the same request again is the same step.

    Raises:
        NotPermitted: the actor is not the vigilance officer.
        IncidentNotFound: there is none with this id here.
        EventInvalid: something is missing or impossible.
        NotTransmitted: the reports were not sent yet.
        IncidentClosed: the incident is closed.
        IncidentNotClosed: it cannot be opened again.
        FileRefused: the letter cannot be kept.
        RequestIdReused: the id belongs to another step.
    """
    actor.require(Permission.INCIDENT_TRANSMIT)
    incident_id = new.incident_id
    vigilance.lock_incident(session, incident_id)
    dossier = vigilance.get_dossier(session, incident_id, known_at=now)
    facts = replace(new.facts, has_document=new.document is not None)
    existing = session.get(IncidentEvent, event_id)
    if existing is not None:
        return _same_or_conflict(session, existing, new)
    rules.check_event(
        facts,
        progress=progress(session, incident_id),
        state=queries.first_state(dossier),
        declared_on=derogations.paris_day(dossier.incident.declared_at),
        today=today,
    )
    document = None
    if new.document is not None:
        file = replace(new.document, subject=f"incident:{incident_id}")
        document = documents.freeze(session, file, actor=actor, now=now)
    values: dict[str, object] = {"incident_id": incident_id, "document_id": document.id if document else None}
    event = _insert(session, event_id, facts, values=values, actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action=f"incident:{facts.kind.value.replace('_', '-')}",
        subject=f"incident:{incident_id}",
        details={
            "number": dossier.number,
            "recipient": facts.recipient.value if facts.recipient else "",
            "reference": facts.reference,
            "place": facts.device_place.value if facts.device_place else "",
        },
        now=now,
    )
    return event


def _same_or_conflict(session: Session, existing: IncidentEvent, new: NewEvent) -> IncidentEvent:
    view = queries.EventView(existing, queries.read_text(session, existing))
    wanted = replace(_kept(new.facts), has_document=new.document is not None)
    check_same_request(is_same=(existing.incident_id, view.facts) == (new.incident_id, wanted))
    return existing


def _kept(facts: EventFacts) -> EventFacts:
    """Return what is kept of what was entered."""
    return replace(facts, reference=facts.reference.strip(), text=facts.text.strip())


def _insert(
    session: Session, event_id: UUID, facts: EventFacts, *, values: dict[str, object], actor: Actor, now: datetime
) -> IncidentEvent:
    """Write one step; ``values`` name the incident and the letter."""
    kept = _kept(facts)
    values |= {
        "id": event_id,
        "establishment_id": actor.establishment_id,
        "kind": kept.kind,
        "happened_on": kept.happened_on,
        "recipient": kept.recipient,
        "reference": kept.reference,
        "sealed_text": db.keyring(session).seal(kept.text.encode(), context=f"incident_event.text:{event_id}"),
        "device_place": kept.device_place,
        "is_device_kept": kept.is_device_kept,
        "recorded_at": now,
        "recorded_by_id": actor.id,
        "recorded_by_name": actor.display_name,
    }
    event: IncidentEvent | None = session.scalar(
        upsert(IncidentEvent).values(values).on_conflict_do_nothing().returning(IncidentEvent)
    )
    check_same_request(is_same=event is not None)  # the id of a step in another establishment, which nobody sees here
    return session.get_one(IncidentEvent, event_id)


def progress(session: Session, incident_id: UUID) -> Progress:
    """Return how far the follow-up of an incident is."""
    return rules.progress_of(view.facts for view in queries.list_events(session, incident_id))


def send_complement(
    session: Session,
    request_id: UUID,
    *,
    new: NewComplement,
    ansm_address: str,
    actor: Actor,
    now: datetime,
    today: date,
) -> tuple[IncidentReport, ...]:
    """Freeze a complement for ANSM and one for the manufacturer, and queue both messages: both or neither.

    It refers to the reference that ANSM gave, and says where the device is now. The same request again sends nothing.

    Raises:
        NotPermitted: the actor is not the vigilance officer.
        IncidentNotFound: there is none with this id here.
        ComplementEmpty: it says nothing.
        NotTransmitted: the first reports were not sent yet.
        AnsmReferenceMissing: ANSM's reference is not recorded.
        IncidentClosed: the incident is closed.
        IdentityInText: a text names the patient.
    """
    actor.require(Permission.INCIDENT_TRANSMIT)
    incident_id, part = new.incident_id, new.part
    vigilance.lock_incident(session, incident_id)
    dossier = vigilance.get_dossier(session, incident_id, known_at=now)
    made = queries.list_complements(session, request_id)
    if made:
        check_same_request(is_same=made[0].incident_id == incident_id)
        return tuple(made)
    if not part.comments.strip():
        raise ComplementEmpty(N_("Say what is new."), fields={"comments": N_("Say what is new.")})
    if not dossier.reports:
        raise rules.NotTransmitted(N_("The reports were not sent yet."), next_step=N_("Transmit the incident first."))
    known = progress(session, incident_id)
    rules.check_reference(known)
    number = max(line.report.follow_up for line in dossier.reports) + 1
    dossier = _as_it_is_now(dossier, known)
    envelopes = vigilance_service.print_reports(
        dossier,
        correspondent=accounts.get_person(session, actor.id),
        part=replace(part, follow_up=number, references=known.references),
        ansm_address=ansm_address,
        now=now,
        today=today,
    )
    reports = vigilance_service.send_reports(
        session, dossier, envelopes=envelopes, request_id=request_id, actor=actor, now=now
    )
    audit.append(
        session,
        actor=actor,
        action="incident:complemented",
        subject=f"incident:{incident_id}",
        details={"number": dossier.number, "complement": str(number)},
        now=now,
    )
    return reports


def _as_it_is_now(dossier: Dossier, known: Progress) -> Dossier:
    """Return what is known of an incident, with the device where it is now."""
    if known.device_place is None:
        return dossier
    facts = replace(dossier.facts, device_place=known.device_place, is_device_kept=bool(known.is_device_kept))
    return replace(dossier, facts=facts)
