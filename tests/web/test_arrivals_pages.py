"""Deliveries through the pages and the API: state on arrival, expected lines, summary, closing, the rest."""

import io
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from tests.bench import counted
from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_A
from tests.stock import GTIN, REFERENCE, make_definition, make_derogation, make_manufacturer
from tests.web.conftest import Person, Program
from tracker import clock, db
from tracker.arrivals import queries, service
from tracker.arrivals.rules import AnnouncedLine, Ownership, Seen

LogIn = Callable[[object], Person]
LABEL = f"]d201{GTIN}1740013110A1"
_HIDDEN = re.compile(r'name="(request_id|replaces)"[^>]*value="([^"]*)"')
_LINES = re.compile(r"<textarea[^>]*>\s*(.*?)</textarea>", re.DOTALL)


@pytest.fixture(autouse=True)
def definition_id(database: db.Database) -> UUID:
    """SCORE under a derogation in force on the day of the test."""
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        found = make_definition(session, manufacturer_id=maker)
        make_derogation(session, maker, valid_until=clock.paris_day(clock.utc_now()) + timedelta(200))
    return found


def open_one(person: Person, **typed: object) -> str:
    return person.post("/receptions/new", {"supplier": "Amplitude", "request_id": str(db.new_id()), **typed}).headers[
        "Location"
    ]


def hidden(page: str) -> dict[str, str]:
    return dict(_HIDDEN.findall(page))


def announced(database: db.Database, address: str) -> tuple[AnnouncedLine, ...]:
    with db.transaction(database, HOSPITAL_A) as session:
        return queries.lines_of(queries.find_announcement(session, UUID(address.rpartition("/")[2])))


def send(person: Person, address: str, **typed: object) -> object:
    """Send the form of expected lines as the page gave it, with what a person typed."""
    return person.post(f"{address}/announced", {**hidden(person.get(f"{address}/announced").text), **typed})


def offered(page: str) -> list[str]:
    return re.findall(
        r'<option value="([^"]*)">', page.partition('<datalist id="suppliers">')[2].partition("</datalist>")[0]
    )


def test_suppliers_of_earlier_deliveries_of_this_establishment_are_offered_once(person: LogIn) -> None:
    alice, theirs = person(ALICE), person(GUY)
    for supplier in ("Zimmer", "Amplitude", "amplitude & fils", "Amplitude"):
        open_one(alice, supplier=supplier)
    open_one(theirs, supplier="Elsewhere")

    page = alice.get("/receptions/new").text

    assert 'list="suppliers"' in page
    assert offered(page) == ["Amplitude", "amplitude &amp; fils", "Zimmer"]
    assert offered(alice.post("/receptions/new", {"supplier": ""}).text) == offered(page)
    assert offered(theirs.get("/receptions/new").text) == ["Elsewhere"]


def test_so_many_suppliers_are_offered_the_latest_in_one_statement(database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        for place in range(queries.MOST_SUPPLIERS + 1):
            new = queries.NewReception(f"Supplier {place:02}")
            service.open_reception(session, db.new_id(), new=new, actor=ALICE, now=clock.utc_now())
        with counted(session) as statements:
            found = queries.list_suppliers(session)

    assert found == [f"Supplier {place:02}" for place in range(1, queries.MOST_SUPPLIERS + 1)]
    assert len(statements) == 1


def test_expected_lines_are_typed_at_once(person: LogIn) -> None:
    alice = person(ALICE)

    assert "autofocus" in alice.get(f"{open_one(alice)}/announced").text


def test_a_loan_with_damaged_seals_is_shown_as_one_and_its_boxes_are_kept_apart(
    person: LogIn, database: db.Database
) -> None:
    alice = person(ALICE)
    address = open_one(alice, ownership="loan")
    form = {
        **hidden(alice.get(f"{address}/conditions").text),
        "parcel": "good",
        "seals": "damaged",
        "temperature": "not_checked",
        "measured": "7,5",
        "lowest": "2",
        "highest": "8",
        "remark": "tape cut",
    }

    sent = alice.post(f"{address}/conditions", form)
    page = alice.get(address).text
    card = alice.fragment(f"{address}/lines", {"raw": LABEL, "request_id": str(db.new_id())}).text
    again = alice.get(f"{address}/conditions").text

    assert sent.status_code == 303
    assert "On loan" in page
    assert "The seals of this delivery were found damaged" in page
    assert 'data-outcome="quarantined"' in card
    assert "tape cut" in again
    assert "7.5 °C" in again
    assert 'value="7.5"' in again
    with db.transaction(database, HOSPITAL_A) as session:
        seen = queries.find_conditions(session, UUID(address.rpartition("/")[2]))
        assert queries.get_reception(session, UUID(address.rpartition("/")[2])).ownership is Ownership.LOAN
    assert seen is not None
    assert (seen.seals, seen.temperature, str(seen.measured)) == (Seen.DAMAGED, Seen.GOOD, "7.5")


@pytest.mark.parametrize(
    "odd",
    [
        {"measured": "warm"},
        {"measured": "NaN"},
        {"measured": "1e999999"},
        {"lowest": "8", "highest": "2"},
        {"seals": "perfect"},
        {"remark": "x" * 1001},
    ],
)
def test_odd_states_are_refused_and_nothing_typed_is_lost(
    person: LogIn, database: db.Database, odd: dict[str, str]
) -> None:
    alice = person(ALICE)
    address = open_one(alice)

    answer = alice.post(
        f"{address}/conditions", {"request_id": str(db.new_id()), "parcel": "damaged", "remark": "wet", **odd}
    )

    assert answer.status_code == 422
    assert odd.get("remark", "wet") in answer.text
    with db.transaction(database, HOSPITAL_A) as session:
        assert queries.find_conditions(session, UUID(address.rpartition("/")[2])) is None


def test_damage_that_is_gone_asks_for_a_remark(person: LogIn) -> None:
    alice = person(ALICE)
    address = open_one(alice)
    alice.post(f"{address}/conditions", {"request_id": str(db.new_id()), "seals": "damaged"})

    mute = alice.post(f"{address}/conditions", {"request_id": str(db.new_id()), "seals": "good"})
    told = alice.post(f"{address}/conditions", {"request_id": str(db.new_id()), "seals": "good", "remark": "film"})

    assert (mute.status_code, told.status_code) == (422, 303)
    assert "What was damaged is now said to be in order" in mute.text


def test_typed_lines_are_kept_counted_at_the_bench_and_summed_up(person: LogIn, database: db.Database) -> None:
    alice = person(ALICE)
    address = open_one(alice)

    kept = send(alice, address, step="keep", lines=f"{REFERENCE};;1\n\nR2\tL7\t2\n")
    cards = [
        alice.fragment(f"{address}/lines", {"raw": LABEL, "request_id": str(db.new_id())}).text for _box in range(2)
    ]
    bench, summary = alice.get(address).text, alice.get(f"{address}/closing").text

    assert kept.status_code == 303
    assert announced(database, address) == (AnnouncedLine(REFERENCE, 1), AnnouncedLine("R2", 2, "L7"))
    assert ["More of 1-020163C came than announced (1)." in card for card in cards] == [False, True]
    assert "Expected 3, received 2 when the page was opened" in bench
    assert "Units are missing" in summary
    assert "More came than announced" in summary


FILE = f"Lot;Quantité;Référence\nA1;4;{REFERENCE}\n;many;R2\n".encode("cp1252")


def test_a_file_is_looked_at_its_bad_line_put_right_and_nothing_typed_is_lost(
    person: LogIn, database: db.Database
) -> None:
    alice = person(ALICE)
    address = open_one(alice)

    looked_at = send(alice, address, step="keep", lines="R0;;1", file=(io.BytesIO(FILE), "note.csv"))
    found = _LINES.search(looked_at.text)
    assert found is not None
    before = announced(database, address)
    kept = send(alice, address, step="keep", lines=found.group(1).replace("many", "2"))

    assert looked_at.status_code == 422
    assert "Line 3: " in looked_at.text
    assert found.group(1).split() == ["R0;;1", f"{REFERENCE};A1;4", "R2;;many"]
    assert before == ()
    assert kept.status_code == 303
    assert announced(database, address) == (
        AnnouncedLine("R0", 1),
        AnnouncedLine(REFERENCE, 4, "A1"),
        AnnouncedLine("R2", 2),
    )


@pytest.mark.parametrize("step", ["look", "keep"])
def test_a_good_file_is_shown_and_not_written_before_it_is_kept(
    person: LogIn, database: db.Database, step: str
) -> None:
    alice = person(ALICE)
    address = open_one(alice)

    looked_at = send(alice, address, step=step, file=(io.BytesIO(b"reference,quantity\nR1,2\n"), "x.csv"))

    assert looked_at.status_code == 200
    assert "Understood, not written yet" in looked_at.text
    assert announced(database, address) == ()


def test_a_spreadsheet_is_read_too(person: LogIn) -> None:
    alice = person(ALICE)

    looked_at = send(alice, open_one(alice), step="look", file=(io.BytesIO(workbook()), "x.xlsx"))

    found = _LINES.search(looked_at.text)
    assert found is not None
    assert found.group(1).split() == ["R1;;2"]


def workbook() -> bytes:
    """Return a spreadsheet with one announced line, its number a number."""
    content = io.BytesIO()
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    sheet = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    package = "http://schemas.openxmlformats.org/package/2006"
    cells = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>ref</t></is></c>'
        '<c r="B1" t="inlineStr"><is><t>qty</t></is></c></row>'
        '<row r="2"><c r="A2" t="inlineStr"><is><t>R1</t></is></c><c r="B2"><v>2</v></c></row>'
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{relations}/'
        'officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{sheet}" xmlns:r="{relations}"><sheets><sheet name="s" sheetId="1"'
        ' r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="'
        f'{relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{sheet}"><sheetData>{cells}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a;b\n1;2\n", "does not name these columns"),
        (b"", "The file is empty"),
        (b"PK\x03\x04broken", "cannot be read"),
        (b"reference;quantity\n" + b"R;1\n" * 1001, "There are more than 1000 lines"),
    ],
)
def test_a_file_that_cannot_be_taken_says_why_and_what_was_typed_stays(
    person: LogIn, database: db.Database, content: bytes, told: str
) -> None:
    alice = person(ALICE)
    address = open_one(alice)

    answer = send(alice, address, step="keep", lines="R0;;1", file=(io.BytesIO(content), "x.csv"))

    assert answer.status_code == 422
    assert told in answer.text
    assert "R0;;1" in answer.text
    assert announced(database, address) == ()


def test_a_renamed_csv_is_told_to_be_no_spreadsheet_and_what_was_typed_stays(person: LogIn) -> None:
    alice = person(ALICE)

    file = (io.BytesIO(b"a;b\n1;2\n"), "x.xlsx")
    answer = send(alice, open_one(alice), step="keep", lines="R0;;1", file=file)

    assert answer.status_code == 422
    assert "is no XLSX spreadsheet" in answer.text
    assert "R0;;1" in answer.text


def test_a_formula_is_a_bad_line_and_stays_a_text(person: LogIn) -> None:
    alice = person(ALICE)

    answer = send(alice, open_one(alice), step="keep", lines="=cmd|' /C calc'!A0;;1")

    assert answer.status_code == 422
    assert "a cell holds a formula" in answer.text


def test_of_two_who_change_the_lines_the_second_is_told_and_may_send_again(
    person: LogIn, database: db.Database
) -> None:
    alice = person(ALICE)
    address = open_one(alice)
    stale = hidden(alice.get(f"{address}/announced").text)
    send(alice, address, step="keep", lines="R1;;1")

    late = alice.post(f"{address}/announced", {**stale, "step": "keep", "lines": "R2;;2"})
    again = alice.post(f"{address}/announced", {**hidden(late.text), "step": "keep", "lines": "R2;;2"})

    assert (late.status_code, again.status_code) == (409, 303)
    assert "R2;;2" in late.text
    assert announced(database, address) == (AnnouncedLine("R2", 2),)


def test_a_delivery_closed_with_its_rest_awaited_stays_in_sight_until_the_rest_comes(person: LogIn) -> None:
    alice = person(ALICE)
    address = open_one(alice, delivery_note="BL-88")
    send(alice, address, step="keep", lines=f"{REFERENCE};;2")
    alice.post(f"{address}/lines", {"raw": LABEL, "request_id": str(db.new_id())})

    alice.post(f"{address}/close", {"closing": "rest_awaited"})
    awaited = alice.get("/receptions").text
    summary = alice.get(f"{address}/closing").text
    rest = alice.post(f"{address}/rest", hidden(summary)).headers["Location"]
    second = alice.post(f"{address}/rest", {"request_id": str(db.new_id())})

    assert "The rest is awaited" in awaited
    assert "Partial" in awaited
    assert "Receive the rest" in summary
    assert f"{REFERENCE};;1" in alice.get(f"{rest}/announced").text
    assert "Brings the rest of" in alice.get(f"{rest}/closing").text
    assert "The rest came with" in alice.get(f"{address}/closing").text
    assert "The rest is awaited" not in alice.get("/receptions").text
    assert second.status_code == 409


@pytest.mark.parametrize("page", ["conditions", "announced", "closing"])
def test_the_pages_of_a_delivery_are_closed_to_others(person: LogIn, page: str) -> None:
    address = open_one(person(ALICE))

    assert person(GUY).get(f"{address}/{page}").status_code == 404
    assert person(CHARLIE).get(f"{address}/{page}").status_code == 403


def test_a_program_announces_records_counts_closes_and_opens_the_rest(program: Callable[[object], Program]) -> None:
    api, rest_id = program(ALICE), str(db.new_id())
    body = {"id": str(db.new_id()), "supplier": "Amplitude", "ownership": "consignment"}
    opened = api.post("/api/v1/receptions", body).json
    address = f"/api/v1/receptions/{opened['id']}"

    listed = api.post(
        f"{address}/announcements",
        {"id": str(db.new_id()), "lines": [{"reference": REFERENCE, "lot": "A1", "count": 2}]},
    )
    stale = api.post(f"{address}/announcements", {"id": str(db.new_id()), "lines": []})
    seen = api.post(f"{address}/conditions", {"id": str(db.new_id()), "measured": "9.5", "lowest": 2, "highest": 8})
    odd = api.post(f"{address}/conditions", {"id": str(db.new_id()), "measured": "hot"})
    tally = api.get(f"{address}/tally").json
    closed = api.post(f"{address}/closing", {"closing": "rest_awaited"}).json
    rest = api.post(f"{address}/rest", {"id": rest_id})

    assert opened["ownership"] == "consignment"
    assert (listed.status_code, stale.status_code, stale.json["type"]) == (200, 409, "announced-changed")
    assert (seen.json["temperature"], odd.status_code) == ("damaged", 422)
    assert tally["lines"][0] == {
        "reference": REFERENCE,
        "lot": "A1",
        "expected": 2,
        "received": 0,
        "quarantined": 0,
        "refused": 0,
        "missing": 2,
        "surplus": 0,
    }
    assert (closed["closing"], rest.json["rest_of_id"]) == ("rest_awaited", opened["id"])
    assert api.get(f"{address}/tally").json["state"] == "closed"


def test_a_program_lists_deliveries_page_by_page_and_by_state(program: Callable[[object], Program]) -> None:
    alice = program(ALICE)
    ids = [str(db.new_id()) for _delivery in range(4)]
    for one in ids:
        alice.post("/api/v1/receptions", {"id": one, "supplier": "Amplitude"})
    alice.post(f"/api/v1/receptions/{ids[0]}/closing", {"closing": "complete"})
    alice.post(f"/api/v1/receptions/{ids[1]}/closing", {"closing": "rest_awaited"})
    alice.post(f"/api/v1/receptions/{ids[2]}/closing", {"closing": "rest_awaited"})
    rest = alice.post(f"/api/v1/receptions/{ids[2]}/rest", {"id": str(db.new_id())}).json["id"]

    first = alice.get("/api/v1/receptions?limit=3").json
    last = alice.get(f"/api/v1/receptions?limit=3&before={first['next']}").json
    by_state = {
        state: [one["id"] for one in alice.get(f"/api/v1/receptions?state={state}").json["items"]]
        for state in ("open", "partial", "closed")
    }

    listed = first["items"] + last["items"]
    assert [one["id"] for one in listed] == [rest, *ids[::-1]]
    assert last["next"] is None
    assert by_state == {"open": [rest, ids[3]], "partial": [ids[1]], "closed": [ids[2], ids[0]]}
    assert all(one["id"] in by_state[one["state"]] for one in listed)
    assert program(GUY).get("/api/v1/receptions").json["items"] == []
    assert program(CHARLIE).get("/api/v1/receptions").status_code == 403
    assert alice.get("/api/v1/receptions?state=lost").status_code == 422


def test_a_delivery_is_still_closed_without_a_body(program: Callable[[object], Program]) -> None:
    api = program(ALICE)
    opened = api.post("/api/v1/receptions", {"id": str(db.new_id()), "supplier": "Amplitude"}).json

    closed = api.post(f"/api/v1/receptions/{opened['id']}/closing", None)

    assert (closed.status_code, closed.json["closing"]) == (200, "complete")


def test_what_of_a_loan_is_unused_goes_back_and_is_listed(person: LogIn, program: Callable[[object], Program]) -> None:
    alice = person(ALICE)
    address = open_one(alice, ownership="loan")
    for _unit in range(2):
        alice.post(f"{address}/lines", {"raw": LABEL, "request_id": str(db.new_id())})
    api, own = program(ALICE), f"/api/v1{address}"
    first, second = [one["number"] for one in api.get(f"{own}/unused").json["units"]]

    mute = alice.post(f"{address}/returns", {"request_id": str(db.new_id()), "unit": [first], "reason": ""})
    none = alice.post(f"{address}/returns", {"request_id": str(db.new_id()), "reason": "BR-12"})
    sent = alice.post(f"{address}/returns", {"request_id": str(db.new_id()), "unit": [first], "reason": "BR-12"})
    page = alice.get(f"{address}/unused").text
    rest = api.post(f"{own}/returns", {"id": str(db.new_id()), "numbers": [second], "reason": "BR-13"}).json["units"]

    assert (mute.status_code, none.status_code, sent.status_code) == (422, 422, 303)
    assert "checked" in mute.text
    assert 'value="BR-12"' in none.text
    assert "On loan" in page
    assert "Gone back to the supplier" in page
    assert "BR-12" in page
    assert {one["state"] for one in rest} == {"returned"}
    assert person(CHARLIE).post(f"{address}/returns", {"unit": [second], "reason": "x"}).status_code == 403
    assert person(GUY).get(f"{address}/unused").status_code == 404
    assert "Nothing of this delivery is unused" in alice.get(f"{open_one(alice)}/unused").text


def test_expected_references_that_the_catalogue_lacks_are_kept_and_told_until_they_are_added(
    person: LogIn, database: db.Database
) -> None:
    alice = person(ALICE)
    address = open_one(alice)
    with db.transaction(database, HOSPITAL_A) as session:
        make_definition(session, reference="R-9", udi_di=None, manufacturer_id=make_manufacturer(session, "Serf"))
    lines = f"{REFERENCE.lower()};;1\nNOWHERE-1;;2\nr-9 ;;1"

    typed = send(alice, address, step="look", lines=lines).text
    imported = send(alice, address, step="keep", file=(io.BytesIO(b"reference,quantity\nNOWHERE-2,2\n"), "x.csv")).text
    kept = send(alice, address, step="keep", lines=lines)
    pages = [alice.get(address).text, alice.get(f"{address}/announced").text]
    with db.transaction(database, HOSPITAL_A) as session:
        make_definition(session, reference="NOWHERE-1", udi_di=None)
    added = alice.get(address).text

    assert kept.status_code == 303
    assert "not in the catalogue: 1" in imported
    for page in (typed, *pages):
        assert "not in the catalogue: 1" in page
        assert "/definitions/new?reference=NOWHERE-1" in page
    assert "not in the catalogue" not in added


def test_a_program_is_told_which_announced_references_the_catalogue_lacks(
    person: LogIn, program: Callable[[object], Program]
) -> None:
    delivery = open_one(person(ALICE)).rpartition("/")[2]
    body = {"id": str(db.new_id()), "lines": [{"reference": "NOWHERE-1", "lot": "", "count": 2}]}

    answer = program(ALICE).post(f"/api/v1/receptions/{delivery}/announcements", body)

    assert answer.get_json()["unknown_references"] == ["NOWHERE-1"]
