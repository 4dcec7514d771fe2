"""What every document owes: language, archive format, sameness, text that stays text."""

import io
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pypdf
import pytest

from tracker.documents import documents
from tracker.documents.documents import RenderingFailed, render
from tracker.use.documents import PatientDocumentData
from tracker.vigilance.documents import AnsmReportData

TEMPLATES = {
    "patient_document": ("use/patient_document", "Votre dispositif médical", "Your medical device"),
    "implant_card": ("use/implant_card", "Carte d’implant", "Implant card"),
    "ansm_report": ("vigilance/incident_report", "Incident ou risque d’incident", "Incident or risk of incident"),
    "manufacturer_report": (
        "vigilance/incident_report",
        "Incident ou risque d’incident",
        "Incident or risk of incident",
    ),
    "labels": ("labels/labels", "Étiquettes d’exemplaires", "Labels of units"),
    "slip": ("slips/slip", "Bordereau de réception", "Reception slip"),
    "recap": ("recaps/recap", "Récapitulatif des éléments utilisés", "Recap of the elements used"),
    "dossier": ("requests/dossier", "Demande de dérogation", "Request for a derogation"),
    "notice": ("consents/notice", "Information et consentement", "Information and consent"),
}
MARKUP = """#panic("x") #read("/documents/documents.py") *b* _i_ $x^2$ <l> @ref `raw` \\ // c /* d */ = H #sys.inputs"""


@pytest.fixture(params=TEMPLATES)
def document(request: pytest.FixtureRequest) -> tuple[str, str, str, Mapping[str, Any]]:
    """Template, its two titles, and its data, for every document."""
    template, french, english = TEMPLATES[request.param]
    return template, french, english, request.getfixturevalue(request.param)


def test_every_template_of_the_house_is_tested() -> None:
    slices = documents.ROOT.glob("*/templates/*/*.typ")

    found = {f"{path.parent.name}/{path.stem}" for path in slices} - {"documents/house"}

    assert found == {template for template, _french, _english in TEMPLATES.values()}


@pytest.mark.parametrize("locale", ["fr", "en"])
def test_each_document_has_title_language_and_date_in_both_languages(
    document: tuple[str, str, str, Mapping[str, Any]], locale: str
) -> None:
    template, french, english, data = document

    reader = pypdf.PdfReader(io.BytesIO(render(template, {**data, "locale": locale})))

    assert reader.metadata is not None
    assert reader.metadata.title == (french if locale == "fr" else english)
    assert reader.metadata.author == "Centre hospitalier de Valmont"
    assert str(reader.root_object["/Lang"]).startswith(locale)
    assert reader.metadata.creation_date is not None
    assert reader.metadata.creation_date.isoformat() == "2026-11-22T08:15:00+00:00"


def test_each_document_is_an_archive_file_with_tags(document: tuple[str, str, str, Mapping[str, Any]]) -> None:
    template, _french, _english, data = document

    reader = pypdf.PdfReader(io.BytesIO(render(template, data)))

    packet = reader.root_object["/Metadata"].get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in packet
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in packet
    assert "<pdfuaid:part>1</pdfuaid:part>" in packet
    assert reader.root_object["/MarkInfo"]["/Marked"].value is True
    assert "/StructTreeRoot" in reader.root_object


def test_fonts_are_embedded_and_none_comes_from_the_system(
    document: tuple[str, str, str, Mapping[str, Any]],
) -> None:
    template, _french, _english, data = document

    reader = pypdf.PdfReader(io.BytesIO(render(template, data)))

    fonts = {str(font) for page in reader.pages for font in page._get_fonts()[0]}
    names = {font.partition("+")[2].split("-")[0] for font in fonts}
    assert names <= {"LibertinusSerif", "DejaVuSansMono", "NewCM10"}


def test_same_data_give_the_same_bytes(document: tuple[str, str, str, Mapping[str, Any]]) -> None:
    template, _french, _english, data = document

    assert render(template, data) == render(template, dict(reversed(data.items())))


def test_same_data_give_the_same_bytes_in_many_threads(patient_document: PatientDocumentData) -> None:
    expected = render("use/patient_document", patient_document)

    with ThreadPoolExecutor(4) as pool:
        copies = list(pool.map(lambda _turn: render("use/patient_document", patient_document), range(8)))

    assert set(copies) == {expected}


def test_the_demonstration_is_named_on_every_page(
    document: tuple[str, str, str, Mapping[str, Any]], print_document: Callable[..., Any]
) -> None:
    template, _french, _english, data = document

    real = print_document(template, data)
    fictional = print_document(template, data, demonstration=True)

    assert "DÉMONSTRATION" not in real.text
    assert all("DÉMONSTRATION" in page.extract_text() for page in fictional.reader.pages)


def test_each_page_of_a_sheet_carries_number_and_count(
    ansm_report: AnsmReportData, print_document: Callable[..., Any]
) -> None:
    printed = print_document("vigilance/incident_report", ansm_report)

    pages = [page.extract_text() for page in printed.reader.pages]
    assert len(pages) > 1
    for number, page in enumerate(pages, start=1):
        assert "DOC-2026-000123" in page
        assert f"Page {number} sur {len(pages)}" in page.replace("\xa0", " ")
        assert "22 novembre 2026 à 09:15" in page.replace("\xa0", " ")


def test_markup_in_the_data_stays_text(ansm_report: AnsmReportData, print_document: Callable[..., Any]) -> None:
    incident = {**ansm_report["incident"], "description": MARKUP, "place": MARKUP}

    printed = print_document("vigilance/incident_report", ansm_report, incident=incident, document_number=MARKUP)

    assert printed.squeezed.count("".join(MARKUP.split())) == 2 + len(printed.reader.pages)


def test_values_that_close_a_json_string_stay_text(
    patient_document: PatientDocumentData, print_document: Callable[..., Any]
) -> None:
    printed = print_document("use/patient_document", patient_document, doctor='"}, "side": "right", "x": {"')

    assert printed.says('"}, "side": "right", "x": {"', "gauche")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("avant 😀 après", "avant \ufffd après"),
        ("avant 中文 après", "avant \ufffd\ufffd après"),
        ("avant\x1daprès", "avant\ufffdaprès"),
        ("avant\x00après", "avant\ufffdaprès"),
        ("abc\u202edef", "abc\ufffddef"),
        ("abc\ud800def", "abc\ufffddef"),
        ("Łukasz Ñuñez Őry Çelik ß œ", "Łukasz Ñuñez Őry Çelik ß œ"),
    ],
)
def test_what_no_font_can_draw_is_marked_and_never_stops_a_document(
    patient_document: PatientDocumentData, print_document: Callable[..., Any], typed: str, shown: str
) -> None:
    printed = print_document("use/patient_document", patient_document, follow_up=typed)

    assert printed.says(shown)


def test_hebrew_and_arabic_are_drawn(patient_document: PatientDocumentData, print_document: Callable[..., Any]) -> None:
    printed = print_document("use/patient_document", patient_document, follow_up="שלום مرحبا")

    assert "\ufffd" not in printed.text
    assert "ש" in printed.text


def test_every_character_kept_by_the_fallback_can_be_drawn(
    patient_document: PatientDocumentData, print_document: Callable[..., Any]
) -> None:
    kept = "".join(
        chr(point)
        for point in range(0x20, 0x3000)
        if not documents._UNDRAWN.match(chr(point)) and not documents._UNPRINTABLE.match(chr(point))
    )

    printed = print_document("use/patient_document", patient_document, follow_up=" ".join(kept))

    assert len(kept) > 400
    assert "\ufffd" not in printed.text


def test_long_texts_run_over_to_more_pages_and_lose_nothing(
    ansm_report: AnsmReportData, print_document: Callable[..., Any]
) -> None:
    description = "mot " * 8000 + "dernier"

    printed = print_document(
        "vigilance/incident_report", ansm_report, incident={**ansm_report["incident"], "description": description}
    )

    assert len(printed.reader.pages) > 5
    assert printed.squeezed.count("mot") >= 8000
    assert printed.says("dernier", "Partie réservée au CLMV")


def test_a_word_longer_than_the_line_is_cut_not_lost(
    ansm_report: AnsmReportData, print_document: Callable[..., Any]
) -> None:
    word = "".join(str(digit % 10) for digit in range(400))

    printed = print_document(
        "vigilance/incident_report", ansm_report, incident={**ansm_report["incident"], "description": word}
    )

    assert printed.says(word)
    longest = max(len(line.replace("\u200b", "")) for line in printed.text.splitlines())
    assert longest < 200


@pytest.mark.parametrize("template", ["use/unknown", "../documents/house", "use", "/etc/passwd", "use/../use/x", ""])
def test_an_unknown_template_is_refused(template: str, patient_document: PatientDocumentData) -> None:
    with pytest.raises(RenderingFailed) as raised:
        render(template, patient_document)

    assert raised.value.template == template


@pytest.mark.parametrize("instant", ["", "yesterday", "2026-11-22T09:15:00", 5, None])
def test_an_instant_without_offset_is_refused(instant: object, patient_document: PatientDocumentData) -> None:
    with pytest.raises(RenderingFailed):
        render("use/patient_document", {**patient_document, "generated_at": instant})


def test_a_failure_names_the_template_and_never_the_data(patient_document: PatientDocumentData) -> None:
    with pytest.raises(RenderingFailed) as raised:
        render("use/patient_document", {**patient_document, "side": "SECRET-PATIENT"})

    error: BaseException | None = raised.value
    assert "use/patient_document" in str(error)
    while error is not None:
        assert "SECRET" not in str(error)
        error = error.__cause__ or error.__context__


def test_the_house_style_is_a_file_templates_can_import() -> None:
    assert Path(documents.ROOT, "documents/templates/documents/house.typ").is_file()
