"""Every page of the program, in a hospital with one of everything, as somebody who may open it sees it.

The pages come from the address table, so a new one is walked the day it is written. One that needs a thing the hospital
lacks fails here until ``tests.everything`` makes it; an address that is no page is named in ``NO_PAGES``.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # it has no types
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page
from werkzeug.serving import make_server

from config.settings import Settings
from tests.browser.walker import DESK, RULES, TELEPHONE, is_complaint
from tests.conftest import DatabaseMaker
from tests.everything import a_busy_day, one_of_everything
from tests.hospital import ALICE, BOB, CHARLIE, ERIC, FANNY, HOSPITAL_A, KEYRING
from tracker import catalogues, clock, db, http
from tracker.accounts import service as accounts
from tracker.accounts.rules import SessionPolicy
from tracker.accounts.views import LOCALE_COOKIE, SESSION_COOKIE
from tracker.actor import Actor
from tracker.app import create_app
from tracker.outbox import jobs
from tracker.outbox.transport import mailbox_of

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

PEOPLE = (ALICE, CHARLIE, BOB, ERIC, FANNY)
POLICY = SessionPolicy(idle=timedelta(hours=1), longest=timedelta(hours=12))
NO_PAGES = {
    "accounts.choose_language": "sends back to the page",
    "catalogue.export_csv": "file",
    "catalogue.export_xlsx": "file",
    "consents.print_notice": "file",
    "documents.show": "file",
    "health": "JSON, for a monitor",
    "outbox.mail_file": "file",
    "recaps.download": "file",
    "samples.show_image": "picture",
    "slips.show": "file",
    "stock.export_csv": "file",
    "stock.export_xlsx": "file",
    "use.restart": "sends to the empty gate",
}
"""Addresses that answer with no page, and what they answer with."""
ALSO: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "audit.index": ({"subject": "incident:{incident_id}"},),
    "delivery.ask": ({"number": "{released}"},),
    "chronicle.show": (
        {"number": "{released}"},
        {"number": "{delivered}"},
        {"number": "{quarantined}"},
        {"number": "{used}"},
    ),
    "dispositions.choose": ({"number": "{released}"},),
    "examinations.index": ({"use": "{use_id}"},),
    "operations.new": ({"patient": "{patient_id}"},),
    "orientation.ask": ({"a": "manufacturer_gone", "sent": "1"},),
    "outcomes.new_failure": ({"unit": "{released}", "patient": "{patient_id}"},),
    "outcomes.show_failure": tuple(
        {"failure_id": f"{{{name}}}"} for name in ("wrong_failure", "right_failure", "failure_back")
    ),
    "outcomes.show_use": tuple(
        {"use_id": f"{{{name}}}"} for name in ("explanted", "amended", "right", "withdrawn", "carried")
    ),
    "recaps.new": ({"derogation": "{derogation_id}"},),
    "reception.enter_by_hand": ({"line": "{box_id}"},),
    "register.index": ({"q": "nothing like it"},),
    "requests.new_answer": ({"request_id": "{given}"},),
    "requests.new_step": ({"kind": "given"}, {"request_id": "{given}", "kind": "filed"}),
    "requests.show": ({"request_id": "{given}"},),
    "unidentified.put_aside": ({"line": "{box_id}", "reception": "{reception_id}"},),
    "use.gate": ({"patient": "{patient_id}"}, {"patient": "{patient_id}", "unit": "{released}"}),
    "vigilance.new": ({"unit": "{used}"},),
    "recalls.show": ({"lot": "B2"}, {"lot": "B2", "definition": "{definition_id}"}, {"lot": "C4"}),
}
"""Pages that are walked again: for another thing, or asked for more."""
PROBLEMS = (("/nothing", 404), ("/people", 403), ("/which-route?sent=0", 422), ("/derogations?status=never", 422))
"""Pages that say what went wrong, for a surgeon."""
_SHAPE = """() => ({
    isWide: document.documentElement.scrollWidth > window.innerWidth,
    heads: document.querySelectorAll("h1").length,
})"""
_SHEET = {"width": 794, "height": 1123}
"""A4 at 96 dots per inch."""
_PRINTED = """() => {
    document.body.style.width = "688px"; // between the margins of print.css
    const seen = (element) => element.getClientRects().length > 0;
    const faults = [...document.querySelectorAll("nav, .sidebar, button, .scan-box, .page-actions")]
        .filter(seen).map((element) => `printed: ${element.outerHTML.slice(0, 80)}`);
    for (const table of document.querySelectorAll("table")) {
        if (seen(table) && table.getBoundingClientRect().right > 690) {
            faults.push(`cut on paper: ${table.caption?.textContent}`);
        }
    }
    document.body.style.width = "";
    return faults;
}"""
_WORDS = """() => {
    const words = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) words.push(walker.currentNode.data);
    for (const element of document.querySelectorAll("[aria-label], [title], [placeholder], [alt]")) {
        for (const name of ["aria-label", "title", "placeholder", "alt"]) words.push(element.getAttribute(name) ?? "");
    }
    return words.map((text) => text.replace(/\\s+/g, " ").trim()).filter(Boolean);
}"""


@dataclass(frozen=True, slots=True)
class Ground:
    """The running application on a database where hospital A has one of everything."""

    app: Flask
    database: db.Database
    address: str
    things: Mapping[str, object]

    def pages(self) -> Iterator[tuple[Actor | None, str]]:
        """Yield each page with the first of the people who may open it: nobody in particular where all may."""
        urls = self.app.url_map.bind("localhost")
        for rule in sorted(self.app.url_map.iter_rules(), key=lambda rule: rule.rule):
            is_page = "GET" in (rule.methods or ()) and not rule.rule.startswith("/api/")
            if not is_page or rule.endpoint in NO_PAGES or rule.endpoint.endswith("static"):
                continue
            permission = http.permission_of(self.app, rule.endpoint)
            reader = next((actor for actor in PEOPLE if permission in actor.permissions), None)
            things = {name: self.things[name] for name in rule.arguments}
            yield reader, urls.build(rule.endpoint, things)
            for more in ALSO.get(rule.endpoint, ()):
                changed = {name: value.format(**self.things) for name, value in more.items()}
                yield reader, urls.build(rule.endpoint, {**things, **changed})


@pytest.fixture(scope="module")
def ground(make_database: DatabaseMaker, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The application in this process, on a free port."""
    name, folder = make_database.copy(template), tmp_path_factory.mktemp("var")
    database = db.create_database(make_database.app_url(name), KEYRING)
    with db.transaction(database, HOSPITAL_A) as session:
        things = one_of_everything(session)
        things |= a_busy_day(session, things)
    jobs.deliver(database, clock.utc_now(), transport_for=lambda _: mailbox_of(folder), sender="t@localhost")
    app = create_app(Settings.from_env({"TRACE59_VAR_DIRECTORY": str(folder)}), database)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Ground(app, database, f"http://127.0.0.1:{server.server_port}", things)
    server.shutdown()
    thread.join()
    server.server_close()
    database.dispose()
    make_database.drop(name)


@dataclass
class Reader:
    """One person at one window; what the browser complains of is kept."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._note)

    def _note(self, said: ConsoleMessage) -> None:
        if is_complaint(said):
            self.complaints.append(said.text)

    def faults_of(self, address: str, axe: Axe, *, status: int = 200) -> list[str]:
        """Open a page and return what is not right with it."""
        self.complaints.clear()
        self.page.set_viewport_size(TELEPHONE)
        answer = self.page.goto(address)
        kind = answer.headers.get("content-type", "") if answer else ""
        if answer is None or answer.status != status or not kind.startswith("text/html"):
            return [f"answered {answer.status if answer else 'nothing'}, {kind}"]
        shape = self.page.evaluate(_SHAPE)
        faults = [f"{shape['heads']} first headings"] if shape["heads"] != 1 else []
        faults += ["too wide for a telephone"] if shape["isWide"] else []
        report = axe.run(self.page, options={"runOnly": RULES, "resultTypes": ["violations"]})
        faults += [
            f"{broken['id']}: {node['html']}" for broken in report.response["violations"] for node in broken["nodes"]
        ]
        faults += [f"not in French: {words}" for words in sorted(english() & set(self.page.evaluate(_WORDS)))]
        self.page.set_viewport_size(DESK)
        faults += ["too wide for a desk"] if self.page.evaluate(_SHAPE)["isWide"] else []
        return faults + self._faults_on_paper() + self.complaints

    def _faults_on_paper(self) -> list[str]:
        self.page.set_viewport_size(_SHEET)
        self.page.emulate_media(media="print")
        found: list[str] = self.page.evaluate(_PRINTED)
        self.page.emulate_media(media="screen")
        return found


@cache
def english() -> frozenset[str]:
    """Return the texts of the interface that a French reader must not meet: those whose French is another."""
    messages = [message for room in catalogues.list_rooms() for message in room.read() if message.id]
    said = {said for message in messages for said in forms_of(message.id)}
    french = {said for message in messages for said in forms_of(message.string)}
    return frozenset(" ".join(words.split()) for words in said - french)


def forms_of(text: str | Sequence[str] | None) -> Sequence[str]:
    """Return the singular and the plural of a text of a catalogue."""
    return (text,) if isinstance(text, str) else text or ()


def reader_of(browser: Browser, ground: Ground, actor: Actor | None) -> Reader:
    """Open a window, logged in as somebody."""
    cookies = {LOCALE_COOKIE: "fr"}
    if actor is not None:
        with db.transaction(ground.database, actor.establishment_id) as session:
            token = accounts.open_session(session, actor=actor, policy=POLICY, user_agent="walk", now=clock.utc_now())
        cookies[SESSION_COOKIE] = token
    context = browser.new_context(base_url=ground.address, locale="fr-FR", reduced_motion="reduce")
    context.add_cookies([{"name": name, "value": value, "url": ground.address} for name, value in cookies.items()])
    return Reader(context.new_page())


def test_every_page_is_whole_accessible_french_and_fits_on_a_telephone(browser: Browser, ground: Ground) -> None:
    axe, readers = Axe(), {actor: reader_of(browser, ground, actor) for actor in (None, *PEOPLE)}
    pages = [*ground.pages(), *((actor, "/") for actor in PEOPLE[1:])]  # what there is to do differs

    faults = {address: found for actor, address in pages if (found := readers[actor].faults_of(address, axe))}
    for address, status in PROBLEMS:
        if found := readers[CHARLIE].faults_of(address, axe, status=status):
            faults[address] = found

    for reader in readers.values():
        reader.page.context.close()
    assert len(pages) > 100
    assert faults == {}


def test_every_address_that_is_no_page_is_still_there(ground: Ground) -> None:
    endpoints = {rule.endpoint for rule in ground.app.url_map.iter_rules()}

    assert set(NO_PAGES) | set(ALSO) <= endpoints
