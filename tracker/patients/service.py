"""Actions on patients."""

from datetime import date, datetime
from uuid import UUID

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
    rules.check_traits(traits, today=today)
    existing = session.get(Patient, patient_id)
    if existing is not None:
        return _same_or_conflict(session, existing, traits)
    _check_unused(session, traits)
    patient = Patient(
        id=patient_id,
        establishment_id=actor.establishment_id,
        sealed_traits=db.keyring(session).seal(rules.traits_to_json(traits), context=f"patient.traits:{patient_id}"),
        ipp_key=queries.ipp_key(session, traits.ipp),
        ins_key=queries.ins_key(session, traits.ins_matricule, traits.ins_oid) if traits.ins_matricule else None,
        traits_key=queries.traits_key(
            session,
            family_name=traits.family_name,
            first_given_name=traits.first_given_name,
            birth_date=traits.birth_date,
        ),
        name_key=queries.name_key(session, traits.family_name),
        identity_status=status,
        created_at=now,
        created_by_id=actor.id,
    )
    session.add(patient)
    session.flush()  # a patient registered by somebody else in this moment is refused by the unique keys
    audit.append(
        session,
        actor=actor,
        action="patient:registered",
        subject=f"patient:{patient_id}",
        details={"identity_status": status.value},
        now=now,
    )
    return PatientView(patient_id, traits, status)


def _same_or_conflict(session: Session, existing: Patient, traits: Traits) -> PatientView:
    view = queries.unsealed(session, existing)
    if view.traits != traits:
        raise PatientExists(N_("This form was already sent with another identity."), next_step=N_("Start again."))
    return view


def _check_unused(session: Session, traits: Traits) -> None:
    if queries.find_by_ipp(session, traits.ipp) is not None:
        raise PatientExists(
            N_("A patient with this IPP is already registered."),
            next_step=N_("Search by this IPP and open the patient."),
        )
    if traits.ins_matricule and queries.find_by_ins(session, traits.ins_matricule, traits.ins_oid) is not None:
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
