"""Pages of the gate and of the use log."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from scanners import Scan, Standard, Status
from tracker import clock, db, http
from tracker.accounts import queries as accounts
from tracker.actor import Permission, Role
from tracker.db import Session
from tracker.derogations import queries as derogations
from tracker.devices import queries as devices
from tracker.devices.queries import UnitView
from tracker.devices.rules import Finding
from tracker.documents.documents import Locale
from tracker.errors import N_, Conflict, InvalidInput, NotFound, RuleRefused, TraceError
from tracker.organisation import queries as organisation
from tracker.patients import queries as patients
from tracker.patients import service as patient_service
from tracker.patients.queries import PatientView
from tracker.use import forms, queries, service
from tracker.use.rules import INTERVENTION_LABELS, Intervention, UseRefused, WordedFinding, worded
from tracker.use.service import NewUse, PapersOfUse, Question
from tracker.workstations.forms import read_typed

bp = Blueprint("use", __name__, template_folder="templates")

_PAGE = 50


class ScanNotUnderstood(InvalidInput):
    """What was scanned at the gate is neither a patient of this hospital nor the label of one of its units."""

    code = "gate-scan-unknown"


@dataclass(frozen=True, slots=True)
class Subject:
    """What was scanned so far: whom for, and which unit."""

    patient: PatientView | None
    unit: UnitView | None


@dataclass(frozen=True, slots=True)
class Objection:
    """An error above the form, in the language of the page."""

    title: str
    next_step: str
    status: int


def _objection(error: TraceError) -> Objection:
    return Objection(http.error_sentence(error), http.sentence(error.next_step), http.status_of(error))


def _shown(findings: tuple[Finding, ...]) -> list[WordedFinding]:
    """Return findings in the language of the page."""
    return [worded(finding, translate=http.sentence, day=http.written_day) for finding in findings]


@bp.get("/use")
@http.requires(Permission.USE_WRITE)
def gate() -> Response:
    """Ask for the patient and the unit, then say whether it may be used."""
    return _gate_page(
        patient_id=request.args.get("patient", type=UUID),
        number=request.args.get("unit", "").strip() or None,
        is_past=request.args.get("past") == "1",
    )


@bp.post("/use")
@http.requires(Permission.USE_WRITE)
def scan_at_gate() -> Response:
    """Take one scan, of a patient or of a unit, and show the gate with it."""
    patient_id = request.form.get("patient", type=UUID)
    number = request.form.get("unit", "").strip() or None
    raw = request.form.get("raw", "").strip("\r\n\t")
    with http.transaction() as session:
        read = read_typed(session, raw, today=clock.paris_day(clock.utc_now())).scan
    try:
        with http.transaction() as session:
            found_patient, found_number = _recognise(session, read)
    except (InvalidInput, NotFound) as error:
        shown = "" if read.status is Status.PATIENT else raw  # nothing of a patient's label is repeated
        return _gate_page(patient_id=patient_id, number=number, objection=_objection(error), raw=shown)
    return redirect(url_for("use.gate", patient=found_patient or patient_id, unit=found_number or number), code=303)


def _recognise(session: Session, read: Scan) -> tuple[UUID | None, str | None]:
    """Return the patient or the unit that a scan names.

    Raises:
        ScanNotUnderstood: it names neither.
        UnitNotFound: it is a label of ours that no unit carries.
    """
    if read.standard is Standard.UNIT:
        return None, devices.get_unit(session, read.unit_number or read.content).number
    if read.status is Status.PATIENT:
        return _recognise_patient(session, read), None
    if read.status is Status.UNKNOWN:
        patient = patients.find_by_ipp(session, read.content)
        if patient is not None:
            return patient.id, None
        raise ScanNotUnderstood(
            N_("This is neither the IPP of a patient registered here nor the label of one of our units."),
            next_step=N_("Scan the INS barcode or type the IPP; for the device, scan the label made at goods-in."),
        )
    raise ScanNotUnderstood(
        N_("This is the manufacturer's label: it does not say which unit this is."),
        next_step=N_("Scan our own label, T59…; without one, the unit did not go through goods-in."),
    )


def _recognise_patient(session: Session, read: Scan) -> UUID:
    label = read.patient
    if label is None:
        raise ScanNotUnderstood(
            N_("This INS barcode cannot be read."), next_step=N_("Scan it again, or type the patient's IPP.")
        )
    patient = patients.find_by_ins(session, label.matricule, label.oid)
    if patient is None:
        raise ScanNotUnderstood(
            N_("This patient is not registered here."),
            next_step=N_("Scan the same barcode on the page Patients: the form is filled in."),
        )
    return patient.id


def _gate_page(
    *,
    patient_id: UUID | None,
    number: str | None,
    objection: Objection | None = None,
    raw: str = "",
    is_past: bool = False,
) -> Response:
    now, actor = clock.utc_now(), http.current_actor()
    with http.transaction() as session:
        patient = patient_service.open_patient(session, patient_id, actor=actor, now=now) if patient_id else None
        subject = Subject(patient, devices.get_unit(session, number) if number else None)
        check = _usual_check(session, subject, now=now)
        form = _form(session, check, patient=patient, now=now) if patient and check else None
    return _render(subject, check=check, form=form, objection=objection, raw=raw, is_past=is_past)


def _render(
    subject: Subject,
    *,
    check: service.Check | None,
    form: forms.UseForm | None,
    findings: tuple[Finding, ...] | None = None,
    objection: Objection | None = None,
    raw: str = "",
    is_past: bool = False,
) -> Response:
    """Return the page; ``findings`` are those of what was sent, where they differ from the usual question.

    A use that happened before a gate closed is recorded all the same (``is_past``): its own day and time are asked.
    """
    gate_findings = findings if findings is not None else check.gate.findings if check else ()
    shown = _shown(gate_findings)
    is_open = bool(shown) and not any(finding.blocks for finding in shown)
    page = render_template(
        "use/gate.html",
        patient=subject.patient,
        unit=subject.unit,
        findings=shown,
        is_open=is_open,
        form=form if is_open or is_past or objection or (form and form.errors) else None,
        asks_criteria=any(finding.code.startswith("criteria-") for finding in shown),
        asks_consent=any(finding.code.startswith("consent-") and finding.blocks for finding in shown),
        asks_only_consent=all(finding.code.startswith("consent-") for finding in shown if finding.blocks),
        derogation_id=check.coverage.derogation_id if check and check.coverage else None,
        known=_known(subject),
        objection=objection,
        raw=raw,
    )
    return make_response(page, objection.status if objection else 422 if form and form.errors else 200)


def _known(subject: Subject) -> dict[str, str]:
    """Return the hidden fields that carry what was scanned so far."""
    known = {}
    if subject.patient is not None:
        known["patient"] = str(subject.patient.id)
    if subject.unit is not None:
        known["unit"] = subject.unit.number
    return known


def _usual_check(session: Session, subject: Subject, *, now: datetime) -> service.Check | None:
    """Ask the gate as if the usual intervention were done: what only the form can settle is left to it."""
    if subject.patient is None or subject.unit is None:
        return None
    question = Question(
        patient_id=subject.patient.id,
        day=clock.paris_day(now),
        intervention=Intervention.PARTIAL_REVISION,
        implanted_system="-",
    )
    return service.check_use(session, unit=subject.unit, question=question, now=now)


def _form(session: Session, check: service.Check, *, patient: PatientView, now: datetime) -> forms.UseForm:
    form = forms.UseForm(
        formdata=None,
        request_id=str(db.new_id()),
        unit=check.unit.number,
        patient=str(patient.id),
        used_on=clock.paris_day(now),
        used_time=now.astimezone(clock.PARIS).time().replace(second=0, microsecond=0, fold=0),
        operator_id=str(http.current_actor().id),
        ward_id=str(check.unit.ward_id or ""),
    )
    _offer(session, form)
    return form


def _offer(session: Session, form: forms.UseForm) -> None:
    """Fill the lists; a surgeon who is logged in is chosen, anybody else chooses one."""
    surgeons = accounts.list_people_with_role(session, Role.SURGEON)
    form.offer([(person.id, person.display_name, person.rpps) for person in surgeons], organisation.list_wards(session))


@bp.get("/use/new")
@http.requires(Permission.USE_WRITE)
def restart() -> Response:
    """Go to the gate: this address answers forms only, and is in the browser after an error."""
    return redirect(url_for("use.gate"), code=303)


@bp.post("/use/new")
@http.requires(Permission.USE_WRITE)
def record() -> Response:
    """Record a use and freeze the patient's papers."""
    form, now, actor = forms.UseForm(), clock.utc_now(), http.current_actor()
    with http.transaction() as session:
        _offer(session, form)
        patient = patients.get_patient(session, form.patient_id())
        subject = Subject(patient, devices.get_unit(session, form.unit.data or ""))
        check = _usual_check(session, subject, now=now)
    if not form.validate():
        return _render(subject, check=check, form=form)
    try:
        use_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            service.record_use(session, use_id, new=_new_use(form), actor=actor, now=now, today=clock.paris_day(now))
    except UseRefused as error:
        return _render(subject, check=check, form=form, findings=error.findings, objection=_refusal(error))
    except (InvalidInput, Conflict, RuleRefused) as error:
        for name, message in getattr(error, "fields", {}).items():
            form[name].errors = [*form[name].errors, http.sentence(message)]
        return _render(subject, check=check, form=form, objection=_objection(error))
    _make_papers(use_id, now=now)
    flash(_("The use is recorded. Print the patient's papers now."), "success")
    return redirect(f"/uses/{use_id}", code=303)


def _refusal(error: UseRefused) -> Objection:
    first = next(finding for finding in _shown(error.findings) if finding.blocks)
    return Objection(first.sentence, first.next_step, http.status_of(error))


def _new_use(form: forms.UseForm) -> NewUse:
    return NewUse(
        unit_number=form.unit.data or "",
        patient_id=form.patient_id(),
        used_on=form.day(),
        used_time=form.hour(),
        operator_id=UUID(form.operator_id.data),
        ward_id=UUID(form.ward_id.data),
        side=form.chosen_side(),
        intervention=form.chosen_intervention(),
        implanted_system=form.implanted_system.data or "",
        reason=form.reason.data or "",
        are_criteria_confirmed=form.are_criteria_confirmed.data,
    )


def _make_papers(use_id: UUID, *, now: datetime) -> None:
    """Make the patient's papers, and say so where that fails."""
    locale: Locale = "en" if str(get_locale()) == "en" else "fr"
    if not http.between_transactions(PapersOfUse(use_id, locale, http.current_actor(), now)):
        flash(_("The use is recorded, but its papers could not be made. Make them on this page."), "warning")


@bp.get("/uses")
@http.requires(Permission.USE_READ)
def index() -> Response:
    """Show the use log, newest first."""
    before = _cursor(request.args.get("day"), request.args.get("id", type=UUID))
    derogation_id = request.args.get("derogation", type=UUID)
    with http.transaction() as session:
        lines = queries.list_uses(session, before=before, limit=_PAGE + 1, derogation_id=derogation_id)
        derogation = derogations.get_derogation(session, derogation_id) if derogation_id else None
    page = render_template(
        "use/index.html",
        lines=lines[:_PAGE],
        older=lines[_PAGE - 1].use if len(lines) > _PAGE else None,
        is_paged=before is not None,
        derogation=derogation,
        intervention_words={code: _(label) for code, label in INTERVENTION_LABELS.items()},
    )
    return make_response(page)


def _cursor(day: str | None, use_id: UUID | None) -> tuple[date, UUID] | None:
    try:
        return (date.fromisoformat(day), use_id) if day and use_id else None
    except ValueError:
        return None


@bp.post("/uses/<uuid:use_id>/papers")
@http.requires(Permission.USE_WRITE)
def make_papers(use_id: UUID) -> Response:
    """Freeze the patient's papers of a use that has none yet."""
    _make_papers(use_id, now=clock.utc_now())
    return redirect(f"/uses/{use_id}", code=303)
