"""Pages of recaps: what is due, what was made, a preview that freezes into a recap, and its handing over."""

from datetime import date, datetime
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.db import Session
from tracker.derogations import queries as derogations
from tracker.devices.rules import ON_HAND, STATE_LABELS
from tracker.documents import queries as documents
from tracker.documents.documents import Locale
from tracker.errors import N_, Conflict, InvalidInput, NotFound
from tracker.recaps import forms, queries, rules, service
from tracker.recaps.documents import WorkbookWords, workbook
from tracker.recaps.rules import Recap
from tracker.recaps.service import NewHandover, Period

bp = Blueprint("recaps", __name__, template_folder="templates")

_PAGE_LENGTH = 50
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_REFUSALS = (InvalidInput, Conflict, NotFound)


@bp.get("/recaps")
@http.requires(Permission.RECAP_READ)
def index() -> Response:
    """Show the recaps that are due, then those that were made, newest first."""
    now = clock.utc_now()
    today, lead_days = clock.paris_day(now), http.web().values["recap_lead_days"]
    with http.transaction() as session:
        page = queries.list_recaps(session, derogation_id=None, after=_after(), limit=_PAGE_LENGTH)
        due = [] if _after() else queries.list_due(session, today=today, now=now, lead_days=lead_days)
    following = page.next_after
    return make_response(
        render_template(
            "recaps/index.html",
            lines=page.lines,
            due=due,
            older=f"{url_for('recaps.index')}?{urlencode({'at': following[0].isoformat(), 'id': following[1]})}"
            if following
            else None,
            is_first=_after() is None,
            may_write=http.current_actor().can(Permission.RECAP_WRITE),
        )
    )


def _after() -> tuple[datetime, UUID] | None:
    at, recap_id = request.args.get("at", ""), request.args.get("id", "")
    try:
        return (datetime.fromisoformat(at), UUID(recap_id)) if at else None
    except ValueError as error:
        raise InvalidInput(N_("This address asks for a page of the list that does not exist.")) from error


@bp.get("/recaps/new")
@http.requires(Permission.RECAP_WRITE)
def new() -> Response:
    """Show the form of a recap, and what it would say once a derogation and a period are chosen."""
    now = clock.utc_now()
    today, chosen = clock.paris_day(now), _chosen()
    form = forms.RecapForm(formdata=None, request_id=str(db.new_id()), derogation=str(chosen or ""))
    with http.transaction() as session:
        _fill(session, form, today=today, now=now)
        if chosen is not None:
            sheet = derogations.get_sheet(session, chosen, day=today, known_at=now)
            told_until = queries.find_told_until(session, chosen)
            first, last = rules.proposed_period(sheet.begins_on, told_until=told_until, today=today)
            form.first_day.data, form.last_day.data = _day("first_day") or first, _day("last_day") or last
    return _previewed(form, today=today)


def _chosen() -> UUID | None:
    value = request.args.get("derogation", "")
    return http.read_request_id(value) if value else None


def _day(name: str) -> date | None:
    value = request.args.get(name, "")
    try:
        return date.fromisoformat(value) if value else None
    except ValueError as error:
        raise InvalidInput(N_("This is not a date."), fields={name: N_("Write it as 2024-07-26.")}) from error


def _fill(session: Session, form: forms.RecapForm, *, today: date, now: datetime) -> None:
    annual = queries.list_annual(session, today=today, now=now)
    known = {str(one.id): f"{one.designation} – {one.manufacturer_name}" for one in annual}
    form.derogation.choices = {"": _("choose from the list")} | known


def _previewed(form: forms.RecapForm, *, today: date) -> Response:
    """Answer the form with what the recap would say; a period that cannot be is told at its field."""
    if not form.derogation.data:
        return make_response(render_template("recaps/new.html", form=form))
    try:
        with http.transaction() as session:
            recap = service.preview(session, period=_period(form), today=today)
    except _REFUSALS as error:
        return http.rejected("recaps/new.html", form, error)
    return make_response(render_template("recaps/new.html", form=form, **_shown(recap)))


def _period(form: forms.RecapForm) -> Period:
    return Period(*form.period(), http.web().values["recap_least_count"])


def _shown(recap: Recap) -> dict[str, object]:
    return {
        "recap": recap,
        "state_words": {code.value: _(word) for code, word in STATE_LABELS.items()},
        "left_count": sum(one.count for one in recap.units if one.state in ON_HAND),
    }


@bp.post("/recaps/new")
@http.requires(Permission.RECAP_WRITE)
def create() -> Response:
    """Freeze a recap."""
    form, now = forms.RecapForm(), clock.utc_now()
    today, locale = clock.paris_day(now), _locale()
    with http.transaction() as session:
        _fill(session, form, today=today, now=now)
    if not form.validate():
        return make_response(render_template("recaps/new.html", form=form), 422)
    try:
        recap_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            service.make_recap(
                session,
                recap_id,
                period=_period(form),
                locale=locale,
                actor=http.current_actor(),
                now=now,
                today=today,
            )
    except _REFUSALS as error:
        return http.rejected("recaps/new.html", form, error)
    flash(_("The recap is frozen. Hand it over to the manufacturer, then record it here."), "success")
    return redirect(url_for("recaps.show", recap_id=recap_id), code=303)


def _locale() -> Locale:
    return "en" if str(get_locale()) == "en" else "fr"


@bp.get("/recaps/<uuid:recap_id>")
@http.requires(Permission.RECAP_READ)
def show(recap_id: UUID) -> Response:
    """Show one recap with its files and its handing over."""
    form = forms.HandoverForm(formdata=None, request_id=str(db.new_id()), handed_on=clock.paris_day(clock.utc_now()))
    return make_response(render_template("recaps/show.html", form=form, **_recap_context(recap_id)))


def _recap_context(recap_id: UUID) -> dict[str, object]:
    with http.transaction() as session:
        row = queries.get_recap(session, recap_id)
        return {
            "row": row,
            "derogation": derogations.get_derogation(session, row.derogation_id),
            "document": documents.get_document(session, row.document_id),
            "handovers": queries.list_handovers(session, recap_id),
            "may_write": http.current_actor().can(Permission.RECAP_WRITE),
            **_shown(rules.recap_from_json(row.content)),
        }


@bp.get("/recaps/<uuid:recap_id>/workbook")
@http.requires(Permission.RECAP_READ)
def download(recap_id: UUID) -> Response:
    """Answer a recap as XLSX, from what was frozen."""
    with http.transaction() as session:
        row = queries.get_recap(session, recap_id)
        title = derogations.get_derogation(session, row.derogation_id).designation
    words = WorkbookWords(
        used=_("Used"),
        left=_("Left"),
        incidents=_("Incidents"),
        reference=_("Reference"),
        designation=_("Designation"),
        lot=_("Lot"),
        total=_("Total"),
        state=_("State"),
        count=_("How many"),
        case=_("Case number"),
        states={code.value: _(word) for code, word in STATE_LABELS.items()},
    )
    answer = make_response(workbook(rules.recap_from_json(row.content), words, title=title, made_at=row.made_at))
    answer.content_type = _XLSX
    name = f"recap-{row.first_day.isoformat()}-{row.last_day.isoformat()}.xlsx"
    answer.headers["Content-Disposition"] = f"attachment; filename={name}"
    return answer


@bp.post("/recaps/<uuid:recap_id>/handovers")
@http.requires(Permission.RECAP_WRITE)
def hand_over(recap_id: UUID) -> Response:
    """Record that a recap was handed over."""
    form, now, context = forms.HandoverForm(), clock.utc_now(), _recap_context(recap_id)
    if not form.validate():
        return make_response(render_template("recaps/show.html", form=form, **context), 422)
    told = NewHandover(recap_id, form.day(), form.recipient.data or "", form.note.data or "")
    try:
        handover_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            service.hand_over(
                session, handover_id, new=told, actor=http.current_actor(), now=now, today=clock.paris_day(now)
            )
    except _REFUSALS as error:
        return http.rejected("recaps/show.html", form, error, **context)
    flash(_("The handing over is recorded."), "success")
    return redirect(url_for("recaps.show", recap_id=recap_id), code=303)
