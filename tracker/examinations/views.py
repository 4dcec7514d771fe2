"""Pages of examinations after a use: those to be done, and what became of one."""

from datetime import date
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.errors import Conflict, InvalidInput, TraceError
from tracker.examinations import forms, queries, rules, service
from tracker.patients import service as patient_service

bp = Blueprint("examinations", __name__, template_folder="templates")

_PAGE_LENGTH = 50


def _cursor(day: str | None, examination_id: UUID | None) -> tuple[date, UUID] | None:
    try:
        return (date.fromisoformat(day), examination_id) if day and examination_id else None
    except ValueError:
        return None


@bp.get("/examinations")
@http.requires(Permission.USE_READ)
def index() -> Response:
    """Show the examinations that are still to be done, the earliest day first, or all those of one use."""
    after = _cursor(request.args.get("day"), request.args.get("id", type=UUID))
    use_id = request.args.get("use", type=UUID)
    with http.transaction() as session:
        if use_id:
            lines = queries.list_of_use(session, use_id)
        else:
            lines = queries.list_open(session, after=after, limit=_PAGE_LENGTH + 1)
    page = render_template(
        "examinations/index.html",
        lines=lines[:_PAGE_LENGTH],
        later=lines[_PAGE_LENGTH - 1].examination if len(lines) > _PAGE_LENGTH else None,
        is_paged=after is not None,
        use_id=use_id,
        today=clock.paris_day(clock.utc_now()),
    )
    return make_response(page)


@bp.get("/examinations/<uuid:examination_id>")
@http.requires(Permission.USE_READ)
def show(examination_id: UUID) -> Response:
    """Show one examination, its patient, and what became of it."""
    return _page(examination_id, None)


def _page(examination_id: UUID, form: forms.OutcomeForm | None, *, error: TraceError | None = None) -> Response:
    now, actor = clock.utc_now(), http.current_actor()
    with http.transaction() as session:
        line = queries.get_examination(session, examination_id)
        patient = patient_service.open_patient(session, line.use.patient_id, actor=actor, now=now)
        outcomes = queries.list_outcomes(session, examination_id)
    is_closed = line.examination.closed_at is not None
    if form is None or isinstance(error, Conflict):  # what may be said has changed: it is asked anew
        form = _form(is_closed=is_closed, today=clock.paris_day(now))
    page = render_template(
        "examinations/show.html",
        line=line,
        examination=line.examination,
        urgency=line.urgency(clock.paris_day(now)),
        patient=patient,
        outcomes=outcomes,
        outcome_words={kind: _(label) for kind, label in rules.OUTCOME_LABELS.items()},
        form=form,
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
        may_write=actor.can(Permission.USE_WRITE),
    )
    return make_response(page, http.status_of(error) if error else 422 if form.errors else 200)


def _form(*, is_closed: bool, today: date) -> forms.OutcomeForm:
    form = forms.OutcomeForm(formdata=None, request_id=str(db.new_id()), happened_on=today)
    form.kind.choices = _choices(rules.AFTER[is_closed])
    form.kind.data = rules.AFTER[is_closed][0].value
    return form


def _choices(kinds: tuple[rules.OutcomeKind, ...]) -> list[tuple[str, str]]:
    return [(kind.value, _(rules.OUTCOME_LABELS[kind])) for kind in kinds]


@bp.post("/examinations/<uuid:examination_id>/outcomes")
@http.requires(Permission.USE_WRITE)
def record(examination_id: UUID) -> Response:
    """Record what became of an examination."""
    form, now = forms.OutcomeForm(), clock.utc_now()
    form.kind.choices = _choices(tuple(rules.OutcomeKind))
    if not form.validate():
        return _page(examination_id, form)
    try:
        with http.transaction() as session:
            service.record_outcome(
                session,
                http.read_request_id(form.request_id.data),
                examination_id=examination_id,
                new=form.outcome(),
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except (InvalidInput, Conflict) as error:
        for name, message in getattr(error, "fields", {}).items():
            form[name].errors = [*form[name].errors, http.sentence(message)]
        return _page(examination_id, form, error=error)
    flash(_("What became of the examination is recorded."), "success")
    return redirect(url_for("examinations.index"), code=303)
