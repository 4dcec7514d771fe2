"""The register's pages: read, searched, asked as known on a day, added to; nothing typed is lost."""

import io
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import yaml

from tests.hospital import ALICE, BOB, CHARLIE, DORA, ERIC, FANNY, GUY, HOSPITAL_A, THEATRE
from tests.stock import make_derogation, make_manufacturer
from tests.web.conftest import Person
from tracker import clock, db
from tracker.actor import Actor
from tracker.catalogue import queries as catalogue
from tracker.derogations import queries
from tracker.derogations.models import Decision
from tracker.derogations.rules import DecisionKind, DerogationStatus
from tracker.documents import queries as documents
from tracker.patients import service as patients
from tracker.patients.rules import IdentityStatus, Sex, Traits
from tracker.publications import service as publications

LogIn = Callable[[Actor], Person]
PDF = b"%PDF-1.7 the letter"
TODAY = clock.paris_day(clock.utc_now())
LATER = TODAY + timedelta(days=300)


@pytest.fixture
def score(database: db.Database) -> UUID:
    """The register of ANSM's page; the derogation of SCORE, which has ended."""
    content = yaml.safe_load(Path("config/ansm_derogations_20240306.yaml").read_text(encoding="utf-8"))
    now = clock.utc_now()
    with db.transaction(database, HOSPITAL_A) as session:
        publications.load_register(session, content, actor=ALICE, now=now)
        found = queries.list_standings(session, day=TODAY, known_at=now)
        return next(standing.id for standing in found if standing.implanted_system == "SCORE")


def status(database: db.Database, derogation_id: UUID) -> DerogationStatus:
    with db.transaction(database, HOSPITAL_A) as session:
        return queries.get_sheet(session, derogation_id, day=TODAY, known_at=clock.utc_now()).status


def decisions(database: db.Database, derogation_id: UUID) -> list[Decision]:
    with db.transaction(database, HOSPITAL_A) as session:
        return list(queries.list_decisions(session, derogation_id))


def extension(**changes: object) -> dict[str, object]:
    return {
        "request_id": str(db.new_id()),
        "kind": "extended",
        "effective_from": TODAY.isoformat(),
        "valid_until": LATER.isoformat(),
        "decided_on": TODAY.isoformat(),
        "reference": "2026-DM-41",
        "letter": (io.BytesIO(PDF), "prolongation.pdf"),
    } | changes


def test_one_derogation_says_why_and_shows_its_references(person: LogIn, score: UUID) -> None:
    page = person(ALICE).get(f"/derogations/{score}")

    assert 'data-status="ended"' in page.text
    assert "Ended after 26 Jul 2024" in page.text
    assert page.text.count("1-02016") >= 20
    assert "SOCRE" in page.text
    assert "R.5211-19" in page.text


def test_the_state_of_any_day_is_shown(person: LogIn, score: UUID) -> None:
    page = person(ALICE).get(f"/derogations/{score}?day=2024-07-26")

    assert 'data-status="in_force"' in page.text
    assert "State on 26 Jul 2024" in page.text


def test_what_was_not_known_on_a_day_is_left_out(person: LogIn, score: UUID) -> None:
    yesterday = (TODAY - timedelta(days=1)).isoformat()

    page = person(ALICE).get(f"/derogations/{score}?day=2024-07-12&known={yesterday}")

    assert 'data-status="unknown"' in page.text
    assert "1 decision recorded later is left out" in page.text


def test_a_day_that_is_no_day_is_refused(person: LogIn, score: UUID) -> None:
    page = person(ALICE).get(f"/derogations/{score}?day=tomorrow")

    assert page.status_code == 422
    assert "This is not a date" in page.text


@pytest.mark.parametrize("actor", [BOB, CHARLIE, DORA, FANNY])
def test_other_roles_read_and_find_no_way_to_write(person: LogIn, score: UUID, actor: Actor) -> None:
    reader = person(actor)

    pages = [reader.get("/derogations"), reader.get(f"/derogations/{score}")]

    assert [page.status_code for page in pages] == [200, 200]
    assert not any("/new" in page.text for page in pages)
    assert reader.get(f"/derogations/{score}/decisions/new").status_code == 403
    assert reader.post(f"/derogations/{score}/decisions/new", extension()).status_code == 403
    assert reader.post("/derogations/new").status_code == 403
    assert reader.post(f"/derogations/{score}/scope/new").status_code == 403


def test_the_administrator_and_another_hospital_see_nothing(person: LogIn, score: UUID) -> None:
    assert person(ERIC).get("/derogations").status_code == 403
    assert person(GUY).get(f"/derogations/{score}").status_code == 404
    assert person(GUY).get(f"/derogations/{score}/decisions/new").status_code == 404
    assert str(score) not in person(GUY).get("/derogations").text


def test_an_extension_recorded_from_its_letter_turns_the_status(
    person: LogIn, database: db.Database, score: UUID
) -> None:
    alice = person(ALICE)
    form = alice.get(f"/derogations/{score}/decisions/new")

    answer = alice.post(f"/derogations/{score}/decisions/new", extension())
    page = alice.get(answer.headers["Location"])

    assert form.status_code == 200
    assert answer.status_code == 303
    assert 'data-status="in_force"' in page.text
    assert "2026-DM-41" in page.text
    assert "prolongation.pdf" in page.text
    kept = decisions(database, score)[-1]
    with db.transaction(database, HOSPITAL_A) as session:
        assert kept.document_id is not None
        assert documents.read_content(session, kept.document_id) == PDF


def test_who_records_a_suspension_is_told_what_it_did(person: LogIn, database: db.Database, score: UUID) -> None:
    alice = person(ALICE)
    alice.post(f"/derogations/{score}/decisions/new", extension())
    extended = alice.get(f"/derogations/{score}").text

    alice.post(f"/derogations/{score}/decisions/new", extension(kind="suspended", valid_until=""))
    page = alice.get(f"/derogations/{score}").text

    assert "The decision is recorded." in extended
    assert "The decision is recorded: 0 units held, 0 released, 3 people told." in page
    assert "kB · fingerprint" in page


def test_a_form_sent_twice_is_one_decision(person: LogIn, database: db.Database, score: UUID) -> None:
    alice = person(ALICE)
    form = extension()
    again = dict(form, letter=(io.BytesIO(PDF), "prolongation.pdf"))

    answers = [alice.post(f"/derogations/{score}/decisions/new", data) for data in (form, again)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(decisions(database, score)) == 2


@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        ({"valid_until": (TODAY - timedelta(days=1)).isoformat()}, 422, "before the first day of effect"),
        ({"valid_until": ""}, 422, "An extension states its last day"),
        ({"decided_on": (TODAY + timedelta(days=2)).isoformat()}, 422, "dated in the future"),
        ({"effective_from": "2024-05-01", "valid_until": "2024-06-01"}, 422, "does not end later"),
        ({"kind": "reinstated", "valid_until": ""}, 409, "not suspended"),
        ({"kind": "nonsense"}, 422, "Please check"),
        ({"effective_from": "", "valid_until": "26/07/2027"}, 422, "Type a date"),
        ({"letter": (io.BytesIO(b""), "empty.pdf")}, 422, "The file is empty"),
        ({"letter": (io.BytesIO(b"MZ program"), "letter.pdf")}, 422, "neither a PDF"),
        ({"references": "A\nA"}, 422, "given twice"),
        ({"references_removed": "nowhere"}, 422, "not in the scope"),
        ({"request_id": "forged"}, 422, "not a UUID"),
        ({"corrects_id": str(UUID(int=5))}, 422, "Please check"),
    ],
)
def test_bad_input_is_told_at_once_and_nothing_typed_is_lost(
    person: LogIn, database: db.Database, score: UUID, changes: dict[str, object], code: int, sentence: str
) -> None:
    page = person(ALICE).post(f"/derogations/{score}/decisions/new", extension(note="words typed", **changes))

    assert page.status_code == code
    assert sentence in page.text
    assert "words typed" in page.text
    assert len(decisions(database, score)) == 1


def test_a_letter_of_more_than_20_megabytes_is_refused(person: LogIn, database: db.Database, score: UUID) -> None:
    heavy = io.BytesIO(b"%PDF-" + b"0" * (20 * 1024 * 1024))

    page = person(ALICE).post(f"/derogations/{score}/decisions/new", extension(letter=(heavy, "heavy.pdf")))

    assert page.status_code == 422
    assert "larger than 20 MB" in page.text
    assert "Choose the letter again" in page.text
    assert len(decisions(database, score)) == 1


def test_a_forged_form_writes_nothing(person: LogIn, database: db.Database, score: UUID) -> None:
    alice = person(ALICE)

    answer = alice.client.post(f"/derogations/{score}/decisions/new", data=extension(csrf_token="forged"))

    assert answer.status_code == 400
    assert len(decisions(database, score)) == 1


def test_a_correction_is_chosen_from_the_list_and_keeps_the_wrong_one(
    person: LogIn, database: db.Database, score: UUID
) -> None:
    alice = person(ALICE)
    wrong = decisions(database, score)[0]

    answer = alice.post(
        f"/derogations/{score}/decisions/new",
        extension(kind="granted", effective_from="2024-03-06", valid_until="2024-08-26", corrects_id=str(wrong.id)),
    )
    page = alice.get(answer.headers["Location"])

    assert "Ended after 26 Aug 2024" in page.text
    assert "<s>Derogation granted</s>" in page.text
    assert "Takes the place of: Derogation granted" in page.text


def global_derogation(**changes: object) -> dict[str, object]:
    return {
        "request_id": str(db.new_id()),
        "kind": "global",
        "domain": "other",
        "designation": "Valve without mark",
        "manufacturer_id": "",
        "company": "Valves SA",
        "legal_basis": "MDR art. 59",
        "scope_text": "the valve",
        "source": "letter",
        "first_decision": "granted",
        "effective_from": TODAY.isoformat(),
        "valid_until": LATER.isoformat(),
        "references": "V-1 ; Valve, size 1\nV-2",
        "patient_cap": "3",
    } | changes


def test_a_new_derogation_is_entered_with_its_first_decision(person: LogIn, database: db.Database) -> None:
    alice = person(ALICE)
    form = alice.get("/derogations/new")

    answer = alice.post("/derogations/new", global_derogation())
    page = alice.get(answer.headers["Location"])

    assert form.status_code == 200
    assert answer.status_code == 303
    assert 'data-status="in_force"' in page.text
    assert "At most 3 patients" in page.text
    assert "Valve, size 1" in page.text
    assert "Valves SA" in page.text


def test_the_company_may_be_chosen_from_the_list(person: LogIn, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)

    answer = person(ALICE).post("/derogations/new", global_derogation(manufacturer_id=str(maker), company=""))

    assert answer.status_code == 303
    with db.transaction(database, HOSPITAL_A) as session:
        (found,) = queries.list_standings(session, day=TODAY, known_at=clock.utc_now())
        assert found.manufacturer_id == maker


def test_a_reference_that_enters_later_is_shown_as_such(person: LogIn, score: UUID) -> None:
    alice = person(ALICE)
    alice.post(f"/derogations/{score}/decisions/new", extension(references="1-020163C"))

    page = alice.get(f"/derogations/{score}?day={(TODAY - timedelta(days=400)).isoformat()}")
    before = alice.get(f"/derogations/{score}?day=2024-01-01")

    assert page.text.count(">1-020163C<") == 1
    assert before.text.count(">later<") == 20


def test_a_new_derogation_sent_twice_is_one(person: LogIn, database: db.Database) -> None:
    alice = person(ALICE)
    form = global_derogation()

    answers = [alice.post("/derogations/new", form) for _ in range(2)]

    assert {answer.headers["Location"] for answer in answers} == {f"/derogations/{form['request_id']}"}
    with db.transaction(database, HOSPITAL_A) as session:
        assert len(queries.list_standings(session, day=TODAY, known_at=clock.utc_now())) == 1


def test_a_refused_request_blocks_from_its_day(person: LogIn, database: db.Database) -> None:
    form = global_derogation(first_decision="refused", valid_until="", patient_cap="", references="")

    person(ALICE).post("/derogations/new", form)

    assert status(database, UUID(str(form["request_id"]))) is DerogationStatus.REFUSED


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"designation": ""}, "Type the name"),
        ({"company": ""}, "Choose the company"),
        ({"kind": "individual"}, "names one patient"),
        ({"ipp": "no such IPP"}, "Nobody has this IPP"),
        ({"kind": "partial_revision"}, "covers partial revisions only"),
        ({"valid_until": "2020-01-01"}, "before the first day of effect"),
    ],
)
def test_an_odd_derogation_is_refused_whole(
    person: LogIn, database: db.Database, changes: dict[str, object], sentence: str
) -> None:
    page = person(ALICE).post("/derogations/new", global_derogation(**changes))

    assert page.status_code == 422
    assert sentence in page.text
    assert "the valve" in page.text
    with db.transaction(database, HOSPITAL_A) as session:
        assert queries.list_standings(session, day=TODAY, known_at=clock.utc_now()) == []
        assert catalogue.list_manufacturers(session) == []


def test_an_individual_derogation_is_bound_to_the_patient_of_an_ipp(person: LogIn, database: db.Database) -> None:
    traits = Traits("MARTIN", "ANNE", date(1960, 1, 1), Sex.FEMALE, "8001")
    now = clock.utc_now()
    with db.transaction(database, HOSPITAL_A) as session:
        patients.register_patient(
            session, db.new_id(), traits=traits, status=IdentityStatus.PROVISIONAL, actor=ALICE, now=now, today=TODAY
        )
    alice = person(ALICE)

    answer = alice.post("/derogations/new", global_derogation(kind="individual", ipp="8001"))
    page = alice.get(answer.headers["Location"])

    assert "bound to one patient" in page.text
    assert "MARTIN ANNE" in page.text
    with db.transaction(database, HOSPITAL_A) as session:
        (found,) = queries.list_standings(session, day=TODAY, known_at=clock.utc_now())
        assert queries.get_derogation(session, found.id).patient_id is not None


def test_a_scope_in_words_is_read_by_the_pharmacist(person: LogIn, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        derogation_id = make_derogation(session, make_manufacturer(session), references=(), valid_until=LATER)
    alice = person(ALICE)
    form = {
        "request_id": str(db.new_id()),
        "effective_from": TODAY.isoformat(),
        "references": "T-1416 ; head",
        "reading": "Named in the title",
    }

    shown = alice.get(f"/derogations/{derogation_id}/scope/new")
    answers = [alice.post(f"/derogations/{derogation_id}/scope/new", form) for _ in range(2)]
    page = alice.get(f"/derogations/{derogation_id}")

    assert shown.status_code == 200
    assert [answer.status_code for answer in answers] == [303, 303]
    assert "reading: Named in the title" in page.text
    assert page.text.count(">T-1416<") == 1


@pytest.mark.parametrize(
    "changes", [{"reading": ""}, {"references": " "}, {"effective_from": ""}, {"references": "A\nA"}]
)
def test_an_incomplete_reading_is_refused(person: LogIn, score: UUID, changes: dict[str, object]) -> None:
    form = {"effective_from": TODAY.isoformat(), "references": "A", "reading": "typed words"} | changes

    page = person(ALICE).post(f"/derogations/{score}/scope/new", form)

    assert page.status_code == 422


@pytest.mark.parametrize("kind", [DecisionKind.SUSPENDED, DecisionKind.WITHDRAWN])
def test_a_suspension_or_withdrawal_is_shown_large(
    person: LogIn, database: db.Database, score: UUID, kind: DecisionKind
) -> None:
    alice = person(ALICE)
    alice.post(f"/derogations/{score}/decisions/new", extension())

    answer = alice.post(
        f"/derogations/{score}/decisions/new",
        extension(kind=kind.value, valid_until="", reference="", letter=(io.BytesIO(PDF), "stop.pdf")),
    )
    page = alice.get(answer.headers["Location"])

    assert answer.status_code == 303
    assert f'data-status="{kind.value}"' in page.text
    assert status(database, score) is DerogationStatus(kind.value)


def test_every_page_is_french_for_french_readers(person: LogIn, score: UUID) -> None:
    alice = person(ALICE)
    alice.client.set_cookie("trace59_locale", "fr")

    register = alice.get("/derogations").text
    sheet = alice.get(f"/derogations/{score}").text
    form = alice.get(f"/derogations/{score}/decisions/new").text

    assert "Registre des dérogations" in register
    assert "Terminée" in register
    assert "Terminée après le 26/07/2024" in sheet
    assert "Dérogation accordée" in sheet
    assert "Dernier jour de validité, inclus" in form


CONDITIONS = {
    "states_conditions": "y",
    "sites": "Hôpital A\nHôpital B",
    "ward_ids": [str(THEATRE)],
    "criteria": "adult\nno allergy to cobalt",
    "follow_up": "3 ; X-ray\n12 ; X-ray",
}


def test_the_conditions_of_a_letter_are_shown_as_they_stand(person: LogIn, database: db.Database) -> None:
    alice = person(ALICE)

    answer = alice.post("/derogations/new", global_derogation(**CONDITIONS, received_on=TODAY.isoformat()))
    page = alice.get(answer.headers["Location"]).text

    assert answer.status_code == 303
    for words in ("Hôpital A, Hôpital B", "Bloc opératoire", "no allergy to cobalt", "12 months after use: X-ray"):
        assert words in page
    assert "3; counted so far: 0" in page
    assert "received on" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"follow_up": "soon ; X-ray"}, "number of months"),
        ({"follow_up": "٣ ; X-ray"}, "number of months"),
        ({"criteria": "adult\nadult"}, "Write each condition once"),
        ({"is_elsewhere": "y"}, "choose wards only if this one is among them"),
        ({"ward_ids": ["nonsense"]}, "Please check what follows"),
        ({"received_on": (TODAY + timedelta(days=1)).isoformat()}, "from the date of the letter until today"),
    ],
)
def test_odd_conditions_are_told_and_nothing_typed_is_lost(
    person: LogIn, database: db.Database, changes: dict[str, object], words: str
) -> None:
    page = person(ALICE).post("/derogations/new", global_derogation(**CONDITIONS | changes))

    assert page.status_code == 422
    assert words in page.text
    assert "Valve without mark" in page.text
    with db.transaction(database, HOSPITAL_A) as session:
        assert queries.list_standings(session, day=TODAY, known_at=clock.utc_now()) == []


def test_another_spelling_is_recorded_and_found(person: LogIn, score: UUID) -> None:
    alice = person(ALICE)
    form = {"request_id": str(db.new_id()), "name": "Insert SCORRE", "alias_source": "label of 2025"}

    answer = alice.post(f"/derogations/{score}/names/new", form)
    again = alice.post(f"/derogations/{score}/names/new", form | {"request_id": str(db.new_id())})

    assert answer.status_code == 303
    assert "label of 2025" in alice.get(answer.headers["Location"]).text
    assert str(score) in alice.get("/derogations?q=scorre").text
    assert again.status_code == 422
    assert "known already" in again.text
    assert alice.post(f"/derogations/{score}/names/new", form | {"name": ""}).status_code == 422
