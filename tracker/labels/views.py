"""Pages of labels: printing, the log of every print, the papers."""

from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import format_decimal, get_locale
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.devices import queries as devices
from tracker.documents.documents import Locale, render
from tracker.errors import Conflict, InvalidInput, NotFound, RuleRefused, TraceError
from tracker.labels import forms, queries, service
from tracker.labels.documents import PrintJob, labels_data
from tracker.labels.queries import Format
from tracker.labels.rules import Layout
from tracker.labels.service import NewJob
from tracker.organisation import queries as organisation

bp = Blueprint("labels", __name__, template_folder="templates")

_PAGE_LENGTH = 100


@bp.get("/labels")
@http.requires(Permission.RECEPTION_READ)
def index() -> Response:
    """Show every printed label, newest first, of all units or of one."""
    before, number = request.args.get("before", type=UUID), request.args.get("unit", "").strip()
    lines: Sequence[queries.PrintLine] = ()
    error = ""
    with http.transaction() as session:
        try:
            sequence = devices.read_unit_number(number) if number else None
        except NotFound as unread:
            error = http.error_sentence(unread)
        else:
            lines = queries.list_prints(session, before=before, limit=_PAGE_LENGTH + 1, sequence=sequence)
    page = render_template(
        "labels/index.html",
        lines=lines[:_PAGE_LENGTH],
        older=lines[_PAGE_LENGTH - 1].id if len(lines) > _PAGE_LENGTH else None,
        is_paged=before is not None,
        number=number,
        error=error,
    )
    return make_response(page, 404 if error else 200)


@bp.route("/labels/new", methods=["GET", "POST"])
@http.requires(Permission.RECEPTION_WRITE)
def new() -> Response:
    """Show the form for several labels, with the units that the address or another page's form names."""
    form = forms.PrintForm(formdata=None, request_id=str(db.new_id()))
    form.numbers.data = "\n".join(request.values.getlist("unit"))
    return _form_page(form)


@bp.post("/labels/print")
@http.requires(Permission.RECEPTION_WRITE)
def print_several() -> Response:
    """Print labels: the answer is the PDF, or the form again with what is missing."""
    return _print(forms.PrintForm())


@bp.post("/units/<number>/label")
@http.requires(Permission.RECEPTION_WRITE)
def print_unit(number: str) -> Response:
    """Print the label of one unit on the usual paper; where it was printed before, ask for the reason."""
    typed = {"request_id": request.form.get("request_id", ""), "numbers": number}
    form = forms.PrintForm(formdata=MultiDict(typed | {"paper": request.form.get("paper", "")}))
    return _print(form)


def _form_page(form: forms.PrintForm, *, error: TraceError | None = None) -> Response:
    with http.transaction() as session:
        formats = queries.list_formats(session)
    _offer(form, formats)
    if not form.paper.data:
        form.paper.data = next(one.key for one in formats if one.is_default)
    if error is not None:
        return http.rejected("labels/new.html", form, error)
    return make_response(render_template("labels/new.html", form=form), 422 if form.errors else 200)


def _offer(form: forms.PrintForm, formats: Sequence[Format]) -> None:
    form.paper.choices = [SelectChoice(one.key, _name(one)) for one in formats]


def _name(one: Format) -> str:
    return http.sentence(one.name) if one.is_built_in else one.name


def _size(layout: Layout) -> str:
    return f"{format_decimal(layout.width_mm)} × {format_decimal(layout.height_mm)}"


def _print(form: forms.PrintForm) -> Response:
    now = clock.utc_now()
    form.paper.validate_choice = False  # an unknown paper is told by the service's own error
    if not form.validate():
        return _form_page(form)
    try:
        job_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            chosen = queries.find_format(session, form.paper.data or "")
            new_job = NewJob(form.unit_numbers(), chosen.layout, form.used_positions.data or 0, form.reason.data or "")
            job = service.print_labels(
                session, job_id, new=new_job, actor=http.current_actor(), now=now, today=clock.paris_day(now)
            )
            establishment = organisation.get_establishment(session, http.current_actor().establishment_id)
    except (InvalidInput, Conflict, RuleRefused, NotFound) as error:
        return _form_page(form, error=error)
    locale: Locale = "en" if str(get_locale()) == "en" else "fr"
    data = labels_data(job, establishment=establishment, locale=locale, generated_at=now.astimezone(clock.PARIS))
    return _pdf(render("labels/labels", data), job)


def _pdf(content: bytes, job: PrintJob) -> Response:
    answer = make_response(content)
    answer.content_type = "application/pdf"
    answer.headers["Content-Disposition"] = f'inline; filename="{job.labels[0].unit_number}.pdf"'
    return answer


@bp.get("/labels/formats")
@http.requires(Permission.RECEPTION_WRITE)
def formats() -> Response:
    """Show the papers, and the form for another one."""
    return _formats_page(forms.FormatForm(formdata=None, request_id=str(db.new_id())))


def _formats_page(form: forms.FormatForm, *, error: TraceError | None = None) -> Response:
    with http.transaction() as session:
        found = queries.list_formats(session)
    shown = [(one, _name(one), _size(one.layout)) for one in found]
    if error is not None:
        return http.rejected("labels/formats.html", form, error, formats=shown)
    page = render_template("labels/formats.html", form=form, formats=shown)
    return make_response(page, 422 if form.errors else 200)


@bp.post("/labels/formats")
@http.requires(Permission.RECEPTION_WRITE)
def add_format() -> Response:
    """Add a paper of the establishment."""
    form = forms.FormatForm()
    if not form.validate():
        return _formats_page(form)
    try:
        format_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            added = service.add_format(
                session,
                format_id,
                name=form.name.data or "",
                layout=form.layout(),
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (InvalidInput, Conflict) as error:
        return _formats_page(form, error=error)
    flash(_("The format %(name)s is kept.", name=added.name), "success")
    return redirect(url_for("labels.formats"), code=303)


@bp.post("/labels/formats/<uuid:format_id>/default")
@http.requires(Permission.RECEPTION_WRITE)
def choose_default(format_id: UUID) -> Response:
    """Make a format the usual one."""
    with http.transaction() as session:
        service.choose_default_format(session, format_id, actor=http.current_actor(), now=clock.utc_now())
    return redirect(url_for("labels.formats"), code=303)


@bp.post("/labels/formats/<uuid:format_id>/retire")
@http.requires(Permission.RECEPTION_WRITE)
def retire_format(format_id: UUID) -> Response:
    """Retire a format."""
    with http.transaction() as session:
        retired = service.retire_format(session, format_id, actor=http.current_actor(), now=clock.utc_now())
    flash(_("The format %(name)s is offered no longer.", name=retired.name), "success")
    return redirect(url_for("labels.formats"), code=303)
