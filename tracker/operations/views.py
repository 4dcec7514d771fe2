"""Pages of planned operations."""

from datetime import date, datetime
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.accounts import queries as accounts
from tracker.actor import Permission, Role
from tracker.catalogue import queries as catalogue
from tracker.db import Session
from tracker.derogations import queries as derogations
from tracker.errors import N_, Conflict, InvalidInput, TraceError
from tracker.operations import forms, queries, service
from tracker.operations.service import NewOperation
from tracker.patients import service as patient_service

bp = Blueprint("operations", __name__, template_folder="templates")

_PAGE_LENGTH = 50


def _cursor(day: str | None, operation_id: UUID | None) -> tuple[date, UUID] | None:
    try:
        return (date.fromisoformat(day), operation_id) if day and operation_id else None
    except ValueError:
        return None


@bp.get("/operations")
@http.requires(Permission.USE_READ)
def index() -> Response:
    """Show the operations planned from today on, by day."""
    after = _cursor(request.args.get("day"), request.args.get("id", type=UUID))
    today = clock.paris_day(clock.utc_now())
    with http.transaction() as session:
        lines = queries.list_open_operations(session, from_day=today, after=after, limit=_PAGE_LENGTH + 1)
    page = render_template(
        "operations/index.html",
        lines=lines[:_PAGE_LENGTH],
        later=lines[_PAGE_LENGTH - 1].operation if len(lines) > _PAGE_LENGTH else None,
        is_paged=after is not None,
        may_write=http.current_actor().can(Permission.USE_WRITE),
    )
    return make_response(page)


@bp.route("/operations/new", methods=["GET", "POST"])
@http.requires(Permission.USE_WRITE)
def new() -> Response:
    """Plan an operation for a patient; without one, find the patient first."""
    form, now, actor = forms.OperationForm(), clock.utc_now(), http.current_actor()
    patient_id = _uuid(form.patient.data or request.args.get("patient"))
    if patient_id is None:
        flash(_("Find the patient first, then plan the operation."), "info")
        return redirect(url_for("patients.index"), code=303)
    today = clock.paris_day(now)
    with http.transaction() as session:
        patient = patient_service.open_patient(session, patient_id, actor=actor, now=now)
        _offer(session, form, patient_id, now=now)
    if request.method == "GET":
        form.request_id.data, form.patient.data, form.operator_id.data = (
            str(db.new_id()),
            str(patient_id),
            str(actor.id),
        )
        return make_response(render_template("operations/new.html", form=form, patient=patient))
    if not form.validate():
        return make_response(render_template("operations/new.html", form=form, patient=patient), 422)
    try:
        with http.transaction() as session:
            wanted = NewOperation(
                patient_id=patient_id,
                planned_on=form.day(),
                operator_id=UUID(form.operator_id.data),
                derogation_id=_uuid(form.derogation_id.data),
                definition_id=_definition_id(session, form.reference.data or ""),
            )
            request_id = http.read_request_id(form.request_id.data)
            planned = service.plan_operation(session, request_id, new=wanted, actor=actor, now=now, today=today)
    except (InvalidInput, Conflict) as error:
        return http.rejected("operations/new.html", form, error, patient=patient)
    return redirect(url_for("operations.show", operation_id=planned.id), code=303)


def _uuid(text: str | None) -> UUID | None:
    return http.read_request_id(text) if text else None


def _offer(session: Session, form: forms.OperationForm, patient_id: UUID, *, now: datetime) -> None:
    surgeons = accounts.list_people_with_role(session, Role.SURGEON)
    form.operator_id.choices = forms.choices_with_none([(person.id, person.display_name) for person in surgeons])
    choices = derogations.list_choices(session, day=clock.paris_day(now), known_at=now, patient_id=patient_id)
    form.derogation_id.choices = forms.choices_with_none(
        [(choice.id, _with_end(choice.designation, choice.valid_until)) for choice in choices]
    )


def _with_end(designation: str, end: date | None) -> str:
    return f"{designation} – {_('ends on %(day)s', day=http.written_day(end))}" if end else designation


class ReferenceUnclear(InvalidInput):
    """A typed reference names no device of the catalogue, or several."""

    code = "operation-reference-unclear"


def _definition_id(session: Session, reference: str) -> UUID | None:
    """Return the device that a typed reference names; None where nothing was typed.

    Raises:
        ReferenceUnclear: it names none, or several.
    """
    if not reference.strip():
        return None
    found = catalogue.find_definitions(session, udi_di=None, reference=reference.strip())
    if len(found) == 1:
        return found[0].id
    sentence = (
        N_("Several manufacturers have this reference: choose the derogation instead.")
        if found
        else N_("No device of the catalogue has this reference.")
    )
    raise ReferenceUnclear(sentence, fields={"reference": sentence})


@bp.get("/operations/<uuid:operation_id>")
@http.requires(Permission.USE_READ)
def show(operation_id: UUID) -> Response:
    """Show one planned operation, and whether its derogation is in force on its day."""
    return _page(operation_id, forms.CloseForm(formdata=None))


def _page(operation_id: UUID, form: forms.CloseForm, *, error: TraceError | None = None) -> Response:
    now, actor = clock.utc_now(), http.current_actor()
    with http.transaction() as session:
        line = queries.get_operation(session, operation_id)
        patient = patient_service.open_patient(session, line.operation.patient_id, actor=actor, now=now)
        outlook = queries.find_outlook(session, line, known_at=now)
    page = render_template(
        "operations/show.html",
        line=line,
        operation=line.operation,
        patient=patient,
        outlook=outlook,
        form=form,
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
        may_write=actor.can(Permission.USE_WRITE),
    )
    return make_response(page, http.status_of(error) if error else 422 if form.errors else 200)


@bp.post("/operations/<uuid:operation_id>/close")
@http.requires(Permission.USE_WRITE)
def close(operation_id: UUID) -> Response:
    """Close a planned operation with the reason."""
    form = forms.CloseForm()
    if not form.validate():
        return _page(operation_id, form)
    try:
        with http.transaction() as session:
            service.close_operation(
                session,
                operation_id,
                reason=form.reason.data or "",
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except Conflict as error:
        return _page(operation_id, form, error=error)
    flash(_("The operation is closed."), "success")
    return redirect(url_for("operations.index"), code=303)
