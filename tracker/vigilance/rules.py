"""What an incident is, how serious, and what may be told to whom. Pure."""

import enum
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal

from tracker.actor import Role
from tracker.catalogue.rules import DeviceKind
from tracker.errors import N_, InvalidInput, RuleRefused
from tracker.outbox.rules import MessageState
from tracker.patients.rules import Identity, find_identity


class Consequence(enum.StrEnum):
    """Consequences, after the French list of seriousness (domain reference 2.3). Stored: a change needs a migration."""

    DEATH = "death"
    LIFE_THREAT = "life_threat"
    DISABILITY = "disability"
    HOSPITALISATION = "hospitalisation"
    INTERVENTION = "intervention"
    CONGENITAL_ANOMALY = "congenital_anomaly"
    OTHER_HARM = "other_harm"
    RISK_ONLY = "risk_only"


class DevicePlace(enum.StrEnum):
    """Where the device is now. Stored: a change needs a migration."""

    IN_PATIENT = "in_patient"
    PHARMACY = "pharmacy"
    WARD = "ward"
    RETURNED = "returned"
    DESTROYED = "destroyed"


class Channel(enum.StrEnum):
    """Which vigilance an incident belongs to: that of devices, or that of in vitro diagnostics (CSP L.5222-3)."""

    DEVICE = "device"
    IVD = "ivd"


def channel_of(kind: DeviceKind) -> Channel:
    """Return the vigilance of a kind of device: réactovigilance for in vitro diagnostics (domain reference 8)."""
    return Channel.IVD if kind is DeviceKind.IVD else Channel.DEVICE


class ReportRecipient(enum.StrEnum):
    """Who gets a rendition. Stored: a change needs a migration."""

    ANSM = "ansm"
    MANUFACTURER = "manufacturer"


class Basis(enum.StrEnum):
    """Under which article a report is made; printed on it."""

    MANDATORY = "mandatory"
    OPTIONAL = "optional"


class IncidentState(enum.StrEnum):
    """How far an incident is. Computed from its reports, never stored; sent by the API."""

    DECLARED = "declared"
    SENDING = "sending"
    NOT_SENT = "not_sent"
    TRANSMITTED = "transmitted"


CONSEQUENCE_LABELS: Mapping[Consequence, str] = {
    Consequence.DEATH: N_("Death"),
    Consequence.LIFE_THREAT: N_("Threat to life"),
    Consequence.DISABILITY: N_("Permanent or major disability"),
    Consequence.HOSPITALISATION: N_("Hospitalisation or its prolongation"),
    Consequence.INTERVENTION: N_("Medical or surgical intervention"),
    Consequence.CONGENITAL_ANOMALY: N_("Congenital anomaly"),
    Consequence.OTHER_HARM: N_("Other harm"),
    Consequence.RISK_ONLY: N_("Risk only: nobody was harmed"),
}
PLACE_LABELS: Mapping[DevicePlace, str] = {
    DevicePlace.IN_PATIENT: N_("In the patient"),
    DevicePlace.PHARMACY: N_("At the pharmacy"),
    DevicePlace.WARD: N_("In the ward or theatre"),
    DevicePlace.RETURNED: N_("Returned to the manufacturer"),
    DevicePlace.DESTROYED: N_("Destroyed"),
}
RECIPIENT_LABELS: Mapping[ReportRecipient, str] = {
    ReportRecipient.ANSM: N_("ANSM"),
    ReportRecipient.MANUFACTURER: N_("Manufacturer"),
}
BASIS_LABELS: Mapping[Basis, str] = {
    Basis.MANDATORY: N_("Mandatory, without delay (CSP R.5212-14)"),
    Basis.OPTIONAL: N_("Optional (CSP R.5212-15)"),
}
STATE_LABELS: Mapping[IncidentState, str] = {
    IncidentState.DECLARED: N_("To be transmitted"),
    IncidentState.SENDING: N_("Being sent"),
    IncidentState.NOT_SENT: N_("Not sent"),
    IncidentState.TRANSMITTED: N_("Transmitted"),
}

PRINTED_PLACES: Mapping[DevicePlace, str] = {
    DevicePlace.IN_PATIENT: "dans le corps du patient",
    DevicePlace.PHARMACY: "à la pharmacie à usage intérieur",
    DevicePlace.WARD: "dans le service ou au bloc opératoire",
    DevicePlace.RETURNED: "retourné au fabricant",
    DevicePlace.DESTROYED: "détruit",
}
PRINTED_PROFESSIONS: Mapping[Role, str] = {
    Role.SURGEON: "chirurgien",
    Role.THEATRE_NURSE: "infirmier de bloc opératoire (IBODE)",
    Role.PHARMACIST: "pharmacien",
    Role.VIGILANCE_OFFICER: "correspondant local de matériovigilance (CLMV)",
}
FILE_WORDS: Mapping[ReportRecipient, str] = {
    ReportRecipient.ANSM: "ansm",
    ReportRecipient.MANUFACTURER: "fabricant",
}
PRINTED_CHANNELS: Mapping[Channel, str] = {
    Channel.DEVICE: "Matériovigilance",
    Channel.IVD: "Réactovigilance",
}
PRINTED_LAWS: Mapping[Channel, str] = {
    Channel.DEVICE: "règlement (UE) 2017/745, article 59",
    Channel.IVD: "règlement (UE) 2017/746, article 54",
}
"""What a derogation of the channel rests on; for diagnostics also CSP L.5221-3 II (domain reference 1.1)."""
PRINTED_BASES: Mapping[tuple[Channel, Basis], str] = {
    (Channel.DEVICE, Basis.MANDATORY): (
        "déclaration obligatoire, sans délai (article R. 5212-14 du code de la santé publique)"
    ),
    (Channel.DEVICE, Basis.OPTIONAL): "déclaration facultative (article R. 5212-15 du code de la santé publique)",
    (Channel.IVD, Basis.MANDATORY): (
        "déclaration obligatoire, sans délai (article L. 5222-3 du code de la santé publique)"
    ),
    (Channel.IVD, Basis.OPTIONAL): "déclaration facultative (article L. 5222-3 du code de la santé publique)",
}
"""Reports are in French, the language of their recipients, whatever the language of the page."""

_SERIOUS = frozenset(
    {
        Consequence.DEATH,
        Consequence.LIFE_THREAT,
        Consequence.DISABILITY,
        Consequence.HOSPITALISATION,
        Consequence.INTERVENTION,
        Consequence.CONGENITAL_ANOMALY,
    }
)
# French list of seriousness (domain reference 2.3); MDR art. 2(65)

_HEAVIEST_KG = Decimal(500)


class IncidentInvalid(InvalidInput):
    """Something of the declaration is missing or contradicts itself; nothing was written."""

    code = "incident-invalid"


class IdentityInText(InvalidInput):
    """A text that goes to ANSM and to the manufacturer names the patient; nothing was written."""

    code = "incident-names-patient"


class PatientDiffers(InvalidInput):
    """The patient given is not the one for whom the unit was used."""

    code = "incident-patient-differs"


class ManufacturerAddressMissing(RuleRefused):
    """The manufacturer has no address for incident reports; nothing was sent to anybody."""

    code = "manufacturer-address-missing"


@dataclass(frozen=True, slots=True)
class Narrative:
    """What people wrote about an incident; sealed at rest as one value."""

    description: str
    clinical: str = ""
    """Consequences in words."""
    outcome: str = ""
    measures: str = ""
    informed: str = ""
    """Who else was told, and when."""
    weight_kg: str = ""

    def as_json(self) -> bytes:
        """Return the narrative as it is sealed."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True).encode()


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """What the rules need of a declaration."""

    occurred_on: date
    detected_on: date
    place: str
    consequences: tuple[Consequence, ...]
    narrative: Narrative
    device_place: DevicePlace
    is_device_kept: bool


@dataclass(frozen=True, slots=True)
class CorrespondentPart:
    """What the vigilance officer adds (CSP R.5212-22)."""

    basis: Basis
    comments: str = ""
    follow_up: int = 0
    """0: the first report; then the complements, counted from 1."""
    references: Mapping[ReportRecipient, str] = field(default_factory=dict)
    """What each recipient calls the case, where they have said so."""


def narrative_from_json(content: bytes) -> Narrative:
    """Return a narrative that was sealed."""
    return Narrative(**json.loads(content))


def case_number(number: int) -> str:
    """Return the number of a case as it is printed and told.

    >>> case_number(12)
    'INC-000012'
    """
    return f"INC-{number:06d}"


def is_serious(consequences: Collection[Consequence]) -> bool:
    """Test whether an incident is serious (MDR art. 2(65), French list)."""
    return not _SERIOUS.isdisjoint(consequences)


def proposed_basis(consequences: Collection[Consequence], *, is_derogated: bool) -> Basis:
    """Return the basis a report starts from; the correspondent may change it.

    Any incident or risk of incident with a device under derogation is to be declared, whatever the severity (ANSM, page
    for health professionals; domain reference 2.3).
    """
    return Basis.MANDATORY if is_derogated or is_serious(consequences) else Basis.OPTIONAL


def state_of(reports: Collection[MessageState]) -> IncidentState:
    """Return how far an incident is, from the states of the messages that carry its reports.

    A report that could not be sent and was set aside, because it was told by other means, counts as told.
    """
    if not reports:
        return IncidentState.DECLARED
    if MessageState.FAILED in reports:
        return IncidentState.NOT_SENT
    return IncidentState.SENDING if MessageState.QUEUED in reports else IncidentState.TRANSMITTED


def check_incident(facts: IncidentFacts, *, today: date) -> None:
    """Check what was declared.

    Raises:
        IncidentInvalid: each field that is missing or impossible is named.
    """
    fields = dict([*_date_problems(facts, today), *_text_problems(facts), *_device_problems(facts)])
    if fields:
        raise IncidentInvalid(
            N_("The declaration is not complete. Nothing was written."),
            fields=fields,
            next_step=N_("Correct the fields named below; what you typed is kept."),
        )


def _date_problems(facts: IncidentFacts, today: date) -> Iterable[tuple[str, str]]:
    if facts.occurred_on > today:
        yield "occurred_on", N_("This day is in the future.")
    if facts.detected_on > today:
        yield "detected_on", N_("This day is in the future.")
    elif facts.detected_on < facts.occurred_on:
        yield "detected_on", N_("An incident cannot be detected before it occurred.")


def _text_problems(facts: IncidentFacts) -> Iterable[tuple[str, str]]:
    if not facts.place.strip():
        yield "place", N_("Say where it happened.")
    if not facts.narrative.description.strip():
        yield "description", N_("Say what happened.")
    if not facts.consequences:
        yield "consequences", N_("Choose at least one; “risk only” if nobody was harmed.")
    elif Consequence.RISK_ONLY in facts.consequences and len(set(facts.consequences)) > 1:
        yield "consequences", N_("“Risk only” cannot stand beside harm.")
    if facts.narrative.weight_kg and not _is_weight(facts.narrative.weight_kg):
        yield "weight_kg", N_("Give the weight in kilograms, between 0 and 500.")


def _is_weight(text: str) -> bool:
    if not text.isascii() or not text.replace(".", "", 1).isdigit():
        return False
    return 0 < Decimal(text) <= _HEAVIEST_KG


def _device_problems(facts: IncidentFacts) -> Iterable[tuple[str, str]]:
    is_out_of_reach = facts.device_place in {DevicePlace.IN_PATIENT, DevicePlace.RETURNED, DevicePlace.DESTROYED}
    if facts.is_device_kept and is_out_of_reach:
        yield "is_device_kept", N_("A device that is in the patient, returned or destroyed is not kept for expertise.")


def last_months(today: date, count: int) -> tuple[date, ...]:
    """Return the first days of the last months, the present one last.

    >>> last_months(date(2026, 1, 31), 3)
    (datetime.date(2025, 11, 1), datetime.date(2025, 12, 1), datetime.date(2026, 1, 1))
    """
    present = today.year * 12 + today.month - 1
    return tuple(date(month // 12, month % 12 + 1, 1) for month in range(present - count + 1, present + 1))


def texts_told(facts: IncidentFacts) -> dict[str, str]:
    """Return the free texts that go to both recipients, by field."""
    narrative = facts.narrative
    return {
        "place": facts.place,
        "description": narrative.description,
        "clinical": narrative.clinical,
        "outcome": narrative.outcome,
        "measures": narrative.measures,
        "informed": narrative.informed,
    }


def check_texts(texts: Mapping[str, str], identity: Identity | None) -> None:
    """Check that no text names the patient: the manufacturer may know nothing of them (CSP L.1110-4).

    Args:
        texts: free texts by field.
        identity: of the patient concerned; None where none is.

    Raises:
        IdentityInText: each field that does is named.
    """
    found = find_identity(texts, identity) if identity else ()
    if found:
        sentence = N_("This text names the patient: write “the patient” instead.")
        raise IdentityInText(
            N_("The declaration names the patient, and its texts go to the manufacturer. Nothing was written."),
            fields=dict.fromkeys(found, sentence),
            next_step=N_("Take out the name, the birth date and every number of the patient."),
        )
