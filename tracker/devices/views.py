"""Pages of the stock and of one unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from scanners.udi.unit import is_unit_label
from tracker import clock, db, http
from tracker.actor import Permission
from tracker.catalogue.forms import one_line, words
from tracker.catalogue.rules import KIND_LABELS
from tracker.devices import forms, queries, rules, service
from tracker.devices.models import Hold
from tracker.devices.queries import LifeEvent, UnitFilters
from tracker.devices.rules import HoldCause, NewHold, UnitState
from tracker.errors import Conflict, InvalidInput, RuleRefused, TraceError
from tracker.organisation import queries as organisation

bp = Blueprint("devices", __name__, template_folder="templates")

PAGE_LENGTH = 50
_HIGHEST_SEQUENCE = 10**9
Code = TypeVar("Code", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """One line of the timeline."""

    at: datetime
    code: str
    label: str
    by: str
    detail: str


@bp.get("/units")
@http.requires(Permission.UNIT_READ)
def index() -> Response:
    """Show the stock, newest first; a scanned unit label leads straight to its unit."""
    text = one_line(request.args.get("q"))[:200]
    if is_unit_label(text):
        return redirect(url_for("devices.show", number=text.upper()), code=303)
    state = request.args.get("state", "")
    filters = UnitFilters(text=text, state=UnitState(state) if state in set(UnitState) else None)
    before = request.args.get("before", type=int)
    with http.transaction() as session:
        units = queries.list_units(session, before=_sequence(before), limit=PAGE_LENGTH + 1, filters=filters)
    shown = units[:PAGE_LENGTH]
    page = render_template(
        "devices/index.html",
        units=shown,
        filters=filters,
        states=_words(rules.STATE_LABELS),
        older=_stock_address(filters, before=shown[-1].sequence) if len(units) > PAGE_LENGTH else None,
        newest=_stock_address(filters, before=None) if before is not None else None,
        may_receive=http.current_actor().can(Permission.RECEPTION_WRITE),
    )
    return make_response(page)


def _sequence(before: int | None) -> int | None:
    return None if before is None else max(0, min(before, _HIGHEST_SEQUENCE))


def _stock_address(filters: UnitFilters, *, before: int | None) -> str:
    return url_for("devices.index", q=filters.text or None, state=filters.state, before=before)


def _words(labels: Mapping[Code, str]) -> dict[str, str]:
    return {code.value: _(label) for code, label in labels.items()}


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
        unit = queries.get_unit(session, number)
        life = queries.life_of(session, unit.id)
        holds = queries.list_holds(session, unit.id)
    rejected = hold_form is not None or release_form is not None
    page = render_template(
        "devices/unit.html",
        unit=unit,
        life=[_shown(event) for event in life],
        holds=holds,
        hold_reasons={hold.id: _reason(hold) for hold in holds},
        causes=_words(rules.CAUSE_LABELS),
        kind=_(KIND_LABELS[unit.definition.kind]),
        entry=_(rules.ENTRY_LABELS[unit.entry_method]),
        raw_text=_raw_text(unit.raw_scan),
        request_id=db.new_id(),
        hold_form=hold_form or forms.HoldForm(formdata=None, request_id=str(db.new_id())),
        release_form=release_form or forms.ReleaseForm(formdata=None),
        failed_release_id=failed_release_id,
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
        may_deliver=actor.can(Permission.UNIT_DELIVER) and unit.state is UnitState.RELEASED and not unit.holds,
        may_hold=actor.can(Permission.HOLD_OPEN) and unit.state in rules.ON_HAND,
        may_release=actor.can(Permission.HOLD_RELEASE),
        may_print=actor.can(Permission.RECEPTION_WRITE),
        may_declare=actor.can(Permission.INCIDENT_DECLARE),
        is_past=rules.is_past(unit.expiration_date, clock.paris_day(clock.utc_now())),
    )
    return make_response(page, http.status_of(error) if error else 422 if rejected else 200)


def _shown(event: LifeEvent) -> ShownEvent:
    reason = "; ".join(_(part) for part in rules.reason_parts(event.reason))
    detail = ", ".join(part for part in (event.ward_name or "", reason) if part)
    return ShownEvent(event.at, event.event.value, _(rules.EVENT_LABELS[event.event]), event.actor_name, detail)


def _reason(hold: Hold) -> str:
    return "; ".join(_(part) for part in rules.reason_parts(hold.reason))


def _raw_text(raw: bytes | None) -> str:
    """Return a scan as a page can show it: group separators visible, nothing unprintable."""
    text = (raw or b"").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\u2039GS\u203a" if c == "\x1d" else "\ufffd" for c in text)


@bp.get("/units/<number>/deliver")
@http.requires(Permission.UNIT_DELIVER)
def deliver(number: str) -> Response:
    """Ask to which ward a unit goes."""
    return _deliver_page(number, forms.DeliverForm(formdata=None, request_id=str(db.new_id())))


def _deliver_page(number: str, form: forms.DeliverForm, *, error: TraceError | None = None) -> Response:
    with http.transaction() as session:
        unit = queries.get_unit(session, number)
        form.offer(organisation.list_wards(session))
    if error is not None:
        return http.rejected("devices/deliver.html", form, error, unit=unit)
    status = 422 if form.errors else 200
    return make_response(render_template("devices/deliver.html", form=form, unit=unit), status)


@bp.post("/units/<number>/deliver")
@http.requires(Permission.UNIT_DELIVER)
def deliver_now(number: str) -> Response:
    """Deliver a unit to a ward."""
    form, now = forms.DeliverForm(), clock.utc_now()
    with http.transaction() as session:
        form.offer(organisation.list_wards(session))
    if not form.validate():
        return _deliver_page(number, form)
    try:
        with http.transaction() as session:
            service.deliver_unit(
                session,
                number,
                ward_id=UUID(form.ward.data),
                requested_by=one_line(form.requested_by.data),
                movement_id=http.read_request_id(form.request_id.data),
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except (Conflict, InvalidInput, RuleRefused) as error:
        return _deliver_page(number, form, error=error)
    flash(_("The unit %(number)s is delivered.", number=number), "success")
    return redirect(url_for("devices.show", number=number), code=303)


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
    return redirect(url_for("devices.show", number=number), code=303)


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
    return redirect(url_for("devices.show", number=number), code=303)
