"""Actions on incidents: declare, transmit to ANSM and to the manufacturer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from string import Template
from typing import Final
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from tracker import db
from tracker.accounts import queries as accounts
from tracker.accounts.models import Person
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.devices import queries as devices
from tracker.devices.queries import UnitView
from tracker.devices.rules import HoldCause, NewHold
from tracker.documents import service as documents
from tracker.documents.documents import render
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.errors import N_, check_same_request
from tracker.lots import service as lots
from tracker.organisation import queries as organisation
from tracker.organisation.rules import RecipientPurpose
from tracker.outbox import service as outbox
from tracker.outbox.rules import MessageKind
from tracker.outbox.service import NewMessage
from tracker.patients import queries as patients
from tracker.patients.queries import PatientView
from tracker.patients.rules import Identity, identity_of, traits_of
from tracker.use import queries as uses
from tracker.vigilance import queries, rules
from tracker.vigilance.documents import (
    CorrespondentPartData,
    ReportData,
    fields_naming_patient,
    report_for_ansm,
    report_for_manufacturer,
)
from tracker.vigilance.models import Incident, IncidentReport
from tracker.vigilance.queries import Dossier
from tracker.vigilance.rules import (
    CorrespondentPart,
    IdentityInText,
    IncidentFacts,
    PatientDiffers,
    ReportRecipient,
)

_FOLDER: Final = Path(__file__).parent / "templates" / "vigilance"
_TEMPLATE: Final = "vigilance/incident_report"


@dataclass(frozen=True, slots=True)
class NewIncident:
    """A declaration."""

    unit_number: str
    patient_id: UUID | None
    """Of a patient who is concerned though the unit is not in the use log; the use log speaks first."""
    facts: IncidentFacts


@dataclass(frozen=True, slots=True)
class Envelope:
    """One rendition ready to go."""

    recipient: ReportRecipient
    address: str
    letter: tuple[str, str]
    """Subject and text of the e-mail."""
    pdf: bytes
    document_kind: DocumentKind
    message_kind: MessageKind
    has_patient_data: bool
    follow_up: int


def declare(
    session: Session, incident_id: UUID, *, new: NewIncident, actor: Actor, now: datetime, today: date
) -> Incident:
    """Declare an incident or a risk of incident with one unit, and hold its whole lot at once.

    The same request again is the same incident.

    Raises:
        NotPermitted: the actor may not declare.
        UnitNotFound: there is no such unit here.
        PatientNotFound: there is no such patient here.
        IncidentInvalid: something is missing or impossible.
        PatientDiffers: the unit was used for somebody else.
        IdentityInText: a text names the patient.
        RequestIdReused: the id belongs to another declaration.
    """
    actor.require(Permission.INCIDENT_DECLARE)
    unit = devices.get_unit(session, new.unit_number)
    use = uses.find_use(session, unit, patient_id=new.patient_id, day=new.facts.occurred_on)
    if use is not None and new.patient_id not in {None, use.patient_id}:
        raise PatientDiffers(
            N_("The use log says that this unit was used for another patient."),
            fields={"patient_ipp": N_("Leave this empty: the use log names the patient.")},
            next_step=N_("Check the unit's number."),
        )
    patient_id = use.patient_id if use else new.patient_id
    patient = patients.get_patient(session, patient_id) if patient_id else None
    rules.check_incident(new.facts, today=today)
    rules.check_texts(rules.texts_told(new.facts), _identity(patient))
    declared = Incident(id=incident_id, device_id=unit.id, use_id=use.id if use else None, patient_id=patient_id)
    incident = _insert(session, declared, facts=new.facts, actor=actor, now=now)
    if incident is None:
        return _same_or_conflict(session, declared, facts=new.facts)
    _hold(session, unit, incident, actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="incident:declared",
        subject=f"incident:{incident_id}",
        details={
            "number": rules.case_number(incident.number),
            "device": str(unit.id),
            "consequences": ",".join(sorted(new.facts.consequences)),
        },
        now=now,
    )
    return incident


def _insert(
    session: Session, declared: Incident, *, facts: IncidentFacts, actor: Actor, now: datetime
) -> Incident | None:
    """Write an incident, or return None when its id is taken."""
    sealed = db.keyring(session).seal(facts.narrative.as_json(), context=f"incident.narrative:{declared.id}")
    statement = (
        insert(Incident)
        .values(
            id=declared.id,
            establishment_id=actor.establishment_id,
            device_id=declared.device_id,
            use_id=declared.use_id,
            patient_id=declared.patient_id,
            occurred_on=facts.occurred_on,
            detected_on=facts.detected_on,
            place=facts.place.strip(),
            consequences=[consequence.value for consequence in facts.consequences],
            sealed_narrative=sealed,
            device_place=facts.device_place,
            is_device_kept=facts.is_device_kept,
            declared_at=now,
            declared_by_id=actor.id,
            declared_by_name=actor.display_name,
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(Incident)
    )
    incident: Incident | None = session.scalar(statement)
    return incident


def _same_or_conflict(session: Session, declared: Incident, *, facts: IncidentFacts) -> Incident:
    existing = queries.get_incident(session, declared.id)
    is_same = (
        existing.device_id == declared.device_id
        and existing.occurred_on == facts.occurred_on
        and queries.read_narrative(session, existing) == facts.narrative
    )
    check_same_request(is_same=is_same)
    return existing


def _hold(session: Session, unit: UnitView, incident: Incident, *, actor: Actor, now: datetime) -> None:
    hold = NewHold(
        cause=HoldCause.INCIDENT,
        reason=f"incident {rules.case_number(incident.number)}",
        source_ref=f"incident:{incident.id}",
    )
    lots.hold_lot(
        session,
        definition_id=unit.definition.id,
        lot_number=unit.lot_number,
        serial_device_id=unit.id,
        hold=hold,
        actor=actor,
        now=now,
    )


def transmit(
    session: Session,
    incident_id: UUID,
    *,
    part: CorrespondentPart,
    ansm_address: str,
    actor: Actor,
    now: datetime,
    today: date,
) -> tuple[IncidentReport, ...]:
    """Freeze one rendition for ANSM and one for the manufacturer, and queue both messages: both or neither.

    The PDFs are made before anything is locked or written. A second call changes nothing and returns the reports made.

    Raises:
        NotPermitted: the actor is not the vigilance officer.
        IncidentNotFound: there is none with this id here.
        ManufacturerAddressMissing: the manufacturer has no address for incident reports.
        IdentityInText: a text names the patient.
    """
    actor.require(Permission.INCIDENT_TRANSMIT)
    dossier = queries.get_dossier(session, incident_id, known_at=now)
    if dossier.reports:
        return tuple(line.report for line in dossier.reports)
    correspondent = accounts.get_person(session, actor.id)
    envelopes = print_reports(
        dossier, correspondent=correspondent, part=part, ansm_address=ansm_address, now=now, today=today
    )
    queries.lock_incident(session, incident_id)
    made = queries.list_reports(session, incident_id)
    if made:
        return tuple(line.report for line in made)
    reports = send_reports(session, dossier, envelopes=envelopes, request_id=None, actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="incident:transmitted",
        subject=f"incident:{incident_id}",
        details={"number": dossier.number, "basis": part.basis.value},
        now=now,
    )
    return reports


def _check_manufacturer_address(dossier: Dossier) -> None:
    if not dossier.unit.vigilance_email:
        raise rules.ManufacturerAddressMissing(
            N_("%(manufacturer)s has no vigilance e-mail address: nothing was sent, to nobody."),
            next_step=N_("Ask the pharmacist to add it: catalogue, manufacturers. Then transmit again."),
            manufacturer=dossier.unit.definition.manufacturer_name,
        )


def print_reports(
    dossier: Dossier, *, correspondent: Person, part: CorrespondentPart, ansm_address: str, now: datetime, today: date
) -> tuple[Envelope, Envelope]:
    """Return both renditions, printed; nothing is written.

    Raises:
        ManufacturerAddressMissing: the manufacturer has no address for incident reports.
        IdentityInText: a text names the patient.
    """
    _check_manufacturer_address(dossier)
    rules.check_texts({"comments": part.comments}, _identity(dossier.patient))
    own_part = CorrespondentPartData(
        basis=part.basis,
        comments=part.comments,
        validated_by=correspondent.display_name,
        validated_on=today.isoformat(),
    )
    source = queries.report_source(dossier, correspondent=correspondent, part=part, own_part=own_part, now=now)
    ansm, manufacturer = report_for_ansm(source, address=ansm_address), report_for_manufacturer(source)
    _check_renditions(dossier, ansm, manufacturer)
    words = _letter_words(dossier, part=part, correspondent=correspondent)
    return (
        Envelope(
            ReportRecipient.ANSM,
            address=ansm_address,
            letter=_letter("email_ansm", words),
            pdf=render(_TEMPLATE, ansm),
            document_kind=DocumentKind.REPORT_ANSM,
            message_kind=MessageKind.REPORT_ANSM,
            has_patient_data=True,
            follow_up=part.follow_up,
        ),
        Envelope(
            ReportRecipient.MANUFACTURER,
            address=dossier.unit.vigilance_email,
            letter=_letter("email_manufacturer", words),
            pdf=render(_TEMPLATE, manufacturer),
            document_kind=DocumentKind.REPORT_MANUFACTURER,
            message_kind=MessageKind.REPORT_MANUFACTURER,
            has_patient_data=False,
            follow_up=part.follow_up,
        ),
    )


def _check_renditions(dossier: Dossier, *renditions: ReportData) -> None:
    """Look once more for the patient in what is about to be printed, whoever wrote it and whenever.

    Raises:
        IdentityInText: a text names the patient.
    """
    identity = _identity(dossier.patient)
    found = (
        [field for one in renditions for field in fields_naming_patient(one, traits_of(identity))] if identity else []
    )
    if found:
        raise IdentityInText(
            N_("The report would name the patient (%(fields)s). Nothing was sent."),
            next_step=N_("Tell the person who declared the incident, and declare it again without the name."),
            fields=dict.fromkeys(found, N_("This text names the patient: write “the patient” instead.")),
        )


def _letter_words(dossier: Dossier, *, part: CorrespondentPart, correspondent: Person) -> dict[str, str]:
    """Return what the e-mails say: nothing of the patient."""
    unit, establishment = dossier.unit, dossier.establishment
    channel = rules.channel_of(unit.definition.kind)
    return {
        "number": f"{dossier.number}, complément n° {part.follow_up}" if part.follow_up else dossier.number,
        "designation": unit.definition.designation,
        "reference": unit.definition.reference,
        "manufacturer": unit.definition.manufacturer_name,
        "lot": unit.lot_number or unit.serial_number or "non indiqué",
        "occurred_on": f"{dossier.incident.occurred_on:%d/%m/%Y}",
        "vigilance": rules.PRINTED_CHANNELS[channel],
        "law": rules.PRINTED_LAWS[channel],
        "basis": rules.PRINTED_BASES[channel, part.basis],
        "correspondent": correspondent.display_name,
        "establishment": establishment.name,
        "finess": establishment.finess,
        "phone": establishment.phone,
    }


def _letter(name: str, words: dict[str, str]) -> tuple[str, str]:
    """Return subject and text of an e-mail: the first line of its template, and what follows the empty one."""
    text = Template((_FOLDER / f"{name}.txt").read_text(encoding="utf-8")).substitute(words)
    subject, _, body = text.partition("\n\n")
    return " ".join(subject.split()), body


def send_reports(
    session: Session,
    dossier: Dossier,
    *,
    envelopes: Iterable[Envelope],
    request_id: UUID | None,
    actor: Actor,
    now: datetime,
) -> tuple[IncidentReport, ...]:
    """Freeze renditions and queue the messages that carry them, and the copies; the caller checks the permission."""
    reports = [_send(session, dossier, one, request_id=request_id, actor=actor, now=now) for one in envelopes]
    _copy(session, dossier, reports[-1], actor=actor, now=now)
    return tuple(reports)


def _copy(session: Session, dossier: Dossier, report: IncidentReport, *, actor: Actor, now: datetime) -> None:
    """Queue copies for the hospital's own recipients: what the manufacturer gets, nothing about the patient."""
    definition = dossier.unit.definition
    vigilance = rules.PRINTED_CHANNELS[rules.channel_of(definition.kind)]
    words = {"vigilance": vigilance, "number": dossier.number, "designation": definition.designation}
    subject, body = _letter("email_copy", words)
    for recipient in organisation.list_recipients(session, RecipientPurpose.INCIDENT_COPY):
        new = NewMessage(
            kind=MessageKind.INCIDENT_COPY,
            idempotency_key=f"vigilance.copy:{report.id}:{recipient}",
            subject_ref=f"incident:{dossier.incident.id}",
            recipient=recipient,
            subject=subject,
            body=body,
            attachments=(report.document_id,),
        )
        outbox.queue(session, new=new, actor=actor, now=now)


def _send(
    session: Session, dossier: Dossier, envelope: Envelope, *, request_id: UUID | None, actor: Actor, now: datetime
) -> IncidentReport:
    """Freeze one rendition and queue the message that carries it."""
    cause = f"incident:{dossier.incident.id}"
    subject, body = envelope.letter
    suffix = f"-{envelope.follow_up}" if envelope.follow_up else ""
    file = NewFile(
        kind=envelope.document_kind,
        subject=cause,
        filename=f"{dossier.number}-{rules.FILE_WORDS[envelope.recipient]}{suffix}.pdf",
        content=envelope.pdf,
        has_patient_data=envelope.has_patient_data,
    )
    document = documents.freeze(session, file, actor=actor, now=now)
    message = outbox.queue(
        session,
        new=NewMessage(
            kind=envelope.message_kind,
            idempotency_key=f"vigilance.report:{dossier.incident.id}:{envelope.recipient.value}{suffix}",
            subject_ref=cause,
            recipient=envelope.address,
            subject=subject,
            body=body,
            attachments=(document.id,),
        ),
        actor=actor,
        now=now,
    )
    report = IncidentReport(
        id=db.new_id(),
        establishment_id=actor.establishment_id,
        incident_id=dossier.incident.id,
        recipient=envelope.recipient,
        follow_up=envelope.follow_up,
        request_id=request_id,
        document_id=document.id,
        message_id=message.id,
        made_at=now,
        made_by_id=actor.id,
        made_by_name=actor.display_name,
    )
    session.add(report)
    session.flush()  # a second report for the same recipient is refused here
    return report


def _identity(patient: PatientView | None) -> Identity | None:
    return identity_of(patient.traits) if patient else None
