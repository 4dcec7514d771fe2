"""The rows of the picture of derogations over time: what is drawn, what is said beside it, and that all is escaped."""

import re
from collections.abc import Callable
from datetime import date

import pytest
from flask import Flask
from flask_babel import Babel
from markupsafe import Markup

from tracker import charts
from tracker.charts import Span

FIRST, LAST, TODAY = date(2025, 1, 1), date(2026, 12, 31), date(2026, 1, 1)
LENGTH = (LAST - FIRST).days
Draw = Callable[..., str]


@pytest.fixture
def draw() -> Draw:
    """Drawer of one bar."""
    app = Flask("charts")
    Babel(app)
    charts.install(app, day_writer=lambda: date.isoformat)
    rows = app.jinja_env.globals["piece_span_rows"]

    def drawn(span: Span, today: date = TODAY) -> str:
        with app.test_request_context():
            return str(rows([span], first=FIRST, last=LAST, today=today, badge=Markup("<b>{}</b>").format))

    return drawn


def span(starts_on: date | None = date(2025, 1, 1), ends_on: date | None = date(2026, 12, 30), **more: object) -> Span:
    return Span("SCORE", starts_on, ends_on, **{"status": "in_force", **more})  # type: ignore[arg-type]


def placed(drawn: str, kind: str) -> list[tuple[float, float]]:
    """Return where the rectangles of a kind begin and how wide they are, in hundredths."""
    found = re.findall(rf'<rect class="chart-{kind}" x="([0-9.]+)%" width="([0-9.]+)%"', drawn)
    return [(float(x), float(width)) for x, width in found]


def test_a_bar_lies_where_its_days_are_and_says_them(draw: Draw) -> None:
    drawn = draw(span(ends_on=date(2025, 12, 31)))

    assert placed(drawn, "accepted") == [(0.0, round(100 * 365 / LENGTH, 2))]
    assert '<time datetime="2025-01-01">2025-01-01</time> → <time datetime="2025-12-31">2025-12-31</time>' in drawn
    assert "<b>in_force</b>" in drawn


def test_an_open_end_goes_to_the_edge_and_is_said(draw: Draw) -> None:
    drawn = draw(span(None, None, status="end_unknown"))

    assert placed(drawn, "quarantined") == [(0.0, 100.0)]
    assert "not recorded" in drawn
    assert "no known end" in drawn


def test_days_outside_the_picture_are_cut_at_its_edges(draw: Draw) -> None:
    assert placed(draw(span(date(2020, 1, 1), date(2030, 1, 1))), "accepted") == [(0.0, 100.0)]
    assert placed(draw(span(date(2030, 1, 1), date(2030, 2, 1))), "accepted") == [(100.0, 0.0)]


def test_suspensions_extensions_and_a_near_end_are_drawn_and_said(draw: Draw) -> None:
    suspended = span(date(2025, 3, 1), date(2025, 3, 31), status="suspended")
    still = span(date(2026, 6, 1), None, status="suspended")
    drawn = draw(
        span(
            stretches=(suspended, still),
            extended_on=(date(2025, 6, 1), date(2025, 9, 1)),
            warns_from=date(2026, 10, 1),
            is_ending=True,
        )
    )

    assert len(placed(drawn, "quarantined")) == 2
    assert len(placed(drawn, "warning")) == 1
    assert drawn.count('class="chart-extension"') == 2
    assert "Extended 2 times, on 2025-06-01, 2025-09-01." in drawn
    assert "Suspended from 2025-03-01 to 2025-03-31." in drawn
    assert "Suspended from 2026-06-01." in drawn
    assert "<strong>It ends soon.</strong>" in drawn


@pytest.mark.parametrize("status", ["ended", "withdrawn", "refused", "a new one"])
def test_a_status_that_allows_nothing_is_red(draw: Draw, status: str) -> None:
    assert len(placed(draw(span(status=status)), "refused")) == 1


def test_today_is_drawn_only_where_the_picture_has_it(draw: Draw) -> None:
    assert 'class="chart-today"' in draw(span())
    assert 'class="chart-today"' not in draw(span(), today=date(2027, 1, 1))
    assert draw(span()).count('class="chart-year"') == 1


def test_names_and_addresses_are_escaped(draw: Draw) -> None:
    hostile = '"><script>alert(1)</script>'

    drawn = draw(Span(hostile, None, None, "ended", href=hostile))

    assert "<script>" not in drawn
    assert drawn.count("&#34;&gt;&lt;script&gt;") == 2
    assert "<a " not in draw(span())
