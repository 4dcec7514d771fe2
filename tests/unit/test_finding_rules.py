"""The table of reasons: complete in words, sources and next steps, and the same in the documentation."""

from pathlib import Path

import pytest

from tracker.actor import Role
from tracker.devices.rules import REASON_LABELS, Finding
from tracker.findings.rules import FINDINGS, Outcome, as_markdown, worded

SAMPLE = {
    "designation": "SCORE",
    "decision": "DM-1",
    "since_on": "2025-01-01",
    "valid_until": "2026-12-31",
    "expired_on": "2026-01-01",
    "expires_on": "2026-01-01",
    "other_on": "2026-01-02",
    "reference": "R",
    "manufacturer": "M",
    "number": "T590000000178",
    "serial": "S",
    "lot": "A1",
    "reason": "seal",
    "count": "2",
    "announced": "5",
    "cap": "3",
    "days": "3",
    "version": "2.1",
    "code": "0",
    "text": "x",
    "fault": "check-digit",
    "state": "used",
    "system": "SCORE knee",
    "sites": "CHU A",
    "criteria": "adult",
    "measured": "9.5",
    "expected": "4",
}


QUARANTINING = {code for code, rule in FINDINGS.items() if rule.effect is Outcome.QUARANTINED} - {"unit-label-needed"}


@pytest.mark.parametrize("code", list(FINDINGS))
def test_every_reason_has_its_words_and_its_source(code: str) -> None:
    said = worded(Finding(code, SAMPLE), translate=str, day=lambda day: day.strftime("%d/%m/%Y"))

    assert said.sentence
    assert said.source
    assert "%(" not in said.sentence + said.source + said.next_step
    assert "2026-" not in said.sentence
    if FINDINGS[code].effect is not Outcome.ACCEPTED:
        assert said.next_step


def test_codes_in_a_sentence_become_words() -> None:
    said = worded(Finding("scan-invalid", {"fault": "check-digit"}), translate=str, day=str)
    other = worded(Finding("scan-invalid", {"fault": "segment-unknown"}), translate=str, day=str)

    assert "its check digit is wrong" in said.sentence
    assert "segment-unknown" in other.sentence


def test_every_reason_for_quarantine_can_be_shown_on_a_hold() -> None:
    assert REASON_LABELS.keys() >= QUARANTINING


def test_what_leads_to_quarantine_may_be_decided_otherwise_by_a_pharmacist() -> None:
    for code in QUARANTINING:
        assert FINDINGS[code].may_override is Role.PHARMACIST


def test_the_table_of_the_documentation_is_the_table_of_the_code() -> None:
    page = (Path(__file__).parents[2] / "docs" / "goods-in.md").read_text(encoding="utf-8")

    assert as_markdown() in page
