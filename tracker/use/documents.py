"""What a use prints: the patient's document and the implant card.

Both carry the patient's identity because they are handed to the patient; nothing else of the record goes in.
"""

from typing import Literal, NotRequired, TypedDict

from tracker.documents.documents import DerogationData, DeviceData, DocumentHead
from tracker.use.rules import Intervention, Side


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
    intervention: Intervention
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


class ManufacturerContactData(TypedDict):
    """The manufacturer as the card must name it (MDR art. 18(1)(a)); an absent value is an empty text."""

    name: str
    address: str
    website: str


class CardDeviceData(TypedDict):
    """The device as the card must identify it (MDR art. 18(1)(a)); an absent value is an empty text."""

    name: str
    model: str
    reference: str
    lot: str
    serial: str
    udi: str
    """Human-readable UDI, without control characters."""
    symbol: str
    """SVG of the UDI, or of the unit number when the device has no UDI."""


class ImplantCardData(DocumentHead):
    """Implant card, both faces, and the sheet of warnings that goes with it (MDR art. 18).

    The hospital fills in the patient's name, its own name and address, and the date (MDCG 2019-8).
    """

    patient_name: str
    implanted_on: str
    """ISO date, hospital calendar."""
    side: Side
    device: CardDeviceData
    manufacturer: ManufacturerContactData
    derogation: DerogationData
    warnings: str
    """Warnings, precautions and measures for the patient or a health professional; one per line."""
    lifetime: str
    follow_up: str
    paper: Literal["a4", "card"]
    """A4 to cut and fold, or one page of 85.6 by 54 mm per face; the sheet of warnings is A4 in both."""
