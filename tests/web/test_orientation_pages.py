"""The guided questions, on the page and for programs."""

import re
from collections.abc import Callable

import pytest

from tests.hospital import ALICE, CHARLIE
from tests.web.conftest import Person, Program
from tracker.actor import Actor
from tracker.orientation.rules import FIRST, QUESTIONS

LogIn = Callable[[Actor], Person]


def test_one_question_a_page_leads_to_an_answer_with_its_source(person: LogIn) -> None:
    charlie = person(CHARLIE)

    first = charlie.get("/which-route")
    second = charlie.get("/which-route?sent=0&a=allergy")
    end = charlie.get("/which-route?a=allergy&a=no&sent=2&a=no")

    assert "What is the situation?" in first.text
    assert first.text.count('type="radio"') == 9
    assert "another material that the prescriber can implant?" in second.text
    assert 'data-answer="derogation_allergy"' in end.text
    assert "ANSM, 06/03/2024, question 2" in end.text
    assert end.text.count("Change<") == 3


@pytest.mark.parametrize("situation", [option.code for option in QUESTIONS[FIRST].options])
def test_every_situation_has_a_page(person: LogIn, situation: str) -> None:
    page = person(ALICE).get(f"/which-route?a={situation}")

    assert page.status_code == 200
    assert page.text.count("Change<") == 1


def test_an_answer_given_before_can_be_changed(person: LogIn) -> None:
    charlie = person(CHARLIE)
    page = charlie.get("/which-route?a=size&a=size_only&a=no")

    changes = re.findall(r'href="(/which-route[^"]*)">Change', page.text)

    assert changes == ["/which-route", "/which-route?a=size", "/which-route?a=size&amp;a=size_only"]
    assert "Is the size the only thing" in charlie.get(changes[1]).text


def test_a_page_sent_without_a_choice_asks_again_and_keeps_the_path(person: LogIn) -> None:
    page = person(CHARLIE).get("/which-route?a=size&sent=1")

    assert page.status_code == 422
    assert "Choose one of the answers." in page.text
    assert 'name="a" value="size"' in page.text


@pytest.mark.parametrize("address", ["/which-route?a=nonsense", "/which-route?a=outside_purpose&a=yes"])
def test_an_address_that_cannot_be_is_refused_in_words(person: LogIn, address: str) -> None:
    page = person(CHARLIE).get(address)

    assert page.status_code == 422
    assert "Begin again." in page.text


def test_a_program_gets_the_next_question_then_the_answer(program: Callable[[Actor], Program]) -> None:
    charlie = program(CHARLIE)

    begun = charlie.get("/api/v1/which-route").get_json()
    ended = charlie.get("/api/v1/which-route?path=software.no.one").get_json()

    assert (begun["question"]["code"], begun["answer"]) == ("situation", None)
    assert ended["question"] is None
    assert (ended["answer"]["route"], ended["answer"]["request_kind"]) == ("derogation", "individual")
    assert [step["option"] for step in ended["steps"]] == ["software", "no", "one"]


@pytest.mark.parametrize("path", ["software.perhaps", "software..no", "X"])
def test_a_program_is_told_that_its_path_cannot_be(program: Callable[[Actor], Program], path: str) -> None:
    assert program(CHARLIE).get(f"/api/v1/which-route?path={path}").status_code == 422
