"""What is measured, and how it is told: each figure beside the floor of the same moments."""

import itertools
import json
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, event, select

from benchmarks.client import Figures, Request, measure, warm_up
from benchmarks.fill import lot_of
from benchmarks.house import House
from tracker import commands, db, demonstration
from tracker.app import create_app
from tracker.arrivals.models import Reception

TURNS = 3
"""Each action is measured in turns with its floor; the median turn counts."""

Maker = Callable[[], Request]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing people wait for."""

    name: str
    floor: str
    """``read`` or ``write``."""
    make: Maker


def actions(house: House) -> list[Action]:
    """Return what is measured: each act by page and by API."""
    api = {"Authorization": f"Bearer {house.token}", "Content-Type": "application/json"}
    reception_id = _open_reception(house)
    token, cookies = house.csrf_token(f"/receptions/{reception_id}")
    form = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded", "X-Fragment": "1"}
    page = {"Cookie": cookies}
    lot = lot_of(house.rows // 2)
    scan = scan_of("1-020163C")
    lots, without_lot = itertools.count(), scan_of("1-020163C", lot="")

    def box() -> str:
        return f"{without_lot}B{next(lots)}"  # its own lot: boxes of one lot wait for each other, as they must

    deep = f"/units?before={max(house.rows - 999 * 50, house.rows // 2)}"  # of fewer rows, the middle

    def json_body(**values: object) -> bytes:
        return json.dumps(values).encode()

    def form_body(**values: str) -> bytes:
        return urllib.parse.urlencode({"csrf_token": token, **values}).encode()

    lines = f"/receptions/{reception_id}/lines"
    return [
        Action("verdict, API", "read", lambda: ("POST", "/api/v1/scans", json_body(text=scan), api)),
        Action("receive, API", "write",
               lambda: ("POST", f"/api/v1{lines}", json_body(id=str(db.new_id()), text=box()), api)),
        Action("recall, API", "read", lambda: ("GET", f"/api/v1/recalls?lot={lot}", None, api)),
        Action("stock, API", "read", lambda: ("GET", "/api/v1/units", None, api)),
        Action("verdict, page", "read", lambda: ("POST", "/scan", form_body(raw=scan), form)),
        Action("receive, page", "write",
               lambda: ("POST", lines, form_body(raw=box(), request_id=str(db.new_id())), form)),
        Action("recall, page", "read", lambda: ("GET", f"/recall?lot={lot}", None, page)),
        Action("stock, page", "read", lambda: ("GET", "/units", None, page)),
        Action("stock, 1000th page", "read", lambda: ("GET", deep, None, page)),
        Action("stock, search by lot", "read", lambda: ("GET", f"/units?q={lot}", None, page)),
    ]  # fmt: skip


def scan_of(reference: str, *, lot: str = "A1") -> str:
    """Return what a scanner sends for a box of a reference of the demonstration: GS1 Data Matrix."""
    definitions = commands.demonstration_content()["definitions"]
    gtin = next(one["udi_di"] for one in definitions if one["reference"] == reference)
    return f"]d201{gtin}1735123110{lot}"


def _open_reception(house: House) -> str:
    app = create_app(house.settings, house.database)
    with app.test_client(use_cookies=False) as client:
        answer = client.post(
            "/api/v1/receptions",
            json={"id": str(db.new_id()), "supplier": "Banc", "delivery_note": "BL-1"},
            headers={"Authorization": f"Bearer {house.token}"},
        )
        assert answer.status_code in {200, 201}, answer.get_data(as_text=True)
    with db.transaction(house.database, demonstration.ESTABLISHMENT_ID) as session:
        return str(session.scalars(select(Reception.id)).one())


def count_statements(house: House, make: Maker) -> int:
    """Return how many SQL statements an action takes, log-in and row-level security setting not counted."""
    seen: list[str] = []

    def listen(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    app = create_app(house.settings, house.database)
    engines = (house.database.engine, house.database.reading_engine)
    method, path, body, headers = make()
    with app.test_client(use_cookies=False) as client:
        for engine in engines:
            event.listen(engine, "before_cursor_execute", listen)
        answer = client.open(path, method=method, data=body, headers=headers)
        for engine in engines:
            event.remove(engine, "before_cursor_execute", listen)
        assert answer.status_code in {200, 201}, answer.get_data(as_text=True)[:500]
    counted = [text for text in seen if "set_config" not in text and "token_hash" not in text]
    return len(counted)


def measure_all(house: House, *, clients: list[int], seconds: float) -> list[dict[str, Any]]:
    """Measure every action at every number of connections, in turns with its floor."""
    floors: dict[str, Maker] = {
        "read": lambda: ("GET", "/read", None, {}),
        "write": lambda: ("POST", "/write", None, {}),
    }
    rows = []
    for action in actions(house):
        statements = count_statements(house, action.make)
        warm_up(house.port, action.make)
        for count in clients:
            turns = [
                (
                    measure(house.floor_port, floors[action.floor], clients=count, seconds=seconds / TURNS),
                    measure(house.port, action.make, clients=count, seconds=seconds / TURNS),
                )
                for _turn in range(TURNS)
            ]
            rows.append(_row(action, stored=house.rows, clients=count, statements=statements, turns=turns))
            print(json.dumps(rows[-1]), flush=True)
    return rows


def _row(
    action: Action, *, stored: int, clients: int, statements: int, turns: list[tuple[Figures, Figures]]
) -> dict[str, Any]:
    ordered = sorted(turns, key=lambda turn: turn[1].p50_ms / turn[0].p50_ms)
    floor, own = ordered[len(ordered) // 2]
    return {
        "action": action.name,
        "rows": stored,
        "clients": clients,
        "p50_ms": round(own.p50_ms, 2),
        "p95_ms": round(own.p95_ms, 2),
        "p99_ms": round(own.p99_ms, 2),
        "per_s": round(own.per_second, 1),
        "statements": statements,
        "floor_p50_ms": round(floor.p50_ms, 2),
        "ratio": round(own.p50_ms / floor.p50_ms, 2),
    }


def as_table(figures: list[dict[str, Any]]) -> str:
    """Return the figures as a table in Markdown."""
    names = ["action", "rows", "clients", "p50_ms", "p95_ms", "p99_ms", "per_s", "statements", "floor_p50_ms", "ratio"]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(str(row[name]) for name in names) + " |" for row in figures]
    return "\n".join(lines)
