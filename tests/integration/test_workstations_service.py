"""Workstations on PostgreSQL: named once, calibrated again and again, each calibration for what follows it."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from scanners.readers import calibration
from scanners.readers.keyboards import KeyPress, Layout, typed
from tests.bench import actions, count, counted
from tests.hospital import ALICE, ERIC, FANNY, GUY, HOSPITAL_B, NOW, enter
from tracker import db
from tracker.actor import Actor
from tracker.errors import NotPermitted, RequestIdReused
from tracker.workstations import queries, service
from tracker.workstations.models import Calibration, Workstation
from tracker.workstations.queries import WorkstationNotFound
from tracker.workstations.service import NotTheSheet, ReaderUnusable, WorkstationNameMissing, WorkstationNameTaken

SHEET = "]d1" + calibration.TEXT
FRENCH = typed(SHEET, Layout.US, Layout.FR)


def name_one(session: Session, name: str = "Bench 1", *, actor: Actor = ALICE) -> UUID:
    return service.create_workstation(session, db.new_id(), name=name, actor=actor, now=NOW).id


def calibrate(
    session: Session,
    workstation_id: UUID,
    received: str = FRENCH,
    *,
    calibration_id: UUID | None = None,
    presses: tuple[KeyPress, ...] = (),
    actor: Actor = ALICE,
    minutes: int = 0,
) -> Calibration:
    return service.calibrate(
        session,
        calibration_id or db.new_id(),
        workstation_id=workstation_id,
        received=received,
        presses=presses,
        actor=actor,
        now=NOW + timedelta(minutes=minutes),
    )


def test_a_workstation_is_named_once_and_audited(session: Session) -> None:
    made = name_one(session, "  Pharmacy,   bench 1 ")

    assert queries.get_workstation(session, made).name == "Pharmacy, bench 1"
    assert queries.get_workstation(session, made).calibration is None
    assert actions(session)[-1] == "workstation:created"


def test_the_same_request_again_is_the_same_workstation_and_another_one_is_refused(session: Session) -> None:
    made = name_one(session)

    again = service.create_workstation(session, made, name="Bench 1", actor=ALICE, now=NOW)

    assert again.id == made
    assert count(session, Workstation) == 1
    with pytest.raises(RequestIdReused):
        service.create_workstation(session, made, name="Bench 2", actor=ALICE, now=NOW)
    with pytest.raises(WorkstationNameTaken):
        name_one(session, "Bench 1")
    with pytest.raises(WorkstationNameMissing):
        name_one(session, " ")
    assert count(session, Workstation) == 1


def test_who_may_not_calibrate_writes_nothing(session: Session) -> None:
    made = name_one(session, actor=ERIC)

    for act in (lambda: name_one(session, "Other", actor=FANNY), lambda: calibrate(session, made, actor=FANNY)):
        with pytest.raises(NotPermitted):
            act()
    assert (count(session, Workstation), count(session, Calibration)) == (1, 0)


def test_a_calibration_is_kept_as_it_arrived_with_what_it_showed(session: Session) -> None:
    made = name_one(session)

    kept = calibrate(session, made)

    found = queries.get_workstation(session, made).calibration
    assert found is not None
    assert (found.id, found.layout, found.findings) == (kept.id, "us-fr", [])
    assert found.raw_scan.decode() == FRENCH
    assert actions(session)[-1] == "workstation:calibrated"


def test_a_new_calibration_replaces_the_earlier_one_for_what_follows(session: Session) -> None:
    made = name_one(session)
    first = calibrate(session, made)
    second = calibrate(session, made, SHEET, minutes=5)

    now, earlier = queries.find_reader(session, made), queries.reader_of(first.id, first.profile)

    assert (now.calibration_id, now.profile and now.profile.is_identity) == (second.id, True)
    assert earlier.profile is not None
    assert not earlier.profile.is_identity
    assert [one.id for one in queries.list_calibrations(session, made, limit=9)] == [second.id, first.id]


def test_the_same_scan_of_the_sheet_sent_twice_is_one_calibration(session: Session) -> None:
    made, request = name_one(session), db.new_id()

    first = calibrate(session, made, calibration_id=request)
    again = calibrate(session, made, calibration_id=request)

    assert first.id == again.id
    assert count(session, Calibration) == 1
    with pytest.raises(RequestIdReused):
        calibrate(session, made, SHEET, calibration_id=request)


@pytest.mark.parametrize(
    ("received", "presses", "refusal"),
    [
        ("", (), NotTheSheet),
        ("3700000000013", (), NotTheSheet),
        ("IS01" + "0" * 22 + "S1280129999999969", (), NotTheSheet),
        (typed(SHEET, Layout.FR, Layout.US), (), NotTheSheet),
        (typed(SHEET, Layout.US, Layout.FR, caps_lock=True), (), ReaderUnusable),
        ("]d1" + calibration.TEXT.upper(), (), ReaderUnusable),
        (SHEET, (KeyPress("Numpad5"),), ReaderUnusable),
    ],
)
def test_a_reader_that_cannot_be_put_right_is_refused_and_nothing_is_kept(
    session: Session, received: str, presses: tuple[KeyPress, ...], refusal: type[Exception]
) -> None:
    made = name_one(session)

    with pytest.raises(refusal) as refused:
        calibrate(session, made, received, presses=presses)

    assert refused.value.next_step  # type: ignore[attr-defined]
    assert count(session, Calibration) == 0


def test_another_hospital_sees_neither_workstation_nor_reader(session: Session) -> None:
    made = name_one(session)
    calibrate(session, made)

    enter(session, HOSPITAL_B)

    assert queries.list_workstations(session, limit=9) == []
    assert queries.find_reader(session, made).profile is None
    with pytest.raises(WorkstationNotFound):
        calibrate(session, made, actor=GUY)


def test_the_list_goes_on_behind_a_name_in_one_statement(session: Session) -> None:
    for number in (3, 1, 2):
        calibrate(session, name_one(session, f"Bench {number}"))

    with counted(session) as statements:
        found = queries.list_workstations(session, after="Bench 1", limit=9)

    assert [one.name for one in found] == ["Bench 2", "Bench 3"]
    assert all(one.calibration for one in found)
    assert len(statements) == 1


def test_the_database_refuses_to_rewrite_a_calibration(session: Session) -> None:
    calibrate(session, name_one(session))

    with pytest.raises(DBAPIError):
        session.execute(text("update calibration set layout = 'us-us'"))


def test_a_reader_is_found_in_one_statement_and_in_none_without_a_workstation(session: Session) -> None:
    made = name_one(session)
    calibrate(session, made)

    with counted(session) as statements:
        queries.find_reader(session, None)
        queries.find_reader(session, made)

    assert len(statements) == 1
    assert session.scalar(select(Calibration.workstation_id)) == made
