"""Whichever way a decision that stops a derogation is recorded, its units are stopped when the answer is sent.

No job runs here: what holds the units is the request itself.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from tests import lists
from tests.gate import Case, make_case
from tests.hospital import ALICE, CHARLIE, HOSPITAL_A, THEATRE
from tests.stock import make_definition, make_unit
from tests.web.conftest import Person, Program
from tests.web.test_publication_pages import lines_of, upload
from tracker import db
from tracker.derogations import queries as derogations
from tracker.devices import queries as devices
from tracker.outbox.models import Message

LogIn = Callable[..., Person]
WithToken = Callable[..., Program]


@pytest.fixture
def case(database: db.Database) -> Case:
    """Two units, one of them held already, and Marie, who consented."""
    with db.transaction(database, HOSPITAL_A) as session:
        return make_case(session)


def typed(case: Case, **changes: object) -> dict[str, object]:
    return {"request_id": str(db.new_id()), "kind": "suspended", "effective_from": case.today, **changes}


def body(case: Case, **changes: object) -> dict[str, object]:
    return {"id": str(db.new_id()), "kind": "withdrawn", "effective_from": case.today, **changes}


def by_the_form(alice: Person, _program: Program, case: Case) -> int:
    return alice.post(f"/derogations/{case.derogation_id}/decisions/new", typed(case)).status_code


def by_a_correction(alice: Person, program: Program, case: Case) -> int:
    """A suspension of next week was recorded; the letter says today."""
    coming = body(case, kind="suspended", effective_from=str(date.fromisoformat(case.today) + timedelta(days=7)))
    program.post(f"/api/v1/derogations/{case.derogation_id}/decisions", coming)
    corrected = typed(case, corrects_id=coming["id"])
    return alice.post(f"/derogations/{case.derogation_id}/decisions/new", corrected).status_code


def by_the_program(_alice: Person, program: Program, case: Case) -> int:
    return program.post(f"/api/v1/derogations/{case.derogation_id}/decisions", body(case)).status_code


def by_the_effects_page(alice: Person, _program: Program, case: Case) -> int:
    return alice.post(f"/derogations/{case.derogation_id}/effects", typed(case)).status_code


def by_the_program_of_effects(_alice: Person, program: Program, case: Case) -> int:
    return program.post(f"/api/v1/derogations/{case.derogation_id}/effects", body(case)).status_code


def _published(alice: Person, case: Case) -> tuple[str, str]:
    """Upload a list that no longer names the derogation; return its address and its page."""
    address = upload(alice, lists.as_html([lists.STEMS]).encode(), listed_on=case.today)
    return address, alice.get(address).text


def by_the_line_of_a_list(alice: Person, _program: Program, case: Case) -> int:
    _address, page = _published(alice, case)
    return alice.post(lines_of(page, "approve")[-1]).status_code


def by_ticking_every_line_of_a_list(alice: Person, _program: Program, case: Case) -> int:
    address, page = _published(alice, case)
    ticks = re.findall(r'name="line" value="([^"]+)"', page)
    return alice.post(f"{address}/approve", {"line": ticks}).status_code


def by_the_program_of_lists(alice: Person, program: Program, case: Case) -> int:
    _address, page = _published(alice, case)
    line_id = lines_of(page, "approve")[-1].split("/")[-2]
    return program.post(f"/api/v1/publication-lines/{line_id}/approve", {"confirmed": False}).status_code


WAYS: Mapping[Callable[[Person, Program, Case], int], int] = {
    by_the_form: 303,
    by_a_correction: 303,
    by_the_program: 201,
    by_the_effects_page: 303,
    by_the_program_of_effects: 200,
    by_the_line_of_a_list: 303,
    by_ticking_every_line_of_a_list: 303,
    by_the_program_of_lists: 200,
}


@pytest.mark.parametrize(("way", "status"), WAYS.items(), ids=[way.__name__ for way in WAYS])
def test_after_the_answer_the_units_are_held_and_neither_delivered_nor_used(
    person: LogIn, program: WithToken, case: Case, database: db.Database, way: Callable[..., int], status: int
) -> None:
    alice, token = person(ALICE), program(ALICE)

    assert way(alice, token, case) == status

    with db.transaction(database, HOSPITAL_A) as session:
        causes = [[hold.cause.value for hold in devices.get_unit(session, n).holds] for n in (case.number, case.held)]
        mails = session.scalar(select(func.count()).select_from(Message))
    assert causes == [["derogation"], ["pharmacist", "derogation"]]
    assert mails == 3
    delivery = {"id": str(db.new_id()), "code": case.number, "ward_id": str(THEATRE)}
    assert token.post("/api/v1/deliveries", delivery).get_json()["type"] == "unit-on-hold"
    assert program(CHARLIE).post("/api/v1/uses", case.body()).get_json()["type"] == "use-refused"


@pytest.mark.parametrize("way", [by_the_form, by_the_program])
def test_the_end_of_a_suspension_frees_at_once_what_it_had_held_and_nothing_else(
    person: LogIn, program: WithToken, case: Case, database: db.Database, way: Callable[..., int]
) -> None:
    alice, token = person(ALICE), program(ALICE)
    yesterday = str(date.fromisoformat(case.today) - timedelta(days=1))
    alice.post(f"/derogations/{case.derogation_id}/effects", typed(case, effective_from=yesterday))
    address = f"/derogations/{case.derogation_id}/decisions"

    if way is by_the_form:
        assert alice.post(f"{address}/new", typed(case, kind="reinstated")).status_code == 303
    else:
        assert token.post(f"/api/v1{address}", body(case, kind="reinstated")).status_code == 201

    with db.transaction(database, HOSPITAL_A) as session:
        held = [[hold.cause.value for hold in devices.get_unit(session, n).holds] for n in (case.number, case.held)]
    assert held == [[], ["pharmacist"]]


@pytest.mark.parametrize("stopped_by", [by_the_form, by_the_effects_page])
def test_a_suspension_that_ansm_takes_back_on_its_first_day_frees_its_units_the_same_day(
    person: LogIn, program: WithToken, case: Case, database: db.Database, stopped_by: Callable[..., int]
) -> None:
    alice, token = person(ALICE), program(ALICE)
    stopped_by(alice, token, case)
    address = f"/derogations/{case.derogation_id}/effects"

    answers = [token.post(f"/api/v1{address}", again) for again in [body(case, kind="reinstated")] * 2]
    page = alice.get(f"/derogations/{case.derogation_id}").text

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.get_json()["lifted_count"] for answer in answers] == [2, 0]
    assert 'data-status="in_force"' in page
    assert "lifted on its first day" in page
    delivery = {"id": str(db.new_id()), "code": case.number, "ward_id": str(THEATRE)}
    assert token.post("/api/v1/deliveries", delivery).status_code == 201
    assert program(CHARLIE).post("/api/v1/uses", case.body()).status_code == 201


@pytest.mark.parametrize("way", ["form", "program"])
def test_a_reference_that_is_read_into_a_stopped_scope_has_its_units_held_at_once(
    person: LogIn, program: WithToken, case: Case, database: db.Database, way: str
) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        maker = derogations.get_derogation(session, case.derogation_id).manufacturer_id
        unit = make_unit(session, make_definition(session, reference="R2", udi_di=None, manufacturer_id=maker))
    alice, token = person(ALICE), program(ALICE)
    by_the_form(alice, token, case)
    address, reading = f"/derogations/{case.derogation_id}/scope", {"effective_from": case.today, "reading": "size 2"}

    if way == "form":
        form = {**reading, "references": "R2", "request_id": str(db.new_id())}
        assert alice.post(f"{address}/new", form).status_code == 303
    else:
        told = {**reading, "id": str(db.new_id()), "added": [{"reference": "R2"}]}
        assert token.post(f"/api/v1{address}", told).status_code == 201

    with db.transaction(database, HOSPITAL_A) as session:
        assert [hold.cause.value for hold in devices.get_unit(session, unit.number).holds] == ["derogation"]


def test_what_the_register_refuses_holds_nothing(
    person: LogIn, program: WithToken, case: Case, database: db.Database
) -> None:
    token = program(ALICE)

    refused = token.post(f"/api/v1/derogations/{case.derogation_id}/decisions", body(case, effective_from="1900-01-01"))

    assert refused.status_code == 422
    with db.transaction(database, HOSPITAL_A) as session:
        assert devices.get_unit(session, case.number).holds == ()
    assert person(ALICE).get(f"/units/{case.number}").status_code == 200
