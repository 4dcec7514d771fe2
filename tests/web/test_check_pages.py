"""The check of a device, through its page."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import func, select

from tests.hospital import ALICE, CHARLIE, ERIC, FANNY, HOSPITAL_A
from tests.stock import GTIN, a_hold, make_definition, make_unit
from tests.web.conftest import Person
from tracker import db
from tracker.devices.models import Device
from tracker.reception.models import ReceptionLine

LABEL = f"]d201{GTIN}1740013110A1"
LOST = f"01{GTIN}1740013110A12199"
PATIENT = (
    "IS010000000000000000000000S1280129999999969S21.2.250.1.213.1.4.10S3MARIE CLAIRE\x1dS4EXEMPLE\x1dS5FS612-12-1980"
)
LogIn = Callable[[object], Person]


def count(database: db.Database, table: type[db.Base]) -> int:
    with db.transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_pharmacist_may_ask_either_question(person: LogIn, bench: UUID) -> None:
    alice = person(ALICE)

    assert "unit-label-needed" in alice.post("/scan", {"raw": LABEL, "purpose": "use"}).text
    assert "unit-label-needed" not in alice.post("/scan", {"raw": LABEL, "purpose": "receive"}).text
    assert "unit-label-needed" not in alice.post("/scan", {"raw": LABEL, "purpose": "nonsense"}).text


def test_a_surgeon_asks_whether_a_device_may_be_used(person: LogIn, bench: UUID, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        definition_id = make_definition(session, reference="R2", udi_di=None)
        good = make_unit(session, definition_id)
        held = make_unit(session, definition_id, hold=a_hold())
    charlie = person(CHARLIE)

    answers = {unit.number: charlie.fragment("/scan", {"raw": unit.number}).text for unit in (good, held)}

    assert "derogation-none" in answers[good.number]
    assert "unit-on-hold" in answers[held.number]
    assert "May I use it?" in charlie.get("/scan").text
    assert "unit-label-needed" in charlie.post("/scan", {"raw": LABEL}).text


def test_the_check_writes_nothing_and_answers_a_patients_label(
    person: LogIn, bench: UUID, database: db.Database
) -> None:
    alice = person(ALICE)

    accepted = alice.fragment("/scan", {"raw": LABEL})
    patient = alice.post("/scan", {"raw": PATIENT})

    assert 'data-outcome="accepted"' in accepted.text
    assert "patient-label" in patient.text
    assert "EXEMPLE" not in patient.text
    assert alice.post("/scan", {"raw": ""}).status_code == 422
    assert count(database, Device) == count(database, ReceptionLine) == 0


@pytest.mark.parametrize("actor", [ERIC, FANNY])
def test_who_has_no_device_in_hand_has_no_check_page(person: LogIn, actor: object) -> None:
    assert person(actor).get("/scan").status_code == 403
