"""The page of what is blocked: lots, and units that wait for a decision."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, http
from tracker.actor import Permission
from tracker.catalogue.forms import words
from tracker.devices import forms, rules
from tracker.devices.models import Hold
from tracker.errors import Conflict, InvalidInput, RuleRefused, TraceError
from tracker.lots import queries, service
from tracker.lots.queries import LotHoldLine, WaitingHold

bp = Blueprint("lots", __name__, template_folder="templates")

PAGE_LENGTH = 50
Code = TypeVar("Code", bound=StrEnum)


def _words(labels: Mapping[Code, str]) -> dict[str, str]:
    return {code.value: _(label) for code, label in labels.items()}


def _reason(hold: Hold | LotHoldLine | WaitingHold) -> str:
    return _spoken(hold.reason)


def _spoken(reason: str) -> str:
    return "; ".join(_(part) for part in rules.reason_parts(reason))


@bp.get("/holds")
@http.requires(Permission.UNIT_READ)
def index() -> Response:
    """Show the lots that are blocked, and the units that wait for a decision, the one that waits longest first."""
    return _page()


def _page(
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
        "lots/index.html",
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
    return url_for("lots.index", **asked)


@bp.post("/lot-holds/<uuid:lot_hold_id>/release")
@http.requires(Permission.HOLD_RELEASE)
def release(lot_hold_id: UUID) -> Response:
    """Lift the block on a lot, with the holds it set on units."""
    form = forms.ReleaseForm()
    with http.transaction() as session:
        lot = queries.get_lot_hold(session, lot_hold_id).lot_number
    if not form.validate():
        return _page(form=form, failed_id=lot_hold_id)
    try:
        with http.transaction() as session:
            count = service.release_lot(
                session, lot_hold_id, reason=words(form.reason), actor=http.current_actor(), now=clock.utc_now()
            )
    except (Conflict, InvalidInput, RuleRefused) as error:
        return _page(form=form, failed_id=lot_hold_id, error=error)
    flash(_("The lot %(lot)s is no longer blocked; holds released: %(count)s.", lot=lot, count=count), "success")
    return redirect(url_for("lots.index"), code=303)
