"""Pages of the bench: deliver unit after unit to one ward, take units back."""

from dataclasses import dataclass
from datetime import date

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.delivery import forms, queries, service
from tracker.delivery.forms import DeliverForm
from tracker.delivery.queries import PatientLabelAtDelivery
from tracker.devices import queries as devices
from tracker.devices.queries import UnitView
from tracker.devices.rules import STATE_LABELS, UnitState
from tracker.errors import N_, Conflict, InvalidInput, NotFound, RuleRefused, TraceError
from tracker.organisation import queries as organisation

bp = Blueprint("delivery", __name__, template_folder="templates")

_REFUSALS = (Conflict, InvalidInput, NotFound, RuleRefused)


@dataclass(frozen=True, slots=True)
class Card:
    """The answer to one scan, as the bench shows it."""

    outcome: str
    sentence: str
    next_step: str = ""
    code: str = ""
    unit: UnitView | None = None


def _card_of(unit: UnitView) -> Card:
    outcome = "quarantined" if unit.holds or unit.state is UnitState.QUARANTINED else "accepted"
    words = _(STATE_LABELS[unit.state])
    sentence = f"{words} · {unit.ward_name}" if unit.ward_name else words
    return Card(outcome, sentence, unit=unit)


def _card_of_refusal(error: TraceError, raw: str, today: date) -> Card:
    unit = _named(raw, today)
    return Card("refused", http.error_sentence(error), http.sentence(error.next_step), error.code, unit)


def _named(raw: str, today: date) -> UnitView | None:
    """Return the unit that a refused scan names, so that its box is found again among those on the bench."""
    with http.transaction() as session:
        try:
            return devices.get_unit(session, queries.name_unit(session, raw, today=today))
        except _REFUSALS:
            return None


def _fragment(card: Card, status: int = 200) -> Response:
    return make_response(render_template("delivery/_card.html", card=card, is_new=True), status)


@bp.get("/delivery")
@http.requires(Permission.UNIT_DELIVER)
def bench() -> Response:
    """Ask for the ward, then for one unit after the other."""
    form = DeliverForm(request.args, meta={"csrf": False})
    return _bench(form, is_begun=bool(request.args.get("ward")))


def _bench(form: DeliverForm, *, is_begun: bool, card: Card | None = None, raw: str = "") -> Response:
    with http.transaction() as session:
        wards = organisation.list_wards(session)
    form.offer(wards)
    ready = form.validate() if is_begun else False
    status = 422 if is_begun and not ready else 200
    page = render_template(
        "delivery/bench.html",
        form=form,
        ward=next((ward.name for ward in wards if ready and str(ward.id) == form.ward.data), None),
        has_wards=bool(wards),
        card=card,
        raw=raw,
        request_id=db.new_id(),
    )
    return make_response(page, status)


@bp.post("/delivery")
@http.requires(Permission.UNIT_DELIVER)
def deliver() -> Response:
    """Deliver the unit of one scan; the page's script gets the card alone."""
    form, raw, now = DeliverForm(), request.form.get("raw", ""), clock.utc_now()
    with http.transaction() as session:
        form.offer(organisation.list_wards(session))
    if not form.validate():
        return _bench(form, is_begun=True, raw=raw)
    status = 200
    try:
        with http.transaction() as session:
            unit = service.deliver_scanned(
                session,
                http.read_request_id(request.form.get("request_id")),
                raw=raw,
                to=form.handover(),
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
        card, raw = _card_of(unit), ""
    except _REFUSALS as error:
        card, status = _card_of_refusal(error, raw, clock.paris_day(now)), http.status_of(error)
        raw = "" if isinstance(error, PatientLabelAtDelivery) else raw
    if http.wants_fragment():
        return _fragment(card, status)
    answer = _bench(form, is_begun=True, card=card, raw=raw)
    answer.status_code = status
    return answer


@bp.get("/units/<number>/deliver")
@http.requires(Permission.UNIT_DELIVER)
def ask(number: str) -> Response:
    """Ask to which ward a unit goes; where no derogation covers it today, say so instead."""
    return _unit_page(number, DeliverForm(formdata=None, request_id=str(db.new_id())))


def _unit_page(number: str, form: DeliverForm, *, error: TraceError | None = None) -> Response:
    with http.transaction() as session:
        unit = devices.get_unit(session, number)
        form.offer(organisation.list_wards(session))
        refused = None if error else queries.find_refusal(session, unit, today=clock.paris_day(clock.utc_now()))
    if error is not None:
        return http.rejected("delivery/unit.html", form, error, unit=unit, is_covered=True)  # what was typed stays
    page = render_template(
        "delivery/unit.html",
        form=form,
        unit=unit,
        error=http.error_sentence(refused) if refused else "",
        error_next=http.sentence(refused.next_step) if refused else "",
        is_covered=refused is None,
    )
    return make_response(page, 422 if form.errors else 200)


@bp.post("/units/<number>/deliver")
@http.requires(Permission.UNIT_DELIVER)
def deliver_one(number: str) -> Response:
    """Deliver a unit to a ward."""
    form, now = DeliverForm(), clock.utc_now()
    with http.transaction() as session:
        form.offer(organisation.list_wards(session))
    if not form.validate():
        return _unit_page(number, form)
    try:
        with http.transaction() as session:
            service.deliver_unit(
                session,
                number,
                to=form.handover(),
                movement_id=http.read_request_id(form.request_id.data),
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except (Conflict, InvalidInput, RuleRefused) as error:
        return _unit_page(number, form, error=error)
    flash(_("The unit %(number)s is delivered.", number=number), "success")
    return redirect(url_for("chronicle.show", number=number), code=303)


@bp.get("/returns")
@http.requires(Permission.UNIT_DELIVER)
def returns() -> Response:
    """Ask for the units that come back from a ward."""
    form = forms.ReturnForm(formdata=None, returned_by=request.args.get("returned_by", "")[:200])
    return _returns(form)


def _returns(form: forms.ReturnForm, *, card: Card | None = None, status: int = 200) -> Response:
    page = render_template("delivery/returns.html", form=form, card=card, request_id=db.new_id())
    return make_response(page, status)


@bp.post("/returns")
@http.requires(Permission.UNIT_DELIVER)
def take_back() -> Response:
    """Take back the unit of one scan, sound or with a doubt; the page's script gets the card alone."""
    form, now, status = forms.ReturnForm(), clock.utc_now(), 200
    try:
        _check_doubt(form)
        with http.transaction() as session:
            unit = service.return_scanned(
                session,
                http.read_request_id(form.request_id.data),
                raw=form.raw.data or "",
                inspected=form.inspected(),
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
        card = _card_of(unit)
        form.raw.data = form.doubt.data = ""
    except _REFUSALS as error:
        card = _card_of_refusal(error, form.raw.data or "", clock.paris_day(now))
        status = http.status_of(error)
        form.raw.data = "" if isinstance(error, PatientLabelAtDelivery) else form.raw.data
    return _fragment(card, status) if http.wants_fragment() else _returns(form, card=card, status=status)


class DoubtMissing(InvalidInput):
    """A unit was set apart at its return without saying what is wrong with it."""

    code = "doubt-missing"


def _check_doubt(form: forms.ReturnForm) -> None:
    """Check a return that is marked doubtful.

    Raises:
        DoubtMissing: nothing was written, or too much.
    """
    if not form.validate() or ("is_doubtful" in request.form and not form.inspected().doubt):
        raise DoubtMissing(
            N_("Write what is wrong with this unit."), next_step=N_("Nothing was recorded. Complete the form.")
        )
