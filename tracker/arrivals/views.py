"""Pages of deliveries: open one, say what it holds and how it looks, keep what a clinician wrote, close it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import format_decimal
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.arrivals import forms, queries, rules, service
from tracker.arrivals.models import Reception
from tracker.arrivals.rules import AnnouncedChanged, AnnouncedLine, BadLine, Closing
from tracker.catalogue import queries as catalogue
from tracker.derogations import queries as derogations
from tracker.errors import Conflict, InvalidInput, TraceError

bp = Blueprint("arrivals", __name__, template_folder="templates")


@bp.route("/receptions/new", methods=["GET", "POST"], endpoint="open")
@http.requires(Permission.RECEPTION_WRITE)
def open_reception() -> Response:
    """Open a delivery, then go to its bench."""
    form = forms.ReceptionForm()
    if request.method == "GET":
        form.request_id.data = str(db.new_id())
        return make_response(render_template("arrivals/open.html", form=form, suppliers=_suppliers()))
    if not form.validate():
        return make_response(render_template("arrivals/open.html", form=form, suppliers=_suppliers()), 422)
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
        return http.rejected("arrivals/open.html", form, error, suppliers=_suppliers())
    return redirect(url_for("reception.show", reception_id=opened.id), code=303)


def _suppliers() -> Sequence[str]:
    with http.transaction() as session:
        return queries.list_suppliers(session)


@bp.post("/receptions/<uuid:reception_id>/close")
@http.requires(Permission.RECEPTION_WRITE)
def close(reception_id: UUID) -> Response:
    """Close a delivery, for good or with its rest awaited."""
    closing = Closing.REST_AWAITED if request.form.get("closing") == Closing.REST_AWAITED.value else Closing.COMPLETE
    with http.transaction() as session:
        closed = service.close_reception(
            session, reception_id, closing=closing, actor=http.current_actor(), now=clock.utc_now()
        )
    flash(_("The delivery %(number)s is closed.", number=closed.number), "success")
    return redirect(url_for("reception.show", reception_id=reception_id), code=303)


@bp.get("/receptions/<uuid:reception_id>/reasons")
@http.requires(Permission.RECEPTION_READ)
def reasons(reception_id: UUID) -> Response:
    """Show the written reasons with which clinicians ordered under a global derogation."""
    form = forms.ReasonForm(formdata=None, request_id=str(db.new_id()), derogation=request.args.get("derogation", ""))
    return _reasons_page(reception_id, form)


def _reasons_page(reception_id: UUID, form: forms.ReasonForm, *, error: TraceError | None = None) -> Response:
    with http.transaction() as session:
        reception = queries.get_reception(session, reception_id)
        kept = queries.list_reasons(session, reception_id)
        form.offer(derogations.list_global(session))
        names = derogations.designations(session, [one.derogation_id for one in kept])
    shown: dict[str, Any] = {"reception": reception, "reasons": kept, "names": names}
    if error is not None:
        return http.rejected("arrivals/reasons.html", form, error, **shown)
    return make_response(render_template("arrivals/reasons.html", form=form, **shown), 422 if form.errors else 200)


@bp.post("/receptions/<uuid:reception_id>/reasons")
@http.requires(Permission.RECEPTION_WRITE)
def keep_reason(reception_id: UUID) -> Response:
    """Keep the written reason with which a clinician ordered."""
    form = forms.ReasonForm()
    with http.transaction() as session:
        form.offer(derogations.list_global(session))
    if not form.validate():
        return _reasons_page(reception_id, form)
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
        return _reasons_page(reception_id, form, error=error)
    flash(_("The reason is kept. Units that waited for it can be released on their page."), "success")
    return redirect(url_for("reception.show", reception_id=reception_id), code=303)


@bp.get("/receptions/<uuid:reception_id>/conditions")
@http.requires(Permission.RECEPTION_READ)
def conditions(reception_id: UUID) -> Response:
    """Show how a delivery looks on arrival."""
    return _conditions_page(reception_id)


def _conditions_page(
    reception_id: UUID, form: forms.ConditionsForm | None = None, *, error: TraceError | None = None
) -> Response:
    with http.transaction() as session:
        reception = queries.get_reception(session, reception_id)
        recorded = queries.list_conditions(session, reception_id)
    shown: dict[str, Any] = {
        "reception": reception,
        "recorded": recorded,
        "seen_labels": rules.SEEN_LABELS,
        "temperature_labels": rules.TEMPERATURE_LABELS,
        "degrees": format_decimal,
    }
    if form is None:
        form = forms.ConditionsForm(formdata=None, request_id=str(db.new_id()))
        if recorded:
            form.show(recorded[0])
    if error is not None:
        return http.rejected("arrivals/conditions.html", form, error, **shown)
    return make_response(render_template("arrivals/conditions.html", form=form, **shown), 422 if form.errors else 200)


@bp.post("/receptions/<uuid:reception_id>/conditions")
@http.requires(Permission.RECEPTION_WRITE)
def record_conditions(reception_id: UUID) -> Response:
    """Record how a delivery looks on arrival."""
    form = forms.ConditionsForm()
    if not form.validate():
        return _conditions_page(reception_id, form)
    try:
        with http.transaction() as session:
            service.record_conditions(
                session,
                http.read_request_id(form.request_id.data),
                reception_id=reception_id,
                seen=form.seen(),
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (Conflict, InvalidInput) as error:
        return _conditions_page(reception_id, form, error=error)
    flash(_("The state on arrival is recorded."), "success")
    return redirect(url_for("reception.show", reception_id=reception_id), code=303)


@dataclass(frozen=True, slots=True)
class ShownBadLine:
    """A line that cannot be understood, in words."""

    number: int
    words: str


@bp.get("/receptions/<uuid:reception_id>/announced")
@http.requires(Permission.RECEPTION_READ)
def announced(reception_id: UUID) -> Response:
    """Show what a delivery is to hold."""
    with http.transaction() as session:
        reception = queries.get_reception(session, reception_id)
        last = queries.find_announcement(session, reception_id)
    form = forms.AnnouncedForm(formdata=None, request_id=str(db.new_id()))
    form.show(last)
    return _announced_page(form, reception, kept=queries.lines_of(last))


@bp.post("/receptions/<uuid:reception_id>/announced")
@http.requires(Permission.RECEPTION_WRITE)
def announce(reception_id: UUID) -> Response:
    """Write what a delivery is to hold; a file is looked at before anything is written."""
    form = forms.AnnouncedForm()
    with http.transaction() as session:
        reception = queries.get_reception(session, reception_id)
    file = request.files.get("file")
    has_file = file is not None and bool(file.filename)
    try:
        if file is not None and has_file:
            form.add_file(file.read(), filename=file.filename or "")
        good, bad = rules.read_announced(form.rows())
    except InvalidInput as error:
        return http.rejected("arrivals/announced.html", form, error, reception=reception, good=(), bad=())
    if bad or has_file or request.form.get("step") != "keep":
        return _announced_page(form, reception, good=good, bad=bad)
    return _keep_announced(form, reception, good)


def _announced_page(
    form: forms.AnnouncedForm,
    reception: Reception,
    *,
    good: list[AnnouncedLine] | None = None,
    bad: list[BadLine] | None = None,
    kept: Sequence[AnnouncedLine] = (),
) -> Response:
    with http.transaction() as session:
        unknown = catalogue.list_unknown(session, [one.reference for one in good or kept])
    told = [ShownBadLine(one.number, _(rules.LINE_ERRORS[one.code]) % one.data) for one in bad or ()]
    page = render_template(
        "arrivals/announced.html",
        form=form,
        reception=reception,
        good=good or (),
        bad=told,
        unknown=unknown,
        kept=kept,
        is_looked_at=good is not None,
    )
    return make_response(page, 422 if told else 200)


def _keep_announced(form: forms.AnnouncedForm, reception: Reception, lines: list[AnnouncedLine]) -> Response:
    try:
        with http.transaction() as session:
            service.announce(
                session,
                http.read_request_id(form.request_id.data),
                reception_id=reception.id,
                lines=lines,
                replaces_id=http.read_request_id(form.replaces.data) if form.replaces.data else None,
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (Conflict, InvalidInput) as error:
        if isinstance(error, AnnouncedChanged):  # sent again after a look, the list takes the place of the other one
            with http.transaction() as session:
                last = queries.find_announcement(session, reception.id)
            form.replaces.data = str(last.id) if last else ""
        return http.rejected("arrivals/announced.html", form, error, reception=reception, good=(), bad=())
    flash(_("The expected lines are kept."), "success")
    return redirect(url_for("reception.show", reception_id=reception.id), code=303)
