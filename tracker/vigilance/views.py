"""Pages of incidents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import format_date, format_decimal
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from scanners import Scan
from tracker import clock, db, http
from tracker.actor import Permission
from tracker.coverage.queries import Coverage
from tracker.derogations import queries as derogations
from tracker.devices import queries as devices
from tracker.devices.queries import UnitView
from tracker.devices.rules import UnitState
from tracker.documents import queries as documents
from tracker.errors import N_, InvalidInput, NotFound, RuleRefused, TraceError
from tracker.patients import queries as patients
from tracker.patients.queries import PatientView
from tracker.stock import queries as stock
from tracker.stock.queries import UnitLine
from tracker.stock.rules import StockFilters
from tracker.use import queries as uses
from tracker.vigilance import forms, queries, rules, service
from tracker.vigilance.queries import Dossier
from tracker.vigilance.rules import Channel, CorrespondentPart, DevicePlace, IncidentState
from tracker.vigilance.service import NewIncident
from tracker.workstations.forms import read_typed
from tracker.workstations.rules import PatientLabelScanned, searched_device

bp = Blueprint("vigilance", __name__, template_folder="templates")

_MOST_UNITS = 30
_MONTHS_SHOWN = 12
_PLACE_BY_STATE = {UnitState.USED: DevicePlace.IN_PATIENT, UnitState.DELIVERED: DevicePlace.WARD}


class UnitNotRecognised(NotFound):
    """Nothing here carries what was scanned."""

    code = "incident-unit-unknown"


class IppUnknown(InvalidInput):
    """No patient of this establishment has the IPP that was typed."""

    code = "incident-ipp-unknown"


@dataclass(frozen=True, slots=True)
class Subject:
    """What an incident is declared about: a unit, and what is already known around it."""

    unit: UnitView
    patient: PatientView | None
    coverage: Coverage | None
    used_on: date | None


@bp.get("/incidents")
@http.requires(Permission.INCIDENT_READ)
def index() -> Response:
    """Show the incidents, newest first."""
    before = request.args.get("before", type=int)
    derogation_id = request.args.get("derogation", type=UUID)
    months = rules.last_months(clock.paris_day(clock.utc_now()), _MONTHS_SHOWN)
    with http.transaction() as session:
        lines = queries.list_incidents(session, before=before, under=derogation_id)
        derogation = derogations.get_derogation(session, derogation_id) if derogation_id else None
        waiting_count = queries.count_untransmitted(session)
        counts = {} if before or derogation else queries.count_by_month(session, since=months[0])
    older = lines[-1].incident.number if len(lines) == queries.PAGE_SIZE else None
    page = render_template(
        "vigilance/index.html",
        lines=lines,
        waiting_count=waiting_count,
        months=[{"label": format_date(month, "LLLL yyyy"), "count": counts.get(month, 0)} for month in months]
        if counts
        else [],
        older=url_for("vigilance.index", before=older, derogation=derogation_id) if older else None,
        derogation=derogation,
        may_declare=http.current_actor().can(Permission.INCIDENT_DECLARE),
        state_words=_words(rules.STATE_LABELS),
    )
    return make_response(page)


@bp.get("/incidents/new")
@http.requires(Permission.INCIDENT_DECLARE)
def new() -> Response:
    """Ask for the unit, then show the declaration filled with what is known of it."""
    number = request.args.get("unit", "").strip()
    if not number:
        return _find_page()
    now = clock.utc_now()
    try:
        subject = _read_subject(number, now=now)
    except NotFound as error:
        return _find_page(error=error, raw=number)
    today = clock.paris_day(now)
    form = forms.IncidentForm(
        formdata=None,
        request_id=str(db.new_id()),
        unit=subject.unit.number,
        occurred_on=today,
        detected_on=today,
        device_place=_PLACE_BY_STATE.get(subject.unit.state, DevicePlace.PHARMACY).value,
        is_device_kept=subject.unit.state is not UnitState.USED,
    )
    return make_response(render_template("vigilance/new.html", form=form, subject=subject))


@bp.post("/incidents/find")
@http.requires(Permission.INCIDENT_DECLARE)
def find() -> Response:
    """Find the unit that a scan or a typed text names."""
    raw = request.form.get("raw", "").strip("\r\n\t ")
    try:
        text = searched_device(_read(raw))
        units = _list_units(text)
    except (InvalidInput, NotFound) as error:
        return _find_page(error=error, raw="" if isinstance(error, PatientLabelScanned) else raw)
    if len(units) == 1:
        return redirect(url_for("vigilance.new", unit=units[0].number), code=303)
    return make_response(render_template("vigilance/find.html", units=units, raw=raw, request_id=db.new_id()))


def _list_units(text: str) -> Sequence[UnitLine]:
    """Return the units that carry a number, a serial number, a lot, a reference or a UDI-DI.

    Raises:
        UnitNotRecognised: there is none.
    """
    with http.transaction() as session:
        units = stock.list_units(session, after=None, limit=_MOST_UNITS, filters=StockFilters(text=text))
    if not units:
        raise UnitNotRecognised(
            N_("No unit of this establishment carries this."),
            next_step=N_("Scan our label, or type the lot, the serial number or the reference in full."),
        )
    return units


def _find_page(*, error: TraceError | None = None, raw: str = "") -> Response:
    page = render_template(
        "vigilance/find.html",
        units=(),
        raw=raw,
        request_id=db.new_id(),
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
    )
    return make_response(page, http.status_of(error) if error else 200)


def _read(raw: str) -> Scan:
    with http.transaction() as session:
        return read_typed(session, raw, today=clock.paris_day(clock.utc_now())).scan


def _read_subject(number: str, *, now: datetime) -> Subject:
    """Return what is known around one unit, or raise ``UnitNotFound``."""
    with http.transaction() as session:
        unit = devices.get_unit(session, number)
        use = uses.find_use(session, unit, patient_id=None, day=clock.paris_day(now))
        patient = patients.get_patient(session, use.patient_id) if use else None
        coverage = queries.find_coverage(session, unit, use, day=clock.paris_day(now), known_at=now)
    return Subject(unit, patient, coverage, use.used_on if use else None)


@bp.post("/incidents/new")
@http.requires(Permission.INCIDENT_DECLARE)
def declare() -> Response:
    """Declare an incident; its lot is held at once."""
    form, actor, now = forms.IncidentForm(), http.current_actor(), clock.utc_now()
    subject = _read_subject(form.unit.data or "", now=now)
    if not form.validate():
        return make_response(render_template("vigilance/new.html", form=form, subject=subject), 422)
    try:
        incident_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            declaration = NewIncident(subject.unit.number, _patient_id(session, form.patient_ipp.data), form.facts())
            service.declare(session, incident_id, new=declaration, actor=actor, now=now, today=clock.paris_day(now))
    except TraceError as error:
        return http.rejected("vigilance/new.html", form, error, subject=subject)
    flash(_("The incident is declared, and its lot is blocked."), "success")
    page = "vigilance.show" if actor.can(Permission.INCIDENT_READ) else "vigilance.receipt"
    return redirect(url_for(page, incident_id=incident_id), code=303)


def _patient_id(session: db.Session, ipp: str | None) -> UUID | None:
    """Return the patient with an IPP, None where none was typed.

    Raises:
        IppUnknown: nobody here has it.
    """
    if not ipp or not ipp.strip():
        return None
    patient = patients.find_by_ipp(session, ipp.strip())
    if patient is None:
        raise IppUnknown(
            N_("No patient of this establishment has this IPP."),
            fields={"patient_ipp": N_("Check the IPP, or register the patient first.")},
        )
    return patient.id


@bp.get("/incidents/<uuid:incident_id>/receipt")
@http.requires(Permission.INCIDENT_DECLARE)
def receipt(incident_id: UUID) -> Response:
    """Show who declared an incident what became of it."""
    with http.transaction() as session:
        line = queries.get_own_incident(session, incident_id, person_id=http.current_actor().id)
    return make_response(render_template("vigilance/receipt.html", line=line, state_words=_words(rules.STATE_LABELS)))


@bp.get("/incidents/<uuid:incident_id>")
@http.requires(Permission.INCIDENT_READ)
def show(incident_id: UUID) -> Response:
    """Show one incident, its reports and what they became."""
    dossier = _read_dossier(incident_id)
    proposed = rules.proposed_basis(dossier.facts.consequences, is_derogated=dossier.coverage is not None)
    form = forms.TransmitForm(formdata=None, basis=proposed.value)
    return make_response(render_template("vigilance/show.html", form=form, **_dossier_page(dossier)))


@bp.post("/incidents/<uuid:incident_id>/transmit")
@http.requires(Permission.INCIDENT_TRANSMIT)
def transmit(incident_id: UUID) -> Response:
    """Send both reports: to ANSM and to the manufacturer."""
    form, now = forms.TransmitForm(), clock.utc_now()
    dossier = _read_dossier(incident_id)
    if not form.validate():
        return make_response(render_template("vigilance/show.html", form=form, **_dossier_page(dossier)), 422)
    try:
        with http.transaction() as session:
            service.transmit(
                session,
                incident_id,
                part=CorrespondentPart(form.chosen_basis(), (form.comments.data or "").strip()),
                ansm_address=_ansm_address(dossier),
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except (InvalidInput, RuleRefused) as error:
        return http.rejected("vigilance/show.html", form, error, **_dossier_page(dossier))
    flash(_("Both reports are on their way. Their delivery shows below."), "success")
    return redirect(url_for("vigilance.show", incident_id=incident_id), code=303)


def _read_dossier(incident_id: UUID) -> Dossier:
    with http.transaction() as session:
        return queries.get_dossier(session, incident_id, known_at=clock.utc_now())


def _ansm_address(dossier: Dossier) -> str:
    """Return where ANSM takes this report: each vigilance has its own address."""
    is_ivd = rules.channel_of(dossier.unit.definition.kind) is Channel.IVD
    return str(http.web().values["ansm_ivd_vigilance_address" if is_ivd else "ansm_vigilance_address"])


def _dossier_page(dossier: Dossier) -> dict[str, object]:
    """Return what the page of an incident shows."""
    with http.transaction() as session:
        reports = [(line, documents.get_document(session, line.report.document_id)) for line in dossier.reports]
    may_transmit = http.current_actor().can(Permission.INCIDENT_TRANSMIT)
    return {
        "dossier": dossier,
        "weight": format_decimal(Decimal(dossier.facts.narrative.weight_kg or 0)),
        "reports": reports,
        "may_transmit": may_transmit and dossier.state is IncidentState.DECLARED,
        "ansm_address": _ansm_address(dossier),
        "state_words": _words(rules.STATE_LABELS),
        "consequence_words": [http.sentence(rules.CONSEQUENCE_LABELS[code]) for code in dossier.facts.consequences],
        "place_words": _words(rules.PLACE_LABELS),
        "recipient_words": _words(rules.RECIPIENT_LABELS),
    }


def _words(labels: Mapping[Any, str]) -> dict[str, str]:
    """Return the words of codes in the language of the page."""
    return {code.value: http.sentence(words) for code, words in labels.items()}
