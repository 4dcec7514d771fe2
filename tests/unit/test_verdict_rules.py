"""The verdict: every reason, both sides of each limit, from facts alone."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from scanners import Fault, Scan, Status, Udi, scan
from tracker.catalogue.rules import DeviceKind
from tracker.derogations.rules import DerogationKind, DerogationStatus
from tracker.devices.rules import USABLE, Finding, UnitState
from tracker.findings.rules import Outcome, worded
from tracker.terms.rules import Conditions
from tracker.verdicts import rules
from tracker.verdicts.rules import (
    CoverageFacts,
    DefinitionFacts,
    Facts,
    Purpose,
    UnitFacts,
    decide,
)

TODAY = date(2026, 3, 2)
RAW = "]d20103700000000013" + "17280131" + "10A1"
UDI = Udi(udi_di="03700000000013", lot="A1", expiration_date=date(2028, 1, 31))
SCAN = Scan(RAW, Status.OK, udi=UDI)
COVERAGE = CoverageFacts(
    derogation_id=UUID(int=1),
    designation="SCORE",
    kind=DerogationKind.GLOBAL,
    status=DerogationStatus.IN_FORCE,
    since=date(2025, 1, 1),
    valid_until=date(2026, 12, 31),
    decision="DM-1",
    is_listed=True,
    has_list=True,
    has_patient=False,
    implanted_system="",
    is_fictional=False,
)
GOOD = Facts(
    purpose=Purpose.RECEIVE,
    today=TODAY,
    scan=SCAN,
    udi=UDI,
    code="03700000000013",
    definition=DefinitionFacts("Amplitude", "1-020163C", DeviceKind.IMPLANT),
    definition_count=1,
    coverages=(COVERAGE,),
)


def codes(facts: Facts) -> list[str]:
    return [finding.code for finding in decide(facts).findings]


def covered(**changes: object) -> Facts:
    return replace(GOOD, coverages=(replace(COVERAGE, **changes),))


def test_a_box_under_a_derogation_in_force_is_accepted_with_its_reason() -> None:
    verdict = decide(GOOD)

    assert verdict.outcome is Outcome.ACCEPTED
    assert [finding.code for finding in verdict.findings] == ["derogation-in-force"]
    assert verdict.findings[0].data["valid_until"] == "2026-12-31"


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (DerogationStatus.NOT_YET, "derogation-not-yet", Outcome.REFUSED),
        (DerogationStatus.ENDED, "derogation-ended", Outcome.REFUSED),
        (DerogationStatus.SUSPENDED, "derogation-suspended", Outcome.REFUSED),
        (DerogationStatus.WITHDRAWN, "derogation-withdrawn", Outcome.REFUSED),
        (DerogationStatus.REFUSED, "derogation-refused", Outcome.REFUSED),
        (DerogationStatus.UNKNOWN, "derogation-unknown", Outcome.REFUSED),
        (DerogationStatus.END_UNKNOWN, "derogation-end-unknown", Outcome.QUARANTINED),
    ],
)
def test_each_standing_has_its_own_reason(status: DerogationStatus, code: str, outcome: Outcome) -> None:
    verdict = decide(covered(status=status))

    assert verdict.findings[0].code == code
    assert verdict.outcome is outcome


def test_every_standing_but_in_force_has_a_reason() -> None:
    for status in set(DerogationStatus) - {DerogationStatus.IN_FORCE}:
        assert decide(covered(status=status)).outcome is not Outcome.ACCEPTED


def test_without_any_derogation_the_box_is_refused() -> None:
    verdict = decide(replace(GOOD, coverages=()))

    assert verdict.outcome is Outcome.REFUSED
    assert verdict.findings == (Finding("derogation-none", {"manufacturer": "Amplitude"}),)


def test_a_reference_out_of_the_list_is_refused() -> None:
    assert codes(covered(is_listed=False)) == ["reference-not-listed"]
    assert decide(covered(is_listed=False)).outcome is Outcome.REFUSED


def test_a_derogation_that_does_not_list_the_reference_is_not_named_whatever_its_standing() -> None:
    found = decide(covered(is_listed=False, status=DerogationStatus.SUSPENDED)).findings

    assert [finding.code for finding in found] == ["reference-not-listed"]
    said = worded(found[0], translate=str, day=str)
    assert COVERAGE.designation not in said.sentence + said.source


def test_a_scope_in_words_waits_for_a_pharmacists_reading() -> None:
    verdict = decide(covered(is_listed=False, has_list=False))

    assert verdict.outcome is Outcome.QUARANTINED
    assert verdict.findings[0].code == "scope-reading-missing"


@pytest.mark.parametrize(("days", "is_soon"), [(31, False), (30, True), (1, True), (0, True)])
def test_the_end_of_a_derogation_is_announced_thirty_days_before(days: int, is_soon: bool) -> None:  # noqa: FBT001
    found = codes(covered(valid_until=TODAY + timedelta(days)))

    assert ("derogation-ending-soon" in found) is is_soon
    assert found[0] == "derogation-in-force"


def test_an_individual_derogation_without_patient_leads_to_quarantine() -> None:
    verdict = decide(covered(kind=DerogationKind.INDIVIDUAL))

    assert verdict.outcome is Outcome.QUARANTINED
    assert verdict.findings[0].code == "individual-patient-missing"


def test_an_individual_derogation_with_its_patient_is_accepted_and_says_so() -> None:
    verdict = decide(covered(kind=DerogationKind.INDIVIDUAL, has_patient=True))

    assert verdict.outcome is Outcome.ACCEPTED
    assert "derogation-individual" in codes(covered(kind=DerogationKind.INDIVIDUAL, has_patient=True))


def test_a_derogation_for_everybody_goes_before_an_individual_one() -> None:
    individual = replace(COVERAGE, kind=DerogationKind.INDIVIDUAL, derogation_id=UUID(int=2))

    assert rules.chosen_coverage([individual, COVERAGE]) is COVERAGE
    assert rules.chosen_coverage([individual]) is individual
    assert rules.chosen_coverage([]) is None


def test_the_limits_of_a_derogation_are_said() -> None:
    found = codes(covered(implanted_system="SCORE knee", is_fictional=True))

    assert found == ["derogation-in-force", "partial-revision-only", "derogation-demonstration"]


@pytest.mark.parametrize(
    ("end", "outcome", "code"),
    [
        (TODAY - timedelta(1), Outcome.REFUSED, "shelf-life-past"),
        (TODAY, Outcome.ACCEPTED, "shelf-life-short"),
        (TODAY + timedelta(90), Outcome.ACCEPTED, "shelf-life-short"),
        (TODAY + timedelta(91), Outcome.ACCEPTED, None),
        (None, Outcome.ACCEPTED, None),
    ],
)
def test_shelf_life_on_both_sides_of_each_limit(end: date | None, outcome: Outcome, code: str | None) -> None:
    facts = replace(GOOD, udi=replace(UDI, expiration_date=end))

    assert decide(facts).outcome is outcome
    assert [found for found in codes(facts) if found.startswith("shelf")] == ([code] if code else [])


def test_two_dates_that_disagree_block_and_show_both() -> None:
    verdict = decide(replace(GOOD, other_expiration_dates=(date(2027, 1, 1),)))

    assert verdict.outcome is Outcome.QUARANTINED
    assert verdict.findings[0] == Finding("expiry-conflict", {"expires_on": "2028-01-31", "other_on": "2027-01-01"})


@pytest.mark.parametrize(
    ("udi", "kind", "is_missing"),
    [
        (Udi(), DeviceKind.IMPLANT, True),
        (Udi(lot="A1"), DeviceKind.IMPLANT, False),
        (Udi(serial="S1"), DeviceKind.IMPLANT, False),
        (Udi(software_version="2.0"), DeviceKind.IMPLANT, True),
        (Udi(software_version="2.0"), DeviceKind.SOFTWARE, False),
    ],
)
def test_a_lot_or_serial_number_is_needed(udi: Udi, kind: DeviceKind, is_missing: bool) -> None:  # noqa: FBT001
    facts = replace(GOOD, udi=udi, definition=DefinitionFacts("Amplitude", "R", kind))

    assert ("lot-and-serial-missing" in codes(facts)) is is_missing
    assert (decide(facts).outcome is Outcome.REFUSED) is is_missing


def test_a_known_serial_number_is_refused_at_goods_in_and_names_the_unit() -> None:
    facts = replace(GOOD, udi=Udi(serial="S1"), serial_unit_number="T590000000178")

    verdict = decide(facts)

    assert verdict.outcome is Outcome.REFUSED
    assert verdict.findings[0] == Finding("serial-already-known", {"serial": "S1", "number": "T590000000178"})


def test_a_lot_on_hold_leads_to_quarantine() -> None:
    verdict = decide(replace(GOOD, lot_hold_reason="notice 7"))

    assert verdict.outcome is Outcome.QUARANTINED
    assert verdict.findings[0] == Finding("lot-on-hold", {"lot": "A1", "reason": "notice 7"})


def test_several_reasons_are_told_the_severe_one_first() -> None:
    facts = replace(
        covered(status=DerogationStatus.ENDED),
        lot_hold_reason="notice 7",
        other_expiration_dates=(date(2027, 1, 1),),
    )

    assert codes(facts) == ["derogation-ended", "lot-on-hold", "expiry-conflict"]
    assert decide(facts).outcome is Outcome.REFUSED


def test_a_pack_of_several_units_is_announced() -> None:
    five = replace(GOOD, udi=replace(UDI, quantity=5))

    assert "pack-to-count" in codes(five)
    assert "pack-to-count" in codes(replace(GOOD, is_found_by_pack=True))
    assert "pack-to-count" not in codes(replace(GOOD, udi=replace(UDI, quantity=1)))
    assert "counted-by-person" in codes(replace(five, count=5))
    assert "pack-count-differs" in codes(replace(five, count=4))
    assert codes(replace(GOOD, count=1)) == codes(GOOD)


def test_a_pack_is_no_pack_where_no_device_is_known() -> None:
    facts = replace(GOOD, udi=replace(UDI, quantity=5))

    assert rules.is_pack(facts)
    assert not rules.is_pack(replace(facts, definition=None))


def test_a_serial_number_known_elsewhere_blocks_and_one_known_here_refuses() -> None:
    elsewhere = replace(GOOD, udi=replace(UDI, serial="S1"), is_serial_elsewhere=True)

    assert decide(elsewhere).findings[0] == Finding("serial-known-elsewhere", {"serial": "S1"})
    assert decide(elsewhere).outcome is Outcome.QUARANTINED
    assert decide(replace(elsewhere, is_serial_repeated=True)).findings[0].code == "serial-repeated"
    assert decide(replace(elsewhere, serial_unit_number="T590000000178")).findings[0].code == "serial-already-known"


def test_a_lot_on_recall_says_so() -> None:
    verdict = decide(replace(GOOD, lot_hold_reason="notice 7", is_lot_on_recall=True))

    assert verdict.outcome is Outcome.QUARANTINED
    assert verdict.findings[0] == Finding("lot-on-recall", {"lot": "A1", "reason": "notice 7"})


def test_a_global_derogation_waits_for_the_clinicians_reason() -> None:
    assert decide(covered(is_reason_missing=True)).findings[0].code == "clinical-reason-missing"
    assert decide(covered(is_reason_missing=True)).outcome is Outcome.QUARANTINED


@pytest.mark.parametrize(("counted", "is_reached"), [(0, False), (2, False), (3, True), (4, True)])
def test_the_cap_is_reached_with_its_last_patient(counted: int, is_reached: bool) -> None:  # noqa: FBT001
    facts = covered(patient_cap=3, patient_count=counted)

    assert ("patient-cap-reached" in codes(facts)) is is_reached
    assert "patient-cap-reached" not in codes(replace(facts, purpose=Purpose.USE))


def test_what_a_person_typed_is_marked() -> None:
    verdict = decide(replace(GOOD, scan=None, is_typed=True))

    assert verdict.outcome is Outcome.ACCEPTED
    assert verdict.findings[-1].code == "entered-by-hand"


@pytest.mark.parametrize(
    ("read", "code"),
    [
        (Scan("", Status.PATIENT), "patient-label"),
        (Scan("x", Status.AMBIGUOUS, readings=(UDI, Udi())), "scan-ambiguous"),
        (Scan("x", Status.INVALID, fault=Fault("length", 1, "")), "scan-invalid"),
        (Scan("T590000000178", Status.OK, unit_number="T590000000178"), "unit-label-foreign"),
    ],
)
def test_a_code_that_says_nothing_stops_the_verdict(read: Scan, code: str) -> None:
    verdict = decide(replace(GOOD, scan=read))

    assert [finding.code for finding in verdict.findings] == [code]
    assert verdict.outcome is Outcome.REFUSED


def test_a_label_of_ours_is_told_from_that_of_another_establishment() -> None:
    ours = Scan("T590000000178", Status.OK, unit_number="T590000000178")

    assert codes(replace(GOOD, scan=ours, is_number_known=True)) == ["unit-label-scanned"]
    assert codes(replace(GOOD, scan=ours)) == ["unit-label-foreign"]


def test_a_wrong_check_digit_is_passed_over_with_a_reason_and_never_without() -> None:
    wrong = Scan("x", Status.INVALID, udi=UDI, fault=Fault("check-digit", 1, "", overridable=True))

    assert codes(replace(GOOD, scan=wrong)) == ["scan-invalid"]
    assert codes(replace(GOOD, scan=wrong, override="maker's letter")) == [
        "derogation-in-force",
        "check-digit-overridden",
    ]


def test_a_broken_structure_is_not_passed_over() -> None:
    broken = Scan("x", Status.INVALID, fault=Fault("length", 1, ""))

    assert codes(replace(GOOD, scan=broken, override="please")) == ["scan-invalid"]


def test_an_ambiguous_code_is_accepted_once_a_person_chose() -> None:
    ambiguous = Scan("x", Status.AMBIGUOUS, readings=(UDI, Udi()))

    assert codes(replace(GOOD, scan=ambiguous, is_reading_chosen=True)) == ["derogation-in-force", "reading-chosen"]


@pytest.mark.parametrize(
    ("read", "count", "code"),
    [
        (SCAN, 0, "definition-unknown"),
        (SCAN, 2, "definition-several"),
        (Scan("hello", Status.UNKNOWN), 0, "scan-unknown"),
        (Scan("R1", Status.UNKNOWN), 2, "definition-several"),
        (Scan("]C110A1", Status.OK, udi=Udi(lot="A1")), 0, "device-not-named"),
        (None, 0, "definition-unknown"),
    ],
)
def test_a_device_that_is_not_known_for_sure_is_refused(read: Scan | None, count: int, code: str) -> None:
    verdict = decide(replace(GOOD, scan=read, definition=None, definition_count=count, coverages=()))

    assert [finding.code for finding in verdict.findings] == [code]
    assert verdict.outcome is Outcome.REFUSED


def test_a_manufacturers_label_never_proves_that_a_unit_may_be_used() -> None:
    verdict = decide(replace(GOOD, purpose=Purpose.USE))

    assert verdict.outcome is Outcome.QUARANTINED
    assert verdict.findings[0].code == "unit-label-needed"


@pytest.mark.parametrize("state", list(UnitState))
def test_only_a_released_unit_without_hold_may_be_used(state: UnitState) -> None:
    unit = UnitFacts("T590000000178", state, "")
    label = Scan("T590000000178", Status.OK, unit_number="T590000000178")
    facts = replace(GOOD, purpose=Purpose.USE, unit=unit, scan=label)

    held = replace(facts, unit=replace(unit, hold_reason="seal broken"))

    assert (decide(facts).outcome is Outcome.ACCEPTED) is (state in USABLE)
    assert codes(held)[0] == "unit-on-hold"


def test_our_label_of_an_unknown_unit_is_refused_in_theatre() -> None:
    label = Scan("T590000000178", Status.OK, unit_number="T590000000178")

    assert codes(replace(GOOD, purpose=Purpose.USE, unit=None, scan=label)) == ["unit-unknown"]


def test_a_released_unit_whose_derogation_has_ended_may_not_be_used() -> None:
    unit = UnitFacts("T590000000178", UnitState.RELEASED, "")
    facts = replace(covered(status=DerogationStatus.ENDED), purpose=Purpose.USE, unit=unit)

    assert decide(facts).outcome is Outcome.REFUSED


def test_a_scan_is_repeated_short_and_printable() -> None:
    assert rules.printable("10A1\x1d21S\x00\ud800") == "10A1\u2039GS\u203a21S\ufffd\ufffd"
    assert rules.printable("x" * 500) == "x" * 80 + "…"


def test_the_patients_label_carries_no_data_into_its_finding() -> None:
    label = "IS010000000000000000000000S1280129999999969S21.2.250.1.213.1.4.10S3MARIE\x1dS4EXEMPLE\x1dS5FS612-12-1980"

    verdict = decide(replace(GOOD, scan=scan(label, reference_date=TODAY), definition=None, coverages=()))

    assert verdict.findings == (Finding("patient-label"),)


def test_a_box_for_other_establishments_is_refused_and_criteria_are_told() -> None:
    here = covered(conditions=Conditions(sites=("CHU A",), criteria=("adult", "> 5 kg")))
    elsewhere = covered(conditions=Conditions(sites=("CHU B", "CHU C"), is_allowed_here=False))

    told = next(finding for finding in decide(here).findings if finding.code == "patient-criteria")
    refused = decide(elsewhere)

    assert (decide(here).outcome, told.data["criteria"]) == (Outcome.ACCEPTED, "adult; > 5 kg")
    assert (refused.outcome, refused.findings[0].code) == (Outcome.REFUSED, "site-not-allowed")
    assert refused.findings[0].data["sites"] == "CHU B; CHU C"


def test_a_box_for_an_in_vitro_diagnostic_of_one_patient_is_kept_for_that_patient() -> None:
    assert "derogation-individual" in codes(covered(kind=DerogationKind.IVD, has_patient=True))
    assert "derogation-individual" not in codes(covered(kind=DerogationKind.IVD))
