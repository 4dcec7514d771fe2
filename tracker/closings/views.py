"""Pages at the end of a delivery: its summary, its closing, the delivery of its rest, what goes back unused."""

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.arrivals import queries as arrivals
from tracker.arrivals.rules import OWNERSHIP_LABELS
from tracker.closings import queries as closings
from tracker.closings import service
from tracker.devices.rules import UnitState
from tracker.errors import Conflict, InvalidInput, RuleRefused, TraceError
from tracker.reception import queries

bp = Blueprint("closings", __name__, template_folder="templates")


@bp.get("/receptions/<uuid:reception_id>/closing")
@http.requires(Permission.RECEPTION_READ)
def show(reception_id: UUID) -> Response:
    """Show what came of a delivery against what was announced, and what can be done next."""
    with http.transaction() as session:
        reception = arrivals.get_reception(session, reception_id)
        state = arrivals.state_of_delivery(session, reception)
        rest = arrivals.find_rest(session, reception_id)
        earlier = arrivals.get_reception(session, reception.rest_of_id) if reception.rest_of_id else None
        tally = queries.find_tally(session, reception_id)
    page = render_template(
        "closings/show.html",
        reception=reception,
        state=state.value,
        tally=tally,
        rest=rest,
        earlier=earlier,
        request_id=db.new_id(),
    )
    return make_response(page)


@bp.post("/receptions/<uuid:reception_id>/rest")
@http.requires(Permission.RECEPTION_WRITE)
def open_rest(reception_id: UUID) -> Response:
    """Open the delivery that brings the rest, then go to its bench."""
    with http.transaction() as session:
        rest = service.open_rest(
            session,
            http.read_request_id(request.form.get("request_id")),
            reception_id=reception_id,
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
    return redirect(url_for("reception.show", reception_id=rest.id), code=303)


@bp.get("/receptions/<uuid:reception_id>/unused")
@http.requires(Permission.RECEPTION_READ)
def unused(reception_id: UUID) -> Response:
    """Show what of a delivery is unused and may go back, and what went back: the list to print."""
    return _unused_page(reception_id)


def _unused_page(reception_id: UUID, error: TraceError | None = None) -> Response:
    with http.transaction() as session:
        reception = arrivals.get_reception(session, reception_id)
        units = closings.list_unused(session, reception_id)
    page = render_template(
        "closings/unused.html",
        reception=reception,
        ownership=OWNERSHIP_LABELS[reception.ownership],
        here=[one for one in units if one.state is not UnitState.RETURNED],
        gone=[one for one in units if one.state is UnitState.RETURNED],
        chosen=request.form.getlist("unit") if error else [],
        reason=request.form.get("reason", ""),
        request_id=db.new_id(),
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
    )
    return make_response(page, http.status_of(error) if error else 200)


@bp.post("/receptions/<uuid:reception_id>/returns")
@http.requires(Permission.UNIT_DISPOSE)
def return_units(reception_id: UUID) -> Response:
    """Send the ticked units back to the supplier, all or none."""
    numbers = request.form.getlist("unit")
    try:
        with http.transaction() as session:
            service.return_units(
                session,
                http.read_request_id(request.form.get("request_id")),
                reception_id=reception_id,
                numbers=numbers,
                reason=request.form.get("reason", ""),
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (Conflict, InvalidInput, RuleRefused) as error:
        return _unused_page(reception_id, error)
    flash(_("Units gone back: %(count)s. Print this list for the parcel.", count=len(set(numbers))), "success")
    return redirect(url_for("closings.unused", reception_id=reception_id), code=303)
