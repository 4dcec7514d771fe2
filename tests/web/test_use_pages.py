"""The gate and the use log in a browser, and for programs."""

import io
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pypdf
import pypdfium2
import pytest
import zxingcpp
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.care import MARIE, make_consent, make_use
from tests.gate import LABEL, LABEL_OF_UNIT, UDI, Case, make_case
from tests.hospital import ALICE, CHARLIE, DORA, FANNY, GUY, HOSPITAL_A, NOW, THEATRE
from tests.stock import a_hold, make_delivery, make_derogation, make_manufacturer
from tests.web.conftest import Person, Program
from tracker import clock, db
from tracker.audit.models import AuditEntry
from tracker.consents.rules import ConsentEventKind
from tracker.derogations import service as register
from tracker.derogations.rules import DecisionKind
from tracker.derogations.service import NewDecision
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.rules import UnitState
from tracker.documents import queries as documents
from tracker.documents.models import Document, DocumentKind
from tracker.patients.rules import IdentityStatus
from tracker.terms.rules import Conditions, FollowUp
from tracker.use.models import DeviceUse

LogIn = Callable[..., Person]
WithToken = Callable[..., Program]


@pytest.fixture
def case(database: db.Database) -> Case:
    """Everything holds."""
    with db.transaction(database, HOSPITAL_A) as session:
        return make_case(session)


@pytest.fixture
def unasked(database: db.Database) -> Case:
    """Everything holds but the consent."""
    with db.transaction(database, HOSPITAL_A) as session:
        return make_case(session, consents=False)


def told(answer: TestResponse) -> Any:  # noqa: ANN401 - what the API says
    """Return the JSON of an answer."""
    return answer.json


def count(database: db.Database) -> int:
    with db.transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(DeviceUse)) or 0


def papers(database: db.Database, address: str) -> dict[DocumentKind, bytes]:
    """Return the frozen papers of a use by kind."""
    use_id = address.rsplit("/", 1)[-1]
    with db.transaction(database, HOSPITAL_A) as session:
        found = documents.list_documents(session, f"use:{use_id}")
        return {paper.kind: documents.read_content(session, paper.id) for paper in found}


def text_of(pdf: bytes) -> str:
    """Return the words of a PDF without white space: where lines broke does not matter."""
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)
    return "".join(text.replace("\u200b", "").split())


def symbols_of(pdf: bytes) -> set[str]:
    """Return what a scanner reads on the first page."""
    image = pypdfium2.PdfDocument(pdf)[0].render(scale=300 / 72).to_pil()
    return {symbol.bytes.decode() for symbol in zxingcpp.read_barcodes(image)}


def test_the_gate_asks_for_the_patient_first(person: LogIn) -> None:
    page = person(DORA).get("/use")

    assert page.status_code == 200
    assert "autofocus" in page.text
    assert "Scan the patient's INS barcode" in page.text


def test_patient_then_device_lead_to_the_verdict(person: LogIn, case: Case) -> None:
    visitor = person(DORA)

    after_patient = visitor.post("/use", {"raw": LABEL})
    asked = visitor.get(after_patient.location)
    after_unit = visitor.post("/use", {"raw": case.number, "patient": str(case.patient_id)})
    verdict = visitor.get(after_unit.location)

    assert after_patient.location == f"/use?patient={case.patient_id}"
    assert "Scan the label of the device" in asked.text
    assert after_unit.location == case.gate
    assert 'data-outcome="accepted"' in verdict.text
    assert "This device may be used for this patient." in verdict.text


def test_the_device_may_come_first_and_the_patient_by_ipp(person: LogIn, case: Case) -> None:
    visitor = person(DORA)

    after_unit = visitor.post("/use", {"raw": case.number.lower()})
    after_patient = visitor.post("/use", {"raw": MARIE.ipp, "unit": case.number})

    assert after_unit.location == f"/use?unit={case.number}"
    assert after_patient.location == case.gate


@pytest.mark.parametrize(
    ("raw", "status", "says"),
    [
        ("neither", 422, "neither the IPP of a patient"),
        (UDI, 422, "manufacturer&#39;s label"),
        (LABEL.replace("280129999999969", "160017500112345"), 422, "This patient is not registered here."),
        (LABEL[:50], 422, "This INS barcode cannot be read."),
        ("T590000000179", 404, "There is no unit with this number."),
        ("T599999999994", 404, "There is no unit with this number."),
    ],
)
def test_a_scan_that_names_nobody_says_why_and_keeps_what_was_scanned(
    person: LogIn, case: Case, raw: str, status: int, says: str
) -> None:
    page = person(DORA).post("/use", {"raw": raw, "patient": str(case.patient_id)})

    assert page.status_code == status
    assert says in page.text
    assert "MARTIN-BRÉANT Marie" in page.text
    assert f'value="{case.patient_id}"' in page.text
    assert (f"Read: {raw}" in page.text) == (not raw.startswith("IS"))
    assert f'value="{raw}"' not in page.text  # the next scan would be typed behind it


def test_nothing_of_a_patient_label_comes_back(person: LogIn) -> None:
    page = person(DORA).post("/use", {"raw": LABEL})

    assert page.status_code == 422
    assert "280129999999969" not in page.text


def test_showing_a_patient_at_the_gate_is_recorded(person: LogIn, database: db.Database, case: Case) -> None:
    person(DORA).get(case.gate)

    with db.transaction(database, HOSPITAL_A) as session:
        opened = session.scalars(select(AuditEntry).where(AuditEntry.action == "patient:opened")).all()
    assert [entry.actor_name for entry in opened] == [DORA.display_name]


def test_the_surgeon_who_is_logged_in_is_the_operator(person: LogIn, case: Case) -> None:
    assert f'selected value="{CHARLIE.id}"' in person(CHARLIE).get(case.gate).text


def test_a_nurse_chooses_the_surgeon(person: LogIn, case: Case) -> None:
    page = person(DORA).get(case.gate)

    assert f'value="{CHARLIE.id}"' in page.text
    assert f'selected value="{CHARLIE.id}"' not in page.text
    assert f'value="{DORA.id}"' not in page.text


def test_a_closed_gate_shows_every_reason_and_no_form(person: LogIn, case: Case) -> None:
    page = person(DORA).get(f"/use?patient={case.patient_id}&unit={case.held}")

    assert 'data-outcome="refused"' in page.text
    assert "This unit is on hold: seal broken" in page.text
    assert "unit-on-hold" in page.text
    assert "Record the use" not in page.text


def test_a_missing_consent_leads_to_its_form_and_back(person: LogIn, unasked: Case) -> None:
    page = person(DORA).get(unasked.gate)

    assert "The patient has not been told" in page.text
    assert f"/patients/{unasked.patient_id}/consents/new?derogation={unasked.derogation_id}&amp;back=" in page.text


def test_a_consent_is_not_the_thing_to_do_where_something_else_refuses_too(
    person: LogIn, unasked: Case, database: db.Database
) -> None:
    way_in = '<a class="btn btn-primary" href="/patients'
    asked = person(DORA).get(unasked.gate).text
    with db.transaction(database, HOSPITAL_A) as session:
        device_service.open_hold(
            session, db.new_id(), number=unasked.number, hold=a_hold(), actor=ALICE, now=clock.utc_now()
        )

    refused = person(DORA).get(unasked.gate).text

    assert way_in in asked
    assert way_in not in refused
    assert "/consents/new" in refused


def test_an_open_gate_shows_no_way_to_the_consent(person: LogIn, case: Case) -> None:
    assert "/consents/new" not in person(DORA).get(case.gate).text


def test_a_use_is_recorded_with_its_papers(person: LogIn, database: db.Database, case: Case) -> None:
    visitor = person(DORA)

    answer = visitor.post("/use/new", case.typed())

    assert answer.status_code == 303
    page = visitor.get(answer.location)
    assert "Charlie Test" in page.text
    assert "SCORE cemented, 2011" in page.text
    assert "Implant card" in page.text
    assert set(papers(database, answer.location)) == {DocumentKind.PATIENT_DOCUMENT, DocumentKind.IMPLANT_CARD}
    assert "partial revision of an implanted system" in visitor.get(f"/units/{case.number}").text
    with db.transaction(database, HOSPITAL_A) as session:
        assert devices.get_unit(session, case.number).state is UnitState.USED


def test_the_papers_can_be_downloaded_as_they_were_frozen(person: LogIn, database: db.Database, case: Case) -> None:
    visitor = person(DORA)
    address = visitor.post("/use/new", case.typed()).location
    with db.transaction(database, HOSPITAL_A) as session:
        rows = session.scalars(select(Document).where(Document.subject == f"use:{address.rsplit('/', 1)[-1]}")).all()

    for row in rows:
        answer = visitor.get(f"/documents/{row.id}")
        assert answer.content_type == "application/pdf"
        assert answer.data == papers(database, address)[row.kind]


def test_the_patient_document_says_what_the_law_asks(person: LogIn, database: db.Database, case: Case) -> None:
    """CSP R.5212-42: device with brand, place, date, doctor; EXI DIF 02: the qualified INS with its Datamatrix."""
    address = person(DORA).post("/use/new", case.typed()).location

    paper = papers(database, address)[DocumentKind.PATIENT_DOCUMENT]

    text = text_of(paper)
    for words in ("MARTIN-BRÉANT", "12March1956", "SCORE", "1-020163C", "A1", "CharlieTest", "Blocopératoire", UDI):
        assert words in text
    assert "280129999999969" in text
    assert symbols_of(paper) >= {case.number, LABEL}


def test_an_identity_that_is_not_qualified_prints_no_ins(person: LogIn, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        case = make_case(session, status=IdentityStatus.VALIDATED)

    address = person(DORA).post("/use/new", case.typed()).location

    paper = papers(database, address)[DocumentKind.PATIENT_DOCUMENT]
    assert "280129999999969" not in text_of(paper)
    assert symbols_of(paper) == {case.number}


def test_the_implant_card_carries_the_whole_udi(person: LogIn, database: db.Database, case: Case) -> None:
    address = person(DORA).post("/use/new", case.typed()).location

    paper = papers(database, address)[DocumentKind.IMPLANT_CARD]

    assert UDI in text_of(paper)
    assert symbols_of(paper) == {LABEL_OF_UNIT.decode().removeprefix("]d2")}
    assert "Notstatedbythemanufacturer." in text_of(paper)
    assert "280129999999969" not in text_of(paper)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"side": ""}, "Choose a side"),
        ({"operator_id": ""}, "Choose the surgeon."),
        ({"operator_id": str(DORA.id)}, "Not a valid choice"),
        ({"ward_id": str(UUID(int=3))}, "Not a valid choice"),
        ({"used_on": ""}, "This field is required"),
        ({"used_on": "2190-01-01"}, "The day of use is in the future."),
        ({"used_on": "2026-01-01"}, "not yet received"),
        ({"intervention": "forged"}, "Not a valid choice"),
        ({"reason": "  ", "implanted_system": "insert worn, the rest is sound"}, "This field is required"),
        ({"request_id": "forged"}, "The request number is not a UUID."),
    ],
)
def test_a_fault_keeps_the_form_and_all_that_was_typed(
    person: LogIn, database: db.Database, case: Case, changes: dict[str, object], says: str
) -> None:
    page = person(DORA).post("/use/new", case.typed(**changes))

    assert page.status_code == 422
    assert says in page.text
    assert "insert worn, the rest is sound" in page.text
    assert "MARTIN-BRÉANT Marie" in page.text
    assert 'action="/use/new"' in page.text
    assert count(database) == 0


def test_a_complete_replacement_is_refused_above_the_form_which_stays(
    person: LogIn, database: db.Database, case: Case
) -> None:
    page = person(DORA).post("/use/new", case.typed(intervention="complete_replacement"))

    assert page.status_code == 409
    reason = page.text.index("The derogation covers only the partial revision of an implanted system.")
    assert reason < page.text.index('action="/use/new"')
    assert "choose a device with CE marking" in page.text
    assert 'data-outcome="refused"' in page.text
    assert 'selected value="complete_replacement"' in page.text
    assert 'value="SCORE cemented, 2011"' in page.text
    assert count(database) == 0


def test_a_partial_revision_without_the_implanted_system_is_refused(person: LogIn, case: Case) -> None:
    page = person(DORA).post("/use/new", case.typed(implanted_system=" "))

    assert page.status_code == 409
    assert "The system already implanted is not stated." in page.text


def test_the_server_refuses_whatever_the_page_said(person: LogIn, database: db.Database, case: Case) -> None:
    visitor = person(DORA)
    assert "Record the use" in visitor.get(case.gate).text
    with db.transaction(database, HOSPITAL_A) as session:
        device_service.open_hold(
            session, db.new_id(), number=case.number, hold=a_hold("recalled"), actor=ALICE, now=NOW
        )

    page = visitor.post("/use/new", case.typed())

    assert page.status_code == 409
    assert "This unit is on hold: recalled" in page.text
    assert count(database) == 0


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"patient": "nobody"}, 422),
        ({"patient": ""}, 422),
        ({"patient": str(UUID(int=5))}, 404),
        ({"unit": "T590000000178"}, 404),
        ({"unit": ""}, 404),
    ],
)
def test_forged_hidden_fields_are_refused(
    person: LogIn, database: db.Database, case: Case, changes: dict[str, object], status: int
) -> None:
    changes = {"unit": "T599999999994"} if changes.get("unit") == "T590000000178" else changes

    assert person(DORA).post("/use/new", case.typed(**changes)).status_code == status
    assert count(database) == 0


def test_a_form_without_token_is_refused(person: LogIn, database: db.Database, case: Case) -> None:
    assert person(DORA).client.post("/use/new", data=case.typed()).status_code == 400
    assert count(database) == 0


def test_the_same_form_twice_is_one_use_with_one_set_of_papers(
    person: LogIn, database: db.Database, case: Case
) -> None:
    visitor, typed = person(DORA), case.typed()

    first, second = visitor.post("/use/new", typed), visitor.post("/use/new", typed)

    assert first.location == second.location
    assert count(database) == 1
    use_id = first.location.rsplit("/", 1)[-1]
    with db.transaction(database, HOSPITAL_A) as session:
        assert len(documents.list_documents(session, f"use:{use_id}")) == 2


def test_the_address_of_the_form_leads_to_the_gate(person: LogIn) -> None:
    assert person(DORA).get("/use/new").location == "/use"


def test_papers_that_are_missing_can_be_made_later(person: LogIn, database: db.Database, case: Case) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        unit = devices.get_unit(session, case.number)
        use_id = make_use(session, unit.id, patient_id=case.patient_id, derogation_id=case.derogation_id)
    visitor = person(CHARLIE)
    assert "The papers were not made yet." in visitor.get(f"/uses/{use_id}").text

    visitor.post(f"/uses/{use_id}/papers")

    assert len(papers(database, f"/uses/{use_id}")) == 2


def test_the_log_shows_the_use_and_who_may_read_it(person: LogIn, case: Case) -> None:
    address = person(DORA).post("/use/new", case.typed()).location

    for actor in (ALICE, FANNY):
        assert case.number in person(actor).get("/uses").text
        assert person(actor).get(address).status_code == 200
    assert "Make the papers" not in person(FANNY).get(address).text


def test_the_log_is_empty_at_first_and_ignores_a_broken_cursor(person: LogIn) -> None:
    page = person(FANNY).get("/uses?day=yesterday&id=nothing")

    assert page.status_code == 200
    assert "No use recorded yet" in page.text


def test_the_log_pages_on(person: LogIn, case: Case) -> None:
    visitor = person(DORA)
    use_id = visitor.post("/use/new", case.typed()).location.rsplit("/", 1)[-1]

    assert "No use recorded yet" in visitor.get(f"/uses?day={case.today}&id={use_id}").text


def test_a_pharmacist_records_no_use(person: LogIn, case: Case) -> None:
    assert person(ALICE).get(case.gate).status_code == 403
    assert person(ALICE).post("/use/new", case.typed()).status_code == 403


def test_another_hospital_finds_nothing(person: LogIn, case: Case) -> None:
    address = person(DORA).post("/use/new", case.typed()).location

    assert person(GUY).get(address).status_code == 404
    assert case.number not in person(GUY).get("/uses").text


def test_pages_speak_french(person: LogIn, case: Case) -> None:
    visitor = person(DORA)
    visitor.client.set_cookie("trace59_locale", "fr")

    assert "Ce dispositif peut être utilisé pour ce patient." in visitor.get(case.gate).text
    refused = visitor.post("/use/new", case.typed(intervention="complete_replacement")).text
    assert "La dérogation ne couvre que la reprise partielle" in refused


def test_patient_criteria_are_shown_and_confirmed_before_use(person: LogIn, database: db.Database, case: Case) -> None:
    conditions = Conditions(criteria=("over 18 years",), follow_up=(FollowUp(12, "X-ray"),))
    changed = NewDecision(case.derogation_id, DecisionKind.CONDITIONS_CHANGED, NOW.date(), conditions=conditions)
    with db.transaction(database, HOSPITAL_A) as session:
        register.record_decision(session, db.new_id(), new=changed, actor=ALICE, now=clock.utc_now())
    dora = person(DORA)

    gate = dora.get(case.gate).text
    refused = dora.post("/use/new", case.typed())
    taken = dora.post("/use/new", case.typed(are_criteria_confirmed="y"))

    assert "over 18 years" in gate
    assert "X-ray" in gate
    assert "fulfils every criterion" in gate
    assert (refused.status_code, count(database)) == (409, 1)
    assert "Nobody has confirmed" in refused.text
    assert taken.status_code == 303
    assert "Confirmed: the patient fulfils over 18 years" in dora.get(taken.headers["Location"]).text


def test_the_log_and_the_incidents_are_narrowed_to_one_derogation(
    person: LogIn, database: db.Database, case: Case
) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        unit = devices.get_unit(session, case.number)
        make_use(session, unit.id, patient_id=case.patient_id, derogation_id=case.derogation_id)
        other = make_derogation(session, make_manufacturer(session, "Other"))
    alice = person(ALICE)

    sheet = alice.get(f"/derogations/{case.derogation_id}").text
    shown = [case.number in alice.get(f"/uses?derogation={id_}").text for id_ in (case.derogation_id, other)]

    assert f"/uses?derogation={case.derogation_id}" in sheet
    assert shown == [True, False]
    assert "under this derogation" in alice.get(f"/incidents?derogation={other}").text
    assert alice.get(f"/uses?derogation={db.new_id()}").status_code == 404


def test_a_use_that_happened_before_a_withdrawal_is_recorded_with_its_time(
    person: LogIn, database: db.Database, case: Case
) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        kind = ConsentEventKind.WITHDRAWN
        make_consent(session, case.patient_id, case.derogation_id, kind=kind, at=clock.utc_now())
    visitor = person(CHARLIE)
    closed, asked = visitor.get(case.gate), visitor.get(f"{case.gate}&past=1")

    answer = visitor.post("/use/new", case.typed(used_time="00:00"))

    assert 'name="used_time"' not in closed.text
    assert "It was used already, before this" in closed.text
    assert 'name="used_time"' in asked.text
    assert answer.status_code == 303
    assert "00:00" in visitor.get(answer.location).text


def test_the_place_of_use_is_where_the_unit_was_delivered(person: LogIn, database: db.Database, case: Case) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        make_delivery(session, case.number)

    assert f'<option selected value="{THEATRE}">' in person(CHARLIE).get(case.gate).text
