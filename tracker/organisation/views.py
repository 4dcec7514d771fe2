"""Pages of the establishment: its data, its wards, who receives which messages."""

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.errors import Conflict, InvalidInput, TraceError
from tracker.organisation import forms, queries, service
from tracker.organisation.rules import PURPOSE_LABELS

bp = Blueprint("organisation", __name__, template_folder="templates")


@bp.get("/establishment")
@http.requires(Permission.ESTABLISHMENT_MANAGE)
def show() -> Response:
    """Show the establishment, its wards and its recipients."""
    return _page()


def _page(
    *,
    form: forms.EstablishmentForm | None = None,
    ward_form: forms.WardForm | None = None,
    recipient_form: forms.RecipientForm | None = None,
    error: TraceError | None = None,
) -> Response:
    with http.transaction() as session:
        own = queries.get_establishment(session, http.current_actor().establishment_id)
        wards = queries.list_all_wards(session)
        recipients = queries.list_all_recipients(session)
    request_id = str(db.new_id())
    sent = form or ward_form or recipient_form
    form = form or forms.EstablishmentForm(formdata=None, obj=own)
    ward_form = ward_form or forms.WardForm(formdata=None, request_id=request_id)
    recipient_form = recipient_form or forms.RecipientForm(formdata=None, request_id=request_id)
    context: dict[str, object] = {
        "sent": sent,
        "ward_form": ward_form,
        "recipient_form": recipient_form,
        "wards": wards,
        "recipients": recipients,
        "purpose_words": {purpose: _(label) for purpose, label in PURPOSE_LABELS.items()},
    }
    if error is not None and sent is not None:
        for name, message in getattr(error, "fields", {}).items():
            sent[name].errors = [*sent[name].errors, http.sentence(message)]
        context |= {"error": http.error_sentence(error), "error_next": http.sentence(error.next_step)}
    page = render_template("organisation/show.html", form=form, **context)
    return make_response(page, http.status_of(error) if error else 422 if sent is not None else 200)


@bp.post("/establishment")
@http.requires(Permission.ESTABLISHMENT_MANAGE)
def change() -> Response:
    """Change the data of the establishment."""
    form = forms.EstablishmentForm()
    if not form.validate():
        return _page(form=form)
    try:
        with http.transaction() as session:
            service.change_establishment(session, data=form.entered(), actor=http.current_actor(), now=clock.utc_now())
    except InvalidInput as error:
        return _page(form=form, error=error)
    flash(_("The data of the establishment is changed."), "success")
    return redirect(url_for("organisation.show"), code=303)


@bp.post("/establishment/wards")
@http.requires(Permission.ESTABLISHMENT_MANAGE)
def add_ward() -> Response:
    """Add a ward."""
    form = forms.WardForm()
    form.is_active.data = True
    if not form.validate():
        return _page(ward_form=form)
    try:
        ward_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            added = service.add_ward(
                session, ward_id, data=form.entered(), actor=http.current_actor(), now=clock.utc_now()
            )
    except (InvalidInput, Conflict) as error:
        return _page(ward_form=form, error=error)
    flash(_("The ward %(name)s is added.", name=added.name), "success")
    return redirect(url_for("organisation.show"), code=303)


@bp.route("/establishment/wards/<uuid:ward_id>", methods=["GET", "POST"])
@http.requires(Permission.ESTABLISHMENT_MANAGE)
def ward(ward_id: UUID) -> Response:
    """Rename, close or open a ward."""
    with http.transaction() as session:
        found = queries.get_ward(session, ward_id)
    if request.method == "GET":
        form = forms.WardForm(formdata=None, obj=found)
        return make_response(render_template("organisation/ward.html", form=form, ward=found))
    form = forms.WardForm()
    if not form.validate():
        return make_response(render_template("organisation/ward.html", form=form, ward=found), 422)
    try:
        with http.transaction() as session:
            changed = service.change_ward(
                session, ward_id, data=form.entered(), actor=http.current_actor(), now=clock.utc_now()
            )
    except (InvalidInput, Conflict) as error:
        return http.rejected("organisation/ward.html", form, error, ward=found)
    flash(_("The ward %(name)s is changed.", name=changed.name), "success")
    return redirect(url_for("organisation.show"), code=303)


@bp.post("/establishment/recipients")
@http.requires(Permission.ESTABLISHMENT_MANAGE)
def add_recipient() -> Response:
    """Add an address for one purpose."""
    form = forms.RecipientForm()
    if not form.validate():
        return _page(recipient_form=form)
    try:
        recipient_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            service.add_recipient(
                session,
                recipient_id,
                purpose=form.chosen_purpose(),
                email=form.email.data or "",
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (InvalidInput, Conflict) as error:
        return _page(recipient_form=form, error=error)
    flash(_("The address is added."), "success")
    return redirect(url_for("organisation.show"), code=303)


@bp.post("/establishment/recipients/<uuid:recipient_id>/remove")
@http.requires(Permission.ESTABLISHMENT_MANAGE)
def remove_recipient(recipient_id: UUID) -> Response:
    """Send nothing more to an address."""
    with http.transaction() as session:
        service.remove_recipient(session, recipient_id, actor=http.current_actor(), now=clock.utc_now())
    flash(_("Nothing more is sent to this address."), "success")
    return redirect(url_for("organisation.show"), code=303)
