"""Pages of the imports of the catalogue: send, look, confirm, follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.catalogue.rules import KIND_LABELS
from tracker.errors import N_, InvalidInput
from tracker.imports import forms, queries, rules, service
from tracker.imports.models import CatalogueImport

bp = Blueprint("imports", __name__, template_folder="templates")

PAGE_LENGTH = 20
SHOWN_LINES = 10
SHOWN_ERRORS = 100


@dataclass(frozen=True, slots=True)
class ShownError:
    """A rejected line, in words."""

    line: int
    words: str


@bp.get("/catalogue/imports")
@http.requires(Permission.DEFINITION_WRITE)
def index() -> Response:
    """Show the imports, and ask for a file."""
    form = forms.ImportForm(formdata=None, request_id=str(db.new_id()))
    with http.transaction() as session:
        asked = request.args.get("before", type=UUID)
        before = queries.get_import(session, asked) if asked else None
        found = queries.list_imports(session, limit=PAGE_LENGTH + 1, before=before)
    page = render_template(
        "imports/index.html",
        form=form,
        imports=found[:PAGE_LENGTH],
        older=url_for("imports.index", before=found[PAGE_LENGTH - 1].id) if len(found) > PAGE_LENGTH else None,
        newest=url_for("imports.index") if before else None,
    )
    return make_response(page)


class FileMissing(InvalidInput):
    """No file was chosen."""

    code = "import-file-missing"


@bp.post("/catalogue/imports")
@http.requires(Permission.DEFINITION_WRITE)
def send() -> Response:
    """Keep a file that can be read, then show what it says."""
    form, now = forms.ImportForm(), clock.utc_now()
    try:
        content, filename = _read_file()
        with http.transaction() as session:
            sent = service.send_file(
                session,
                http.read_request_id(form.request_id.data),
                filename=filename,
                content=content,
                actor=http.current_actor(),
                now=now,
            )
    except InvalidInput as error:
        form.request_id.data = str(db.new_id())
        return http.rejected("imports/index.html", form, error, imports=(), older=None, newest=None)
    return redirect(url_for("imports.show", import_id=sent.id), code=303)


def _read_file() -> tuple[bytes, str]:
    """Return the file that was sent.

    Raises:
        FileMissing: none was.
    """
    file = request.files.get("file")
    if file is None or not file.filename:
        raise FileMissing(N_("Choose a file first."), fields={"file": N_("Choose a file first.")})
    return file.read(), file.filename


@bp.get("/catalogue/imports/<uuid:import_id>")
@http.requires(Permission.DEFINITION_WRITE)
def show(import_id: UUID) -> Response:
    """Show what a file says before it is confirmed, afterwards how far it is; the page's script gets that alone."""
    with http.transaction() as session:
        state = queries.get_import(session, import_id)
        content = queries.read_content(session, import_id) if state.confirmed_at is None else b""
    if http.wants_fragment():
        return make_response(_progress(state))
    found = service.preview(content, today=clock.paris_day(state.sent_at)) if content else None
    page = render_template(
        "imports/show.html",
        state=state,
        found=found,
        lines=found.lines[:SHOWN_LINES] if found else (),
        errors=_worded(found.errors) if found else (),
        kinds={kind: _(label) for kind, label in KIND_LABELS.items()},
        progress=_progress(state) if state.confirmed_at else "",
    )
    return make_response(page)


def _progress(state: CatalogueImport) -> str:
    stored = [rules.LineError(one["line"], one["code"], one["data"]) for one in state.errors]
    return render_template("imports/_progress.html", state=state, errors=_worded(stored))


def _worded(errors: list[rules.LineError] | tuple[rules.LineError, ...]) -> list[ShownError]:
    return [
        ShownError(error.line, _(rules.LINE_ERRORS[error.code]) % _told(error.data)) for error in errors[:SHOWN_ERRORS]
    ]


def _told(data: Mapping[str, str]) -> dict[str, str]:
    """Return the data of a sentence with the column in the reader's words."""
    column = data.get("column", "")
    return {**data, "column": _(rules.COLUMN_LABELS[column]) if column else ""}


@bp.post("/catalogue/imports/<uuid:import_id>/confirm")
@http.requires(Permission.DEFINITION_WRITE)
def confirm(import_id: UUID) -> Response:
    """Hand an import over to the worker, then show its progress."""
    with http.transaction() as session:
        service.confirm(session, import_id, actor=http.current_actor(), now=clock.utc_now())
    return redirect(url_for("imports.show", import_id=import_id), code=303)
