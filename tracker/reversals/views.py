"""Pages that correct a failed implantation or an explantation, or take it back."""

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.accounts import queries as accounts
from tracker.actor import Permission
from tracker.catalogue.forms import words
from tracker.corrections.forms import WithdrawForm as WithdrawUnitForm
from tracker.db import Session
from tracker.devices import queries as devices
from tracker.devices.rules import STATE_LABELS
from tracker.errors import Conflict, InvalidInput, RuleRefused
from tracker.organisation import queries as organisation
from tracker.outcomes import queries as outcomes
from tracker.outcomes.models import Explantation, Failure
from tracker.patients import service as patient_service
from tracker.reversals import forms, service
from tracker.use import queries as uses

bp = Blueprint("reversals", __name__, template_folder="templates")

_REFUSALS = (InvalidInput, Conflict, RuleRefused)


@bp.route("/failures/<uuid:failure_id>/amend", methods=["GET", "POST"])
@http.requires(Permission.USE_WRITE)
def amend_failure(failure_id: UUID) -> Response:
    """Ask how a unit was opened and not implanted, as it should have been entered, and correct it."""
    now, actor = clock.utc_now(), http.current_actor()
    with http.transaction() as session:
        failure = outcomes.get_failure(session, failure_id)
        unit = devices.get_unit_by_id(session, failure.device_id)
        known = failure.patient_id
        patient = patient_service.open_patient(session, known, actor=actor, now=now) if known else None
        ipp = patient.traits.ipp or "" if patient else ""
        form = forms.AmendFailureForm() if request.method == "POST" else _filled_failure(failure, unit.number, ipp)
        form.offer(accounts.list_operators(session, recorded_id=failure.operator_id), organisation.list_wards(session))
    if request.method == "GET":
        return make_response(render_template("reversals/amend_failure.html", form=form, unit=unit, failure=failure))
    if not form.validate():
        page = render_template("reversals/amend_failure.html", form=form, unit=unit, failure=failure)
        return make_response(page, 422)
    try:
        with http.transaction() as session:
            made = service.amend_failure(
                session,
                http.read_request_id(form.request_id.data),
                failure_id=failure_id,
                new=form.new(outcomes.read_patient_id(session, form.patient_ipp.data)),
                why=words(form.why),
                actor=actor,
                now=now,
                today=clock.paris_day(now),
            )
    except _REFUSALS as error:
        return http.rejected("reversals/amend_failure.html", form, error, unit=unit, failure=failure)
    flash(_("The record is corrected."), "success")
    return redirect(url_for("outcomes.show_failure", failure_id=made.id), code=303)


def _filled_failure(failure: Failure, number: str, ipp: str) -> forms.AmendFailureForm:
    return forms.AmendFailureForm(
        formdata=None,
        request_id=str(db.new_id()),
        unit=number,
        cause=failure.cause.value,
        note=failure.note,
        stage=failure.stage.value,
        patient_ipp=ipp,
        failed_on=failure.failed_on,
        operator_id=str(failure.operator_id),
        ward_id=str(failure.ward_id),
    )


@bp.route("/failures/<uuid:failure_id>/withdraw", methods=["GET", "POST"])
@http.requires(Permission.USE_WITHDRAW)
def withdraw_failure(failure_id: UUID) -> Response:
    """Ask why a failed implantation is taken back and where its unit is, and take it back."""
    form, now, actor = WithdrawUnitForm(), clock.utc_now(), http.current_actor()
    with http.transaction() as session:
        failure = outcomes.get_failure(session, failure_id)
        unit = devices.get_unit_by_id(session, failure.device_id)
    shown = {"unit": unit, "failure": failure}
    if request.method == "GET":
        form.request_id.data = str(db.new_id())
        return make_response(render_template("reversals/withdraw_failure.html", form=form, **shown))
    if not form.validate():
        return make_response(render_template("reversals/withdraw_failure.html", form=form, **shown), 422)
    try:
        with http.transaction() as session:
            state = service.withdraw_failure(
                session,
                http.read_request_id(form.request_id.data),
                failure_id=failure_id,
                why=words(form.why),
                whereabouts=form.place(),
                actor=actor,
                now=now,
                today=clock.paris_day(now),
            )
    except _REFUSALS as error:
        return http.rejected("reversals/withdraw_failure.html", form, error, **shown)
    word = _(STATE_LABELS[state])
    flash(_("Withdrawn. The unit %(number)s is now: %(state)s.", number=unit.number, state=word), "success")
    return redirect(url_for("outcomes.show_failure", failure_id=failure_id), code=303)


@bp.route("/explantations/<uuid:explantation_id>/amend", methods=["GET", "POST"])
@http.requires(Permission.USE_WRITE)
def amend_explantation(explantation_id: UUID) -> Response:
    """Ask how an implant was taken out, as it should have been entered, and correct it."""
    now, actor = clock.utc_now(), http.current_actor()
    with http.transaction() as session:
        gone = outcomes.get_explantation(session, explantation_id)
        line = uses.get_use(session, gone.use_id)
        patient = patient_service.open_patient(session, gone.patient_id, actor=actor, now=now)
        form = forms.AmendExplantationForm() if request.method == "POST" else _filled_explantation(gone)
        form.offer(accounts.list_operators(session, recorded_id=gone.operator_id))
    shown = {"line": line, "patient": patient}
    if request.method == "GET":
        return make_response(render_template("reversals/amend_explantation.html", form=form, **shown))
    if not form.validate():
        return make_response(render_template("reversals/amend_explantation.html", form=form, **shown), 422)

    def act(session: Session) -> None:
        service.amend_explantation(
            session,
            http.read_request_id(form.request_id.data),
            explantation_id=explantation_id,
            new=form.new(),
            why=words(form.why),
            actor=actor,
            now=now,
            today=clock.paris_day(now),
        )

    try:
        use_id = _done(act, gone)
    except _REFUSALS as error:
        return http.rejected("reversals/amend_explantation.html", form, error, **shown)
    flash(_("The explantation is corrected."), "success")
    return redirect(url_for("outcomes.show_use", use_id=use_id), code=303)


def _filled_explantation(gone: Explantation) -> forms.AmendExplantationForm:
    return forms.AmendExplantationForm(
        formdata=None,
        request_id=str(db.new_id()),
        explanted_on=gone.explanted_on,
        cause=gone.cause.value,
        note=gone.note,
        operator_id=str(gone.operator_id or ""),
        elsewhere="" if gone.operator_id else gone.operator_name,
        fate=gone.fate.value,
    )


def _done(act: Callable[[Session], None], gone: Explantation) -> UUID:
    """Do an act on an explantation, and return the record of its use that stands: its page tells what was done."""
    with http.transaction() as session:
        act(session)
        use = uses.find_standing(session, gone.use_id)
        return use.id if use else gone.use_id


@bp.route("/explantations/<uuid:explantation_id>/withdraw", methods=["GET", "POST"])
@http.requires(Permission.USE_WITHDRAW)
def withdraw_explantation(explantation_id: UUID) -> Response:
    """Ask why an explantation is taken back, and take it back."""
    form, now, actor = forms.WithdrawForm(), clock.utc_now(), http.current_actor()
    with http.transaction() as session:
        gone = outcomes.get_explantation(session, explantation_id)
        line = uses.get_use(session, gone.use_id)
        patient = patient_service.open_patient(session, gone.patient_id, actor=actor, now=now)
    shown = {"line": line, "patient": patient, "explantation": gone}
    if request.method == "GET":
        form.request_id.data = str(db.new_id())
        return make_response(render_template("reversals/withdraw_explantation.html", form=form, **shown))
    if not form.validate():
        return make_response(render_template("reversals/withdraw_explantation.html", form=form, **shown), 422)

    def act(session: Session) -> None:
        service.withdraw_explantation(
            session,
            http.read_request_id(form.request_id.data),
            explantation_id=explantation_id,
            why=words(form.why),
            actor=actor,
            now=now,
        )

    try:
        use_id = _done(act, gone)
    except _REFUSALS as error:
        return http.rejected("reversals/withdraw_explantation.html", form, error, **shown)
    flash(_("The explantation is withdrawn. Recalls name the patient as carrying this unit again."), "success")
    return redirect(url_for("outcomes.show_use", use_id=use_id), code=303)
