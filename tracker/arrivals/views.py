"""Pages of deliveries: open one, close it, keep with it what a clinician wrote."""

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.arrivals import forms, queries, service
from tracker.derogations import queries as derogations
from tracker.errors import Conflict, InvalidInput

bp = Blueprint("arrivals", __name__, template_folder="templates")


@bp.route("/receptions/new", methods=["GET", "POST"], endpoint="open")
@http.requires(Permission.RECEPTION_WRITE)
def open_reception() -> Response:
    """Open a delivery, then go to its bench."""
    form = forms.ReceptionForm()
    if request.method == "GET":
        form.request_id.data = str(db.new_id())
        return make_response(render_template("arrivals/open.html", form=form))
    if not form.validate():
        return make_response(render_template("arrivals/open.html", form=form), 422)
    try:
        with http.transaction() as session:
            opened = service.open_reception(
                session,
                http.read_request_id(form.request_id.data),
                new=form.new(),
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (Conflict, InvalidInput) as error:
        return http.rejected("arrivals/open.html", form, error)
    return redirect(url_for("reception.show", reception_id=opened.id), code=303)


@bp.post("/receptions/<uuid:reception_id>/close")
@http.requires(Permission.RECEPTION_WRITE)
def close(reception_id: UUID) -> Response:
    """Close a delivery."""
    with http.transaction() as session:
        closed = service.close_reception(session, reception_id, actor=http.current_actor(), now=clock.utc_now())
    flash(_("The delivery %(number)s is closed.", number=closed.number), "success")
    return redirect(url_for("reception.show", reception_id=reception_id), code=303)


@bp.route("/receptions/<uuid:reception_id>/reasons", methods=["GET", "POST"])
@http.requires(Permission.RECEPTION_WRITE)
def reasons(reception_id: UUID) -> Response:
    """Show and keep the written reasons with which clinicians ordered under a global derogation."""
    form = forms.ReasonForm()
    with http.transaction() as session:
        reception = queries.get_reception(session, reception_id)
        kept = queries.list_reasons(session, reception_id)
        form.offer(derogations.list_global(session))
        names = derogations.designations(session, [one.derogation_id for one in kept])
    shown = {"reception": reception, "reasons": kept, "names": names}
    if request.method == "GET":
        form.request_id.data = str(db.new_id())
        form.derogation.data = request.args.get("derogation", "")
        return make_response(render_template("arrivals/reasons.html", form=form, **shown))
    if not form.validate():
        return make_response(render_template("arrivals/reasons.html", form=form, **shown), 422)
    try:
        with http.transaction() as session:
            service.record_reason(
                session,
                http.read_request_id(form.request_id.data),
                reception_id=reception_id,
                new=form.new(),
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (Conflict, InvalidInput) as error:
        return http.rejected("arrivals/reasons.html", form, error, **shown)
    flash(_("The reason is kept. Units that waited for it can be released on their page."), "success")
    return redirect(url_for("reception.show", reception_id=reception_id), code=303)
