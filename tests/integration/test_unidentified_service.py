"""The tray on PostgreSQL: what is put aside, what becomes of it, once, by whom, and what leaves no trace."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from scanners import Udi
from tests.bench import PATIENT_LABEL, actions, count, counted, every_row, open_one
from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_B, NOW, TODAY, enter
from tests.stock import REFERENCE, make_definition, make_derogation, make_manufacturer
from tracker import db
from tracker.actor import Actor
from tracker.arrivals import service as arrivals
from tracker.arrivals.service import ReceptionClosed
from tracker.documents.models import Document
from tracker.documents.service import FileRefused, read_document
from tracker.errors import NotPermitted, RequestIdReused
from tracker.findings.rules import Outcome
from tracker.reception.queries import LineView
from tracker.unidentified import queries, service
from tracker.unidentified.models import UnidentifiedItem, UnidentifiedOutcome
from tracker.unidentified.queries import ItemNotFound, ItemView
from tracker.unidentified.rules import Cause, Disposition, ItemIncomplete, ReasonMissing
from tracker.unidentified.service import Identity, ItemClosed, NewItem, PatientLabelAside

PHOTO = b"\x89PNG\r\n\x1a\n and so on"
NEW = NewItem(Cause.UNREADABLE, "Shelf 4", description="blue box", raw="garbled\x1d", photo=PHOTO, photo_name="box.png")


def put(session: Session, new: NewItem = NEW, *, item_id: UUID | None = None, actor: Actor = ALICE) -> ItemView:
    return service.put_aside(session, item_id or db.new_id(), new=new, actor=actor, now=NOW, today=TODAY)


def identified(session: Session, *, lot: str = "A1", expiry: date | None = None) -> Identity:
    maker = make_manufacturer(session)
    make_definition(session, manufacturer_id=maker)
    make_derogation(session, maker)
    return Identity(open_one(session), Udi(reference=REFERENCE, lot=lot, expiration_date=expiry))


def receive(
    session: Session, item_id: UUID, identity: Identity, *, line_id: UUID | None = None, actor: Actor = ALICE
) -> LineView:
    return service.receive_item(
        session, item_id, line_id=line_id or db.new_id(), identity=identity, actor=actor, now=NOW, today=TODAY
    )


def dispose(
    session: Session, item_id: UUID, *, outcome_id: UUID | None = None, reason: str = "sent back", actor: Actor = ALICE
) -> ItemView:
    return service.dispose(
        session,
        item_id,
        outcome_id=outcome_id or db.new_id(),
        disposition=Disposition.RETURNED,
        reason=reason,
        actor=actor,
        now=NOW,
    )


def test_a_box_is_put_aside_with_its_photo_frozen_and_audited(session: Session) -> None:
    delivery = open_one(session)

    item = put(session, replace(NEW, reception_id=delivery))

    assert (item.place, item.raw_text, item.reception_id) == ("Shelf 4", "garbled\x1d", delivery)
    assert item.reception_number is not None
    assert item.document_id is not None
    document, content = read_document(session, item.document_id, actor=ALICE, now=NOW)
    assert (content, document.subject) == (PHOTO, f"unidentified_item:{item.id}")
    assert actions(session)[-1] == "unidentified:put_aside"
    assert queries.count_open(session) == 1


def test_the_same_request_again_is_the_same_box_with_one_photo(session: Session) -> None:
    request = db.new_id()

    first, again = put(session, item_id=request), put(session, item_id=request)

    assert first == again
    assert (count(session, UnidentifiedItem), count(session, Document)) == (1, 1)
    with pytest.raises(RequestIdReused):
        put(session, replace(NEW, place="Elsewhere"), item_id=request)


@pytest.mark.parametrize(
    ("new", "refusal"),
    [
        (replace(NEW, place=" "), ItemIncomplete),
        (NewItem(Cause.OTHER, "Shelf 4"), ItemIncomplete),
        (replace(NEW, photo=b"no picture"), FileRefused),
        (replace(NEW, raw=PATIENT_LABEL), PatientLabelAside),
        (replace(NEW, texts_on_photo=("]d2010370", PATIENT_LABEL)), PatientLabelAside),
    ],
)
def test_what_may_not_be_kept_leaves_nothing(session: Session, new: NewItem, refusal: type[Exception]) -> None:
    before = every_row(session)

    with pytest.raises(refusal):
        put(session, new)

    assert every_row(session) == before
    assert "EXEMPLE" not in before


def test_who_may_not_receive_touches_nothing(session: Session) -> None:
    item, identity = put(session), identified(session)

    for act in (
        lambda: put(session, actor=CHARLIE),
        lambda: receive(session, item.id, identity, actor=CHARLIE),
        lambda: dispose(session, item.id, actor=CHARLIE),
    ):
        with pytest.raises(NotPermitted):
            act()
    assert (count(session, UnidentifiedItem), count(session, UnidentifiedOutcome)) == (1, 0)


def test_an_identified_box_is_received_with_the_verdict_of_any_box(session: Session) -> None:
    item, identity = put(session), identified(session)

    line = receive(session, item.id, identity)

    closed = queries.get_item(session, item.id).outcome
    assert line.outcome is Outcome.ACCEPTED
    assert "entered-by-hand" in [finding.code for finding in line.findings]
    assert closed is not None
    assert (closed.disposition, closed.unit_number) == (Disposition.RECEIVED, line.unit_number)
    assert queries.count_open(session) == 0
    assert actions(session)[-1] == "unidentified:received"


def test_a_refused_box_stays_in_the_tray_and_may_be_sent_back(session: Session) -> None:
    item, identity = put(session), identified(session, expiry=date(2020, 1, 1))

    line = receive(session, item.id, identity)
    assert line.outcome is Outcome.REFUSED
    assert queries.count_open(session) == 1
    closed = dispose(session, item.id).outcome

    assert closed is not None
    assert (closed.disposition, closed.reason, closed.actor_name) == (Disposition.RETURNED, "sent back", "Alice Test")
    assert actions(session)[-1] == "unidentified:returned"


def test_what_became_of_a_box_is_written_once(session: Session) -> None:
    received, returned = put(session), put(session)
    identity, line_id, outcome_id = identified(session), db.new_id(), db.new_id()
    first = receive(session, received.id, identity, line_id=line_id)
    dispose(session, returned.id, outcome_id=outcome_id)

    assert receive(session, received.id, identity, line_id=line_id).id == first.id
    assert dispose(session, returned.id, outcome_id=outcome_id).outcome is not None
    assert count(session, UnidentifiedOutcome) == 2
    for act in (
        lambda: receive(session, received.id, identity),
        lambda: receive(session, returned.id, identity),
        lambda: dispose(session, received.id),
        lambda: dispose(session, returned.id),
    ):
        with pytest.raises(ItemClosed):
            act()


def test_without_a_reason_or_an_open_delivery_the_box_stays(session: Session) -> None:
    item, identity = put(session), identified(session)
    arrivals.close_reception(session, identity.reception_id, actor=ALICE, now=NOW)

    with pytest.raises(ReasonMissing):
        dispose(session, item.id, reason=" ")
    with pytest.raises(ReceptionClosed):
        receive(session, item.id, identity)
    assert queries.count_open(session) == 1


def test_another_hospital_has_another_tray(session: Session) -> None:
    item = put(session)

    enter(session, HOSPITAL_B)

    assert queries.count_open(session) == 0
    with pytest.raises(ItemNotFound):
        dispose(session, item.id, actor=GUY)


def test_the_tray_is_paged_in_one_statement(session: Session) -> None:
    numbers = [put(session).number for _ in range(3)]
    dispose(session, put(session).id)

    with counted(session) as statements:
        page = queries.list_items(session, is_open=True, before=numbers[2], limit=9)

    assert [item.number for item in page] == [numbers[1], numbers[0]]
    assert len(queries.list_items(session, is_open=False, before=None, limit=9)) == 1
    assert len(statements) == 1


@pytest.mark.parametrize(
    "rewriting",
    [
        "update unidentified_outcome set reason = 'x'",
        "update unidentified_item set place = 'x'",
        "delete from unidentified_item",
    ],
)
def test_the_database_refuses_to_rewrite_the_tray(session: Session, rewriting: str) -> None:
    dispose(session, put(session).id)

    with pytest.raises(DBAPIError):
        session.execute(text(rewriting))
