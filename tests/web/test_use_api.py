"""The gate and the use log for programs: every reason has its code, nothing is written twice."""

import hashlib
import io
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pypdf
import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.gate import Case, make_case
from tests.hospital import ALICE, CHARLIE, DORA, FANNY, GUY, HOSPITAL_A
from tests.stock import REFERENCE
from tests.web.conftest import Program
from tracker import db
from tracker.actor import Actor
from tracker.catalogue.rules import DeviceKind
from tracker.documents import queries as documents
from tracker.use.models import DeviceUse

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


def test_a_program_asks_the_gate(program: WithToken, database: db.Database, case: Case) -> None:
    question = {"patient_id": str(case.patient_id), "implanted_system": "SCORE, 2011"}

    answer = program(CHARLIE).post("/api/v1/uses/check", question | {"unit_number": case.number})
    refused = program(CHARLIE).post("/api/v1/uses/check", question | {"unit_number": case.held})

    assert answer.status_code == 200
    assert told(answer)["is_open"] is True
    assert [finding["code"] for finding in told(answer)["findings"]] == [
        "derogation-in-force",
        "implanted-system-to-compare",
        "consent-in-force",
    ]
    assert told(refused)["is_open"] is False
    assert told(refused)["findings"][0]["sentence"] == "This unit is on hold: seal broken"
    assert count(database) == 0


def test_a_program_records_a_use(program: WithToken, database: db.Database, case: Case) -> None:
    body = case.body()

    answer = program(CHARLIE).post("/api/v1/uses", body)
    again = program(CHARLIE).post("/api/v1/uses", body)

    assert answer.status_code == again.status_code == 201
    assert told(answer) == told(again)
    assert (
        told(answer).items()
        >= {
            "id": body["id"],
            "unit_number": case.number,
            "derogation_id": str(case.derogation_id),
            "used_on": case.today,
        }.items()
    )
    assert count(database) == 1


@pytest.mark.parametrize("kind", [kind for kind in DeviceKind if kind is not DeviceKind.IMPLANT])
def test_what_is_no_implant_has_a_document_for_the_patient_and_no_implant_card(
    program: WithToken, database: db.Database, kind: DeviceKind
) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        case = make_case(session, device_kind=kind)

    papers = told(program(CHARLIE).post("/api/v1/uses", case.body()))["papers"]

    assert [paper["kind"] for paper in papers] == ["patient_document"]


def test_a_use_of_a_program_has_the_same_papers_as_one_of_the_page(
    program: WithToken, database: db.Database, case: Case
) -> None:
    papers = told(program(CHARLIE).post("/api/v1/uses", case.body()))["papers"]

    assert {paper["kind"] for paper in papers} == {"patient_document", "implant_card"}
    with db.transaction(database, HOSPITAL_A) as session:
        contents = [documents.read_content(session, UUID(paper["id"])) for paper in papers]
    assert [hashlib.sha256(content).hexdigest() for content in contents] == [paper["sha256"] for paper in papers]
    texts = [
        "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages) for content in contents
    ]
    assert all("MARTIN" in text and REFERENCE in text for text in texts)


def test_a_refused_use_tells_a_program_every_reason(program: WithToken, database: db.Database, unasked: Case) -> None:
    answer = program(CHARLIE).post("/api/v1/uses", unasked.body(intervention="complete_replacement"))

    assert answer.status_code == 409
    assert answer.content_type == "application/problem+json"
    assert told(answer)["type"] == "use-refused"
    assert [finding["code"] for finding in told(answer)["findings"]] == ["partial-revision-only", "consent-missing"]
    assert all(finding["sentence"] and finding["source"] for finding in told(answer)["findings"])
    assert count(database) == 0


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"side": "middle"}, 422, "input-invalid"),
        ({"reason": "   "}, 422, "input-invalid"),
        ({"used_on": "2190-01-01"}, 422, "use-day-invalid"),
        ({"operator_id": str(DORA.id)}, 422, "use-operator-invalid"),
        ({"operator_id": str(UUID(int=9))}, 404, "person-not-found"),
        ({"ward_id": str(UUID(int=9))}, 404, "ward-not-found"),
        ({"patient_id": str(UUID(int=9))}, 404, "patient-not-found"),
        ({"unit_number": "T599999999994"}, 404, "unit-not-found"),
        ({"unit_number": "nonsense"}, 404, "unit-not-found"),
    ],
)
def test_a_fault_of_a_program_has_its_code(
    program: WithToken, database: db.Database, case: Case, changes: dict[str, object], status: int, code: str
) -> None:
    answer = program(CHARLIE).post("/api/v1/uses", case.body() | changes)

    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert told(answer)["type"] == code
    assert count(database) == 0


@pytest.mark.parametrize("actor", [ALICE, FANNY])
def test_a_program_may_no_more_than_its_owner(program: WithToken, case: Case, actor: Actor) -> None:
    assert program(actor).post("/api/v1/uses", case.body()).status_code == 403


def test_a_program_of_another_hospital_finds_nothing(program: WithToken, case: Case) -> None:
    question = {"patient_id": str(case.patient_id), "unit_number": case.number}

    assert program(GUY).post("/api/v1/uses/check", question).status_code == 403
