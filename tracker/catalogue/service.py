"""Actions on definitions and manufacturers."""

from dataclasses import asdict, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.catalogue import queries
from tracker.catalogue.models import DefinitionIdentifier, DeviceDefinition, Manufacturer
from tracker.catalogue.rules import IdentifierKind, NewDefinition, NewManufacturer
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
    queries.get_manufacturer(session, new.manufacturer_id)
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
