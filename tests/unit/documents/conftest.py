"""Data of each printed document, complete and fictional, and a reader of what was printed."""

import io
from collections.abc import Callable, Mapping
from typing import Any

import pypdf
import pytest

from scanners.symbols import code128, datamatrix
from tracker.consents.documents import NoticeData
from tracker.consents.rules import SignerCapacity
from tracker.documents.documents import DerogationData, DeviceData, DocumentHead, render
from tracker.findings.rules import Outcome
from tracker.labels.documents import LabelData, LabelsData, layout_data
from tracker.labels.rules import BUILT_IN
from tracker.patients.rules import Sex
from tracker.recaps.documents import LineData, RecapData, StretchData, UnitsData
from tracker.requests.documents import AlternativeData, AttachmentData, DossierData, PointData, SignatureData
from tracker.slips.documents import SlipConditionsData, SlipData, SlipLineData, SlipTallyData
from tracker.use.documents import ImplantCardData, PatientDocumentData
from tracker.use.rules import Intervention, Side
from tracker.vigilance.documents import (
    AnsmReportData,
    ManufacturerReportData,
    PersonData,
    RecipientData,
    ReportData,
    ansm_patient,
)
from tracker.vigilance.rules import Channel, Consequence

HEAD = DocumentHead(
    locale="fr",
    document_number="DOC-2026-000123",
    generated_at="2026-11-22T09:15:00+01:00",
    establishment={
        "name": "Centre hospitalier de Valmont",
        "address": "12, avenue des Tilleuls\n59999 Valmont",
        "phone": "03 00 00 00 00",
    },
    demonstration=False,
)
DEVICE = DeviceData(
    designation="Insert mobile de reprise SCORE",
    brand="SCORE",
    manufacturer="Amplitude",
    reference="1-020163C",
    lot="A1",
    serial="",
    udi="(01)03700000000017(10)A1",
    expires_on="2028-07-31",
    unit_number="V7K-000451",
)
DEROGATION = DerogationData(
    kind="partial_revision", reference="Reprise partielle SCORE, prolongation", valid_until="2027-07-26"
)
SURGEON = PersonData(
    name="Dr Camille Fictif",
    profession="chirurgien",
    service="Bloc",
    phone="03 00 00 00 01",
    email="camille@valmont.example",
)
CORRESPONDENT = PersonData(
    name="Dominique Essai", profession="pharmacien", service="Pharmacie", phone="", email="clmv@valmont.example"
)


class Printed:
    """A rendered document and what can be read in it."""

    def __init__(self, pdf: bytes) -> None:
        self.pdf = pdf
        self.reader = pypdf.PdfReader(io.BytesIO(pdf))
        self.text = "\n".join(page.extract_text() for page in self.reader.pages)

    @property
    def squeezed(self) -> str:
        """The text without any white space: where lines broke does not matter."""
        return "".join(self.text.replace("\u200b", "").split())

    def says(self, *sentences: str) -> bool:
        return all("".join(sentence.split()) in self.squeezed for sentence in sentences)


@pytest.fixture
def print_document() -> Callable[..., Printed]:
    """Render a template with data, some of them replaced."""

    def rendered(template: str, data: Mapping[str, Any], **replaced: object) -> Printed:
        return Printed(render(template, {**data, **replaced}))

    return rendered


@pytest.fixture
def patient_document() -> PatientDocumentData:
    return PatientDocumentData(
        **HEAD,
        patient={
            "birth_name": "EXEMPLE",
            "used_name": "MARTIN",
            "given_names": "MARIE CLAIRE",
            "birth_date": "1980-12-12",
            "ins": "280129999999969",
            "ins_symbol": datamatrix.svg("INS"),
        },
        device=DEVICE,
        derogation=DEROGATION,
        intervention=Intervention.PARTIAL_REVISION,
        used_on="2026-11-20",
        place="Bloc opératoire",
        doctor="Dr Camille Fictif",
        side=Side.LEFT,
        implanted_system="Prothèse SCORE posée en 2011",
        lifetime="Usure du polyéthylène en dix ans.",
        follow_up="Radiographie chaque année.",
        symbol=datamatrix.svg("V7K-000451"),
    )


@pytest.fixture
def implant_card() -> ImplantCardData:
    return ImplantCardData(
        **HEAD,
        patient_name="MARTIN Marie Claire",
        implanted_on="2026-11-20",
        side=Side.LEFT,
        device={
            "name": "Insert mobile SCORE",
            "model": "taille C",
            "reference": "1-020163C",
            "lot": "A1",
            "serial": "SN-7788",
            "udi": "(01)03700000000017(10)A1",
            "symbol": datamatrix.svg("(01)03700000000017(10)A1"),
        },
        manufacturer={"name": "Amplitude", "address": "26000 Valence", "website": "www.amplitude.example"},
        derogation=DEROGATION,
        warnings="Prévenez avant un examen par IRM.\nÉvitez les chocs.",
        lifetime="",
        follow_up="",
        paper="a4",
    )


def _report() -> ReportData:
    return ReportData(
        **HEAD,
        channel=Channel.DEVICE,
        report_number="MV-2026-0007",
        follow_up=False,
        recipient_reference="",
        recipient=RecipientData(name="ANSM", address="Saint-Denis", email="materiovigilance@ansm.sante.fr"),
        finess="590000001",
        correspondent=CORRESPONDENT,
        device={
            **DEVICE,
            "manufacturer_address": "26000 Valence",
            "supplier": "",
            "emdn": "P0909",
            "risk_class": "III",
            "software_version": "",
            "used_on": "2026-11-20",
            "explanted_on": "",
            "location": "Pharmacie",
            "kept_for_expertise": True,
        },
        derogation=DEROGATION,
        incident={
            "occurred_on": "2026-11-20",
            "detected_on": "2026-11-21",
            "place": "Bloc opératoire",
            "description": "Rupture du rebord à l’impaction.",
            "units_concerned": 1,
        },
        consequences={
            "severity": [Consequence.INTERVENTION],
            "clinical": "Intervention allongée.",
            "outcome": "Simple.",
        },
        measures={"taken": "Dispositif isolé.", "lot_held": True, "units_held": 4, "informed": ""},
        correspondent_part={
            "basis": "mandatory",
            "comments": "",
            "validated_by": "Dominique Essai",
            "validated_on": "2026-11-22",
        },
    )


@pytest.fixture
def ansm_report() -> AnsmReportData:
    return AnsmReportData(
        **_report(),
        rendition="ansm",
        reporter=SURGEON,
        patient=ansm_patient(birth_name="Exemple", sex=Sex.FEMALE, birth_date="1980-12-12", weight_kg="64"),
    )


@pytest.fixture
def manufacturer_report() -> ManufacturerReportData:
    report = _report()
    report["recipient"] = RecipientData(name="Amplitude – vigilance", address="", email="vigilance@amplitude.example")
    return ManufacturerReportData(**report, rendition="manufacturer")


@pytest.fixture
def labels() -> LabelsData:
    label = LabelData(
        unit_number="V7K-000451",
        data_matrix=datamatrix.svg("V7K-000451"),
        code128=code128.svg("V7K-000451"),
        designation="Insert mobile de reprise SCORE",
        manufacturer="Amplitude",
        reference="1-020163C",
        lot="A1",
        serial="",
        expires_on="2028-07-31",
        derogation_until="2027-07-26",
        outcome="accepted",
        reprint=False,
    )
    return LabelsData(**HEAD, layout=layout_data(BUILT_IN["sheet21"], used_positions=0), labels=[label])


@pytest.fixture
def slip() -> SlipData:
    accepted = SlipLineData(
        unit_number="V7K-000451",
        designation="Insert mobile de reprise SCORE",
        manufacturer="Amplitude",
        reference="1-020163C",
        lot="A1",
        serial="",
        expires_on="2028-07-31",
        derogation_reference="Reprise partielle SCORE",
        outcome=Outcome.ACCEPTED,
        reasons=[],
    )
    refused = SlipLineData(
        **{
            **accepted,
            "unit_number": "",
            "outcome": Outcome.REFUSED,
            "reasons": ["La dérogation a pris fin le 14 juin 2024."],
        }
    )
    return SlipData(
        **HEAD,
        reception_number="R-2026-0042",
        supplier="Amplitude",
        order_number="C-88123",
        delivery_note="",
        received_at="2026-11-22T08:50:00+01:00",
        received_by="Dominique Essai",
        state="partial",
        ownership="loan",
        conditions=SlipConditionsData(
            parcel="good", seals="damaged", temperature="good", measured="5,5 °C", remark="Sachet percé"
        ),
        tally=[
            SlipTallyData(
                reference="1-020163C", lot="A1", expected=3, received=1, quarantined=0, refused=1, missing=2, surplus=0
            )
        ],
        lines=[accepted, refused],
    )


@pytest.fixture
def notice() -> NoticeData:
    return NoticeData(
        **HEAD,
        notice_version="2026-03",
        patient={"birth_name": "EXEMPLE", "used_name": "", "given_names": "MARIE", "birth_date": "1980-12-12"},
        device={
            "designation": "Insert mobile SCORE",
            "brand": "SCORE",
            "manufacturer": "Amplitude",
            "reference": "1-020163C",
            "no_mark_reason": "Le certificat a pris fin.",
        },
        derogation=DEROGATION,
        notice={
            "why": "La pièce est usée.",
            "alternatives": "Changer toute la prothèse.",
            "benefits": "Une opération plus courte.",
            "risks": "Infection, raideur.",
            "unknowns": "Le recul est limité.",
            "follow_up": "Radiographie chaque année.",
            "contact": "Secrétariat d’orthopédie.",
        },
        informing={
            "name": "Dr Camille Fictif",
            "profession": "chirurgien",
            "rpps": "10000001916",
            "informed_at": "",
            "interpreter": "",
        },
        signer={"capacity": SignerCapacity.PATIENT, "name": ""},
        decision="",
    )


@pytest.fixture
def dossier() -> DossierData:
    return DossierData(
        **HEAD,
        request_number="DD-00007",
        kind="individual",
        pseudonym="PATIENT-DD-00007",
        designation="Insert mobile de reprise SCORE",
        manufacturer="Amplitude",
        operator="Amplitude\nValence",
        implanted_system="SCORE",
        references=["1-020163C", "1-020164C"],
        points=[
            PointData(number=1, code="need", text="Insert usé.\nLe reste est sain.", from_operator=False),
            PointData(number=6, code="performance", text="", from_operator=True),
        ],
        alternatives=[AlternativeData(name="ANATOMIC", why_not="ne s’adapte pas à l’embase")],
        attachments=[AttachmentData(title="Étude", sha256="a" * 64)],
        signature=SignatureData(name="Dr Camille Fictif", signed_at="2026-11-22T09:15:00+01:00", sha256="b" * 64),
    )


@pytest.fixture
def recap() -> RecapData:
    return RecapData(
        **HEAD,
        designation="Inserts mobiles de révision SCORE",
        manufacturer="Amplitude",
        first_day="2025-07-27",
        last_day="2026-07-26",
        stretches=[
            StretchData(first="2025-07-01", last="2025-07-01"),
            StretchData(first="2025-08-01", last="2026-07-01"),
        ],
        lines=[LineData(reference="1-020163C", designation="SCORE", lot="A1", counts=[5, 6], total=11)],
        units=[UnitsData(reference="1-020163C", state="released", count=3)],
        incidents=["MV-2026-0007"],
        use_count=11,
        least_count=5,
        sha256="c" * 64,
    )
