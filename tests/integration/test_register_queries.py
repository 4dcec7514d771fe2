"""The whole register: exact pages in one statement, found as people type, drawn over time."""

from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.hospital import ALICE, NOW, TODAY
from tests.integration.test_derogation_queries import counted
from tests.stock import make_decision, make_derogation, make_manufacturer
from tracker import db
from tracker.derogations import service
from tracker.derogations.rules import DecisionKind, DerogationKind, DerogationStatus, Domain
from tracker.derogations.service import NewAlias, NewDecision, NewDerogation, NewReference
from tracker.register import queries
from tracker.register.queries import RegisterFilters, RegisterPage

END = date(2026, 12, 31)
ONE_DAY = timedelta(days=1)


def enter_named(session: Session, maker: UUID, designation: str, **changes: object) -> UUID:
    new_id = db.new_id()
    values: dict[str, object] = {"kind": DerogationKind.GLOBAL, "domain": Domain.JOINT, "source": "x"} | changes
    new = NewDerogation(designation=designation, manufacturer_id=maker, **values)  # type: ignore[arg-type]
    service.create_derogation(session, new_id, new=new, actor=ALICE, now=NOW)
    return new_id


def read(
    session: Session, *, limit: int = 50, after: UUID | None = None, known_at: datetime = NOW, **filters: object
) -> RegisterPage:
    narrowed = RegisterFilters(**filters)  # type: ignore[arg-type]
    return queries.list_derogations(session, filters=narrowed, day=TODAY, known_at=known_at, after=after, limit=limit)


def names(session: Session, **filters: object) -> list[str]:
    return [found.designation for found in read(session, **filters).standings]  # type: ignore[arg-type]


def test_the_register_is_read_page_by_page(session: Session) -> None:
    maker = make_manufacturer(session)
    for name in ("b", "a", "c", "a", "d"):
        enter_named(session, maker, name)
    shown: list[str] = []
    after = None
    with counted(session) as statements:
        while True:
            page = read(session, after=after, limit=2)
            shown += [found.designation for found in page.standings]
            after = page.next_after
            if after is None:
                break

    assert shown == ["a", "a", "b", "c", "d"]
    assert len(statements) == 3


def test_a_status_is_found_however_many_others_stand_before_it(session: Session) -> None:
    maker = make_manufacturer(session)
    for name in ("a", "b", "c", "d"):
        enter_named(session, maker, name)
    make_derogation(session, maker)  # "SCORE inserts", in force

    with counted(session) as statements:
        page = read(session, status=DerogationStatus.IN_FORCE, limit=1)

    assert [found.designation for found in page.standings] == ["SCORE inserts"]
    assert (page.next_after, len(statements)) == (None, 1)


def test_a_status_as_it_was_known_is_found_by_reading_on(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_READ_AHEAD", 2)
    maker = make_manufacturer(session)
    for _ in range(3):
        ended = make_derogation(session, maker, valid_until=TODAY - ONE_DAY)
        extension = NewDecision(ended, DecisionKind.EXTENDED, TODAY, valid_until=END)
        service.record_decision(session, db.new_id(), new=extension, actor=ALICE, now=NOW)
    before = NOW - timedelta(seconds=1)

    now = read(session, status=DerogationStatus.ENDED, limit=1)
    then = read(session, status=DerogationStatus.ENDED, limit=1, known_at=before)
    last = read(session, status=DerogationStatus.IN_FORCE, limit=1, known_at=before)

    assert now.standings == ()
    assert (len(then.standings), then.next_after) == (1, then.standings[0].id)
    assert (last.standings, last.next_after) == ((), None)


@pytest.mark.parametrize(("days", "expected"), [(-1, []), (0, ["SCORE inserts"])])
def test_what_ends_by_a_day_is_in_force_until_it_or_earlier(session: Session, days: int, expected: list[str]) -> None:
    maker = make_manufacturer(session)
    make_derogation(session, maker, valid_until=END)
    make_derogation(session, maker, valid_until=TODAY - ONE_DAY)  # ended already
    make_derogation(session, maker, valid_until=None)

    page = read(session, ends_by=END + days * ONE_DAY)

    assert [found.designation for found in page.standings] == expected


def test_an_alias_finds_its_derogation(session: Session) -> None:
    found_id = enter_named(session, make_manufacturer(session), "Vent 2")
    alias = NewAlias(found_id, "AirVENT60", "notice, edition 3")

    service.add_alias(session, db.new_id(), new=alias, actor=ALICE, now=NOW)

    assert names(session, text="airvent") == ["Vent 2"]


def test_the_beginning_of_a_reference_is_found_by_its_index(session: Session) -> None:
    session.execute(text("set local enable_seqscan = off"))
    plan = session.scalars(
        text("explain select 1 from derogation_scope_entry where reference_key >= :low and reference_key < :high"),
        {"low": "1-0201", "high": "1-0202"},
    ).all()

    assert any("Index Cond" in line and "reference_key >=" in line for line in plan), plan


def test_a_life_is_drawn_with_its_extensions_and_suspensions(session: Session) -> None:
    found_id = make_derogation(session, make_manufacturer(session), valid_until=TODAY)
    for kind, day, until in (
        (DecisionKind.SUSPENDED, TODAY - 20 * ONE_DAY, None),
        (DecisionKind.REINSTATED, TODAY - 10 * ONE_DAY, None),
        (DecisionKind.EXTENDED, TODAY + ONE_DAY, END),
    ):
        make_decision(session, found_id, kind, effective_from=day, valid_until=until)

    with counted(session) as statements:
        life = queries.list_lives(session, [found_id])[found_id]

    assert [(stretch.status.value, stretch.ends_on) for stretch in life.stretches] == [
        ("not_yet", date(2024, 12, 31)),
        ("in_force", TODAY - 21 * ONE_DAY),
        ("suspended", TODAY - 11 * ONE_DAY),
        ("in_force", END),
        ("ended", None),
    ]
    assert life.extended_on == (TODAY + ONE_DAY,)
    assert len(statements) == 2


def test_a_life_is_drawn_from_a_calendar_that_was_kept_before_it_listed_statuses(session: Session) -> None:
    found_id = make_derogation(session, make_manufacturer(session), valid_until=END)
    lives = queries.list_lives(session, [found_id])
    session.execute(text("update derogation_calendar set statuses = '{}', last_days = '{}'"))

    assert len(lives[found_id].stretches) == 3
    assert queries.list_lives(session, [found_id]) == lives


def test_a_page_of_one_status_goes_on_after_the_last_shown(session: Session) -> None:
    maker = make_manufacturer(session)
    for name in ("a", "b", "c"):
        enter_named(session, maker, name)
    first = read(session, status=DerogationStatus.UNKNOWN, limit=2)
    second = read(session, status=DerogationStatus.UNKNOWN, limit=2, after=first.next_after)

    assert [len(first.standings), len(second.standings)] == [2, 1]
    assert second.next_after is None


@pytest.mark.parametrize(
    "text_typed", ["prothese", "PROTHÈSE", "socre", "lépine", "Lepine", "krestal", "1-0201", "ansm-77"]
)
def test_the_register_is_searched_as_people_type(session: Session, text_typed: str) -> None:
    found_id = enter_named(
        session,
        make_manufacturer(session, "Groupe Lépine"),
        "Tête de prothèse",
        scope_text="inserts SOCRE",
        implanted_system="KRESTAL",
    )
    decision = NewDecision(
        found_id,
        DecisionKind.GRANTED,
        TODAY,
        valid_until=END,
        reference="ANSM-77/2026",
        added=(NewReference("1-020163C"),),
    )
    service.record_decision(session, db.new_id(), new=decision, actor=ALICE, now=NOW)
    enter_named(session, make_manufacturer(session, "Other"), "Insert")

    assert names(session, text=text_typed) == ["Tête de prothèse"]


@pytest.mark.parametrize("text_typed", ["%", "_", "100 %", "\\", "nowhere"])
def test_signs_of_the_query_language_are_only_signs(session: Session, text_typed: str) -> None:
    enter_named(session, make_manufacturer(session), "Insert")

    assert names(session, text=text_typed) == []


def test_the_register_is_narrowed_by_kind_and_company(session: Session) -> None:
    maker, other = make_manufacturer(session), make_manufacturer(session, "Other")
    enter_named(session, maker, "global")
    enter_named(session, maker, "ivd", kind=DerogationKind.IVD)
    enter_named(session, other, "elsewhere")

    assert names(session, kind=DerogationKind.IVD) == ["ivd"]
    assert names(session, manufacturer_id=other) == ["elsewhere"]
    assert names(session, manufacturer_id=maker) == ["global", "ivd"]
