"""What informing a patient prints: the notice and the consent form, in one document.

Contents after ANSM's page for health professionals, its notice to applicants, and CSP L.1111-2 and L.1111-4.
"""

from typing import Literal, TypedDict

from tracker.documents.documents import DerogationData, DocumentHead

Capacity = Literal["patient", "parental_authority", "guardian", "trusted_person", "relative"]
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

    capacity: Capacity
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
