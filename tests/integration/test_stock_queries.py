"""Reads of the stock: lists, search, filters, counts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.orm import Session

from tests.bench import counted
from tests.hospital import ALICE, HOSPITAL_B, NOW, THEATRE, TODAY, enter
from tests.stock import (
    a_hold,
    make_covered,
    make_definition,
    make_delivery,
    make_derogation,
    make_manufacturer,
    make_unit,
)
from tracker.devices import service as devices
from tracker.devices.queries import UnitNotFound
from tracker.devices.rules import Event, UnitState
from tracker.stock import queries, rules
from tracker.stock.rules import EndGroup, StockFilters

EVERYTHING = StockFilters()


def test_the_list_shows_the_newest_first_and_goes_on_where_it_stopped(session: Session) -> None:
    definition_id = make_definition(session)
    numbers = [make_unit(session, definition_id).number for _unit in range(5)]

    first = queries.list_units(session, after=None, limit=3, filters=EVERYTHING)
    rest = queries.list_units(session, after=first[-1].position, limit=3, filters=EVERYTHING)

    assert [line.number for line in [*first, *rest]] == numbers[::-1]


def test_the_search_finds_by_unit_number_lot_serial_reference_and_udi_di(session: Session) -> None:
    wanted = make_unit(
        session, make_definition(session, reference="R1", udi_di="01234567890128"), lot_number="L7", serial_number="S9"
    )
    make_unit(session, make_definition(session, reference="R2", udi_di=None))

    for typed in (wanted.number, wanted.number.lower(), "L7", "S9", "R1", "01234567890128"):
        found = queries.list_units(session, after=None, limit=10, filters=StockFilters(text=typed))
        assert [line.id for line in found] == [wanted.id], typed


def test_the_search_looks_up_what_it_found_and_never_walks_the_stock(session: Session) -> None:
    make_unit(session, make_definition(session))
    with explained(session) as plans:
        queries.list_units(session, after=None, limit=10, filters=StockFilters(text="A1"))

    (plan,) = plans
    assert "(sequence = ANY" in plan, plan


@contextmanager
def explained(session: Session) -> Iterator[list[str]]:
    """Collect the plans of a block, where PostgreSQL may neither loop nor hash: a join then walks both sides."""
    plans: list[str] = []
    session.execute(text("set local enable_nestloop = off"))
    session.execute(text("set local enable_hashjoin = off"))

    def explain(connection: Connection, _cursor: object, statement: str, values: object, *_rest: object) -> None:
        cursor = connection.connection.cursor()
        cursor.execute(f"explain {statement}", values)
        plans.append("\n".join(row[0] for row in cursor.fetchall()))

    engine = session.connection().engine
    event.listen(engine, "before_cursor_execute", explain)
    yield plans
    event.remove(engine, "before_cursor_execute", explain)


def test_the_search_keeps_to_one_state_and_goes_on_where_it_stopped(session: Session) -> None:
    definition_id = make_definition(session)
    held = [make_unit(session, definition_id, hold=a_hold()) for _unit in range(3)]
    make_unit(session, definition_id)
    filters = StockFilters(text="A1", state=UnitState.QUARANTINED)

    first = queries.list_units(session, after=None, limit=2, filters=filters)
    rest = queries.list_units(session, after=first[-1].position, limit=2, filters=filters)

    assert [line.id for line in [*first, *rest]] == [unit.id for unit in held[::-1]]
    assert {line.open_hold_count for line in first} == {1}


@pytest.mark.parametrize("text", ["' or 1=1 --", "%", "\\", "T590000000179", "é" * 500])
def test_an_odd_search_finds_nothing_and_breaks_nothing(session: Session, text: str) -> None:
    make_unit(session, make_definition(session))

    if text.startswith("T59"):
        with pytest.raises(UnitNotFound):
            queries.list_units(session, after=None, limit=10, filters=StockFilters(text=text))
    else:
        assert queries.list_units(session, after=None, limit=10, filters=StockFilters(text=text)) == []


def test_units_of_another_hospital_are_not_listed(session: Session) -> None:
    make_unit(session, make_definition(session))
    enter(session, HOSPITAL_B)

    assert queries.list_units(session, after=None, limit=10, filters=EVERYTHING) == []
    assert queries.count_on_hand(session) == {}


def listed(session: Session, filters: StockFilters) -> list[str]:
    return [line.number for line in queries.list_units(session, after=None, limit=10, filters=filters)]


def test_the_beginning_of_a_name_finds_units_whatever_its_capitals(session: Session) -> None:
    unit = make_unit(session, make_definition(session))

    assert listed(session, StockFilters(text="score, INS")) == [unit.number]
    assert listed(session, StockFilters(text="insert")) == []


def test_the_list_keeps_to_a_ward(session: Session) -> None:
    definition_id = make_covered(session)
    unit, _other = make_unit(session, definition_id), make_unit(session, definition_id)
    make_delivery(session, unit.number)

    assert listed(session, StockFilters(ward_id=THEATRE)) == [unit.number]
    assert listed(session, StockFilters(ward_id=THEATRE, state=UnitState.RELEASED)) == []


def test_the_shelf_lives_that_end_first_come_first_page_after_page(session: Session) -> None:
    definition_id = make_definition(session)
    days = [TODAY + timedelta(days=number) for number in (30, 10, 10, 20, 99)]
    units = [make_unit(session, definition_id, expiration_date=day) for day in days]
    make_unit(session, definition_id, expiration_date=None)
    filters = StockFilters(expires_until=TODAY + timedelta(days=30))

    first = queries.list_units(session, after=None, limit=2, filters=filters)
    rest = queries.list_units(session, after=first[-1].position, limit=9, filters=filters)

    assert [line.number for line in [*first, *rest]] == [units[n].number for n in (1, 2, 3, 0)]


def test_the_list_keeps_to_what_a_derogation_lists_on_the_day(session: Session) -> None:
    maker = make_manufacturer(session)
    listed_one = make_definition(session, manufacturer_id=maker)
    make_unit(session, make_definition(session, reference="R2", udi_di=None, manufacturer_id=maker))
    unit = make_unit(session, listed_one)
    derogation = make_derogation(session, maker)
    asked = StockFilters(derogation_id=derogation)

    now_listed = queries.narrow(session, asked, day=TODAY, now=NOW)
    not_yet = queries.narrow(session, asked, day=date(2024, 1, 1), now=NOW)

    assert listed(session, now_listed) == [unit.number]
    assert listed(session, replace(now_listed, text="A1")) == [unit.number]
    assert listed(session, not_yet) == []


def test_units_on_hand_are_counted_by_state_and_by_the_end_of_their_derogation(session: Session) -> None:
    maker = make_manufacturer(session)
    covered = make_definition(session, manufacturer_id=maker)
    make_derogation(session, maker, valid_until=TODAY + timedelta(days=60))
    make_unit(session, covered)
    make_unit(session, covered, hold=a_hold())
    make_unit(session, make_definition(session, reference="R2", udi_di=None))
    used = make_unit(session, covered)
    devices.mark_used(session, used.id, event=Event.IMPLANTATION, reason="", actor=ALICE, now=NOW)

    counts = queries.count_on_hand(session)
    groups = rules.group_ends(queries.count_ends(session, counts, today=TODAY, now=NOW))

    assert rules.sum_states(counts) == {UnitState.RELEASED: 2, UnitState.DELIVERED: 0, UnitState.QUARANTINED: 1}
    assert groups == (EndGroup("quarter", 2), EndGroup("none", 1))


def test_each_bar_of_the_picture_leads_to_just_the_units_it_counts(session: Session) -> None:
    maker = make_manufacturer(session)
    make_derogation(session, maker, valid_until=TODAY + timedelta(days=60))
    over = make_manufacturer(session, "Over")
    make_derogation(session, over, references=("R3",), valid_until=TODAY - timedelta(days=1))
    covered = make_definition(session, manufacturer_id=maker)
    no_more = make_definition(session, reference="R3", udi_di=None, manufacturer_id=over)
    expected = {
        "quarter": [make_unit(session, covered).number, make_unit(session, covered, hold=a_hold()).number],
        "ended": [make_unit(session, no_more).number],
        "none": [make_unit(session, make_definition(session, reference="R2", udi_di=None)).number],
    }
    used = make_unit(session, covered)
    devices.mark_used(session, used.id, event=Event.IMPLANTATION, reason="", actor=ALICE, now=NOW)

    found = {
        code: listed(session, queries.narrow(session, StockFilters(end=code), day=TODAY, now=NOW))
        for code in rules.END_CODES
    }

    assert {code: sorted(numbers) for code, numbers in found.items() if numbers} == expected
    assert found["month"] == []


def test_an_export_takes_as_many_statements_for_many_units_as_for_one(session: Session) -> None:
    definition_id, counts = make_definition(session), []
    for _size in range(3):
        make_unit(session, definition_id)
        with counted(session) as statements:
            walked = list(queries.walk_units(session, filters=EVERYTHING))
        counts.append((len(walked), len(statements)))

    assert counts == [(1, 2), (2, 2), (3, 2)]


def test_an_export_walks_page_after_page(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    definition_id = make_definition(session)
    numbers = [make_unit(session, definition_id).number for _unit in range(5)]
    monkeypatch.setattr(queries, "EXPORT_PAGE", 2)

    walked = [line.number for line, _origin in queries.walk_units(session, filters=EVERYTHING)]

    assert walked == numbers[::-1]
