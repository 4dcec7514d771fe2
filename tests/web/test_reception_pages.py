"""The bench and entry by hand, through the pages."""

import io
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from scanners.symbols import code128, datamatrix
from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_A, HOSPITAL_B
from tests.stock import GTIN, REFERENCE, make_definition, make_derogation, make_manufacturer
from tests.web.conftest import Person
from tracker import clock, db
from tracker.derogations.rules import DerogationKind
from tracker.devices.models import Device
from tracker.reception import queries
from tracker.reception.models import ReceptionLine

LABEL = f"]d201{GTIN}1740013110A1"
LOST = f"01{GTIN}1740013110A12199"
PATIENT = (
    "IS010000000000000000000000S1280129999999969S21.2.250.1.213.1.4.10S3MARIE CLAIRE\x1dS4EXEMPLE\x1dS5FS612-12-1980"
)
LogIn = Callable[[object], Person]


def lines(database: db.Database, bench: UUID) -> list[queries.LineView]:
    with db.transaction(database, HOSPITAL_A) as session:
        return list(queries.list_lines(session, bench))


def count(database: db.Database, table: type[db.Base]) -> int:
    with db.transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_delivery_is_opened_and_its_bench_shown(person: LogIn, database: db.Database) -> None:
    alice = person(ALICE)

    opened = alice.post("/receptions/new", {"supplier": "Amplitude", "request_id": str(db.new_id())})
    page = alice.get(opened.headers["Location"])

    assert opened.status_code == 303
    assert "data-scan-box" in page.text
    assert "Amplitude" in alice.get("/receptions").text


def test_a_delivery_needs_its_supplier_and_keeps_what_was_typed(person: LogIn) -> None:
    page = person(ALICE).post("/receptions/new", {"supplier": " ", "delivery_note": "BL-77"})

    assert page.status_code == 422
    assert "BL-77" in page.text


def test_a_delivery_is_asked_for_and_its_number_not_used_twice(person: LogIn, bench: UUID) -> None:
    alice = person(ALICE)

    asked = alice.get("/receptions/new")
    reused = alice.post("/receptions/new", {"supplier": "Somebody else", "request_id": str(bench)})

    assert asked.status_code == 200
    assert reused.status_code == 409
    assert "Somebody else" in reused.text


def test_a_typed_box_is_not_read_again(person: LogIn, bench: UUID) -> None:
    alice = person(ALICE)
    alice.post(f"/receptions/{bench}/by-hand", {"reference": "unknown", "lot": "A1", "request_id": str(db.new_id())})

    assert "definition-unknown" in alice.get(f"/receptions/{bench}").text
    assert alice.post(f"/receptions/{bench}/by-hand", {"lot": "A1"}).status_code == 422


def test_the_script_gets_the_card_alone(person: LogIn, bench: UUID, database: db.Database) -> None:
    answer = person(ALICE).fragment(f"/receptions/{bench}/lines", {"raw": LABEL, "request_id": str(db.new_id())})

    assert answer.status_code == 200
    assert answer.text.lstrip().startswith("<article")
    assert 'data-outcome="accepted"' in answer.text
    assert "<html" not in answer.text
    assert lines(database, bench)[0].unit_number in answer.text


def test_the_script_gets_a_traced_refusal_as_an_answer(person: LogIn, bench: UUID, database: db.Database) -> None:
    answer = person(ALICE).fragment(f"/receptions/{bench}/lines", {"raw": "hello", "request_id": str(db.new_id())})

    assert answer.status_code == 200
    assert 'data-outcome="refused"' in answer.text
    assert "scan-unknown" in answer.text
    assert count(database, ReceptionLine) == 1
    assert count(database, Device) == 0


def test_without_script_the_bench_shows_the_verdict_after_the_scan(person: LogIn, bench: UUID) -> None:
    alice = person(ALICE)

    answer = alice.post(f"/receptions/{bench}/lines", {"raw": LABEL, "request_id": str(db.new_id())})
    page = alice.get(answer.headers["Location"])

    assert answer.status_code == 303
    assert 'data-outcome="accepted"' in page.text


def test_the_same_scan_sent_twice_is_one_unit(person: LogIn, bench: UUID, database: db.Database) -> None:
    alice, scan = person(ALICE), {"raw": LABEL, "request_id": str(db.new_id())}

    answers = {alice.fragment(f"/receptions/{bench}/lines", scan).status_code for _again in range(2)}

    assert answers == {200}
    assert count(database, Device) == 1


@pytest.mark.parametrize("raw", ["", "  "])
def test_an_empty_scan_is_answered_and_leaves_nothing(
    person: LogIn, bench: UUID, database: db.Database, raw: str
) -> None:
    alice = person(ALICE)

    assert alice.fragment(f"/receptions/{bench}/lines", {"raw": raw}).status_code == 422
    assert alice.post(f"/receptions/{bench}/lines", {"raw": raw}).status_code == 422
    assert count(database, ReceptionLine) == 0


@pytest.mark.parametrize("with_script", [True, False])
def test_a_patients_label_is_refused_and_not_shown_again(
    person: LogIn,
    bench: UUID,
    database: db.Database,
    with_script: bool,  # noqa: FBT001
) -> None:
    alice = person(ALICE)
    send = alice.fragment if with_script else alice.post

    answer = send(f"/receptions/{bench}/lines", {"raw": PATIENT, "request_id": str(db.new_id())})

    assert answer.status_code == 409
    assert 'data-outcome="refused"' in answer.text
    assert "patient-label" in answer.text
    assert "data-problem" not in answer.text
    for trait in ("EXEMPLE", "MARIE", "280129999999969"):
        assert trait not in answer.text
    assert count(database, ReceptionLine) == 0


def test_a_reading_is_chosen_from_the_card(person: LogIn, bench: UUID, database: db.Database) -> None:
    alice = person(ALICE)
    card = alice.fragment(f"/receptions/{bench}/lines", {"raw": LOST, "request_id": str(db.new_id())})
    line = lines(database, bench)[0]

    answer = alice.post(
        f"/receptions/{bench}/lines",
        {"from_line": str(line.id), "reading": "0", "request_id": str(db.new_id())},
    )

    assert "This one" in card.text
    assert answer.status_code == 303
    newest = lines(database, bench)[0]
    assert newest.outcome.value == "accepted"
    assert newest.raw_scan == LOST.encode()


def test_a_wrong_check_digit_is_passed_over_from_the_card_with_a_reason(
    person: LogIn, bench: UUID, database: db.Database
) -> None:
    alice = person(ALICE)
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session, "Odd labels")
        make_definition(session, reference="R9", udi_di="03700000000012", manufacturer_id=maker)
        make_derogation(session, maker, references=("R9",), valid_until=clock.paris_day(clock.utc_now()))
    card = alice.fragment(f"/receptions/{bench}/lines", {"raw": "]d2010370000000001210A1"})
    line = lines(database, bench)[0]
    choice = {"from_line": str(line.id), "override": "letter of the maker", "request_id": str(db.new_id())}

    alice.post(f"/receptions/{bench}/lines", choice)

    assert 'name="override"' in card.text
    assert lines(database, bench)[0].outcome.value == "accepted"


def test_a_photo_of_the_label_is_read(person: LogIn, bench: UUID, database: db.Database) -> None:
    photo = (io.BytesIO(datamatrix.png(f"(01){GTIN}(17)400131(10)A1")), "label.png")

    answer = person(ALICE).fragment(f"/receptions/{bench}/lines", {"raw": "", "photo": photo})

    assert 'data-outcome="accepted"' in answer.text
    assert lines(database, bench)[0].entry_method.value == "photo"


def test_the_photo_of_a_patients_label_leaves_nothing(person: LogIn, bench: UUID, database: db.Database) -> None:
    photo = (io.BytesIO(datamatrix.png(PATIENT)), "label.png")

    answer = person(ALICE).fragment(f"/receptions/{bench}/lines", {"raw": "", "photo": photo})

    assert answer.status_code == 409
    assert "EXEMPLE" not in answer.text
    assert count(database, ReceptionLine) == 0


@pytest.mark.parametrize("content", [b"", b"no picture", code128.png("hello")[:50]])
def test_a_photo_without_code_is_answered(person: LogIn, bench: UUID, content: bytes) -> None:
    photo = (io.BytesIO(content), "label.png")

    answer = person(ALICE).fragment(f"/receptions/{bench}/lines", {"raw": "", "photo": photo})

    assert answer.status_code == 422
    assert "No code could be read" in answer.text


def test_a_closed_delivery_has_no_scan_box_and_takes_no_box(person: LogIn, bench: UUID, database: db.Database) -> None:
    alice = person(ALICE)

    alice.post(f"/receptions/{bench}/close")

    assert "data-scan-box" not in alice.get(f"/receptions/{bench}").text
    answer = alice.fragment(f"/receptions/{bench}/lines", {"raw": LABEL})
    assert answer.status_code == 409
    assert "data-problem" in answer.text
    assert alice.post(f"/receptions/{bench}/close").status_code == 409
    assert count(database, Device) == 0


def test_a_forged_form_is_refused_and_nothing_written(person: LogIn, bench: UUID, database: db.Database) -> None:
    answer = person(ALICE).client.post(f"/receptions/{bench}/lines", data={"raw": LABEL})

    assert answer.status_code == 400
    assert count(database, ReceptionLine) == 0


def test_a_delivery_of_another_hospital_is_not_found(person: LogIn, bench: UUID, database: db.Database) -> None:
    guy = person(GUY)

    for answer in (
        guy.get(f"/receptions/{bench}"),
        guy.post(f"/receptions/{bench}/lines", {"raw": LABEL}),
        guy.fragment(f"/receptions/{bench}/lines", {"raw": LABEL}),
        guy.post(f"/receptions/{bench}/by-hand", {"reference": REFERENCE, "lot": "A1"}),
        guy.post(f"/receptions/{bench}/close"),
    ):
        assert answer.status_code == 404

    assert count(database, ReceptionLine) == 0
    with db.transaction(database, HOSPITAL_B) as session:
        assert session.scalar(select(func.count()).select_from(ReceptionLine)) == 0


def test_a_line_of_another_hospital_is_not_read_again(person: LogIn, bench: UUID, database: db.Database) -> None:
    person(ALICE).fragment(f"/receptions/{bench}/lines", {"raw": LOST, "request_id": str(db.new_id())})
    line = lines(database, bench)[0]
    guy = person(GUY)
    theirs = guy.post("/receptions/new", {"supplier": "X", "request_id": str(db.new_id())}).headers["Location"]

    answer = guy.post(f"{theirs}/lines", {"from_line": str(line.id), "reading": "0"})

    assert answer.status_code == 404


def test_a_device_that_the_catalogue_lacks_is_added_from_its_card(person: LogIn, bench: UUID) -> None:
    alice = person(ALICE)

    scanned = alice.fragment(f"/receptions/{bench}/lines", {"raw": "]d20103700000000044174001311" + "0A1"})
    alice.post(f"/receptions/{bench}/by-hand", {"reference": "R 9/1", "lot": "A1", "request_id": str(db.new_id())})
    typed = alice.get(f"/receptions/{bench}").text

    assert "/definitions/new?udi_di=03700000000044" in scanned.text
    assert "/definitions/new?reference=R+9/1" in typed
    assert "03700000000044" in alice.get("/definitions/new?udi_di=03700000000044").text


def test_a_surgeon_sees_no_bench(person: LogIn, bench: UUID) -> None:
    charlie = person(CHARLIE)

    assert charlie.get("/receptions").status_code == 403
    assert charlie.post(f"/receptions/{bench}/lines", {"raw": LABEL}).status_code == 403


def test_the_bench_shows_the_last_scans_and_leads_to_the_others(person: LogIn, bench: UUID) -> None:
    alice = person(ALICE)
    for _box in range(22):
        alice.fragment(f"/receptions/{bench}/lines", {"raw": LABEL, "request_id": str(db.new_id())})

    assert alice.get(f"/receptions/{bench}").text.count("<article") == 20 + 5  # five are templates of the scan box
    assert alice.get(f"/receptions/{bench}?all=1").text.count("<article") == 22 + 5


@pytest.mark.parametrize("halves", [(f"]C101{GTIN}", "]C11740013110A1"), ("]C11740013110A1", f"]C101{GTIN}")])
@pytest.mark.parametrize("with_script", [True, False])
def test_two_codes_of_one_label_make_one_unit_in_either_order(
    person: LogIn,
    bench: UUID,
    database: db.Database,
    halves: tuple[str, str],
    with_script: bool,  # noqa: FBT001
) -> None:
    alice = person(ALICE)
    send = alice.fragment if with_script else alice.post

    waiting = send(f"/receptions/{bench}/lines", {"raw": halves[0]})
    assert 'data-pending="half"' in waiting.text
    assert count(database, ReceptionLine) == 0
    send(f"/receptions/{bench}/lines", {"first": halves[0], "raw": halves[1]})

    (line,) = lines(database, bench)
    assert (line.outcome.value, line.lot_number) == ("accepted", "A1")
    assert line.raw_scan == "\n".join(halves).encode()


def test_a_half_scanned_twice_still_waits_and_another_box_is_judged_by_itself(
    person: LogIn, bench: UUID, database: db.Database
) -> None:
    alice, half = person(ALICE), f"]C101{GTIN}"

    again = alice.fragment(f"/receptions/{bench}/lines", {"first": half, "raw": half})
    both = alice.fragment(f"/receptions/{bench}/lines", {"first": "]d20103700000000044", "raw": LABEL})

    assert 'data-pending="half"' in again.text
    assert both.text.count("<article") == 2
    assert sorted(line.outcome.value for line in lines(database, bench)) == ["accepted", "refused"]


def test_a_half_after_the_half_of_another_box_waits_for_its_own_other_code(
    person: LogIn, bench: UUID, database: db.Database
) -> None:
    alice, half = person(ALICE), f"]C101{GTIN}"

    answer = alice.fragment(f"/receptions/{bench}/lines", {"first": "]C10103700000000044", "raw": half})
    done = alice.fragment(f"/receptions/{bench}/lines", {"first": half, "raw": "]C1174001311" + "0A1"})

    assert answer.text.index('data-pending="half"') < answer.text.index('data-outcome="refused"')
    assert 'data-outcome="accepted"' in done.text
    assert sorted(line.outcome.value for line in lines(database, bench)) == ["accepted", "refused"]


def test_a_plain_reference_is_the_other_code_of_a_lot(person: LogIn, bench: UUID, database: db.Database) -> None:
    alice, lot = person(ALICE), "]C11740013110A1"

    answer = alice.fragment(f"/receptions/{bench}/lines", {"first": lot, "raw": REFERENCE})

    assert 'data-outcome="accepted"' in answer.text
    (line,) = lines(database, bench)
    assert (line.lot_number, line.raw_scan) == ("A1", f"{lot}\n{REFERENCE}".encode())
    assert f"{line.unit_number}" in alice.get(f"/receptions/{bench}").text


def test_a_label_of_three_codes_makes_one_unit(person: LogIn, bench: UUID, database: db.Database) -> None:
    alice, lot, end, device = person(ALICE), "]C110A1", "]C117400131", f"]C101{GTIN}"

    waiting = alice.fragment(f"/receptions/{bench}/lines", {"first": lot, "raw": end})
    # A form sends a line end as two characters, as the script's does.
    done = alice.fragment(f"/receptions/{bench}/lines", {"first": f"{lot}\r\n{end}", "raw": device})

    assert f'data-pending-raw="{lot}\n{end}"' in waiting.text
    assert 'data-outcome="accepted"' in done.text
    (line,) = lines(database, bench)
    assert (line.lot_number, str(line.expiration_date)) == ("A1", "2040-01-31")
    assert line.raw_scan == f"{lot}\n{end}\n{device}".encode()


@pytest.mark.parametrize("half", [f"]C101{GTIN}", "]C11740013110A1"])
def test_a_half_waits_on_when_a_code_that_nobody_can_read_comes_after_it(
    person: LogIn, bench: UUID, database: db.Database, half: str
) -> None:
    answer = person(ALICE).fragment(f"/receptions/{bench}/lines", {"first": half, "raw": "\x02what is this?"})

    assert f'data-pending-raw="{half}"' in answer.text
    (line,) = lines(database, bench)
    assert (line.outcome.value, line.raw_scan) == ("refused", b"\x02what is this?")


def test_a_half_waits_on_when_a_patients_label_comes_after_it(person: LogIn, bench: UUID) -> None:
    answer = person(ALICE).fragment(f"/receptions/{bench}/lines", {"first": f"]C101{GTIN}", "raw": PATIENT})

    assert answer.status_code == 409
    assert "patient-label" in answer.text
    assert f'data-pending-raw="]C101{GTIN}"' in answer.text


def test_a_pack_after_the_half_of_another_box_is_counted_once(
    person: LogIn, bench: UUID, database: db.Database
) -> None:
    alice, pack = person(ALICE), f"]d201{GTIN}1740013110A1\x1d303"
    sent = {"first": "]C11740013110H9", "raw": pack, "request_id": str(db.new_id())}

    asked = alice.fragment(f"/receptions/{bench}/lines", sent)
    done = alice.fragment(f"/receptions/{bench}/lines", {**sent, "count": "3"})

    assert 'data-pending="pack"' in asked.text
    assert "3 units of one pack" in done.text
    assert count(database, Device) == 3
    assert sorted(line.outcome.value for line in lines(database, bench)) == [*["accepted"] * 3, "refused"]


@pytest.mark.parametrize("half", [f"]d201{GTIN}305", "]C10113700000000010"])
def test_the_code_of_a_pack_before_a_full_box_asks_for_no_count_twice(
    person: LogIn, bench: UUID, database: db.Database, half: str
) -> None:
    alice, full = person(ALICE), "]d201037000000000441740013110A1"
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session, "Another")
        make_definition(session, reference="R2", udi_di="03700000000044", manufacturer_id=maker)
        make_derogation(session, maker, references=("R2",), valid_until=clock.paris_day(clock.utc_now()) + timedelta(9))

    waiting = alice.fragment(f"/receptions/{bench}/lines", {"raw": half})
    done = alice.fragment(f"/receptions/{bench}/lines", {"first": half, "raw": full})

    assert 'data-pending="half"' in waiting.text
    assert "data-pending" not in done.text
    assert sorted(line.outcome.value for line in lines(database, bench)) == ["accepted", "refused"]


def test_a_pack_is_received_once_its_units_are_counted(person: LogIn, bench: UUID, database: db.Database) -> None:
    alice, pack = person(ALICE), f"]d201{GTIN}1740013110A1\x1d305"

    asked = alice.fragment(f"/receptions/{bench}/lines", {"raw": pack})
    assert 'data-pending="pack"' in asked.text
    assert 'value="5"' in asked.text
    assert count(database, ReceptionLine) == 0
    confirmed = {"raw": pack, "count": "5", "request_id": str(db.new_id())}
    answers = [alice.fragment(f"/receptions/{bench}/lines", confirmed) for _again in range(2)]

    assert {answer.status_code for answer in answers} == {200}
    assert "5 units of one pack" in answers[0].text
    assert count(database, Device) == 5


@pytest.mark.parametrize("number", ["0", "501", "-3"])
def test_an_impossible_count_is_answered_and_leaves_nothing(
    person: LogIn, bench: UUID, database: db.Database, number: str
) -> None:
    answer = person(ALICE).fragment(f"/receptions/{bench}/lines", {"raw": LABEL, "count": number})

    assert answer.status_code == 422
    assert count(database, ReceptionLine) == 0


def test_a_scan_is_taken_back_with_its_reason(person: LogIn, bench: UUID, database: db.Database) -> None:
    alice = person(ALICE)
    alice.fragment(f"/receptions/{bench}/lines", {"raw": LABEL})
    line = lines(database, bench)[0]
    address = f"/receptions/{bench}/lines/{line.id}/correction"

    without = alice.post(address, {"reason": " "})
    card = alice.fragment(address, {"reason": "two boxes stuck together", "request_id": str(db.new_id())})
    again = alice.fragment(address, {"reason": "again", "request_id": str(db.new_id())})

    assert (without.status_code, again.status_code) == (422, 409)
    for shown in (card.text, alice.get(f"/receptions/{bench}").text):
        assert "two boxes stuck together" in shown
        assert 'data-outcome="voided"' in shown
        assert 'data-outcome="accepted"' not in shown  # no green light stays on a box that is taken back
        assert f"/units/{line.unit_number}/label" not in shown
    assert alice.post(f"/units/{line.unit_number}/label", {"request_id": str(db.new_id())}).status_code == 409


def test_a_clinicians_reason_is_kept_with_the_delivery(person: LogIn, bench: UUID, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session, "Global maker")
        make_definition(session, reference="G1", udi_di=None, manufacturer_id=maker)
        end = clock.paris_day(clock.utc_now()) + timedelta(200)
        derogation = make_derogation(session, maker, references=("G1",), valid_until=end, kind=DerogationKind.GLOBAL)
    alice, box = person(ALICE), {"reference": "G1", "lot": "A1"}
    reason = {"derogation": str(derogation), "clinician": "Dr Test", "written_on": "2026-01-05", "reason": "No other."}

    alice.post(f"/receptions/{bench}/by-hand", box)
    before = lines(database, bench)[0]
    incomplete = alice.post(f"/receptions/{bench}/reasons", reason | {"reason": ""})
    kept = alice.post(f"/receptions/{bench}/reasons", reason)
    alice.post(f"/receptions/{bench}/by-hand", box)

    assert "clinical-reason-missing" in {finding.code for finding in before.findings}
    assert f"/receptions/{bench}/reasons" in alice.get(f"/receptions/{bench}").text
    assert (incomplete.status_code, kept.status_code) == (422, 303)
    assert "Dr Test" in incomplete.text
    assert "Dr Test" in alice.get(f"/receptions/{bench}/reasons").text
    assert lines(database, bench)[0].outcome.value == "accepted"
