"""Two renditions of one incident: each recipient's maximum of patient data."""

from collections.abc import Callable
from typing import Any

import pytest

from tracker.patients.rules import Sex
from tracker.vigilance.documents import (
    FREE_TEXTS,
    AnsmReportData,
    ManufacturerReportData,
    ansm_patient,
    fields_naming_patient,
)
from tracker.vigilance.rules import Consequence

Print = Callable[..., Any]
TEMPLATE = "vigilance/incident_report"
IDENTITY = {
    "name_letters": "EXEMPLE",
    "birth_name": "EXEMPLE",
    "given_names": "MARIE",
    "sex": "F",
    "birth_date": "1980-12-12",
    "age_years": "46",
    "weight_kg": "64",
    "ins": "280129999999969",
    "ipp": "IPP-4411",
}


def test_ansm_report_holds_the_blocks_of_the_form(ansm_report: AnsmReportData, print_document: Print) -> None:
    printed = print_document(TEMPLATE, ansm_report)

    assert printed.says("materiovigilance@ansm.sante.fr", "MV-2026-0007", "déclaration initiale")
    assert printed.says(
        "Dispositif sans marquage CE", "Reprise partielle SCORE, prolongation", "26 juillet 2027 inclus"
    )
    assert printed.says("590000001", "Dr Camille Fictif", "Dominique Essai", "clmv@valmont.example")
    assert printed.says("1-020163C", "A1", "(01)03700000000017(10)A1", "Tenu à disposition pour expertise oui")
    assert printed.says("20 novembre 2026", "21 novembre 2026", "Rupture du rebord à l’impaction.")
    assert printed.says("intervention médicale ou chirurgicale", "Intervention allongée.", "4 exemplaires bloqués")
    assert printed.says("R. 5212-14", "Validé par Dominique Essai")


def test_derogation_stands_before_the_description(ansm_report: AnsmReportData, print_document: Print) -> None:
    printed = print_document(TEMPLATE, ansm_report)

    assert printed.text.index("Dispositif sans marquage CE") < printed.text.index("Rupture du rebord")


def test_ansm_report_has_three_letters_sex_birth_date_and_weight(
    ansm_report: AnsmReportData, print_document: Print
) -> None:
    printed = print_document(TEMPLATE, ansm_report)

    assert printed.says("Trois premières lettres du nom EXE", "Sexe féminin", "12 décembre 1980", "64 kg")
    assert "EXEM" not in printed.text


def test_ansm_report_prints_three_letters_even_of_a_whole_name(
    ansm_report: AnsmReportData, print_document: Print
) -> None:
    printed = print_document(TEMPLATE, ansm_report, patient=IDENTITY)

    assert not any(trait in printed.squeezed for trait in ("EXEM", "MARIE", "280129999999969", "IPP-4411"))


def test_ansm_report_gives_the_age_when_the_birth_date_is_unknown(
    ansm_report: AnsmReportData, print_document: Print
) -> None:
    patient = ansm_patient(birth_name="Li", sex=Sex.UNKNOWN, age_years="46")

    printed = print_document(TEMPLATE, ansm_report, patient=patient)

    assert printed.says("du nom LI", "Sexe inconnu", "46 ans")


def test_ansm_report_without_patient_says_so(ansm_report: AnsmReportData, print_document: Print) -> None:
    printed = print_document(TEMPLATE, ansm_report, patient=None)

    assert printed.says("Aucun patient n’est concerné.")


def test_manufacturer_report_has_no_patient_block(
    manufacturer_report: ManufacturerReportData, print_document: Print
) -> None:
    printed = print_document(TEMPLATE, manufacturer_report)

    assert printed.says("Amplitude – vigilance", "MV-2026-0007", "aucune donnée relative au patient", "Dominique Essai")
    assert "Trois premières lettres" not in printed.text
    assert "Sexe" not in printed.text


@pytest.mark.parametrize("rendition", ["manufacturer", "ANSM", "", "ansm "])
def test_manufacturer_report_prints_no_trait_whatever_is_handed_in(
    manufacturer_report: ManufacturerReportData, print_document: Print, rendition: str
) -> None:
    printed = print_document(
        TEMPLATE,
        manufacturer_report,
        rendition=rendition,
        patient=IDENTITY,
        reporter={"name": "EXEMPLE"},
        **{key: value for key, value in IDENTITY.items() if key != "sex"},
    )

    packet = printed.reader.root_object["/Metadata"].get_data().decode()
    for trait in ("EXE", "MARIE", "1980", "46 ans", "64 kg", "280129999999969", "IPP-4411", "féminin"):
        assert "".join(trait.split()) not in printed.squeezed
        assert trait not in packet


def test_type_of_the_manufacturer_report_has_no_place_for_a_patient() -> None:
    keys = ManufacturerReportData.__required_keys__ | ManufacturerReportData.__optional_keys__

    assert not keys & {"patient", "reporter"}


def test_further_report_quotes_the_recipients_reference(ansm_report: AnsmReportData, print_document: Print) -> None:
    printed = print_document(TEMPLATE, ansm_report, follow_up=True, recipient_reference="R2612345")

    assert printed.says("complément de déclaration", "Votre référence R2612345")


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Exemple", "EXE"), ("D'Exemple", "DEX"), ("Le Goff", "LEG"), ("Éa", "ÉA"), ("", ""), ("O’N", "ON")],
)
def test_ansm_patient_keeps_three_letters(name: str, letters: str) -> None:
    assert ansm_patient(birth_name=name, sex=Sex.MALE)["name_letters"] == letters


def test_ansm_patient_keeps_the_birth_date_or_the_age_never_both() -> None:
    dated = ansm_patient(birth_name="X", sex=Sex.MALE, birth_date="1980-12-12", age_years="46")

    assert (dated["birth_date"], dated["age_years"]) == ("1980-12-12", "")


@pytest.mark.parametrize(("block", "field"), FREE_TEXTS)
def test_a_name_in_a_free_text_is_found(manufacturer_report: ManufacturerReportData, block: str, field: str) -> None:
    report: Any = {**manufacturer_report}
    report[block] = {**report[block], field: "Chute de Mme d’Éxemple-Martin."}

    assert fields_naming_patient(report, ["EXEMPLE", "Zoé"]) == (f"{block}.{field}",)


@pytest.mark.parametrize("trait", ["exemplaire", "Li", "", "EXEMPLES"])
def test_a_part_of_a_word_or_a_very_short_trait_is_not_a_name(
    manufacturer_report: ManufacturerReportData, trait: str
) -> None:
    incident = {**manufacturer_report["incident"], "description": "Un exemple, deux lits."}
    report: Any = {**manufacturer_report, "incident": incident}

    assert fields_naming_patient(report, [trait]) == ()


@pytest.mark.parametrize("locale", ["fr", "en"])
@pytest.mark.parametrize("sex", Sex)
def test_every_sex_and_consequence_has_its_words(
    ansm_report: AnsmReportData, print_document: Print, sex: Sex, locale: str
) -> None:
    consequences = {**ansm_report["consequences"], "severity": list(Consequence)}

    printed = print_document(
        TEMPLATE, ansm_report, consequences=consequences, patient=ansm_patient(birth_name="X", sex=sex), locale=locale
    )

    assert printed.says("congénitale" if locale == "fr" else "congenital")


@pytest.mark.parametrize(("locale", "words"), [("fr", "Réactovigilance"), ("en", "in vitro diagnostics")])
def test_a_diagnostic_is_reported_under_its_own_vigilance(
    ansm_report: AnsmReportData, print_document: Print, locale: str, words: str
) -> None:
    printed = print_document(TEMPLATE, ansm_report, channel="ivd", locale=locale)

    assert printed.says(words, "L. 5222-3")
    assert not printed.says("R. 5212-14")
