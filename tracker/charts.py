"""The picture of derogations over time, drawn in Python: fifty bars are two thousand lines and rectangles.

It belongs to the visual language (docs/visual-language.md) and is used through ``templates/macros/charts.html``; as a
Jinja macro it took two thirds of the time of its page (docs/decisions/0020).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Protocol

from flask import Flask
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup, escape

_TONES = {
    "in_force": "accepted",
    "not_yet": "inform",
    "suspended": "quarantined",
    "end_unknown": "quarantined",
    "unknown": "neutral",
}
"""Colour of a stretch by the status of a derogation; the others are red."""


class Stretch(Protocol):
    """Days of one status, first and last included."""

    @property
    def starts_on(self) -> date | None:
        """None where it has no beginning."""
        ...

    @property
    def ends_on(self) -> date | None:
        """None where it has no known end."""
        ...

    @property
    def status(self) -> str:
        """Code of a derogation's status."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """One bar: a derogation from its first day to its last, itself a stretch of its present status."""

    label: str
    starts_on: date | None
    ends_on: date | None
    """Last day drawn; None where no end is known."""
    status: str
    href: str = ""
    stretches: Sequence[Stretch] = ()
    """What the bar is made of; where there are none, of itself."""
    extended_on: Sequence[date] = ()
    warns_from: date | None = None
    """Day from which its end is near; None where it does not run, or has no end."""
    is_ending: bool = False
    """Today is such a day."""


@dataclass(frozen=True, slots=True)
class _Words:
    """What is said beside every bar, translated once for the picture: nothing is told by colour alone."""

    badge: Callable[[str], str]
    day: Callable[[date], str]
    no_start: str
    no_end: str
    suspended: str
    suspended_since: str
    ends_soon: str

    def of(self, span: Span) -> str:
        starts, ends = self._time(span.starts_on, self.no_start), self._time(span.ends_on, self.no_end)
        return " ".join([f"{starts} → {ends} {self.badge(span.status)}", *self._changes(span)])

    def _time(self, on: date | None, missing: str) -> str:
        if on is None:
            return f'<span class="muted">{missing}</span>'
        return f'<time datetime="{on.isoformat()}">{self.day(on)}</time>'

    def _changes(self, span: Span) -> Iterator[str]:
        if span.extended_on:
            days = ", ".join(map(self.day, span.extended_on))
            count = len(span.extended_on)
            yield ngettext("Extended on %(days)s.", "Extended %(num)s times, on %(days)s.", count, days=days)
        for stretch in span.stretches:
            if stretch.status == "suspended":
                text = self.suspended if stretch.ends_on else self.suspended_since
                yield text % {"first": self._day(stretch.starts_on), "last": self._day(stretch.ends_on)}
        if span.is_ending:
            yield f"<strong>{self.ends_soon}</strong>"

    def _day(self, on: date | None) -> str:
        return self.day(on) if on else ""


@dataclass(frozen=True, slots=True)
class _Picture:
    """The days between two edges, in hundredths of the width."""

    first: date
    last: date
    today: date

    def share(self, days: int) -> float:
        return round(100 * days / self._length, 2)

    def place(self, on: date) -> float:
        return self.share((on - self.first).days)

    def frame(self) -> tuple[str, str]:
        """Return what lies below and above every bar: the beginnings of the years, and today."""
        years = (date(year, 1, 1) for year in range(self.first.year + 1, self.last.year + 1))
        below = "".join(_line("year", self.place(on)) for on in years)
        return below, _line("today", self.place(self.today)) if self.first <= self.today <= self.last else ""

    def bar(self, span: Span) -> str:
        """Draw the stretches, the days when the end is near, and a stroke for each extension."""
        drawn = [self._stretch(stretch) for stretch in span.stretches or (span,)]
        if span.warns_from and span.ends_on:
            near = max((span.warns_from - self.first).days, 0)
            width = self.share(max((span.ends_on - self.first).days + 1 - near, 0))
            drawn.append(f'<rect class="chart-warning" x="{self.share(near)}%" width="{width}%" y="80%" height="20%"/>')
        drawn += [_line("extension", self.place(on), y=("10%", "90%")) for on in span.extended_on]
        return "".join(drawn)

    def _stretch(self, stretch: Stretch) -> str:
        start = self._within((stretch.starts_on - self.first).days) if stretch.starts_on else 0
        end = self._within((stretch.ends_on - self.first).days + 1) if stretch.ends_on else self._length
        tone, width = _TONES.get(stretch.status, "refused"), self.share(max(end - start, 0))
        return f'<rect class="chart-{tone}" x="{self.share(start)}%" width="{width}%" y="25%" height="50%" rx="2"/>'

    def _within(self, days: int) -> int:
        return min(max(days, 0), self._length)

    @property
    def _length(self) -> int:
        return max((self.last - self.first).days, 1)


def _line(kind: str, x: float, *, y: tuple[str, str] = ("0", "100%")) -> str:
    return f'<line class="chart-{kind}" x1="{x}%" x2="{x}%" y1="{y[0]}" y2="{y[1]}"/>'


def _label(span: Span) -> str:
    return f'<a href="{escape(span.href)}">{escape(span.label)}</a>' if span.href else escape(span.label)


def install(app: Flask, *, day_writer: Callable[[], Callable[[date], str]]) -> None:
    """Give an application's templates the rows of the picture.

    Args:
        app: the application.
        day_writer: returns what writes days in the reader's language; asked once for each picture.
    """

    def span_rows(
        spans: Iterable[Span], *, first: date, last: date, today: date, badge: Callable[[str], str]
    ) -> Markup:
        words = _Words(
            badge=cache(badge),
            day=day_writer(),
            no_start=_("not recorded"),
            no_end=_("no known end"),
            suspended=_("Suspended from %(first)s to %(last)s."),
            suspended_since=_("Suspended from %(first)s."),
            ends_soon=_("It ends soon."),
        )
        picture = _Picture(first, last, today)
        below, above = picture.frame()
        rows = (
            f'<tr role="row"><th scope="row" role="rowheader">{_label(span)}</th>'
            f'<td role="cell"><div class="chart-cell"><span class="chart-value">{words.of(span)}</span>'
            f'<svg class="chart-track" aria-hidden="true" focusable="false">{below}{picture.bar(span)}{above}</svg>'
            "</div></td></tr>"
            for span in spans
        )
        return Markup("".join(rows))  # noqa: S704 - made here of our own markup and texts, and of escaped values

    app.jinja_env.globals.update(piece_span_rows=span_rows)
