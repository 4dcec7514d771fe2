"""The establishment, its wards and its recipients on PostgreSQL: changed by an administrator, told by the trail."""

from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.bench import actions
from tests.hospital import ALICE, BOB, ERIC, HOSPITAL_A, HOSPITAL_B, NOW, THEATRE, enter
from tests.stock import make_definition, make_delivery, make_unit
from tracker import db
from tracker.actor import Actor
from tracker.audit.models import AuditEntry
from tracker.errors import NotPermitted, RequestIdReused
from tracker.organisation import queries, service
from tracker.organisation.queries import RecipientNotFound, WardNotFound
from tracker.organisation.rules import (
    EstablishmentData,
    EstablishmentInvalid,
    RecipientKnown,
    RecipientPurpose,
    WardClosed,
    WardCodeTaken,
    WardData,
)

HOUSE = EstablishmentData(
    "Hôpital A", "750000001", "1 rue de l'Essai, 75013 Paris", "01 00 00 00 00", "a@hospital-1.test"
)
WARD = WardData("ORTHO", "Orthopédie")


def last_entry(session: Session) -> AuditEntry:
    return session.scalars(select(AuditEntry).order_by(AuditEntry.sequence.desc()).limit(1)).one()


def change(session: Session, data: EstablishmentData, *, actor: Actor = ERIC) -> None:
    service.change_establishment(session, data=data, actor=actor, now=NOW)


def add(session: Session, data: WardData = WARD, *, id_: UUID | None = None) -> UUID:
    return service.add_ward(session, id_ or db.new_id(), data=data, actor=ERIC, now=NOW).id


def test_the_trail_keeps_what_the_establishment_was(session: Session) -> None:
    change(session, HOUSE)
    before = actions(session)
    change(session, HOUSE)

    assert queries.get_establishment(session, HOSPITAL_A).email == "a@hospital-1.test"
    assert last_entry(session).details == {"email": "contact@hospital-1.test → a@hospital-1.test"}
    assert actions(session) == before
    assert queries.get_establishment(session, HOSPITAL_B).name == "Hôpital B"


def test_an_odd_establishment_changes_nothing(session: Session) -> None:
    with pytest.raises(EstablishmentInvalid):
        change(session, EstablishmentData("", "1", ""))

    assert queries.get_establishment(session, HOSPITAL_A).name == "Hôpital A"


@pytest.mark.parametrize("actor", [ALICE, BOB])
def test_only_an_administrator_changes_anything(session: Session, actor: Actor) -> None:
    purpose = RecipientPurpose.INCIDENT_COPY
    acts = [
        lambda: change(session, HOUSE, actor=actor),
        lambda: service.add_ward(session, db.new_id(), data=WARD, actor=actor, now=NOW),
        lambda: service.change_ward(session, THEATRE, data=WARD, actor=actor, now=NOW),
        lambda: service.add_recipient(session, db.new_id(), purpose=purpose, email="a@b.test", actor=actor, now=NOW),
        lambda: service.remove_recipient(session, UUID(int=THEATRE.int + 1), actor=actor, now=NOW),
    ]

    for act in acts:
        with pytest.raises(NotPermitted):
            act()


def test_a_ward_is_added_once_and_its_code_belongs_to_it(session: Session) -> None:
    ward_id = add(session)

    assert add(session, id_=ward_id) == ward_id
    assert actions(session).count("ward:added") == 1
    with pytest.raises(WardCodeTaken):
        add(session)
    with pytest.raises(RequestIdReused):
        add(session, WardData("OTHER", "Other"), id_=ward_id)
    with pytest.raises(WardCodeTaken):
        service.change_ward(session, ward_id, data=WardData("BLOC", "Bloc"), actor=ERIC, now=NOW)
    assert queries.get_ward(session, ward_id).code == "ORTHO"


def test_a_closed_ward_is_offered_no_longer_and_receives_nothing(session: Session) -> None:
    number = make_unit(session, make_definition(session)).number
    closed = WardData("BLOC", "Bloc opératoire", is_active=False)

    service.change_ward(session, THEATRE, data=closed, actor=ERIC, now=NOW)

    assert last_entry(session).details == {"is_active": "True → False"}
    assert queries.list_wards(session) == []
    assert [ward.id for ward in queries.list_all_wards(session)] == [THEATRE]
    with pytest.raises(WardClosed):
        make_delivery(session, number)


def test_another_hospital_finds_neither_ward_nor_recipient(session: Session) -> None:
    enter(session, HOSPITAL_B)

    with pytest.raises(WardNotFound):
        service.change_ward(session, THEATRE, data=WARD, actor=ERIC, now=NOW)
    with pytest.raises(RecipientNotFound):
        service.remove_recipient(session, UUID(int=THEATRE.int + 1), actor=ERIC, now=NOW)


def test_a_recipient_is_added_once_removed_once_and_may_come_back(session: Session) -> None:
    purpose, email = RecipientPurpose.INCIDENT_COPY, "direction@hospital-1.test"
    one = service.add_recipient(session, db.new_id(), purpose=purpose, email=email, actor=ERIC, now=NOW)

    assert service.add_recipient(session, one.id, purpose=purpose, email=email, actor=ERIC, now=NOW).id == one.id
    with pytest.raises(RecipientKnown):
        service.add_recipient(session, db.new_id(), purpose=purpose, email=email, actor=ERIC, now=NOW)
    assert queries.list_recipients(session, purpose) == [email]

    for _time in range(2):
        service.remove_recipient(session, one.id, actor=ERIC, now=NOW)
    assert queries.list_recipients(session, purpose) == []
    assert actions(session).count("recipient:removed") == 1

    service.add_recipient(session, db.new_id(), purpose=purpose, email=email, actor=ERIC, now=NOW)
    assert queries.list_recipients(session, purpose) == [email]
    assert queries.list_recipients(session, RecipientPurpose.DEROGATION_WARNING) == ["pharmacie@hospital-1.test"]
