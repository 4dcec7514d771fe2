"""When the expert consultation applies, what a statement may say, and what counts as a difference."""

from dataclasses import replace
from datetime import date

import pytest

from tracker.conformity import rules
from tracker.conformity.rules import (
    Applies,
    Aspect,
    Certificate,
    ConsultationState,
    Difference,
    Milestone,
    Naming,
    NoMarkReason,
    Pathway,
    Place,
    RiskClass,
    StatementWrong,
)

TODAY = date(2026, 3, 2)
VENTILATOR = Pathway(
    risk_class=RiskClass.IIB,
    is_implantable=False,
    exchanges_medicine=True,
    no_mark_reason=NoMarkReason.IN_ASSESSMENT,
    certificates=(Certificate("CE 123", "2696", "05/2024"),),
    notified_body="2696",
    milestones=(Milestone(date(2026, 3, 1), "file completed"), Milestone(TODAY, "answer")),
    consultation=ConsultationState.OPINION_GIVEN,
    consultation_on=date(2025, 6, 24),
)


@pytest.mark.parametrize(
    ("risk_class", "is_implantable", "exchanges_medicine", "expected"),
    [
        (RiskClass.III, True, False, Applies.YES),
        (RiskClass.III, False, False, Applies.NO),
        (RiskClass.III, False, True, Applies.NO),
        (RiskClass.IIB, False, True, Applies.YES),
        (RiskClass.IIB, True, False, Applies.NO),
        (RiskClass.IIA, True, True, Applies.NO),
        (RiskClass.IVD_D, True, True, Applies.NO),
        (RiskClass.UNKNOWN, True, False, Applies.UNKNOWN),
        (RiskClass.UNKNOWN, False, True, Applies.UNKNOWN),
        (RiskClass.UNKNOWN, False, False, Applies.NO),
    ],
)
def test_the_consultation_is_for_two_sorts_of_devices(
    *, risk_class: RiskClass, is_implantable: bool, exchanges_medicine: bool, expected: Applies
) -> None:
    found = rules.consultation_applies(risk_class, is_implantable=is_implantable, exchanges_medicine=exchanges_medicine)

    assert found is expected


def test_a_whole_statement_is_taken() -> None:
    rules.check_pathway(VENTILATOR, today=TODAY)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"risk_class": RiskClass.IIA}, "consultation"),
        ({"consultation_on": None}, "consultation_on"),
        ({"consultation": ConsultationState.RUNNING}, "consultation_on"),
        ({"consultation_on": date(2026, 3, 3)}, "consultation_on"),
        ({"no_mark_reason": NoMarkReason.OTHER}, "no_mark_note"),
        ({"milestones": (Milestone(TODAY, " "),)}, "milestones"),
    ],
)
def test_a_statement_that_contradicts_itself_is_refused(changes: dict[str, object], field: str) -> None:
    with pytest.raises(StatementWrong) as refusal:
        rules.check_pathway(replace(VENTILATOR, **changes), today=TODAY)  # type: ignore[arg-type] # names of fields

    assert set(refusal.value.fields) == {field}


def test_a_step_is_late_from_the_day_after_its_own() -> None:
    assert [milestone.what for milestone in rules.late_milestones(VENTILATOR, today=TODAY)] == ["file completed"]


def said(place: Place, title: str = "", **values: str) -> Naming:
    return Naming(place, title, {Aspect(name): text for name, text in values.items()})


DECISION = said(Place.DECISION, designation="Ventilateur Vent 2", manufacturer="Maker SAS", population="> 5 kg")


def compared(*namings: Naming, **options: object) -> dict[Aspect, Difference]:
    known: dict[str, object] = {"aliases": (), "explained": {}} | options
    found = rules.differences([DECISION, *namings], **known)  # type: ignore[arg-type] # its options
    return {difference.aspect: difference for difference in found}


def test_case_accents_marks_and_legal_forms_are_no_difference() -> None:
    same = said(Place.NOTICE, designation="VENTILATEUR  vent® 2", manufacturer="maker", population="> 5 kg")

    assert compared(same) == {}


def test_the_names_of_the_experts_opinion_differ_until_an_alias_covers_them() -> None:
    """Opinion of 24 June 2025: AirVENT60 in one document, Vent 2 in the other."""
    report = said(Place.CERTIFICATE, "report", designation="AirVENT60")

    (found,) = compared(report).values()
    (covered,) = compared(report, aliases=["airvent60"]).values()

    assert (found.aspect, found.unexplained) == (Aspect.DESIGNATION, ("AirVENT60",))
    assert [value.text for value in found.values] == ["Ventilateur Vent 2", "AirVENT60"]
    assert found.values[1].said_by == ((Place.CERTIFICATE, "report"),)
    assert covered.unexplained == ()


def test_the_brand_of_a_label_is_part_of_the_designation_or_of_an_alias() -> None:
    right, wrong = said(Place.LABEL, "V-1", model="VENT 2"), said(Place.LABEL, "V-2", model="Vent 20")

    assert compared(right) == {}
    assert compared(right, wrong)[Aspect.MODEL].unexplained == ("Vent 20",)
    assert compared(wrong, aliases=["Vent 20 pro"]) == {}


@pytest.mark.parametrize(
    ("population", "differs", "bounds_differ"),
    [
        ("> 5 kg", False, False),
        ("poids supérieur à 5,0 kg", True, False),
        ("> 1 kg", True, True),
        ("enfants dès 1 kg", True, True),
        ("> 5 ans", True, True),
        ("adultes", True, True),
    ],
)
def test_limits_that_differ_are_told_apart_from_words(*, population: str, differs: bool, bounds_differ: bool) -> None:
    found = compared(said(Place.INSTRUCTIONS, population=population)).get(Aspect.POPULATION)

    assert (found is not None, found is not None and found.bounds_differ) == (differs, bounds_differ)


def test_an_explanation_covers_the_value_it_names_and_no_other() -> None:
    notices = (said(Place.NOTICE, "1", indication="a"), said(Place.NOTICE, "2", indication="b"))
    third = said(Place.REQUEST, "3", indication="c")

    found = compared(*notices, third, explained={Aspect.INDICATION: ["B"]})[Aspect.INDICATION]

    assert found.unexplained == ("c",)


def test_what_only_one_document_says_is_no_difference() -> None:
    assert compared(said(Place.NOTICE, indication="a")) == {}
