"""Pages of the gate and of the use log."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from scanners import Standard, Status, scan
from scanners.symbols import datamatrix
from tracker import clock, db, http
from tracker.accounts import queries as accounts
from tracker.actor import Permission, Role
from tracker.derogations import queries as derogations
from tracker.devices import queries as devices
from tracker.devices.queries import UnitView
from tracker.devices.rules import Finding
from tracker.documents import queries as documents
from tracker.documents import service as document_service
from tracker.documents.documents import Locale, render
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.errors import N_, Conflict, InvalidInput, NotFound, RuleRefused
from tracker.organisation import queries as organisation
from tracker.patients import queries as patients
from tracker.patients.queries import PatientView
from tracker.use import forms, queries, service
from tracker.use.documents import UseSource, implant_card_data, patient_document_data
from tracker.use.rules import FINDINGS, INTERVENTION_LABELS, SIDE_LABELS, Intervention, Side, UseRefused
from tracker.use.service import NewUse

bp = Blueprint("use", __name__, template_folder="templates")

_PAGE = 50
_TEMPLATES = {DocumentKind.PATIENT_DOCUMENT: "use/patient_document", DocumentKind.IMPLANT_CARD: "use/implant_card"}


class ScanNotUnderstood(InvalidInput):
    """What was scanned at the gate is neither a patient of this hospital nor the label of one of its units."""

    code = "gate-scan-unknown"


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """One reason, in the language of the page."""

    code: str
    effect: str
    sentence: str
    source: str
    next_step: str


def shown(findings: tuple[Finding, ...]) -> list[ShownFinding]:
    """Return findings in the language of the page."""
    return [
        ShownFinding(
            code=finding.code,
            effect="refuse" if FINDINGS[finding.code].blocks else "inform",
            sentence=http.sentence(FINDINGS[finding.code].sentence, dict(finding.data)),
            source=http.sentence(FINDINGS[finding.code].source),
            next_step=http.sentence(FINDINGS[finding.code].next_step, dict(finding.data)),
        )
        for finding in findings
    ]


@bp.get("/use")
@http.requires(Permission.USE_WRITE)
def gate() -> Response:
    """Ask for the patient and the unit, then say whether it may be used."""
    return _gate_page(
        patient_id=request.args.get("patient", type=UUID), number=request.args.get("unit", "").strip() or None
    )


@bp.post("/use")
@http.requires(Permission.USE_WRITE)
def scan_at_gate() -> Response:
    """Take one scan, of a patient or of a unit, and show the gate with it."""
    patient_id = request.form.get("patient", type=UUID)
    number = request.form.get("unit", "").strip() or None
    raw = request.form.get("raw", "").strip("\r\n\t")
    try:
        with http.transaction() as session:
            found_patient, found_number = _recognise(session, raw, now=clock.utc_now())
    except (InvalidInput, NotFound) as error:
        return _gate_page(patient_id=patient_id, number=number, error=error, raw=raw)
    return _redirect_to_gate(found_patient or patient_id, found_number or number)


def _redirect_to_gate(patient_id: UUID | None, number: str | None) -> Response:
    return redirect(url_for("use.gate", patient=patient_id, unit=number), code=303)


def _recognise(session: Session, raw: str, *, now: datetime) -> tuple[UUID | None, str | None]:
    """Return the patient or the unit that a scan names.

    Raises:
        ScanNotUnderstood: it names neither.
    """
    read = scan(raw, reference_date=clock.paris_day(now))
    if read.standard is Standard.UNIT and read.unit_number:
        return None, devices.get_unit(session, read.unit_number).number
    if read.status is Status.PATIENT and read.patient is not None:
        patient = patients.find_by_ins(session, read.patient.matricule, read.patient.oid)
    else:
        patient = patients.find_by_ipp(session, raw)
    if patient is None:
        raise ScanNotUnderstood(
            N_("This is neither a patient registered here nor the label of one of our units."),
            next_step=N_("Scan the INS barcode or type the IPP; for the device, scan the label made at goods-in."),
        )
    return patient.id, None


def _gate_page(
    *, patient_id: UUID | None, number: str | None, error: InvalidInput | NotFound | None = None, raw: str = ""
) -> Response:
    now = clock.utc_now()
    with http.transaction() as session:
        patient = patients.get_patient(session, patient_id) if patient_id else None
        unit = devices.get_unit(session, number) if number else None
        check = _default_check(session, unit, patient, now=now) if unit and patient else None
        form = _form(session, check, patient=patient, now=now) if unit and patient and check else None
    page = render_template(
        "use/gate.html",
        patient=patient,
        unit=unit,
        check=check,
        findings=shown(check.gate.findings) if check else [],
        form=form,
        request_id=db.new_id(),
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
        raw=raw,
    )
    return make_response(page, http.status_of(error) if error else 200)


def _default_check(session: Session, unit: UnitView, patient: PatientView, *, now: datetime) -> service.Check:
    """Ask the gate as if the usual intervention were done: what only the form can settle is left to it."""
    return service.check_use(
        session,
        unit=unit,
        patient_id=patient.id,
        day=clock.paris_day(now),
        intervention=Intervention.PARTIAL_REVISION,
        implanted_system="-",
        now=now,
    )


def _form(session: Session, check: service.Check, *, patient: PatientView, now: datetime) -> forms.UseForm:
    coverage = check.coverage
    form = forms.UseForm(
        formdata=None,
        request_id=str(db.new_id()),
        unit=check.unit.number,
        patient=str(patient.id),
        used_on=clock.paris_day(now),
        operator_id=str(http.current_actor().id),
        implanted_system="",
    )
    if coverage is not None and coverage.implanted_system:
        form.implanted_system.description = _("Allowed by the derogation: %(name)s", name=coverage.implanted_system)
    _offer(session, form)
    return form


def _offer(session: Session, form: forms.UseForm) -> None:
    surgeons = accounts.list_people_with_role(session, Role.SURGEON)
    form.operator_id.choices = [("", "—"), *((str(person.id), person.display_name) for person in surgeons)]
    wards = organisation.list_wards(session)
    form.ward_id.choices = [("", "—"), *((str(ward.id), ward.name) for ward in wards)]


@bp.post("/use/new")
@http.requires(Permission.USE_WRITE)
def record() -> Response:
    """Record a use and freeze the patient's papers."""
    form, now = forms.UseForm(), clock.utc_now()
    with http.transaction() as session:
        _offer(session, form)
        patient = patients.get_patient(session, UUID(form.patient.data or ""))
        unit = devices.get_unit(session, form.unit.data or "")
    page = {"patient": patient, "unit": unit, "check": None, "findings": [], "raw": "", "request_id": db.new_id()}
    if not form.validate():
        return make_response(render_template("use/gate.html", form=form, error="", **page), 422)
    try:
        use_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            service.record_use(
                session,
                use_id,
                new=_new_use(form),
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except UseRefused as error:
        page["findings"] = shown(error.findings)
        return http.rejected("use/gate.html", form, error, **page)
    except (InvalidInput, Conflict, RuleRefused) as error:
        return http.rejected("use/gate.html", form, error, **page)
    _freeze_papers(use_id, now=now)
    flash(_("The use is recorded. Print the patient's papers now."), "success")
    return redirect(f"/uses/{use_id}", code=303)


def _new_use(form: forms.UseForm) -> NewUse:
    return NewUse(
        unit_number=form.unit.data,
        patient_id=UUID(form.patient.data),
        used_on=form.used_on.data,
        operator_id=UUID(form.operator_id.data),
        ward_id=UUID(form.ward_id.data),
        side=form.chosen_side(),
        intervention=form.chosen_intervention(),
        implanted_system=form.implanted_system.data or "",
        reason=form.reason.data,
    )


def _freeze_papers(use_id: UUID, *, now: datetime) -> None:
    """Render the patient's papers, then freeze them: nothing slow is done inside the writing transaction.

    Both are made for every implant; a crash in between leaves the use, and its page makes them again.
    """
    actor, subject = http.current_actor(), f"use:{use_id}"
    locale: Locale = "en" if str(get_locale()) == "en" else "fr"
    with http.transaction() as session:
        if documents.list_documents(session, subject):
            return
        source = _source(session, use_id)
    at = now.astimezone(clock.PARIS)
    files = (
        (DocumentKind.PATIENT_DOCUMENT, patient_document_data(source, locale=locale, generated_at=at)),
        (DocumentKind.IMPLANT_CARD, implant_card_data(source, locale=locale, generated_at=at)),
    )
    rendered = [(kind, render(_TEMPLATES[kind], data)) for kind, data in files]
    with http.transaction() as session:
        for kind, content in rendered:
            file = NewFile(kind, subject, f"{kind.value}.pdf", content, has_patient_data=True)
            document_service.freeze(session, file, actor=actor, now=now)


def _source(session: Session, use_id: UUID) -> UseSource:
    use = queries.get_use(session, use_id).use
    unit = devices.get_unit_by_id(session, use.device_id)
    sheet = derogations.get_sheet(session, use.derogation_id, day=use.used_on, known_at=use.recorded_at)
    return UseSource(
        unit=unit,
        used_on=use.used_on,
        operator_name=use.operator_name,
        side=use.side,
        intervention=use.intervention,
        implanted_system=use.implanted_system,
        patient=patients.get_patient(session, use.patient_id),
        establishment=organisation.get_establishment(session, use.establishment_id),
        ward_name=organisation.get_ward(session, use.ward_id).name,
        derogation={
            "kind": sheet.kind.value,
            "reference": sheet.decision_reference,
            "valid_until": sheet.valid_until.isoformat() if sheet.valid_until else "",
        },
        symbol=datamatrix.svg(unit.number),
    )


@bp.get("/uses")
@http.requires(Permission.USE_READ)
def index() -> Response:
    """Show the use log, newest first."""
    before = _cursor(request.args.get("day"), request.args.get("id", type=UUID))
    with http.transaction() as session:
        lines = queries.list_uses(session, before=before, limit=_PAGE + 1)
    page = render_template(
        "use/index.html",
        lines=lines[:_PAGE],
        older=lines[_PAGE - 1].use if len(lines) > _PAGE else None,
        is_paged=before is not None,
        intervention_words={code: _(label) for code, label in INTERVENTION_LABELS.items()},
    )
    return make_response(page)


def _cursor(day: str | None, use_id: UUID | None) -> tuple[date, UUID] | None:
    try:
        return (date.fromisoformat(day), use_id) if day and use_id else None
    except ValueError:
        return None


@bp.get("/uses/<uuid:use_id>")
@http.requires(Permission.USE_READ)
def show(use_id: UUID) -> Response:
    """Show one use with its papers."""
    with http.transaction() as session:
        line = queries.get_use(session, use_id)
        patient = patients.get_patient(session, line.use.patient_id)
        ward = organisation.get_ward(session, line.use.ward_id)
        papers = documents.list_documents(session, f"use:{use_id}")
        derogation = derogations.get_derogation(session, line.use.derogation_id)
    actor = http.current_actor()
    page = render_template(
        "use/show.html",
        line=line,
        use=line.use,
        patient=patient,
        ward=ward,
        papers=papers,
        derogation=derogation,
        side_word=_(SIDE_LABELS[Side(line.use.side)]),
        intervention_word=_(INTERVENTION_LABELS[line.use.intervention]),
        findings=shown(tuple(Finding(item["code"], item["data"]) for item in line.use.findings)),
        may_write=actor.can(Permission.USE_WRITE),
        may_declare=actor.can(Permission.INCIDENT_DECLARE),
    )
    return make_response(page)


@bp.post("/uses/<uuid:use_id>/papers")
@http.requires(Permission.USE_WRITE)
def make_papers(use_id: UUID) -> Response:
    """Freeze the patient's papers of a use that has none yet."""
    _freeze_papers(use_id, now=clock.utc_now())
    return redirect(f"/uses/{use_id}", code=303)
