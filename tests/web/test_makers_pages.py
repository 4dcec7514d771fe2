"""The merge of manufacturers in a browser, and for programs."""

from collections.abc import Callable
from uuid import UUID

import pytest

from tests.hospital import ALICE, CHARLIE, HOSPITAL_A
from tests.stock import make_definition, make_derogation, make_manufacturer
from tests.web.conftest import Person, Program
from tracker import db

LogIn = Callable[..., Person]
WithToken = Callable[..., Program]


@pytest.fixture
def names(database: db.Database) -> tuple[UUID, UUID]:
    """A spelling with a device, and the name that the register uses."""
    with db.transaction(database, HOSPITAL_A) as session:
        typo, known = make_manufacturer(session, "Amplitude SAS"), make_manufacturer(session, "Amplitude")
        make_definition(session, manufacturer_id=typo)
        make_derogation(session, known)
        return typo, known


def typed(survivor: UUID, **changes: object) -> dict[str, object]:
    return {"request_id": str(db.new_id()), "survivor_id": str(survivor), "reason": "two spellings", **changes}


def test_a_name_that_stands_twice_is_merged_from_its_page(person: LogIn, names: tuple[UUID, UUID]) -> None:
    typo, known = names
    alice = person(ALICE)
    here = f"/manufacturers/{typo}/merge"
    assert here in alice.get(f"/manufacturers/{typo}").text
    assert "Amplitude SAS" not in alice.get(here).text.split("<select")[1].split("</select>")[0]

    answer = alice.post(here, typed(known))

    assert answer.status_code == 303
    assert "Amplitude SAS" not in alice.get("/manufacturers").text.split("<tbody")[1]
    assert "This manufacturer was merged" in alice.get(here).text
    assert "two spellings" in alice.get(f"/manufacturers/{known}/merge").text


def test_the_name_of_the_register_has_no_form(person: LogIn, names: tuple[UUID, UUID]) -> None:
    typo, known = names
    page = person(ALICE).get(f"/manufacturers/{known}/merge")
    forged = person(ALICE).post(f"/manufacturers/{known}/merge", typed(typo))

    assert 'name="survivor_id"' not in page.text
    assert forged.status_code == 409
    assert "it cannot be the one that disappears" in forged.text


@pytest.mark.parametrize(
    "changes",
    [{"reason": ""}, {"survivor_id": ""}, {"survivor_id": str(UUID(int=1))}],
    ids=["reason", "none", "forged"],
)
def test_what_is_wrong_is_said_and_what_was_typed_kept(
    person: LogIn, names: tuple[UUID, UUID], changes: dict[str, object]
) -> None:
    page = person(ALICE).post(f"/manufacturers/{names[0]}/merge", typed(names[1], **{"reason": "kept <b>", **changes}))

    assert page.status_code == 422
    assert "reason" in changes or "kept &lt;b&gt;" in page.text


def test_a_program_merges_once(program: WithToken, names: tuple[UUID, UUID]) -> None:
    body = {"id": str(db.new_id()), "survivor_id": str(names[1]), "reason": "two spellings"}
    path = f"/api/v1/manufacturers/{names[0]}/merge"

    done, again = (program(ALICE).post(path, body) for _ in range(2))

    assert done.json == again.json
    assert done.json["moved_count"] == 1
    assert program(CHARLIE).post(path, body).status_code == 403
