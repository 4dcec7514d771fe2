"""Printing the labels of units: pages, programs, and the scanner that reads what was printed."""

import base64
import io
from collections.abc import Callable, Sequence

import pypdf
import pypdfium2
import pytest
import zxingcpp
from sqlalchemy import func, select

from tests.gate import Case, make_case
from tests.hospital import ALICE, CHARLIE, DORA, HOSPITAL_A, THEATRE
from tests.pages import words
from tests.stock import make_definition, make_unit
from tests.web.conftest import Person, Program
from tracker import db
from tracker.labels.models import LabelPrint

LogIn = Callable[..., Person]
WithToken = Callable[..., Program]


@pytest.fixture
def numbers(database: db.Database) -> Sequence[str]:
    """Three units without a label."""
    with db.transaction(database, HOSPITAL_A) as session:
        definition_id = make_definition(session, reference="R2", udi_di=None)
        return [make_unit(session, definition_id).number for _unit in range(3)]


def count(database: db.Database) -> int:
    with db.transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(LabelPrint)) or 0


def scanned(pdf: bytes) -> set[str]:
    """Read every page of a PDF from its pixels, as a scanner sees it."""
    pages = pypdfium2.PdfDocument(pdf)
    images = [page.render(scale=300 / 72).to_pil() for page in pages]
    return {f"{symbol.format.name} {symbol.text}" for image in images for symbol in zxingcpp.read_barcodes(image)}


def job(*numbers: str, **more: object) -> dict[str, object]:
    return {"request_id": str(db.new_id()), "numbers": "\n".join(numbers), "paper": "roll", **more}


def test_a_label_is_printed_with_symbols_that_a_scanner_reads_and_logged(
    person: LogIn, database: db.Database, numbers: Sequence[str]
) -> None:
    answer = person(ALICE).post(f"/units/{numbers[0]}/label", {"request_id": str(db.new_id())})

    assert answer.status_code == 200
    assert answer.content_type == "application/pdf"
    assert scanned(answer.data) == {f"DataMatrix {numbers[0]}", f"Code128 {numbers[0]}"}
    assert count(database) == 1


def test_several_labels_go_on_one_sheet_after_those_already_gone(
    person: LogIn, database: db.Database, numbers: Sequence[str]
) -> None:
    answer = person(ALICE).post("/labels/print", job(*numbers, paper="sheet21", used_positions="19"))

    assert len(pypdf.PdfReader(io.BytesIO(answer.data)).pages) == 2
    assert scanned(answer.data) == {f"{kind} {number}" for kind in ("DataMatrix", "Code128") for number in numbers}
    assert count(database) == 3


def test_a_second_print_asks_why_then_says_reprint_and_stands_in_the_log(
    person: LogIn, database: db.Database, numbers: Sequence[str]
) -> None:
    alice = person(ALICE)
    alice.post("/labels/print", job(numbers[0]))

    asked = alice.post(f"/units/{numbers[0]}/label", {"request_id": str(db.new_id())})
    again = alice.post("/labels/print", job(numbers[0], reason="torn"))

    assert asked.status_code == 422
    assert numbers[0] in asked.text
    assert "Write the reason: the labels will be marked as reprints." in words(asked)
    assert "REPRINT" in pypdf.PdfReader(io.BytesIO(again.data)).pages[0].extract_text()
    log = words(alice.get(f"/labels?unit={numbers[0]}"))
    assert "reprint" in log
    assert "torn" in log
    assert count(database) == 2


def test_the_same_form_twice_is_one_print(person: LogIn, database: db.Database, numbers: Sequence[str]) -> None:
    alice, form = person(ALICE), job(numbers[0])

    first, again = (alice.post("/labels/print", form) for _time in range(2))

    assert first.status_code == again.status_code == 200
    assert "REPRINT" not in pypdf.PdfReader(io.BytesIO(again.data)).pages[0].extract_text()
    assert count(database) == 1


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"numbers": ""}, 422, "Scan or type the numbers of the units, T59…"),
        ({"numbers": " , ;"}, 422, "Give between 1 and 500 unit numbers."),
        ({"numbers": "T590000999991"}, 404, "There is no unit T590000999991 here."),
        ({"paper": "papyrus"}, 404, "There is no such format of labels."),
        ({"paper": "sheet21", "used_positions": "30"}, 422, "The sheet has no such place."),
    ],
)
def test_what_cannot_be_printed_is_said_and_nothing_logged(
    person: LogIn, database: db.Database, numbers: Sequence[str], changes: dict[str, object], status: int, said: str
) -> None:
    page = person(ALICE).post("/labels/print", job(numbers[0], **changes))

    assert page.status_code == status
    assert said in words(page)
    assert str(changes.get("numbers", numbers[0])) in page.text
    assert count(database) == 0


def test_the_form_is_filled_from_another_page(person: LogIn, numbers: Sequence[str]) -> None:
    alice = person(ALICE)

    page = alice.post("/labels/new", {"unit": list(numbers)})

    assert page.status_code == 200
    assert all(number in page.text for number in numbers)
    assert "autofocus" not in page.text  # what is scanned would land before the numbers that stand there
    assert "autofocus" in alice.get("/labels/new").text
    assert "No label printed yet" in alice.get("/labels").text
    assert alice.get("/labels?unit=nothing").status_code == 404


def test_a_paper_is_given_with_commas_used_and_retired(person: LogIn, numbers: Sequence[str]) -> None:
    alice = person(ALICE)
    sizes = {"request_id": str(db.new_id()), "name": "Roll 50", "paper": "roll", "width_mm": "50,5", "height_mm": "30"}

    kept = alice.post("/labels/formats", sizes)
    page = alice.get("/labels/formats").text
    address = page.split('action="/labels/formats/')[1].split("/")[0]
    chosen = alice.post(f"/labels/formats/{address}/default")
    pdf = alice.post(f"/units/{numbers[0]}/label", {"request_id": str(db.new_id())}).data
    retired = alice.post(f"/labels/formats/{address}/retire")

    assert (kept.status_code, chosen.status_code, retired.status_code) == (303, 303, 303)
    assert "50.5 × 30" in page
    box = pypdf.PdfReader(io.BytesIO(pdf)).pages[0].mediabox
    assert (round(float(box.width) / 72 * 25.4, 1), round(float(box.height) / 72 * 25.4)) == (50.5, 30)
    assert scanned(pdf) == {f"DataMatrix {numbers[0]}", f"Code128 {numbers[0]}"}
    assert "is offered no longer" in alice.get("/labels/formats").text
    assert "Roll 50" not in alice.get("/labels/new").text


def test_a_paper_that_does_not_fit_is_refused_at_its_field(person: LogIn) -> None:
    sizes = {"name": "Wide", "paper": "a4", "width_mm": "100", "height_mm": "40", "columns": "3", "rows": "2"}

    page = person(ALICE).post("/labels/formats", sizes)
    letters = person(ALICE).post("/labels/formats", {"name": "", "width_mm": "wide"})

    assert page.status_code == letters.status_code == 422
    assert "The labels are wider than the sheet (210 mm)." in words(page)
    assert 'value="100"' in page.text


def test_programs_print_read_the_log_and_keep_papers(program: WithToken, numbers: Sequence[str]) -> None:
    alice = program(ALICE)
    body = {"id": str(db.new_id()), "units": list(numbers[:2])}

    first, again = (alice.post("/api/v1/labels", body).json for _time in range(2))
    refused = alice.post("/api/v1/labels", body | {"id": str(db.new_id())})
    roll = {"id": str(db.new_id()), "name": "Roll 50", "paper": "roll", "width_mm": 50, "height_mm": 30}
    added = alice.post("/api/v1/labels/formats", roll).json
    chosen = alice.post(f"/api/v1/labels/formats/{roll['id']}/default", {}).json["formats"]
    left = alice.post(f"/api/v1/labels/formats/{roll['id']}/retire", {}).json["formats"]

    assert first["labels"] == again["labels"]
    assert len(scanned(base64.b64decode(first["pdf"]))) == 4
    assert (refused.status_code, refused.json["type"]) == (422, "label-reprint-reason-missing")
    assert [line["unit_number"] for line in alice.get(f"/api/v1/labels?unit={numbers[0]}").json["prints"]] == numbers[
        :1
    ]
    assert (added["key"], added["width_mm"]) == (roll["id"], 50)
    assert [one["key"] for one in chosen if one["is_default"]] == [roll["id"]]
    assert [one["key"] for one in left if one["is_default"]] == ["roll"]
    assert len(alice.get("/api/v1/labels/formats").json["formats"]) == 3


def test_the_label_of_a_used_unit_is_refused_at_goods_in_delivery_the_gate_and_the_printer(
    person: LogIn, program: WithToken, database: db.Database
) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        case: Case = make_case(session)
    assert program(CHARLIE).post("/api/v1/uses", case.body()).status_code == 201
    alice, delivery = program(ALICE), {"id": str(db.new_id()), "supplier": "Amplitude"}
    alice.post("/api/v1/receptions", delivery)

    line = alice.post(f"/api/v1/receptions/{delivery['id']}/lines", {"id": str(db.new_id()), "text": case.number})
    checked = alice.post("/api/v1/scans", {"text": case.number, "purpose": "use"}).json
    delivered = person(ALICE).post(
        f"/units/{case.number}/deliver", {"request_id": str(db.new_id()), "ward": str(THEATRE)}
    )
    gate = (
        program(DORA).post("/api/v1/uses/check", {"unit_number": case.number, "patient_id": str(case.patient_id)}).json
    )
    again = program(DORA).post("/api/v1/uses", case.body())
    printed = alice.post("/api/v1/labels", {"id": str(db.new_id()), "units": [case.number]})

    assert (line.json["outcome"], line.json["findings"][0]["code"]) == ("refused", "unit-label-scanned")
    assert (checked["outcome"], checked["findings"][0]["code"]) == ("refused", "unit-not-usable")
    assert delivered.status_code == 409
    assert (gate["is_open"], gate["findings"][0]["code"]) == (False, "unit-already-used")
    assert (again.status_code, again.json["type"]) == (409, "use-refused")
    assert (printed.status_code, printed.json["type"]) == (409, "label-unit-gone")
