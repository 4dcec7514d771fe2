"""Actions on patients."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.errors import N_, Conflict
from tracker.patients import queries, rules
from tracker.patients.models import Patient
from tracker.patients.queries import PatientView
from tracker.patients.rules import IdentityStatus, Traits


class PatientExists(Conflict):
    """Another patient has this IPP or this INS."""

    code = "patient-exists"


def register_patient(
    session: Session,
    patient_id: UUID,
    *,
    traits: Traits,
    status: IdentityStatus,
    actor: Actor,
    now: datetime,
    today: date,
) -> PatientView:
    """Register a patient; the same id again is the same patient.

    Raises:
        TraitsInvalid: a trait is missing or impossible.
        InsInvalid: the INS does not hold.
        PatientExists: another patient has the IPP or the INS.
    """
    actor.require(Permission.PATIENT_WRITE)
    rules.check_traits(traits, status, today=today)
    wanted = PatientView(patient_id, traits, status)
    existing = session.get(Patient, patient_id)
    if existing is not None:
        return _same_or_conflict(session, existing, wanted)
    _check_unused(session, wanted)
    values = {
        "id": patient_id,
        "establishment_id": actor.establishment_id,
        "sealed_traits": db.keyring(session).seal(rules.traits_to_json(traits), context=f"patient.traits:{patient_id}"),
        **queries.keys_of(session, traits),
        "identity_status": status,
        "created_at": now,
        "created_by_id": actor.id,
    }
    written = session.scalar(upsert(Patient).values(values).on_conflict_do_nothing().returning(Patient.id))
    if written is None:  # somebody else registered the same patient, or this very form, at this moment
        return _registered_meanwhile(session, wanted)
    audit.append(
        session,
        actor=actor,
        action="patient:registered",
        subject=f"patient:{patient_id}",
        details={"identity_status": status.value},
        now=now,
    )
    return wanted


def _registered_meanwhile(session: Session, wanted: PatientView) -> PatientView:
    _check_unused(session, wanted)
    existing = session.get(Patient, wanted.id)
    if existing is None:
        raise PatientExists(_OTHER_CONTENT, next_step=N_("Start again."))
    return _same_or_conflict(session, existing, wanted)


def _same_or_conflict(session: Session, existing: Patient, wanted: PatientView) -> PatientView:
    if queries.unsealed(session, existing) != wanted:
        raise PatientExists(_OTHER_CONTENT, next_step=N_("Start again."))
    return wanted


_OTHER_CONTENT = N_("This form was already sent with another identity.")


def _check_unused(session: Session, wanted: PatientView) -> None:
    traits = wanted.traits
    by_ipp = queries.find_by_ipp(session, traits.ipp)
    if by_ipp is not None and by_ipp.id != wanted.id:
        raise PatientExists(
            N_("A patient with this IPP is already registered."),
            next_step=N_("Search by this IPP and open the patient."),
        )
    by_ins = queries.find_by_ins(session, traits.ins_matricule, traits.ins_oid) if traits.ins_matricule else None
    if by_ins is not None and by_ins.id != wanted.id:
        raise PatientExists(
            N_("A patient with this INS is already registered."),
            next_step=N_("Scan the INS barcode to open the patient."),
        )


def open_patient(session: Session, patient_id: UUID, *, actor: Actor, now: datetime) -> PatientView:
    """Return one patient and record who looked (access to health data is accountable: domain reference 6.5).

    Raises:
        PatientNotFound: there is none with this id here.
    """
    actor.require(Permission.PATIENT_READ)
    view = queries.get_patient(session, patient_id)
    audit.append(session, actor=actor, action="patient:opened", subject=f"patient:{patient_id}", details={}, now=now)
    return view
