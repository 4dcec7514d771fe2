"""Software that is updated asks the register again; equipment that moves leaves a dated fact; photos are kept."""

import hashlib
from datetime import date, timedelta
from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from scanners.symbols import datamatrix
from tests.bench import PATIENT_LABEL, actions, count, counted
from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import make_decision, make_definition, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.actor import Actor
from tracker.catalogue.rules import DeviceKind
from tracker.derogations.rules import DecisionKind, DerogationKind
from tracker.devices import queries as devices
from tracker.devices import service as devices_service
from tracker.devices.models import Hold
from tracker.devices.queries import UnitNotFound, UnitView
from tracker.devices.rules import HoldCause, UnitState
from tracker.documents import queries as documents
from tracker.documents.models import Document, DocumentKind
from tracker.documents.service import FileRefused
from tracker.errors import NotPermitted, RequestIdReused
from tracker.findings.rules import Outcome
from tracker.upkeep import queries, service
from tracker.upkeep.models import SoftwareUpdate, UnitPlace
from tracker.upkeep.rules import (
    Change,
    NewPhoto,
    NewPlace,
    NewUpdate,
    PhotoRefused,
    PhotoShowsPatient,
    PlaceUnchanged,
    VersionUnchanged,
)

PHOTO = datamatrix.png("SOMETHING-ELSE")


def make_software(session: Session, *, kind: DeviceKind = DeviceKind.SOFTWARE, **derogation: object) -> UnitView:
    """Receive one unit of software whose reference a derogation lists, and return it."""
    maker = make_manufacturer(session)
    definition_id = make_definition(session, manufacturer_id=maker, kind=kind)
    known = {"kind": DerogationKind.GLOBAL} | derogation
    make_derogation(session, maker, **known)  # type: ignore[arg-type]
    unit = make_unit(session, definition_id, lot_number=None, serial_number="S1", expiration_date=None)
    session.flush()  # the next statement of the test reads it
    return unit


def update(
    session: Session,
    unit: UnitView,
    version: str = "2.1",
    *,
    change: Change = Change.MINOR,
    on: date = TODAY,
    update_id: UUID | None = None,
    actor: Actor = ALICE,
) -> SoftwareUpdate:
    new = NewUpdate(version, change, on, "by the maker")
    return service.record_update(
        session, update_id or db.new_id(), number=unit.number, new=new, actor=actor, now=NOW, today=TODAY
    )


def move(
    session: Session, unit: UnitView, place: str, *, place_id: UUID | None = None, actor: Actor = ALICE
) -> UnitPlace:
    new = NewPlace(place, TODAY)
    return service.record_place(
        session, place_id or db.new_id(), number=unit.number, new=new, actor=actor, now=NOW, today=TODAY
    )


def keep(
    session: Session,
    unit: UnitView,
    content: bytes = PHOTO,
    *,
    photo_id: UUID | None = None,
    texts: tuple[str, ...] = (),
    actor: Actor = ALICE,
) -> Document:
    photo = NewPhoto(content, "label.png", texts)
    return service.keep_photo(
        session, photo_id or db.new_id(), number=unit.number, photo=photo, actor=actor, now=NOW, today=TODAY
    )


def after(session: Session, unit: UnitView) -> UnitView:
    return devices.get_unit_by_id(session, unit.id)


def codes(made: SoftwareUpdate) -> set[str]:
    return {finding["code"] for finding in made.findings}


def test_an_update_that_the_derogation_covers_is_a_dated_fact_and_the_present_version(session: Session) -> None:
    unit = make_software(session)

    first, second = update(session, unit, "2.1"), update(session, unit, "2.2")

    assert (first.outcome, first.version_before, first.hold_id) == (Outcome.ACCEPTED, None, None)
    assert (second.version_before, second.installed_on, second.actor_name) == ("2.1", TODAY, "Alice Test")
    assert "derogation-in-force" in codes(second)
    assert after(session, unit).software_version == "2.2"
    assert after(session, unit).is_usable
    assert [one.version for one in queries.list_updates(session, unit.id)] == ["2.2", "2.1"]
    assert actions(session)[-1] == "software:updated"


@pytest.mark.parametrize(
    ("derogation", "code"),
    [
        ({"valid_until": TODAY - timedelta(1)}, "derogation-ended"),
        ({"references": ("OTHER",)}, "reference-not-listed"),
        ({"effective_from": TODAY + timedelta(1)}, "derogation-not-yet"),
        ({"decision_kind": DecisionKind.REFUSED, "valid_until": None}, "derogation-refused"),
    ],
)
def test_an_update_that_nothing_covers_today_blocks_the_unit(
    session: Session, derogation: dict[str, object], code: str
) -> None:
    unit = make_software(session, **derogation)

    made = update(session, unit)

    assert made.outcome is Outcome.REFUSED
    assert code in codes(made)
    (hold,) = after(session, unit).holds
    assert (hold.id, hold.cause, hold.source_ref) == (
        made.hold_id,
        HoldCause.DEROGATION,
        f"software_update:{made.id}",
    )
    assert code in hold.reason.split()
    assert not after(session, unit).is_usable
    assert after(session, unit).software_version == "2.1"


def test_a_derogation_suspended_since_the_receipt_blocks_the_update(session: Session) -> None:
    unit = make_software(session)
    derogation_id = update(session, unit, "2.1").derogation_id
    assert derogation_id is not None
    make_decision(session, derogation_id, DecisionKind.SUSPENDED, effective_from=TODAY)

    made = update(session, unit, "2.2")

    assert made.outcome is Outcome.REFUSED
    assert "derogation-suspended" in codes(made)


@pytest.mark.parametrize(
    ("change", "code"), [(Change.MAJOR, "software-change-major"), (Change.UNKNOWN, "software-change-unknown")]
)
def test_a_major_or_unknown_change_waits_for_a_pharmacist(session: Session, change: Change, code: str) -> None:
    unit = make_software(session)

    made = update(session, unit, change=change)

    assert made.outcome is Outcome.QUARANTINED
    assert after(session, unit).holds[0].reason == code
    assert made.hold_id is not None
    devices_service.release_hold(session, made.hold_id, reason="DM-2026-7 covers it", actor=ALICE, now=NOW)
    assert after(session, unit).is_usable


def test_an_update_made_before_the_derogation_began_blocks_although_it_is_in_force_today(session: Session) -> None:
    unit = make_software(session, effective_from=TODAY)

    made = update(session, unit, on=TODAY - timedelta(1))

    assert made.outcome is Outcome.REFUSED
    assert {"derogation-in-force", "derogation-not-yet"} <= codes(made)


def test_the_same_update_again_is_the_same_and_another_under_its_number_is_refused(session: Session) -> None:
    unit, update_id = make_software(session, valid_until=TODAY - timedelta(1)), db.new_id()

    for _again in range(2):
        update(session, unit, update_id=update_id)

    assert (count(session, SoftwareUpdate), count(session, Hold)) == (1, 1)
    assert actions(session).count("software:updated") == 1
    with pytest.raises(RequestIdReused):
        update(session, unit, "9.9", update_id=update_id)
    with pytest.raises(VersionUnchanged):
        update(session, unit)
    assert count(session, SoftwareUpdate) == 1


def test_who_may_not_receive_records_no_update_and_another_hospital_sees_no_unit(session: Session) -> None:
    unit = make_software(session)

    with pytest.raises(NotPermitted):
        update(session, unit, actor=CHARLIE)
    with pytest.raises(NotPermitted):
        move(session, unit, "Server 2", actor=CHARLIE)
    enter(session, HOSPITAL_B)
    with pytest.raises(UnitNotFound):
        update(session, unit, actor=GUY)
    enter(session, HOSPITAL_A)
    assert (count(session, SoftwareUpdate), count(session, UnitPlace)) == (0, 0)
    assert after(session, unit).software_version is None


def test_the_statements_of_an_update_do_not_grow_with_the_updates_before(session: Session) -> None:
    unit = make_software(session)
    update(session, unit, "2.0")
    with counted(session) as first:
        update(session, unit, "2.1")
    for minor in range(2, 8):
        update(session, unit, f"2.{minor}")
    with counted(session) as last:
        update(session, unit, "2.9")

    assert len(last) == len(first)


def test_two_people_record_one_update_at_once_and_one_of_them_is_told(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        unit = make_software(session, valid_until=TODAY - timedelta(1))
    answers: list[str] = []

    def record() -> None:
        try:
            with db.transaction(database, HOSPITAL_A) as session:
                answers.append(update(session, unit).version)
        except VersionUnchanged as error:
            answers.append(error.code)

    threads = [Thread(target=record) for _person in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == ["2.1", "version-unchanged"]
    with db.transaction(database, HOSPITAL_A) as session:
        assert (count(session, SoftwareUpdate), len(after(session, unit).holds)) == (1, 1)


def test_equipment_moves_and_each_place_stays_known(session: Session) -> None:
    unit, place_id = make_software(session, kind=DeviceKind.EQUIPMENT), db.new_id()

    move(session, unit, " Room 2 ", place_id=place_id)
    move(session, unit, "Room 2", place_id=place_id)
    moved = move(session, unit, "Room 3")

    assert (moved.place_before, moved.moved_on) == ("Room 2", TODAY)
    assert (after(session, unit).place, after(session, unit).state) == ("Room 3", UnitState.RELEASED)
    assert [one.place for one in queries.list_places(session, unit.id)] == ["Room 3", "Room 2"]
    assert actions(session).count("unit:moved") == 2
    with pytest.raises(PlaceUnchanged):
        move(session, unit, "Room 3")
    with pytest.raises(RequestIdReused):
        move(session, unit, "Room 4", place_id=place_id)


@pytest.mark.parametrize("rewriting", ["update software_update set version = 'x'", "delete from unit_place"])
def test_the_database_refuses_to_rewrite_versions_and_places(session: Session, rewriting: str) -> None:
    unit = make_software(session)
    update(session, unit)
    move(session, unit, "Server 2")

    with pytest.raises(DBAPIError):
        session.execute(text(rewriting))


def test_a_photo_is_frozen_hashed_and_sealed_once(session: Session) -> None:
    unit, photo_id = make_unit(session, make_definition(session)), db.new_id()

    kept = [keep(session, unit, photo_id=photo_id) for _again in range(2)]

    (photo,) = devices.list_photos(session, unit.id)
    assert [one.id for one in kept] == [photo.id] * 2
    assert (photo.kind, photo.sha256) == (DocumentKind.PHOTO, hashlib.sha256(PHOTO).hexdigest())
    assert PHOTO not in photo.sealed_content
    assert documents.read_content(session, photo.id) == PHOTO
    assert actions(session).count("document:frozen") == 1
    with pytest.raises(RequestIdReused):
        keep(session, unit, datamatrix.png("OTHER"), photo_id=photo_id)


def test_a_photo_that_shows_a_patient_or_is_none_leaves_nothing(session: Session) -> None:
    unit = make_unit(session, make_definition(session))

    with pytest.raises(PhotoShowsPatient):
        keep(session, unit, texts=(PATIENT_LABEL,))
    with pytest.raises(PhotoRefused):
        keep(session, unit, b"%PDF-1.7")
    with pytest.raises(FileRefused):
        keep(session, unit, b"")
    with pytest.raises(NotPermitted):
        keep(session, unit, actor=CHARLIE)

    assert devices.list_photos(session, unit.id) == []
    assert "document:frozen" not in actions(session)


def test_one_number_of_a_request_names_a_photo_in_each_hospital(session: Session) -> None:
    photo_id = db.new_id()
    keep(session, make_unit(session, make_definition(session)), photo_id=photo_id)
    session.flush()  # what follows happens in another hospital
    session.expunge_all()
    enter(session, HOSPITAL_B)
    theirs = make_unit(session, make_definition(session, actor=GUY), actor=GUY)

    keep(session, theirs, photo_id=photo_id, actor=GUY)

    assert len(devices.list_photos(session, theirs.id)) == 1
