"""The pages of the whole register, and what programs read of it."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import yaml

from tests.hospital import ALICE, HOSPITAL_A
from tests.stock import make_decision, make_derogation, make_manufacturer
from tests.web.conftest import Person, Program
from tracker import clock, db
from tracker.actor import Actor
from tracker.derogations import queries
from tracker.derogations.rules import DecisionKind
from tracker.publications import service as publications

LogIn = Callable[[Actor], Person]
TODAY = clock.paris_day(clock.utc_now())


@pytest.fixture
def score(database: db.Database) -> UUID:
    """The register of ANSM's page; the derogation of SCORE, which has ended."""
    content = yaml.safe_load(Path("config/ansm_derogations_20240306.yaml").read_text(encoding="utf-8"))
    now = clock.utc_now()
    with db.transaction(database, HOSPITAL_A) as session:
        publications.load_register(session, content, actor=ALICE, now=now)
        found = queries.list_standings(session, day=TODAY, known_at=now)
        return next(standing.id for standing in found if standing.implanted_system == "SCORE")


def test_the_register_shows_each_derogation_with_its_status_and_its_end(person: LogIn, score: UUID) -> None:
    page = person(ALICE).get("/derogations")

    assert page.status_code == 200
    assert page.text.count('data-label="Status"') == 8
    assert str(score) in page.text
    assert "26 Jul 2024" in page.text
    assert "New derogation" in page.text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("q=SOCRE", 1),
        ("q=lepine", 2),
        ("q=1-020163C", 1),
        ("q=lep%00ine", 2),
        ("status=in_force", 0),
        ("status=ended", 8),
        ("kind=global", 0),
        ("domain=dental", 3),
        ("ends_by=2024-12-31", 0),
    ],
)
def test_the_register_is_narrowed(person: LogIn, score: UUID, query: str, count: int) -> None:
    page = person(ALICE).get(f"/derogations?{query}")

    assert page.text.count('data-label="Company"') == count
    assert ("No derogation matches" in page.text) == (count == 0)


def test_an_empty_register_says_how_to_begin(person: LogIn) -> None:
    assert "The register is empty" in person(ALICE).get("/derogations").text


@pytest.mark.parametrize("query", ["status=nonsense", "kind=x", "company=1", "after=1", "ends_by=soon"])
def test_an_odd_address_is_refused_in_words(person: LogIn, query: str) -> None:
    page = person(ALICE).get(f"/derogations?{query}")

    assert page.status_code == 422


def test_a_long_register_is_read_page_by_page(person: LogIn, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        for _ in range(51):
            make_derogation(session, maker, references=())
    alice = person(ALICE)

    first = alice.get("/derogations?q=SCORE")
    following = re.search(r'href="([^"]+)" rel="next"', first.text)

    assert following is not None
    second = alice.get(following.group(1).replace("&amp;", "&"))
    assert first.text.count('data-label="Company"') == 50
    assert second.text.count('data-label="Company"') == 1
    assert "First page" in second.text


@pytest.fixture
def suspended_once(database: db.Database) -> UUID:
    """A derogation that was suspended for ten days, extended, and ends in twenty days."""
    days = {
        DecisionKind.SUSPENDED: TODAY - timedelta(days=30),
        DecisionKind.REINSTATED: TODAY - timedelta(days=20),
        DecisionKind.EXTENDED: TODAY - timedelta(days=10),
    }
    with db.transaction(database, HOSPITAL_A) as session:
        derogation_id = make_derogation(session, make_manufacturer(session), valid_until=TODAY - timedelta(days=9))
        for kind, day in days.items():
            until = TODAY + timedelta(days=20) if kind is DecisionKind.EXTENDED else None
            make_decision(session, derogation_id, kind, effective_from=day, valid_until=until)
        return derogation_id


def test_the_picture_writes_beside_each_bar_what_it_draws(person: LogIn, suspended_once: UUID) -> None:
    page = person(ALICE).get("/derogations/timeline").text

    assert f'href="/derogations/{suspended_once}"' in page
    assert page.count('class="chart-accepted"') == 2
    assert page.count('class="chart-quarantined"') == 1
    assert page.count('class="chart-extension"') == 1
    assert "Suspended from" in page
    assert "Extended on" in page
    assert "It ends soon" in page
    assert 'class="chart-warning"' in page


def test_a_register_that_was_never_in_force_says_so(person: LogIn, database: db.Database) -> None:
    with db.transaction(database, HOSPITAL_A) as session:
        make_derogation(session, make_manufacturer(session), decision_kind=DecisionKind.REFUSED, valid_until=None)

    assert "Nothing to draw" in person(ALICE).get("/derogations/timeline").text


def test_programs_read_the_same_picture(program: Callable[[Actor], Program], suspended_once: UUID) -> None:
    (item,) = program(ALICE).get("/api/v1/derogations/timeline?status=in_force").json["items"]

    assert item["id"] == str(suspended_once)
    assert [stretch["status"] for stretch in item["stretches"]][1:] == ["in_force", "suspended", "in_force", "ended"]
    assert item["extended_on"] == [(TODAY - timedelta(days=10)).isoformat()]
