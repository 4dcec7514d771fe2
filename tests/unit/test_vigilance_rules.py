"""What makes a declaration complete, and what may be told to whom."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import pytest

from tests.hospital import TODAY
from tracker.errors import InvalidInput
from tracker.outbox.rules import MessageState
from tracker.patients.rules import Identity
from tracker.vigilance import rules
from tracker.vigilance.rules import (
    Basis,
    Channel,
    Consequence,
    DevicePlace,
    IdentityInText,
    IncidentFacts,
    IncidentInvalid,
    IncidentState,
    Narrative,
)

FACTS = IncidentFacts(
    occurred_on=TODAY - timedelta(days=2),
    detected_on=TODAY - timedelta(days=1),
    place="Bloc opératoire",
    consequences=(Consequence.INTERVENTION,),
    narrative=Narrative(description="L'insert s'est fissuré.", weight_kg="71.5"),
    device_place=DevicePlace.PHARMACY,
    is_device_kept=True,
)
MARIE = Identity(
    names=("MARTIN-BRÉANT", "", "Marie", "Josèphe"),
    identifiers=("8001234567", "256037511600142"),
    birth_date=date(1956, 3, 12),
)


def problems(facts: IncidentFacts) -> set[str]:
    try:
        rules.check_incident(facts, today=TODAY)
    except InvalidInput as error:
        return set(error.fields)
    return set()


def test_a_complete_declaration_is_accepted() -> None:
    assert problems(FACTS) == set()


@pytest.mark.parametrize(
    ("occurred_days_ago", "detected_days_ago", "fields"),
    [
        (0, 0, set()),
        (1, 1, set()),
        (1, 0, set()),
        (0, 1, {"detected_on"}),
        (-1, -1, {"occurred_on", "detected_on"}),
        (0, -1, {"detected_on"}),
    ],
)
def test_an_incident_is_detected_after_it_occurred_and_not_in_the_future(
    occurred_days_ago: int, detected_days_ago: int, fields: set[str]
) -> None:
    facts = replace(
        FACTS,
        occurred_on=TODAY - timedelta(days=occurred_days_ago),
        detected_on=TODAY - timedelta(days=detected_days_ago),
    )

    assert problems(facts) == fields


@pytest.mark.parametrize(
    ("consequences", "is_complete"),
    [
        ((), False),
        ((Consequence.RISK_ONLY,), True),
        ((Consequence.DEATH, Consequence.RISK_ONLY), False),
        ((Consequence.DEATH, Consequence.INTERVENTION), True),
    ],
)
def test_risk_only_stands_alone(consequences: tuple[Consequence, ...], is_complete: bool) -> None:  # noqa: FBT001 - a case of the table
    assert (problems(replace(FACTS, consequences=consequences)) == set()) is is_complete


@pytest.mark.parametrize("place", [DevicePlace.IN_PATIENT, DevicePlace.RETURNED, DevicePlace.DESTROYED])
def test_a_device_out_of_reach_is_not_kept_for_expertise(place: DevicePlace) -> None:
    assert problems(replace(FACTS, device_place=place)) == {"is_device_kept"}
    assert problems(replace(FACTS, device_place=place, is_device_kept=False)) == set()


@pytest.mark.parametrize(
    ("weight", "is_accepted"),
    [
        ("", True),
        ("0.5", True),
        ("500", True),
        ("500.1", False),
        ("0", False),
        ("-3", False),
        ("1e3", False),
        ("abc", False),
        ("٣", False),
        ("1.2.3", False),
    ],
)
def test_a_weight_is_a_plausible_number_of_kilograms(weight: str, is_accepted: bool) -> None:  # noqa: FBT001 - a case of the table
    facts = replace(FACTS, narrative=replace(FACTS.narrative, weight_kg=weight))

    assert (problems(facts) == set()) is is_accepted


def test_every_empty_field_is_named_at_once() -> None:
    facts = replace(FACTS, place=" ", consequences=(), narrative=Narrative(description="\n"))

    assert problems(facts) == {"place", "description", "consequences"}


def test_the_refusal_names_each_field() -> None:
    with pytest.raises(IdentityInText) as raised:
        rules.check_texts({"description": "Marie", "place": "bloc", "outcome": "Martin-Bréant"}, MARIE)

    assert set(raised.value.fields) == {"description", "outcome"}


def test_an_incident_without_a_patient_may_say_anything() -> None:
    rules.check_texts({"description": "Marie"}, None)


@pytest.mark.parametrize("consequence", list(Consequence))
def test_any_incident_with_a_device_under_derogation_is_proposed_as_mandatory(consequence: Consequence) -> None:
    assert rules.proposed_basis([consequence], is_derogated=True) is Basis.MANDATORY


@pytest.mark.parametrize(
    ("consequence", "basis"),
    [
        (Consequence.DEATH, Basis.MANDATORY),
        (Consequence.CONGENITAL_ANOMALY, Basis.MANDATORY),
        (Consequence.OTHER_HARM, Basis.OPTIONAL),
        (Consequence.RISK_ONLY, Basis.OPTIONAL),
    ],
)
def test_without_derogation_the_severity_proposes_the_basis(consequence: Consequence, basis: Basis) -> None:
    assert rules.proposed_basis([consequence], is_derogated=False) is basis


@pytest.mark.parametrize(
    ("reports", "state"),
    [
        ((), IncidentState.DECLARED),
        ((MessageState.QUEUED, MessageState.QUEUED), IncidentState.SENDING),
        ((MessageState.SENT, MessageState.QUEUED), IncidentState.SENDING),
        ((MessageState.SENT, MessageState.FAILED), IncidentState.NOT_SENT),
        ((MessageState.QUEUED, MessageState.FAILED), IncidentState.NOT_SENT),
        ((MessageState.SENT, MessageState.SENT), IncidentState.TRANSMITTED),
        ((MessageState.SENT, MessageState.CANCELLED), IncidentState.TRANSMITTED),
    ],
)
def test_how_far_an_incident_is_follows_from_its_messages(
    reports: tuple[MessageState, ...], state: IncidentState
) -> None:
    assert rules.state_of(reports) is state


def test_a_narrative_comes_back_as_it_was_written() -> None:
    narrative = Narrative("Fissuré « net »", "douleur", "bonne", "lot isolé", "le pharmacien", "71.5")

    assert rules.narrative_from_json(narrative.as_json()) == narrative


def test_a_missing_declaration_says_what_to_do_next() -> None:
    with pytest.raises(IncidentInvalid) as raised:
        rules.check_incident(replace(FACTS, place=""), today=TODAY)

    assert raised.value.next_step


@pytest.mark.parametrize(
    ("labels", "codes"),
    [
        (rules.CONSEQUENCE_LABELS, Consequence),
        (rules.PLACE_LABELS, DevicePlace),
        (rules.PRINTED_PLACES, DevicePlace),
        (rules.BASIS_LABELS, Basis),
        (rules.STATE_LABELS, IncidentState),
        (rules.RECIPIENT_LABELS, rules.ReportRecipient),
    ],
)
def test_every_code_has_a_word(labels: dict[str, str], codes: type[Consequence]) -> None:
    assert set(labels) == set(codes)


def test_every_basis_is_printed_for_every_channel() -> None:
    assert set(rules.PRINTED_BASES) == set(product(Channel, Basis))
