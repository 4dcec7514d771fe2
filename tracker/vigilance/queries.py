"""Reads of incidents and of what a report needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Select, func, select, text
from sqlalchemy.orm import Session

from scanners.udi import unit as unit_label
from tracker import db
from tracker.accounts import queries as accounts
from tracker.accounts.models import Person
from tracker.actor import Role
from tracker.catalogue.models import DeviceDefinition, Manufacturer
from tracker.coverage import queries as coverage_queries
from tracker.coverage.queries import Coverage
from tracker.devices import queries as devices
from tracker.devices.models import Device, Hold
from tracker.devices.queries import UnitView
from tracker.devices.rules import UnitState
from tracker.documents.documents import EstablishmentData
from tracker.errors import N_, NotFound
from tracker.lots import queries as lots
from tracker.organisation import queries as organisation
from tracker.organisation.models import Establishment
from tracker.outbox.models import Message
from tracker.outbox.rules import MessageState
from tracker.patients import queries as patients
from tracker.patients.queries import PatientView
from tracker.use.models import DeviceUse
from tracker.use.queries import find_standing, used_under
from tracker.vigilance import rules
from tracker.vigilance.documents import CorrespondentPartData, PersonData, ReportSource
from tracker.vigilance.models import Incident, IncidentReport
from tracker.vigilance.rules import (
    Consequence,
    CorrespondentPart,
    IncidentFacts,
    IncidentState,
    Narrative,
    ReportRecipient,
)

_PARIS = ZoneInfo("Europe/Paris")
_Row = Row[*tuple[Any, ...]]

PAGE_SIZE = 50
_AWAY = (UnitState.DELIVERED, UnitState.FAILED)
# states in which a unit is where it was last delivered


class IncidentNotFound(NotFound):
    """No such incident in this establishment, or not one of the actor's own."""

    code = "incident-not-found"


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """One incident in a list."""

    state: IncidentState
    incident: Incident
    reference: str
    designation: str
    manufacturer_name: str
    lot_number: str | None
    sequence: int

    @property
    def number(self) -> str:
        """Return the number of the case."""
        return rules.case_number(self.incident.number)

    @property
    def unit_number(self) -> str:
        """Return the number on the label of the unit."""
        return unit_label.format(self.sequence)


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One rendition with the message that carries it."""

    report: IncidentReport
    recipient: ReportRecipient
    address: str
    message_state: MessageState
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything known of one incident: what its page shows and its reports are made of."""

    incident: Incident
    facts: IncidentFacts
    unit: UnitView
    use: DeviceUse | None
    patient: PatientView | None
    coverage: Coverage | None
    establishment: Establishment
    reporter: Person
    held_count: int
    """Units that this incident blocked."""
    is_lot_held: bool
    reports: tuple[ReportLine, ...]

    @property
    def number(self) -> str:
        """Return the number of the case."""
        return rules.case_number(self.incident.number)

    @property
    def state(self) -> IncidentState:
        """Return how far it is."""
        return rules.state_of([line.message_state for line in self.reports])


_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")


def lock_incident(session: Session, incident_id: UUID) -> None:
    """Wait until nobody else transmits the incident: its row is appended only and cannot be locked itself."""
    session.execute(_LOCK, {"name": f"incident:{incident_id}"})


def get_incident(session: Session, incident_id: UUID) -> Incident:
    """Return one incident.

    Raises:
        IncidentNotFound: there is none with this id here.
    """
    if (incident := session.get(Incident, incident_id)) is None:
        raise IncidentNotFound(N_("There is no such incident."))
    return incident


def read_narrative(session: Session, incident: Incident) -> Narrative:
    """Return what people wrote about an incident."""
    content = db.keyring(session).unseal(incident.sealed_narrative, context=f"incident.narrative:{incident.id}")
    return rules.narrative_from_json(content)


def _facts(session: Session, incident: Incident) -> IncidentFacts:
    return IncidentFacts(
        occurred_on=incident.occurred_on,
        detected_on=incident.detected_on,
        place=incident.place,
        consequences=tuple(Consequence(code) for code in incident.consequences),
        narrative=read_narrative(session, incident),
        device_place=incident.device_place,
        is_device_kept=incident.is_device_kept,
    )


def list_reports(session: Session, incident_id: UUID) -> Sequence[ReportLine]:
    """Return the renditions of an incident, the first report's first, ANSM's before the manufacturer's."""
    statement = (
        select(IncidentReport, IncidentReport.recipient, Message.recipient, Message.state, Message.finished_at)
        .join(Message, Message.id == IncidentReport.message_id)
        .where(IncidentReport.incident_id == incident_id)
        .order_by(IncidentReport.follow_up, IncidentReport.recipient)
    )
    return [
        ReportLine(report, recipient, address, state, finished_at if state is MessageState.SENT else None)
        for report, recipient, address, state, finished_at in session.execute(statement)
    ]


def get_dossier(session: Session, incident_id: UUID, *, known_at: datetime) -> Dossier:
    """Return everything known of one incident.

    Raises:
        IncidentNotFound: there is none with this id here.
    """
    incident = get_incident(session, incident_id)
    unit = devices.get_unit_by_id(session, incident.device_id)
    use = find_standing(session, incident.use_id)
    return Dossier(
        incident=incident,
        facts=_facts(session, incident),
        unit=unit,
        use=use,
        patient=patients.get_patient(session, incident.patient_id) if incident.patient_id else None,
        coverage=find_coverage(session, unit, use, day=incident.occurred_on, known_at=known_at),
        establishment=organisation.get_establishment(session, incident.establishment_id),
        reporter=accounts.get_person(session, incident.declared_by_id),
        held_count=_count_held(session, unit, incident_id),
        is_lot_held=lots.count_lot_holds(session, unit.lot_number or "", unit.definition.id) > 0,
        reports=tuple(list_reports(session, incident_id)),
    )


def report_source(
    dossier: Dossier, *, correspondent: Person, part: CorrespondentPart, own_part: CorrespondentPartData, now: datetime
) -> ReportSource:
    """Return what both renditions of a report are made from."""
    establishment, reporter = dossier.establishment, dossier.reporter
    professions = (rules.PRINTED_PROFESSIONS.get(Role(role)) for role in reporter.roles)
    return ReportSource(
        number=dossier.number,
        made_at=now.astimezone(_PARIS),
        is_demonstration=establishment.is_demonstration,
        establishment=EstablishmentData(
            name=establishment.name, address=establishment.address, phone=establishment.phone
        ),
        finess=establishment.finess,
        correspondent=PersonData(
            name=correspondent.display_name,
            profession=rules.PRINTED_PROFESSIONS[Role.VIGILANCE_OFFICER],
            service="",
            phone=establishment.phone,
            email=correspondent.email,
        ),
        reporter=PersonData(
            name=dossier.incident.declared_by_name,
            profession=next((word for word in professions if word), ""),
            service="",
            phone=establishment.phone,
            email=reporter.email,
        ),
        own_part=own_part,
        unit=dossier.unit,
        coverage=dossier.coverage,
        used_on=dossier.use.used_on if dossier.use else None,
        facts=dossier.facts,
        held_count=dossier.held_count,
        is_lot_held=dossier.is_lot_held,
        traits=dossier.patient.traits if dossier.patient else None,
        follow_up=part.follow_up,
        references=part.references,
    )


def find_coverage(
    session: Session, unit: UnitView, use: DeviceUse | None, *, day: date, known_at: datetime
) -> Coverage | None:
    """Return the derogation under which a unit was used, or would have been; None where none is known."""
    reference = unit.definition.reference
    if use is not None:
        return coverage_queries.get_coverage(
            session, use.derogation_id, reference=reference, day=use.used_on, known_at=known_at
        )
    coverages = coverage_queries.find_coverage(
        session, manufacturer_id=unit.definition.manufacturer_id, reference=reference, day=day, known_at=known_at
    )
    return next((coverage for coverage in coverages if coverage.is_listed or not coverage.has_list), None)


def _count_held(session: Session, unit: UnitView, incident_id: UUID) -> int:
    same_lot = (
        (Device.lot_number == unit.lot_number) & (Device.definition_id == unit.definition.id)
        if unit.lot_number
        else Device.id == unit.id
    )
    statement = (
        select(func.count())
        .select_from(Hold)
        .join(Device, Device.id == Hold.device_id)
        .where(same_lot, Hold.source_ref == f"incident:{incident_id}")
    )
    return session.scalar(statement) or 0


def list_incidents(session: Session, *, before: int | None = None, under: UUID | None = None) -> Sequence[IncidentLine]:
    """Return incidents, newest first, before a number; with units used under one derogation, or all; two SQL."""
    statement = _incident_lines().order_by(Incident.number.desc()).limit(PAGE_SIZE)
    if under is not None:
        statement = statement.where(Incident.device_id.in_(used_under(under)))
    if before is not None:
        statement = statement.where(Incident.number < before)
    return _with_states(session, session.execute(statement).all())


def list_incidents_of(session: Session, device_id: UUID) -> Sequence[IncidentLine]:
    """Return the incidents with one unit, newest first; two SQL."""
    statement = _incident_lines().where(Incident.device_id == device_id).order_by(Incident.number.desc())
    return _with_states(session, session.execute(statement).all())


def _incident_lines() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Incident,
            DeviceDefinition.reference,
            DeviceDefinition.designation,
            Manufacturer.name,
            Device.lot_number,
            Device.sequence,
        )
        .join(Device, Device.id == Incident.device_id)
        .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
        .join(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
    )


def _with_states(session: Session, rows: Sequence[_Row]) -> Sequence[IncidentLine]:
    statement = (
        select(IncidentReport.incident_id, Message.state)
        .join(Message, Message.id == IncidentReport.message_id)
        .where(IncidentReport.incident_id.in_([row[0].id for row in rows]))
    )
    states: dict[UUID, list[MessageState]] = {}
    for incident_id, state in session.execute(statement):
        states.setdefault(incident_id, []).append(state)
    return [IncidentLine(rules.state_of(states.get(row[0].id, [])), *row) for row in rows]


def count_untransmitted(session: Session) -> int:
    """Return how many incidents wait for the vigilance officer."""
    is_reported = select(IncidentReport.id).where(IncidentReport.incident_id == Incident.id).exists()
    return session.scalar(select(func.count()).select_from(Incident).where(~is_reported)) or 0


def count_by_month(session: Session, *, since: date) -> dict[date, int]:
    """Return how many incidents happened in each month that had one, by the first day of the month."""
    month = func.date_trunc("month", Incident.occurred_on)
    statement = select(month, func.count()).where(Incident.occurred_on >= since).group_by(month)
    return {first.date(): count for first, count in session.execute(statement)}


def get_own_incident(session: Session, incident_id: UUID, *, person_id: UUID) -> IncidentLine:
    """Return an incident that a person declared.

    Raises:
        IncidentNotFound: there is none with this id here that this person declared.
    """
    statement = _incident_lines().where(Incident.id == incident_id, Incident.declared_by_id == person_id)
    lines = _with_states(session, session.execute(statement).all())
    if not lines:
        raise IncidentNotFound(N_("There is no such incident among those you declared."))
    return lines[0]
