"""The list in the documented form enters the register once, and never overrules what a person recorded."""

from datetime import date
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.hospital import ALICE, CHARLIE, GUY, HOSPITAL_B, NOW, TODAY, enter
from tracker.audit.models import AuditEntry
from tracker.derogations import queries
from tracker.derogations.rules import DerogationStatus
from tracker.errors import NotPermitted
from tracker.publications import rules, service
from tracker.publications.service import LoadReport
from tracker.register.queries import RegisterFilters, list_derogations

LIST = Path("config/ansm_derogations_20240306.yaml")


def listed() -> dict[str, object]:
    content: dict[str, object] = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    return content


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.sequence)))


def test_the_list_of_ansm_loads_eight_derogations_that_have_ended(session: Session) -> None:
    report = service.load_register(session, listed(), actor=ALICE, now=NOW)

    standings = queries.list_standings(session, day=TODAY, known_at=NOW)
    ends = sorted((found.manufacturer_name, str(found.valid_until)) for found in standings)
    assert (len(report.created), report.decision_count) == (8, 9)
    assert {found.status for found in standings} == {DerogationStatus.ENDED}
    assert ends == [
        ("Amplitude", "2024-07-26"),
        ("Biotechni", "2025-01-11"),
        ("Ceraver", "2024-06-14"),
        ("GLOBAL D", "2024-05-31"),
        ("GLOBAL D", "2024-05-31"),
        ("GLOBAL D", "2025-02-28"),
        ("Groupe Lépine", "2025-02-26"),
        ("Groupe Lépine", "2025-03-04"),
    ]


def test_the_list_of_ansm_has_the_twenty_references_of_score(session: Session) -> None:
    service.load_register(session, listed(), actor=ALICE, now=NOW)

    page = list_derogations(
        session, filters=RegisterFilters(text="SOCRE"), day=TODAY, known_at=NOW, after=None, limit=9
    )
    (score,) = page.standings
    entries = queries.list_scope(session, score.id)
    expected = {f"1-02016{row}{size}" for row in range(1, 6) for size in "ABCD"}
    assert {entry.reference for entry in entries} == expected
    assert len(entries) == 20
    (one,) = [entry for entry in entries if entry.reference == "1-020163C"]
    assert one.label == "Insert mobile de révision SCORE® – Taille C – Épaisseur 14 mm"


def test_the_list_of_ansm_is_loaded_once(session: Session) -> None:
    service.load_register(session, listed(), actor=ALICE, now=NOW)
    count = len(actions(session))

    report = service.load_register(session, listed(), actor=ALICE, now=NOW)

    assert report == LoadReport(unchanged=report.unchanged)
    assert len(report.unchanged) == 8
    assert len(actions(session)) == count


def test_two_hospitals_load_the_same_list(session: Session) -> None:
    service.load_register(session, listed(), actor=ALICE, now=NOW)
    enter(session, HOSPITAL_B)
    session.expunge_all()

    report = service.load_register(session, listed(), actor=GUY, now=NOW)

    assert len(report.created) == 8


def test_a_list_that_says_something_else_leaves_the_register_alone(session: Session) -> None:
    service.load_register(session, listed(), actor=ALICE, now=NOW)
    content = listed()
    content["derogations"][0]["scope_text"] = "other words"  # type: ignore[index]

    report = service.load_register(session, content, actor=ALICE, now=NOW)

    assert report.differing == ("global-d-ciny",)


def test_an_extension_already_recorded_by_hand_does_not_stop_a_list(session: Session) -> None:
    service.load_register(session, listed(), actor=ALICE, now=NOW)
    content = listed()
    again = {"key": "granted-again", "kind": "granted", "effective_from": date(2024, 4, 1)}
    content["derogations"][1]["decisions"].append(again)  # type: ignore[index]

    report = service.load_register(session, content, actor=ALICE, now=NOW)

    assert (report.differing, report.decision_count) == (("global-d-clinic",), 0)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"source": "x", "derogations": [{"key": "y"}]},
        {"source": "x", "derogations": [], "misspelt": 1},
    ],
)
def test_a_list_of_another_form_is_refused_with_the_place(session: Session, content: dict[str, object]) -> None:
    with pytest.raises(rules.RegisterUnreadable) as refusal:
        service.load_register(session, content, actor=ALICE, now=NOW)

    assert refusal.value.fields


def test_a_surgeon_may_not_load_a_list(session: Session) -> None:
    with pytest.raises(NotPermitted):
        service.load_register(session, listed(), actor=CHARLIE, now=NOW)
