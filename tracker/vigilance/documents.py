"""What an incident prints: one report, two renditions, each with its recipient's maximum of patient data.

ANSM may have the first three letters of the name, sex, birth date or age, and weight: the fields of its portal. The
manufacturer has no patient datum at all, only our case number (medical secrecy, CSP L.1110-4). Two types, so that no
caller can hand the wrong one more than it may have; the template prints a patient for ANSM only.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypedDict

from tracker.documents.documents import DerogationData, DeviceData, DocumentHead
from tracker.patients.rules import Sex
from tracker.vigilance.rules import Consequence

Basis = Literal["mandatory", "optional"]

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
    for block, field in FREE_TEXTS:
        texts = blocks[block]
        text = _plain(str(texts[field])) if isinstance(texts, Mapping) else ""
        if any(trait in text for trait in wanted):
            found.append(f"{block}.{field}")
    return tuple(found)


def _plain(text: str) -> str:
    """Return upper-case words without accents, one space around each, so that only whole words match."""
    bare = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    return f" {' '.join(''.join(letter if letter.isalnum() else ' ' for letter in bare.upper()).split())} "
