"""One manufacturer under two names on PostgreSQL: merged once, with its devices, and never against the register."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.bench import actions, box, codes, open_one, receive
from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_A, NOW
from tests.stock import GTIN, REFERENCE, make_definition, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.actor import Actor
from tracker.catalogue import queries as catalogue
from tracker.catalogue import service as catalogue_service
from tracker.catalogue.models import DeviceDefinition, ManufacturerMerge
from tracker.catalogue.queries import ManufacturerNotFound
from tracker.catalogue.rules import CatalogueLine, DeviceKind, MergeNotPossible, NewManufacturer, NewMerge
from tracker.catalogue.service import ManufacturerExists
from tracker.derogations import service as register
from tracker.derogations.rules import DerogationKind, Domain
from tracker.derogations.service import NewDerogation
from tracker.devices import queries as devices
from tracker.errors import NotPermitted, RequestIdReused
from tracker.findings.rules import Outcome
from tracker.makers import service

LABEL = f"]d201{GTIN}1728013110A1"


def merge(
    session: Session, absorbed: UUID, survivor: UUID, *, id_: UUID | None = None, actor: Actor = ALICE
) -> ManufacturerMerge:
    new = NewMerge(id_ or db.new_id(), survivor, "one company, two spellings")
    made = service.merge(session, absorbed, new=new, actor=actor, now=NOW)
    session.flush()  # the next statement of the test reads it
    return made


@pytest.fixture
def names(session: Session) -> tuple[UUID, UUID]:
    """A spelling from a file, with its device, and the name that the register uses."""
    typo, known = make_manufacturer(session, "Amplitude SAS"), make_manufacturer(session, "Amplitude")
    make_definition(session, manufacturer_id=typo)
    make_derogation(session, known)
    return typo, known


def test_a_device_under_the_other_name_is_covered_only_after_the_merge(
    session: Session, names: tuple[UUID, UUID]
) -> None:
    reception_id = open_one(session)
    before = receive(session, reception_id, box(LABEL))

    merge(session, *names)

    after = receive(session, reception_id, box(LABEL))
    assert (before.outcome, codes(before)) == (Outcome.REFUSED, ["derogation-none"])
    assert after.outcome is Outcome.ACCEPTED


def test_a_merge_is_a_dated_fact_and_every_device_tells_of_it(session: Session, names: tuple[UUID, UUID]) -> None:
    id_ = db.new_id()
    first = merge(session, *names, id_=id_)

    assert merge(session, *names, id_=id_).id == first.id
    with pytest.raises(RequestIdReused):
        merge(session, names[1], names[0], id_=id_)
    [told] = catalogue.list_manufacturer_merges(session, names[1])
    assert (told.absorbed, told.survivor, told.moved_count) == ("Amplitude SAS", "Amplitude", 1)
    definition = session.query(DeviceDefinition).one()
    [change] = catalogue.list_changes(session, definition.id)
    assert change.changes == {"manufacturer": ["Amplitude SAS", "Amplitude"]}
    assert actions(session).count("manufacturer:merged") == 1


def test_the_merged_name_goes_on_to_find_the_survivor_and_is_offered_no_more(
    session: Session, names: tuple[UUID, UUID]
) -> None:
    typo, known = names
    merge(session, typo, known)

    assert [one.name for one in catalogue.list_manufacturers(session)] == ["Amplitude"]
    assert catalogue.manufacturers_by_name(session)["amplitude sas"] == known
    line = CatalogueLine(2, "Amplitude SAS", "R2", "Cup", DeviceKind.IMPLANT)
    catalogue_service.take_over(session, [line], source_ref="import:1", actor=ALICE, now=NOW)
    assert {row.manufacturer_id for row in session.query(DeviceDefinition)} == {known}
    with pytest.raises(ManufacturerExists, match="was merged into Amplitude"):
        catalogue_service.create_manufacturer(
            session, db.new_id(), new=NewManufacturer("Amplitude SAS"), actor=ALICE, now=NOW
        )


def test_a_derogation_entered_under_the_merged_name_is_the_survivors(
    session: Session, names: tuple[UUID, UUID]
) -> None:
    typo, known = names
    merge(session, typo, known)
    new = NewDerogation(
        kind=DerogationKind.GLOBAL, domain=Domain.OTHER, designation="Cup", manufacturer_id=typo, source="letter"
    )

    made = register.create_derogation(session, db.new_id(), new=new, actor=ALICE, now=NOW)

    assert made.manufacturer_id == known


def test_a_name_that_the_register_carries_does_not_disappear(session: Session, names: tuple[UUID, UUID]) -> None:
    with pytest.raises(MergeNotPossible, match="register"):
        merge(session, names[1], names[0])


def test_two_devices_with_one_reference_are_merged_first(session: Session, names: tuple[UUID, UUID]) -> None:
    typo, known = names
    twin = make_definition(session, manufacturer_id=known, udi_di=None)
    make_unit(session, twin)
    with pytest.raises(MergeNotPossible, match=REFERENCE):
        merge(session, typo, known)

    [absorbed] = session.query(DeviceDefinition.id).filter(DeviceDefinition.manufacturer_id == typo).one()
    catalogue_service.merge_definition(
        session, absorbed, new=NewMerge(db.new_id(), twin, "one device"), actor=ALICE, now=NOW
    )
    session.flush()  # the merge of the names reads it

    assert merge(session, typo, known).moved_count == 0


@pytest.mark.parametrize("place", [0, 1], ids=["itself", "merged-already"])
def test_what_cannot_be_merged_is_refused(session: Session, names: tuple[UUID, UUID], place: int) -> None:
    typo, known = names
    if place == 0:
        with pytest.raises(MergeNotPossible, match="itself"):
            merge(session, typo, typo)
        return
    merge(session, typo, known)
    with pytest.raises(MergeNotPossible, match="already"):
        merge(session, typo, known)


def test_a_merge_of_merges_leads_to_the_last(session: Session, names: tuple[UUID, UUID]) -> None:
    typo, known = names
    older = make_manufacturer(session, "Amplitude (old)")
    merge(session, older, typo)
    merge(session, typo, known)

    assert catalogue.manufacturers_by_name(session)["amplitude (old)"] == known


@pytest.mark.parametrize(
    ("actor", "refusal"), [(CHARLIE, NotPermitted), (GUY, ManufacturerNotFound)], ids=["surgeon", "other-hospital"]
)
def test_only_a_pharmacist_of_the_house_merges(database: db.Database, actor: Actor, refusal: type[Exception]) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        pair = make_manufacturer(session, "A"), make_manufacturer(session, "B")

    with db.transaction(database, actor.establishment_id) as session, pytest.raises(refusal):
        merge(session, *pair, actor=actor)


def test_the_database_refuses_to_rewrite_a_merge(session: Session, names: tuple[UUID, UUID]) -> None:
    merge(session, *names)

    with pytest.raises(DBAPIError):
        session.execute(update(ManufacturerMerge).values(reason="other"))


def test_two_merges_of_one_pair_at_once_leave_one_survivor(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        pair = make_manufacturer(session, "A"), make_manufacturer(session, "B")

    def act(ids: tuple[UUID, UUID]) -> bool:
        try:
            with db.transaction(database, HOSPITAL_A) as session:
                merge(session, *ids)
        except MergeNotPossible:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(act, [pair, pair[::-1]])) == [False, True]
    with db.transaction(database, HOSPITAL_A) as session:
        assert len(catalogue.list_manufacturers(session)) == 1


def test_units_show_the_name_in_use(session: Session, names: tuple[UUID, UUID]) -> None:
    unit = make_unit(session, session.query(DeviceDefinition.id).scalar())
    merge(session, *names)

    assert devices.get_unit_by_id(session, unit.id).definition.manufacturer_name == "Amplitude"
