"""Pages of units in place: their versions and places, a new one of each; a photo to keep."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.catalogue.rules import DeviceKind
from tracker.devices import queries as devices
from tracker.devices.rules import Finding
from tracker.errors import Conflict, InvalidInput, RuleRefused
from tracker.findings.rules import Outcome, WordedFinding, worded
from tracker.upkeep import forms, queries, rules, service
from tracker.upkeep.models import SoftwareUpdate

bp = Blueprint("upkeep", __name__, template_folder="templates")


@dataclass(frozen=True, slots=True)
class ShownUpdate:
    """One update with its reasons in words."""

    update: SoftwareUpdate
    change: str
    findings: tuple[WordedFinding, ...]


@bp.get("/units/<number>/upkeep")
@http.requires(Permission.UNIT_READ)
def show(number: str) -> Response:
    """Show the versions and the places of one unit, newest first."""
    actor = http.current_actor()
    with http.transaction() as session:
        unit = devices.get_unit(session, number)
        updates = queries.list_updates(session, unit.id)
        places = queries.list_places(session, unit.id)
    kind = unit.definition.kind
    page = render_template(
        "upkeep/show.html",
        unit=unit,
        updates=_shown(updates),
        places=places,
        is_software=kind is DeviceKind.SOFTWARE,
        may_update=actor.can(Permission.RECEPTION_WRITE) and rules.may_update(kind, unit.state),
        may_move=actor.can(Permission.UNIT_DELIVER) and rules.may_move(kind, unit.state),
    )
    return make_response(page)


def _shown(updates: Sequence[SoftwareUpdate]) -> list[ShownUpdate]:
    return [ShownUpdate(one, _(rules.CHANGE_LABELS[one.change]), _worded(one)) for one in updates]


def _worded(update: SoftwareUpdate) -> tuple[WordedFinding, ...]:
    found = [Finding(one["code"], one["data"]) for one in update.findings]
    return tuple([worded(finding, translate=http.sentence, day=http.written_day) for finding in found])


@bp.route("/units/<number>/software-update", methods=["GET", "POST"])
@http.requires(Permission.RECEPTION_WRITE)
def update(number: str) -> Response:
    """Ask for a new version of software, and record it."""
    form, now = forms.UpdateForm(), clock.utc_now()
    form.offer()
    with http.transaction() as session:
        unit = devices.get_unit(session, number)
    if request.method == "GET":
        form.request_id.data, form.installed_on.data = str(db.new_id()), clock.paris_day(now)
        return make_response(render_template("upkeep/update.html", form=form, unit=unit))
    if not form.validate():
        return make_response(render_template("upkeep/update.html", form=form, unit=unit), 422)
    try:
        with http.transaction() as session:
            made = service.record_update(
                session,
                http.read_request_id(form.request_id.data),
                number=number,
                new=form.new(),
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
            outcome, version = made.outcome, made.version
    except (Conflict, InvalidInput, RuleRefused) as error:
        return http.rejected("upkeep/update.html", form, error, unit=unit)
    if outcome is Outcome.ACCEPTED:
        flash(_("Version %(version)s is recorded; the derogation covers it today.", version=version), "success")
    else:
        flash(_("Version %(version)s is recorded, and the unit is on hold: see why below.", version=version), "warning")
    return redirect(url_for("upkeep.show", number=unit.number), code=303)


@bp.route("/units/<number>/place", methods=["GET", "POST"])
@http.requires(Permission.UNIT_DELIVER)
def move(number: str) -> Response:
    """Ask where a unit stands now, and record it."""
    form, now = forms.PlaceForm(), clock.utc_now()
    with http.transaction() as session:
        unit = devices.get_unit(session, number)
    if request.method == "GET":
        form.request_id.data, form.moved_on.data = str(db.new_id()), clock.paris_day(now)
        return make_response(render_template("upkeep/place.html", form=form, unit=unit))
    if not form.validate():
        return make_response(render_template("upkeep/place.html", form=form, unit=unit), 422)
    try:
        with http.transaction() as session:
            service.record_place(
                session,
                http.read_request_id(form.request_id.data),
                number=number,
                new=form.new(),
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except (Conflict, InvalidInput, RuleRefused) as error:
        return http.rejected("upkeep/place.html", form, error, unit=unit)
    flash(_("The place of %(number)s is recorded.", number=unit.number), "success")
    return redirect(url_for("upkeep.show", number=unit.number), code=303)


@bp.route("/units/<number>/photo", methods=["GET", "POST"])
@http.requires(Permission.RECEPTION_WRITE)
def photograph(number: str) -> Response:
    """Ask for a photo of a unit, and keep it."""
    form, now = forms.PhotoForm(), clock.utc_now()
    with http.transaction() as session:
        unit = devices.get_unit(session, number)
    if request.method == "GET":
        form.request_id.data = str(db.new_id())
        return make_response(render_template("upkeep/photo.html", form=form, unit=unit))
    photo = forms.sent_photo(request.files.get("photo"))
    if photo is None:
        form.validate()
        return make_response(render_template("upkeep/photo.html", form=form, unit=unit), 422)
    try:
        with http.transaction() as session:
            service.keep_photo(
                session,
                http.read_request_id(form.request_id.data),
                number=number,
                photo=photo,
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except (Conflict, InvalidInput, RuleRefused) as error:
        return http.rejected("upkeep/photo.html", form, error, unit=unit)
    flash(_("The photo is kept with %(number)s.", number=unit.number), "success")
    return redirect(url_for("chronicle.show", number=unit.number, _anchor="photos"), code=303)
