"""Pages of one unit with its life, and of what is on hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.catalogue.forms import words
from tracker.catalogue.rules import KIND_LABELS, STAYS_IN_PLACE, DeviceKind
from tracker.devices import forms, queries, rules, service
from tracker.devices.models import Hold
from tracker.devices.queries import LifeEvent, LotHoldLine, WaitingHold
from tracker.devices.rules import Event, HoldCause, NewHold, UnitState
from tracker.errors import Conflict, InvalidInput, RuleRefused, TraceError
from tracker.organisation import queries as organisation

bp = Blueprint("devices", __name__, template_folder="templates")

PAGE_LENGTH = 50
Code = TypeVar("Code", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """One line of the timeline."""

    at: datetime
    code: str
    label: str
    by: str
    detail: str


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
        photos = queries.list_photos(session, unit.id)
    rejected = hold_form is not None or release_form is not None
    page = render_template(
        "devices/unit.html",
        unit=unit,
        life=[_shown(event) for event in life],
        holds=holds,
        photos=photos,
        is_photo_missing=unit.entry_method is rules.EntryMethod.MANUAL and not photos,
        hold_reasons={hold.id: _reason(hold) for hold in holds},
        close_reasons={hold.id: _spoken(hold.close_reason or "") for hold in holds},
        causes=_words(rules.CAUSE_LABELS),
        kind=_(KIND_LABELS[unit.definition.kind]),
        is_software=unit.definition.kind is DeviceKind.SOFTWARE,
        stays_in_place=unit.definition.kind in STAYS_IN_PLACE,
        entry=_(rules.ENTRY_LABELS[unit.entry_method]),
        raw_text=_raw_text(unit.raw_scan),
        request_id=db.new_id(),
        hold_form=hold_form or forms.HoldForm(formdata=None, request_id=str(db.new_id())),
        release_form=release_form or forms.ReleaseForm(formdata=None),
        failed_release_id=failed_release_id,
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
        may_deliver=actor.can(Permission.UNIT_DELIVER) and unit.state is UnitState.RELEASED and not unit.holds,
        may_take_back=actor.can(Permission.UNIT_DELIVER) and unit.state is UnitState.DELIVERED,
        place=_("Pharmacy") if unit.state in rules.ON_HAND else _("No longer here"),
        may_take_out=actor.can(Permission.UNIT_DISPOSE) and rules.may_leave(unit.state),
        may_hold=actor.can(Permission.HOLD_OPEN) and unit.state in rules.ON_HAND,
        may_release=actor.can(Permission.HOLD_RELEASE),
        may_print=actor.can(Permission.RECEPTION_WRITE),
        may_declare=actor.can(Permission.INCIDENT_DECLARE),
        is_past=rules.is_past(unit.expiration_date, clock.paris_day(clock.utc_now())),
    )
    return make_response(page, http.status_of(error) if error else 422 if rejected else 200)


def _shown(event: LifeEvent) -> ShownEvent:
    reason = _spoken(event.reason)
    asked, received = event.details.get("requested_by"), event.details.get("received_by")
    people = (
        _("asked for by %(name)s", name=asked) if asked and event.event is Event.DELIVERY else "",
        _("brought back by %(name)s", name=asked) if asked and event.event is not Event.DELIVERY else "",
        _("received by %(name)s", name=received) if received else "",
    )
    detail = ", ".join(part for part in (event.ward_name or "", *people, reason) if part)
    return ShownEvent(event.at, event.event.value, _event_words(event), event.actor_name, detail)


def _event_words(event: LifeEvent) -> str:
    words = _(rules.EVENT_LABELS[event.event])
    return f"{words} · {_(rules.STATE_LABELS[event.state_after])}" if event.event is Event.STOCK_OUT else words


def _reason(hold: Hold | LotHoldLine | WaitingHold) -> str:
    return _spoken(hold.reason)


def _spoken(reason: str) -> str:
    return "; ".join(_(part) for part in rules.reason_parts(reason))


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
                to=form.handover(),
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


@bp.get("/holds")
@http.requires(Permission.UNIT_READ)
def holds() -> Response:
    """Show the lots that are blocked, and the units that wait for a decision, the one that waits longest first."""
    return _holds_page()


def _holds_page(
    *, form: forms.ReleaseForm | None = None, failed_id: UUID | None = None, error: TraceError | None = None
) -> Response:
    with http.transaction() as session:
        lots_before = request.args.get("lots_before", type=UUID)
        units_after = request.args.get("units_after", type=UUID)
        first_lot = queries.get_lot_hold(session, lots_before) if lots_before else None
        first_unit = queries.get_hold(session, units_after) if units_after else None
        lots = queries.list_lot_holds(session, limit=PAGE_LENGTH + 1, before=first_lot)
        units = queries.list_waiting_holds(session, limit=PAGE_LENGTH + 1, after=first_unit)
    page = render_template(
        "devices/holds.html",
        lots=lots[:PAGE_LENGTH],
        units=units[:PAGE_LENGTH],
        words=_reason,
        causes=_words(rules.CAUSE_LABELS),
        earlier_lots=_behind("lots_before", lots),
        later_units=_behind("units_after", units),
        is_first_page=not (lots_before or units_after),
        form=form or forms.ReleaseForm(formdata=None),
        failed_id=failed_id,
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
        may_release=http.current_actor().can(Permission.HOLD_RELEASE),
        may_recall=http.current_actor().can(Permission.RECALL_READ),
    )
    return make_response(page, http.status_of(error) if error else 422 if form else 200)


def _behind(name: str, found: Sequence[LotHoldLine] | Sequence[WaitingHold]) -> str | None:
    """Return the address of the page behind the first lines found, None where there is none."""
    if len(found) <= PAGE_LENGTH:
        return None
    asked: dict[str, Any] = {name: found[PAGE_LENGTH - 1].id}
    return url_for("devices.holds", **asked)


@bp.post("/lot-holds/<uuid:lot_hold_id>/release")
@http.requires(Permission.HOLD_RELEASE)
def release_lot(lot_hold_id: UUID) -> Response:
    """Lift the block on a lot, with the holds it set on units."""
    form = forms.ReleaseForm()
    with http.transaction() as session:
        lot = queries.get_lot_hold(session, lot_hold_id).lot_number
    if not form.validate():
        return _holds_page(form=form, failed_id=lot_hold_id)
    try:
        with http.transaction() as session:
            count = service.release_lot(
                session, lot_hold_id, reason=words(form.reason), actor=http.current_actor(), now=clock.utc_now()
            )
    except (Conflict, InvalidInput, RuleRefused) as error:
        return _holds_page(form=form, failed_id=lot_hold_id, error=error)
    flash(_("The lot %(lot)s is no longer blocked; holds released: %(count)s.", lot=lot, count=count), "success")
    return redirect(url_for("devices.holds"), code=303)
