"""The dossier for the market operator: the ten points, the clinician's signature, what is attached; no identity.

The patient has no name here, only the pseudonym of the request: the operator files the dossier with ANSM and may know
nothing else (CSP L.1110-4).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from zoneinfo import ZoneInfo

from tracker.derogations.rules import DerogationKind
from tracker.documents.documents import DocumentHead, Locale
from tracker.organisation.models import Establishment
from tracker.requests import rules
from tracker.requests.rules import RequestFile

_PARIS = ZoneInfo("Europe/Paris")


class PointData(TypedDict):
    """One of the ten points."""

    number: int
    code: str
    text: str
    """The hospital's words; may be empty where the operator brings it."""
    from_operator: bool


class AlternativeData(TypedDict):
    """One alternative that was looked for."""

    name: str
    why_not: str


class AttachmentData(TypedDict):
    """One document that goes with the dossier."""

    title: str
    sha256: str


class SignatureData(TypedDict):
    """Who signed the justification."""

    name: str
    signed_at: str
    """ISO instant on the hospital's clock."""
    sha256: str


class DossierData(DocumentHead):
    """Dossier for the market operator."""

    request_number: str
    kind: str
    pseudonym: str
    """Empty where no single patient is meant."""
    designation: str
    manufacturer: str
    operator: str
    implanted_system: str
    references: list[str]
    points: list[PointData]
    alternatives: list[AlternativeData]
    attachments: list[AttachmentData]
    signature: SignatureData


@dataclass(frozen=True, slots=True)
class DossierSource:
    """Everything a dossier is printed from."""

    number: str
    version: int
    kind: DerogationKind
    pseudonym: str
    file: RequestFile
    attachments: tuple[AttachmentData, ...]
    signature: SignatureData
    manufacturer: str
    establishment: Establishment


def dossier_data(source: DossierSource, *, locale: Locale, now: datetime) -> DossierData:
    """Return what the dossier template prints."""
    file = source.file
    points = rules.points_of(source.kind, is_late_renewal=file.is_late_renewal)
    return DossierData(
        locale=locale,
        document_number=f"{source.number} / {source.version}",
        generated_at=now.astimezone(_PARIS).isoformat(timespec="seconds"),
        establishment={
            "name": source.establishment.name,
            "address": source.establishment.address,
            "phone": source.establishment.phone,
        },
        demonstration=source.establishment.is_demonstration,
        request_number=source.number,
        kind=source.kind.value,
        pseudonym=source.pseudonym if file.patient_id else "",
        designation=file.designation.strip(),
        manufacturer=source.manufacturer,
        operator=file.operator.strip(),
        implanted_system=file.implanted_system.strip(),
        references=list(file.references),
        points=[
            PointData(
                number=point.number,
                code=point.code,
                text=file.text(point.code),
                from_operator=point.from_operator and point.code in file.from_operator,
            )
            for point in points
        ],
        alternatives=[AlternativeData(name=one.name, why_not=one.why_not) for one in file.alternatives],
        attachments=list(source.attachments),
        signature=source.signature,
    )


def signature_data(name: str, signed_at: datetime, sha256: str) -> SignatureData:
    """Return who signed, and when on the hospital's clock."""
    return SignatureData(name=name, signed_at=signed_at.astimezone(_PARIS).isoformat(timespec="seconds"), sha256=sha256)
