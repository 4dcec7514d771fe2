"""What a use prints: the patient's document and the implant card.

Both carry the patient's identity because they are handed to the patient; nothing else of the record goes in.
"""

from typing import Literal, NotRequired, TypedDict

from tracker.documents.documents import DerogationData, DeviceData, DocumentHead

Act = Literal["implantation", "partial_revision", "use"]
Side = Literal["left", "right", "bilateral", "none"]


class PatientIdentityData(TypedDict):
    """The patient on the patient's own papers (CSP R.5212-39 and -42)."""

    birth_name: str
    used_name: str
    """Empty when it is the birth name."""
    given_names: str
    birth_date: str
    """ISO date."""
    ins: NotRequired[str]
    """Matricule, only when the identity is qualified (RNIV, EXI ID 29)."""
    ins_symbol: NotRequired[str]
    """SVG of the INS Datamatrix, only when the identity is qualified (EXI DIF 02)."""


class PatientDocumentData(DocumentHead):
    """The document given to the patient at the end of care; a copy stays in the record (CSP R.5212-42)."""

    patient: PatientIdentityData
    device: DeviceData
    derogation: DerogationData
    act: Act
    used_on: str
    """ISO date, hospital calendar."""
    place: str
    """Ward or theatre; the establishment stands at the head of the page."""
    doctor: str
    side: Side
    implanted_system: str
    """The system already implanted, for a partial revision; empty otherwise."""
    lifetime: str
    """Limited life of the product and possible re-intervention; empty when nothing is known to be limited."""
    follow_up: str
    """Particular medical follow-up; empty when there is none."""
    symbol: NotRequired[str]
    """SVG of the unit's Data Matrix."""
