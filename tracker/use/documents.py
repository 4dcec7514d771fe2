"""What a use prints: the patient's document and, for an implant, the implant card.

Both carry the patient's identity because they are handed to the patient; nothing else of the record goes in.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NotRequired, TypedDict

from scanners import PatientIdentity, Standard, Status
from scanners.assemble import SYMBOL_SEPARATOR, read_symbols
from scanners.symbols import datamatrix
from scanners.symbols.pattern import SymbolRefused
from scanners.udi import gs1_brackets, ins
from tracker.catalogue.rules import DeviceKind
from tracker.devices.queries import UnitView
from tracker.documents.documents import DerogationData, DeviceData, DocumentHead, Locale, render
from tracker.documents.models import DocumentKind
from tracker.organisation.models import Establishment
from tracker.patients.queries import PatientView
from tracker.patients.rules import IdentityStatus, Sex, Traits
from tracker.sealing import normalise
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
    operator_rpps: str
    """Empty when unknown."""
    side: Side
    intervention: Intervention
    implanted_system: str
    patient: PatientView
    establishment: Establishment
    ward_name: str
    derogation: DerogationData


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper of the patient, printed."""

    kind: DocumentKind
    content: bytes


def print_papers(source: UseSource, *, locale: Locale, generated_at: datetime) -> tuple[Paper, ...]:
    """Return the patient's papers of a use; ``generated_at`` is on the hospital's clock.

    The document goes with every device, the card with implants only (MDR art. 18). Which of these need none, sutures
    and screws for example (art. 18(3)), the catalogue does not say: they get one too.

    Raises:
        RenderingFailed: one of them cannot be made.
    """
    document = patient_document_data(source, locale=locale, generated_at=generated_at)
    papers = [Paper(DocumentKind.PATIENT_DOCUMENT, render("use/patient_document", document))]
    if source.unit.definition.kind is DeviceKind.IMPLANT:
        card = implant_card_data(source, locale=locale, generated_at=generated_at)
        papers.append(Paper(DocumentKind.IMPLANT_CARD, render("use/implant_card", card)))
    return tuple(papers)


def scanned_udi(unit: UnitView) -> str:
    """Return the whole UDI as people read it, from the label that was scanned; empty where none was read.

    GS1 identifiers stand in brackets (MDR annex VI part C, human readable interpretation).
    """
    raw = (unit.raw_scan or b"").decode("utf-8", "replace")
    read = read_symbols(raw.split(SYMBOL_SEPARATOR), reference_date=unit.created_at.date())
    if read is None or read.status is not Status.OK or read.udi is None or read.udi.udi_di != unit.udi_di:
        return ""
    if read.standard is Standard.GS1:
        return gs1_brackets.format(read.elements)
    if SYMBOL_SEPARATOR in raw:
        return ""  # two symbols that no standard writes as one
    return "".join(c for c in raw if c.isprintable()).removeprefix(f"]{read.symbology}")


def _card_symbol(unit: UnitView) -> str:
    """Return the SVG of the UDI, or of the unit number where the device has none or no symbol can carry it."""
    udi = scanned_udi(unit)
    try:
        return datamatrix.svg(udi or unit.number)
    except SymbolRefused:
        return datamatrix.svg(unit.number)


def _ins_symbol(traits: Traits) -> str:
    """Return the SVG of the INS Datamatrix (ANS, "Format datamatrix INS" v2.2); empty where the sex is not known."""
    if traits.sex is Sex.UNKNOWN:
        return ""
    identity = PatientIdentity(
        matricule=traits.ins_matricule,
        oid=traits.ins_oid,
        birth_given_names=normalise(traits.given_names),
        birth_family_name=normalise(traits.family_name),
        sex=traits.sex.value,
        birth_date=traits.birth_date,
        birth_place_code=traits.birth_place_code or None,
    )
    return datamatrix.svg(ins.format(identity))


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
        identity["ins_symbol"] = _ins_symbol(traits)
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
            "udi": scanned_udi(unit) or unit.udi_di or "",
            "expires_on": unit.expiration_date.isoformat() if unit.expiration_date else "",
            "unit_number": unit.number,
        },
        derogation=source.derogation,
        intervention=source.intervention,
        used_on=source.used_on.isoformat(),
        place=source.ward_name,
        doctor=f"{source.operator_name} (RPPS {source.operator_rpps})"
        if source.operator_rpps
        else source.operator_name,
        side=source.side,
        implanted_system=source.implanted_system,
        lifetime=unit.expected_lifetime,
        follow_up=unit.follow_up,
        symbol=datamatrix.svg(unit.number),
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
            "udi": scanned_udi(unit) or unit.udi_di or "",
            "symbol": _card_symbol(unit),
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
