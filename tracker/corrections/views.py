"""Pages of corrections of uses."""

from datetime import datetime
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.accounts import queries as accounts
from tracker.actor import Permission
from tracker.catalogue.forms import words
from tracker.corrections import forms, service
from tracker.devices.rules import STATE_LABELS, UnitState
from tracker.documents.documents import Locale
from tracker.errors import Conflict, InvalidInput, RuleRefused
from tracker.organisation import queries as organisation
from tracker.patients import service as patient_service
from tracker.use import queries as uses
from tracker.use.models import DeviceUse
from tracker.use.service import PapersOfUse

bp = Blueprint("corrections", __name__, template_folder="templates")

_REFUSALS = (InvalidInput, Conflict, RuleRefused)


@bp.route("/uses/<uuid:use_id>/amend", methods=["GET", "POST"])
@http.requires(Permission.USE_WRITE)
def amend(use_id: UUID) -> Response:
    """Ask for the details of a use as they should have been entered, and correct them."""
    now, actor = clock.utc_now(), http.current_actor()
    with http.transaction() as session:
        line = uses.get_use(session, use_id)
        patient = patient_service.open_patient(session, line.use.patient_id, actor=actor, now=now)
        form = forms.AmendForm() if request.method == "POST" else _filled(line.use)
        people = accounts.list_operators(session, recorded_id=line.use.operator_id)
        form.offer([(one.id, one.display_name, one.rpps) for one in people], organisation.list_wards(session))
    shown = {"line": line, "patient": patient}
    if request.method == "GET":
        return make_response(render_template("corrections/amend.html", form=form, **shown))
    if not form.validate():
        return make_response(render_template("corrections/amend.html", form=form, **shown), 422)
    try:
        with http.transaction() as session:
            made = service.amend_use(
                session,
                http.read_request_id(form.request_id.data),
                use_id=use_id,
                new=form.amendment(),
                why=words(form.why),
                actor=actor,
                now=now,
                today=clock.paris_day(now),
            )
    except _REFUSALS as error:
        return http.rejected("corrections/amend.html", form, error, **shown)
    _tell(made, now=now)
    return redirect(url_for("outcomes.show_use", use_id=made.id), code=303)


def _tell(made: DeviceUse, *, now: datetime) -> None:
    """Make the papers of a corrected use, and say what is to be done with those that were wrong."""
    locale: Locale = "en" if str(get_locale()) == "en" else "fr"
    flash(_("The use is corrected. Take the patient's earlier papers back and print the new ones."), "success")
    if not http.between_transactions(PapersOfUse(made.id, locale, http.current_actor(), now)):
        flash(_("Its papers could not be made. Make them on this page."), "warning")


def _filled(use: DeviceUse) -> forms.AmendForm:
    used_time = use.used_at.astimezone(clock.PARIS).time().replace(fold=0) if use.used_at else None
    return forms.AmendForm(
        formdata=None,
        request_id=str(db.new_id()),
        intervention=use.intervention.value,
        implanted_system=use.implanted_system,
        side=use.side.value,
        used_on=use.used_on,
        used_time=used_time,
        operator_id=str(use.operator_id),
        ward_id=str(use.ward_id),
        reason=use.reason,
    )


@bp.route("/uses/<uuid:use_id>/withdraw", methods=["GET", "POST"])
@http.requires(Permission.USE_WITHDRAW)
def withdraw(use_id: UUID) -> Response:
    """Ask why a use is taken back and where its unit is, and take it back."""
    form, now, actor = forms.WithdrawForm(), clock.utc_now(), http.current_actor()
    with http.transaction() as session:
        line = uses.get_use(session, use_id)
        patient = patient_service.open_patient(session, line.use.patient_id, actor=actor, now=now)
    shown = {"line": line, "patient": patient}
    if request.method == "GET":
        form.request_id.data = str(db.new_id())
        return make_response(render_template("corrections/withdraw.html", form=form, **shown))
    if not form.validate():
        return make_response(render_template("corrections/withdraw.html", form=form, **shown), 422)
    try:
        with http.transaction() as session:
            state = service.withdraw_use(
                session,
                http.read_request_id(form.request_id.data),
                use_id=use_id,
                why=words(form.why),
                whereabouts=form.place(),
                actor=actor,
                now=now,
                today=clock.paris_day(now),
            )
    except _REFUSALS as error:
        return http.rejected("corrections/withdraw.html", form, error, **shown)
    word = _(STATE_LABELS[UnitState(state)])
    said = _("The use is withdrawn. The unit %(number)s is now: %(state)s.", number=line.unit_number, state=word)
    flash(said, "success")
    return redirect(url_for("outcomes.show_use", use_id=use_id), code=303)
