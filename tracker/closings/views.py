"""Pages at the end of a delivery: its summary, its closing, the delivery that brings its rest."""

from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.arrivals import queries as arrivals
from tracker.closings import service
from tracker.reception import queries

bp = Blueprint("closings", __name__, template_folder="templates")


@bp.get("/receptions/<uuid:reception_id>/closing")
@http.requires(Permission.RECEPTION_WRITE)
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
