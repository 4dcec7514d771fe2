"""Boxes entered by hand: without any code, completed, software by its version, with a photo."""

import io
import re
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import func, select

from scanners.symbols import datamatrix
from tests.bench import PATIENT_LABEL
from tests.hospital import ALICE, HOSPITAL_A
from tests.stock import GTIN, REFERENCE, make_definition, make_manufacturer
from tests.web.conftest import Person
from tracker import db
from tracker.catalogue.rules import DeviceKind
from tracker.devices.models import Device
from tracker.documents.models import Document
from tracker.reception import queries

LogIn = Callable[[object], Person]


def lines(database: db.Database, bench: UUID) -> list[queries.LineView]:
    with db.transaction(database, HOSPITAL_A) as session:
        return list(queries.list_lines(session, bench))


def count(database: db.Database, table: type[db.Base]) -> int:
    with db.transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_device_without_code_is_entered_by_hand_and_marked(person: LogIn, bench: UUID, database: db.Database) -> None:
    alice = person(ALICE)
    entry = {"reference": REFERENCE, "lot": "A1", "request_id": str(db.new_id())}

    answer = alice.post(f"/receptions/{bench}/by-hand", entry)

    assert answer.status_code == 303
    line = lines(database, bench)[0]
    assert line.entry_method.value == "manual"
    assert "entered-by-hand" in {finding.code for finding in line.findings}
    assert line.raw_scan is None


def test_an_incomplete_entry_says_what_is_missing_and_keeps_what_was_typed(person: LogIn, bench: UUID) -> None:
    page = person(ALICE).post(f"/receptions/{bench}/by-hand", {"reference": REFERENCE, "expiration_date": "2040-02-31"})

    assert page.status_code == 422
    assert REFERENCE in page.text
    assert "Write the lot or the serial number." in page.text
    assert "2040-02-31" in page.text


def test_software_is_entered_by_its_version_without_lot_and_date(
    person: LogIn, bench: UUID, database: db.Database
) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        make_definition(session, reference="SOFT-1", udi_di=None, kind=DeviceKind.SOFTWARE)
    alice, entry = person(ALICE), {"reference": "SOFT-1", "request_id": str(db.new_id())}

    asked = alice.post(f"/receptions/{bench}/by-hand", entry)
    with_lot = alice.post(f"/receptions/{bench}/by-hand", entry | {"lot": "TYPED"})
    done = alice.post(f"/receptions/{bench}/by-hand", entry | {"software_version": "2.1"})

    assert (asked.status_code, with_lot.status_code, done.status_code) == (422, 422, 303)
    assert "This device is software: write its version." in asked.text
    assert not any(f'name="{name}"' in asked.text for name in ("lot", "expiration_date", "count"))
    assert 'value="TYPED"' in with_lot.text
    assert lines(database, bench)[0].definition_id is not None


def test_a_version_does_not_stand_for_the_lot_of_an_implant(person: LogIn, bench: UUID) -> None:
    entry = {"reference": REFERENCE, "software_version": "2.1", "request_id": str(db.new_id())}

    answer = person(ALICE).post(f"/receptions/{bench}/by-hand", entry)

    assert answer.status_code == 422
    assert "Write the lot or the serial number." in answer.text
    assert 'value="2.1"' in answer.text


def test_a_scan_without_lot_is_completed_by_hand(person: LogIn, bench: UUID, database: db.Database) -> None:
    alice = person(ALICE)
    alone = {"raw": f"]d201{GTIN}", "alone": "1", "request_id": str(db.new_id())}
    alice.fragment(f"/receptions/{bench}/lines", alone)
    refused = lines(database, bench)[0]

    page = alice.get(f"/receptions/{bench}/by-hand?line={refused.id}")
    alice.post(
        f"/receptions/{bench}/by-hand", {"from_line": str(refused.id), "lot": "A1", "request_id": str(db.new_id())}
    )

    assert page.status_code == 200
    newest = lines(database, bench)[0]
    assert (newest.outcome.value, newest.lot_number) == ("accepted", "A1")
    assert newest.raw_scan == f"]d201{GTIN}".encode()


def test_a_reference_of_two_manufacturers_asks_for_one(person: LogIn, bench: UUID, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        other = make_definition(
            session, reference=REFERENCE, udi_di=None, manufacturer_id=make_manufacturer(session, "Serf")
        )
    alice = person(ALICE)

    page = alice.post(f"/receptions/{bench}/by-hand", {"reference": REFERENCE, "lot": "A1"})
    alice.post(f"/receptions/{bench}/by-hand", {"reference": REFERENCE, "lot": "A1", "definition": str(other)})

    assert page.status_code == 422
    assert "Serf" in page.text
    assert lines(database, bench)[0].definition_id == other


def test_identical_units_entered_by_hand_get_one_number_each(person: LogIn, bench: UUID, database: db.Database) -> None:
    entry = {"reference": REFERENCE, "lot": "A1", "count": "3", "request_id": str(db.new_id())}

    person(ALICE).post(f"/receptions/{bench}/by-hand", entry)

    assert len({line.unit_number for line in lines(database, bench)}) == 3


def by_hand(reference: str, **more: object) -> dict[str, object]:
    return {"reference": reference, "request_id": str(db.new_id())} | more


def test_the_photo_of_a_box_refused_by_hand_is_kept_with_the_refusal_and_goes_with_it_into_the_tray(
    person: LogIn, database: db.Database, bench: UUID
) -> None:
    alice, picture = person(ALICE), datamatrix.png("BOX")
    entry = by_hand("no such thing", lot="A1")

    for _again in range(2):
        sent = entry | {"photo": (io.BytesIO(picture), "box.png")}
        assert alice.post(f"/receptions/{bench}/by-hand", sent).status_code == 303
    page = alice.get(f"/receptions/{bench}").text
    (address,) = re.findall(r'href="(/documents/[^"]+)"[^>]*>Photo of the refused box', page)
    (line,) = lines(database, bench)
    aside = alice.post("/unidentified/new", {"line": str(line.id), "cause": "no_code", "place": "Shelf 4"})
    item = alice.get(aside.headers["Location"]).text
    (kept,) = re.findall(r'href="(/documents/[^"]+)"[^>]*>Open the photo', item)

    assert alice.get(address).data == alice.get(kept).data == picture
    assert count(database, Device) == 0


def test_a_patients_label_on_the_photo_of_a_refused_box_leaves_nothing(
    person: LogIn, database: db.Database, bench: UUID
) -> None:
    entry = by_hand("no such thing", lot="A1", photo=(io.BytesIO(datamatrix.png(PATIENT_LABEL)), "box.png"))

    answer = person(ALICE).post(f"/receptions/{bench}/by-hand", entry)

    assert answer.status_code == 409
    assert "Nothing of it was kept" in answer.text
    assert lines(database, bench) == []
    assert count(database, Document) == 0
