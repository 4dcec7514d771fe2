"""Pages of one unit that goes to a ward, and of what is on hold."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.catalogue.forms import words
from tracker.devices import forms, queries, rules, service
from tracker.devices.models import Hold
from tracker.devices.queries import LotHoldLine, WaitingHold
from tracker.errors import Conflict, InvalidInput, RuleRefused, TraceError
from tracker.organisation import queries as organisation

bp = Blueprint("devices", __name__, template_folder="templates")

PAGE_LENGTH = 50
Code = TypeVar("Code", bound=StrEnum)


def _words(labels: Mapping[Code, str]) -> dict[str, str]:
    return {code.value: _(label) for code, label in labels.items()}


def _reason(hold: Hold | LotHoldLine | WaitingHold) -> str:
    return _spoken(hold.reason)


def _spoken(reason: str) -> str:
    return "; ".join(_(part) for part in rules.reason_parts(reason))


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
    return redirect(url_for("chronicle.show", number=number), code=303)


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
