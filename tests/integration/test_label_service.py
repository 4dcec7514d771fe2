"""Printing labels on PostgreSQL: all or none, noted once, the second print marked with its reason."""

import threading
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.bench import actions, count, counted
from tests.care import make_patient, make_use
from tests.hospital import ALICE, BOB, CHARLIE, FANNY, GUY, HOSPITAL_A, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import a_hold, make_definition, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.actor import Actor
from tracker.devices.queries import UnitNotFound
from tracker.errors import NotPermitted, RequestIdReused
from tracker.labels import queries, service
from tracker.labels.documents import PrintJob
from tracker.labels.models import LabelFormat, LabelJob, LabelPrint
from tracker.labels.queries import FormatNotFound
from tracker.labels.rules import BUILT_IN, Layout, LayoutInvalid, Paper, PrintChanged, ReprintReasonMissing, UnitGone
from tracker.labels.service import FormatNameMissing, FormatNameTaken, NewJob

SHEET = BUILT_IN["sheet21"]
SMALL_ROLL = Layout(Paper.ROLL, 50, 30)


@pytest.fixture
def definition_id(session: Session) -> UUID:
    """SCORE insert C 14 mm under a derogation in force."""
    maker = make_manufacturer(session)
    definition_id = make_definition(session, manufacturer_id=maker)
    make_derogation(session, maker)
    return definition_id


def print_(
    session: Session, *numbers: str, job_id: UUID | None = None, actor: Actor = ALICE, **more: object
) -> PrintJob:
    new = replace(NewJob(numbers, BUILT_IN["roll"]), **more)
    return service.print_labels(session, job_id or db.new_id(), new=new, actor=actor, now=NOW, today=TODAY)


def reprints(job: PrintJob) -> list[bool]:
    return [label.is_reprint for label in job.labels]


def test_the_same_job_again_says_the_same_and_is_noted_once(session: Session, definition_id: UUID) -> None:
    number, job_id = make_unit(session, definition_id).number, db.new_id()

    first = print_(session, number, job_id=job_id)
    again = print_(session, number, job_id=job_id)

    assert again == first
    assert reprints(first) == [False]
    assert first.labels[0].derogation_until == date(2026, 12, 31)
    assert (count(session, LabelPrint), count(session, LabelJob)) == (1, 1)
    assert actions(session).count("label:printed") == 1


def test_the_same_job_for_other_units_is_refused(session: Session, definition_id: UUID) -> None:
    numbers, job_id = [make_unit(session, definition_id).number for _unit in range(2)], db.new_id()
    print_(session, numbers[0], job_id=job_id)

    with pytest.raises(PrintChanged):
        print_(session, numbers[1], job_id=job_id)


def test_a_second_print_needs_a_reason_and_is_marked(session: Session, definition_id: UUID) -> None:
    first, second = (make_unit(session, definition_id).number for _unit in range(2))
    print_(session, first)

    with pytest.raises(ReprintReasonMissing):
        print_(session, first, second)
    job = print_(session, first, second, reason="torn")

    assert reprints(job) == [True, False]
    assert [(line.unit_number, line.is_reprint, line.reason) for line in queries.list_prints(session, limit=9)][:2] == [
        (second, False, "torn"),
        (first, True, "torn"),
    ]
    assert count(session, LabelPrint) == 3


def test_a_unit_in_quarantine_has_a_label_that_says_so(session: Session, definition_id: UUID) -> None:
    job = print_(session, make_unit(session, definition_id, hold=a_hold()).number)

    assert not job.labels[0].is_released


def test_the_label_of_a_used_unit_is_printed_no_more_and_stops_the_others(
    session: Session, definition_id: UUID
) -> None:
    derogation_id = make_derogation(session, make_manufacturer(session, "Other"))
    used, other = (make_unit(session, definition_id) for _unit in range(2))
    make_use(session, used.id, patient_id=make_patient(session), derogation_id=derogation_id)
    session.flush()  # the state is read

    with pytest.raises(UnitGone):
        print_(session, other.number, used.number)

    assert count(session, LabelPrint) == count(session, LabelJob) == 0


def test_a_number_that_is_not_here_stops_the_job(session: Session, definition_id: UUID) -> None:
    number = make_unit(session, definition_id).number

    for wrong in ("T590000999993", "T590000000010", "nothing"):
        with pytest.raises(UnitNotFound):
            print_(session, number, wrong)
    enter(session, HOSPITAL_B)
    with pytest.raises(UnitNotFound):
        print_(session, number, actor=GUY)


@pytest.mark.parametrize("actor", [BOB, CHARLIE, FANNY])
def test_only_a_pharmacist_prints_and_chooses_papers(session: Session, actor: Actor) -> None:
    with pytest.raises(NotPermitted):
        print_(session, "T590000000178", actor=actor)
    with pytest.raises(NotPermitted):
        service.add_format(session, db.new_id(), name="x", layout=SMALL_ROLL, actor=actor, now=NOW)


def test_a_place_that_the_sheet_has_not_is_refused(session: Session, definition_id: UUID) -> None:
    with pytest.raises(LayoutInvalid):
        print_(session, make_unit(session, definition_id).number, layout=SHEET, used_positions=21)


def test_a_whole_delivery_is_printed_with_statements_that_do_not_grow(session: Session, definition_id: UUID) -> None:
    numbers = [make_unit(session, definition_id).number for _unit in range(30)]

    with counted(session) as few:
        print_(session, *numbers[:2])
    with counted(session) as many:
        print_(session, *numbers[2:])

    assert len(many) == len(few) <= 10


def test_two_people_who_print_one_label_at_once_make_one_reprint(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        number = make_unit(session, make_definition(session)).number
    done: list[list[bool]] = []

    def one() -> None:
        with db.transaction(database, HOSPITAL_A) as session:
            done.append(reprints(print_(session, number, reason="both of us")))

    threads = [threading.Thread(target=one) for _person in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(done) == [[False], [True]]


def test_what_was_printed_cannot_be_rewritten(session: Session, definition_id: UUID) -> None:
    print_(session, make_unit(session, definition_id).number)
    job = session.query(LabelJob).one()

    job.reason = "nothing"
    with pytest.raises(DBAPIError, match="permission denied"), session.begin_nested():
        session.flush()


def test_the_log_pages_and_keeps_to_one_unit(session: Session, definition_id: UUID) -> None:
    numbers = [make_unit(session, definition_id).number for _unit in range(3)]
    print_(session, *numbers)

    page = queries.list_prints(session, limit=2)
    rest = queries.list_prints(session, limit=2, before=page[-1].id)
    one = queries.list_prints(session, limit=9, sequence=page[0].sequence)

    assert [line.unit_number for line in [*page, *rest]] == numbers[::-1]
    assert [line.unit_number for line in one] == numbers[2:]
    assert one[0].actor_name == ALICE.display_name


def add(
    session: Session, name: str = "Roll 50", *, id_: UUID | None = None, layout: Layout = SMALL_ROLL
) -> LabelFormat:
    return service.add_format(session, id_ or db.new_id(), name=name, layout=layout, actor=ALICE, now=NOW)


def test_a_paper_is_kept_once_chosen_and_retired(session: Session) -> None:
    first = add(session, " Roll  50 ")
    assert add(session, "Roll 50", id_=first.id).id == first.id
    assert queries.find_format(session, "").key == "roll"

    for _time in range(2):
        service.choose_default_format(session, first.id, actor=ALICE, now=NOW)
    assert (queries.find_format(session, "").name, queries.find_format(session, "").layout) == ("Roll 50", SMALL_ROLL)
    second = add(session, "Roll 51", layout=replace(SMALL_ROLL, width_mm=51.25))
    service.choose_default_format(session, second.id, actor=ALICE, now=NOW)
    assert queries.find_format(session, "").layout.width_mm == 51.25

    for _time in range(2):
        service.retire_format(session, second.id, actor=ALICE, now=NOW)
    assert queries.find_format(session, "").key == "roll"
    with pytest.raises(FormatNotFound):
        queries.find_format(session, str(second.id))
    with pytest.raises(FormatNotFound):
        service.choose_default_format(session, second.id, actor=ALICE, now=NOW)
    assert add(session, "Roll 51").id != second.id
    kinds = [action for action in actions(session) if action.startswith("label_format")]
    assert kinds == [f"label_format:{what}" for what in ("added", "chosen", "added", "chosen", "retired", "added")]


def test_a_paper_with_a_taken_name_or_without_or_that_does_not_fit_is_refused(session: Session) -> None:
    first = add(session)

    with pytest.raises(FormatNameTaken):
        add(session)
    with pytest.raises(FormatNameMissing):
        add(session, "  ")
    with pytest.raises(LayoutInvalid):
        add(session, "Tiny", layout=Layout(Paper.ROLL, 10, 10))
    with pytest.raises(RequestIdReused):
        add(session, "Other", id_=first.id)
    assert count(session, LabelFormat) == 1


def test_another_hospital_has_its_own_papers(session: Session) -> None:
    first = add(session)
    enter(session, HOSPITAL_B)
    session.expunge_all()

    assert {one.key for one in queries.list_formats(session)} == set(BUILT_IN)
    with pytest.raises(FormatNotFound):
        service.retire_format(session, first.id, actor=GUY, now=NOW)
