"""The effects page of a derogation: what would stand were it to end, and the decision that stops it."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.derogations.forms import words
from tracker.derogations.rules import DecisionKind
from tracker.derogations.service import NewDecision
from tracker.effects import forms, queries, service
from tracker.errors import N_, InvalidInput, TraceError
from tracker.patients import queries as patients
from tracker.patients.queries import PatientView

bp = Blueprint("effects", __name__, template_folder="templates")


@bp.get("/derogations/<uuid:derogation_id>/effects")
@http.requires(Permission.DEROGATION_READ)
def show(derogation_id: UUID) -> Response:
    """Show what depends on a derogation, were a day its last one."""
    today = clock.paris_day(clock.utc_now())
    form = forms.StopForm(formdata=None, request_id=str(db.new_id()), effective_from=today)
    return _page(derogation_id, form)


def _page(derogation_id: UUID, form: forms.StopForm, *, error: TraceError | None = None) -> Response:
    actor, now = http.current_actor(), clock.utc_now()
    today = clock.paris_day(now)
    ends_on = _day(request.args.get("day", ""), today)
    sees_patients = actor.can(Permission.PATIENT_READ) and actor.can(Permission.USE_READ)
    with http.transaction() as session:
        found = queries.simulate(session, derogation_id, ends_on=ends_on, today=today, known_at=now)
        effects = queries.list_effects(session, derogation_id)
        people: Mapping[UUID, PatientView] = {}
        if sees_patients:
            service.note_reading(session, derogation_id, found=found, actor=actor, now=now)
            people = patients.list_patients(session, found.patient_ids[: queries.MOST_LISTED])
    page = render_template(
        "effects/show.html",
        found=found,
        sheet=found.concerned.sheet,
        by_ward=queries.count_by_ward(found.shelves),
        effects=effects,
        people=people,
        sees_patients=sees_patients,
        sees_units=actor.can(Permission.UNIT_READ),
        form=form,
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
        may_write=_may_stop(),
        most=queries.MOST_LISTED,
    )
    if error is not None:
        for name, message in getattr(error, "fields", {}).items():
            form[name].errors = [*form[name].errors, http.sentence(message)] if name in form else []
    return make_response(page, http.status_of(error) if error else 422 if form.errors else 200)


def _may_stop() -> bool:
    actor = http.current_actor()
    return all(
        actor.can(needed) for needed in (Permission.DEROGATION_WRITE, Permission.HOLD_OPEN, Permission.HOLD_RELEASE)
    )


def _day(value: str, today: date) -> date:
    """Return the day asked about, today where none is.

    Raises:
        InvalidInput: it is not a date.
    """
    try:
        return date.fromisoformat(value) if value else today
    except ValueError as error:
        raise InvalidInput(
            N_("This is not a date."), fields={"day": N_("Write it as 2024-07-26.")}, next_step=N_("Choose a date.")
        ) from error


@bp.post("/derogations/<uuid:derogation_id>/effects")
@http.requires(Permission.DEROGATION_WRITE)
def decide(derogation_id: UUID) -> Response:
    """Record the decision and hold or release the units at once: both, or neither."""
    form = forms.StopForm()
    if not form.validate():
        return _page(derogation_id, form)
    actor, now = http.current_actor(), clock.utc_now()
    new = NewDecision(
        derogation_id=derogation_id,
        kind=DecisionKind(form.kind.data),
        effective_from=form.first_day(),
        reference=words(form.reference),
        note=words(form.note),
        document=form.new_letter(),
    )
    try:
        decision_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            _decision, report = service.record_decision(
                session,
                decision_id,
                new=new,
                public_url=http.web().values["public_url"],
                actor=actor,
                now=now,
                today=clock.paris_day(now),
            )
    except TraceError as error:
        return _page(derogation_id, form, error=error)
    flash(
        _(
            "The decision is recorded: %(held)s units held, %(lifted)s released, %(told)s people told.",
            held=report.held_count,
            lifted=report.lifted_count,
            told=report.told_count,
        ),
        "success",
    )
    return redirect(url_for("effects.show", derogation_id=derogation_id), code=303)
