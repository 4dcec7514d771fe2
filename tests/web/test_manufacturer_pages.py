"""The address for vigilance of a manufacturer that is already in the catalogue can be added."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from tests.hospital import ALICE, BOB, GUY, HOSPITAL_A, NOW
from tests.pages import Visitor, make_app, words
from tracker import db
from tracker.audit.models import AuditEntry
from tracker.catalogue import queries, service
from tracker.catalogue.rules import NewManufacturer
from tracker.db import Database, transaction


@pytest.fixture
def app(database: Database, tmp_path: Path) -> Flask:
    return make_app(database, tmp_path)


@pytest.fixture
def address(database: Database) -> str:
    """Page of a manufacturer without an address for vigilance."""
    with transaction(database, HOSPITAL_A) as session:
        new = NewManufacturer(name="Amplitude", website="www.amplitude.example")
        made = service.create_manufacturer(session, db.new_id(), new=new, actor=ALICE, now=NOW)
    return f"/manufacturers/{made.id}"


def test_the_pharmacist_adds_the_address_for_vigilance(app: Flask, database: Database, address: str) -> None:
    alice = Visitor(app, database, ALICE)
    assert address in alice.get("/manufacturers").get_data(as_text=True)
    assert "www.amplitude.example" in alice.get(address).get_data(as_text=True)

    answer = alice.post(
        address, {"name": "Another", "vigilance_email": "vigilance@amplitude.example", "website": "w.example"}
    )

    assert (answer.status_code, answer.location) == (303, "/manufacturers")
    with transaction(database, HOSPITAL_A) as session:
        [manufacturer] = queries.list_manufacturers(session)
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "manufacturer:changed")).one()
    assert (manufacturer.name, manufacturer.vigilance_email) == ("Amplitude", "vigilance@amplitude.example")
    assert entry.details == {"vigilance_email": "vigilance@amplitude.example", "website": "w.example"}


def test_a_wrong_address_is_refused_and_kept_on_the_page(app: Flask, database: Database, address: str) -> None:
    answer = Visitor(app, database, ALICE).post(address, {"vigilance_email": "not an address"})

    assert answer.status_code == 422
    assert "This is not an e-mail address." in words(answer)
    assert 'value="not an address"' in answer.get_data(as_text=True)


def test_only_who_writes_the_catalogue_changes_a_manufacturer(app: Flask, database: Database, address: str) -> None:
    assert Visitor(app, database, BOB).get(address).status_code == 403
    assert Visitor(app, database, BOB).post(address, {"vigilance_email": "a@b.fr"}).status_code == 403
    assert Visitor(app, database, GUY).get(address).status_code == 404
    assert Visitor(app, database, GUY).post(address, {"vigilance_email": "a@b.fr"}).status_code == 404
