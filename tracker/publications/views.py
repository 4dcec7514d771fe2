"""Pages of ANSM's list: the files uploaded, and the difference with the register, decided line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.derogations.forms import DOMAIN_LABELS
from tracker.derogations.queries import DerogationStanding
from tracker.derogations.rules import Domain
from tracker.errors import TraceError
from tracker.publications import forms, queries, rules, service
from tracker.publications.forms import EFFECT_LABELS, KIND_LABELS
from tracker.publications.models import ReadingState
from tracker.publications.queries import LineView
from tracker.publications.service import NewPublication

bp = Blueprint("publications", __name__, template_folder="templates")

_PAGE_LENGTH = 50


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One difference as the page shows it."""

    view: LineView
    kind: str
    effect: str
    """What approving does; empty where nothing can be approved."""
    domain: str
    standing: DerogationStanding | None
    """What the register says of the derogation today."""

    @property
    def may_be_ticked(self) -> bool:
        """Test whether it can be approved together with others: nothing is left to confirm."""
        return bool(self.effect) and self.view.line.is_certain


@bp.get("/publications")
@http.requires(Permission.DEROGATION_READ)
def index() -> Response:
    """Show the files uploaded, the newest first."""
    after = _uuid(request.args.get("after"))
    with http.transaction() as session:
        found = queries.list_publications(session, after=after, limit=_PAGE_LENGTH + 1)
    page = render_template(
        "publications/index.html",
        publications=found[:_PAGE_LENGTH],
        later=found[_PAGE_LENGTH - 1].publication.id if len(found) > _PAGE_LENGTH else None,
        is_paged=after is not None,
        may_write=http.current_actor().can(Permission.DEROGATION_WRITE),
    )
    return make_response(page)


def _uuid(value: str | None) -> UUID | None:
    return http.read_request_id(value) if value else None


@bp.get("/publications/new")
@http.requires(Permission.DEROGATION_WRITE)
def new() -> Response:
    """Show the form for a file."""
    form = forms.UploadForm(formdata=None, request_id=str(db.new_id()))
    return make_response(render_template("publications/new.html", form=form))


@bp.post("/publications/new")
@http.requires(Permission.DEROGATION_WRITE)
def upload() -> Response:
    """Keep a file, and read it at once where that takes no time."""
    form = forms.UploadForm()
    if not form.validate():
        return make_response(render_template("publications/new.html", form=form), 422)
    now = clock.utc_now()
    try:
        publication_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            publication = service.receive(
                session,
                publication_id,
                new=NewPublication(*form.chosen(), form.listed_on.data),
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except TraceError as error:
        return http.rejected("publications/new.html", form, error)
    return redirect(url_for("publications.show", publication_id=publication.id), code=303)


@bp.get("/publications/<uuid:publication_id>")
@http.requires(Permission.DEROGATION_READ)
def show(publication_id: UUID) -> Response:
    """Show what a list says that the register does not, or how far its reading is."""
    return _page(publication_id)


def _page(publication_id: UUID, *, error: TraceError | None = None, line_id: UUID | None = None) -> Response:
    now = clock.utc_now()
    with http.transaction() as session:
        view = queries.get_publication(session, publication_id)
        lines = queries.list_lines(session, publication_id)
        concerned = {found.line.derogation_id for found in lines if found.line.derogation_id}
        standings = queries.list_standings(session, concerned, day=clock.paris_day(now), known_at=now)
    shown = [_shown(found, {one.id: one for one in standings}) for found in lines]
    publication = view.publication
    page = render_template(
        "publications/show.html",
        view=view,
        publication=publication,
        is_waiting=publication.state is ReadingState.QUEUED,
        is_failed=publication.state is ReadingState.FAILED,
        fault=_fault(publication.fault, publication.fault_where),
        open_lines=[one for one in shown if one.view.outcome is None and one.effect],
        odd_lines=[one for one in shown if one.view.outcome is None and not one.effect],
        decided_lines=[one for one in shown if one.view.outcome is not None],
        wrong_line=line_id,
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
        may_write=http.current_actor().can(Permission.DEROGATION_WRITE),
    )
    return make_response(page, http.status_of(error) if error else 200)


def _shown(found: LineView, standings: dict[UUID, DerogationStanding]) -> ShownLine:
    line = found.line
    domain = line.listed.get("domain")
    return ShownLine(
        view=found,
        kind=_(KIND_LABELS[line.kind]),
        effect=_(EFFECT_LABELS[line.kind]) if line.kind in EFFECT_LABELS else "",
        domain=_(DOMAIN_LABELS[Domain(domain)]) if domain else "",
        standing=standings.get(line.derogation_id) if line.derogation_id else None,
    )


def _fault(code: str, where: str) -> str:
    return http.error_sentence(rules.ListUnreadable(code, where=where)) if code else ""


@bp.post("/publications/lines/<uuid:line_id>/approve")
@http.requires(Permission.DEROGATION_WRITE)
def approve(line_id: UUID) -> Response:
    """Record in the register what one line says."""
    now, is_confirmed = clock.utc_now(), request.form.get("confirmed") == "yes"
    with http.transaction() as session:
        publication_id = queries.get_line(session, line_id).publication_id
    try:
        with http.transaction() as session:
            service.approve_line(
                session,
                line_id,
                is_confirmed=is_confirmed,
                public_url=http.web().values["public_url"],
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except TraceError as error:
        return _page(publication_id, error=error, line_id=line_id)
    flash(_("The line is recorded in the register."), "success")
    return redirect(url_for("publications.show", publication_id=publication_id), code=303)


@bp.post("/publications/lines/<uuid:line_id>/decline")
@http.requires(Permission.DEROGATION_WRITE)
def decline(line_id: UUID) -> Response:
    """Set one line aside."""
    with http.transaction() as session:
        publication_id = queries.get_line(session, line_id).publication_id
    try:
        with http.transaction() as session:
            service.decline_line(
                session,
                line_id,
                reason=request.form.get("reason", "").replace("\0", "")[:1000],
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except TraceError as error:
        return _page(publication_id, error=error, line_id=line_id)
    flash(_("The line is set aside."), "success")
    return redirect(url_for("publications.show", publication_id=publication_id), code=303)


@bp.post("/publications/<uuid:publication_id>/approve")
@http.requires(Permission.DEROGATION_WRITE)
def approve_ticked(publication_id: UUID) -> Response:
    """Record the lines that were ticked, each by itself: one that is refused does not stop the others."""
    ticked = [http.read_request_id(value) for value in request.form.getlist("line")]
    with http.transaction() as session:
        queries.get_publication(session, publication_id)
        of_this = {found.line.id for found in queries.list_lines(session, publication_id)}
    refused = _approve_each([line_id for line_id in ticked if line_id in of_this])
    count = len(ticked) - len(refused)
    if count:
        flash(
            ngettext("%(num)s line is recorded in the register.", "%(num)s lines are recorded in the register.", count),
            "success",
        )
    if not ticked:
        flash(_("No line was ticked."), "info")
    if refused:
        line_id, error = refused[0]
        return _page(publication_id, error=error, line_id=line_id)
    return redirect(url_for("publications.show", publication_id=publication_id), code=303)


def _approve_each(line_ids: Sequence[UUID]) -> list[tuple[UUID, TraceError]]:
    """Approve lines one after the other, and return those that the register refused."""
    now, refused = clock.utc_now(), []
    for line_id in line_ids:
        try:
            with http.transaction() as session:
                service.approve_line(
                    session,
                    line_id,
                    is_confirmed=False,
                    public_url=http.web().values["public_url"],
                    actor=http.current_actor(),
                    now=now,
                    today=clock.paris_day(now),
                )
        except TraceError as error:
            refused.append((line_id, error))
    return refused
