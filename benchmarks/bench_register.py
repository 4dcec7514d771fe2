"""Measure the register at the size it is designed for: 5,000 derogations, 20 decisions and 40 references each.

Run ``python -m benchmarks.bench_register [--derogations 5000] [--seconds 3]``; prints a table and writes
``var/bench_register.json``. The aim is the p95 of each register page below three times that of a bare page of the
program (``/account``: log-in, menu, no list), taken in turns on the same machine; the floor of the benchmark stands
beside it. One statement finds a page whatever the filter.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from uuid import UUID, uuid5

import psycopg
from sqlalchemy import make_url, select

from benchmarks.client import Figures, measure, warm_up
from benchmarks.house import House
from benchmarks.report import Maker, count_statements
from tracker import clock, db
from tracker.catalogue.models import Manufacturer
from tracker.demonstration import ESTABLISHMENT_ID
from tracker.derogations import service as derogations

OUTPUT = Path("var/bench_register.json")
DECISIONS, REFERENCES = 20, 40
TURNS = 3
AIM = 3.0
_SPACE = UUID("0192f000-0000-7000-8000-0000000000fe")
_RECORDED = datetime(2024, 1, 2, 8, 0, tzinfo=UTC)
_FIRST = date(2015, 1, 1)
_KINDS = ("granted", "suspended", "reinstated", "extended")
PAGES = {
    "register, first page": "/derogations",
    "register, in force": "/derogations?status=in_force",
    "register, suspended (1 in 100)": "/derogations?status=suspended",
    "register, withdrawn (none)": "/derogations?status=withdrawn",
    "register, ends by a day": "/derogations?ends_by={soon}",
    "register, a word": "/derogations?q=insert+4999",
    "register, a reference": "/derogations?q=R-4321-07",
    "register, deep in the list": "/derogations?after={deep}",
    "register, over time": "/derogations/timeline",
    "one derogation": "/derogations/{deep}",
}


def _id(kind: str, *numbers: int) -> UUID:
    return uuid5(_SPACE, ":".join([kind, *(str(number) for number in numbers)]))


def _header(number: int, maker: UUID, person: UUID) -> tuple[object, ...]:
    name = f"{('Insert', 'Tête', 'Noyau', 'Élément')[number % 4]} {number} de prothèse"
    return (
        _id("derogation", number), ESTABLISHMENT_ID, "partial_revision", ("joint", "dental")[number % 2], name, maker,
        "CSP R.5211-19", True, f"Système {number % 97}", "liste en annexe", "banc", False, _RECORDED, person,
    )  # fmt: skip


def _decisions(count: int, person: UUID) -> Iterator[tuple[object, ...]]:
    """Yield twenty decisions for each: a grant, then suspensions, ends of suspensions and extensions in turn."""
    for number in range(count):
        ends_late = number % 5 == 0  # one in five is in force today
        for turn in range(DECISIONS):
            kind = "granted" if turn == 0 else _KINDS[1 + (turn - 1) % 3]
            day = _FIRST + timedelta(days=180 * turn + number % 90)
            if turn == DECISIONS - 1 and number % 100 != 0:
                kind = "extended"  # but one in a hundred, which stays suspended
            elif turn == DECISIONS - 1:
                kind = "suspended"
            sets_end = kind in {"granted", "extended"}
            until = day + timedelta(days=4000 if ends_late and turn == DECISIONS - 1 else 700) if sets_end else None
            yield (
                _id("decision", number, turn), ESTABLISHMENT_ID, _id("derogation", number), kind, day, until, day,
                f"DM-{number}-{turn}", None, "", "banc", _RECORDED + timedelta(minutes=turn), person, "Banc",
            )  # fmt: skip


def _references(count: int, person: UUID) -> Iterator[tuple[object, ...]]:
    for number in range(count):
        for turn in range(REFERENCES):
            yield (
                _id("entry", number, turn), ESTABLISHMENT_ID, _id("derogation", number), _id("decision", number, 0),
                "added", f"R-{number}-{turn:02}", f"Taille {turn}", _FIRST, "", _RECORDED, person,
            )  # fmt: skip


_TABLES = {
    "derogation": "id, establishment_id, kind, domain, designation, manufacturer_id, legal_basis,"
    " partial_revision_only, implanted_system, scope_text, source, is_fictional, recorded_at, recorded_by_id",
    "derogation_decision": "id, establishment_id, derogation_id, kind, effective_from, valid_until, decided_on,"
    " reference, patient_cap, note, source, recorded_at, recorded_by_id, recorded_by_name",
    "derogation_scope_entry": "id, establishment_id, derogation_id, decision_id, change, reference, label,"
    " effective_from, reading, recorded_at, recorded_by_id",
}


def fill(house: House, count: int) -> None:
    """Write the derogations by COPY, then their calendars as the program writes them."""
    with db.transaction(house.database, ESTABLISHMENT_ID) as session:
        makers = list(session.scalars(select(Manufacturer.id)))
    person = _id("person")
    lines = {
        "derogation": (_header(number, makers[number % len(makers)], person) for number in range(count)),
        "derogation_decision": _decisions(count, person),
        "derogation_scope_entry": _references(count, person),
    }
    address = make_url(house.settings.database_owner_url).set(drivername="postgresql")
    with psycopg.connect(address.render_as_string(hide_password=False), autocommit=True) as connection:
        for table, columns in _TABLES.items():
            with connection.cursor().copy(f"copy {table} ({columns}) from stdin") as copy:
                for line in lines[table]:
                    copy.write_row(line)
        connection.execute("vacuum analyze derogation, derogation_decision, derogation_scope_entry")
        for first in range(0, count, 500):
            with db.transaction(house.database, ESTABLISHMENT_ID) as session:
                for number in range(first, min(first + 500, count)):
                    derogations.write_calendar(session, _id("derogation", number))
        connection.execute("vacuum analyze derogation_calendar")


def _taken(house: House, make: Maker, *, seconds: float) -> tuple[Figures, Figures, Figures]:
    """Return the floor, the bare page and the page, in turns; of each the turn with the median p95."""
    page = {"Cookie": make()[3].get("Cookie", "")}
    turns = [
        (
            measure(house.floor_port, lambda: ("GET", "/read", None, {}), clients=1, seconds=seconds / TURNS),
            measure(house.port, lambda: ("GET", "/account", None, page), clients=1, seconds=seconds / TURNS),
            measure(house.port, make, clients=1, seconds=seconds / TURNS),
        )
        for _turn in range(TURNS)
    ]
    floor, bare, asked = (
        next(figure for figure in figures if figure.p95_ms == median(one.p95_ms for one in figures))
        for figures in zip(*turns, strict=True)
    )
    return floor, bare, asked


def main() -> int:
    """Fill, measure, print; 1 when the aim is missed."""
    parser = argparse.ArgumentParser(description="Measure the register at the size it is designed for.")
    parser.add_argument("--derogations", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    rows = []
    with House(rows=100) as house:
        fill(house, options.derogations)
        _token, cookies = house.csrf_token("/account")
        known = {
            "soon": (clock.paris_day(clock.utc_now()) + timedelta(days=60)).isoformat(),
            "deep": str(_id("derogation", options.derogations // 2)),
        }
        for name, address in PAGES.items():
            request = ("GET", address.format(**known), None, {"Cookie": cookies})
            warm_up(house.port, lambda request=request: request)
            floor, bare, page = _taken(house, lambda request=request: request, seconds=options.seconds)
            rows.append(
                {
                    "page": name,
                    "p50_ms": page.p50_ms,
                    "p95_ms": page.p95_ms,
                    "bare_p95_ms": bare.p95_ms,
                    "floor_p95_ms": floor.p95_ms,
                    "ratio": page.p95_ms / bare.p95_ms,
                    "statements": count_statements(house, lambda request=request: request),
                }
            )
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print("| page | p50 ms | p95 ms | bare page p95 ms | ratio | statements | floor p95 ms |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        print(
            f"| {row['page']} | {row['p50_ms']:.1f} | {row['p95_ms']:.1f} | {row['bare_p95_ms']:.1f} |"
            f" {row['ratio']:.1f} | {row['statements']} | {row['floor_p95_ms']:.1f} |"
        )
    missed = [row["page"] for row in rows if row["ratio"] > AIM]
    print("aim missed: " + ", ".join(map(str, missed)) if missed else "every aim is reached")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
