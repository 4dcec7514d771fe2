"""Pages of patients: find one by scan, IPP or name; register one. No personal datum ever stands in an address."""

from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from scanners import PatientIdentity, Scan, Standard, Status
from tracker import clock, db, http
from tracker.actor import Permission
from tracker.db import Session
from tracker.errors import N_, Conflict, InvalidInput
from tracker.patients import forms, queries, service
from tracker.patients.queries import PatientView
from tracker.patients.rules import IDENTITY_LABELS, SEX_LABELS, TEST_OIDS, IdentityStatus, Sex
from tracker.workstations.forms import read_typed

bp = Blueprint("patients", __name__, template_folder="templates")


class NotAPatientLabel(InvalidInput):
    """What was scanned to find a patient is a device's label, or a patient's label that cannot be read."""

    code = "patient-scan-unreadable"


@bp.get("/patients")
@http.requires(Permission.PATIENT_READ)
def index() -> Response:
    """Show the search box."""
    return _results((), asked=False)


@bp.post("/patients")
@http.requires(Permission.PATIENT_READ)
def search() -> Response:
    """Find patients by INS barcode, IPP or birth family name; sent as a form, so that no address holds a name."""
    text = request.form.get("raw", "").strip("\r\n\t")
    with http.transaction() as session:
        read = read_typed(session, text, today=clock.paris_day(clock.utc_now())).scan
    try:
        _check_readable(read)
    except NotAPatientLabel as error:
        return _results((), asked=False, error=error)
    with http.transaction() as session:
        found = _find(session, read)
    if len(found) == 1:
        return redirect(f"/patients/{found[0].id}", code=303)
    return _results(found, asked=bool(text.strip()), scanned=read)


def _check_readable(read: Scan) -> None:
    """Check that a scan may name a patient.

    Raises:
        NotAPatientLabel: it is a device's label, or a damaged patient's label.
    """
    if read.status is Status.PATIENT and read.patient is None:
        raise NotAPatientLabel(
            N_("This INS barcode cannot be read."), next_step=N_("Scan it again, or type the IPP or the name.")
        )
    if read.status is Status.OK and (read.udi or read.standard is Standard.UNIT):
        raise NotAPatientLabel(
            N_("This is the label of a device, not of a patient."), next_step=N_("Scan the patient's INS barcode.")
        )


def _find(session: Session, read: Scan) -> Sequence[PatientView]:
    if read.status is Status.PATIENT and read.patient is not None:
        by_ins = queries.find_by_ins(session, read.patient.matricule, read.patient.oid)
        return (by_ins,) if by_ins else ()
    if not read.content.strip():
        return ()
    by_ipp = queries.find_by_ipp(session, read.content)
    return (by_ipp,) if by_ipp else queries.list_by_name(session, read.content)


def _results(
    found: Sequence[PatientView], *, asked: bool, scanned: Scan | None = None, error: NotAPatientLabel | None = None
) -> Response:
    identity = scanned.patient if scanned and not found else None
    page = render_template(
        "patients/index.html",
        found=found,
        asked=asked,
        sex_words=_sex_words(),
        may_write=http.current_actor().can(Permission.PATIENT_WRITE),
        typed=scanned.content.strip() if scanned else "",
        new_form=_prefilled(identity) if identity else None,
        error=http.error_sentence(error) if error else "",
        error_next=http.sentence(error.next_step) if error else "",
    )
    return make_response(page, http.status_of(error) if error else 200)


def _prefilled(identity: PatientIdentity) -> forms.PatientForm:
    return forms.PatientForm(
        formdata=None,
        request_id=str(db.new_id()),
        family_name=identity.birth_family_name,
        given_names=identity.birth_given_names,
        birth_date=identity.birth_date,
        sex=identity.sex,
        birth_place_code=identity.birth_place_code or "",
        ins_matricule=identity.matricule,
        ins_oid=identity.oid,
        identity_status=IdentityStatus.RETRIEVED.value,
    )


@bp.get("/patients/new")
@http.requires(Permission.PATIENT_WRITE)
def new() -> Response:
    """Show the form for a new patient."""
    form = forms.PatientForm(
        formdata=None, request_id=str(db.new_id()), identity_status=IdentityStatus.PROVISIONAL.value
    )
    return make_response(render_template("patients/new.html", form=form))


@bp.post("/patients/new")
@http.requires(Permission.PATIENT_WRITE)
def register() -> Response:
    """Register a patient."""
    form = forms.PatientForm()
    if not form.validate():
        return make_response(render_template("patients/new.html", form=form), 422)
    now = clock.utc_now()
    try:
        patient_id = http.read_request_id(form.request_id.data)
        with http.transaction() as session:
            view = service.register_patient(
                session,
                patient_id,
                traits=form.traits(),
                status=form.status(),
                actor=http.current_actor(),
                now=now,
                today=clock.paris_day(now),
            )
    except (InvalidInput, Conflict) as error:
        return http.rejected("patients/new.html", form, error)
    flash(_("The patient is registered."), "success")
    return redirect(f"/patients/{view.id}", code=303)


@bp.get("/patients/<uuid:patient_id>")
@http.requires(Permission.PATIENT_READ)
def show(patient_id: UUID) -> Response:
    """Show one patient; the visit is recorded in the trail."""
    actor = http.current_actor()
    with http.transaction() as session:
        view = service.open_patient(session, patient_id, actor=actor, now=clock.utc_now())
    page = render_template(
        "patients/show.html",
        patient=view,
        sex_word=_sex_words()[view.traits.sex],
        identity_word=_(IDENTITY_LABELS[view.identity_status]),
        is_test_ins=view.traits.ins_oid in TEST_OIDS,
        may_use=actor.can(Permission.USE_WRITE),
        may_see_consents=actor.can(Permission.CONSENT_READ),
    )
    return make_response(page)


def _sex_words() -> dict[Sex, str]:
    return {sex: _(label) for sex, label in SEX_LABELS.items()}
