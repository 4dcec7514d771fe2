"""Pages of the whole register: its list, and the same derogations drawn over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import pgettext
from werkzeug.wrappers import Response

from tracker import clock, http
from tracker.actor import Permission
from tracker.catalogue import queries as catalogue
from tracker.charts import Span
from tracker.derogations.forms import DOMAIN_LABELS, KIND_LABELS, STATUS_LABELS
from tracker.derogations.queries import DerogationStanding
from tracker.derogations.rules import DerogationKind, DerogationStatus, Domain
from tracker.errors import N_, InvalidInput
from tracker.register import queries
from tracker.register.queries import Life, RegisterFilters

bp = Blueprint("register", __name__, template_folder="templates")

_PAGE_LENGTH = 50
_MARGIN = timedelta(days=30)
ENDING_SOON = timedelta(days=90)
"""How long before its end a bar is marked: time to ask the company and to postpone an operation [design]."""
_DRAWN = {
    DerogationStatus.IN_FORCE,
    DerogationStatus.SUSPENDED,
    DerogationStatus.END_UNKNOWN,
}
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Picture:
    """The derogations of a page of the register over time."""

    bars: tuple[Span, ...]
    first: date
    last: date
    today: date


@bp.get("/derogations")
@http.requires(Permission.DEROGATION_READ)
def index() -> Response:
    """Show the register, narrowed to what was asked for."""
    return make_response(render_template("register/index.html", **_page(with_lives=False)))


@bp.get("/derogations/timeline")
@http.requires(Permission.DEROGATION_READ)
def timeline() -> Response:
    """Draw the same page of the register over time."""
    return make_response(render_template("register/timeline.html", **_page(with_lives=True)))


def _page(*, with_lives: bool) -> Mapping[str, object]:
    filters = _filters()
    now = clock.utc_now()
    today = clock.paris_day(now)
    after = _uuid("after")
    asked = filters if filters.ends_by is None else replace(filters, status=DerogationStatus.IN_FORCE)
    with http.transaction() as session:
        page = queries.list_derogations(
            session, filters=asked, day=today, known_at=now, after=after, limit=_PAGE_LENGTH
        )
        companies = catalogue.list_manufacturers(session)
        lives = queries.list_lives(session, [found.id for found in page.standings]) if with_lives else {}
    return {
        "standings": page.standings,
        "filters": filters,
        "is_narrowed": filters != RegisterFilters(),
        "companies": companies,
        "kinds": [(code.value, _(word)) for code, word in KIND_LABELS.items()],
        "domains": [(code.value, _(word)) for code, word in DOMAIN_LABELS.items()],
        "statuses": [(code.value, pgettext("derogation", word)) for code, word in STATUS_LABELS.items()],
        "asked": {name: value for name, value in request.args.items() if name != "after" and value},
        "next_page": _next_page(page.next_after),
        "is_first": after is None,
        "picture": _picture(page.standings, lives, today) if with_lives else None,
        "may_write": http.current_actor().can(Permission.DEROGATION_WRITE),
    }


def _filters() -> RegisterFilters:
    return RegisterFilters(
        text=request.args.get("q", "").replace("\0", "").strip(),
        kind=_code(DerogationKind, "kind"),
        domain=_code(Domain, "domain"),
        manufacturer_id=_uuid("company"),
        status=_code(DerogationStatus, "status"),
        ends_by=_day("ends_by"),
    )


def _picture(standings: Sequence[DerogationStanding], lives: Mapping[UUID, Life], today: date) -> Picture:
    """Return the picture of what was ever in force or suspended, the next end first."""
    bars = [bar for found in standings if (bar := _bar(found, lives[found.id], today)).stretches]
    days = [today, *(day for bar in bars for day in (bar.starts_on, bar.ends_on) if day)]
    bars.sort(key=lambda bar: (bar.ends_on is None or bar.ends_on < today, bar.ends_on or today, bar.label))
    return Picture(tuple(bars), min(days) - _MARGIN, max(days) + _MARGIN, today)


def _bar(found: DerogationStanding, life: Life, today: date) -> Span:
    drawn = [stretch for stretch in life.stretches if stretch.status in _DRAWN]
    if drawn and drawn[-1].ends_on is None and drawn[-1].status is DerogationStatus.SUSPENDED and found.valid_until:
        drawn[-1] = replace(drawn[-1], ends_on=max(found.valid_until, today))  # it would last until it is lifted
    end = found.valid_until if found.status is DerogationStatus.IN_FORCE else None
    return Span(
        label=found.designation,
        href=url_for("decisions.show", derogation_id=found.id),
        status=found.status.value,
        stretches=tuple(drawn),
        extended_on=life.extended_on,
        starts_on=drawn[0].starts_on if drawn else None,
        ends_on=drawn[-1].ends_on if drawn else None,
        warns_from=end - ENDING_SOON if end else None,
        is_ending=end is not None and end - ENDING_SOON <= today,
    )


def _next_page(after: UUID | None) -> str | None:
    following = {**request.args.to_dict(), "after": str(after)}
    return f"{url_for(request.endpoint or 'register.index')}?{urlencode(following)}" if after else None


def _code(codes: type[E], name: str) -> E | None:
    """Return a code of the address, None where there is none.

    Raises:
        InvalidInput: it is not one of the codes.
    """
    value = request.args.get(name, "")
    try:
        return codes(value) if value else None
    except ValueError as error:
        raise InvalidInput(N_("This address asks for something the register does not know.")) from error


def _uuid(name: str) -> UUID | None:
    value = request.args.get(name, "")
    return http.read_request_id(value) if value else None


def _day(name: str) -> date | None:
    """Return a day of the address, None where there is none.

    Raises:
        InvalidInput: it is not a date.
    """
    value = request.args.get(name, "")
    try:
        return date.fromisoformat(value) if value else None
    except ValueError as error:
        raise InvalidInput(
            N_("This is not a date."), fields={name: N_("Write it as 2024-07-26.")}, next_step=N_("Choose a date.")
        ) from error
