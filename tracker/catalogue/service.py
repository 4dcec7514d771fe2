"""Actions on definitions and manufacturers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, Row, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.catalogue import queries, rules
from tracker.catalogue.models import (
    DefinitionChange,
    DefinitionIdentifier,
    DefinitionMerge,
    DeviceDefinition,
    Manufacturer,
    ManufacturerMerge,
)
from tracker.catalogue.rules import (
    CatalogueLine,
    DefinitionFacts,
    IdentifierKind,
    NewDefinition,
    NewManufacturer,
    NewMerge,
    TakenOver,
)
from tracker.errors import N_, Conflict, check_same_request


class ManufacturerExists(Conflict):
    """The establishment already has a manufacturer of this name."""

    code = "manufacturer-exists"


class DefinitionExists(Conflict):
    """The catalogue already has this reference of this manufacturer."""

    code = "definition-exists"


def create_manufacturer(
    session: Session, manufacturer_id: UUID, *, new: NewManufacturer, actor: Actor, now: datetime
) -> Manufacturer:
    """Add a manufacturer; the same request again returns the same row.

    Raises:
        ManufacturerExists: the name is taken.
        RequestIdReused: the id belongs to another manufacturer.
    """
    actor.require(Permission.DEFINITION_WRITE)
    existing = session.get(Manufacturer, manufacturer_id)
    if existing is not None:
        check_same_request(is_same=existing.name == new.name)
        return existing
    values = {"id": manufacturer_id, "establishment_id": actor.establishment_id, **asdict(new)}
    statement = upsert(Manufacturer).values(values).on_conflict_do_nothing().returning(Manufacturer)
    manufacturer = session.scalar(statement)
    if manufacturer is None:
        _check_not_merged(session, new.name)
        raise ManufacturerExists(
            N_("There is already a manufacturer named %(name)s."),
            next_step=N_("Choose it from the list."),
            name=new.name,
        )
    audit.append(
        session,
        actor=actor,
        action="manufacturer:created",
        subject=f"manufacturer:{manufacturer_id}",
        details={"name": new.name},
        now=now,
    )
    return manufacturer


def _check_not_merged(session: Session, name: str) -> None:
    """Check that a name that is taken is that of a manufacturer in use.

    Raises:
        ManufacturerExists: it was merged into another.
    """
    taken = session.scalar(select(Manufacturer).where(Manufacturer.name == name))
    if taken is not None and taken.merged_into_id is not None:
        raise ManufacturerExists(
            N_("%(name)s was merged into %(survivor)s."),
            next_step=N_("Choose the latter from the list."),
            name=name,
            survivor=queries.get_manufacturer(session, taken.merged_into_id).name,
        )


def merge_manufacturer(
    session: Session, absorbed_id: UUID, *, new: NewMerge, has_derogations: bool, actor: Actor, now: datetime
) -> ManufacturerMerge:
    """Use one manufacturer instead of another from now on, for its devices too; the same request again changes nothing.

    The caller, which sees the register, says whether derogations are the absorbed one's. What was printed and sent
    keeps the name it carried; devices merged earlier stay where they were.

    Raises:
        NotPermitted: the actor may not write the catalogue.
        ManufacturerNotFound: one of the two is not here.
        MergeNotPossible: they cannot be one.
        RequestIdReused: the id belongs to another merge.
    """
    actor.require(Permission.DEFINITION_WRITE)
    earlier = session.get(ManufacturerMerge, new.id)
    if earlier is not None:
        check_same_request(is_same=(earlier.absorbed_id, earlier.survivor_id) == (absorbed_id, new.survivor_id))
        return earlier
    both = queries.lock_manufacturers(session, {absorbed_id, new.survivor_id})
    rules.check_makers_mergeable(
        absorbed_id,
        new.survivor_id,
        is_merged=any(one.merged_into_id for one in both.values()),
        has_derogations=has_derogations,
        clashes=queries.list_clashes(session, absorbed_id, new.survivor_id),
    )
    names = [both[absorbed_id].name, both[new.survivor_id].name]
    moved = _move_definitions(session, absorbed_id, new, names=names, actor=actor, now=now)
    of_family = or_(Manufacturer.id == absorbed_id, Manufacturer.merged_into_id == absorbed_id)
    session.execute(update(Manufacturer).where(of_family).values(merged_into_id=new.survivor_id))
    merge = ManufacturerMerge(
        id=new.id,
        establishment_id=actor.establishment_id,
        absorbed_id=absorbed_id,
        survivor_id=new.survivor_id,
        reason=new.reason,
        moved_count=moved,
        at=now,
        actor_id=actor.id,
        actor_name=actor.display_name,
    )
    session.add(merge)
    audit.append(
        session,
        actor=actor,
        action="manufacturer:merged",
        subject=f"manufacturer:{absorbed_id}",
        details={"into": str(new.survivor_id), "moved": str(moved), "reason": new.reason},
        now=now,
    )
    return merge


def _move_definitions(
    session: Session, absorbed_id: UUID, new: NewMerge, *, names: list[str], actor: Actor, now: datetime
) -> int:
    """Give the devices in use of one manufacturer to another, each with its dated change, and return how many."""
    moving = (DeviceDefinition.manufacturer_id == absorbed_id, DeviceDefinition.merged_into_id.is_(None))
    moved = session.scalars(select(DeviceDefinition.id).where(*moving)).all()
    if moved:
        session.execute(update(DeviceDefinition).where(*moving).values(manufacturer_id=new.survivor_id))
        changes = {definition_id: {"manufacturer": names} for definition_id in moved}
        _record_changes(session, changes, source_ref=f"manufacturer_merge:{new.id}", actor=actor, now=now)
    return len(moved)


def change_manufacturer(
    session: Session, manufacturer_id: UUID, *, new: NewManufacturer, actor: Actor, now: datetime
) -> Manufacturer:
    """Correct what is known of a manufacturer, its name excepted: what was already sent and printed carries it."""
    actor.require(Permission.DEFINITION_WRITE)
    manufacturer = queries.get_manufacturer(session, manufacturer_id)
    values = asdict(replace(new, name=manufacturer.name))
    changed = {name: value for name, value in values.items() if getattr(manufacturer, name) != value}
    for name, value in changed.items():
        setattr(manufacturer, name, value)
    audit.append(
        session,
        actor=actor,
        action="manufacturer:changed",
        subject=f"manufacturer:{manufacturer_id}",
        details=changed,
        now=now,
    )
    return manufacturer


def create_definition(
    session: Session, definition_id: UUID, *, new: NewDefinition, actor: Actor, now: datetime
) -> DeviceDefinition:
    """Add a device to the catalogue, found by its reference and its UDI-DIs; the same request again changes nothing.

    Raises:
        ManufacturerNotFound: there is no such manufacturer here.
        DefinitionExists: the manufacturer already has this reference.
        RequestIdReused: the id belongs to another definition.
    """
    actor.require(Permission.DEFINITION_WRITE)
    existing = session.get(DeviceDefinition, definition_id)
    if existing is not None:
        same = (existing.manufacturer_id, existing.reference) == (new.manufacturer_id, new.reference)
        check_same_request(is_same=same)
        return existing
    new = replace(new, manufacturer_id=queries.get_manufacturer(session, new.manufacturer_id).in_use_id)
    values = {"id": definition_id, "establishment_id": actor.establishment_id, "created_at": now, **asdict(new)}
    del values["udi_dis"]
    statement = upsert(DeviceDefinition).values(values).on_conflict_do_nothing().returning(DeviceDefinition)
    definition = session.scalar(statement)
    if definition is None:
        raise DefinitionExists(
            N_("The catalogue already has the reference %(reference)s of this manufacturer."),
            next_step=N_("Search it in the catalogue."),
            reference=new.reference,
        )
    _add_identifiers(session, definition_id, new=new, establishment_id=actor.establishment_id)
    audit.append(
        session,
        actor=actor,
        action="definition:created",
        subject=f"definition:{definition_id}",
        details={"reference": new.reference, "manufacturer_id": str(new.manufacturer_id)},
        now=now,
    )
    return definition


def _add_identifiers(session: Session, definition_id: UUID, *, new: NewDefinition, establishment_id: UUID) -> None:
    codes = [(IdentifierKind.REFERENCE, new.reference)]
    codes += [(IdentifierKind.UDI_DI, value) for value in dict.fromkeys(new.udi_dis)]
    rows = [
        {
            "id": db.new_id(),
            "establishment_id": establishment_id,
            "definition_id": definition_id,
            "kind": kind,
            "value": value,
        }
        for kind, value in codes
    ]
    session.execute(insert(DefinitionIdentifier), rows)


def change_definition(
    session: Session,
    definition_id: UUID,
    *,
    facts: DefinitionFacts,
    udi_dis: Sequence[str],
    actor: Actor,
    now: datetime,
) -> DeviceDefinition:
    """Correct what is known of a definition, and add codes; what stood before is kept with the date and the name.

    Raises:
        NotPermitted: the actor may not write the catalogue.
        DefinitionNotFound: there is none with this id here.
    """
    actor.require(Permission.DEFINITION_WRITE)
    definition = queries.get_definition_for_update(session, definition_id)
    after = {name: str(value) for name, value in asdict(facts).items()}
    changes = rules.changes_between({name: str(getattr(definition, name)) for name in after}, after)
    for name in changes:
        setattr(definition, name, getattr(facts, name))
    added = _add_codes(session, [(definition_id, IdentifierKind.UDI_DI, code) for code in udi_dis], actor=actor)
    if added:
        changes["udi_di"] = ["", " ".join(udi_dis)]
    if changes:
        _record_changes(session, {definition_id: changes}, source_ref=f"person:{actor.id}", actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="definition:changed",
        subject=f"definition:{definition_id}",
        details={name: new for name, (_old, new) in changes.items()},
        now=now,
    )
    return definition


def _record_changes(
    session: Session,
    changes: Mapping[UUID, dict[str, list[str]]],
    *,
    source_ref: str,
    actor: Actor,
    now: datetime,
) -> None:
    rows = [
        {
            "id": db.new_id(),
            "establishment_id": actor.establishment_id,
            "definition_id": definition_id,
            "at": now,
            "actor_id": actor.id,
            "actor_name": actor.display_name,
            "source_ref": source_ref,
            "changes": one,
        }
        for definition_id, one in changes.items()
    ]
    session.execute(insert(DefinitionChange), rows)


def merge_definition(
    session: Session, absorbed_id: UUID, *, new: NewMerge, actor: Actor, now: datetime
) -> DefinitionMerge:
    """Use one definition instead of another from now on; the same request again changes nothing.

    The codes of the absorbed one find the survivor. Units, movements and holds keep the definition they were recorded
    under: what happened is not rewritten.

    Raises:
        NotPermitted: the actor may not write the catalogue.
        DefinitionNotFound: one of the two is not here.
        MergeNotPossible: they cannot be one device.
        RequestIdReused: the id belongs to another merge.
    """
    actor.require(Permission.DEFINITION_WRITE)
    earlier = session.get(DefinitionMerge, new.id)
    if earlier is not None:
        check_same_request(is_same=(earlier.absorbed_id, earlier.survivor_id) == (absorbed_id, new.survivor_id))
        return earlier
    both = {  # always locked in the same order: two merges of one pair do not wait for each other in a circle
        definition_id: queries.get_definition_for_update(session, definition_id)
        for definition_id in sorted({absorbed_id, new.survivor_id})
    }
    rules.check_mergeable(
        absorbed_id,
        new.survivor_id,
        kinds=frozenset(one.kind for one in both.values()),
        is_merged=any(one.merged_into_id for one in both.values()),
    )
    merge = DefinitionMerge(
        id=new.id,
        establishment_id=actor.establishment_id,
        absorbed_id=absorbed_id,
        survivor_id=new.survivor_id,
        reason=new.reason,
        at=now,
        actor_id=actor.id,
        actor_name=actor.display_name,
    )
    session.add(merge)
    of_family = or_(DeviceDefinition.id == absorbed_id, DeviceDefinition.merged_into_id == absorbed_id)
    session.execute(update(DeviceDefinition).where(of_family).values(merged_into_id=new.survivor_id))
    codes = select(DefinitionIdentifier.kind, DefinitionIdentifier.value).where(
        DefinitionIdentifier.definition_id == absorbed_id
    )
    _add_codes(session, [(new.survivor_id, kind, value) for kind, value in session.execute(codes)], actor=actor)
    audit.append(
        session,
        actor=actor,
        action="definition:merged",
        subject=f"definition:{absorbed_id}",
        details={"into": str(new.survivor_id), "reason": new.reason},
        now=now,
    )
    return merge


_ADD_CODES = text(
    "insert into definition_identifier (id, establishment_id, definition_id, kind, value)"
    " select gen_random_uuid(), :establishment_id, definition_id, kind, value"
    " from unnest(cast(:definition_ids as uuid[]), cast(:kinds as text[]), cast(:values as text[]))"
    " as code (definition_id, kind, value) on conflict do nothing"
)


def _add_codes(session: Session, codes: Sequence[tuple[UUID, IdentifierKind, str]], *, actor: Actor) -> int:
    """Add the codes that are new, in one statement, and return how many there were."""
    values = {
        "establishment_id": actor.establishment_id,
        "definition_ids": [code[0] for code in codes],
        "kinds": [code[1].value for code in codes],
        "values": [code[2] for code in codes],
    }
    result = session.execute(_ADD_CODES, values) if codes else None
    return result.rowcount if isinstance(result, CursorResult) else 0


_ADD_MANUFACTURERS = text(
    "insert into manufacturer (id, establishment_id, name, address, website, vigilance_email, srn)"
    " select gen_random_uuid(), :establishment_id, name, '', '', '', ''"
    " from unnest(cast(:names as text[])) as one (name) on conflict do nothing"
)
_KNOWN = text(
    "select d.id, d.manufacturer_id, d.reference, d.designation, d.kind, d.brand, d.size, d.expected_lifetime,"
    " d.follow_up, d.merged_into_id from unnest(cast(:makers as uuid[]), cast(:references as text[]))"
    " as line (maker, reference) join device_definition d on d.manufacturer_id = line.maker"
    " and d.reference = line.reference and d.establishment_id = :establishment_id"
)
_ADD_DEFINITIONS = text(
    "insert into device_definition (id, establishment_id, manufacturer_id, reference, designation, kind, brand, size,"
    " expected_lifetime, follow_up, created_at)"
    " select id, :establishment_id, maker, reference, designation, kind, brand, size, expected_lifetime, follow_up,"
    " :now from unnest(cast(:ids as uuid[]), cast(:makers as uuid[]), cast(:references as text[]),"
    " cast(:designations as text[]), cast(:kinds as text[]), cast(:brands as text[]), cast(:sizes as text[]),"
    " cast(:lifetimes as text[]), cast(:follow_ups as text[]))"
    " as line (id, maker, reference, designation, kind, brand, size, expected_lifetime, follow_up)"
    " on conflict do nothing"
)


def take_over(
    session: Session, lines: Sequence[CatalogueLine], *, source_ref: str, actor: Actor, now: datetime
) -> TakenOver:
    """Add the devices that some lines of a file state, and complete those that are known; statements do not grow.

    Taken over again, the same lines change nothing. A line for a device that was merged adds its codes to the survivor.

    Raises:
        NotPermitted: the actor may not write the catalogue.
    """
    actor.require(Permission.DEFINITION_WRITE)
    makers = _makers_of(session, lines, actor=actor)
    known = _known_of(session, lines, makers, actor=actor)
    new = [line for line in lines if (makers[line.manufacturer], line.reference) not in known]
    created = _create(session, new, makers, actor=actor, now=now)
    changes: dict[UUID, dict[str, list[str]]] = {}
    codes: list[tuple[UUID, IdentifierKind, str]] = []
    for line in lines:
        key = (makers[line.manufacturer], line.reference)
        row = known.get(key)
        target = created[key] if row is None else row.merged_into_id or row.id
        codes.append((target, IdentifierKind.REFERENCE, line.reference))
        codes += [(target, IdentifierKind.UDI_DI, code) for code in line.udi_dis]
        if row is not None and row.merged_into_id is None:
            changed = rules.changes_between(dict(row._mapping), line.stated())  # noqa: SLF001 - SQLAlchemy's public name
            changes |= {row.id: changed} if changed else {}
    _add_codes(session, codes, actor=actor)
    if changes:
        rows = [{"id": id_, **{name: new for name, (_old, new) in one.items()}} for id_, one in changes.items()]
        for values in rows:  # each changes fields of its own
            session.execute(update(DeviceDefinition).where(DeviceDefinition.id == values.pop("id")).values(values))
        _record_changes(session, changes, source_ref=source_ref, actor=actor, now=now)
    taken = TakenOver(len(new), len(changes), len(lines) - len(new) - len(changes))
    audit.append(
        session,
        actor=actor,
        action="catalogue:imported",
        subject=source_ref,
        details={name: str(count) for name, count in asdict(taken).items()},
        now=now,
    )
    return taken


_Known = Mapping[tuple[UUID, str], Row[Any]]


def _makers_of(session: Session, lines: Sequence[CatalogueLine], *, actor: Actor) -> dict[str, UUID]:
    names = sorted({line.manufacturer for line in lines})
    session.execute(_ADD_MANUFACTURERS, {"establishment_id": actor.establishment_id, "names": names})
    return {
        row.name: row.in_use_id for row in session.scalars(select(Manufacturer).where(Manufacturer.name.in_(names)))
    }


def _known_of(session: Session, lines: Sequence[CatalogueLine], makers: Mapping[str, UUID], *, actor: Actor) -> _Known:
    values = {
        "establishment_id": actor.establishment_id,
        "makers": [makers[line.manufacturer] for line in lines],
        "references": [line.reference for line in lines],
    }
    return {(row.manufacturer_id, row.reference): row for row in session.execute(_KNOWN, values)}


def _create(
    session: Session, lines: Sequence[CatalogueLine], makers: Mapping[str, UUID], *, actor: Actor, now: datetime
) -> dict[tuple[UUID, str], UUID]:
    ids = {(makers[line.manufacturer], line.reference): db.new_id() for line in lines}
    values = {
        "establishment_id": actor.establishment_id,
        "now": now,
        "ids": list(ids.values()),
        "makers": [makers[line.manufacturer] for line in lines],
        "references": [line.reference for line in lines],
        "designations": [line.designation for line in lines],
        "kinds": [line.kind.value for line in lines],
        "brands": [line.brand for line in lines],
        "sizes": [line.size for line in lines],
        "lifetimes": [line.expected_lifetime for line in lines],
        "follow_ups": [line.follow_up for line in lines],
    }
    if lines:
        session.execute(_ADD_DEFINITIONS, values)
    made = _known_of(session, lines, makers, actor=actor)  # somebody else may have added one of them meanwhile
    return {key: row.id for key, row in made.items()}
