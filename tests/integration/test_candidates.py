"""What a code may mean, and what the stock knows of the same lot and serial number."""

from datetime import date

from sqlalchemy.orm import Session

from tests.hospital import ALICE, HOSPITAL_B, NOW, enter
from tests.stock import GTIN, SHELF_LIFE_END, a_hold, make_definition, make_manufacturer, make_unit
from tracker.candidates.queries import Candidate, Probe, find_candidates
from tracker.catalogue.rules import IdentifierKind
from tracker.devices.rules import HoldCause
from tracker.lots import service as lots


def candidates(
    session: Session, *, udi_di: str | None = GTIN, reference: str | None = None, serial: str | None = None
) -> list[Candidate]:
    probe = Probe(
        udi_di=udi_di, reference=reference, lot_number="A1", serial_number=serial, expiration_date=SHELF_LIFE_END
    )
    return find_candidates(session, [probe])[0]


def test_a_device_of_another_hospital_is_no_candidate(session: Session) -> None:
    make_unit(session, make_definition(session))
    enter(session, HOSPITAL_B)

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
    lots.hold_lot(
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
