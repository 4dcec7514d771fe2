"""What a use prints: the patient's document and the implant card.

Both carry the patient's identity because they are handed to the patient; nothing else of the record goes in.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NotRequired, TypedDict

from tracker.devices.queries import UnitView
from tracker.documents.documents import DerogationData, DeviceData, DocumentHead, Locale
from tracker.organisation.models import Establishment
from tracker.patients.queries import PatientView
from tracker.patients.rules import IdentityStatus
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


@dataclass(frozen=True, slots=True)
class UseSource:
    """Everything the patient's papers are printed from."""

    unit: UnitView
    used_on: date
    operator_name: str
    side: Side
    intervention: Intervention
    implanted_system: str
    patient: PatientView
    establishment: Establishment
    ward_name: str
    derogation: DerogationData
    symbol: str
    """SVG of the unit's Data Matrix."""


def _head(source: UseSource, *, locale: Locale, generated_at: datetime, suffix: str) -> DocumentHead:
    establishment = source.establishment
    return DocumentHead(
        locale=locale,
        document_number=f"{source.unit.number}-{suffix}",
        generated_at=generated_at.isoformat(timespec="seconds"),
        establishment={"name": establishment.name, "address": establishment.address, "phone": establishment.phone},
        demonstration=establishment.is_demonstration,
    )


def patient_document_data(source: UseSource, *, locale: Locale, generated_at: datetime) -> PatientDocumentData:
    """Return what the patient's document prints; ``generated_at`` is on the hospital's clock."""
    unit, traits = source.unit, source.patient.traits
    identity = PatientIdentityData(
        birth_name=traits.family_name,
        used_name=traits.used_name,
        given_names=traits.given_names,
        birth_date=traits.birth_date.isoformat(),
    )
    if traits.ins_matricule and source.patient.identity_status is IdentityStatus.QUALIFIED:
        identity["ins"] = traits.ins_matricule
    return PatientDocumentData(
        **_head(source, locale=locale, generated_at=generated_at, suffix="P"),
        patient=identity,
        device={
            "designation": unit.definition.designation,
            "brand": unit.definition.brand,
            "manufacturer": unit.definition.manufacturer_name,
            "reference": unit.definition.reference,
            "lot": unit.lot_number or "",
            "serial": unit.serial_number or "",
            "udi": unit.udi_di or "",
            "expires_on": unit.expiration_date.isoformat() if unit.expiration_date else "",
            "unit_number": unit.number,
        },
        derogation=source.derogation,
        intervention=source.intervention,
        used_on=source.used_on.isoformat(),
        place=source.ward_name,
        doctor=source.operator_name,
        side=source.side,
        implanted_system=source.implanted_system,
        lifetime=unit.expected_lifetime,
        follow_up=unit.follow_up,
        symbol=source.symbol,
    )


def implant_card_data(source: UseSource, *, locale: Locale, generated_at: datetime) -> ImplantCardData:
    """Return what the implant card prints; ``generated_at`` is on the hospital's clock."""
    unit = source.unit
    return ImplantCardData(
        **_head(source, locale=locale, generated_at=generated_at, suffix="C"),
        patient_name=source.patient.traits.display_name,
        implanted_on=source.used_on.isoformat(),
        side=source.side,
        device={
            "name": unit.definition.designation,
            "model": unit.definition.brand,
            "reference": unit.definition.reference,
            "lot": unit.lot_number or "",
            "serial": unit.serial_number or "",
            "udi": unit.udi_di or "",
            "symbol": source.symbol,
        },
        manufacturer={
            "name": unit.definition.manufacturer_name,
            "address": unit.manufacturer_address,
            "website": unit.manufacturer_website,
        },
        derogation=source.derogation,
        warnings="",
        lifetime=unit.expected_lifetime,
        follow_up=unit.follow_up,
        paper="a4",
    )
