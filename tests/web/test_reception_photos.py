"""Photos and PDFs on the bench: the codes of one label, of several, on several pages."""

import html
import io
import re
from collections.abc import Callable
from uuid import UUID

from PIL import Image
from sqlalchemy import func, select

from scanners.symbols import datamatrix
from tests.hospital import ALICE, HOSPITAL_A
from tests.stock import GTIN
from tests.web.conftest import Person
from tracker import db
from tracker.devices.models import Device
from tracker.reception import queries

LogIn = Callable[[object], Person]


def lines(database: db.Database, bench: UUID) -> list[queries.LineView]:
    with db.transaction(database, HOSPITAL_A) as session:
        return list(queries.list_lines(session, bench))


def count(database: db.Database, table: type[db.Base]) -> int:
    with db.transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def pictures(*texts: str) -> bytes:
    """Return a photo on which several Data Matrices stand side by side."""
    symbols = [Image.open(io.BytesIO(datamatrix.png(text, scale=6))).convert("L") for text in texts]
    view = Image.new("L", (sum(one.width + 80 for one in symbols) + 80, max(one.height for one in symbols) + 160), 255)
    left = 80
    for one in symbols:
        view.paste(one, (left, 80))
        left += one.width + 80
    written = io.BytesIO()
    view.save(written, "PNG")
    return written.getvalue()


def photographed(*texts: str) -> dict[str, object]:
    return {"photo": (io.BytesIO(pictures(*texts)), "box.png"), "request_id": str(db.new_id())}


def test_two_codes_of_one_label_on_a_photo_are_one_unit(person: LogIn, database: db.Database, bench: UUID) -> None:
    sent = photographed(f"(01){GTIN}", "(17)400131(10)A1")

    card = person(ALICE).fragment(f"/receptions/{bench}/lines", sent)

    (line,) = lines(database, bench)
    assert 'data-outcome="accepted"' in card.text
    assert (line.lot_number, line.entry_method.value) == ("A1", "photo")
    assert (line.raw_scan or b"").count(b"\n") == 1
    assert count(database, Device) == 1


def test_a_person_ticks_which_codes_of_a_photo_are_of_one_box(
    person: LogIn, database: db.Database, bench: UUID
) -> None:
    alice = person(ALICE)
    texts = [f"(01){GTIN}(17)400131(10)A1", f"(01){GTIN}(17)400131(10)B2"]

    card = alice.fragment(f"/receptions/{bench}/lines", photographed(*texts))
    assert count(database, Device) == 0
    values = [html.unescape(value) for value in re.findall(r'name="symbol" value="([^"]+)"', card.text)]
    chosen = alice.fragment(f"/receptions/{bench}/lines", {"symbol": values[1], "request_id": str(db.new_id())})
    both = alice.fragment(f"/receptions/{bench}/lines", {"symbol": values, "request_id": str(db.new_id())})
    odd = alice.fragment(f"/receptions/{bench}/lines", {"symbol": "no JSON", "request_id": str(db.new_id())})

    assert len(values) == 2
    assert "<polygon" in card.text
    assert 'data-outcome="accepted"' in chosen.text
    assert (both.status_code, odd.status_code) == (422, 422)
    assert count(database, Device) == 1
    assert {line.lot_number for line in lines(database, bench)} <= {"A1", "B2"}


def test_the_pages_of_a_pdf_are_read_one_after_the_other(person: LogIn, database: db.Database, bench: UUID) -> None:
    pages = [Image.open(io.BytesIO(pictures(text))) for text in (f"(01){GTIN}(10)A1", f"(01){GTIN}(10)B2")]
    written = io.BytesIO()
    pages[0].save(written, "PDF", save_all=True, append_images=pages[1:], resolution=150)
    sent = {"photo": (io.BytesIO(written.getvalue()), "labels.pdf"), "request_id": str(db.new_id())}

    card = person(ALICE).fragment(f"/receptions/{bench}/lines", sent)

    assert "page 2" in card.text
    assert count(database, Device) == 0
