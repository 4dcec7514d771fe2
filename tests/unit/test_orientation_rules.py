"""Every path through the guided questions, and where it ends."""

import pytest

from tracker.derogations.rules import DerogationKind
from tracker.orientation import rules
from tracker.orientation.rules import ANSWERS, QUESTIONS, PathInvalid, Route

GENERAL = {
    "yes": "granted_global",
    "no.yes": "ce_device",
    "no.no.yes": "other_treatment",
    "no.no.no.yes": "clinical_investigation",
    "no.no.no.no.one": "derogation_individual",
    "no.no.no.no.several": "derogation_global",
}
"""From the question whether a global derogation lists the device."""
PATHS = {
    "manufacturer_gone": "custom_made_manufacturer_gone",
    "separate_element.whole": "not_covered_whole",
    "separate_element.part.joint.yes": "granted_annual",
    "separate_element.part.joint.no": "derogation_annual",
    "separate_element.part.dental.yes": "granted_annual",
    "separate_element.part.dental.no": "derogation_annual",
    "allergy.yes": "ce_other_material",
    "allergy.no.yes": "referral_other_centre",
    "allergy.no.no": "derogation_allergy",
    "size.size_only.yes": "ce_device",
    "size.size_only.no": "derogation_size",
    "size.also_design": "custom_made_design",
    "reconstruction.yes": "ce_device",
    "reconstruction.no.yes": "custom_made_reconstruction",
    "reconstruction.no.no.one": "derogation_individual",
    "reconstruction.no.no.several": "derogation_global",
    "outside_purpose": "practitioner_outside_purpose",
    "software.yes": "ce_device",
    "software.no.one": "derogation_software_individual",
    "software.no.several": "derogation_software_global",
    "ivd.yes": "ce_device",
    "ivd.no.identified": "derogation_ivd_individual",
    "ivd.no.all": "derogation_ivd_global",
    **{f"separate_element.part.other.{path}": answer for path, answer in GENERAL.items()},
    **{f"other.{path}": answer for path, answer in GENERAL.items()},
}


def every_path(code: str = rules.FIRST) -> list[tuple[str, ...]]:
    """Return every path from a question to an answer."""
    if code in ANSWERS:
        return [()]
    return [(option.code, *rest) for option in QUESTIONS[code].options for rest in every_path(option.leads_to)]


@pytest.mark.parametrize(("path", "answer"), PATHS.items())
def test_a_situation_leads_to_its_answer(path: str, answer: str) -> None:
    walk = rules.walk(path.split("."))

    assert walk.question is None
    assert walk.answer is not None
    assert walk.answer.code == answer


def test_no_path_is_left_without_a_test() -> None:
    assert {".".join(path) for path in every_path()} == set(PATHS)


def test_every_question_and_every_answer_is_reached() -> None:
    walks = [rules.walk(path) for path in every_path()]

    assert {step.question.code for walk in walks for step in walk.steps} == set(QUESTIONS)
    assert {walk.answer.code for walk in walks if walk.answer} == set(ANSWERS)


def test_the_way_begins_with_the_situation() -> None:
    walk = rules.walk([])

    assert walk.question is QUESTIONS["situation"]
    assert (walk.steps, walk.answer) == ((), None)


@pytest.mark.parametrize("path", ["nonsense", "allergy.perhaps", "outside_purpose.yes", "allergy.no.no.no"])
def test_a_path_that_cannot_be_is_refused(path: str) -> None:
    with pytest.raises(PathInvalid):
        rules.walk(path.split("."))


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=lambda answer: answer.code)
def test_every_answer_says_why_on_what_ground_and_what_next(answer: rules.Answer) -> None:
    assert answer.reason
    assert answer.source
    assert answer.next_step


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=lambda answer: answer.code)
def test_a_request_is_opened_exactly_where_a_derogation_must_be_asked_for(answer: rules.Answer) -> None:
    assert (answer.request_kind in set(DerogationKind)) == (answer.route is Route.DEROGATION)
