"""Reads of units: lists, search, candidates for a code."""

from datetime import date

import pytest
from sqlalchemy.orm import Session

from tests.hospital import ALICE, HOSPITAL_B, NOW, enter
from tests.stock import GTIN, SHELF_LIFE_END, a_hold, make_definition, make_manufacturer, make_unit
from tracker.catalogue.rules import IdentifierKind
from tracker.devices import queries, service
from tracker.devices.queries import Candidate, UnitFilters
from tracker.devices.rules import HoldCause, UnitState

EVERYTHING = UnitFilters()


def candidates(
    session: Session, *, udi_di: str | None = GTIN, reference: str | None = None, serial: str | None = None
) -> list[Candidate]:
    return list(
        queries.find_candidates(
            session,
            udi_di=udi_di,
            reference=reference,
            lot_number="A1",
            serial_number=serial,
            expiration_date=SHELF_LIFE_END,
        )
    )


def test_the_list_shows_the_newest_first_and_goes_on_where_it_stopped(session: Session) -> None:
    definition_id = make_definition(session)
    numbers = [make_unit(session, definition_id).number for _unit in range(5)]

    first = queries.list_units(session, before=None, limit=3, filters=EVERYTHING)
    rest = queries.list_units(session, before=first[-1].sequence, limit=3, filters=EVERYTHING)

    assert [line.number for line in [*first, *rest]] == numbers[::-1]


def test_the_search_finds_by_unit_number_lot_serial_reference_and_udi_di(session: Session) -> None:
    wanted = make_unit(
        session, make_definition(session, reference="R1", udi_di="01234567890128"), lot_number="L7", serial_number="S9"
    )
    make_unit(session, make_definition(session, reference="R2", udi_di=None))

    for text in (wanted.number, wanted.number.lower(), "L7", "S9", "R1", "01234567890128"):
        found = queries.list_units(session, before=None, limit=10, filters=UnitFilters(text=text))
        assert [line.id for line in found] == [wanted.id], text


def test_the_search_keeps_to_one_state_and_goes_on_where_it_stopped(session: Session) -> None:
    definition_id = make_definition(session)
    held = [make_unit(session, definition_id, hold=a_hold()) for _unit in range(3)]
    make_unit(session, definition_id)
    filters = UnitFilters(text="A1", state=UnitState.QUARANTINED)

    first = queries.list_units(session, before=None, limit=2, filters=filters)
    rest = queries.list_units(session, before=first[-1].sequence, limit=2, filters=filters)

    assert [line.id for line in [*first, *rest]] == [unit.id for unit in held[::-1]]
    assert {line.open_hold_count for line in first} == {1}


@pytest.mark.parametrize("text", ["' or 1=1 --", "%", "\\", "T590000000179", "é" * 500])
def test_an_odd_search_finds_nothing_and_breaks_nothing(session: Session, text: str) -> None:
    make_unit(session, make_definition(session))

    if text.startswith("T59"):
        with pytest.raises(queries.UnitNotFound):
            queries.list_units(session, before=None, limit=10, filters=UnitFilters(text=text))
    else:
        assert queries.list_units(session, before=None, limit=10, filters=UnitFilters(text=text)) == []


def test_a_lot_is_listed_for_all_devices_or_for_one(session: Session) -> None:
    one = make_unit(session, make_definition(session, reference="R1", udi_di=None))
    other = make_unit(session, make_definition(session, reference="R2", udi_di=None))

    everywhere = queries.list_units_of_lot(session, lot_number="A1")
    of_one = queries.list_units_of_lot(session, lot_number="A1", definition_id=one.definition.id)

    assert [line.id for line in everywhere] == [one.id, other.id]
    assert [line.id for line in of_one] == [one.id]


def test_units_of_another_hospital_are_not_listed(session: Session) -> None:
    make_unit(session, make_definition(session))
    enter(session, HOSPITAL_B)

    assert queries.list_units(session, before=None, limit=10, filters=EVERYTHING) == []
    assert queries.list_units_of_lot(session, lot_number="A1") == []
    assert candidates(session) == []


def test_a_candidate_knows_nothing_where_nothing_is_known(session: Session) -> None:
    definition_id = make_definition(session)

    (found,) = candidates(session, serial="S1")

    assert found.definition.id == definition_id
    assert found.found_by is IdentifierKind.UDI_DI
    assert (found.serial_sequence, found.other_expiration_date, found.lot_hold_cause) == (None, None, None)


def test_a_candidate_knows_the_serial_number_the_other_date_and_the_hold_on_the_lot(session: Session) -> None:
    definition_id = make_definition(session)
    unit = make_unit(session, definition_id, serial_number="S1", expiration_date=date(2027, 1, 1))
    service.hold_lot(
        session,
        definition_id=definition_id,
        lot_number="A1",
        serial_device_id=None,
        hold=a_hold("notice 7", HoldCause.RECALL),
        actor=ALICE,
        now=NOW,
    )

    (found,) = candidates(session, serial="S1")

    assert found.serial_sequence == unit.sequence
    assert found.other_expiration_date == date(2027, 1, 1)
    assert (found.lot_hold_cause, found.lot_hold_reason) == (HoldCause.RECALL, "notice 7")


def test_the_udi_di_goes_before_the_reference(session: Session) -> None:
    by_udi = make_definition(session, reference="R1")
    make_definition(session, reference="R2", udi_di=None)

    found = candidates(session, reference="R2")

    assert [candidate.definition.id for candidate in found] == [by_udi]


def test_one_reference_of_two_manufacturers_gives_two_candidates(session: Session) -> None:
    for name in ("Amplitude", "Serf"):
        make_definition(session, reference="R1", udi_di=None, manufacturer_id=make_manufacturer(session, name))

    found = candidates(session, udi_di=None, reference="R1")

    assert {candidate.definition.manufacturer_name for candidate in found} == {"Amplitude", "Serf"}
