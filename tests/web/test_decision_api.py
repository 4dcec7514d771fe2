"""The register by API: list, one derogation as known at any instant, decisions with their letter."""

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from tests.care import make_patient
from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_A
from tests.stock import REFERENCE, make_derogation, make_manufacturer
from tests.web.conftest import Program
from tracker import clock, db
from tracker.actor import Actor
from tracker.derogations import queries
from tracker.documents import queries as documents

WithToken = Callable[[Actor], Program]
PDF = b"%PDF-1.7 the letter"
TODAY = clock.paris_day(clock.utc_now())
PAST_END = TODAY - timedelta(days=30)


@pytest.fixture
def ended(database: db.Database) -> UUID:
    """A derogation that ended thirty days ago."""
    with db.transaction(database, HOSPITAL_A) as session:
        return make_derogation(
            session, make_manufacturer(session), valid_until=PAST_END, effective_from=PAST_END - timedelta(days=365)
        )


def extension(**changes: object) -> dict[str, object]:
    return {
        "id": str(db.new_id()),
        "kind": "extended",
        "effective_from": TODAY.isoformat(),
        "valid_until": (TODAY + timedelta(days=365)).isoformat(),
        "reference": "2026-DM-41",
        "letter": {"filename": "letter.pdf", "content_base64": b64encode(PDF).decode()},
    } | changes


def test_the_list_gives_the_status_of_today(program: WithToken, ended: UUID) -> None:
    answer = program(ALICE).get("/api/v1/derogations")

    (item,) = answer.json["items"]
    assert (item["id"], item["status"], item["valid_until"]) == (str(ended), "ended", PAST_END.isoformat())
    assert answer.json["next"] is None


def test_the_list_is_paged_by_the_key_of_the_page_before(program: WithToken, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        ids = {str(make_derogation(session, maker)) for _ in range(3)}
    alice = program(ALICE)

    first = alice.get("/api/v1/derogations?limit=2").json
    second = alice.get(f"/api/v1/derogations?limit=2&after={first['next']}").json

    assert {item["id"] for item in first["items"] + second["items"]} == ids
    assert second["next"] is None


def test_the_list_is_narrowed_and_asked_for_a_day(program: WithToken, ended: UUID) -> None:
    alice = program(ALICE)

    found = [
        len(alice.get(f"/api/v1/derogations?{query}").json["items"])
        for query in ("status=in_force", f"status=in_force&day={PAST_END}", f"q={REFERENCE}", "kind=ivd")
    ]

    assert found == [0, 1, 1, 0]


@pytest.mark.parametrize(
    "query",
    ["status=nonsense", "limit=0", "limit=1000", "after=x", "q=a%00b", "day=tomorrow", "known_at=2024-01-01T00:00:00"],
)
def test_an_odd_question_names_the_field(program: WithToken, query: str) -> None:
    answer = program(ALICE).get(f"/api/v1/derogations?{query}")

    assert answer.status_code == 422
    assert answer.json["type"] == "input-invalid"
    assert query.partition("=")[0] in " ".join(answer.json["errors"])


def test_one_derogation_comes_with_its_decisions_and_its_scope(program: WithToken, ended: UUID) -> None:
    answer = program(ALICE).get(f"/api/v1/derogations/{ended}?day={PAST_END}")

    assert answer.json["status"] == "in_force"
    assert [decision["kind"] for decision in answer.json["decisions"]] == ["granted"]
    assert [item["reference"] for item in answer.json["references"]] == [REFERENCE]


def test_one_derogation_as_known_before_it_was_recorded_is_unknown(program: WithToken, ended: UUID) -> None:
    answer = program(ALICE).get(f"/api/v1/derogations/{ended}?known_at=2020-01-01T00:00:00Z")

    assert (answer.json["status"], answer.json["decisions"], answer.json["references"]) == ("unknown", [], [])


def test_an_extension_is_recorded_with_its_letter(program: WithToken, database: db.Database, ended: UUID) -> None:
    alice = program(ALICE)
    body = extension(added=[{"reference": "1-020164C", "label": "C 16 mm"}], removed=[REFERENCE])

    answers = [alice.post(f"/api/v1/derogations/{ended}/decisions", body) for _ in range(2)]
    sheet = alice.get(f"/api/v1/derogations/{ended}").json

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert sheet["status"] == "in_force"
    assert [item["reference"] for item in sheet["references"]] == ["1-020164C"]
    with db.transaction(database, HOSPITAL_A) as session:
        assert documents.read_content(session, UUID(answers[0].json["document_id"])) == PDF


@pytest.mark.parametrize(
    ("changes", "code", "kind"),
    [
        ({"valid_until": (TODAY - timedelta(days=1)).isoformat()}, 422, "decision-dates-wrong"),
        ({"kind": "reinstated", "valid_until": None}, 409, "decision-contradicts"),
        ({"kind": "nonsense"}, 422, "input-invalid"),
        ({"valid_untill": "2030-01-01"}, 422, "input-invalid"),
        ({"patient_cap": 0}, 422, "input-invalid"),
        ({"note": "a\0b"}, 422, "input-invalid"),
        ({"letter": {"filename": "x.pdf", "content_base64": "é"}}, 422, "input-invalid"),
        ({"letter": {"filename": "x.pdf", "content_base64": ""}}, 422, "file-refused"),
        ({"letter": {"filename": "x.pdf", "content_base64": b64encode(b"MZ").decode()}}, 422, "file-refused"),
        ({"removed": ["nowhere"]}, 422, "scope-wrong"),
        ({"corrects_id": str(UUID(int=3))}, 409, "decision-correction-refused"),
    ],
)
def test_bad_input_has_its_code_and_writes_nothing(
    program: WithToken, database: db.Database, ended: UUID, changes: dict[str, object], code: int, kind: str
) -> None:
    answer = program(ALICE).post(f"/api/v1/derogations/{ended}/decisions", extension(**changes))

    assert (answer.status_code, answer.json["type"]) == (code, kind)
    with db.transaction(database, HOSPITAL_A) as session:
        assert len(queries.list_decisions(session, ended)) == 1


def test_a_decision_may_come_without_its_letter(program: WithToken, ended: UUID) -> None:
    answer = program(ALICE).post(f"/api/v1/derogations/{ended}/decisions", extension(letter=None))

    assert (answer.status_code, answer.json["document_id"]) == (201, None)


def test_an_id_used_for_another_decision_is_a_conflict(program: WithToken, ended: UUID) -> None:
    alice = program(ALICE)
    body = extension()
    alice.post(f"/api/v1/derogations/{ended}/decisions", body)

    answer = alice.post(f"/api/v1/derogations/{ended}/decisions", body | {"reference": "another"})

    assert (answer.status_code, answer.json["type"]) == (409, "request-id-reused")


def test_a_surgeon_reads_and_another_hospital_finds_nothing(program: WithToken, ended: UUID) -> None:
    address = f"/api/v1/derogations/{ended}"

    assert program(CHARLIE).get(address).status_code == 200
    assert program(CHARLIE).post(f"{address}/decisions", extension()).status_code == 403
    assert program(GUY).get(address).status_code == 404
    assert program(GUY).post(f"{address}/decisions", extension()).status_code == 404


def test_the_routes_are_in_the_generated_document(program: WithToken) -> None:
    paths = program(ALICE).get("/api/v1/openapi.json").json["paths"]

    assert {"/api/v1/derogations", "/api/v1/derogations/{derogation_id}/decisions"} <= paths.keys()


def test_a_whole_derogation_is_entered_by_programs(program: WithToken, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        maker, patient = make_manufacturer(session), make_patient(session)
    alice = program(ALICE)
    body = {
        "id": str(db.new_id()),
        "kind": "individual",
        "domain": "other",
        "designation": "Vent 2",
        "manufacturer_id": str(maker),
        "source": "letter",
        "patient_id": str(patient),
        "pseudonym": "M. B. 1956",
    }
    address = f"/api/v1/derogations/{body['id']}"
    conditions = {"criteria": ["adult"], "follow_up": [{"months": 12, "what": "X-ray"}]}
    reading = {
        "id": str(db.new_id()),
        "effective_from": TODAY.isoformat(),
        "reading": "annex",
        "added": [{"reference": "V-2"}],
    }

    created = [alice.post("/api/v1/derogations", body) for _ in range(2)]
    granted = alice.post(f"{address}/decisions", extension(kind="granted", conditions=conditions))
    named = alice.post(f"{address}/names", {"id": str(db.new_id()), "name": "AirVENT60", "source": "notice"})
    read = alice.post(f"{address}/scope", reading | {"added": [{"reference": "V-2"}]})

    assert [answer.status_code for answer in (*created, granted, named, read)] == [201] * 5
    assert granted.json["conditions"]["criteria"] == ["adult"]
    sheet = alice.get(address).json
    assert sheet == read.json
    assert (sheet["status"], sheet["pseudonym"], sheet["place_count"]) == ("in_force", "M. B. 1956", 0)
    assert sheet["conditions"]["follow_up"] == [{"months": 12, "what": "X-ray"}]
    assert [alias["name"] for alias in sheet["aliases"]] == ["AirVENT60"]
    assert [item["reference"] for item in sheet["references"]] == ["V-2"]


@pytest.mark.parametrize(
    "conditions",
    [{"criteria": ["a", "a"]}, {"is_allowed_here": False}, {"follow_up": [{"months": -1, "what": "x"}]}, {"other": 1}],
)
def test_odd_conditions_are_refused(program: WithToken, ended: UUID, conditions: dict[str, object]) -> None:
    answer = program(ALICE).post(f"/api/v1/derogations/{ended}/decisions", extension(conditions=conditions))

    assert answer.status_code == 422
