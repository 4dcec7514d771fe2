"""The whole life of a unit through the page and the API."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.hospital import ALICE, CHARLIE, HOSPITAL_A
from tests.lives import live
from tests.stock import make_covered, make_definition, make_delivery, make_derogation, make_manufacturer, make_unit
from tests.web.conftest import Person, Program
from tracker import clock, db

LogIn = Callable[[object], Person]
WithToken = Callable[[object], Program]


def test_the_page_of_a_unit_tells_everything_and_leads_to_it(person: LogIn, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        number = live(session).number
    address = f"/units/{number}"

    alice, charlie = person(ALICE).get(address).text, person(CHARLIE).get(address).text

    for words in ("Valid receipt", "Hold opened", "seal broken", "Label printed again", "Version 2.1", "Photo kept"):
        assert words in alice
        assert words in charlie
    assert "Use: partial revision" in charlie
    assert 'href="/uses/' in charlie
    assert 'href="/incidents/' in alice
    assert "declared</a>" not in charlie
    assert "declared</a>" in alice
    assert "told to those who may read them" in charlie
    assert "told to those who may read them" not in alice


def test_a_program_reads_the_same(program: WithToken, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        number = live(session).number

    answer = program(ALICE).get(f"/api/v1/units/{number}/life").get_json()

    assert answer["number"] == number
    assert {"movement", "label", "use", "incident"} <= {entry["kind"] for entry in answer["entries"]}
    assert program(ALICE).get("/api/v1/units/T590000000000/life").status_code == 404


@pytest.mark.parametrize("place", ["in stock", "with a ward"])
def test_the_page_says_that_no_derogation_covers_the_unit_and_offers_no_delivery(
    person: LogIn, database: db.Database, place: str
) -> None:
    yesterday = clock.paris_day(clock.utc_now()) - timedelta(days=1)
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        make_derogation(session, maker, valid_until=yesterday)
        number = make_unit(session, make_definition(session, manufacturer_id=maker)).number
        covered = make_unit(session, make_covered(session, reference="R2", udi_di=None)).number
        if place == "with a ward":
            make_delivery(session, number)  # when it was in force

    ended, free = (person(ALICE).get(f"/units/{one}").text for one in (number, covered))

    said = f"ended on {yesterday.day} {yesterday:%b %Y}."
    assert (said in ended, said in free) == (True, False)
    assert (f"/units/{number}/deliver" in ended, f"/units/{covered}/deliver" in free) == (False, True)
