"""Pages of patients: found by scan, IPP or name; registered; never in an address."""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from scanners.udi.ins import HEADER
from tests.care import MARIE, make_patient
from tests.hospital import ALICE, BOB, CHARLIE, DORA, ERIC, FANNY, GUY, HOSPITAL_A
from tests.web.conftest import Person
from tracker import db
from tracker.patients import queries
from tracker.patients.queries import PatientView
from tracker.patients.rules import INS_TEST_OID, IdentityStatus, Sex, Traits

LogIn = Callable[..., Person]

LABEL = HEADER + "S1280129999999969S21.2.250.1.213.1.4.10S3ZOE MARIE\x1dS4D'ETE\x1dS5FS612-12-1980S799999"
TYPED: dict[str, object] = {
    "ipp": " 8005555555 ",
    "family_name": "d'Été",
    "given_names": "Zoé  Marie",
    "birth_date": "1980-12-12",
    "sex": "F",
    "birth_place_code": "2a004",
    "used_name": "",
    "ins_matricule": "2 80 12 99 999 999 69",
    "ins_oid": INS_TEST_OID,
    "identity_status": "QUAL",
}


@pytest.fixture
def marie(database: db.Database) -> PatientView:
    """A registered patient."""
    with db.transaction(database, HOSPITAL_A) as session:
        return queries.get_patient(session, make_patient(session))


def search(visitor: Person, raw: str) -> TestResponse:
    return visitor.post("/patients", {"raw": raw})


def find(database: db.Database, ipp: str) -> PatientView | None:
    with db.transaction(database, HOSPITAL_A) as session:
        return queries.find_by_ipp(session, ipp)


def test_the_search_page_asks_for_a_scan(person: LogIn) -> None:
    page = person(CHARLIE).get("/patients")

    assert page.status_code == 200
    assert "autofocus" in page.text
    assert "New patient" in page.text


def test_who_may_not_register_is_not_offered_to(person: LogIn, marie: PatientView) -> None:
    assert "New patient" not in person(FANNY).get("/patients").text
    assert "Use a device" not in person(FANNY).get(f"/patients/{marie.id}").text.split("<main", 1)[1]


@pytest.mark.parametrize("raw", ["8001234567", "martin-breant", "8001234567\r\n"])
def test_one_patient_found_is_opened(person: LogIn, marie: PatientView, raw: str) -> None:
    answer = search(person(CHARLIE), raw)

    assert answer.status_code == 303
    assert answer.location == f"/patients/{marie.id}"


def test_a_patient_is_found_by_the_ins_barcode(person: LogIn) -> None:
    visitor = person(CHARLIE)
    visitor.post("/patients/new", TYPED)

    answer = search(visitor, LABEL)

    assert answer.status_code == 303
    assert "Zoé Marie" in visitor.get(answer.location).text


def test_namesakes_are_listed(person: LogIn, database: db.Database, marie: PatientView) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        other = Traits("Martin-Bréant", "Paul", MARIE.birth_date, Sex.MALE, "8007777777")
        make_patient(session, other)

    page = search(person(CHARLIE), "Martin-Bréant")

    assert page.status_code == 200
    assert "MARTIN-BRÉANT Marie" in page.text
    assert "MARTIN-BRÉANT Paul" in page.text


def test_nobody_found_says_so(person: LogIn) -> None:
    page = search(person(CHARLIE), "Inconnue")

    assert "No patient found" in page.text


def test_an_empty_search_shows_the_page_again(person: LogIn) -> None:
    assert "No patient found" not in search(person(CHARLIE), " ").text


def test_an_unknown_ins_barcode_fills_in_the_form(person: LogIn) -> None:
    page = search(person(DORA), LABEL)

    assert page.status_code == 200
    assert 'value="280129999999969"' in page.text
    assert 'value="D&#39;ETE"' in page.text
    assert 'value="1980-12-12"' in page.text


def test_who_may_not_register_gets_no_form_with_the_identity(person: LogIn) -> None:
    page = search(person(BOB), LABEL)

    assert "280129999999969" not in page.text


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (LABEL[:40], "This INS barcode cannot be read."),
        ("T590000000178", "This is the label of a device"),
        ("010370000000001317280131", "This is the label of a device"),
    ],
)
def test_a_label_that_names_no_patient_says_why(person: LogIn, raw: str, says: str) -> None:
    page = search(person(CHARLIE), raw)

    assert page.status_code == 422
    assert says in page.text


def test_a_typed_identity_is_registered_tidily(person: LogIn, database: db.Database) -> None:
    answer = person(CHARLIE).post("/patients/new", TYPED)

    view = find(database, "8005555555")
    assert view is not None
    assert answer.location == f"/patients/{view.id}"
    assert view.identity_status is IdentityStatus.QUALIFIED
    assert (view.traits.family_name, view.traits.given_names) == ("d'Été", "Zoé Marie")
    assert (view.traits.ins_matricule, view.traits.birth_place_code) == ("280129999999969", "2A004")


def test_decomposed_letters_are_composed(person: LogIn, database: db.Database) -> None:
    person(CHARLIE).post("/patients/new", {**TYPED, "family_name": "E\u0301te\u0301"})

    view = find(database, "8005555555")
    assert view is not None
    assert view.traits.family_name == "\u00c9t\u00e9"


def test_the_form_opens_with_a_provisional_identity(person: LogIn) -> None:
    page = person(CHARLIE).get("/patients/new")

    assert page.status_code == 200
    assert 'selected value="PROV"' in page.text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"birth_date": "2190-01-01"}, "This birth date cannot be."),
        ({"ins_matricule": "280129999999968"}, "The last two digits do not fit"),
        ({"family_name": "R2D2"}, "Letters, spaces, hyphens"),
        ({"birth_date": "tomorrow"}, "Not a valid date"),
        ({"ipp": ""}, "This field is required"),
        ({"sex": "X"}, "Not a valid choice"),
        ({"ins_matricule": ""}, "has an INS"),
        ({"request_id": "forged"}, "Send a UUID"),
    ],
)
def test_a_fault_keeps_everything_typed(
    person: LogIn, database: db.Database, changes: dict[str, str], says: str
) -> None:
    page = person(CHARLIE).post("/patients/new", TYPED | changes)

    assert page.status_code == 422
    assert says in page.text
    assert 'value="Zoé  Marie"' in page.text
    assert 'value="1.2.250.1.213.1.4.10"' in page.text
    assert find(database, "8005555555") is None


def test_a_patient_registered_twice_is_a_conflict_that_keeps_what_was_typed(person: LogIn, marie: PatientView) -> None:
    page = person(CHARLIE).post("/patients/new", TYPED | {"ipp": marie.traits.ipp})

    assert page.status_code == 409
    assert "already registered" in page.text
    assert 'value="Zoé  Marie"' in page.text


def test_the_same_form_twice_is_one_patient(person: LogIn) -> None:
    visitor, typed = person(CHARLIE), TYPED | {"request_id": str(db.new_id())}

    assert visitor.post("/patients/new", typed).location == visitor.post("/patients/new", typed).location


def test_a_form_without_token_is_refused(person: LogIn, database: db.Database) -> None:
    answer = person(CHARLIE).client.post("/patients/new", data=TYPED)

    assert answer.status_code == 400
    assert find(database, "8005555555") is None


def test_the_page_of_a_patient_shows_the_identity_and_marks_a_test_ins(person: LogIn) -> None:
    visitor = person(CHARLIE)
    address = visitor.post("/patients/new", TYPED).location

    page = visitor.get(address)

    assert "280129999999969 (test)" in page.text
    assert "qualified identity" in page.text
    assert "d&#39;Été" in page.text


def test_no_name_stands_in_an_address_or_in_the_title(person: LogIn, marie: PatientView) -> None:
    page = person(CHARLIE).get(f"/patients/{marie.id}")

    assert "<title>Patient" in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_another_hospital_does_not_find_the_patient(person: LogIn, marie: PatientView) -> None:
    visitor = person(GUY)

    assert visitor.get(f"/patients/{marie.id}").status_code == 404
    assert "No patient found" in search(visitor, marie.traits.ipp).text


def test_the_administrator_sees_no_patient(person: LogIn, marie: PatientView) -> None:
    assert person(ERIC).get(f"/patients/{marie.id}").status_code == 403
    assert person(ERIC).get("/patients").status_code == 403


def test_a_vigilance_officer_registers_nobody(person: LogIn) -> None:
    assert person(BOB).post("/patients/new", TYPED).status_code == 403


def test_pages_speak_french(person: LogIn, marie: PatientView) -> None:
    visitor = person(ALICE)
    visitor.client.set_cookie("trace59_locale", "fr")

    assert "Nom de naissance" in visitor.get(f"/patients/{marie.id}").text
    assert "Prénoms de naissance" in visitor.get("/patients/new").text
