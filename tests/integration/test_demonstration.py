"""The demonstration hospital: a newcomer finds every room lived in, whenever they come, and nothing of it is faked."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import func, select

from scanners import scan
from tests.conftest import DatabaseMaker
from tests.hospital import KEYRING
from tracker import clock, commands, db, demonstration, diary
from tracker.actor import system_actor
from tracker.arrivals import queries as arrivals
from tracker.arrivals.rules import DeliveryState
from tracker.audit import service as audit
from tracker.audit.models import AuditEntry
from tracker.db import Database
from tracker.derogations import queries as derogations
from tracker.derogations.rules import DerogationStatus
from tracker.devices.models import Device, Hold
from tracker.devices.rules import EntryMethod, HoldCause, UnitState
from tracker.documents.models import Document, DocumentKind
from tracker.errors import TraceError
from tracker.examinations import service as examinations
from tracker.findings.rules import Outcome
from tracker.operations.models import PlannedOperation
from tracker.outbox.models import Message
from tracker.recaps import queries as recaps
from tracker.reception.models import ReceptionLine
from tracker.requests.models import DerogationRequest
from tracker.requests.rules import RequestState
from tracker.samples.documents import barcodes_on
from tracker.stocktaking import queries as stocktaking
from tracker.stocktaking.models import StockCount
from tracker.stocktaking.rules import Difference
from tracker.unidentified.models import UnidentifiedItem
from tracker.verdicts import queries as verdicts
from tracker.verdicts.queries import Box
from tracker.verdicts.rules import Purpose

HOSPITAL = demonstration.ESTABLISHMENT_ID
NOON = datetime(2027, 3, 1, 11, 0, tzinfo=UTC)
SECONDS_AFTER_MIDNIGHT = datetime(2028, 2, 28, 23, 0, 30, tzinfo=UTC)  # 29 February in Paris


@pytest.fixture(scope="module")
def lived_in(make_database: DatabaseMaker, template: str) -> Iterator[Database]:
    """Database with the demonstration hospital, as ``make run`` loads it now."""
    name = make_database.copy(template)
    opened = db.create_database(make_database.app_url(name), KEYRING)
    assert commands.load_demonstration(opened)
    yield opened
    opened.dispose()
    make_database.drop(name)


@pytest.fixture
def house(lived_in: Database) -> Iterator[db.Session]:
    """Transaction of the demonstration hospital."""
    with db.transaction(lived_in, HOSPITAL) as session:
        yield session


def today() -> date:
    return clock.paris_day(clock.utc_now())


def test_a_newcomer_meets_units_in_every_state_that_a_hospital_knows(house: db.Session) -> None:
    states = set(house.scalars(select(Device.state).distinct()))

    assert states == set(UnitState)


def test_quarantine_and_holds_have_every_cause(house: db.Session) -> None:
    assert set(house.scalars(select(Hold.cause).where(Hold.closed_at.is_(None)).distinct())) == set(HoldCause)


def test_derogations_are_in_force_ending_soon_suspended_and_ended(house: db.Session) -> None:
    lines = derogations.read_lines(house, derogations.LINES, day=today(), known_at=clock.utc_now())

    statuses = {line.status for line in lines}
    soon = [one for one in lines if one.valid_until and today() <= one.valid_until <= today() + timedelta(days=30)]

    assert statuses >= {DerogationStatus.IN_FORCE, DerogationStatus.SUSPENDED, DerogationStatus.ENDED}
    assert soon


def test_deliveries_are_open_closed_and_awaiting_their_rest(house: db.Session) -> None:
    states = {
        delivery: arrivals.state_of_delivery(house, arrivals.get_reception(house, demonstration.id_of(delivery)))
        for delivery in ("bl-1042", "bl-1101", "bl-1187")
    }

    assert list(states.values()) == [DeliveryState.CLOSED, DeliveryState.PARTIAL, DeliveryState.OPEN]
    assert arrivals.find_announcement(house, demonstration.id_of("bl-1187"))
    assert set(house.scalars(select(ReceptionLine.outcome).distinct())) == set(Outcome)


def test_patients_were_told_and_have_their_papers_and_both_reports_lie_in_the_outbox(house: db.Session) -> None:
    kinds = dict(house.execute(select(Document.kind, func.count()).group_by(Document.kind)).all())

    assert kinds[DocumentKind.PATIENT_DOCUMENT] == kinds[DocumentKind.IMPLANT_CARD] == 4
    assert {DocumentKind.REPORT_ANSM, DocumentKind.REPORT_MANUFACTURER, DocumentKind.REQUEST_DOSSIER} <= set(kinds)
    assert all(address.endswith(".example") for address in house.scalars(select(Message.recipient)))


def test_somebody_has_something_to_do_in_every_office(house: db.Session) -> None:
    count = house.scalars(select(StockCount)).one()
    requests = set(house.scalars(select(DerogationRequest.state)))

    assert [one.difference for one in stocktaking.list_differences(house, count)] == [Difference.MISSING]
    assert requests == {RequestState.DRAFTING, RequestState.GIVEN}
    assert house.scalar(select(func.count()).select_from(UnidentifiedItem)) == 1
    assert house.scalar(select(func.count()).select_from(PlannedOperation)) == 2
    assert examinations.note_required(house, actor=system_actor(HOSPITAL), now=clock.utc_now()) == 4
    assert [
        one.standing.designation for one in recaps.list_due(house, today=today(), now=clock.utc_now(), lead_days=45)
    ] == ["Inserts de révision DÉMO-ÉPAULE (fictif)"]


def test_the_trail_holds_and_goes_forward_in_time(house: db.Session) -> None:
    instants = house.scalars(select(AuditEntry.at).order_by(AuditEntry.sequence)).all()
    _count, broken = audit.verify_chain(house, HOSPITAL)

    assert broken is None
    assert all(earlier <= later for earlier, later in pairwise(instants))
    assert instants[-1] <= clock.utc_now()


@pytest.mark.parametrize("barcode", commands.demonstration_content()["barcodes"], ids=lambda one: one["key"])
def test_a_barcode_to_try_does_what_it_promises(barcode: dict[str, str], house: db.Session) -> None:
    [shown] = barcodes_on([barcode], today())
    said = {"Accepté": Outcome.ACCEPTED, "Refusé": Outcome.REFUSED}
    promised = next((outcome for word, outcome in said.items() if barcode["fr"].startswith(word)), None)
    box = Box(scan(shown.text, reference_date=today(), group_separator_known=False), EntryMethod.SCANNED)

    found = verdicts.assess(house, box, purpose=Purpose.RECEIVE, today=today(), now=clock.utc_now())

    assert promised is None or found.verdict.outcome is promised


@pytest.mark.parametrize("now", [NOON, SECONDS_AFTER_MIDNIGHT], ids=["noon", "just-after-midnight-of-29-february"])
def test_it_makes_sense_on_any_day(now: datetime, database: Database) -> None:
    content, acts = commands.demonstration_content(), commands.demonstration_diary()
    with db.transaction(database, HOSPITAL) as session:
        assert demonstration.open_house(session, content, commands.real_registers(), now=now)
        diary.play(session, content, acts, now=now)

    with db.transaction(database, HOSPITAL) as session:
        instants = session.scalars(select(AuditEntry.at).order_by(AuditEntry.sequence)).all()
        assert instants == sorted(instants)
        assert instants[-1] <= now


def test_loading_it_again_changes_nothing(lived_in: Database) -> None:
    with db.transaction(lived_in, HOSPITAL) as session:
        before = audit.verify_chain(session, HOSPITAL)

    assert not commands.load_demonstration(lived_in)
    assert not commands.load_house(lived_in)

    with db.transaction(lived_in, HOSPITAL) as session:
        assert audit.verify_chain(session, HOSPITAL) == before


def test_an_act_that_cannot_be_done_leaves_no_half_hospital(database: Database) -> None:
    content, acts = commands.demonstration_content(), commands.demonstration_diary()
    with db.transaction(database, HOSPITAL) as session:
        demonstration.open_house(session, content, commands.real_registers(), now=NOON)
        with pytest.raises(TraceError):
            diary.play(session, content, [*acts[:6], acts[5]], now=NOON)
        session.rollback()

    assert commands.load_house(database)
