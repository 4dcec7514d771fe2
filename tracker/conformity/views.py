"""Pages of the way to the CE mark and of what documents call a device."""

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.conformity import forms, queries, rules, service
from tracker.conformity.models import ConformityStatement
from tracker.conformity.rules import (
    ASPECT_LABELS,
    CLASS_LABELS,
    PLACE_LABELS,
    REASON_LABELS,
    STATE_LABELS,
    Aspect,
    Place,
)
from tracker.conformity.service import NewExplanation, NewNaming, NewStatement
from tracker.derogations import queries as derogations
from tracker.errors import Conflict, InvalidInput

bp = Blueprint("conformity", __name__, template_folder="templates")

_PREFIX = "/derogations/<uuid:derogation_id>/conformity"


@bp.get(_PREFIX)
@http.requires(Permission.DEROGATION_READ)
def show(derogation_id: UUID) -> Response:
    """Show where the devices of a derogation stand, and what their documents call them."""
    return _page(derogation_id, forms.ExplanationForm(formdata=None))


def _page(derogation_id: UUID, form: forms.ExplanationForm, error: InvalidInput | Conflict | None = None) -> Response:
    now = clock.utc_now()
    today = clock.paris_day(now)
    with http.transaction() as session:
        sheet = derogations.get_sheet(session, derogation_id, day=today, known_at=now)
        statements = queries.list_statements(session, derogation_id, known_at=now)
        comparison = queries.compare(session, sheet)
    present = queries.present_statements(statements, today)
    context = {
        "sheet": sheet,
        "pathways": [_shown(statement) for statement in present],
        "earlier": [statement for statement in statements if statement not in present],
        "comparison": comparison,
        "aspects": {aspect.value: _(word) for aspect, word in ASPECT_LABELS.items()},
        "places": {place.value: _(word) for place, word in PLACE_LABELS.items()},
        "may_write": http.current_actor().can(Permission.DEROGATION_WRITE),
        "new_request_id": db.new_id,
    }
    if error is not None:
        return http.rejected("conformity/show.html", form, error, **context)
    return make_response(render_template("conformity/show.html", form=form, **context))


def _shown(statement: ConformityStatement) -> dict[str, object]:
    """Return one statement in words."""
    pathway = queries.pathway_of(statement)
    today = clock.paris_day(clock.utc_now())
    applies = rules.consultation_applies(
        pathway.risk_class, is_implantable=pathway.is_implantable, exchanges_medicine=pathway.exchanges_medicine
    )
    return {
        "row": statement,
        "pathway": pathway,
        "risk_class": _(CLASS_LABELS[pathway.risk_class]),
        "reason": _(REASON_LABELS[pathway.no_mark_reason]),
        "applies": applies.value,
        "state": _(STATE_LABELS[pathway.consultation]),
        "late": rules.late_milestones(pathway, today=today),
        "is_stale": statement.stated_on + rules.STALE_AFTER < today,
    }


@bp.get(f"{_PREFIX}/statements/new")
@http.requires(Permission.DEROGATION_WRITE)
def new_statement(derogation_id: UUID) -> Response:
    """Show the form for a statement, filled with what was stated last."""
    now = clock.utc_now()
    with http.transaction() as session:
        statements = queries.list_statements(session, derogation_id, known_at=now)
    latest = next((statement for statement in statements if not statement.reference), None)
    form = forms.StatementForm(formdata=None, request_id=str(db.new_id()), **_filled(latest))
    return _form_page("conformity/new_statement.html", derogation_id, form)


def _filled(statement: ConformityStatement | None) -> dict[str, object]:
    if statement is None:
        return {}
    pathway = queries.pathway_of(statement)
    return {
        "risk_class": pathway.risk_class.value,
        "is_implantable": pathway.is_implantable,
        "exchanges_medicine": pathway.exchanges_medicine,
        "no_mark_reason": pathway.no_mark_reason.value,
        "no_mark_note": pathway.no_mark_note,
        "certificates": "\n".join(
            f"{one.number} ; {one.notified_body} ; {one.valid_until}" for one in pathway.certificates
        ),
        "notified_body": pathway.notified_body,
        "milestones": "\n".join(f"{one.due_on.isoformat()} ; {one.what}" for one in pathway.milestones),
        "consultation": pathway.consultation.value,
        "consultation_on": pathway.consultation_on,
        "consultation_note": pathway.consultation_note,
    }


@bp.post(f"{_PREFIX}/statements/new")
@http.requires(Permission.DEROGATION_WRITE)
def record_statement(derogation_id: UUID) -> Response:
    """Record what is stated of the way to the CE mark."""
    form, now = forms.StatementForm(), clock.utc_now()
    if not form.validate():
        return _form_page("conformity/new_statement.html", derogation_id, form)
    try:
        new = NewStatement(
            derogation_id=derogation_id,
            pathway=form.pathway(),
            stated_on=form.stated_day(),
            source=forms.words(form.source),
            reference=forms.words(form.reference),
        )
        statement_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            service.record_statement(
                session, statement_id, new=new, actor=http.current_actor(), now=now, today=clock.paris_day(now)
            )
    except (InvalidInput, Conflict) as error:
        return http.rejected("conformity/new_statement.html", form, error, sheet=_sheet(derogation_id))
    flash(_("The statement is recorded."), "success")
    return redirect(url_for("conformity.show", derogation_id=derogation_id), code=303)


@bp.get(f"{_PREFIX}/namings/new")
@http.requires(Permission.DEROGATION_WRITE)
def new_naming(derogation_id: UUID) -> Response:
    """Show the form for what a document calls the device."""
    form = forms.NamingForm(formdata=None, request_id=str(db.new_id()))
    return _form_page("conformity/new_naming.html", derogation_id, form)


@bp.post(f"{_PREFIX}/namings/new")
@http.requires(Permission.DEROGATION_WRITE)
def record_naming(derogation_id: UUID) -> Response:
    """Record what a document calls the device."""
    form = forms.NamingForm()
    if not form.validate():
        return _form_page("conformity/new_naming.html", derogation_id, form)
    said = {aspect.value: forms.words(form[aspect.value]) for aspect in Aspect}
    new = NewNaming(derogation_id, Place(form.place.data), forms.words(form.title), **said)
    try:
        naming_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            service.record_naming(session, naming_id, new=new, actor=http.current_actor(), now=clock.utc_now())
    except (InvalidInput, Conflict) as error:
        return http.rejected("conformity/new_naming.html", form, error, sheet=_sheet(derogation_id))
    flash(_("What the document says is recorded and compared."), "success")
    return redirect(url_for("conformity.show", derogation_id=derogation_id), code=303)


@bp.post(f"{_PREFIX}/explanations")
@http.requires(Permission.DEROGATION_WRITE)
def explain(derogation_id: UUID) -> Response:
    """Record why a document may say an aspect differently."""
    form, now = forms.ExplanationForm(), clock.utc_now()
    if not form.validate():
        return make_response(_page(derogation_id, form), 422)
    new = NewExplanation(derogation_id, Aspect(form.aspect.data), form.value.data or "", forms.words(form.reason))
    try:
        explanation_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            service.explain(
                session, explanation_id, new=new, actor=http.current_actor(), now=now, today=clock.paris_day(now)
            )
    except (InvalidInput, Conflict) as error:
        return _page(derogation_id, form, error)
    flash(_("The explanation is recorded."), "success")
    return redirect(url_for("conformity.show", derogation_id=derogation_id), code=303)


def _sheet(derogation_id: UUID) -> derogations.DerogationStanding:
    now = clock.utc_now()
    with http.transaction() as session:
        return derogations.get_sheet(session, derogation_id, day=clock.paris_day(now), known_at=now)


def _form_page(template: str, derogation_id: UUID, form: forms.StatementForm | forms.NamingForm) -> Response:
    status = 422 if form.errors else 200
    return make_response(render_template(template, form=form, sheet=_sheet(derogation_id)), status)
