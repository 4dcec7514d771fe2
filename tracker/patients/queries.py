"""Reads of patients. Nothing is searched in plain text: only keyed hashes leave the program."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from tracker import db
from tracker.errors import N_, NotFound
from tracker.patients import rules
from tracker.patients.models import Patient
from tracker.patients.rules import IdentityStatus, Traits

_MOST_RESULTS = 20


class PatientNotFound(NotFound):
    """No such patient in this establishment."""

    code = "patient-not-found"


@dataclass(frozen=True, slots=True)
class PatientView:
    """A patient with readable traits."""

    id: UUID
    traits: Traits
    identity_status: IdentityStatus


def unsealed(session: Session, patient: Patient) -> PatientView:
    """Return a row with its traits opened."""
    content = db.keyring(session).unseal(patient.sealed_traits, context=f"patient.traits:{patient.id}")
    return PatientView(patient.id, rules.traits_from_json(content), patient.identity_status)


def get_patient(session: Session, patient_id: UUID) -> PatientView:
    """Return one patient.

    Raises:
        PatientNotFound: there is none with this id here.
    """
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise PatientNotFound(N_("There is no such patient."), next_step=N_("Search by IPP, or scan the INS barcode."))
    return unsealed(session, patient)


def ipp_key(session: Session, ipp: str) -> bytes:
    """Return the keyed hash of an IPP."""
    return db.keyring(session).lookup("patient.ipp", ipp)


def ins_key(session: Session, matricule: str, oid: str) -> bytes:
    """Return the keyed hash of an INS: matricule and OID."""
    return db.keyring(session).lookup("patient.ins", matricule, oid)


def traits_key(session: Session, *, family_name: str, first_given_name: str, birth_date: date) -> bytes:
    """Return the keyed hash of the traits that find a possible duplicate."""
    return db.keyring(session).lookup("patient.traits", family_name, first_given_name, birth_date.isoformat())


def name_key(session: Session, family_name: str) -> bytes:
    """Return the keyed hash of a birth family name."""
    return db.keyring(session).lookup("patient.name", family_name)


def keys_of(session: Session, traits: Traits) -> dict[str, bytes | None]:
    """Return the keyed hashes under which a patient is found, by column."""
    return {
        "ipp_key": ipp_key(session, traits.ipp),
        "ins_key": ins_key(session, traits.ins_matricule, traits.ins_oid) if traits.ins_matricule else None,
        "traits_key": traits_key(
            session,
            family_name=traits.family_name,
            first_given_name=traits.first_given_name,
            birth_date=traits.birth_date,
        ),
        "name_key": name_key(session, traits.family_name),
    }


def find_by_ipp(session: Session, ipp: str) -> PatientView | None:
    """Return the patient with an IPP, or None."""
    return _find(session, Patient.ipp_key == ipp_key(session, ipp))


def find_by_ins(session: Session, matricule: str, oid: str) -> PatientView | None:
    """Return the patient with an INS, or None."""
    return _find(session, Patient.ins_key == ins_key(session, matricule, oid))


def _find(session: Session, condition: ColumnElement[bool]) -> PatientView | None:
    patient = session.scalar(select(Patient).where(condition))
    return unsealed(session, patient) if patient else None


def list_by_traits(
    session: Session, *, family_name: str, first_given_name: str, birth_date: date
) -> Sequence[PatientView]:
    """Return patients with the same name, first given name and birth date: possible duplicates."""
    key = traits_key(session, family_name=family_name, first_given_name=first_given_name, birth_date=birth_date)
    return _list(session, Patient.traits_key == key)


def list_by_name(session: Session, family_name: str) -> Sequence[PatientView]:
    """Return patients with a birth family name, at most twenty; accents and case do not count."""
    return _list(session, Patient.name_key == name_key(session, family_name))


def _list(session: Session, condition: ColumnElement[bool]) -> Sequence[PatientView]:
    rows = session.scalars(select(Patient).where(condition).order_by(Patient.id).limit(_MOST_RESULTS))
    return sorted((unsealed(session, row) for row in rows), key=lambda view: view.traits.birth_date)


def list_patients(session: Session, patient_ids: Sequence[UUID]) -> dict[UUID, PatientView]:
    """Return several patients by id, in one statement."""
    rows = session.scalars(select(Patient).where(Patient.id.in_(patient_ids)))
    return {row.id: unsealed(session, row) for row in rows}
