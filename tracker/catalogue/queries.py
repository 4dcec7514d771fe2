"""Reads of the catalogue: what a code names, definitions by reference, manufacturers by name."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, func, or_, select, text, tuple_
from sqlalchemy.orm import Session, aliased

from tracker.catalogue.models import (
    DefinitionChange,
    DefinitionIdentifier,
    DefinitionMerge,
    DeviceDefinition,
    Manufacturer,
    ManufacturerMerge,
)
from tracker.catalogue.rules import DeviceKind, IdentifierKind
from tracker.errors import N_, NotFound

_Query = Select[*tuple[Any, ...]]
_Row = Row[*tuple[Any, ...]]

MOST_CANDIDATES = 20
"""Definitions answered for one code: more than one is already a question for a person."""
EXPORT_PAGE = 2000
"""Devices that one statement of an export brings."""


class DefinitionNotFound(NotFound):
    """No such definition in this establishment."""

    code = "definition-not-found"


class ManufacturerNotFound(NotFound):
    """No such manufacturer in this establishment."""

    code = "manufacturer-not-found"


@dataclass(frozen=True, slots=True)
class ManufacturerMergeLine:
    """A merge of manufacturers, as the page of either shows it."""

    absorbed: str
    survivor: str
    reason: str
    moved_count: int
    at: datetime
    actor_name: str


@dataclass(frozen=True, slots=True)
class FoundDefinition:
    """A definition as a scan finds it."""

    id: UUID
    manufacturer_id: UUID
    manufacturer_name: str
    reference: str
    designation: str
    brand: str
    kind: DeviceKind
    size: str


DEFINITION_COLUMNS = (
    DeviceDefinition.id,
    DeviceDefinition.manufacturer_id,
    Manufacturer.name.label("manufacturer_name"),
    DeviceDefinition.reference,
    DeviceDefinition.designation,
    DeviceDefinition.brand,
    DeviceDefinition.kind,
    DeviceDefinition.size,
)


def read_definition(row: _Row) -> FoundDefinition:
    """Return the definition that the first columns of a row hold (``DEFINITION_COLUMNS``)."""
    return FoundDefinition(*row[: len(DEFINITION_COLUMNS)])


def select_identified(*, udi_dis: Sequence[ColumnElement[Any]], reference: ColumnElement[Any]) -> _Query:
    """Return the query for what UDI-DIs and a reference name, with how in ``found_by`` and ``found_code``."""
    return (
        select(
            *DEFINITION_COLUMNS,
            DefinitionIdentifier.kind.label("found_by"),
            DefinitionIdentifier.value.label("found_code"),
        )
        .join(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
        .join(DefinitionIdentifier, DefinitionIdentifier.definition_id == DeviceDefinition.id)
        .where(
            DeviceDefinition.merged_into_id.is_(None),  # since a merge its codes stand under the one that is used
            or_(
                *[
                    and_(DefinitionIdentifier.kind == IdentifierKind.UDI_DI, DefinitionIdentifier.value == udi_di)
                    for udi_di in udi_dis
                ],
                and_(
                    DefinitionIdentifier.kind == IdentifierKind.REFERENCE,
                    DefinitionIdentifier.value == reference,
                ),
            ),
        )
        .order_by(DeviceDefinition.reference, DeviceDefinition.id)
        .limit(MOST_CANDIDATES)
    )


_IDENTIFIED = select_identified(udi_dis=[bindparam("udi_di")], reference=bindparam("reference"))


def find_definitions(session: Session, *, udi_di: str | None, reference: str | None) -> Sequence[FoundDefinition]:
    """Return the definitions that a code names: those of the UDI-DI where there is one, else those of the reference."""
    rows = session.execute(_IDENTIFIED, {"udi_di": udi_di, "reference": reference}).all()
    return [read_definition(row) for row in best_found(rows)]


def list_unknown(session: Session, references: Collection[str]) -> list[str]:
    """Return those references that no definition has, in their order: one statement, whatever their number.

    Spaces and capitals do not count, as far as the catalogue writes capitals, as manufacturers mostly do.
    """
    spellings = {reference: _spellings(reference) for reference in references}
    asked = sorted(set().union(*spellings.values()))
    statement = select(DefinitionIdentifier.value).where(
        DefinitionIdentifier.kind == IdentifierKind.REFERENCE, DefinitionIdentifier.value.in_(asked)
    )
    known = set(session.scalars(statement)) if asked else set()
    return [reference for reference, spelled in spellings.items() if not spelled & known]


def _spellings(reference: str) -> set[str]:
    closed = "".join(reference.split())
    return {reference, reference.upper(), closed, closed.upper()}


def best_found(rows: Sequence[_Row]) -> list[_Row]:
    """Keep the rows found by UDI-DI where there are any; a definition found twice counts once."""
    by_udi = [row for row in rows if row.found_by is IdentifierKind.UDI_DI]
    return list({row.id: row for row in by_udi or rows}.values())


def family_of(definition_id: UUID) -> Select[UUID]:
    """Return the query for the ids of one device: the definition that is used, and those that were merged into it."""
    in_use = select(func.coalesce(DeviceDefinition.merged_into_id, DeviceDefinition.id))
    root = in_use.where(DeviceDefinition.id == definition_id).scalar_subquery()
    return select(DeviceDefinition.id).where(or_(DeviceDefinition.id == root, DeviceDefinition.merged_into_id == root))


def get_definition(session: Session, definition_id: UUID) -> DeviceDefinition:
    """Return one definition.

    Raises:
        DefinitionNotFound: there is none with this id here.
    """
    definition = session.get(DeviceDefinition, definition_id)
    if definition is None:
        raise DefinitionNotFound(N_("There is no such definition in the catalogue."))
    return definition


def get_definition_for_update(session: Session, definition_id: UUID) -> DeviceDefinition:
    """Return one definition, locked.

    Raises:
        DefinitionNotFound: there is none with this id here.
    """
    definition = session.get(DeviceDefinition, definition_id, with_for_update=True, populate_existing=True)
    if definition is None:
        raise DefinitionNotFound(N_("There is no such definition in the catalogue."))
    return definition


def get_manufacturer(session: Session, manufacturer_id: UUID) -> Manufacturer:
    """Return one manufacturer.

    Raises:
        ManufacturerNotFound: there is none with this id here.
    """
    manufacturer = session.get(Manufacturer, manufacturer_id)
    if manufacturer is None:
        raise ManufacturerNotFound(N_("There is no such manufacturer."), next_step=N_("Choose one of the list."))
    return manufacturer


def list_manufacturers(session: Session) -> Sequence[Manufacturer]:
    """Return the manufacturers in use, by name."""
    in_use = select(Manufacturer).where(Manufacturer.merged_into_id.is_(None))
    return session.scalars(in_use.order_by(Manufacturer.name)).all()


def manufacturers_by_name(session: Session) -> dict[str, UUID]:
    """Return the manufacturer in use that each name means, in lower case; a name that was merged means the survivor."""
    return {row.name.casefold(): row.in_use_id for row in session.scalars(select(Manufacturer))}


def lock_manufacturers(session: Session, ids: Collection[UUID]) -> dict[UUID, Manufacturer]:
    """Return manufacturers, locked in one order, by id.

    Raises:
        ManufacturerNotFound: one of them is not here.
    """
    statement = select(Manufacturer).where(Manufacturer.id.in_(ids)).order_by(Manufacturer.id).with_for_update()
    found = {row.id: row for row in session.scalars(statement.execution_options(populate_existing=True))}
    for one in ids:
        if one not in found:
            get_manufacturer(session, one)
    return found


def list_clashes(session: Session, absorbed_id: UUID, survivor_id: UUID) -> Sequence[str]:
    """Return the references in use of one manufacturer that another has too, by reference."""
    other = aliased(DeviceDefinition)
    statement = (
        select(DeviceDefinition.reference)
        .join(other, other.reference == DeviceDefinition.reference)
        .where(
            DeviceDefinition.manufacturer_id == absorbed_id,
            DeviceDefinition.merged_into_id.is_(None),
            other.manufacturer_id == survivor_id,
        )
    )
    return session.scalars(statement.order_by(DeviceDefinition.reference)).all()


def list_manufacturer_merges(session: Session, manufacturer_id: UUID) -> Sequence[ManufacturerMergeLine]:
    """Return the merges in which a manufacturer took part, newest first."""
    absorbed, survivor = aliased(Manufacturer), aliased(Manufacturer)
    statement = (
        select(
            absorbed.name,
            survivor.name,
            ManufacturerMerge.reason,
            ManufacturerMerge.moved_count,
            ManufacturerMerge.at,
            ManufacturerMerge.actor_name,
        )
        .join(absorbed, absorbed.id == ManufacturerMerge.absorbed_id)
        .join(survivor, survivor.id == ManufacturerMerge.survivor_id)
        .where(or_(ManufacturerMerge.absorbed_id == manufacturer_id, ManufacturerMerge.survivor_id == manufacturer_id))
    )
    ordered = statement.order_by(ManufacturerMerge.at.desc(), ManufacturerMerge.id.desc())
    return [ManufacturerMergeLine(*row) for row in session.execute(ordered)]


def list_definitions(
    session: Session, *, after: DeviceDefinition | None, limit: int, text: str = ""
) -> Sequence[FoundDefinition]:
    """Return definitions by reference, those after ``after``; ``text`` is the beginning of a reference or a UDI-DI."""
    order = tuple_(DeviceDefinition.reference, DeviceDefinition.id)
    statement = select(*DEFINITION_COLUMNS).join(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
    statement = statement.where(DeviceDefinition.merged_into_id.is_(None))
    if after is not None:
        statement = statement.where(order > tuple_(after.reference, after.id))
    if text:
        named = select(DefinitionIdentifier.definition_id).where(DefinitionIdentifier.value == text)
        begins = DeviceDefinition.reference.startswith(text, autoescape=True)
        statement = statement.where(or_(begins, DeviceDefinition.id.in_(named)))
    return [read_definition(row) for row in session.execute(statement.order_by(order).limit(limit))]


def list_identifiers(session: Session, definition_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Return the UDI-DIs of each definition."""
    statement = select(DefinitionIdentifier.definition_id, DefinitionIdentifier.value).where(
        DefinitionIdentifier.definition_id.in_(definition_ids), DefinitionIdentifier.kind == IdentifierKind.UDI_DI
    )
    found: dict[UUID, list[str]] = {}
    for definition_id, value in session.execute(statement):
        found.setdefault(definition_id, []).append(value)
    return found


def find_definition(session: Session, definition_id: UUID) -> FoundDefinition:
    """Return one definition with the name of its manufacturer, whether it is in use or was merged.

    Raises:
        DefinitionNotFound: there is none with this id here.
    """
    statement = select(*DEFINITION_COLUMNS).join(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
    row = session.execute(statement.where(DeviceDefinition.id == definition_id)).one_or_none()
    if row is None:
        raise DefinitionNotFound(N_("There is no such definition in the catalogue."))
    return read_definition(row)


def list_changes(session: Session, definition_id: UUID) -> Sequence[DefinitionChange]:
    """Return the corrections of a definition, newest first."""
    statement = select(DefinitionChange).where(DefinitionChange.definition_id == definition_id)
    return session.scalars(statement.order_by(DefinitionChange.at.desc(), DefinitionChange.id.desc())).all()


@dataclass(frozen=True, slots=True)
class MergeLine:
    """A merge, as the page of either device shows it."""

    absorbed_id: UUID
    survivor_id: UUID
    absorbed_reference: str
    survivor_reference: str
    reason: str
    at: datetime
    actor_name: str


def list_merges(session: Session, definition_id: UUID) -> Sequence[MergeLine]:
    """Return the merges in which a definition took part, newest first."""
    absorbed, survivor = aliased(DeviceDefinition), aliased(DeviceDefinition)
    took_part = or_(DefinitionMerge.absorbed_id == definition_id, DefinitionMerge.survivor_id == definition_id)
    statement = (
        select(
            DefinitionMerge.absorbed_id,
            DefinitionMerge.survivor_id,
            absorbed.reference,
            survivor.reference,
            DefinitionMerge.reason,
            DefinitionMerge.at,
            DefinitionMerge.actor_name,
        )
        .join(absorbed, absorbed.id == DefinitionMerge.absorbed_id)
        .join(survivor, survivor.id == DefinitionMerge.survivor_id)
        .where(took_part)
        .order_by(DefinitionMerge.at.desc(), DefinitionMerge.id.desc())
    )
    return [MergeLine(*row) for row in session.execute(statement)]


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """One device of the catalogue with all that is known of it, as an export writes it."""

    id: UUID
    manufacturer_name: str
    reference: str
    designation: str
    kind: DeviceKind
    brand: str
    size: str
    expected_lifetime: str
    follow_up: str
    udi_dis: str
    """Separated by spaces."""


def walk_catalogue(session: Session) -> Iterator[CatalogueRow]:
    """Return every device in use, by reference, a page at a time: memory does not grow with the catalogue."""
    order = tuple_(DeviceDefinition.reference, DeviceDefinition.id)
    codes = (
        select(func.string_agg(DefinitionIdentifier.value, text("' '")))
        .where(
            DefinitionIdentifier.definition_id == DeviceDefinition.id,
            DefinitionIdentifier.kind == IdentifierKind.UDI_DI,
        )
        .correlate(DeviceDefinition)
        .scalar_subquery()
    )
    statement: _Query = (
        select(
            DeviceDefinition.id,
            Manufacturer.name,
            DeviceDefinition.reference,
            DeviceDefinition.designation,
            DeviceDefinition.kind,
            DeviceDefinition.brand,
            DeviceDefinition.size,
            DeviceDefinition.expected_lifetime,
            DeviceDefinition.follow_up,
            func.coalesce(codes, ""),
        )
        .join(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
        .where(DeviceDefinition.merged_into_id.is_(None))
        .order_by(order)
        .limit(EXPORT_PAGE)
    )
    page = [CatalogueRow(*row) for row in session.execute(statement)]
    while page:
        yield from page
        last = page[-1]
        behind = statement.where(order > tuple_(last.reference, last.id))
        page = [CatalogueRow(*row) for row in session.execute(behind)] if len(page) == EXPORT_PAGE else []
