"""Scans of a bench whose person is no longer logged in, and of nights on which the clocks change."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import func, select

from tests.hospital import ALICE, HOSPITAL_A
from tests.stock import GTIN
from tests.web.conftest import Person
from tracker import db
from tracker.reception.models import ReceptionLine

LogIn = Callable[[object], Person]
LABEL = f"]d201{GTIN}1740013110A1"


def lines(database: db.Database) -> int:
    with db.transaction(database, HOSPITAL_A) as session:
        return session.scalar(select(func.count()).select_from(ReceptionLine)) or 0


def test_a_scan_after_the_log_out_writes_nothing_and_the_same_one_is_taken_after_the_next_log_in(
    person: LogIn, database: db.Database, bench: UUID
) -> None:
    alice, scan = person(ALICE), {"raw": LABEL, "request_id": str(db.new_id())}
    alice.get(f"/receptions/{bench}")
    alice.post("/logout")

    by_script, by_form = (
        alice.fragment(f"/receptions/{bench}/lines", scan),
        alice.post(f"/receptions/{bench}/lines", scan),
    )
    written = lines(database)
    again = [person(ALICE).fragment(f"/receptions/{bench}/lines", scan) for _again in range(2)]

    for answer in (by_script, by_form):
        assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/login")
        assert "<article" not in answer.text
    assert written == 0
    assert [answer.status_code for answer in again] == [200, 200]
    assert lines(database) == 1


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (datetime(2026, 10, 25, 0, 50, tzinfo=UTC), "25/10/2026 02:50 UTC+02:00"),
        (datetime(2026, 10, 25, 1, 10, tzinfo=UTC), "25/10/2026 02:10 UTC+01:00"),
        (datetime(2026, 10, 25, 2, 0, tzinfo=UTC), "25/10/2026 03:00"),
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "29/03/2026 01:59"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "29/03/2026 03:00"),
    ],
)
def test_an_hour_that_the_clocks_show_twice_says_which_of_the_two(app: Flask, at: datetime, shown: str) -> None:
    with app.test_request_context(), force_locale("fr"):
        written = app.jinja_env.filters["instant"](at)

    assert written == shown
