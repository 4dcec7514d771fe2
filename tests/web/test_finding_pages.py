"""The table of reasons, on its page and for programs."""

from collections.abc import Callable

from tests.hospital import ALICE, CHARLIE
from tests.web.conftest import Person, Program
from tracker.actor import Actor
from tracker.findings.rules import FINDINGS


def test_the_page_shows_every_reason_without_the_data_of_a_box(person: Callable[[Actor], Person]) -> None:
    page = person(CHARLIE).get("/findings").text

    assert [code for code in FINDINGS if f'id="{code}"' not in page] == []
    assert "The derogation … is suspended since …." in page
    assert "%(" not in page


def test_a_program_gets_the_table_with_its_codes_and_effects(program: Callable[[Actor], Program]) -> None:
    answer = program(ALICE).get("/api/v1/findings").get_json()

    assert [one["code"] for one in answer["findings"]] == list(FINDINGS)
    ended = next(one for one in answer["findings"] if one["code"] == "derogation-ended")
    assert (ended["effect"], ended["may_override"]) == ("refused", "")
