"""What an incident prints: one report, two renditions, each with its recipient's maximum of patient data.

ANSM may have the first three letters of the name, sex, birth date or age, and weight: the fields of its portal. The
manufacturer has no patient datum at all, only our case number (medical secrecy, CSP L.1110-4). Two types, so that no
caller can hand the wrong one more than it may have; the template prints a patient for ANSM only.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Literal, TypedDict

from tracker.coverage.queries import Coverage
from tracker.devices.queries import UnitView
from tracker.documents.documents import DerogationData, DeviceData, DocumentHead, EstablishmentData
from tracker.patients.rules import Sex, Traits
from tracker.vigilance import rules
from tracker.vigilance.rules import Basis, Channel, Consequence, IncidentFacts, ReportRecipient

# Portal of ANSM: "first three letters of the name".
NAME_LETTERS: Final = 3
# Where people write freely, and identities leak.
FREE_TEXTS: Final = (
    ("incident", "place"),
    ("incident", "description"),
    ("consequences", "clinical"),
    ("consequences", "outcome"),
    ("measures", "taken"),
    ("measures", "informed"),
    ("correspondent_part", "comments"),
)
_SHORTEST_TRAIT: Final = 3


class RecipientData(TypedDict):
    """Who receives the rendition."""

    name: str
    address: str
    email: str


class PersonData(TypedDict):
    """A professional who can be called back; an absent value is an empty text."""

    name: str
    profession: str
    service: str
    phone: str
    email: str


class ReportedDeviceData(DeviceData):
    """The unit concerned, with what an expert asks for; an absent value is an empty text."""

    manufacturer_address: str
    supplier: str
    emdn: str
    risk_class: str
    software_version: str
    used_on: str
    """ISO date of use or implantation."""
    explanted_on: str
    """ISO date."""
    location: str
    """Where the device is now."""
    kept_for_expertise: bool


class IncidentData(TypedDict):
    """What happened. Free texts must name no patient: see ``fields_naming_patient``."""

    occurred_on: str
    """ISO date."""
    detected_on: str
    """ISO date."""
    place: str
    description: str
    units_concerned: int


class ConsequencesData(TypedDict):
    """What it did to someone, or might have done."""

    severity: list[Consequence]
    clinical: str
    outcome: str


class MeasuresData(TypedDict):
    """What was done at once."""

    taken: str
    lot_held: bool
    units_held: int
    informed: str
    """Who else was told, and when."""


class CorrespondentPartData(TypedDict):
    """The part of the CLMV (CSP R.5212-22)."""

    basis: Basis
    """Mandatory report (R.5212-14) or optional one (R.5212-15)."""
    comments: str
    validated_by: str
    validated_on: str
    """ISO date."""


class ReportData(DocumentHead):
    """What both renditions carry: nothing about the patient."""

    channel: Channel
    """Of devices, or of in vitro diagnostics."""
    report_number: str
    """Our own number: case number for the manufacturer."""
    follow_up: bool
    """True for a further report on an incident already declared."""
    recipient_reference: str
    """Reference the recipient gave; empty on the first report."""
    recipient: RecipientData
    finess: str
    correspondent: PersonData
    device: ReportedDeviceData
    derogation: DerogationData
    incident: IncidentData
    consequences: ConsequencesData
    measures: MeasuresData
    correspondent_part: CorrespondentPartData


class AnsmPatientData(TypedDict):
    """The most ANSM may have of a patient; an absent value is an empty text. Made by ``ansm_patient``."""

    name_letters: str
    sex: Sex
    birth_date: str
    """ISO date; empty when the age stands for it."""
    age_years: str
    weight_kg: str


class AnsmReportData(ReportData):
    """Rendition for ANSM."""

    rendition: Literal["ansm"]
    reporter: PersonData
    patient: AnsmPatientData | None
    """None when no patient is concerned."""


class ManufacturerReportData(ReportData):
    """Rendition for the manufacturer: no patient, and the correspondent as the only person to call."""

    rendition: Literal["manufacturer"]


@dataclass(frozen=True, slots=True)
class ReportSource:
    """What both renditions are made from. Only ``report_for_ansm`` looks at the patient and at the reporter."""

    number: str
    """Of the case."""
    made_at: datetime
    """On the hospital's clock."""
    is_demonstration: bool
    establishment: EstablishmentData
    finess: str
    correspondent: PersonData
    reporter: PersonData
    own_part: CorrespondentPartData
    unit: UnitView
    coverage: Coverage | None
    used_on: date | None
    facts: IncidentFacts
    held_count: int
    is_lot_held: bool
    traits: Traits | None
    """Of the patient concerned."""
    follow_up: int = 0
    """0: the first report; then the complements, counted from 1."""
    references: Mapping[ReportRecipient, str] = field(default_factory=dict)
    """What each recipient calls the case, where they have said so."""


def report_for_ansm(source: ReportSource, *, address: str) -> AnsmReportData:
    """Return the rendition for ANSM."""
    channel = rules.channel_of(source.unit.definition.kind)
    recipient = RecipientData(name="ANSM", address=rules.PRINTED_CHANNELS[channel], email=address)
    return {
        **_report(source, ReportRecipient.ANSM, recipient),
        "rendition": "ansm",
        "reporter": source.reporter,
        "patient": _patient(source),
    }


def report_for_manufacturer(source: ReportSource) -> ManufacturerReportData:
    """Return the rendition for the manufacturer."""
    unit = source.unit
    recipient = RecipientData(
        name=unit.definition.manufacturer_name, address=unit.manufacturer_address, email=unit.vigilance_email
    )
    return {**_report(source, ReportRecipient.MANUFACTURER, recipient), "rendition": "manufacturer"}


def _patient(source: ReportSource) -> AnsmPatientData | None:
    if source.traits is None:
        return None
    return ansm_patient(
        birth_name=source.traits.family_name,
        sex=source.traits.sex,
        birth_date=source.traits.birth_date.isoformat(),
        weight_kg=source.facts.narrative.weight_kg,
    )


_NUMBER_ENDINGS: Final = {ReportRecipient.ANSM: "ANSM", ReportRecipient.MANUFACTURER: "FAB"}


def _report(source: ReportSource, to: ReportRecipient, recipient: RecipientData) -> ReportData:
    facts, narrative = source.facts, source.facts.narrative
    suffix = f"-{source.follow_up}" if source.follow_up else ""
    return ReportData(
        locale="fr",
        document_number=f"{source.number}-{_NUMBER_ENDINGS[to]}{suffix}",
        generated_at=source.made_at.isoformat(timespec="seconds"),
        establishment=source.establishment,
        demonstration=source.is_demonstration,
        channel=rules.channel_of(source.unit.definition.kind),
        report_number=source.number,
        follow_up=source.follow_up > 0,
        recipient_reference=source.references.get(to, ""),
        recipient=recipient,
        finess=source.finess,
        correspondent=source.correspondent,
        device=_device(source),
        derogation=_derogation(source.coverage),
        incident=IncidentData(
            occurred_on=facts.occurred_on.isoformat(),
            detected_on=facts.detected_on.isoformat(),
            place=facts.place,
            description=narrative.description,
            units_concerned=1,
        ),
        consequences=ConsequencesData(
            severity=list(facts.consequences),
            clinical=narrative.clinical,
            outcome=narrative.outcome,
        ),
        measures=MeasuresData(
            taken=narrative.measures,
            lot_held=source.is_lot_held,
            units_held=source.held_count,
            informed=narrative.informed,
        ),
        correspondent_part=source.own_part,
    )


def _device(source: ReportSource) -> ReportedDeviceData:
    unit = source.unit
    return ReportedDeviceData(
        designation=unit.definition.designation,
        brand=unit.definition.brand,
        manufacturer=unit.definition.manufacturer_name,
        reference=unit.definition.reference,
        lot=unit.lot_number or "",
        serial=unit.serial_number or "",
        udi=unit.udi_di or "",
        expires_on=_iso(unit.expiration_date),
        unit_number=unit.number,
        manufacturer_address=unit.manufacturer_address,
        supplier="",
        emdn="",
        risk_class="",
        software_version=unit.software_version or "",
        used_on=_iso(source.used_on),
        explanted_on="",
        location=rules.PRINTED_PLACES[source.facts.device_place],
        kept_for_expertise=source.facts.is_device_kept,
    )


def _derogation(coverage: Coverage | None) -> DerogationData:
    if coverage is None:
        return DerogationData(kind="none", reference="", valid_until="")
    return DerogationData(
        kind=coverage.kind.value,
        reference=coverage.decision_reference or coverage.designation,
        valid_until=_iso(coverage.standing.valid_until),
    )


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


def ansm_patient(
    *, birth_name: str, sex: Sex, birth_date: str = "", age_years: str = "", weight_kg: str = ""
) -> AnsmPatientData:
    """Reduce a patient to what ANSM may have.

    Args:
        birth_name: whole; only its first three letters are kept.
        sex: as recorded.
        birth_date: ISO date, or empty.
        age_years: used only without a birth date.
        weight_kg: in kilograms, or empty.

    Returns:
        The patient block of the ANSM rendition.

    >>> ansm_patient(birth_name="D'Exemple", sex=Sex.FEMALE, age_years="46")["name_letters"]
    'DEX'
    """
    letters = "".join(letter for letter in birth_name if letter.isalpha())
    return AnsmPatientData(
        name_letters=letters[:NAME_LETTERS].upper(),
        sex=sex,
        birth_date=birth_date,
        age_years="" if birth_date else age_years,
        weight_kg=weight_kg,
    )


def fields_naming_patient(report: ReportData, traits: Iterable[str]) -> tuple[str, ...]:
    """Return the free texts of a report in which a trait of the patient stands, whatever the case or the accents.

    Free texts are where identities leak: a report is refused, and the person who wrote it corrects the field.

    Args:
        report: either rendition.
        traits: names, identifiers and dates as people write them; those of less than three characters are ignored.

    Returns:
        Dotted paths, in the order of ``FREE_TEXTS``.
    """
    wanted = [_plain(trait) for trait in traits if len(_plain(trait).strip()) >= _SHORTEST_TRAIT]
    blocks: Mapping[str, object] = report
    found = []
    for block, name in FREE_TEXTS:
        texts = blocks[block]
        text = _plain(str(texts[name])) if isinstance(texts, Mapping) else ""
        if any(trait in text for trait in wanted):
            found.append(f"{block}.{name}")
    return tuple(found)


def _plain(text: str) -> str:
    """Return upper-case words without accents, one space around each, so that only whole words match."""
    bare = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    return f" {' '.join(''.join(letter if letter.isalnum() else ' ' for letter in bare.upper()).split())} "
