"""Pages of information and consent: which derogation, the notice, the event, the signed form."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pypdf
import pytest

from tests.care import NOTICE, make_notice, make_patient
from tests.hospital import ALICE, CHARLIE, DORA, FANNY, GUY, HOSPITAL_A
from tests.stock import make_derogation, make_manufacturer
from tests.web.conftest import Person
from tracker import clock, db
from tracker.consents import queries
from tracker.consents.queries import EventView
from tracker.consents.rules import ConsentEventKind

LogIn = Callable[..., Person]
PDF = b"%PDF-1.7\nsigned"


@dataclass(frozen=True, slots=True)
class Case:
    """A patient, a derogation in force and its notice."""

    patient_id: UUID
    derogation_id: UUID
    ended_id: UUID
    notice_id: UUID

    @property
    def address(self) -> str:
        return f"/patients/{self.patient_id}/consents"

    def typed(self, **changes: object) -> dict[str, object]:
        """Return what a surgeon types for a consent, some of it replaced."""
        return {
            "request_id": str(db.new_id()),
            "derogation_id": str(self.derogation_id),
            "kind": "obtained",
            "at": "2026-03-02T10:15",
            "notice_id": str(self.notice_id),
            "informed_by_id": str(CHARLIE.id),
            "signer_capacity": "patient",
            "signer_name": "Marie Martin",
            "reason": "asked twice, decided",
            **changes,
        }


@pytest.fixture
def case(database: db.Database) -> Case:
    """Everything a consent needs."""
    today = clock.paris_day(clock.utc_now())
    with db.transaction(database, HOSPITAL_A) as session:
        manufacturer_id = make_manufacturer(session)
        derogation_id = make_derogation(session, manufacturer_id, valid_until=today + timedelta(days=100))
        ended_id = make_derogation(session, manufacturer_id, valid_until=today - timedelta(days=1))
        return Case(make_patient(session), derogation_id, ended_id, make_notice(session, derogation_id))


def events(database: db.Database, case: Case) -> list[EventView]:
    with db.transaction(database, HOSPITAL_A) as session:
        return list(queries.list_events(session, case.patient_id))


def text_of(pdf: bytes) -> str:
    return " ".join("\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages).split())


def test_a_patient_never_asked_has_an_empty_page(person: LogIn, case: Case) -> None:
    page = person(CHARLIE).get(case.address)

    assert page.status_code == 200
    assert "Nothing recorded yet" in page.text


def test_first_the_derogation_is_chosen_those_in_force_in_sight(person: LogIn, case: Case) -> None:
    page = person(CHARLIE).get(f"{case.address}/new")

    before, after = page.text.split("<details", 1)
    assert f"derogation={case.derogation_id}" in before
    assert f"derogation={case.ended_id}" in after


def test_the_form_opens_with_the_newest_notice_the_surgeon_and_the_patient(person: LogIn, case: Case) -> None:
    page = person(CHARLIE).get(f"{case.address}/new?derogation={case.derogation_id}")

    assert f'selected value="{case.notice_id}"' in page.text
    assert f'selected value="{CHARLIE.id}"' in page.text
    assert 'value="MARTIN-BRÉANT Marie"' in page.text
    assert f"/patients/{case.patient_id}/notice/{case.notice_id}" in page.text


def test_a_derogation_without_notice_says_to_write_one(person: LogIn, case: Case) -> None:
    page = person(CHARLIE).get(f"{case.address}/new?derogation={case.ended_id}")

    assert "No notice exists for this derogation" in page.text
    assert f"/derogations/{case.ended_id}/notices/new" in page.text


def test_a_consent_is_recorded_and_shown(person: LogIn, database: db.Database, case: Case) -> None:
    visitor = person(DORA)

    answer = visitor.post(f"{case.address}/new", case.typed())

    assert (answer.status_code, answer.location) == (303, case.address)
    (view,) = events(database, case)
    assert view.event.at.isoformat() == "2026-03-02T09:15:00+00:00"
    page = visitor.get(case.address).text
    assert "Consent is in force" in page
    assert "Marie Martin (the patient)" in page
    assert "asked twice, decided" in page


def test_after_the_gate_the_way_leads_back_to_it(person: LogIn, case: Case) -> None:
    back = f"/use?patient={case.patient_id}&unit=T590000000178"
    visitor = person(DORA)

    page = visitor.get(f"{case.address}/new", query_string={"derogation": str(case.derogation_id), "back": back})
    answer = visitor.post(f"{case.address}/new", case.typed(back=back))

    assert back.replace("&", "&amp;") in page.text
    assert answer.location == back


@pytest.mark.parametrize("back", ["https://evil.test/", "//evil.test", "javascript:alert(1)"])
def test_the_way_back_never_leads_elsewhere(person: LogIn, case: Case, back: str) -> None:
    visitor = person(DORA)

    page = visitor.get(f"{case.address}/new", query_string={"derogation": str(case.derogation_id), "back": back})

    assert "evil" not in page.text
    assert "javascript:" not in page.text
    assert visitor.post(f"{case.address}/new", case.typed(back=back)).location == "/"


def test_a_signed_form_is_kept_and_can_be_read_again(person: LogIn, database: db.Database, case: Case) -> None:
    visitor = person(DORA)

    visitor.post(f"{case.address}/new", case.typed(document=(io.BytesIO(PDF), "form.pdf")))

    (view,) = events(database, case)
    assert f"/documents/{view.event.document_id}" in visitor.get(case.address).text
    assert visitor.get(f"/documents/{view.event.document_id}").data == PDF


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"notice_id": ""}, "Choose the version of the notice"),
        ({"informed_by_id": ""}, "Say who informed"),
        ({"signer_name": ""}, "Say who decided"),
        ({"signer_capacity": ""}, "Say in what capacity"),
        ({"signer_capacity": "minor_alone"}, "of full age"),
        ({"at": "2190-01-01T10:00"}, "in the future"),
        ({"at": "this morning"}, "Not a valid datetime"),
        ({"kind": "forged"}, "Not a valid choice"),
        ({"notice_id": "0190a5d0-0000-7000-8000-000000000000"}, "Not a valid choice"),
        ({"informed_by_id": str(ALICE.id), "request_id": "forged"}, "Send a UUID"),
        ({"document": (io.BytesIO(b""), "empty.pdf")}, "The file is empty"),
        ({"document": (io.BytesIO(b"MZ\x90"), "form.exe")}, "neither a PDF"),
    ],
)
def test_a_fault_keeps_what_was_typed_and_writes_nothing(
    person: LogIn, database: db.Database, case: Case, changes: dict[str, object], says: str
) -> None:
    page = person(CHARLIE).post(f"{case.address}/new", case.typed(**changes))

    assert page.status_code == 422
    assert says in page.text
    assert "asked twice, decided" in page.text
    assert events(database, case) == []


def test_a_withdrawal_without_consent_is_refused_above_the_form(
    person: LogIn, database: db.Database, case: Case
) -> None:
    page = person(CHARLIE).post(f"{case.address}/new", case.typed(kind="withdrawn"))

    assert page.status_code == 409
    assert "There is no consent in force to withdraw." in page.text
    assert "Record a refusal instead." in page.text
    assert "asked twice, decided" in page.text
    assert events(database, case) == []


@pytest.mark.parametrize(("forged", "status"), [("nothing", 422), (str(UUID(int=7)), 404)])
def test_a_forged_derogation_is_refused(person: LogIn, case: Case, forged: str, status: int) -> None:
    assert person(CHARLIE).post(f"{case.address}/new", case.typed(derogation_id=forged)).status_code == status


def test_who_only_reads_records_nothing(person: LogIn, case: Case) -> None:
    visitor = person(FANNY)

    assert "Record information" not in visitor.get(case.address).text
    assert visitor.get(f"{case.address}/new").status_code == 403
    assert visitor.post(f"{case.address}/new", case.typed()).status_code == 403


def test_another_hospital_finds_neither_patient_nor_derogation(person: LogIn, case: Case) -> None:
    visitor = person(GUY)

    assert visitor.get(case.address).status_code == 404
    assert visitor.get(f"/derogations/{case.derogation_id}/notices").status_code == 404


def test_versions_of_a_notice_are_shown_with_their_hash(person: LogIn, case: Case) -> None:
    page = person(FANNY).get(f"/derogations/{case.derogation_id}/notices")

    assert "Version 1" in page.text
    assert NOTICE.alternatives in page.text
    assert "Write a new version" not in page.text


def test_a_derogation_without_notice_has_an_empty_page(person: LogIn, case: Case) -> None:
    assert "No notice yet" in person(DORA).get(f"/derogations/{case.ended_id}/notices").text


def test_a_new_version_begins_with_the_words_of_the_last(person: LogIn, database: db.Database, case: Case) -> None:
    visitor, address = person(DORA), f"/derogations/{case.derogation_id}/notices/new"
    words = {name: getattr(NOTICE, name) for name in NOTICE.__slots__} | {"risks": "Wear above all."}

    first = visitor.get(address)
    answer = visitor.post(address, words | {"request_id": str(db.new_id())})

    assert NOTICE.risks in first.text
    assert answer.location == f"/derogations/{case.derogation_id}/notices"
    with db.transaction(database, HOSPITAL_A) as session:
        latest = queries.find_latest_notice(session, case.derogation_id)
    assert latest is not None
    assert (latest.version, latest.texts["risks"]) == (2, "Wear above all.")


@pytest.mark.parametrize(
    ("changes", "status"), [({"risks": ""}, 422), ({"request_id": "forged"}, 422), ({"request_id": None}, 409)]
)
def test_a_notice_that_is_refused_loses_no_word(
    person: LogIn, case: Case, changes: dict[str, object], status: int
) -> None:
    words = {name: getattr(NOTICE, name) for name in NOTICE.__slots__} | {"why": "Typed for an hour."}
    sent = {"request_id": str(case.notice_id)} if changes.get("request_id", "") is None else changes

    page = person(DORA).post(f"/derogations/{case.derogation_id}/notices/new", words | sent)

    assert page.status_code == status
    assert "Typed for an hour." in page.text


def test_the_notice_is_printed_for_the_patient_to_sign(person: LogIn, case: Case) -> None:
    answer = person(CHARLIE).get(f"/patients/{case.patient_id}/notice/{case.notice_id}")

    assert answer.content_type == "application/pdf"
    text = text_of(answer.data)
    for words in ("MARTIN-BRÉANT", NOTICE.risks, NOTICE.why, "Charlie Test", "SCORE inserts"):
        assert words in text


def test_a_notice_of_nobody_is_not_printed(person: LogIn, case: Case) -> None:
    assert person(CHARLIE).get(f"/patients/{db.new_id()}/notice/{case.notice_id}").status_code == 404
    assert person(CHARLIE).get(f"/patients/{case.patient_id}/notice/{db.new_id()}").status_code == 404


def test_every_kind_of_event_has_its_word(person: LogIn, database: db.Database, case: Case) -> None:
    visitor = person(CHARLIE)
    for minute, kind in enumerate(ConsentEventKind):
        visitor.post(f"{case.address}/new", case.typed(kind=kind.value, at=f"2026-03-02T10:{minute:02d}"))

    page = visitor.get(case.address).text

    assert len(events(database, case)) == 4  # a refusal leaves nothing to withdraw
    assert "Emergency recorded; the patient must be informed later" in page


def test_pages_speak_french(person: LogIn, case: Case) -> None:
    visitor = person(CHARLIE)
    visitor.client.set_cookie("trace59_locale", "fr")

    assert (
        "titulaire de l’autorité parentale" in visitor.get(f"{case.address}/new?derogation={case.derogation_id}").text
    )
    assert "sans marquage CE" in text_of(visitor.get(f"/patients/{case.patient_id}/notice/{case.notice_id}").data)
