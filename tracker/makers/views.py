"""The page that merges a manufacturer into another."""

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.catalogue import queries as catalogue
from tracker.catalogue.rules import NewMerge
from tracker.errors import Conflict, InvalidInput, RuleRefused
from tracker.makers import forms, queries, service

bp = Blueprint("makers", __name__, template_folder="templates")


@bp.route("/manufacturers/<uuid:manufacturer_id>/merge", methods=["GET", "POST"])
@http.requires(Permission.DEFINITION_WRITE)
def merge(manufacturer_id: UUID) -> Response:
    """Show the merges of a manufacturer, and merge it into another."""
    form = forms.MergeForm()
    with http.transaction() as session:
        manufacturer = catalogue.get_manufacturer(session, manufacturer_id)
        form.offer(catalogue.list_manufacturers(session), besides=manufacturer_id)
        page = {
            "manufacturer": manufacturer,
            "merges": catalogue.list_manufacturer_merges(session, manufacturer_id),
            "has_derogations": queries.has_derogations(session, manufacturer_id),
        }
    if not form.is_submitted():
        form.request_id.data = str(db.new_id())
    if not form.validate_on_submit():
        return make_response(render_template("makers/merge.html", form=form, **page), 422 if form.errors else 200)
    try:
        new = NewMerge(http.read_request_id(form.request_id.data), UUID(form.survivor_id.data), form.reason.data or "")
        with http.transaction() as session:
            service.merge(session, manufacturer_id, new=new, actor=http.current_actor(), now=clock.utc_now())
    except (Conflict, InvalidInput, RuleRefused) as error:
        return http.rejected("makers/merge.html", form, error, **page)
    flash(_("%(name)s is merged.", name=manufacturer.name), "success")
    return redirect(url_for("catalogue.manufacturers"), code=303)
