"""One person at one screen: reads, types, scans, and complains about what is not right on a page."""

import io
import re

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # it has no types
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Route, ViewportSize, expect

from tests.installation import ROOT

DESK: ViewportSize = {"width": 1280, "height": 800}
TELEPHONE: ViewportSize = {"width": 390, "height": 844}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PASSWORD = "boite-sterile-2026"
PICTURES = ROOT / "var" / "screenshots"
PAPERS = re.compile(r"/units/[^/]+/label$|/documents/[^/]+$")
_KEY_MILLISECONDS = 2
_ANSWER_MILLISECONDS = 60_000


class Walker:
    """A person with a reader in hand."""

    def __init__(self, browser: Browser, address: str, size: ViewportSize, *, walk: str) -> None:
        self._context = browser.new_context(viewport=size, base_url=address, locale="fr-FR", accept_downloads=True)
        self._context.set_default_timeout(_ANSWER_MILLISECONDS)
        expect.set_options(timeout=_ANSWER_MILLISECONDS)
        self._walk = walk
        self._has_folded_menu = size == TELEPHONE
        self._is_offline = False
        self._axe = Axe()
        self.page: Page = self._context.new_page()
        self._papers: list[bytes] = []
        self._context.route(PAPERS, self._keep_paper)
        self.pages_seen: list[str] = []
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._note)

    def _note(self, said: ConsoleMessage) -> None:
        if is_complaint(said) and not (self._is_offline and "ERR_INTERNET_DISCONNECTED" in said.text):
            self.complaints.append(said.text)

    def log_in(self, email: str) -> None:
        """Log in with the password of everybody."""
        self.page.goto("/login")
        self.page.get_by_label("Adresse électronique").fill(email)
        self.page.get_by_label("Mot de passe").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("heading", name="Que faire maintenant", level=1)).to_be_visible()

    def log_out(self) -> None:
        """Log out."""
        self._open_menu()
        self.page.get_by_role("button", name="Se déconnecter").click()
        expect(self.page.get_by_role("heading", name="Se connecter", level=1)).to_be_visible()

    def choose(self, name: str) -> None:
        """Follow an entry of the main menu."""
        self._open_menu()
        menu = self.page.get_by_role("navigation", name="Principal", include_hidden=True)
        entry = menu.get_by_role("link", name=spelled(name), include_hidden=True)
        entry.click()
        expect(entry).to_have_attribute("aria-current", "page")

    def _open_menu(self) -> None:
        if self._has_folded_menu:
            self.page.get_by_role("button", name="Menu", expanded=False).click()

    def go_offline(self) -> None:
        """Cut the network; what the browser says of it is no complaint."""
        self._is_offline = True
        self._context.set_offline(True)

    def come_online(self) -> None:
        """Bring the network back."""
        self._context.set_offline(False)
        self._is_offline = False

    def forget_session(self) -> None:
        """Lose the log-in, as when it ends in the middle of the work."""
        self._context.clear_cookies(name="trace59_session")

    def link(self, name: str) -> Locator:
        """Return a link of the page."""
        return self.page.get_by_role("main").get_by_role("link", name=spelled(name)).first

    def button(self, name: str) -> Locator:
        """Return a button of the page."""
        return self.page.get_by_role("main").get_by_role("button", name=spelled(name)).first

    def scan(self, text: str) -> None:
        """Type as a barcode reader set up as a keyboard does: fast, group separators included, ended by Enter."""
        expect(self.page.locator("input:focus")).to_be_visible()  # nobody touches a mouse between two scans
        first, *others = text.split("\x1d")
        self._type(first)
        for piece in others:
            self.page.keyboard.press("Control+BracketRight")  # ASCII 29 on a keyboard
            self._type(piece)
        self.page.keyboard.press("Enter")

    def _type(self, text: str) -> None:
        """Press the keys of a text; a reader holds Shift for a capital, and the page looks at the keys."""
        for piece in re.findall("[A-Z]|[^A-Z]+", text):
            if piece.isupper() and len(piece) == 1:
                self.page.keyboard.press(f"Shift+{piece}")
            else:
                self.page.keyboard.type(piece, delay=_KEY_MILLISECONDS)

    def field(self, label: str) -> Locator:
        """Return the field with a label, whether it is required or optional."""
        return self.page.get_by_label(spelled(label, after=r"\s*(\(|$)"))

    def pick(self, label: str, option: str) -> None:
        """Choose from a list."""
        field = self.field(label)
        value = field.get_by_role("option", name=spelled(option), include_hidden=True).get_attribute("value")
        field.select_option(value)

    def expect_text(self, words: str) -> None:
        """Wait until the page says something."""
        expect(self.page.get_by_role("main")).to_contain_text(spelled(words, before=""))

    def attach(self, label: str, name: str) -> None:
        """Choose a file for a field: a page with a few words, scanned."""
        self.field(label).set_input_files({"name": name, "mimeType": "application/pdf", "buffer": letter(name)})

    def newest_card(self) -> Locator:
        """Return the last answer of the bench."""
        return self.page.get_by_role("article").first

    def read_pdf_of(self, opener: Locator) -> bytes:
        """Press what opens a PDF, in this tab or in another, and return what the browser got."""
        with self._context.expect_event("requestfinished", is_pdf):
            opener.click()
        self._return_to_the_page()
        return self._papers.pop()

    def _keep_paper(self, route: Route) -> None:
        """Let a document through, and keep a copy: whether a browser shows or saves a PDF differs."""
        answer = route.fetch()
        self._papers.append(answer.body())
        route.fulfill(response=answer)

    def _return_to_the_page(self) -> None:
        for tab in self._context.pages:
            if tab is not self.page:
                tab.close()
        if PAPERS.search(self.page.url):
            self.page.go_back()

    def look(self, name: str) -> None:
        """Take a picture and hold the page against the rules of WCAG 2.2 AA."""
        number = len(self.pages_seen) + 1
        self.pages_seen.append(name)
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{self._walk}-{number:02d}-{name}.png", full_page=True)
        report = self._axe.run(self.page, options={"runOnly": RULES})
        assert report.violations_count == 0, report.generate_report()
        assert self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is too wide"

    def close(self) -> None:
        """Leave, and check that no script failed and that nothing was refused by the content policy."""
        self._context.close()
        assert self.complaints == []


def letter(words: str) -> bytes:
    """Return a PDF of one page, as a copier makes it."""
    picture = Image.new("L", (620, 877), "white")
    ImageDraw.Draw(picture).text((60, 60), words, fill="black")
    content = io.BytesIO()
    picture.save(content, "PDF")
    return content.getvalue()


def is_complaint(said: ConsoleMessage) -> bool:
    """Test whether the browser complains of a page; a refusal (4xx) is an answer like others."""
    return said.type == "error" and "the server responded with a status of 4" not in said.text


def is_pdf(request: Request) -> bool:
    """Test whether a request was for a document."""
    return PAPERS.search(request.url) is not None


def spelled(words: str, *, before: str = "^", after: str = "") -> re.Pattern[str]:
    """Return a pattern of words as the screen writes them: both apostrophes are read alike."""
    return re.compile(before + re.escape(words).replace("’", "'").replace("'", "['’]") + after)
