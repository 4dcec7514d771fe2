"""The visual language in a real browser: accessible at every width and on paper, and a bench that loses nothing."""

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from babel.messages.pofile import read_po
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.browser.gallery import CATALOGUE, TRACKER, Bench, compile_catalogue, create_gallery, serve

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

DESK = {"width": 1280, "height": 900}
TELEPHONE = {"width": 390, "height": 844}
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
DOCUMENT = TRACKER.parent / "docs" / "visual-language.md"
WCAG_22_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
HEAR = """
window.heard = [];
window.AudioContext = class {
  currentTime = 0;
  destination = {};
  resume() {}
  createGain() { return {gain: {setValueAtTime() {}, exponentialRampToValueAtTime() {}}, connect() {}}; }
  createOscillator() {
    const tone = {frequency: {value: 0}, connect: (next) => next, start: () => window.heard.push(tone.frequency.value)};
    return {...tone, frequency: tone.frequency, stop() {}};
  }
};
"""


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours given as six hexadecimal digits (WCAG 2.2, "contrast ratio")."""
    lightness = sorted(relative_luminance(colour) for colour in (one, other))
    return (lightness[1] + 0.05) / (lightness[0] + 0.05)


def relative_luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2, "relative luminance")."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.fixture(scope="module")
def bench_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench("")
    with serve(create_gallery(bench, compile_catalogue(tmp_path_factory.mktemp("catalogue"))), bench):
        yield bench


@pytest.fixture
def bench(bench_server: Bench) -> Bench:
    bench_server.received.clear()
    return bench_server


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page(viewport=DESK)
    page.add_init_script(HEAR)
    yield page
    page.context.close()


@pytest.fixture
def on_bench(page: Page, bench: Bench) -> Page:
    page.goto(f"{bench.address}/bench")
    return page


def read(page: Page, text: str) -> None:
    """Type like a barcode reader: fast, ended by Enter."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("size", [DESK, TELEPHONE], ids=["desk", "telephone"])
@pytest.mark.parametrize("path", ["/gallery?errors=1", "/gallery?language=en", "/bench?visitor=1", "/problem"])
def test_every_part_passes_axe_and_fits_the_width(
    chromium: Browser, bench: Bench, size: dict[str, int], path: str
) -> None:
    page = chromium.new_page(viewport=size)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    page.goto(bench.address + path)

    report = Axe().run(page, options={"runOnly": WCAG_22_AA})

    assert report.violations_count == 0, report.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert complaints == []
    page.context.close()


def test_what_is_pressed_or_filled_in_is_at_least_44_pixels_high(page: Page, bench: Bench) -> None:
    page.goto(f"{bench.address}/gallery?errors=1")

    heights = page.locator(".btn:visible, .form-control:visible, .form-select:visible, summary:visible").evaluate_all(
        "parts => parts.map(part => part.getBoundingClientRect().height)"
    )

    assert len(heights) > 15
    assert min(heights) >= 44


def test_verdicts_differ_in_word_shape_and_colour(page: Page, bench: Bench) -> None:
    page.goto(f"{bench.address}/gallery")

    cards = page.locator("section[class=section] .verdict").evaluate_all(
        """cards => cards.map(card => [
            card.querySelector(".verdict-word").textContent,
            card.querySelector(".verdict-mark use").getAttribute("href").split("#")[1],
            getComputedStyle(card.querySelector(".verdict-head")).backgroundColor,
        ])"""
    )

    assert [card[0] for card in cards] == ["Accepté", "En quarantaine", "Refusé"]
    assert len({card[1] for card in cards}) == len({card[2] for card in cards}) == 3


def test_rows_become_named_cards_on_a_telephone(chromium: Browser, bench: Bench) -> None:
    page = chromium.new_page(viewport=TELEPHONE)
    page.goto(f"{bench.address}/gallery")
    row = page.get_by_role("row").nth(1)

    label = row.get_by_role("cell").nth(1).evaluate("cell => getComputedStyle(cell, '::before').content")

    assert label == '"Lot"'
    assert row.bounding_box()["width"] <= TELEPHONE["width"]
    page.context.close()


def test_pictures_write_the_numbers_they_draw(page: Page, bench: Bench) -> None:
    page.goto(f"{bench.address}/gallery")

    stock = page.get_by_role("table", name="Stock by state")
    drawn = stock.locator("rect").evaluate_all("bars => bars.map(bar => bar.getAttribute('width'))")

    expect(stock.locator(".chart-value")).to_have_text(["42", "7", "3", "0"])
    assert drawn == ["100.0%", "16.67%", "7.14%", "0.0%"]


def test_derogation_is_drawn_from_its_first_to_its_last_day(page: Page, bench: Bench) -> None:
    page.goto(f"{bench.address}/gallery")

    ended = page.get_by_role("table", name="Derogations and their ends").get_by_role("row").filter(has_text="SCORE")
    left, width = ended.locator("rect").evaluate("bar => [bar.getAttribute('x'), bar.getAttribute('width')]")

    expect(ended).to_contain_text("06/03/2024 → 31/12/2024")
    expect(ended).to_contain_text("Terminée")
    assert (left, width) == ("4.45%", "20.62%")  # 65 and 301 of the 1,460 days between 01/01/2024 and 31/12/2027


def test_paper_carries_the_verdict_and_the_demonstration_but_not_the_menu(page: Page, bench: Bench) -> None:
    page.goto(f"{bench.address}/gallery")

    page.emulate_media(media="print")

    expect(page.get_by_role("navigation", name="Principal")).to_be_hidden()
    expect(page.locator("[data-scan-box]")).to_be_hidden()
    expect(page.locator(".verdict-word").first).to_be_visible()
    expect(page.get_by_text("Démonstration")).to_be_visible()


def test_menu_of_a_telephone_opens_and_says_so(chromium: Browser, bench: Bench) -> None:
    page = chromium.new_page(viewport=TELEPHONE)
    page.goto(f"{bench.address}/bench")
    expect(page.get_by_role("link", name="Exemplaires")).to_be_hidden()

    page.get_by_role("button", name="Menu").click()

    expect(page.get_by_role("button", name="Menu", expanded=True)).to_be_visible()
    expect(page.get_by_role("link", name="Exemplaires")).to_be_visible()
    page.context.close()


def test_scan_shows_its_verdict_and_frees_the_box_for_the_next(on_bench: Page, bench: Bench) -> None:
    read(on_bench, "first")
    read(on_bench, "second")

    expect(on_bench.locator("[data-scan-results] .verdict-sentence")).to_have_text(["Lu : second", "Lu : first"])
    expect(on_bench.locator("#scan")).to_be_focused()
    expect(on_bench.locator("#scan")).to_have_value("")
    expect(on_bench.locator("[data-scan-status]")).to_have_text(re.compile("Accepté. Exemplaire U-12. Lu : second"))
    assert [scan.delivery_id for scan in bench.received] == ["7", "7"]


def test_each_scan_has_a_request_id_of_its_own_of_version_7(on_bench: Page, bench: Bench) -> None:
    for raw in ("a", "a", "a"):
        read(on_bench, raw)
    expect(on_bench.locator("[data-scan-results] [data-outcome]")).to_have_count(3)

    identifiers = [UUID(scan.request_id) for scan in bench.received]

    assert len(set(identifiers)) == 3
    assert {identifier.version for identifier in identifiers} == {7}
    assert all(scan.is_fragment for scan in bench.received)


def test_scans_faster_than_the_server_are_sent_in_their_order(on_bench: Page, bench: Bench) -> None:
    raws = [f"box {number}" for number in range(12)]

    for raw in raws:
        read(on_bench, raw)

    expect(on_bench.locator("[data-scan-results] [data-outcome]")).to_have_count(12)
    assert [scan.raw for scan in bench.received] == raws


def test_group_separator_of_a_reader_arrives_as_ascii_29(on_bench: Page, bench: Bench) -> None:
    on_bench.keyboard.type("10A1")
    on_bench.keyboard.press("Control+BracketRight")
    read(on_bench, "21S2")

    expect(on_bench.locator("[data-scan-results] [data-outcome]")).to_have_count(1)
    assert bench.received[0].raw == "10A1\x1d21S2"


def test_reader_that_ends_with_tab_sends_too(on_bench: Page, bench: Bench) -> None:
    on_bench.evaluate(
        """() => {
            const box = document.querySelector("#scan");
            box.value = "tabbed";
            box.dispatchEvent(new KeyboardEvent("keydown", {key: "d", code: "KeyD"}));
            box.dispatchEvent(new KeyboardEvent("keydown", {key: "Tab", code: "Tab", cancelable: true}));
        }"""
    )

    expect(on_bench.locator("[data-scan-results] [data-outcome]")).to_have_count(1)
    assert bench.received[0].raw == "tabbed"


def test_yes_hold_and_no_sound_different_and_silence_is_remembered(on_bench: Page) -> None:
    sounds = []
    for number, raw in enumerate(("accepted", "quarantined", "refused"), start=1):
        on_bench.evaluate("window.heard.length = 0")
        read(on_bench, raw)
        expect(on_bench.locator("[data-scan-results] [data-outcome]")).to_have_count(number)
        sounds.append(tuple(on_bench.evaluate("window.heard")))
    assert len(set(sounds)) == 3

    on_bench.get_by_role("button", name="Son activé").click()
    on_bench.reload()
    read(on_bench, "refused")

    expect(on_bench.locator("[data-scan-results] [data-outcome]")).to_have_count(1)
    assert on_bench.evaluate("window.heard") == []
    expect(on_bench.get_by_role("button", name="Son coupé")).to_be_visible()


def test_lost_answer_keeps_the_scan_and_retries_with_the_same_id(on_bench: Page, bench: Bench) -> None:
    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    on_bench.route("**/scan", lose_the_answer, times=1)
    read(on_bench, "10A1")
    expect(on_bench.get_by_role("heading", name="Pas de réponse")).to_be_visible()
    expect(on_bench.locator("[data-scan-results] [data-raw]")).to_have_text("10A1")
    expect(on_bench.locator("[data-outcome]")).to_have_count(0)

    on_bench.get_by_role("button", name="Réessayer").click()

    expect(on_bench.locator("[data-outcome=accepted]")).to_have_count(1)
    expect(on_bench.get_by_role("heading", name="Pas de réponse")).to_have_count(0)
    assert len(bench.received) == 2
    assert bench.received[0].request_id == bench.received[1].request_id


def test_ended_session_keeps_the_scan(on_bench: Page) -> None:
    read(on_bench, "logged out")

    expect(on_bench.get_by_role("heading", name="Session terminée")).to_be_visible()
    on_bench.get_by_role("button", name="Remettre dans la case").click()
    expect(on_bench.locator("#scan")).to_have_value("logged out")


def test_refused_rule_is_told_with_who_may_decide(on_bench: Page) -> None:
    read(on_bench, "rule")

    card = on_bench.locator("[data-scan-results] .verdict")
    expect(card.get_by_role("heading", name="Utilisation refusée")).to_be_visible()
    expect(card).to_contain_text("Seul un pharmacien peut enregistrer une prolongation.")
    expect(on_bench.locator("[data-scan-alert]")).to_have_text(re.compile("Utilisation refusée"))


def test_keys_typed_elsewhere_land_in_the_box_unless_switched_off(on_bench: Page) -> None:
    on_bench.locator("#elsewhere").focus()
    on_bench.keyboard.type("x1")
    expect(on_bench.locator("#scan")).to_have_value("x1")

    on_bench.get_by_role("checkbox", name="Toute frappe va dans la case").uncheck()
    on_bench.locator("#elsewhere").focus()
    on_bench.keyboard.type("y2")
    expect(on_bench.locator("#scan")).to_have_value("x1")

    on_bench.keyboard.press("F2")
    expect(on_bench.locator("#scan")).to_be_focused()


def test_slash_goes_to_the_box_without_typing_itself(on_bench: Page) -> None:
    on_bench.locator("#elsewhere").focus()

    on_bench.keyboard.press("/")

    expect(on_bench.locator("#scan")).to_be_focused()
    expect(on_bench.locator("#scan")).to_have_value("")


def test_photo_is_sent_as_soon_as_it_is_chosen(on_bench: Page, bench: Bench) -> None:
    on_bench.get_by_text("Utiliser une photo").click()

    on_bench.get_by_label("Photo de l").set_input_files(
        {"name": "label.png", "mimeType": "image/png", "buffer": b"not read here"}
    )

    expect(on_bench.locator("[data-scan-results] [data-outcome]")).to_have_count(1)
    assert bench.received[0].photo == "label.png"


def test_bench_works_without_scripts(chromium: Browser, bench: Bench) -> None:
    page = chromium.new_page(viewport=DESK, java_script_enabled=False)
    page.goto(f"{bench.address}/bench")

    page.locator("#scan").fill("10A1")
    page.locator("#scan").press("Enter")

    expect(page.locator("[data-scan-results] .verdict-sentence")).to_have_text("10A1")
    assert bench.received[0].request_id == "01939f3a-0000-7000-8000-000000000001"
    assert not bench.received[0].is_fragment
    page.context.close()


def test_colours_are_named_in_one_sheet_only() -> None:
    sheets = [
        path for path in (TRACKER / "static" / "css").glob("*.css") if path.name not in {"tokens.css", "print.css"}
    ]

    raw = {path.name: re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(", path.read_text()) for path in sheets}

    assert len(sheets) >= 4
    assert raw == {path.name: [] for path in sheets}


def test_documented_contrasts_are_those_of_the_named_colours() -> None:
    colours = dict(re.findall(r"--([a-z-]+): #([0-9a-f]{6});", (TRACKER / "static" / "css" / "tokens.css").read_text()))
    rows = re.findall(r"^\| `([a-z-]+)`[^|]*\| `([a-z-]+)` \| ([0-9.]+) \|$", DOCUMENT.read_text(), flags=re.MULTILINE)

    measured = {(of, on): f"{contrast(colours[of], colours[on]):.2f}" for of, on, _ in rows}

    assert len(rows) >= 16
    assert measured == {(of, on): stated for of, on, stated in rows}
    assert min(float(value) for (of, _), value in measured.items() if not of.endswith(("line", "strong"))) >= 4.5
    assert min(float(value) for value in measured.values()) >= 3


def test_no_template_carries_a_script_or_a_style_of_its_own() -> None:
    forbidden = re.compile(r"\sstyle=|\son[a-z]+=|<style|<script(?![^>]*src=)")
    markup = {
        path.name: re.sub(r"\{[{%#].*?[}%#]\}", "", path.read_text(), flags=re.DOTALL)
        for path in TRACKER.rglob("*.html")
    }

    offenders = [name for name, text in markup.items() if forbidden.search(text)]

    assert len(markup) > 10
    assert offenders == []


def test_shared_french_catalogue_is_complete() -> None:
    with CATALOGUE.open("rb") as source:
        messages = [message for message in read_po(source) if message.id]

    missing = [message.id for message in messages if not message.string or message.fuzzy]

    assert len(messages) > 80
    assert missing == []
