"""One derogation as known on any day, and the forms that add to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from uuid import UUID, uuid5

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # the stubs are older than WTForms 3.3

from tracker import clock, db, http
from tracker.actor import Permission
from tracker.catalogue import queries as catalogue
from tracker.catalogue import service as catalogue_service
from tracker.catalogue.rules import NewManufacturer
from tracker.db import Session
from tracker.derogations import forms, queries, service
from tracker.derogations.forms import DECISION_LABELS, DOMAIN_LABELS, KIND_LABELS
from tracker.derogations.models import Decision, ScopeEntry
from tracker.derogations.rules import DecisionKind, DerogationKind, DerogationStatus, Domain
from tracker.derogations.service import NewAlias, NewDecision, NewDerogation, NewReference, NewScope
from tracker.documents import queries as documents
from tracker.documents.models import Document
from tracker.effects import service as effects
from tracker.effects.service import EffectReport
from tracker.errors import N_, Conflict, InvalidInput, NotFound
from tracker.organisation import queries as organisation
from tracker.patients import queries as patients
from tracker.patients.queries import PatientView
from tracker.terms import rules as terms
from tracker.terms.rules import Conditions

bp = Blueprint("decisions", __name__, template_folder="templates")

_STATUS_SENTENCES: Mapping[DerogationStatus, str] = {
    DerogationStatus.IN_FORCE: N_("May be used until %(until)s, included."),
    DerogationStatus.ENDED: N_("Ended after %(until)s: nothing may be received or used under it."),
    DerogationStatus.SUSPENDED: N_("Suspended since %(since)s: nothing may be received or used until it is lifted."),
    DerogationStatus.WITHDRAWN: N_("Withdrawn since %(since)s: nothing may be received or used under it."),
    DerogationStatus.REFUSED: N_("ANSM refused the request: the company must not supply the device."),
    DerogationStatus.NOT_YET: N_("Granted, but not yet with effect on %(day)s."),
    DerogationStatus.END_UNKNOWN: N_("Granted without a stated end: it cannot be relied on until the end is known."),
    DerogationStatus.UNKNOWN: N_("No decision was known for this day."),
}


@dataclass(frozen=True, slots=True)
class ShownDecision:
    """One decision in the history of a derogation."""

    row: Decision
    label: str
    letter: Document | None
    is_corrected: bool
    is_taken_back: bool
    """A suspension that was lifted on the day on which it began."""
    """A later decision took its place."""
    corrects: str
    """What it took the place of, in words; empty where nothing."""


@dataclass(frozen=True, slots=True)
class ShownReference:
    """One reference that is, was or will be in the scope."""

    entry: ScopeEntry
    is_listed: bool
    """It is in the scope on the day asked for."""


@bp.get("/derogations/<uuid:derogation_id>")
@http.requires(Permission.DEROGATION_READ)
def show(derogation_id: UUID) -> Response:
    """Show one derogation: what it is worth on a day, as known on a day."""
    actor = http.current_actor()
    now = clock.utc_now()
    today = clock.paris_day(now)
    day, known = _day("day", today), _day("known", today)
    known_at = now if known >= today else datetime.combine(known, time.max, tzinfo=clock.PARIS)
    with http.transaction() as session:
        sheet = queries.get_sheet(session, derogation_id, day=day, known_at=known_at)
        derogation = queries.get_derogation(session, derogation_id)
        decisions = queries.list_decisions(session, derogation_id)
        entries = queries.list_scope(session, derogation_id)
        letters = documents.list_by_id(session, {one.document_id for one in decisions if one.document_id})
        patient = _patient_of(session, derogation.patient_id) if actor.can(Permission.PATIENT_READ) else None
        pseudonym = queries.read_pseudonym(session, derogation) if patient else ""
        aliases = queries.list_aliases(session, derogation_id)
        place_count = queries.count_places(session, derogation_id)
        ward_names = {ward.id: ward.name for ward in organisation.list_wards(session)}
    shown = [decision for decision in decisions if decision.recorded_at <= known_at]
    return make_response(
        render_template(
            "decisions/show.html",
            sheet=sheet,
            derogation=derogation,
            status_sentence=_STATUS_SENTENCES[sheet.status],
            decisions=_shown_decisions(shown, letters),
            hidden_count=len(decisions) - len(shown),
            references=_shown_references(entries, day=day, known_at=known_at),
            patient=patient,
            pseudonym=pseudonym,
            aliases=[alias for alias in aliases if alias.recorded_at <= known_at],
            place_count=place_count,
            conditions=sheet.standing.conditions,
            allowed_wards=_allowed_wards(sheet.standing.conditions, ward_names),
            kind=_(KIND_LABELS[sheet.kind]),
            domain=_(DOMAIN_LABELS[sheet.domain]),
            day=day,
            known=known,
            today=today,
            may_write=actor.can(Permission.DEROGATION_WRITE),
            may_see_uses=actor.can(Permission.USE_READ),
            may_see_incidents=actor.can(Permission.INCIDENT_READ),
            may_see_units=actor.can(Permission.UNIT_READ),
        )
    )


def _allowed_wards(conditions: Conditions | None, ward_names: Mapping[UUID, str]) -> list[str]:
    return [ward_names.get(ward_id, str(ward_id)) for ward_id in conditions.ward_ids] if conditions else []


def _patient_of(session: Session, patient_id: UUID | None) -> PatientView | None:
    return patients.get_patient(session, patient_id) if patient_id else None


def _shown_decisions(decisions: Sequence[Decision], letters: Sequence[Document]) -> list[ShownDecision]:
    by_id = {decision.id: decision for decision in decisions}
    files = {letter.id: letter for letter in letters}
    corrections = {decision.corrects_id: decision for decision in decisions if decision.corrects_id}
    return [
        ShownDecision(
            row=decision,
            label=_(DECISION_LABELS[decision.kind]),
            letter=files.get(decision.document_id) if decision.document_id else None,
            is_corrected=decision.id in corrections,
            is_taken_back=_is_taken_back(decision, corrections.get(decision.id)),
            corrects=_(DECISION_LABELS[by_id[decision.corrects_id].kind]) if decision.corrects_id in by_id else "",
        )
        for decision in decisions
    ]


def _is_taken_back(decision: Decision, correction: Decision | None) -> bool:
    is_lifted = correction is not None and correction.kind is DecisionKind.REINSTATED
    return decision.kind is DecisionKind.SUSPENDED and is_lifted


def _shown_references(entries: Sequence[ScopeEntry], *, day: date, known_at: datetime) -> list[ShownReference]:
    """Return each reference once, with the entry that speaks on the day, or the first one to come."""
    known = [entry for entry in entries if entry.recorded_at <= known_at]
    listed = terms.references_on([queries.scope_facts(entry) for entry in known], day, known_at=known_at)
    latest: dict[str, ScopeEntry] = {}
    for entry in known:  # by reference, then by day
        if entry.reference not in latest or entry.effective_from <= day:
            latest[entry.reference] = entry
    return [ShownReference(entry, reference in listed) for reference, entry in latest.items()]


def _short(value: date | None) -> str:
    return value.strftime("%d/%m/%Y") if value else "—"


@bp.get("/derogations/<uuid:derogation_id>/decisions/new")
@http.requires(Permission.DEROGATION_WRITE)
def new_decision(derogation_id: UUID) -> Response:
    """Show the form for one more decision."""
    form = forms.DecisionForm(formdata=None, request_id=str(db.new_id()))
    context = _decision_context(derogation_id, form)
    return make_response(render_template("decisions/new_decision.html", form=form, **context))


@bp.post("/derogations/<uuid:derogation_id>/decisions/new")
@http.requires(Permission.DEROGATION_WRITE)
def record_decision(derogation_id: UUID) -> Response:
    """Record one more decision, with its letter."""
    form = forms.DecisionForm()
    context = _decision_context(derogation_id, form)
    if not form.validate():
        return make_response(render_template("decisions/new_decision.html", form=form, **context), 422)
    try:
        says = _decision_of(form, derogation_id, DecisionKind(form.kind.data))
        new = replace(says, removed=form.removed(), corrects_id=form.corrected())
        decision_id = http.read_request_id(form.request_id.data)
        now = clock.utc_now()
        with http.transaction() as session:
            _decision, report = effects.record_decision(
                session,
                decision_id,
                new=new,
                public_url=http.web().values["public_url"],
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except (InvalidInput, Conflict) as error:
        return http.rejected("decisions/new_decision.html", form, error, **context)
    flash(_what_was_done(report), "success")
    return redirect(url_for("decisions.show", derogation_id=derogation_id), code=303)


def _what_was_done(report: EffectReport) -> str:
    if report == EffectReport():
        return str(_("The decision is recorded."))
    return str(
        _(
            "The decision is recorded: %(held)s units held, %(lifted)s released, %(told)s people told.",
            held=report.held_count,
            lifted=report.lifted_count,
            told=report.told_count,
        )
    )


def _decision_context(derogation_id: UUID, form: forms.DecisionForm) -> dict[str, object]:
    now = clock.utc_now()
    with http.transaction() as session:
        sheet = queries.get_sheet(session, derogation_id, day=clock.paris_day(now), known_at=now)
        decisions = queries.list_decisions(session, derogation_id)
        form.ward_ids.choices = _ward_choices(session)
    corrected = {decision.corrects_id for decision in decisions}
    form.corrects_id.choices = {"": _("no decision")} | {
        str(one.id): _(
            "%(decision)s, from %(day)s", decision=_(DECISION_LABELS[one.kind]), day=_short(one.effective_from)
        )
        for one in decisions
        if one.id not in corrected
    }
    return {"sheet": sheet}


def _decision_of(form: forms.LetterForm, derogation_id: UUID, kind: DecisionKind) -> NewDecision:
    return NewDecision(
        derogation_id=derogation_id,
        kind=kind,
        effective_from=form.first_day(),
        valid_until=form.valid_until.data,
        decided_on=form.decided_on.data,
        received_on=form.received_on.data,
        reference=forms.words(form.reference),
        patient_cap=form.patient_cap.data,
        conditions=form.conditions(),
        note=forms.words(form.note),
        source=forms.words(form.source),
        document=form.new_letter(),
        added=tuple(NewReference(code, label) for code, label in form.listed()),
    )


@bp.get("/derogations/new")
@http.requires(Permission.DEROGATION_WRITE)
def new() -> Response:
    """Show the form for a new derogation."""
    form = forms.DerogationForm(formdata=None, request_id=str(db.new_id()))
    _fill_companies(form)
    return make_response(render_template("decisions/new.html", form=form))


@bp.post("/derogations/new")
@http.requires(Permission.DEROGATION_WRITE)
def create() -> Response:
    """Enter a derogation with its first decision."""
    form = forms.DerogationForm()
    _fill_companies(form)
    if not form.validate():
        return make_response(render_template("decisions/new.html", form=form), 422)
    actor, now = http.current_actor(), clock.utc_now()
    try:
        derogation_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            derogation = NewDerogation(
                kind=DerogationKind(form.kind.data),
                domain=Domain(form.domain.data),
                designation=forms.words(form.designation),
                manufacturer_id=_company_of(session, form, derogation_id, now=now),
                source=forms.words(form.source),
                legal_basis=forms.words(form.legal_basis),
                partial_revision_only=form.partial_revision_only.data,
                implanted_system=forms.words(form.implanted_system),
                scope_text=forms.words(form.scope_text),
                patient_id=_patient_id_of(session, forms.words(form.ipp)),
                pseudonym=forms.words(form.pseudonym),
            )
            service.create_derogation(session, derogation_id, new=derogation, actor=actor, now=now)
            decision = _decision_of(form, derogation_id, DecisionKind(form.first_decision.data))
            service.record_decision(session, uuid5(derogation_id, "decision"), new=decision, actor=actor, now=now)
    except (InvalidInput, Conflict, NotFound) as error:
        return http.rejected("decisions/new.html", form, error)
    flash(_("The derogation is in the register."), "success")
    return redirect(url_for("decisions.show", derogation_id=derogation_id), code=303)


def _fill_companies(form: forms.DerogationForm) -> None:
    with http.transaction() as session:
        known = {str(row.id): row.name for row in catalogue.list_manufacturers(session)}
        form.ward_ids.choices = _ward_choices(session)
    form.manufacturer_id.choices = {"": _("choose from the list")} | known


def _ward_choices(session: Session) -> list[SelectChoice]:
    return [SelectChoice(str(ward.id), ward.name) for ward in organisation.list_wards(session)]


def _company_of(session: Session, form: forms.DerogationForm, request_id: UUID, *, now: datetime) -> UUID:
    """Return the company chosen, or the one typed, which is added.

    Raises:
        InvalidInput: none was chosen or typed, or both were.
    """
    chosen, typed = form.manufacturer_id.data, forms.words(form.company)
    if bool(chosen) == bool(typed):
        raise InvalidInput(
            N_("Choose the company, or type its name where it is not in the list."),
            fields={"manufacturer_id": N_("One of the two is needed.")},
        )
    if chosen:
        return UUID(chosen)
    new_company = NewManufacturer(name=typed)
    company_id = uuid5(request_id, "manufacturer")
    return catalogue_service.create_manufacturer(
        session, company_id, new=new_company, actor=http.current_actor(), now=now
    ).id


def _patient_id_of(session: Session, ipp: str) -> UUID | None:
    """Return the patient of an IPP; None where none was typed.

    Raises:
        InvalidInput: nobody has this IPP here.
    """
    if not ipp:
        return None
    patient = patients.find_by_ipp(session, ipp)
    if patient is None:
        raise InvalidInput(
            N_("Nobody has this IPP here."),
            fields={"ipp": N_("Check the IPP, or register the patient first.")},
        )
    return patient.id


@bp.get("/derogations/<uuid:derogation_id>/names/new")
@http.requires(Permission.DEROGATION_WRITE)
def new_alias(derogation_id: UUID) -> Response:
    """Show the form for another spelling of the designation."""
    form = forms.AliasForm(formdata=None, request_id=str(db.new_id()))
    context = _scope_context(derogation_id, clock.utc_now())
    return make_response(render_template("decisions/new_alias.html", form=form, **context))


@bp.post("/derogations/<uuid:derogation_id>/names/new")
@http.requires(Permission.DEROGATION_WRITE)
def add_alias(derogation_id: UUID) -> Response:
    """Record another spelling of the designation."""
    now = clock.utc_now()
    form = forms.AliasForm()
    context = _scope_context(derogation_id, now)
    if not form.validate():
        return make_response(render_template("decisions/new_alias.html", form=form, **context), 422)
    new = NewAlias(derogation_id, forms.words(form.name), forms.words(form.alias_source))
    try:
        alias_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            service.add_alias(session, alias_id, new=new, actor=http.current_actor(), now=now)
    except (InvalidInput, Conflict) as error:
        return http.rejected("decisions/new_alias.html", form, error, **context)
    flash(_("The spelling is recorded."), "success")
    return redirect(url_for("decisions.show", derogation_id=derogation_id), code=303)


@bp.get("/derogations/<uuid:derogation_id>/scope/new")
@http.requires(Permission.DEROGATION_WRITE)
def new_scope(derogation_id: UUID) -> Response:
    """Show the form for the pharmacist's reading of a scope written in words."""
    now = clock.utc_now()
    form = forms.ScopeForm(formdata=None, request_id=str(db.new_id()))
    return make_response(render_template("decisions/new_scope.html", form=form, **_scope_context(derogation_id, now)))


@bp.post("/derogations/<uuid:derogation_id>/scope/new")
@http.requires(Permission.DEROGATION_WRITE)
def add_scope(derogation_id: UUID) -> Response:
    """Record the pharmacist's reading of a scope written in words."""
    now = clock.utc_now()
    form = forms.ScopeForm()
    context = _scope_context(derogation_id, now)
    if not form.validate():
        return make_response(render_template("decisions/new_scope.html", form=form, **context), 422)
    reading = NewScope(
        derogation_id=derogation_id,
        effective_from=form.first_day(),
        reading=forms.words(form.reading),
        added=tuple(NewReference(code, label) for code, label in forms.lines_of(form.references)),
    )
    try:
        request_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            effects.add_scope(
                session,
                request_id,
                new=reading,
                public_url=http.web().values["public_url"],
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except (InvalidInput, Conflict) as error:
        return http.rejected("decisions/new_scope.html", form, error, **context)
    flash(_("Your reading is recorded."), "success")
    return redirect(url_for("decisions.show", derogation_id=derogation_id), code=303)


def _scope_context(derogation_id: UUID, now: datetime) -> dict[str, object]:
    with http.transaction() as session:
        return {
            "sheet": queries.get_sheet(session, derogation_id, day=clock.paris_day(now), known_at=now),
            "derogation": queries.get_derogation(session, derogation_id),
        }


def _day(name: str, today: date) -> date:
    """Return a day of the address, today where there is none.

    Raises:
        InvalidInput: it is not a date.
    """
    value = request.args.get(name, "")
    try:
        return date.fromisoformat(value) if value else today
    except ValueError as error:
        raise InvalidInput(
            N_("This is not a date."), fields={name: N_("Write it as 2024-07-26.")}, next_step=N_("Choose a date.")
        ) from error
