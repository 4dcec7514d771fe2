"""Under which derogation a unit may go to a ward."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from tests.hospital import TODAY
from tracker.catalogue.rules import DeviceKind
from tracker.delivery.rules import Held, NotCovered, check_covered, check_not_held
from tracker.derogations.rules import DerogationKind, DerogationStatus
from tracker.devices.rules import UnitOnHold
from tracker.terms.rules import Conditions
from tracker.verdicts.rules import CoverageFacts, DefinitionFacts

INSERT = DefinitionFacts("Amplitude", "1-020163C", DeviceKind.IMPLANT)
IN_FORCE = CoverageFacts(
    derogation_id=UUID(int=1),
    designation="SCORE inserts",
    kind=DerogationKind.PARTIAL_REVISION,
    status=DerogationStatus.IN_FORCE,
    since=date(2025, 1, 1),
    valid_until=TODAY + timedelta(days=60),
    decision="DM-2025-001",
    is_listed=True,
    has_list=True,
    has_patient=False,
    implanted_system="SCORE knee",
    is_fictional=False,
)


def asked(*coverages: CoverageFacts) -> UUID:
    return check_covered(coverages, definition=INSERT, today=TODAY).derogation_id


def refusal(*coverages: CoverageFacts) -> str:
    with pytest.raises(NotCovered) as refused:
        asked(*coverages)
    return refused.value.finding.code


@pytest.mark.parametrize("status", sorted(set(DerogationStatus) - {DerogationStatus.IN_FORCE}))
def test_only_what_is_in_force_covers(status: DerogationStatus) -> None:
    assert asked(IN_FORCE) == IN_FORCE.derogation_id
    assert refusal(replace(IN_FORCE, status=status)).startswith("derogation-")


def test_the_first_that_covers_speaks_wherever_it_stands() -> None:
    suspended = replace(IN_FORCE, derogation_id=UUID(int=2), status=DerogationStatus.SUSPENDED)
    elsewhere = replace(IN_FORCE, derogation_id=UUID(int=3), conditions=Conditions(("B",), is_allowed_here=False))

    assert asked(suspended, elsewhere, IN_FORCE) == IN_FORCE.derogation_id


def test_what_only_the_patient_can_tell_is_left_to_the_gate() -> None:
    individual = replace(IN_FORCE, kind=DerogationKind.INDIVIDUAL)
    capped = replace(IN_FORCE, patient_cap=1, patient_count=1)
    with_criteria = replace(IN_FORCE, conditions=Conditions(criteria=("over 18",)))

    for coverage in (individual, replace(individual, has_patient=True), capped, with_criteria):
        assert asked(coverage) == coverage.derogation_id


def test_without_any_derogation_it_says_so() -> None:
    assert refusal() == "derogation-none"


def test_a_unit_on_hold_says_every_reason_once_and_since_when() -> None:
    earlier, later = date(2026, 1, 5), date(2026, 2, 1)

    with pytest.raises(UnitOnHold) as refused:
        check_not_held(
            [Held("lot-on-hold expiry-conflict", earlier), Held("seal broken", later), Held("lot-on-hold", later)]
        )

    assert refused.value.data == {
        "since": earlier,
        "reason": ("the lot is on hold", "two expiry dates disagree", "seal broken"),
    }
    check_not_held(())
