"""Pages of the catalogue: definitions and manufacturers."""

from collections.abc import Iterator, Mapping
from io import BytesIO
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, send_file, url_for
from flask import Response as FileAnswer
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.catalogue import forms, queries, service
from tracker.catalogue.documents import CSV_TYPE, XLSX_TYPE, Cell, csv_lines, write_xlsx
from tracker.catalogue.rules import KIND_LABELS, NewMerge
from tracker.errors import N_, Conflict, InvalidInput, RuleRefused, TraceError

bp = Blueprint("catalogue", __name__, template_folder="templates")

PAGE_LENGTH = 50
EXPORT_COLUMNS = (
    "manufacturer",
    "reference",
    "designation",
    "kind",
    "brand",
    "size",
    "udi_di",
    "expected_lifetime",
    "follow_up",
)
_EXPORTED = ("manufacturer_name", *EXPORT_COLUMNS[1:6], "udi_dis", *EXPORT_COLUMNS[7:])
FIELD_LABELS: Mapping[str, str] = {
    "manufacturer": N_("Manufacturer"),
    "designation": N_("Designation"),
    "kind": N_("Kind"),
    "brand": N_("Brand"),
    "size": N_("Size"),
    "udi_di": N_("UDI-DI"),
    "expected_lifetime": N_("Expected lifetime"),
    "follow_up": N_("Particular medical follow-up"),
}


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
        designation=forms.one_line(request.args.get("designation"))[:300],
        back=request.args.get("back", ""),
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
    listed = url_for("catalogue.definitions", q=new.reference)
    return redirect(http.safe_next(form.back.data or listed), code=303)


@bp.get("/definitions/<uuid:definition_id>")
@http.requires(Permission.UNIT_READ)
def show(definition_id: UUID) -> Response:
    """Show one device of the catalogue, its codes, what was corrected and what was merged into it."""
    return _show(definition_id)


def _show(
    definition_id: UUID,
    *,
    change_form: forms.ChangeForm | None = None,
    merge_form: forms.MergeForm | None = None,
    error: TraceError | None = None,
) -> Response:
    with http.transaction() as session:
        definition = queries.get_definition(session, definition_id)
        found = queries.find_definition(session, definition_id)
        codes = queries.list_identifiers(session, [definition_id]).get(definition_id, [])
        changes = queries.list_changes(session, definition_id)
        merges = queries.list_merges(session, definition_id)
    may_write = http.current_actor().can(Permission.DEFINITION_WRITE)
    form = change_form or forms.ChangeForm(formdata=None, obj=definition, udi_di="", kind=definition.kind.value)
    page = render_template(
        "catalogue/show.html",
        definition=definition,
        found=found,
        codes=codes,
        changes=changes,
        merges=merges,
        fields={name: _(label) for name, label in FIELD_LABELS.items()},
        kind=_(KIND_LABELS[definition.kind]),
        form=form,
        merge_form=merge_form or forms.MergeForm(formdata=None, request_id=str(db.new_id())),
        may_write=may_write and definition.merged_into_id is None,
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
    )
    return make_response(page, http.status_of(error) if error else 422 if change_form or merge_form else 200)


@bp.post("/definitions/<uuid:definition_id>")
@http.requires(Permission.DEFINITION_WRITE)
def change_definition(definition_id: UUID) -> Response:
    """Correct what is known of a device; its manufacturer and reference stay."""
    form, now = forms.ChangeForm(), clock.utc_now()
    if not form.validate():
        return _show(definition_id, change_form=form)
    try:
        with http.transaction() as session:
            service.change_definition(
                session,
                definition_id,
                facts=form.facts(),
                udi_dis=forms.read_udi_dis(form.udi_di.data, today=clock.paris_day(now)),
                actor=http.current_actor(),
                now=now,
            )
    except InvalidInput as error:
        return _show(definition_id, change_form=form, error=error)
    flash(_("The correction is recorded."), "success")
    return redirect(url_for("catalogue.show", definition_id=definition_id), code=303)


@bp.post("/definitions/<uuid:definition_id>/merge")
@http.requires(Permission.DEFINITION_WRITE)
def merge(definition_id: UUID) -> Response:
    """Merge a device into another: its codes find the other from now on."""
    form = forms.MergeForm()
    with http.transaction() as session:
        queries.get_definition(session, definition_id)
        named = queries.find_definitions(session, udi_di=None, reference=forms.one_line(form.survivor.data))
    others = [one for one in named if one.id != definition_id]
    form.offer(others)
    chosen = form.survivor_id.data or (str(others[0].id) if len(others) == 1 else "")
    if not form.validate() or not chosen:
        if form.survivor.data and not others:
            form.survivor.errors = [_("No other device has this reference.")]
        elif len(others) > 1 and not chosen:
            form.survivor_id.errors = [_("Choose the manufacturer.")]
        return _show(definition_id, merge_form=form)
    try:
        new = NewMerge(http.read_request_id(form.request_id.data), UUID(chosen), forms.words(form.reason))
        with http.transaction() as session:
            service.merge_definition(session, definition_id, new=new, actor=http.current_actor(), now=clock.utc_now())
    except (Conflict, InvalidInput, RuleRefused) as error:
        return _show(definition_id, merge_form=form, error=error)
    flash(_("The two devices are merged."), "success")
    return redirect(url_for("catalogue.show", definition_id=new.survivor_id), code=303)


@bp.get("/definitions/export.csv")
@http.requires(Permission.UNIT_READ)
def export_csv() -> Response:
    """Send the catalogue as CSV, line by line while it is read; an import takes the same columns."""
    answer = FileAnswer(csv_lines(EXPORT_COLUMNS, _rows()), content_type=CSV_TYPE)
    answer.headers["Content-Disposition"] = f"attachment; filename={_('catalogue')}.csv"
    return answer


@bp.get("/definitions/export.xlsx")
@http.requires(Permission.UNIT_READ)
def export_xlsx() -> Response:
    """Send the catalogue as a spreadsheet."""
    file = BytesIO()
    write_xlsx(file, EXPORT_COLUMNS, _rows())
    file.seek(0)
    return send_file(file, mimetype=XLSX_TYPE, as_attachment=True, download_name=f"{_('catalogue')}.xlsx")


def _rows() -> Iterator[list[Cell]]:
    database, establishment_id = http.database(), http.current_actor().establishment_id

    def rows() -> Iterator[list[Cell]]:
        with db.transaction(database, establishment_id) as session:
            for one in queries.walk_catalogue(session):
                yield [str(getattr(one, name)) for name in _EXPORTED]

    return rows()


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
