"""The page of one unit: what it is, everything that happened to it, what may be done with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Actor, Permission
from tracker.catalogue.forms import words
from tracker.catalogue.rules import KIND_LABELS, STAYS_IN_PLACE, DeviceKind
from tracker.chronicle import queries
from tracker.chronicle.rules import AGAIN, LABELS, Entry, Kind
from tracker.db import Session
from tracker.delivery import queries as delivery
from tracker.delivery.rules import NotCovered
from tracker.devices import forms, rules, service
from tracker.devices import queries as devices
from tracker.devices.queries import UnitView
from tracker.devices.rules import Event, HoldCause, NewHold, UnitState
from tracker.errors import Conflict, InvalidInput, RuleRefused, TraceError
from tracker.outcomes.rules import EXPLANTATION_LABELS, FAILURE_LABELS, ExplantationCause, FailureCause
from tracker.use.rules import INTERVENTION_LABELS, Intervention

bp = Blueprint("chronicle", __name__, template_folder="templates")

Code = TypeVar("Code", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """One line of the timeline."""

    at: datetime
    label: str
    code: str
    by: str
    detail: str
    href: str


@bp.get("/units/<number>")
@http.requires(Permission.UNIT_READ)
def show(number: str) -> Response:
    """Show one unit with its whole life."""
    return _unit_page(number)


def _unit_page(
    number: str,
    *,
    hold_form: forms.HoldForm | None = None,
    release_form: forms.ReleaseForm | None = None,
    failed_release_id: UUID | None = None,
    error: TraceError | None = None,
) -> Response:
    actor = http.current_actor()
    with http.transaction() as session:
        unit = devices.get_unit(session, number)
        known = queries.chronicle_of(session, unit, actor=actor)
        uncovered = _find_uncovered(session, unit)
    rejected = hold_form is not None or release_form is not None
    page = render_template(
        "chronicle/show.html",
        unit=unit,
        life=[_shown(entry, actor) for entry in known.entries],
        is_whole=actor.can(Permission.USE_READ) and actor.can(Permission.INCIDENT_READ),
        holds=known.holds,
        photos=known.photos,
        is_photo_missing=unit.entry_method is rules.EntryMethod.MANUAL and not known.photos,
        hold_reasons={hold.id: _spoken(hold.reason) for hold in known.holds},
        close_reasons={hold.id: _spoken(hold.close_reason or "") for hold in known.holds},
        request_id=db.new_id(),
        hold_form=hold_form or forms.HoldForm(formdata=None, request_id=str(db.new_id())),
        release_form=release_form or forms.ReleaseForm(formdata=None),
        failed_release_id=failed_release_id,
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
        uncovered=http.error_sentence(uncovered) if uncovered else "",
        uncovered_next=http.sentence(uncovered.next_step) if uncovered else "",
        **_what_it_is(unit),
        **_what_may_be_done(unit, actor, is_covered=uncovered is None),
    )
    return make_response(page, http.status_of(error) if error else 422 if rejected else 200)


def _find_uncovered(session: Session, unit: UnitView) -> NotCovered | None:
    """Return what the register says today against a unit that nothing else keeps from its use."""
    is_asked = unit.state in rules.USABLE
    return delivery.find_refusal(session, unit, today=clock.paris_day(clock.utc_now())) if is_asked else None


def _what_it_is(unit: UnitView) -> dict[str, Any]:
    return {
        "causes": _words(rules.CAUSE_LABELS),
        "kind": _(KIND_LABELS[unit.definition.kind]),
        "is_software": unit.definition.kind is DeviceKind.SOFTWARE,
        "stays_in_place": unit.definition.kind in STAYS_IN_PLACE,
        "entry": _(rules.ENTRY_LABELS[unit.entry_method]),
        "raw_text": _raw_text(unit.raw_scan),
        "place": _("Pharmacy") if unit.state in rules.ON_HAND else _("No longer here"),
        "is_past": rules.is_past(unit.expiration_date, clock.paris_day(clock.utc_now())),
    }


def _what_may_be_done(unit: UnitView, actor: Actor, *, is_covered: bool) -> dict[str, bool]:
    may_go = unit.state is UnitState.RELEASED and not unit.holds and is_covered
    return {
        "may_deliver": actor.can(Permission.UNIT_DELIVER) and may_go,
        "may_take_back": actor.can(Permission.UNIT_DELIVER) and unit.state is UnitState.DELIVERED,
        "may_take_out": actor.can(Permission.UNIT_DISPOSE) and rules.may_leave(unit.state),
        "may_hold": actor.can(Permission.HOLD_OPEN) and unit.state in rules.ON_HAND,
        "may_release": actor.can(Permission.HOLD_RELEASE),
        "may_print": actor.can(Permission.RECEPTION_WRITE),
        "may_declare": actor.can(Permission.INCIDENT_DECLARE),
    }


def _words(labels: Mapping[Code, str]) -> dict[str, str]:
    return {code.value: _(label) for code, label in labels.items()}


def _spoken(reason: str) -> str:
    return "; ".join(_(part) for part in rules.reason_parts(reason))


def _raw_text(raw: bytes | None) -> str:
    """Return a scan as a page can show it: group separators visible, nothing unprintable."""
    text = (raw or b"").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\u2039GS\u203a" if c == "\x1d" else "\ufffd" for c in text)


def _shown(entry: Entry, actor: Actor) -> ShownEntry:
    code = entry.data.get("event", "")
    return ShownEntry(entry.at, _label(entry), code, entry.by, _detail(entry), _address(entry, actor))


def _label(entry: Entry) -> str:
    words_of = dict(entry.data)
    if entry.kind is Kind.MOVEMENT:
        return _event_words(Event(words_of["event"]), UnitState(words_of["state"]))
    if entry.kind is Kind.USE:
        words_of["intervention"] = _(INTERVENTION_LABELS[Intervention(words_of["intervention"])])
    return str(_(AGAIN if words_of.get("reprint") else LABELS[entry.kind])) % words_of


def _event_words(event: Event, state_after: UnitState) -> str:
    said = str(_(rules.EVENT_LABELS[event]))
    return f"{said} · {_(rules.STATE_LABELS[state_after])}" if event is Event.STOCK_OUT else said


def _detail(entry: Entry) -> str:
    data = entry.data
    parts = [
        data.get("supplier", ""),
        data.get("note", ""),
        data.get("ward") or (_("Pharmacy") if entry.kind is Kind.COUNT else ""),
        *_people(data),
        _("on %(day)s", day=http.written_day(date.fromisoformat(data["on"]))) if data.get("on") else "",
        _("operator: %(name)s", name=data["operator"]) if data.get("operator") else "",
        _(rules.CAUSE_LABELS[HoldCause(data["cause"])]) if data.get("cause") else "",
        _(FAILURE_LABELS[FailureCause(data["failure"])]) if data.get("failure") else "",
        _(EXPLANTATION_LABELS[ExplantationCause(data["explantation"])]) if data.get("explantation") else "",
        _spoken(data.get("reason", "")),
    ]
    return ", ".join(part for part in parts if part)


def _people(data: Mapping[str, str]) -> tuple[str, ...]:
    asked, received = data.get("requested_by"), data.get("received_by")
    is_delivery = data.get("event") == Event.DELIVERY
    return (
        _("asked for by %(name)s", name=asked) if asked and is_delivery else "",
        _("brought back by %(name)s", name=asked) if asked and not is_delivery else "",
        _("received by %(name)s", name=received) if received else "",
    )


_FOLLOWED: Mapping[Kind, tuple[str, str, Permission]] = {
    Kind.TRAY: ("unidentified.show", "item_id", Permission.RECEPTION_READ),
    Kind.ARRIVAL: ("reception.show", "reception_id", Permission.RECEPTION_READ),
    Kind.COUNT: ("stocktaking.show", "count_id", Permission.COUNT_READ),
    Kind.PHOTO: ("documents.show", "document_id", Permission.DEROGATION_READ),
    Kind.USE: ("outcomes.show_use", "use_id", Permission.USE_READ),
    Kind.CORRECTION: ("outcomes.show_use", "use_id", Permission.USE_READ),
    Kind.FAILURE: ("outcomes.show_failure", "failure_id", Permission.USE_READ),
    Kind.FAILURE_CORRECTION: ("outcomes.show_failure", "failure_id", Permission.USE_READ),
    Kind.EXPLANTATION_CORRECTION: ("outcomes.show_use", "use_id", Permission.USE_READ),
    Kind.EXPLANTATION: ("outcomes.show_use", "use_id", Permission.USE_READ),
    Kind.INCIDENT: ("vigilance.show", "incident_id", Permission.INCIDENT_READ),
}
"""Page to which an entry can be followed, the variable that its address takes, and who may open it."""


def _address(entry: Entry, actor: Actor) -> str:
    """Return where an entry can be followed to, empty where nowhere."""
    endpoint, variable, permission = _FOLLOWED.get(entry.kind, ("", "", Permission.UNIT_READ))
    if not endpoint or not actor.can(permission):
        return ""
    place: dict[str, Any] = {variable: entry.source_id}
    return url_for(endpoint, **place)


@bp.post("/units/<number>/holds")
@http.requires(Permission.HOLD_OPEN)
def open_hold(number: str) -> Response:
    """Block a unit."""
    form = forms.HoldForm()
    if not form.validate():
        return _unit_page(number, hold_form=form)
    hold = NewHold(HoldCause.PHARMACIST, words(form.reason), f"person:{http.current_actor().id}")
    try:
        with http.transaction() as session:
            service.open_hold(
                session,
                http.read_request_id(form.request_id.data),
                number=number,
                hold=hold,
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (Conflict, InvalidInput, RuleRefused) as error:
        return _unit_page(number, hold_form=form, error=error)
    flash(_("The unit %(number)s is on hold.", number=number), "success")
    return redirect(url_for("chronicle.show", number=number), code=303)


@bp.post("/units/<number>/holds/<uuid:hold_id>/release")
@http.requires(Permission.HOLD_RELEASE)
def release_hold(number: str, hold_id: UUID) -> Response:
    """Release one hold of a unit."""
    form = forms.ReleaseForm()
    if not form.validate():
        return _unit_page(number, release_form=form, failed_release_id=hold_id)
    reason = words(form.reason)
    try:
        with http.transaction() as session:
            state = service.release_hold(
                session, hold_id, reason=reason, actor=http.current_actor(), now=clock.utc_now()
            )
    except (Conflict, InvalidInput, RuleRefused) as error:
        return _unit_page(number, release_form=form, failed_release_id=hold_id, error=error)
    word = _(rules.STATE_LABELS[state])
    flash(_("The hold is released. The unit %(number)s is now: %(state)s.", number=number, state=word), "success")
    return redirect(url_for("chronicle.show", number=number), code=303)
