"""ANSM's list read from its text: the page of 06/03/2024, and pages composed in its layouts with what goes wrong."""

import unicodedata
from collections.abc import Sequence
from datetime import date

import pytest

from scanners.readers.writing import read_writing
from tests import lists
from tests.lists import ALL, ANSM_LIST, GLENOIDS, PILLARS, STEMS, VALVES, Printed
from tracker.ansm.rules import ListedDerogation, Reading, read_list

TEXT = lists.as_text(width=10_000)
STEMS_END = "[Dérogation jusqu'au 28/02/2027]"
STEMS_SAID = "Cette dérogation est valable jusqu'au 28 février 2027."


def read(content: str | bytes, filename: str = "page.html") -> Reading:
    data = content.encode() if isinstance(content, str) else content
    return read_list(read_writing(data, filename=filename))


def told(reading: Reading) -> list[tuple[object, ...]]:
    return [
        (
            one.title,
            one.company,
            one.valid_until,
            one.extended,
            one.partial_revision,
            one.domain.value,
            tuple((item.reference, item.label) for item in one.references),
        )
        for one in reading.derogations
    ]


def printed(items: Sequence[Printed] = ALL) -> list[tuple[object, ...]]:
    return [
        (item.title, item.company, item.until, item.is_extended, True, item.domain, item.references) for item in items
    ]


def stems(reading: Reading) -> ListedDerogation:
    return next(one for one in reading.derogations if "AURORE" in one.title)


def reasons(reading: Reading) -> list[str]:
    return [doubt.why for doubt in reading.not_understood]


def test_the_page_of_march_2024_is_understood_completely() -> None:
    reading = read(ANSM_LIST.read_bytes(), "page.txt")

    assert [(one.company, one.valid_until, one.extended) for one in reading.derogations] == [
        ("GLOBAL D", date(2025, 2, 28), True),
        ("GLOBAL D", date(2024, 5, 31), False),
        ("GLOBAL D", date(2024, 5, 31), False),
        ("Groupe Lepine", date(2025, 3, 4), False),
        ("Groupe Lepine", date(2025, 2, 26), False),
        ("Biotechni", date(2025, 1, 11), False),
        ("Ceraver", date(2024, 6, 14), False),
        ("Amplitude", date(2024, 7, 26), False),
    ]
    assert [one.domain.value for one in reading.derogations] == ["dental"] * 3 + ["joint"] * 5
    assert all(one.partial_revision for one in reading.derogations)
    assert reading.not_understood == ()
    assert reading.updated_on == date(2024, 3, 6)


def test_the_annex_of_the_score_knee_gives_its_twenty_references() -> None:
    score = read(ANSM_LIST.read_bytes(), "page.txt").derogations[-1]

    expected = [f"1-02016{number}{size}" for size in "ABCD" for number in (1, 2, 3, 4, 5)]
    assert score.title == "Inserts de prothèse de révision de genou Score"
    assert [item.reference for item in score.references] == expected
    assert score.references[12].label == "Insert mobile de révision SCORE® – Taille C - Epaisseur 14 mm"


LAYOUTS = {
    "text": lists.as_text(),
    "text without line ends in paragraphs": TEXT,
    "text in a narrow column": lists.as_text(width=40),
    "text without room between paragraphs": lists.as_text(gap="\n"),
    "narrow and without room": lists.as_text(gap="\n", width=40),
    "text with three empty lines": lists.as_text(gap="\n\n\n\n"),
    "text with Windows line ends": TEXT.replace("\n", "\r\n"),
    "letters and accents apart": unicodedata.normalize("NFD", TEXT),
    "UTF-16": TEXT.encode("utf-16"),
    "page": lists.as_html(),
    "page with the reference first": lists.as_html(rows=lists.as_table_code_first),
    "page with a list instead of a table": lists.as_html(
        rows=lambda rows: "<ul>" + "".join(f"<li>{product} {code}</li>" for code, product in rows) + "</ul>"
    ),
    "page with odd spaces and apostrophes": lists.as_html()
    .replace("Dérogation jusqu'au ", "Dérogation&nbsp;jusqu&rsquo;au&#8239;")
    .replace(" - [", "&nbsp;&ndash;&nbsp;["),
    "page in the old encoding of Windows": lists.as_html()
    .replace("<head>", "<head><meta charset=windows-1252>")
    .encode("cp1252"),
    "page whose headings are bold lines": lists.as_html().replace("<h4>", "<div><b>").replace("</h4>", "</b></div>"),
    "page in one table": lists.as_html()
    .replace("<body>", "<body><table><tr><td>")
    .replace("</body>", "</td></tr></table>"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_one_list_says_the_same(layout: str) -> None:
    reading = read(LAYOUTS[layout])

    assert told(reading) == printed()
    assert reading.not_understood == ()


@pytest.mark.parametrize(
    ("height", "size"), [("8cm", "11pt"), ("9cm", "14pt"), ("10cm", "9pt"), ("13cm", "11pt"), ("29cm", "11pt")]
)
def test_a_pdf_says_the_same_wherever_its_pages_end(height: str, size: str) -> None:
    reading = read(lists.as_pdf(height=height, size=size), "page.pdf")

    assert told(reading) == printed()
    assert reading.not_understood == ()


@pytest.mark.parametrize("items", [ALL[::-1], (GLENOIDS, PILLARS), (VALVES, STEMS), (STEMS,)])
def test_the_order_and_the_number_of_derogations_do_not_matter(items: Sequence[Printed]) -> None:
    assert told(read(lists.as_html(items))) == printed(items)
    assert told(read(lists.as_text(items))) == printed(items)


def test_a_page_in_capitals_is_read_as_it_is_printed() -> None:
    reading = read(TEXT.upper())

    assert [(one.title, one.company) for one in reading.derogations] == [
        (item.title.upper(), item.company.upper()) for item in ALL
    ]
    assert [one.valid_until for one in reading.derogations] == [item.until for item in ALL]
    assert [len(one.references) for one in reading.derogations] == [0, 5, 6, 0]


TYPING_ERRORS = {
    "Dérogation jusqu'au 28/02/2027": "Derogaton jusquau 28/02/2027",
    "[Dérogation jusqu'au 28/02/2027]": "Dérogation jusqu'au : 28/02/2027",
    "28/02/2027": "28.02.2027",
    "28/02/2027]": "28 / 2 / 27]",
    "28 février 2027": "28 fevrer 2027",
    "est valable jusqu'au 28": "est valalbe jusq'au 28",
    "accordée à la société ORTHÉA concernant la mise à disposition de tiges": (
        "acordée à la scoiété ORHTEA conernant la mise à disposition de tiges"
    ),
    "12 - Orthéa - [": "12-Orthéa-[",
    " - [Dérogation jusqu'au 28/02/2027]": "",
    f"\n\n{STEMS_SAID}": "",
    "Liste de tiges": "ANNEXE 1 : Liste de tiges",
    "société ORTHÉA dont": "societe ORTHEA dont",
    "AUR-1010": "AUR–1010",
}


@pytest.mark.parametrize("right", TYPING_ERRORS)
def test_a_typing_error_is_read_over(right: str) -> None:
    assert right in TEXT

    reading = read(TEXT.replace(right, TYPING_ERRORS[right], 1))

    assert stems(reading).company == "Orthéa"
    assert stems(reading).valid_until == date(2027, 2, 28)
    assert [item.reference[-2:] for item in stems(reading).references] == ["08", "09", "10", "11", "12"]
    assert reading.not_understood == ()


def test_socre_is_score() -> None:
    page = TEXT.replace("glènes de révision LISA", "glènes de révision SOCRE").replace("LISA", "SCORE")

    reading = read(page.replace("Glènes de révision SCORE", "Glènes de révision SOCRE"))

    assert reading.derogations[2].title == "Glènes de révision SCORE"
    assert len(reading.derogations[2].references) == 6


EXTENSIONS = {
    "a sentence after the first one": (STEMS_SAID, f"{STEMS_SAID} Elle a été prolongée jusqu'au 28 février 2028."),
    "a sentence of its own": (STEMS_SAID, "Cette dérogation a été prorogée jusqu’au 28/02/2028"),
    "a line of its own": (STEMS_SAID, f"{STEMS_SAID}\n\nExtension jusqu'au 28/02/2028"),
    "the heading": (STEMS_END, "[Extension jusqu'au 28/02/2028]"),
    "both days in the heading": (STEMS_END, "[Dérogation jusqu'au 28/02/2027 - Extension jusqu'au 28/02/2028]"),
}


@pytest.mark.parametrize("place", EXTENSIONS)
def test_an_extension_is_read_from(place: str) -> None:
    before, after = EXTENSIONS[place]
    page = TEXT.replace(before, after)
    if place == "a sentence of its own":
        page = page.replace(STEMS_END, "[Dérogation jusqu'au 28/02/2028]")

    one = stems(read(page))

    assert (one.valid_until, one.extended) == (date(2028, 2, 28), True)


def test_a_derogation_without_any_last_day_is_listed_and_told() -> None:
    reading = read(TEXT.replace(STEMS_END, "[Dérogation]").replace(STEMS_SAID, ""))

    assert stems(reading).valid_until is None
    assert reasons(reading) == ["No last day is printed."]


def test_a_day_that_is_in_no_calendar_is_not_corrected() -> None:
    reading = read(TEXT.replace("28/02/2027", "31/02/2027").replace("28 février 2027", "31 février 2027"))

    assert stems(reading).valid_until is None
    assert reasons(reading) == ["The last day cannot be read as a day of the calendar."] * 2


def test_a_letter_among_the_digits_of_a_day_is_not_read_as_a_digit() -> None:
    reading = read(TEXT.replace("28/02/2027", "28/O2/2027").replace(STEMS_SAID, ""))

    assert stems(reading).valid_until is None
    assert reading.not_understood[0].text.endswith("28/O2/2027]")


def test_two_last_days_that_disagree_are_both_doubted() -> None:
    reading = read(TEXT.replace("28/02/2027", "28/02/2026"))

    assert stems(reading).valid_until is None
    assert reasons(reading) == ["The heading and the text name different last days."]


def test_two_companies_that_disagree_are_both_doubted_and_the_annex_still_finds_its_derogation() -> None:
    right = "société ORTHÉA concernant la mise à disposition de tiges"
    reading = read(TEXT.replace(right, right.replace("ORTHÉA", "MEDITECH")))

    assert stems(reading).company == ""
    assert len(stems(reading).references) == 5
    assert reasons(reading) == ["The heading and the text name different companies."]


def test_a_suspension_is_told_and_not_taken_for_an_end() -> None:
    reading = read(TEXT.replace(STEMS_SAID, f"{STEMS_SAID} Cette dérogation a été suspendue le 3 mars 2026."))

    assert stems(reading).valid_until == date(2027, 2, 28)
    assert reasons(reading) == ["It speaks of a suspension or a withdrawal: record it from ANSM's decision."]


def test_a_product_whose_reference_is_missing_is_told_and_the_others_are_kept() -> None:
    reading = read(TEXT.replace("3-550102M\n\n", ""))

    assert [item.reference for item in reading.derogations[2].references] == [
        code for code, _ in GLENOIDS.references if code != "3-550102M"
    ]
    assert [(doubt.text, doubt.why) for doubt in reading.not_understood] == [
        ("Glène LISA® – Taille M - Offset 2 mm", "A product without a reference that can be read.")
    ]


def test_the_last_product_without_a_reference_is_told_too() -> None:
    reading = read(TEXT.replace("3-550102L\n\n", ""))

    assert reasons(reading) == ["A product without a reference that can be read."]


@pytest.mark.parametrize("odd", ["3-55O102M", "3-5501O2M", "3-550102", "550102M"])
def test_a_reference_unlike_the_others_is_told_and_not_taken(odd: str) -> None:
    reading = read(TEXT.replace("3-550102M", odd))

    assert odd not in {item.reference for item in reading.derogations[2].references}
    assert reasons(reading) == ["The reference does not have the form of the others in its list."]


@pytest.mark.parametrize("cut", ["3-\n550102M", "3-550102 M", "3 - 550102M"])
def test_a_reference_that_was_cut_is_whole(cut: str) -> None:
    reading = read(TEXT.replace("3-550102M", cut))

    assert [item.reference for item in reading.derogations[2].references] == [code for code, _ in GLENOIDS.references]


def test_one_reference_for_two_products_is_told() -> None:
    assert reasons(read(TEXT.replace("3-550102M", "3-550100M"))) == [
        "The same reference stands twice in the list, with different products."
    ]


def test_an_annex_of_no_derogation_of_the_page_is_told_with_its_references() -> None:
    reading = read(
        TEXT.replace("Liste de tiges fémorales AURORE de la société ORTHÉA", "Liste de vis ZETA de la société VISSART")
    )

    assert stems(reading).references == ()
    assert reasons(reading) == ["It cannot be told which derogation these references belong to."]
    assert "AUR-1012" in reading.not_understood[0].text


def test_an_annex_that_is_announced_and_not_in_the_file_is_known() -> None:
    start, end = TEXT.index("Liste de tiges"), TEXT.index("Glènes de révision LISA - ")

    one = stems(read(TEXT[:start] + TEXT[end:]))

    assert (one.announces_annex, one.references) == (True, ())


def test_prose_about_derogations_is_neither_a_derogation_nor_told() -> None:
    assert read("\n\n".join(lists.QUESTIONS)) == Reading()


def test_a_page_of_three_hundred_pages_is_read_whole_and_tells_how_far_it_is() -> None:
    pages = lists.as_pdf(height="29cm", filler=540)
    seen: list[tuple[int, int]] = []
    reading = read_list(read_writing(pages, filename="page.pdf", progress=lambda *done: seen.append(done)))

    assert seen[-1][0] == seen[-1][1] >= 300
    assert told(reading) == printed()
