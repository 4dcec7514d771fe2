"""The slip of a delivery."""

from collections.abc import Callable
from decimal import Decimal

import pypdfium2 as pdfium

from scanners import scan
from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_A
from tests.web.conftest import Person
from tracker import clock, db
from tracker.actor import Actor
from tracker.arrivals import service as arrivals
from tracker.arrivals.queries import NewReception
from tracker.arrivals.rules import AnnouncedLine, Conditions, Seen
from tracker.devices.rules import EntryMethod
from tracker.reception import service
from tracker.verdicts.queries import Box


def test_the_slip_prints_what_stands_and_leaves_out_what_was_taken_back(
    person: Callable[[Actor], Person], database: db.Database
) -> None:
    now = clock.utc_now()
    with db.transaction(database, HOSPITAL_A) as session:
        new = NewReception(supplier="Amplitude", delivery_note="BL-77")
        bench = arrivals.open_reception(session, db.new_id(), new=new, actor=ALICE, now=now).id
        seen = Conditions(seals=Seen.DAMAGED, measured=Decimal("9.5"), remark="tape cut")
        arrivals.record_conditions(session, db.new_id(), reception_id=bench, seen=seen, actor=ALICE, now=now)
        lines = [AnnouncedLine("EXPECTED-9", 7)]
        arrivals.announce(session, db.new_id(), reception_id=bench, lines=lines, replaces_id=None, actor=ALICE, now=now)
        for text in ("STANDS-1", "MISTAKE-2"):
            box = Box(scan(text, reference_date=clock.paris_day(now)), EntryMethod.SCANNED)
            (line,) = service.receive(
                session, db.new_id(), reception_id=bench, box=box, actor=ALICE, now=now, today=clock.paris_day(now)
            )
        service.correct_line(session, db.new_id(), line_id=line.id, reason="twice", actor=ALICE, now=now)

    answer = person(ALICE).get(f"/receptions/{bench}/slip")

    with pdfium.PdfDocument(answer.data) as document:
        printed = "".join(page.get_textpage().get_text_range() for page in document)
    assert answer.content_type == "application/pdf"
    assert "BL-77" in printed
    assert "STANDS-1" in printed
    assert "MISTAKE-2" not in printed
    assert "EXPECTED-9 any 7 0 0 0 7 0" in " ".join(printed.split())
    assert "9.5 °C" in printed
    assert "tape cut" in printed
    assert f"/receptions/{bench}/slip" in person(ALICE).get(f"/receptions/{bench}").text
    assert person(GUY).get(f"/receptions/{bench}/slip").status_code == 404
    assert person(CHARLIE).get(f"/receptions/{bench}/slip").status_code == 403
