"""Pages of what leaves the stock: one unit, and the destructions that wait for a second person."""

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.catalogue.forms import words
from tracker.devices import queries as devices
from tracker.devices.rules import STATE_LABELS
from tracker.dispositions import forms, queries, rules, service
from tracker.errors import Conflict, InvalidInput, RuleRefused, TraceError

bp = Blueprint("dispositions", __name__, template_folder="templates")

PAGE_LENGTH = 50


@bp.route("/units/<number>/disposition", methods=["GET", "POST"])
@http.requires(Permission.UNIT_DISPOSE)
def choose(number: str) -> Response:
    """Ask what becomes of a unit, and record it."""
    form = forms.DispositionForm()
    with http.transaction() as session:
        unit = devices.get_unit(session, number)
    if request.method == "GET":
        form.request_id.data = str(db.new_id())
        form.offer(unit.state)
        return make_response(render_template("dispositions/choose.html", form=form, unit=unit))
    if not form.validate():  # against every kind: a request sent again is asked of a unit that has left
        form.offer(unit.state)
        return make_response(render_template("dispositions/choose.html", form=form, unit=unit), 422)
    new = form.new()
    try:
        with http.transaction() as session:
            state = service.dispose(
                session,
                http.read_request_id(form.request_id.data),
                number=number,
                new=new,
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (Conflict, InvalidInput, RuleRefused) as error:
        form.offer(unit.state)
        return http.rejected("dispositions/choose.html", form, error, unit=unit)
    if new.kind is rules.Disposition.DESTRUCTION:
        flash(_("The destruction of %(number)s waits for a second person.", number=unit.number), "success")
        return redirect(url_for("dispositions.destructions"), code=303)
    flash(_("%(number)s: %(state)s.", number=unit.number, state=_(STATE_LABELS[state])), "success")
    return redirect(url_for("chronicle.show", number=unit.number), code=303)


@bp.get("/destructions")
@http.requires(Permission.UNIT_READ)
def destructions() -> Response:
    """Show the destructions asked for, those that wait and those that are done."""
    return _destructions()


def _destructions(
    *, form: forms.WithdrawForm | None = None, failed_id: UUID | None = None, error: TraceError | None = None
) -> Response:
    actor = http.current_actor()
    with http.transaction() as session:
        asked = request.args.get("before", type=UUID)
        before = queries.get_destruction(session, asked) if asked else None
        found = queries.list_destructions(session, limit=PAGE_LENGTH + 1, before=before)
    shown = found[:PAGE_LENGTH]
    page = render_template(
        "dispositions/destructions.html",
        destructions=shown,
        own={one.id for one in shown if one.requested_by_id == actor.id},
        confirmed=rules.CONFIRMED,
        form=form or forms.WithdrawForm(formdata=None),
        failed_id=failed_id,
        older=url_for("dispositions.destructions", before=shown[-1].id) if len(found) > PAGE_LENGTH else None,
        newest=url_for("dispositions.destructions") if before else None,
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
        may_dispose=actor.can(Permission.UNIT_DISPOSE),
    )
    return make_response(page, http.status_of(error) if error else 422 if form else 200)


@bp.post("/destructions/<uuid:destruction_id>/confirm")
@http.requires(Permission.UNIT_DISPOSE)
def confirm(destruction_id: UUID) -> Response:
    """Confirm a destruction as the second person."""
    try:
        with http.transaction() as session:
            service.confirm_destruction(session, destruction_id, actor=http.current_actor(), now=clock.utc_now())
    except (Conflict, RuleRefused) as error:
        return _destructions(error=error)
    flash(_("The destruction is confirmed."), "success")
    return redirect(url_for("dispositions.destructions"), code=303)


@bp.post("/destructions/<uuid:destruction_id>/withdraw")
@http.requires(Permission.UNIT_DISPOSE)
def withdraw(destruction_id: UUID) -> Response:
    """Take back a request for a destruction."""
    form = forms.WithdrawForm()
    with http.transaction() as session:
        queries.get_destruction(session, destruction_id)
    if not form.validate():
        return _destructions(form=form, failed_id=destruction_id)
    try:
        with http.transaction() as session:
            service.withdraw_destruction(
                session, destruction_id, reason=words(form.reason), actor=http.current_actor(), now=clock.utc_now()
            )
    except (Conflict, InvalidInput, RuleRefused) as error:
        return _destructions(form=form, failed_id=destruction_id, error=error)
    flash(_("The request is taken back. The unit stays as it is."), "success")
    return redirect(url_for("dispositions.destructions"), code=303)
