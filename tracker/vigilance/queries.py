"""Reads of incidents, of what a report needs, and of a lot: where its units are and who carries them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Select, case, func, select, text
from sqlalchemy.orm import Session, aliased

from scanners.udi import unit as unit_label
from tracker import db
from tracker.accounts import queries as accounts
from tracker.accounts.models import Person
from tracker.actor import Role
from tracker.catalogue import queries as catalogue
from tracker.catalogue.models import DeviceDefinition, Manufacturer
from tracker.coverage import queries as coverage_queries
from tracker.coverage.queries import Coverage
from tracker.devices import queries as devices
from tracker.devices.models import Device, Hold, Movement
from tracker.devices.queries import UnitView
from tracker.devices.rules import USABLE, UnitState
from tracker.documents.documents import EstablishmentData
from tracker.errors import N_, NotFound
from tracker.organisation import queries as organisation
from tracker.organisation.models import Establishment, Ward
from tracker.outbox.models import Message
from tracker.outbox.rules import MessageState
from tracker.outcomes.models import Explantation
from tracker.patients import queries as patients
from tracker.patients.queries import PatientView
from tracker.use.models import DeviceUse
from tracker.use.queries import STANDING, find_standing, used_under
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


@dataclass(frozen=True, slots=True)
class RecalledUnit:
    """One unit of a lot: where it is, or in whom; once for each of its uses, and once where it was never used."""

    patient: PatientView | None
    device_id: UUID
    sequence: int
    definition_id: UUID
    reference: str
    designation: str
    manufacturer_name: str
    serial_number: str | None
    expiration_date: date | None
    state: UnitState
    open_hold_count: int
    ward_name: str | None
    """Of the delivery, or of the use."""
    use_id: UUID | None
    used_on: date | None
    operator_name: str | None
    explanted_on: date | None

    @property
    def number(self) -> str:
        """Return the number on our label."""
        return unit_label.format(self.sequence)

    @property
    def may_still_be_used(self) -> bool:
        """Test whether nothing stops somebody from using it."""
        return self.state in USABLE and self.open_hold_count == 0


@dataclass(frozen=True, slots=True)
class Place:
    """How many units of a lot are in one state in one place."""

    state: UnitState
    ward_name: str | None
    count: int
    held_count: int = 0
    """How many of them are on hold."""


@dataclass(frozen=True, slots=True)
class RecallView:
    """The answer to "which patients carry this lot, and where is the rest"."""

    lot_number: str
    lines: tuple[RecalledUnit, ...]
    lot_hold_count: int
    """Holds on the whole lot that are open: units received later are quarantined."""

    @property
    def units(self) -> tuple[RecalledUnit, ...]:
        """Return each unit once, with its last use."""
        return tuple({line.device_id: line for line in self.lines}.values())

    @property
    def carriers(self) -> tuple[RecalledUnit, ...]:
        """Return the uses of what was not taken out of its patient again, latest first."""
        return tuple(line for line in self.uses if line.explanted_on is None)

    @property
    def uses(self) -> tuple[RecalledUnit, ...]:
        """Return the uses for a patient, latest first."""
        used = [line for line in self.lines if line.patient is not None]
        return tuple(sorted(used, key=lambda unit: (unit.used_on or date.min, unit.sequence), reverse=True))

    @property
    def places(self) -> tuple[Place, ...]:
        """Return the units counted by state and ward."""
        found: dict[tuple[UnitState, str | None], list[RecalledUnit]] = {}
        for unit in self.units:
            found.setdefault((unit.state, unit.ward_name), []).append(unit)
        ordered = sorted(found.items(), key=lambda item: (item[0][0].value, item[0][1] or ""))
        return tuple(
            Place(state, ward, len(units), sum(unit.open_hold_count > 0 for unit in units))
            for (state, ward), units in ordered
        )

    @property
    def usable_count(self) -> int:
        """Return how many units nothing stops somebody from using."""
        return sum(unit.may_still_be_used for unit in self.units)


_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")


def lock_incident(session: Session, incident_id: UUID) -> None:
    """Wait until nobody else transmits the incident: its row is appended only and cannot be locked itself."""
    session.execute(_LOCK, {"name": f"incident:{incident_id}"})


def lock_recall(session: Session, request_id: UUID) -> None:
    """Wait until nobody else works on the same request."""
    session.execute(_LOCK, {"name": f"recall:{request_id}"})


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
        is_lot_held=devices.count_lot_holds(session, unit.lot_number or "", unit.definition.id) > 0,
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


_Recorded = aliased(DeviceDefinition)
"""The definition under which a unit was recorded; since a merge, another one is used instead."""


def recall(session: Session, *, lot_number: str, definition_id: UUID | None = None) -> RecallView:
    """Return every unit of a lot, where it is and who carries it; three SQL, whatever the lot's size.

    Definitions merged into one are one device: its units stand under the definition that is used.
    """
    last_ward = (
        select(Ward.name)
        .join(Movement, Movement.ward_id == Ward.id)
        .where(Movement.device_id == Device.id)
        .order_by(Movement.at.desc(), Movement.id.desc())
        .limit(1)
        .correlate(Device)
        .scalar_subquery()
    )
    use_ward = select(Ward.name).where(Ward.id == DeviceUse.ward_id).correlate(DeviceUse).scalar_subquery()
    statement = (
        select(
            Device.id,
            Device.sequence,
            DeviceDefinition.id,
            DeviceDefinition.reference,
            DeviceDefinition.designation,
            Manufacturer.name,
            Device.serial_number,
            Device.expiration_date,
            Device.state,
            devices.OPEN_HOLD_COUNT,
            func.coalesce(use_ward, case((Device.state.in_(_AWAY), last_ward))),
            DeviceUse.id,
            DeviceUse.used_on,
            DeviceUse.operator_name,
            Explantation.explanted_on,
            DeviceUse.patient_id,
        )
        .select_from(Device)
        .join(_Recorded, _Recorded.id == Device.definition_id)
        .join(DeviceDefinition, DeviceDefinition.id == func.coalesce(_Recorded.merged_into_id, _Recorded.id))
        .join(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
        .outerjoin(DeviceUse, (DeviceUse.device_id == Device.id) & STANDING)
        .outerjoin(Explantation, Explantation.device_id == DeviceUse.device_id)
        .where(Device.lot_number == lot_number)
        .order_by(Device.sequence, DeviceUse.ordinal)
    )
    if definition_id is not None:
        statement = statement.where(Device.definition_id.in_(catalogue.family_of(definition_id)))
    rows = session.execute(statement).all()
    known = patients.list_patients(session, [row[-1] for row in rows if row[-1] is not None])
    lines = tuple(RecalledUnit(known.get(row[-1]), *row[:-1]) for row in rows)
    return RecallView(lot_number, lines, devices.count_lot_holds(session, lot_number, definition_id))
