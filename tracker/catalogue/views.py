"""Pages of the catalogue: definitions and manufacturers."""

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.catalogue import forms, queries, service
from tracker.catalogue.rules import KIND_LABELS
from tracker.errors import Conflict, InvalidInput, RuleRefused, TraceError

bp = Blueprint("catalogue", __name__, template_folder="templates")

PAGE_LENGTH = 50


@bp.get("/definitions")
@http.requires(Permission.UNIT_READ)
def definitions() -> Response:
    """Show the catalogue, by reference."""
    text = forms.one_line(request.args.get("q"))[:200]
    with http.transaction() as session:
        after = request.args.get("after", type=UUID)
        last = queries.get_definition(session, after) if after else None
        found = queries.list_definitions(session, after=last, limit=PAGE_LENGTH + 1, text=text)
        shown = found[:PAGE_LENGTH]
        codes = queries.list_identifiers(session, [one.id for one in shown])
    more = len(found) > PAGE_LENGTH
    page = render_template(
        "catalogue/definitions.html",
        definitions=shown,
        codes=codes,
        text=text,
        kinds={kind.value: _(label) for kind, label in KIND_LABELS.items()},
        following=url_for("catalogue.definitions", q=text or None, after=shown[-1].id) if more else None,
        first=url_for("catalogue.definitions", q=text or None) if last else None,
        may_write=http.current_actor().can(Permission.DEFINITION_WRITE),
    )
    return make_response(page)


@bp.get("/definitions/new")
@http.requires(Permission.DEFINITION_WRITE)
def new_definition() -> Response:
    """Ask for a new device of the catalogue."""
    form = forms.DefinitionForm(
        formdata=None,
        request_id=str(db.new_id()),
        manufacturer=request.args.get("manufacturer", ""),
        reference=forms.one_line(request.args.get("reference"))[:100],
        udi_di=forms.one_line(request.args.get("udi_di"))[:100],
    )
    return _definition_page(form)


def _definition_page(form: forms.DefinitionForm, *, error: TraceError | None = None) -> Response:
    with http.transaction() as session:
        form.offer(queries.list_manufacturers(session))
    if error is not None:
        return http.rejected("catalogue/definition_new.html", form, error)
    return make_response(render_template("catalogue/definition_new.html", form=form), 422 if form.errors else 200)


@bp.post("/definitions/new")
@http.requires(Permission.DEFINITION_WRITE)
def create_definition() -> Response:
    """Add a device to the catalogue."""
    form, now = forms.DefinitionForm(), clock.utc_now()
    with http.transaction() as session:
        form.offer(queries.list_manufacturers(session))
    if not form.validate():
        return _definition_page(form)
    try:
        new = form.new(today=clock.paris_day(now))
        with http.transaction() as session:
            service.create_definition(
                session,
                http.read_request_id(form.request_id.data),
                new=new,
                actor=http.current_actor(),
                now=now,
            )
    except (Conflict, InvalidInput, RuleRefused) as error:
        return _definition_page(form, error=error)
    flash(_("%(reference)s is in the catalogue.", reference=new.reference), "success")
    return redirect(url_for("catalogue.definitions", q=new.reference), code=303)


@bp.get("/manufacturers")
@http.requires(Permission.UNIT_READ)
def manufacturers() -> Response:
    """Show the manufacturers."""
    with http.transaction() as session:
        found = queries.list_manufacturers(session)
    may_write = http.current_actor().can(Permission.DEFINITION_WRITE)
    return make_response(render_template("catalogue/manufacturers.html", manufacturers=found, may_write=may_write))


@bp.get("/manufacturers/new")
@http.requires(Permission.DEFINITION_WRITE)
def new_manufacturer() -> Response:
    """Ask for a new manufacturer."""
    form = forms.ManufacturerForm(formdata=None, request_id=str(db.new_id()))
    return make_response(render_template("catalogue/manufacturer_new.html", form=form))


@bp.post("/manufacturers/new")
@http.requires(Permission.DEFINITION_WRITE)
def create_manufacturer() -> Response:
    """Add a manufacturer, then go on with its first device."""
    form = forms.ManufacturerForm()
    if not form.validate():
        return make_response(render_template("catalogue/manufacturer_new.html", form=form), 422)
    try:
        with http.transaction() as session:
            made = service.create_manufacturer(
                session,
                http.read_request_id(form.request_id.data),
                new=form.new(),
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (Conflict, InvalidInput, RuleRefused) as error:
        return http.rejected("catalogue/manufacturer_new.html", form, error)
    flash(_("%(name)s is recorded.", name=made.name), "success")
    return redirect(url_for("catalogue.new_definition", manufacturer=made.id), code=303)


@bp.get("/manufacturers/<uuid:manufacturer_id>")
@http.requires(Permission.DEFINITION_WRITE)
def show_manufacturer(manufacturer_id: UUID) -> Response:
    """Show what is known of a manufacturer, to correct it."""
    with http.transaction() as session:
        known = queries.get_manufacturer(session, manufacturer_id)
    form = forms.ManufacturerForm(formdata=None, obj=known)
    return make_response(render_template("catalogue/manufacturer.html", form=form, manufacturer=known))


@bp.post("/manufacturers/<uuid:manufacturer_id>")
@http.requires(Permission.DEFINITION_WRITE)
def change_manufacturer(manufacturer_id: UUID) -> Response:
    """Correct what is known of a manufacturer; its name stays."""
    form = forms.ManufacturerForm()
    with http.transaction() as session:
        known = queries.get_manufacturer(session, manufacturer_id)
    form.name.data = known.name
    if not form.validate():
        return make_response(render_template("catalogue/manufacturer.html", form=form, manufacturer=known), 422)
    with http.transaction() as session:
        service.change_manufacturer(
            session, manufacturer_id, new=form.new(), actor=http.current_actor(), now=clock.utc_now()
        )
    flash(_("%(name)s is recorded.", name=known.name), "success")
    return redirect(url_for("catalogue.manufacturers"), code=303)
