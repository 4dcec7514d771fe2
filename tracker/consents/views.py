"""Pages of information and consent of one patient, and of the notices of one derogation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.accounts import queries as accounts
from tracker.accounts.rules import ROLE_LABELS
from tracker.actor import Permission, Role
from tracker.consents import documents, forms, queries, rules, service
from tracker.consents.queries import EventView
from tracker.consents.rules import CAPACITY_LABELS, KIND_LABELS, STATE_LABELS, ConsentEventKind, ConsentState
from tracker.consents.service import NewConsentEvent
from tracker.db import Session
from tracker.derogations import queries as derogations
from tracker.derogations.rules import DerogationStatus
from tracker.documents.documents import Locale, render
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.errors import Conflict, InvalidInput, RuleRefused
from tracker.organisation import queries as organisation
from tracker.patients import queries as patients
from tracker.patients import service as patients_service

bp = Blueprint("consents", __name__, template_folder="templates")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one patient's consent to one derogation stands, as the page shows it."""

    derogation_id: UUID
    designation: str
    state: ConsentState
    word: str


@bp.get("/patients/<uuid:patient_id>/consents")
@http.requires(Permission.CONSENT_READ)
def index(patient_id: UUID) -> Response:
    """Show everything that was told to a patient and decided by them."""
    actor, now = http.current_actor(), clock.utc_now()
    with http.transaction() as session:
        patient = patients_service.open_patient(session, patient_id, actor=actor, now=now)
        events = queries.list_events(session, patient_id)
        names = derogations.designations(session, {view.event.derogation_id for view in events})
    page = render_template(
        "consents/index.html",
        patient=patient,
        events=events,
        names=names,
        standings=_standings(events, names, now),
        kind_words={kind: _(label) for kind, label in KIND_LABELS.items()},
        capacity_words={capacity: _(label) for capacity, label in CAPACITY_LABELS.items()},
        may_write=actor.can(Permission.CONSENT_WRITE),
    )
    return make_response(page)


def _standings(events: Sequence[EventView], names: Mapping[UUID, str], now: datetime) -> list[Standing]:
    by_derogation: dict[UUID, list[rules.ConsentFacts]] = {}
    for view in events:
        by_derogation.setdefault(view.event.derogation_id, []).append(queries.facts_of(view.event))
    standings = []
    for derogation_id, facts in by_derogation.items():
        state = rules.state_at(facts, now)
        standings.append(Standing(derogation_id, names[derogation_id], state, _(STATE_LABELS[state])))
    return standings


@bp.get("/patients/<uuid:patient_id>/consents/new")
@http.requires(Permission.CONSENT_WRITE)
def new(patient_id: UUID) -> Response:
    """Ask which derogation it is about, then show the form for one event."""
    derogation_id = request.args.get("derogation", type=UUID)
    back = http.safe_next(request.args.get("back")) if request.args.get("back") else ""
    return _choose(patient_id) if derogation_id is None else _new_form(patient_id, derogation_id, back=back)


def _choose(patient_id: UUID) -> Response:
    """Show the derogations that may concern the patient, those in force first."""
    now = clock.utc_now()
    with http.transaction() as session:
        patient = patients.get_patient(session, patient_id)
        choices = derogations.list_choices(session, day=clock.paris_day(now), known_at=now, patient_id=patient_id)
    page = render_template(
        "consents/choose.html",
        patient=patient,
        in_force=[choice for choice in choices if choice.status is DerogationStatus.IN_FORCE],
        others=[choice for choice in choices if choice.status is not DerogationStatus.IN_FORCE],
    )
    return make_response(page)


def _new_form(patient_id: UUID, derogation_id: UUID, *, back: str) -> Response:
    now, actor = clock.utc_now(), http.current_actor()
    with http.transaction() as session:
        patient = patients_service.open_patient(session, patient_id, actor=actor, now=now)
        derogation = derogations.get_derogation(session, derogation_id)
        latest = queries.find_latest_notice(session, derogation_id)
        form = forms.ConsentForm(
            formdata=None,
            request_id=str(db.new_id()),
            derogation_id=str(derogation_id),
            back=back,
            at=now.astimezone(clock.PARIS).replace(tzinfo=None),
            notice_id=str(latest.id) if latest else "",
            informed_by_id=str(actor.id),
            signer_name=patient.traits.display_name,
            signer_capacity=rules.SignerCapacity.PATIENT.value,
            kind=request.args.get("kind", ConsentEventKind.OBTAINED.value),
        )
        _offer(session, form, derogation_id)
    return make_response(render_template("consents/new.html", form=form, patient=patient, derogation=derogation))


def _offer(session: Session, form: forms.ConsentForm, derogation_id: UUID) -> None:
    """Fill the lists of the form: versions of the derogation's notice, people who inform."""
    notices = queries.list_notices(session, derogation_id)
    form.notice_id.choices = forms.choices_with_none(
        [(notice.id, _("version %(version)s", version=notice.version)) for notice in notices]
    )
    people = {
        person.id: person.display_name
        for role in (Role.SURGEON, Role.PHARMACIST, Role.THEATRE_NURSE)
        for person in accounts.list_people_with_role(session, role)
    }
    form.informed_by_id.choices = forms.choices_with_none(sorted(people.items(), key=lambda pair: pair[1]))


@bp.post("/patients/<uuid:patient_id>/consents/new")
@http.requires(Permission.CONSENT_WRITE)
def record(patient_id: UUID) -> Response:
    """Record one event."""
    form, now, actor = forms.ConsentForm(), clock.utc_now(), http.current_actor()
    with http.transaction() as session:
        patient = patients.get_patient(session, patient_id)
        derogation = derogations.get_derogation(session, form.chosen_derogation())
        _offer(session, form, derogation.id)
    page = {"patient": patient, "derogation": derogation}
    if not form.validate():
        return make_response(render_template("consents/new.html", form=form, **page), 422)
    try:
        event_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            service.record_event(session, event_id, new=_new_event(form, patient_id), actor=actor, now=now)
    except (InvalidInput, Conflict, RuleRefused) as error:
        return http.rejected("consents/new.html", form, error, **page)
    flash(_("The event is recorded."), "success")
    return redirect(http.safe_next(form.back.data or f"/patients/{patient_id}/consents"), code=303)


def _new_event(form: forms.ConsentForm, patient_id: UUID) -> NewConsentEvent:
    return NewConsentEvent(
        patient_id=patient_id,
        derogation_id=form.chosen_derogation(),
        kind=form.chosen_kind(),
        at=form.instant(),
        notice_id=forms.chosen_id(form.notice_id),
        informed_by_id=forms.chosen_id(form.informed_by_id),
        signer_capacity=form.capacity(),
        signer_name=form.signer_name.data or "",
        reason=form.reason.data or "",
        document=_uploaded(form.document.data),
    )


def _uploaded(file: FileStorage | None) -> NewFile | None:
    if file is None or not file.filename:
        return None
    return NewFile(
        kind=DocumentKind.CONSENT, subject="", filename=file.filename, content=file.read(), has_patient_data=True
    )


@bp.get("/derogations/<uuid:derogation_id>/notices")
@http.requires(Permission.DEROGATION_READ)
def notices(derogation_id: UUID) -> Response:
    """Show the versions of a derogation's notice."""
    with http.transaction() as session:
        derogation = derogations.get_derogation(session, derogation_id)
        rows = queries.list_notices(session, derogation_id)
        versions = [(notice, queries.texts_of(notice)) for notice in rows]
    page = render_template(
        "consents/notices.html",
        derogation=derogation,
        versions=versions,
        may_write=http.current_actor().can(Permission.CONSENT_WRITE),
    )
    return make_response(page)


@bp.route("/derogations/<uuid:derogation_id>/notices/new", methods=["GET", "POST"])
@http.requires(Permission.CONSENT_WRITE)
def new_notice(derogation_id: UUID) -> Response:
    """Show the form for a new version of the notice, and freeze it."""
    with http.transaction() as session:
        derogation = derogations.get_derogation(session, derogation_id)
        latest = queries.find_latest_notice(session, derogation_id)
    if request.method == "GET":
        form = forms.NoticeForm(formdata=None, data=latest.texts if latest else {})
        form.request_id.data = str(db.new_id())
        return make_response(render_template("consents/notice_new.html", form=form, derogation=derogation))
    form, now = forms.NoticeForm(), clock.utc_now()
    if not form.validate():
        return make_response(render_template("consents/notice_new.html", form=form, derogation=derogation), 422)
    try:
        with http.transaction() as session:
            service.create_notice(
                session,
                http.read_request_id(form.request_id.data),
                derogation_id=derogation_id,
                texts=form.texts(),
                effective_from=clock.paris_day(now),
                actor=http.current_actor(),
                now=now,
            )
    except (InvalidInput, Conflict) as error:
        return http.rejected("consents/notice_new.html", form, error, derogation=derogation)
    flash(_("The new version of the notice is frozen."), "success")
    return redirect(f"/derogations/{derogation_id}/notices", code=303)


@bp.get("/patients/<uuid:patient_id>/notice/<uuid:notice_id>")
@http.requires(Permission.CONSENT_WRITE)
def print_notice(patient_id: UUID, notice_id: UUID) -> Response:
    """Answer the notice and consent form of one patient as a PDF, to be read, signed and scanned back."""
    now = clock.utc_now()
    locale: Locale = "en" if str(get_locale()) == "en" else "fr"
    with http.transaction() as session:
        source = _notice_source(session, patient_id, notice_id, now=now)
    number = f"{str(notice_id)[:8]}-{source.version}"
    data = documents.notice_data(source, locale=locale, number=number, generated_at=now.astimezone(clock.PARIS))
    answer = make_response(render("consents/notice", data))
    answer.content_type = "application/pdf"
    answer.headers["Content-Disposition"] = 'inline; filename="notice.pdf"'
    return answer


def _notice_source(session: Session, patient_id: UUID, notice_id: UUID, *, now: datetime) -> documents.NoticeSource:
    actor = http.current_actor()
    patient = patients_service.open_patient(session, patient_id, actor=actor, now=now)
    notice = queries.get_notice(session, notice_id)
    sheet = derogations.get_sheet(session, notice.derogation_id, day=clock.paris_day(now), known_at=now)
    person = accounts.get_person(session, actor.id)
    return documents.NoticeSource(
        version=notice.version,
        texts=queries.texts_of(notice),
        patient=patient.traits,
        designation=sheet.designation,
        manufacturer=sheet.manufacturer_name,
        derogation={
            "kind": sheet.kind.value,
            "reference": sheet.decision_reference,
            "valid_until": sheet.valid_until.isoformat() if sheet.valid_until else "",
        },
        establishment=organisation.get_establishment(session, actor.establishment_id),
        informing_name=person.display_name,
        informing_profession=", ".join(_(ROLE_LABELS[role]) for role in sorted(actor.roles)),
        informing_rpps=person.rpps or "",
    )
