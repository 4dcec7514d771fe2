"""Pages of information and consent of one patient, and of the notices of one derogation."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from tracker import clock, db, http
from tracker.accounts import queries as accounts
from tracker.accounts.rules import ROLE_LABELS
from tracker.actor import Permission, Role
from tracker.consents import documents, forms, queries, rules, service
from tracker.consents.rules import CAPACITY_LABELS, KIND_LABELS, STATE_LABELS, ConsentEventKind, ConsentState
from tracker.consents.service import NewConsentEvent
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


def _standings(events: object, names: dict[UUID, str], now: datetime) -> list[Standing]:
    by_derogation: dict[UUID, list[rules.ConsentFacts]] = {}
    for view in events:  # type: ignore[attr-defined] # a sequence of EventView
        by_derogation.setdefault(view.event.derogation_id, []).append(queries.facts_of(view.event))
    standings = []
    for derogation_id, facts in by_derogation.items():
        state = rules.state_at(facts, now)
        standings.append(Standing(derogation_id, names[derogation_id], state, _(STATE_LABELS[state])))
    return standings


@bp.get("/patients/<uuid:patient_id>/consents/new")
@http.requires(Permission.CONSENT_WRITE)
def new(patient_id: UUID) -> Response:
    """Show the form for one event."""
    now = clock.utc_now()
    with http.transaction() as session:
        patient = patients.get_patient(session, patient_id)
        wanted = request.args.get("derogation", type=UUID)
        form = forms.ConsentForm(
            formdata=None,
            request_id=str(db.new_id()),
            at=now.astimezone(clock.PARIS).replace(tzinfo=None),
            derogation_id=str(wanted or ""),
            informed_by_id=str(http.current_actor().id),
            signer_name=patient.traits.display_name,
            signer_capacity=rules.SignerCapacity.PATIENT.value,
            kind=request.args.get("kind", ConsentEventKind.OBTAINED.value),
        )
        offer = _offer(session, form, patient_id, now=now)
    _preselect_notice(form, offer)
    return make_response(render_template("consents/new.html", form=form, patient=patient))


@dataclass(frozen=True, slots=True)
class Offer:
    """What the lists of the form offer, best first."""

    derogations: tuple[UUID, ...]
    notices: dict[UUID, UUID]
    """Each notice with its derogation, newest version first."""


def _offer(session: Session, form: forms.ConsentForm, patient_id: UUID, *, now: datetime) -> Offer:
    """Fill the lists of the form: derogations that may concern this patient, notices, people who inform."""
    choices = derogations.list_choices(session, day=clock.paris_day(now), known_at=now, patient_id=patient_id)
    form.derogation_id.choices = [
        (str(choice.id), choice.designation + _ended_mark(choice.status)) for choice in choices
    ]
    notices = [
        (notice, choice.designation) for choice in choices for notice in queries.list_notices(session, choice.id)
    ]
    form.notice_id.choices = forms.choices_with_none(
        [
            (notice.id, _("%(name)s, version %(version)s", name=designation, version=notice.version))
            for notice, designation in notices
        ]
    )
    people = {
        person.id: person.display_name
        for role in (Role.SURGEON, Role.PHARMACIST, Role.THEATRE_NURSE)
        for person in accounts.list_people_with_role(session, role)
    }
    form.informed_by_id.choices = forms.choices_with_none(sorted(people.items(), key=lambda pair: pair[1]))
    return Offer(tuple(choice.id for choice in choices), {notice.id: notice.derogation_id for notice, _name in notices})


def _ended_mark(status: DerogationStatus) -> str:
    return "" if status is DerogationStatus.IN_FORCE else " (" + _("not in force today") + ")"


def _preselect_notice(form: forms.ConsentForm, offer: Offer) -> None:
    """Choose the first derogation in force and the newest version of its notice."""
    if not form.derogation_id.data and offer.derogations:
        form.derogation_id.data = str(offer.derogations[0])
    form.notice_id.data = next(
        (str(notice_id) for notice_id, of in offer.notices.items() if str(of) == form.derogation_id.data), ""
    )


@bp.post("/patients/<uuid:patient_id>/consents/new")
@http.requires(Permission.CONSENT_WRITE)
def record(patient_id: UUID) -> Response:
    """Record one event."""
    form, now, actor = forms.ConsentForm(), clock.utc_now(), http.current_actor()
    with http.transaction() as session:
        patient = patients.get_patient(session, patient_id)
        _offer(session, form, patient_id, now=now)
    if not form.validate():
        return make_response(render_template("consents/new.html", form=form, patient=patient), 422)
    try:
        event_id = http.read_request_id(form.request_id.data)
        new_event = NewConsentEvent(
            patient_id=patient_id,
            derogation_id=UUID(form.derogation_id.data),
            kind=ConsentEventKind(form.kind.data),
            at=form.instant(),
            notice_id=forms.chosen_id(form.notice_id),
            informed_by_id=forms.chosen_id(form.informed_by_id),
            signer_capacity=form.capacity(),
            signer_name=form.signer_name.data or "",
            reason=form.reason.data or "",
            document=_uploaded(form.document.data),
        )
        with http.transaction() as session:
            service.record_event(session, event_id, new=new_event, actor=actor, now=now)
    except (InvalidInput, Conflict, RuleRefused) as error:
        return http.rejected("consents/new.html", form, error, patient=patient)
    flash(_("The event is recorded."), "success")
    return redirect(f"/patients/{patient_id}/consents", code=303)


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
        latest = queries.list_notices(session, derogation_id)[:1]
    if request.method == "GET":
        form = forms.NoticeForm(formdata=None, data=latest[0].texts if latest else {})
        form.request_id.data = str(db.new_id())
        return make_response(render_template("consents/notice_new.html", form=form, derogation=derogation))
    form, now = forms.NoticeForm(), clock.utc_now()
    if not form.validate():
        return make_response(render_template("consents/notice_new.html", form=form, derogation=derogation), 422)
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
