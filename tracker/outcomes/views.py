"""Pages of one use and of what became of a unit: opened and not implanted, taken out again."""

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.accounts import queries as accounts
from tracker.actor import Actor, Permission, Role
from tracker.db import Session
from tracker.derogations import queries as derogations
from tracker.devices import queries as devices
from tracker.devices.rules import Finding, UnitState
from tracker.documents import queries as documents
from tracker.errors import Conflict, InvalidInput, RuleRefused
from tracker.organisation import queries as organisation
from tracker.outcomes import forms, queries, rules, service
from tracker.outcomes.models import Explantation
from tracker.patients import service as patient_service
from tracker.use import queries as uses
from tracker.use.rules import FOLLOW_UP_REQUIRED, INTERVENTION_LABELS, SIDE_LABELS, Side, worded

bp = Blueprint("outcomes", __name__, template_folder="templates")

_REFUSALS = (InvalidInput, Conflict, RuleRefused)


@bp.get("/uses/<uuid:use_id>")
@http.requires(Permission.USE_READ)
def show_use(use_id: UUID) -> Response:
    """Show one use with its papers, and what became of it."""
    actor = http.current_actor()
    with http.transaction() as session:
        line = uses.get_use(session, use_id)
        use = line.use
        patient = patient_service.open_patient(session, use.patient_id, actor=actor, now=clock.utc_now())
        operator = accounts.get_person(session, use.operator_id)
        ward = organisation.get_ward(session, use.ward_id)
        papers = documents.list_documents(session, f"use:{use_id}")
        derogation = derogations.get_derogation(session, use.derogation_id)
        unit = devices.get_unit_by_id(session, use.device_id)
        correction = uses.find_correction(session, use_id)
        records = uses.list_records(session, use)
        explanted = queries.list_explantations(session, use.device_id) if correction is None else ()
    explantation = next((one for one, wrong in explanted if wrong is None), None)
    may_write, is_open = actor.can(Permission.USE_WRITE), correction is None and explantation is None
    found = [Finding(item["code"], item["data"]) for item in use.findings]
    page = render_template(
        "outcomes/use.html",
        line=line,
        use=use,
        used_time=f"{use.used_at.astimezone(clock.PARIS):%H:%M}" if use.used_at else None,
        patient=patient,
        ward=ward,
        papers=papers,
        derogation=derogation,
        side_word=_(SIDE_LABELS[Side(use.side)]),
        intervention_word=_(INTERVENTION_LABELS[use.intervention]),
        rpps=operator.rpps or "",
        requires_examination=correction is None and any(item.code == FOLLOW_UP_REQUIRED for item in found),
        findings=[worded(finding, translate=http.sentence, day=http.written_day) for finding in found],
        correction=correction,
        records=records if len(records) > 1 else (),
        may_write=may_write and correction is None,
        may_withdraw=_may_withdraw(actor) and is_open,
        may_withdraw_explantation=_may_withdraw(actor) and explantation is not None,
        may_declare=actor.can(Permission.INCIDENT_DECLARE),
        may_explant=may_write and is_open and rules.may_explant(unit.definition.kind, unit.state),
        wrong_explantations=[pair for pair in explanted if pair[1] and pair[0].patient_id == use.patient_id],
        **_told(explantation),
    )
    return make_response(page)


def _may_withdraw(actor: Actor) -> bool:
    return actor.can(Permission.USE_WITHDRAW)


def _told(explantation: Explantation | None) -> dict[str, object]:
    """Return an explantation with its words, as the page of its use shows it."""
    if explantation is None:
        return {"explantation": None}
    return {
        "explantation": explantation,
        "cause": _(rules.EXPLANTATION_LABELS[explantation.cause]),
        "fate": _(rules.FATE_LABELS[explantation.fate]),
        "is_suspect": explantation.cause in rules.SUSPECT,
    }


@bp.route("/uses/<uuid:use_id>/explantation", methods=["GET", "POST"])
@http.requires(Permission.USE_WRITE)
def explant(use_id: UUID) -> Response:
    """Ask when and why an implant was taken out, and record it."""
    form, now, actor = forms.ExplantationForm(), clock.utc_now(), http.current_actor()
    with http.transaction() as session:
        line = uses.get_use(session, use_id)
        patient = patient_service.open_patient(session, line.use.patient_id, actor=actor, now=now)
        form.offer(accounts.list_people_with_role(session, Role.SURGEON))
    if request.method == "GET":
        form.request_id.data, form.explanted_on.data = str(db.new_id()), clock.paris_day(now)
        form.operator_id.data = str(actor.id)
        return make_response(render_template("outcomes/explant.html", form=form, line=line, patient=patient))
    if not form.validate():
        return make_response(render_template("outcomes/explant.html", form=form, line=line, patient=patient), 422)
    try:
        with http.transaction() as session:
            service.record_explantation(
                session,
                http.read_request_id(form.request_id.data),
                use_id=use_id,
                new=form.new(),
                actor=actor,
                now=now,
                today=clock.paris_day(now),
            )
    except _REFUSALS as error:
        return http.rejected("outcomes/explant.html", form, error, line=line, patient=patient)
    flash(_("The explantation is recorded. Recalls no longer name the patient as carrying this unit."), "success")
    return redirect(url_for("outcomes.show_use", use_id=use_id), code=303)


@bp.get("/failures/new")
@http.requires(Permission.USE_WRITE)
def new_failure() -> Response:
    """Ask why a unit that was opened was not implanted; which unit is asked at the gate."""
    if not request.args.get("unit"):
        return redirect(url_for("use.gate"), code=303)
    form, now, actor = forms.FailureForm(formdata=None), clock.utc_now(), http.current_actor()
    patient_id = request.args.get("patient", type=UUID)
    with http.transaction() as session:
        unit = devices.get_unit(session, request.args.get("unit", ""))
        patient = patient_service.open_patient(session, patient_id, actor=actor, now=now) if patient_id else None
        _offer(session, form)
    form.request_id.data, form.unit.data, form.failed_on.data = str(db.new_id()), unit.number, clock.paris_day(now)
    form.patient_ipp.data = patient.traits.ipp if patient else ""
    form.operator_id.data, form.ward_id.data = str(actor.id), str(unit.ward_id or "")
    return make_response(render_template("outcomes/fail.html", form=form, unit=unit))


def _offer(session: Session, form: forms.FailureForm) -> None:
    form.offer(accounts.list_people_with_role(session, Role.SURGEON), organisation.list_wards(session))


@bp.post("/failures/new")
@http.requires(Permission.USE_WRITE)
def record_failure() -> Response:
    """Record that a unit was opened or tried, and not implanted."""
    form, now = forms.FailureForm(), clock.utc_now()
    with http.transaction() as session:
        unit = devices.get_unit(session, form.unit.data or "")
        _offer(session, form)
    if not form.validate():
        return make_response(render_template("outcomes/fail.html", form=form, unit=unit), 422)
    try:
        failure_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            new = form.new(queries.read_patient_id(session, form.patient_ipp.data))
            service.record_failure(
                session, failure_id, new=new, actor=http.current_actor(), now=now, today=clock.paris_day(now)
            )
    except _REFUSALS as error:
        return http.rejected("outcomes/fail.html", form, error, unit=unit)
    flash(
        _("%(number)s is recorded as opened and not implanted: it can no longer be used.", number=unit.number),
        "success",
    )
    return redirect(url_for("outcomes.show_failure", failure_id=failure_id), code=303)


@bp.get("/failures/<uuid:failure_id>")
@http.requires(Permission.USE_READ)
def show_failure(failure_id: UUID) -> Response:
    """Show how a unit was opened and not implanted."""
    actor = http.current_actor()
    with http.transaction() as session:
        failure = queries.get_failure(session, failure_id)
        unit = devices.get_unit_by_id(session, failure.device_id)
        ward = organisation.get_ward(session, failure.ward_id)
        known = failure.patient_id
        patient = patient_service.open_patient(session, known, actor=actor, now=clock.utc_now()) if known else None
        records = queries.list_failures(session, failure.device_id)
    correction = next((correction for one, correction in records if one.id == failure_id), None)
    page = render_template(
        "outcomes/failure.html",
        failure=failure,
        unit=unit,
        ward=ward,
        patient=patient,
        cause=_(rules.FAILURE_LABELS[failure.cause]),
        stage=_(rules.STAGE_LABELS[failure.stage]),
        is_suspect=failure.cause in rules.SUSPECT,
        correction=correction,
        wrong_records=[pair for pair in records if pair[1] and pair[0].id != failure_id],
        may_amend=actor.can(Permission.USE_WRITE) and correction is None,
        may_withdraw=_may_withdraw(actor) and correction is None and unit.state is UnitState.FAILED,
        may_take_out=actor.can(Permission.UNIT_DISPOSE) and correction is None and unit.state is UnitState.FAILED,
        may_declare=actor.can(Permission.INCIDENT_DECLARE),
    )
    return make_response(page)
