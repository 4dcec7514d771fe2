"""Actions on definitions and manufacturers, on PostgreSQL."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_A, HOSPITAL_B, NOW, enter
from tests.stock import SHELF_LIFE_END, a_hold, make_definition, make_manufacturer, make_unit
from tracker import db
from tracker.audit.models import AuditEntry
from tracker.candidates.queries import Probe, find_candidates
from tracker.catalogue import queries, service
from tracker.catalogue.models import DefinitionIdentifier, DeviceDefinition
from tracker.catalogue.queries import DefinitionNotFound, ManufacturerNotFound
from tracker.catalogue.rules import (
    DefinitionFacts,
    DeviceKind,
    IdentifierKind,
    MergeNotPossible,
    NewDefinition,
    NewManufacturer,
    NewMerge,
)
from tracker.catalogue.service import DefinitionExists, ManufacturerExists
from tracker.devices import queries as devices
from tracker.errors import NotPermitted, RequestIdReused
from tracker.lots import service as lots


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
    new = NewDefinition(
        manufacturer_id=maker,
        reference="R1",
        designation="Insert",
        kind=DeviceKind.IMPLANT,
        udi_dis=("03700000000013",),
    )

    for _again in range(2):
        service.create_definition(session, definition_id, new=new, actor=ALICE, now=NOW)

    assert count(session, DeviceDefinition) == 1
    assert count(session, DefinitionIdentifier) == 2
    assert actions(session).count("definition:created") == 1


def test_a_request_id_is_not_reused_for_another_definition(session: Session) -> None:
    maker, definition_id = make_manufacturer(session), db.new_id()
    new = NewDefinition(manufacturer_id=maker, reference="R1", designation="Insert", kind=DeviceKind.IMPLANT)
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
    new = NewDefinition(
        manufacturer_id=maker,
        reference="R1",
        designation="Insert",
        kind=DeviceKind.IMPLANT,
        udi_dis=("03700000000013", "03700000000013"),
    )

    service.create_definition(session, db.new_id(), new=new, actor=ALICE, now=NOW)

    kinds = session.scalars(select(DefinitionIdentifier.kind)).all()
    assert sorted(kinds) == [IdentifierKind.REFERENCE, IdentifierKind.UDI_DI]


def merge(session: Session, absorbed: UUID, survivor: UUID, *, merge_id: UUID | None = None) -> None:
    new = NewMerge(merge_id or db.new_id(), survivor, "two entries of one device")
    service.merge_definition(session, absorbed, new=new, actor=ALICE, now=NOW)


def test_a_correction_is_kept_with_what_stood_before(session: Session) -> None:
    definition_id = make_definition(session, udi_di=None)
    facts = DefinitionFacts("SCORE, insert C 16 mm", DeviceKind.IMPLANT, brand="SCORE", size="C 16 mm")

    for _again in range(2):
        service.change_definition(session, definition_id, facts=facts, udi_dis=("in-house",), actor=ALICE, now=NOW)

    session.flush()  # the reads follow
    (change,) = queries.list_changes(session, definition_id)
    assert change.changes == {
        "designation": ["SCORE, insert C 14 mm", "SCORE, insert C 16 mm"],
        "size": ["C 14 mm", "C 16 mm"],
        "udi_di": ["", "in-house"],
    }
    assert [one.size for one in queries.find_definitions(session, udi_di="in-house", reference=None)] == ["C 16 mm"]
    assert actions(session).count("definition:changed") == 2
    with pytest.raises(NotPermitted):
        service.change_definition(session, definition_id, facts=facts, udi_dis=(), actor=CHARLIE, now=NOW)


def test_the_codes_of_a_merged_definition_find_the_survivor_and_its_units_stay_under_it(session: Session) -> None:
    absorbed = make_definition(session, reference="R1", udi_di="03700000000013")
    survivor = make_definition(session, reference="R2", udi_di=None)
    unit, merge_id = make_unit(session, absorbed), db.new_id()

    for _again in range(2):
        merge(session, absorbed, survivor, merge_id=merge_id)
    session.flush()  # the reads follow

    for found in (
        queries.find_definitions(session, udi_di="03700000000013", reference=None),
        queries.find_definitions(session, udi_di=None, reference="R1"),
    ):
        assert [one.id for one in found] == [survivor]
    assert devices.get_unit_by_id(session, unit.id).definition.id == absorbed
    assert [one.id for one in queries.list_definitions(session, after=None, limit=9)] == [survivor]
    (line,) = queries.list_merges(session, survivor)
    assert (line.absorbed_reference, line.survivor_reference) == ("R1", "R2")
    assert actions(session).count("definition:merged") == 1


def test_what_happened_under_a_merged_definition_still_warns_at_goods_in(session: Session) -> None:
    absorbed = make_definition(session, reference="R1", udi_di=None)
    survivor = make_definition(session, reference="R2", udi_di="03700000000013")
    unit = make_unit(session, absorbed, serial_number="S1")
    lots.hold_lot(
        session,
        definition_id=absorbed,
        lot_number="A1",
        serial_device_id=None,
        hold=a_hold("notice"),
        actor=ALICE,
        now=NOW,
    )
    merge(session, absorbed, survivor)
    session.flush()  # the reads follow

    probe = Probe(udi_di="03700000000013", lot_number="A1", serial_number="S1", expiration_date=date(2029, 1, 1))
    ((found,),) = find_candidates(session, [probe])

    assert (found.serial_sequence, found.lot_hold_reason) == (unit.sequence, "notice")
    assert found.other_expiration_date == SHELF_LIFE_END


def test_a_merge_of_merges_leads_to_the_last(session: Session) -> None:
    first, second, third = (make_definition(session, reference=f"R{n}", udi_di=None) for n in range(3))
    merge(session, first, second)
    merge(session, second, third)
    session.flush()  # the reads follow

    found = queries.find_definitions(session, udi_di=None, reference="R0")

    assert [one.id for one in found] == [third]
    assert session.get_one(DeviceDefinition, first, populate_existing=True).merged_into_id == third


def test_what_cannot_be_one_device_is_not_merged(session: Session) -> None:
    one, other = make_definition(session, reference="R1", udi_di=None), make_definition(session, reference="R2")
    software = make_definition(session, reference="R3", udi_di=None, kind=DeviceKind.SOFTWARE)

    for absorbed, survivor in ((one, one), (one, software)):
        with pytest.raises(MergeNotPossible):
            merge(session, absorbed, survivor)
    merge(session, one, other)
    session.flush()  # the next merge reads it
    for absorbed, survivor in ((one, other), (other, one)):
        with pytest.raises(MergeNotPossible):
            merge(session, absorbed, survivor)
    with pytest.raises(DefinitionNotFound):
        merge(session, other, db.new_id())
