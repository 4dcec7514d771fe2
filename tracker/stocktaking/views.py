"""Pages of the counts: list, bench, differences."""

from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.catalogue import queries as catalogue
from tracker.catalogue.forms import one_line
from tracker.delivery.queries import PatientLabelAtDelivery
from tracker.devices.queries import UnitView
from tracker.devices.rules import STATE_LABELS
from tracker.errors import N_, Conflict, InvalidInput, NotFound, RuleRefused, TraceError
from tracker.organisation import queries as organisation
from tracker.stocktaking import forms, queries, rules, service
from tracker.stocktaking.rules import Difference, Resolution
from tracker.stocktaking.service import Counted, NewCount

bp = Blueprint("stocktaking", __name__, template_folder="templates")

PAGE_LENGTH = 50
_OUTCOMES = {None: "accepted", Difference.WRONG_PLACE: "quarantined", Difference.UNEXPECTED: "refused"}


@dataclass(frozen=True, slots=True)
class Card:
    """The answer to one scan, as the bench shows it."""

    outcome: str
    sentence: str
    next_step: str = ""
    code: str = ""
    unit: UnitView | None = None
    word: str = ""
    """In large letters; that of a refusal where empty."""


@bp.get("/counts")
@http.requires(Permission.COUNT_READ)
def index() -> Response:
    """Show the counts, newest first, and ask for a new one."""
    return _index(forms.CountForm(formdata=None, request_id=str(db.new_id())))


def _index(form: forms.CountForm, *, error: TraceError | None = None) -> Response:
    with http.transaction() as session:
        form.offer(organisation.list_wards(session))
        asked = request.args.get("before", type=UUID)
        before = queries.get_count(session, asked) if asked else None
        found = queries.list_counts(session, limit=PAGE_LENGTH + 1, before=before)
    shown = found[:PAGE_LENGTH]
    page = render_template(
        "stocktaking/index.html",
        form=form,
        counts=shown,
        older=url_for("stocktaking.index", before=shown[-1].id) if len(found) > PAGE_LENGTH else None,
        newest=url_for("stocktaking.index") if before else None,
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
    )
    return make_response(page, http.status_of(error) if error else 422 if form.errors else 200)


class ReferenceUnclear(InvalidInput):
    """The reference that a count is narrowed to names no device, or several."""

    code = "count-reference-unclear"


@bp.post("/counts")
@http.requires(Permission.STOCK_COUNT)
def open_count() -> Response:
    """Open a count, then go to its bench."""
    form = forms.CountForm()
    with http.transaction() as session:
        form.offer(organisation.list_wards(session))
    if not form.validate():
        return _index(form)
    try:
        with http.transaction() as session:
            new = NewCount(form.ward_id(), _definition_id(session, form), one_line(form.note.data))
            opened = service.open_count(
                session,
                http.read_request_id(form.request_id.data),
                new=new,
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (Conflict, InvalidInput) as error:
        return _index(form, error=error)
    return redirect(url_for("stocktaking.show", count_id=opened.id), code=303)


def _definition_id(session: db.Session, form: forms.CountForm) -> UUID | None:
    """Return the one device that carries the reference, None where no reference was typed.

    Raises:
        ReferenceUnclear: it is carried by none, or by several.
    """
    reference = one_line(form.reference.data)
    if not reference:
        return None
    found = catalogue.find_definitions(session, udi_di=None, reference=reference)
    if len(found) != 1:
        raise ReferenceUnclear(
            N_("This reference names no device of the catalogue, or several."),
            next_step=N_("Correct it, or count everything."),
        )
    return found[0].id


@bp.get("/counts/<uuid:count_id>")
@http.requires(Permission.COUNT_READ)
def show(count_id: UUID) -> Response:
    """Show the bench of a count, and its differences so far."""
    return _show(count_id)


def _show(
    count_id: UUID,
    *,
    card: Card | None = None,
    raw: str = "",
    form: forms.ResolveForm | None = None,
    error: TraceError | None = None,
    is_deciding: bool = False,
) -> Response:
    with http.transaction() as session:
        line = queries.get_line(session, count_id)
        differences = queries.list_differences(session, queries.get_count(session, count_id))
    page = render_template(
        "stocktaking/show.html",
        count=line,
        differences=differences,
        shows_differences=is_deciding
        or bool(line.counted_count or line.closed_at or "over" in request.args)
        or any(one.resolution for one in differences),
        chosen=frozenset(request.form.getlist("number")),
        open_count=sum(1 for one in differences if one.resolution is None),
        labels={code: _(label) for code, label in rules.DIFFERENCE_LABELS.items()},
        resolutions={code: _(label) for code, label in rules.RESOLUTION_LABELS.items()},
        card=card,
        raw=raw,
        form=form or forms.ResolveForm(formdata=None),
        request_id=db.new_id(),
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
        may_decide=http.current_actor().can(Permission.UNIT_DELIVER) and line.closed_at is None,
    )
    return make_response(page, http.status_of(error) if error else 422 if form else 200)


@bp.post("/counts/<uuid:count_id>/units")
@http.requires(Permission.STOCK_COUNT)
def count_unit(count_id: UUID) -> Response:
    """Count the unit of one scan; the page's script gets the card alone."""
    raw, now, status = request.form.get("raw", ""), clock.utc_now(), 200
    with http.transaction() as session:
        queries.get_count(session, count_id)
    try:
        with http.transaction() as session:
            counted = service.count_unit(
                session, count_id, raw=raw, actor=http.current_actor(), now=now, today=clock.paris_day(now)
            )
        card, raw = _card_of(counted), ""
    except (Conflict, InvalidInput, NotFound, RuleRefused) as error:
        card = Card("refused", http.error_sentence(error), http.sentence(error.next_step), error.code)
        raw, status = "" if isinstance(error, PatientLabelAtDelivery) else raw, http.status_of(error)
    if http.wants_fragment():
        return make_response(render_template("stocktaking/_card.html", card=card, is_new=True), status)
    answer = _show(count_id, card=card, raw=raw)
    answer.status_code = status
    return answer


def _card_of(counted: Counted) -> Card:
    unit = counted.unit
    if counted.difference is None:
        sentence = "" if counted.is_first else _("Counted before: it stays counted once")
        return Card("accepted", sentence, unit=unit, word=_("Counted"))
    place = unit.ward_name or _(STATE_LABELS[unit.state])
    difference = _(rules.DIFFERENCE_LABELS[counted.difference])
    words = _("%(difference)s: %(place)s", difference=difference, place=place)
    return Card(_OUTCOMES[counted.difference], words, unit=unit, code=counted.difference.value, word=difference)


@bp.post("/counts/<uuid:count_id>/resolutions")
@http.requires(Permission.UNIT_DELIVER)
def resolve(count_id: UUID) -> Response:
    """Decide about the differences that were ticked, for one reason."""
    form = forms.ResolveForm()
    with http.transaction() as session:
        queries.get_count(session, count_id)
    if not form.validate():
        return _show(count_id, form=form, is_deciding=True)
    try:
        with http.transaction() as session:
            service.resolve(
                session,
                count_id,
                numbers=frozenset(request.form.getlist("number")),
                resolution=Resolution(form.resolution.data),
                reason=one_line(form.reason.data),
                actor=http.current_actor(),
                now=clock.utc_now(),
            )
    except (Conflict, InvalidInput, NotFound, RuleRefused) as error:
        return _show(count_id, form=form, error=error, is_deciding=True)
    return redirect(url_for("stocktaking.show", count_id=count_id, _anchor="differences"), code=303)


@bp.post("/counts/<uuid:count_id>/close")
@http.requires(Permission.UNIT_DELIVER)
def close(count_id: UUID) -> Response:
    """Close a count."""
    try:
        with http.transaction() as session:
            service.close_count(session, count_id, actor=http.current_actor(), now=clock.utc_now())
    except Conflict as error:
        return _show(count_id, error=error, is_deciding=True)
    flash(_("The count is closed."), "success")
    return redirect(url_for("stocktaking.show", count_id=count_id), code=303)
