"""Pages of requests: the list, one request with what is missing, and the forms that carry it to ANSM's answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.catalogue import queries as catalogue
from tracker.db import Session
from tracker.derogations.rules import DerogationKind
from tracker.derogations.service import NewReference
from tracker.documents.documents import Locale
from tracker.documents.models import DocumentKind
from tracker.errors import N_, Conflict, InvalidInput, NotFound, RuleRefused
from tracker.patients import queries as patients
from tracker.patients.queries import PatientView
from tracker.requests import forms, queries, rules, service
from tracker.requests.models import DerogationRequest
from tracker.requests.queries import RequestView
from tracker.requests.rules import RequestEventKind, RequestFile, RequestFileChanged, RequestState, Step
from tracker.requests.service import AnsmAnswer, NewAttachment

bp = Blueprint("requests", __name__, template_folder="templates")

_PAGE_LENGTH = 50
_STEPS = {RequestEventKind.FILED, RequestEventKind.REOPENED, RequestEventKind.ABANDONED}
_REFUSALS = (InvalidInput, Conflict, NotFound, RuleRefused)


@dataclass(frozen=True, slots=True)
class ShownPoint:
    """One of the ten points on the page of a request."""

    number: int
    title: str
    text: str
    is_from_operator: bool


@bp.get("/requests")
@http.requires(Permission.REQUEST_READ)
def index() -> Response:
    """Show the requests, newest first."""
    state, before = _state(), request.args.get("before", type=int)
    now = clock.utc_now()
    with http.transaction() as session:
        page = queries.list_requests(session, state=state, before=before, limit=_PAGE_LENGTH)
    older = {"state": state.value if state else "", "before": page.next_before}
    return make_response(
        render_template(
            "requests/index.html",
            rows=[(rules.request_number(row.number), row, _is_still(row, now)) for row in page.rows],
            state=state,
            states=[(code.value, _(word)) for code, word in rules.STATE_LABELS.items()],
            kinds={code.value: _(word) for code, word in rules.KIND_LABELS.items()},
            older=f"{url_for('requests.index')}?{urlencode(older)}" if page.next_before else None,
            is_first=before is None,
            may_write=http.current_actor().can(Permission.REQUEST_WRITE),
        )
    )


def _is_still(row: DerogationRequest, now: datetime) -> bool:
    patience = timedelta(days=http.web().values["request_reminder_days"])
    return row.state in rules.OPEN_STATES and rules.is_still(row.moved_at, now=now, patience=patience)


def _state() -> RequestState | None:
    value = request.args.get("state", "")
    try:
        return RequestState(value) if value else None
    except ValueError as error:
        raise InvalidInput(N_("This address asks for something the list of requests does not know.")) from error


@bp.get("/requests/new")
@http.requires(Permission.REQUEST_WRITE)
def new() -> Response:
    """Show the form that opens a request, filled by the guided questions where one comes from them."""
    form = forms.OpenForm(
        formdata=None,
        request_id=str(db.new_id()),
        kind=request.args.get("kind", DerogationKind.INDIVIDUAL.value),
        route=request.args.get("route", "")[:60],
    )
    return make_response(render_template("requests/new.html", form=form))


@bp.post("/requests/new")
@http.requires(Permission.REQUEST_WRITE)
def create() -> Response:
    """Open a request and go on with its file."""
    form = forms.OpenForm()
    if not form.validate():
        return make_response(render_template("requests/new.html", form=form), 422)
    try:
        request_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            service.open_request(
                session,
                request_id,
                kind=DerogationKind(form.kind.data),
                file=RequestFile(designation=forms.words(form.designation)),
                route=forms.words(form.route)[:60],
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except _REFUSALS as error:
        return http.rejected("requests/new.html", form, error)
    return redirect(url_for("requests.edit", request_id=request_id), code=303)


@bp.get("/requests/<uuid:request_id>")
@http.requires(Permission.REQUEST_READ)
def show(request_id: UUID) -> Response:
    """Show one request: where it stands, what is missing, what was written and done."""
    actor, now = http.current_actor(), clock.utc_now()
    with http.transaction() as session:
        view = queries.get_view(session, request_id)
        patient = _patient_of(session, view) if actor.can(Permission.PATIENT_READ) else None
        company = catalogue.get_manufacturer(session, view.file.manufacturer_id) if view.file.manufacturer_id else None
        uncatalogued = queries.list_uncatalogued(session, view)
    return make_response(
        render_template(
            "requests/show.html",
            view=view,
            patient=patient,
            company=company.name if company else "",
            points=_shown_points(view),
            kind=_(rules.KIND_LABELS[view.row.kind]),
            state=_(rules.STATE_LABELS[view.row.state]),
            event_words={code.value: _(word) for code, word in rules.EVENT_LABELS.items()},
            to_catalogue={reference: _catalogue_form(view, reference) for reference in uncatalogued},
            may_catalogue=actor.can(Permission.DEFINITION_WRITE),
            is_still=_is_still(view.row, now),
            still_days=(now - view.row.moved_at).days,
            event_id=str(db.new_id()),
            may_write=actor.can(Permission.REQUEST_WRITE),
            may_sign=actor.can(Permission.REQUEST_SIGN),
            may_follow=actor.can(Permission.DEROGATION_WRITE),
            is_drafting=view.row.state is RequestState.DRAFTING,
            is_open=view.row.state in rules.OPEN_STATES,
            is_with_operator=view.row.state in {RequestState.GIVEN, RequestState.FILED},
        )
    )


def _catalogue_form(view: RequestView, reference: str) -> str:
    """Return the address of the form that adds a granted device to the catalogue, filled with what is known of it."""
    return url_for(
        "catalogue.new_definition",
        manufacturer=view.file.manufacturer_id,
        reference=reference,
        designation=view.row.designation,
        back=url_for("requests.show", request_id=view.row.id),
    )


def _patient_of(session: Session, view: RequestView) -> PatientView | None:
    return patients.get_patient(session, view.file.patient_id) if view.file.patient_id else None


def _shown_points(view: RequestView) -> Sequence[ShownPoint]:
    return [
        ShownPoint(
            point.number,
            _(point.title),
            view.file.text(point.code),
            is_from_operator=point.from_operator and point.code in view.file.from_operator,
        )
        for point in rules.points_of(view.row.kind, is_late_renewal=view.file.is_late_renewal)
    ]


@bp.get("/requests/<uuid:request_id>/file")
@http.requires(Permission.REQUEST_WRITE)
def edit(request_id: UUID) -> Response:
    """Show the form of the whole file."""
    with http.transaction() as session:
        view = queries.get_view(session, request_id)
        patient = _patient_of(session, view)
        values = forms.values_of(view.file, ipp=patient.traits.ipp if patient else "")
        form = forms.FileForm(formdata=None, request_id=str(db.new_id()), version=str(view.row.version), **values)
        context = _file_context(session, form, view)
    return make_response(render_template("requests/file.html", form=form, **context))


@bp.post("/requests/<uuid:request_id>/file")
@http.requires(Permission.REQUEST_WRITE)
def save(request_id: UUID) -> Response:
    """Save the file, complete or not; a file that somebody else saved meanwhile is shown beside what was typed."""
    form = forms.FileForm()
    with http.transaction() as session:
        context = _file_context(session, form, queries.get_view(session, request_id))
    if not form.validate():
        return make_response(render_template("requests/file.html", form=form, **context), 422)
    try:
        save_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            service.save_file(
                session,
                request_id,
                save_id=save_id,
                version=_version(form.version.data),
                file=form.typed(_patient_id_of(session, forms.words(form.ipp))),
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except RequestFileChanged as error:
        form.version.data, form.request_id.data = str(error.version), str(db.new_id())
        differing = _differing(form, error.present)
        return http.rejected("requests/file.html", form, error, **context, differing=differing)
    except _REFUSALS as error:
        return http.rejected("requests/file.html", form, error, **context)
    flash(_("The file is saved."), "success")
    return redirect(url_for("requests.show", request_id=request_id), code=303)


def _file_context(session: Session, form: forms.FileForm, view: RequestView) -> dict[str, object]:
    companies = {str(row.id): row.name for row in catalogue.list_manufacturers(session)}
    form.manufacturer_id.choices = {"": _("choose from the list")} | companies
    form.left_out.choices = [(str(one.id), one.title) for one in view.attachments if not one.names_patient]
    points = [
        (point, forms.from_operator_of(point.code)) for point in rules.points_of(view.row.kind, is_late_renewal=True)
    ]
    return {"view": view, "points": points, "is_individual": view.row.kind is DerogationKind.INDIVIDUAL}


def _differing(form: forms.FileForm, present: RequestFile) -> list[tuple[str, str]]:
    """Return the present text of each field in which it differs from what was typed."""
    shown = forms.values_of(present, ipp="")
    return [
        (field.label.text, str(shown[field.name]))
        for field in form
        if isinstance(shown.get(field.name), str) and field.name != "ipp" and shown[field.name] != forms.words(field)
    ]


def _version(value: str | None) -> int:
    return int(value) if value and value.isascii() and value.isdigit() else 0


def _patient_id_of(session: Session, ipp: str) -> UUID | None:
    """Return the patient of an IPP; None where none was typed.

    Raises:
        InvalidInput: nobody has this IPP here.
    """
    patient = patients.find_by_ipp(session, ipp) if ipp else None
    if ipp and patient is None:
        raise InvalidInput(
            N_("Nobody has this IPP here."),
            fields={"ipp": N_("Check the IPP, or register the patient first.")},
        )
    return patient.id if patient else None


@bp.get("/requests/<uuid:request_id>/attachments/new")
@http.requires(Permission.REQUEST_WRITE)
def new_attachment(request_id: UUID) -> Response:
    """Show the form that attaches a document."""
    form = forms.AttachmentForm(formdata=None, request_id=str(db.new_id()))
    return make_response(render_template("requests/attach.html", form=form, view=_view(request_id)))


@bp.post("/requests/<uuid:request_id>/attachments/new")
@http.requires(Permission.REQUEST_WRITE)
def attach(request_id: UUID) -> Response:
    """Attach a document."""
    form, view = forms.AttachmentForm(), _view(request_id)
    if not form.validate():
        return make_response(render_template("requests/attach.html", form=form, view=view), 422)
    attachment = NewAttachment(forms.words(form.title), form.new_file(), names_patient=form.names_patient.data)
    try:
        attachment_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            service.attach(
                session,
                attachment_id,
                request_id=request_id,
                new=attachment,
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except _REFUSALS as error:
        return http.rejected("requests/attach.html", form, error, view=view)
    flash(_("The document is attached."), "success")
    return redirect(url_for("requests.show", request_id=request_id, _anchor="attachments"), code=303)


def _view(request_id: UUID) -> RequestView:
    with http.transaction() as session:
        return queries.get_view(session, request_id)


@bp.post("/requests/<uuid:request_id>/sign")
@http.requires(Permission.REQUEST_SIGN)
def sign(request_id: UUID) -> Response:
    """Sign the justification that was read."""
    now = clock.utc_now()
    with http.transaction() as session:
        service.sign(
            session,
            http.read_request_id(request.form.get("request_id")),
            request_id=request_id,
            version=_version(request.form.get("version")),
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    flash(_("The justification is signed."), "success")
    return redirect(url_for("requests.show", request_id=request_id), code=303)


@bp.get("/requests/<uuid:request_id>/step")
@http.requires(Permission.DEROGATION_WRITE)
def new_step(request_id: UUID) -> Response:
    """Show the form of the next step: given, filed, taken up again or abandoned."""
    view, kind = _view(request_id), _step_kind(request.args.get("kind"))
    today = clock.paris_day(clock.utc_now())
    form = forms.StepForm(
        formdata=None,
        request_id=str(db.new_id()),
        version=str(view.row.version),
        kind=kind.value,
        happened_on=today,
    )
    return make_response(render_template("requests/step.html", form=form, view=view, kind=kind.value))


def _step_kind(value: str | None) -> RequestEventKind:
    asked = [kind for kind in (*_STEPS, RequestEventKind.GIVEN) if kind.value == value]
    return asked[0] if asked else RequestEventKind.GIVEN


@bp.post("/requests/<uuid:request_id>/step")
@http.requires(Permission.DEROGATION_WRITE)
def record_step(request_id: UUID) -> Response:
    """Record the next step."""
    form, view = forms.StepForm(), _view(request_id)
    kind, now = _step_kind(form.kind.data), clock.utc_now()
    context = {"view": view, "kind": kind.value}
    if not form.validate():
        return make_response(render_template("requests/step.html", form=form, **context), 422)
    step = Step(kind, form.day(), forms.words(form.note), _version(form.version.data))
    try:
        with http.transaction() as session:
            _do_step(session, http.read_request_id(form.request_id.data), request_id, step=step, now=now)
    except _REFUSALS as error:
        return http.rejected("requests/step.html", form, error, **context)
    flash(_("The step is recorded."), "success")
    return redirect(url_for("requests.show", request_id=request_id), code=303)


def _do_step(session: Session, event_id: UUID, request_id: UUID, *, step: Step, now: datetime) -> None:
    actor, today = http.current_actor(), clock.paris_day(now)
    if step.kind is not RequestEventKind.GIVEN:
        service.record_step(session, event_id, request_id=request_id, step=step, actor=actor, now=now, today=today)
        return
    locale: Locale = "en" if str(get_locale()) == "en" else "fr"
    service.give(session, event_id, request_id=request_id, step=step, locale=locale, actor=actor, now=now, today=today)


@bp.get("/requests/<uuid:request_id>/answer")
@http.requires(Permission.DEROGATION_WRITE)
def new_answer(request_id: UUID) -> Response:
    """Show the form of ANSM's answer."""
    view, today = _view(request_id), clock.paris_day(clock.utc_now())
    form = forms.AnswerForm(
        formdata=None,
        request_id=str(db.new_id()),
        happened_on=today,
        effective_from=today,
        references="\n".join(view.file.references),
    )
    return make_response(render_template("requests/answer.html", form=form, view=view))


@bp.post("/requests/<uuid:request_id>/answer")
@http.requires(Permission.DEROGATION_WRITE)
def record_answer(request_id: UUID) -> Response:
    """Record ANSM's answer, with the derogation that it makes."""
    form, view, now = forms.AnswerForm(), _view(request_id), clock.utc_now()
    if not form.validate():
        return make_response(render_template("requests/answer.html", form=form, view=view), 422)
    try:
        event_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            service.record_answer(
                session,
                event_id,
                request_id=request_id,
                answer=_answer_of(form),
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except _REFUSALS as error:
        return http.rejected("requests/answer.html", form, error, view=view)
    flash(_("ANSM's answer is recorded, and the derogation is in the register."), "success")
    return redirect(_after_answer(request_id), code=303)


def _after_answer(request_id: UUID) -> str:
    """Return where to go on: to the catalogue, where a granted device is not in it, else to the request."""
    with http.transaction() as session:
        view = queries.get_view(session, request_id)
        uncatalogued = queries.list_uncatalogued(session, view)
    if not uncatalogued or not http.current_actor().can(Permission.DEFINITION_WRITE):
        return url_for("requests.show", request_id=request_id)
    flash(_("Now add the device to the catalogue: without it, its boxes are refused at goods-in."), "info")
    return _catalogue_form(view, uncatalogued[0])


def _answer_of(form: forms.AnswerForm) -> AnsmAnswer:
    happened_on, effective_from = form.days()
    answer = AnsmAnswer(
        is_granted=form.outcome.data == "granted",
        happened_on=happened_on,
        effective_from=effective_from,
        valid_until=form.valid_until.data,
        decided_on=form.decided_on.data,
        reference=forms.words(form.reference),
        patient_cap=form.patient_cap.data,
        legal_basis=forms.words(form.legal_basis),
        scope_text=forms.words(form.scope_text),
        note=forms.words(form.note),
    )
    references = tuple(NewReference(reference) for reference in dict.fromkeys(forms.lines_of(form.references)))
    return replace(answer, references=references, letter=forms.read_upload(form.letter, DocumentKind.DECISION))
