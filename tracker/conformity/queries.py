"""Reads of the way to the CE mark, and of what the register's documents call a device."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from tracker.catalogue.models import DeviceDefinition, Manufacturer
from tracker.conformity import rules
from tracker.conformity.models import ConformityExplanation, ConformityNaming, ConformityStatement
from tracker.conformity.rules import Aspect, Certificate, Difference, Milestone, Naming, Pathway, Place
from tracker.derogations import queries as derogations
from tracker.derogations.models import ScopeEntry
from tracker.derogations.queries import DerogationStanding
from tracker.requests.models import DerogationRequest
from tracker.requests.rules import request_number

MOST_DEFINITIONS = 200
"""Definitions whose labels are compared; those of one derogation share a few names."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What documents call a device, and where they differ."""

    namings: tuple[Naming, ...]
    differences: tuple[Difference, ...]
    explanations: tuple[ConformityExplanation, ...]

    @property
    def open_count(self) -> int:
        """Number of values that nobody has explained."""
        return sum(len(difference.unexplained) for difference in self.differences)


def list_statements(session: Session, derogation_id: UUID, *, known_at: datetime) -> Sequence[ConformityStatement]:
    """Return every statement known at an instant, the latest first."""
    statement = select(ConformityStatement).where(
        ConformityStatement.derogation_id == derogation_id, ConformityStatement.recorded_at <= known_at
    )
    order = (ConformityStatement.stated_on.desc(), ConformityStatement.recorded_at.desc(), ConformityStatement.id)
    return session.scalars(statement.order_by(*order)).all()


def present_statements(statements: Sequence[ConformityStatement], day: date) -> list[ConformityStatement]:
    """Return the statement that speaks for each device on a day, the whole derogation's first."""
    latest: dict[str, ConformityStatement] = {}
    for statement in statements:  # the latest first
        if statement.stated_on <= day:
            latest.setdefault(statement.reference, statement)
    return sorted(latest.values(), key=lambda statement: statement.reference)


def pathway_of(statement: ConformityStatement) -> Pathway:
    """Return what a statement says."""
    return Pathway(
        risk_class=statement.risk_class,
        is_implantable=statement.is_implantable,
        exchanges_medicine=statement.exchanges_medicine,
        no_mark_reason=statement.no_mark_reason,
        no_mark_note=statement.no_mark_note,
        certificates=tuple([Certificate(**kept) for kept in statement.certificates]),
        notified_body=statement.notified_body,
        milestones=tuple(
            [Milestone(date.fromisoformat(kept["due_on"]), kept["what"]) for kept in statement.milestones]
        ),
        consultation=statement.consultation,
        consultation_on=statement.consultation_on,
        consultation_note=statement.consultation_note,
    )


def compare(session: Session, sheet: DerogationStanding) -> Comparison:
    """Return what the documents known to the register call a device, and where they differ; six statements."""
    aliases = [alias.name for alias in derogations.list_aliases(session, sheet.id)]
    explanations = session.scalars(
        select(ConformityExplanation)
        .where(ConformityExplanation.derogation_id == sheet.id)
        .order_by(ConformityExplanation.recorded_at)
    ).all()
    namings = (_of_decision(sheet), *_of_labels(session, sheet), *_of_requests(session, sheet.id))
    namings += tuple(_of_documents(session, sheet.id))
    explained: dict[Aspect, list[str]] = {}
    for explanation in explanations:
        explained.setdefault(explanation.aspect, []).append(explanation.value)
    return Comparison(namings, rules.differences(namings, aliases=aliases, explained=explained), tuple(explanations))


def _of_decision(sheet: DerogationStanding) -> Naming:
    conditions = sheet.standing.conditions
    return Naming(
        Place.DECISION,
        sheet.decision_reference,
        {
            Aspect.DESIGNATION: sheet.designation,
            Aspect.POPULATION: ", ".join(conditions.criteria) if conditions else "",
            Aspect.MANUFACTURER: sheet.manufacturer_name,
        },
    )


def _of_labels(session: Session, sheet: DerogationStanding) -> list[Naming]:
    """Return what the labels of the scope's devices say, as the catalogue has them: the model is their brand."""
    scope = select(ScopeEntry.reference).where(ScopeEntry.derogation_id == sheet.id)
    statement = (
        select(DeviceDefinition.reference, DeviceDefinition.brand, Manufacturer.name)
        .join(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
        .where(and_(DeviceDefinition.manufacturer_id == sheet.manufacturer_id, DeviceDefinition.reference.in_(scope)))
        .order_by(DeviceDefinition.reference)
        .limit(MOST_DEFINITIONS)
    )
    return [
        Naming(Place.LABEL, row.reference, {Aspect.MODEL: row.brand, Aspect.MANUFACTURER: row.name})
        for row in session.execute(statement)
    ]


def _of_requests(session: Session, derogation_id: UUID) -> list[Naming]:
    statement = select(DerogationRequest.number, DerogationRequest.designation).where(
        DerogationRequest.derogation_id == derogation_id
    )
    return [
        Naming(Place.REQUEST, request_number(row.number), {Aspect.DESIGNATION: row.designation})
        for row in session.execute(statement.order_by(DerogationRequest.number))
    ]


def _of_documents(session: Session, derogation_id: UUID) -> list[Naming]:
    """Return what was read in documents; of one document, what was read last."""
    statement = select(ConformityNaming).where(ConformityNaming.derogation_id == derogation_id)
    latest = {
        (row.place, row.title): row
        for row in session.scalars(statement.order_by(ConformityNaming.recorded_at, ConformityNaming.id))
    }
    return [
        Naming(row.place, row.title, {aspect: getattr(row, aspect.value) for aspect in Aspect})
        for row in latest.values()
    ]
