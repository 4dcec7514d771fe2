"""The page of everything that happened to one unit."""

from dataclasses import dataclass
from datetime import date, datetime

from flask import Blueprint, make_response, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import http
from tracker.actor import Permission
from tracker.chronicle import queries
from tracker.chronicle.rules import AGAIN, LABELS, Entry, Kind
from tracker.devices import queries as devices
from tracker.devices.rules import CAUSE_LABELS, EVENT_LABELS, Event, HoldCause, reason_parts
from tracker.use.rules import INTERVENTION_LABELS, Intervention

bp = Blueprint("chronicle", __name__, template_folder="templates")


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """One line of the timeline."""

    at: datetime
    label: str
    code: str
    by: str
    detail: str
    href: str


@bp.get("/units/<number>/life")
@http.requires(Permission.UNIT_READ)
def show(number: str) -> Response:
    """Show everything that happened to one unit, oldest first."""
    actor = http.current_actor()
    with http.transaction() as session:
        unit = devices.get_unit(session, number)
        entries = queries.chronicle_of(session, unit, actor=actor)
    page = render_template(
        "chronicle/show.html",
        unit=unit,
        entries=[_shown(entry) for entry in entries],
        is_whole=actor.can(Permission.USE_READ) and actor.can(Permission.INCIDENT_READ),
    )
    return make_response(page)


def _shown(entry: Entry) -> ShownEntry:
    return ShownEntry(entry.at, _label(entry), entry.data.get("event", ""), entry.by, _detail(entry), _address(entry))


def _label(entry: Entry) -> str:
    words = dict(entry.data)
    if entry.kind is Kind.MOVEMENT:
        return str(_(EVENT_LABELS[Event(words["event"])]))
    if entry.kind is Kind.USE:
        words["intervention"] = _(INTERVENTION_LABELS[Intervention(words["intervention"])])
    return str(_(AGAIN if words.get("reprint") else LABELS[entry.kind])) % words


def _detail(entry: Entry) -> str:
    data = entry.data
    parts = [
        data.get("ward", ""),
        _("on %(day)s", day=http.written_day(date.fromisoformat(data["on"]))) if data.get("on") else "",
        _("operator: %(name)s", name=data["operator"]) if data.get("operator") else "",
        _(CAUSE_LABELS[HoldCause(data["cause"])]) if data.get("cause") else "",
        *[_(part) for part in reason_parts(data.get("reason", ""))],
    ]
    return ", ".join(part for part in parts if part)


def _address(entry: Entry) -> str:
    """Return where an entry can be followed to, empty where nowhere."""
    if entry.kind is Kind.USE:
        return url_for("use.show", use_id=entry.source_id)
    if entry.kind is Kind.INCIDENT:
        return url_for("vigilance.show", incident_id=entry.source_id)
    return url_for("documents.show", document_id=entry.source_id) if entry.kind is Kind.PHOTO else ""
