"""What informing a patient prints: the notice and the consent form, in one document.

Contents after ANSM's page for health professionals, its notice to applicants, and CSP L.1111-2 and L.1111-4.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypedDict

from tracker.consents.rules import NoticeTexts, SignerCapacity
from tracker.documents.documents import DerogationData, DocumentHead, Locale
from tracker.organisation.models import Establishment
from tracker.patients.rules import Traits

Decision = Literal["", "obtained", "refused"]


class InformedPatientData(TypedDict):
    """Identity of the patient on the form."""

    birth_name: str
    used_name: str
    """Empty when it is the birth name."""
    given_names: str
    birth_date: str
    """ISO date."""


class ProposedDeviceData(TypedDict):
    """The device the patient is asked about; the unit is not chosen yet."""

    designation: str
    brand: str
    manufacturer: str
    reference: str
    no_mark_reason: str
    """Why it has no CE mark, in words a patient understands."""


class NoticeTextData(TypedDict):
    """The words of one version of the notice, written for the patient; an empty text is printed as not stated."""

    why: str
    alternatives: str
    benefits: str
    risks: str
    unknowns: str
    follow_up: str
    contact: str


class InformingData(TypedDict):
    """Who informs; ``rpps`` is empty when unknown."""

    name: str
    profession: str
    rpps: str
    informed_at: str
    """ISO instant on the hospital's clock; empty leaves a line to fill in by hand."""
    interpreter: str
    """Name of the interpreter; empty when there is none."""


class SignerData(TypedDict):
    """Who decides; an empty name leaves a line to fill in by hand."""

    capacity: SignerCapacity
    name: str


class NoticeData(DocumentHead):
    """Information notice and consent form."""

    notice_version: str
    patient: InformedPatientData
    device: ProposedDeviceData
    derogation: DerogationData
    notice: NoticeTextData
    informing: InformingData
    signer: SignerData
    decision: Decision
    """Empty leaves both boxes to tick by hand."""


@dataclass(frozen=True, slots=True)
class NoticeSource:
    """Everything a notice is printed from."""

    version: int
    texts: NoticeTexts
    patient: Traits
    designation: str
    manufacturer: str
    derogation: DerogationData
    establishment: Establishment
    informing_name: str
    informing_profession: str
    informing_rpps: str


def notice_data(source: NoticeSource, *, locale: Locale, number: str, generated_at: datetime) -> NoticeData:
    """Return what the notice template prints; nothing is decided yet, so the boxes stay empty.

    Args:
        source: the facts.
        locale: language of the page.
        number: printed in the footer.
        generated_at: instant on the hospital's clock.
    """
    texts = source.texts
    return NoticeData(
        locale=locale,
        document_number=number,
        generated_at=generated_at.isoformat(timespec="seconds"),
        establishment={
            "name": source.establishment.name,
            "address": source.establishment.address,
            "phone": source.establishment.phone,
        },
        demonstration=source.establishment.is_demonstration,
        notice_version=str(source.version),
        patient={
            "birth_name": source.patient.family_name,
            "used_name": source.patient.used_name,
            "given_names": source.patient.given_names,
            "birth_date": source.patient.birth_date.isoformat(),
        },
        device={
            "designation": source.designation,
            "brand": "",
            "manufacturer": source.manufacturer,
            "reference": "",
            "no_mark_reason": texts.no_mark_reason,
        },
        derogation=source.derogation,
        notice={
            "why": texts.why,
            "alternatives": texts.alternatives,
            "benefits": texts.benefits,
            "risks": texts.risks,
            "unknowns": texts.unknowns,
            "follow_up": texts.follow_up,
            "contact": texts.contact,
        },
        informing={
            "name": source.informing_name,
            "profession": source.informing_profession,
            "rpps": source.informing_rpps,
            "informed_at": "",
            "interpreter": "",
        },
        signer={"capacity": SignerCapacity.PATIENT, "name": ""},
        decision="",
    )
