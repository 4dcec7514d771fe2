"""Patient document (CSP R.5212-42), implant card (MDR art. 18), notice and consent form."""

from collections.abc import Callable
from typing import Any

import pytest

from tracker.consents.documents import NoticeData
from tracker.consents.rules import SignerCapacity
from tracker.derogations.rules import DerogationKind
from tracker.use.documents import ImplantCardData, PatientDocumentData
from tracker.use.rules import Intervention, Side

Print = Callable[..., Any]


def test_patient_document_says_what_the_code_requires(
    patient_document: PatientDocumentData, print_document: Print
) -> None:
    printed = print_document("use/patient_document", patient_document)

    assert printed.says("EXEMPLE", "MARIE CLAIRE", "12 décembre 1980")
    assert printed.says("Marque SCORE", "Amplitude", "1-020163C", "Numéro de lot A1", "V7K-000451", "31 juillet 2028")
    assert printed.says("20 novembre 2026", "Centre hospitalier de Valmont, Bloc opératoire", "Dr Camille Fictif")
    assert printed.says("Usure du polyéthylène en dix ans.", "Radiographie chaque année.", "R. 5212-42")


def test_patient_document_states_the_derogation(patient_document: PatientDocumentData, print_document: Print) -> None:
    printed = print_document("use/patient_document", patient_document)

    assert printed.says(
        "Dispositif sans marquage CE", "Reprise partielle SCORE, prolongation", "26 juillet 2027 inclus"
    )


def test_patient_document_fits_one_page(patient_document: PatientDocumentData, print_document: Print) -> None:
    for locale in ("fr", "en"):
        printed = print_document("use/patient_document", patient_document, locale=locale)

        assert len(printed.reader.pages) == 1


def test_unqualified_identity_prints_no_ins(patient_document: PatientDocumentData, print_document: Print) -> None:
    traits = {key: value for key, value in patient_document["patient"].items() if not key.startswith("ins")}

    printed = print_document("use/patient_document", patient_document, patient=traits)

    assert "INS" not in printed.text
    assert "280129999999969" not in printed.text


def test_english_patient_document_has_no_french_wording(
    patient_document: PatientDocumentData, print_document: Print
) -> None:
    printed = print_document("use/patient_document", patient_document, locale="en")

    assert printed.says("Date of birth 12 December 1980", "Device without CE mark", "Valid until 26 July 2027 included")
    assert not any(word in printed.text for word in ("Numéro", "Fabricant", "Médecin", "novembre"))


def test_first_of_the_month_is_an_ordinal_in_french_only(
    patient_document: PatientDocumentData, print_document: Print
) -> None:
    french = print_document("use/patient_document", patient_document, used_on="2026-05-01")
    english = print_document("use/patient_document", patient_document, used_on="2026-05-01", locale="en")

    assert french.says("1er mai 2026")
    assert english.says("1 May 2026")


def test_a_date_that_is_none_is_printed_as_it_came(
    patient_document: PatientDocumentData, print_document: Print
) -> None:
    printed = print_document("use/patient_document", patient_document, used_on="2026-13-01")

    assert printed.says("2026-13-01")


def test_implant_card_carries_what_article_18_asks_for(implant_card: ImplantCardData, print_document: Print) -> None:
    printed = print_document("use/implant_card", implant_card)

    assert printed.says("MARTIN Marie Claire", "20 novembre 2026", "Centre hospitalier de Valmont", "59999 Valmont")
    assert printed.says("Insert mobile SCORE", "SN-7788", "A1", "(01)03700000000017(10)A1", "taille C")
    assert printed.says("Amplitude", "26000 Valence", "www.amplitude.example")
    assert printed.says("Prévenez avant un examen par IRM.", "Évitez les chocs.")
    assert printed.says("SANS MARQUAGE CE", "26/07/2027")


def test_implant_card_has_two_pages_of_the_size_of_a_bank_card(
    implant_card: ImplantCardData, print_document: Print
) -> None:
    printed = print_document("use/implant_card", implant_card, paper="card")

    millimetres = [
        (round(float(page.mediabox.width) / 72 * 25.4, 1), round(float(page.mediabox.height) / 72 * 25.4, 1))
        for page in printed.reader.pages
    ]
    assert millimetres == [(85.6, 54.0), (85.6, 54.0), (210.0, 297.0)]


def test_implant_card_names_nobody_but_the_patient(implant_card: ImplantCardData, print_document: Print) -> None:
    printed = print_document(
        "use/implant_card", implant_card, birth_date="1980-12-12", ins="280129999999969", doctor="Dr Fictif"
    )

    assert not printed.says("1980")
    assert not printed.says("280129999999969")
    assert not printed.says("Fictif")


def test_long_names_shrink_and_stay_on_the_card(implant_card: ImplantCardData, print_document: Print) -> None:
    device = {**implant_card["device"], "name": "Tête fémorale inox, col long, " * 6 + "fin"}

    printed = print_document("use/implant_card", implant_card, device=device, paper="card")

    assert "fin" in printed.reader.pages[1].extract_text()
    assert len(printed.reader.pages) == 3


def test_notice_tells_everything_before_the_signature(notice: NoticeData, print_document: Print) -> None:
    printed = print_document("consents/notice", notice)

    assert printed.says("sans marquage CE", "Le certificat a pris fin.", "26 juillet 2027 inclus", "art. 59")
    assert printed.says(*notice["notice"].values())
    assert printed.says("refuser, ou changer d’avis à tout moment avant l’intervention", "numéro de dossier")
    assert printed.says("J’accepte", "Je refuse", "En qualité de patient", "10000001916", "version 2026-03")
    assert printed.text.index("Votre décision") > printed.text.index("Vos droits")


def test_notice_is_one_sheet_of_two_sides(notice: NoticeData, print_document: Print) -> None:
    printed = print_document("consents/notice", notice)

    assert len(printed.reader.pages) == 2


def test_a_decision_and_its_signatures_stay_on_one_page(notice: NoticeData, print_document: Print) -> None:
    long = {**notice["notice"], "risks": "Risque. " * 700}

    printed = print_document("consents/notice", notice, notice=long)

    deciding = [page for page in printed.reader.pages if "Votre décision" in page.extract_text()]
    assert len(deciding) == 1
    assert "Signature du professionnel" in deciding[0].extract_text()


@pytest.mark.parametrize(
    ("capacity", "words"),
    [
        ("patient", "patient"),
        ("parental_authority", "titulaire de l’autorité parentale"),
        ("guardian", "personne chargée de la mesure de protection"),
        ("minor_alone", "mineur, consentant seul"),
        ("trusted_person", "personne de confiance, consultée"),
        ("relative", "famille ou proche, consulté"),
    ],
)
def test_notice_says_in_what_capacity_someone_signs(
    notice: NoticeData, print_document: Print, capacity: str, words: str
) -> None:
    printed = print_document("consents/notice", notice, signer={"capacity": capacity, "name": "Alex Tuteur"})

    assert printed.says(f"En qualité de {words}", "Alex Tuteur")


def test_every_capacity_of_the_rules_has_its_words(notice: NoticeData, print_document: Print) -> None:
    for capacity in SignerCapacity:
        for locale in ("fr", "en"):
            printed = print_document(
                "consents/notice", notice, signer={"capacity": capacity, "name": ""}, locale=locale
            )

            assert len(printed.reader.pages) == 2


@pytest.mark.parametrize("locale", ["fr", "en"])
@pytest.mark.parametrize("intervention", Intervention)
@pytest.mark.parametrize("side", Side)
def test_every_intervention_and_side_has_its_words(
    patient_document: PatientDocumentData,
    print_document: Print,
    intervention: Intervention,
    side: Side,
    locale: str,
) -> None:
    printed = print_document(
        "use/patient_document", patient_document, intervention=intervention, side=side, locale=locale
    )

    assert ("Côté" in printed.text or "Side" in printed.text) == (side is not Side.NOT_APPLICABLE)


@pytest.mark.parametrize("locale", ["fr", "en"])
@pytest.mark.parametrize("kind", DerogationKind)
def test_every_kind_of_derogation_has_its_words(
    patient_document: PatientDocumentData, print_document: Print, kind: DerogationKind, locale: str
) -> None:
    derogation = {**patient_document["derogation"], "kind": kind}

    printed = print_document("use/patient_document", patient_document, derogation=derogation, locale=locale)

    assert printed.says("2017/746, art. 54" if kind is DerogationKind.IVD else "2017/745, art. 59")
