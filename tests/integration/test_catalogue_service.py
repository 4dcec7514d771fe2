"""Actions on definitions and manufacturers, on PostgreSQL."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_A, HOSPITAL_B, NOW, enter
from tests.stock import make_definition, make_manufacturer
from tracker import db
from tracker.audit.models import AuditEntry
from tracker.catalogue import queries, service
from tracker.catalogue.models import DefinitionIdentifier, DeviceDefinition
from tracker.catalogue.queries import ManufacturerNotFound
from tracker.catalogue.rules import DeviceKind, IdentifierKind, NewDefinition, NewManufacturer
from tracker.catalogue.service import DefinitionExists, ManufacturerExists
from tracker.errors import NotPermitted, RequestIdReused


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence)))


def count(session: Session, table: type[db.Base]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_definition_is_found_by_its_reference_and_its_udi_di(session: Session) -> None:
    definition_id = make_definition(session, reference="R1", udi_di="03700000000013")

    by_reference = queries.find_definitions(session, udi_di=None, reference="R1")
    by_udi = queries.find_definitions(session, udi_di="03700000000013", reference=None)

    assert [found.id for found in by_reference] == [definition_id]
    assert by_udi == by_reference
    assert actions(session)[-1] == "definition:created"


def test_the_same_definition_request_again_changes_nothing(session: Session) -> None:
    maker, definition_id = make_manufacturer(session), db.new_id()
    new = NewDefinition(maker, "R1", "Insert", DeviceKind.IMPLANT, udi_dis=("03700000000013",))

    for _again in range(2):
        service.create_definition(session, definition_id, new=new, actor=ALICE, now=NOW)

    assert count(session, DeviceDefinition) == 1
    assert count(session, DefinitionIdentifier) == 2
    assert actions(session).count("definition:created") == 1


def test_a_request_id_is_not_reused_for_another_definition(session: Session) -> None:
    maker, definition_id = make_manufacturer(session), db.new_id()
    new = NewDefinition(maker, "R1", "Insert", DeviceKind.IMPLANT)
    service.create_definition(session, definition_id, new=new, actor=ALICE, now=NOW)

    with pytest.raises(RequestIdReused):
        service.create_definition(session, definition_id, new=replace(new, reference="R2"), actor=ALICE, now=NOW)


def test_a_reference_stands_once_per_manufacturer(session: Session) -> None:
    maker = make_manufacturer(session)
    make_definition(session, reference="R1", manufacturer_id=maker)

    with pytest.raises(DefinitionExists):
        make_definition(session, reference="R1", manufacturer_id=maker)

    assert make_definition(session, reference="R1", udi_di=None)


def test_a_definition_needs_a_manufacturer_of_this_hospital(session: Session) -> None:
    enter(session, HOSPITAL_B)
    foreign = make_manufacturer(session, actor=GUY)
    enter(session, HOSPITAL_A)

    with pytest.raises(ManufacturerNotFound):
        make_definition(session, manufacturer_id=foreign)

    assert count(session, DeviceDefinition) == 0


def test_a_manufacturer_stands_once_by_name(session: Session) -> None:
    manufacturer_id = db.new_id()
    new = NewManufacturer(name="Amplitude")
    service.create_manufacturer(session, manufacturer_id, new=new, actor=ALICE, now=NOW)

    again = service.create_manufacturer(session, manufacturer_id, new=new, actor=ALICE, now=NOW)

    assert again.id == manufacturer_id
    with pytest.raises(ManufacturerExists):
        service.create_manufacturer(session, db.new_id(), new=new, actor=ALICE, now=NOW)
    with pytest.raises(RequestIdReused):
        service.create_manufacturer(session, manufacturer_id, new=NewManufacturer("Other"), actor=ALICE, now=NOW)


def test_only_a_pharmacist_writes_the_catalogue(session: Session) -> None:
    with pytest.raises(NotPermitted):
        service.create_manufacturer(session, db.new_id(), new=NewManufacturer("X"), actor=CHARLIE, now=NOW)
    maker = make_manufacturer(session)
    with pytest.raises(NotPermitted):
        make_definition(session, manufacturer_id=maker, actor=CHARLIE)


def test_a_udi_di_given_twice_is_kept_once(session: Session) -> None:
    maker = make_manufacturer(session)
    new = NewDefinition(maker, "R1", "Insert", DeviceKind.IMPLANT, udi_dis=("03700000000013", "03700000000013"))

    service.create_definition(session, db.new_id(), new=new, actor=ALICE, now=NOW)

    kinds = session.scalars(select(DefinitionIdentifier.kind)).all()
    assert sorted(kinds) == [IdentifierKind.REFERENCE, IdentifierKind.UDI_DI]
