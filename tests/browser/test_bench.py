"""Forty boxes in one delivery, without the mouse: every kind of verdict, and the network cut in the middle."""

import pytest
from playwright.sync_api import Browser, ViewportSize, expect
from sqlalchemy import select

from tests.browser.hospital import Hospital
from tests.browser.walker import DESK, TELEPHONE, Walker
from tracker.arrivals.models import Reception
from tracker.db import transaction
from tracker.organisation.models import Establishment
from tracker.reception import queries
from tracker.reception.queries import LineView

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

PHARMACIST = "pharmacie@saint-exemple.example"
PATIENT = (
    "IS010000000000000000000000S1256037511001017S21.2.250.1.213.1.4.10S3MARIE CLAIRE\x1dS4EXEMPLE\x1dS5FS614-03-1956"
)
GTIN = "02059000011019"
GOOD = f"]d201{GTIN}17401231"
EVERY_KIND = (
    (f"{GOOD}10D12", "Accepté"),
    ("]d201020590000110261740123121SN-7", "Accepté"),
    ("]d201020590000110261740123121SN-7", "Refusé"),  # the same serial number again
    (f"]d201{GTIN}1740113010D12", "En quarantaine"),  # the same lot with another date
    (f"]d201{GTIN}1720013110D01", "Refusé"),  # past its shelf life
    ("]d201020590000110571740123110H28", "Refusé"),  # suspended
    ("]d201020590000110641740123110K7", "Refusé"),  # in no derogation
    ("]d201020590000999941740123110X1", "Refusé"),  # not in the catalogue
    ("]d201020590000110181740123110D15", "Refusé"),  # wrong check digit
    ("010205900001101910A12199", "Refusé"),  # separator lost
)


def open_delivery(walker: Walker, supplier: str) -> None:
    walker.log_in(PHARMACIST)
    walker.page.goto("/receptions/new")
    walker.field("Fournisseur").fill(supplier)
    walker.page.keyboard.press("Enter")
    expect(walker.page.locator("[data-scan-box]")).to_be_visible()


def lines_of(hospital: Hospital, supplier: str) -> list[LineView]:
    """Return what the server wrote, oldest first."""
    with transaction(hospital.database, None) as session:
        establishment = session.scalars(select(Establishment.id)).one()
    with transaction(hospital.database, establishment) as session:
        reception = session.query(Reception).filter(Reception.supplier == supplier).one()
        return list(queries.list_lines(session, reception.id))[::-1]


def kept(walker: Walker) -> str:
    """Return everything that the browser keeps of its scans, as text."""
    return str(
        walker.page.evaluate(
            "async () => JSON.stringify(await (await import('/static/js/waiting-scans.js')).keptScans())"
        )
    )


def test_forty_boxes_without_the_mouse_and_the_network_cut_in_the_middle(browser: Browser, hospital: Hospital) -> None:
    walker = Walker(browser, hospital.installation.address, DESK, walk="banc")
    open_delivery(walker, "Quarante boîtes")

    for label, word in EVERY_KIND:
        walker.scan(label)
        expect(walker.newest_card().get_by_role("heading", name=word)).to_be_visible()
    walker.scan(PATIENT)
    expect(walker.newest_card()).to_contain_text("étiquette d’un patient")
    assert "EXEMPLE" not in walker.page.inner_text("main")

    walker.scan(f"]C101{GTIN}")  # the first of two codes
    expect(walker.newest_card().get_by_role("heading", name="Deuxième code")).to_be_visible()
    walker.look("deuxieme-code")
    walker.scan("]C117401231" + "10H7")
    expect(walker.newest_card().get_by_role("heading", name="Accepté")).to_be_visible()

    walker.scan(f"]C101{GTIN}")
    walker.button("Il n’y a pas d’autre code").press("Enter")
    expect(walker.newest_card().get_by_role("heading", name="Refusé")).to_be_visible()
    walker.scan("]d201020590000110261740123121SN-8")  # the half before is answered: this is another box
    expect(walker.newest_card().get_by_role("heading", name="Accepté")).to_be_visible()

    walker.scan(f"{GOOD}10P5\x1d305")  # a pack of five
    expect(walker.newest_card().get_by_role("heading", name="Combien d’exemplaires")).to_be_visible()
    walker.look("conditionnement")
    walker.scan("5")
    expect(walker.newest_card()).to_contain_text("5 exemplaires d’un conditionnement")

    cut_and_come_back(walker)
    units = walker.page.locator("[data-delivery-labels] input[name=unit]:enabled")
    expect(units).to_have_count(len([line for line in lines_of(hospital, "Quarante boîtes") if line.unit_number]))
    expect(walker.link("Imprimer le bordereau")).to_be_visible()
    lines = lines_of(hospital, "Quarante boîtes")
    assert [line.lot_number for line in lines[-22:]] == [f"N{number:02}" for number in range(22)]
    assert len(lines) == len(EVERY_KIND) + 3 + 5 + 22 == 40
    assert kept(walker) == "[]"
    walker.look("quarante")
    walker.close()


def cut_and_come_back(walker: Walker) -> None:
    """Scan twelve boxes on the network, the others without; nothing is lost, nothing comes twice."""
    accepted = walker.page.locator('[data-outcome="accepted"]').count() + 12
    for number in range(12):
        walker.scan(f"{GOOD}10N{number:02}")
    expect(walker.page.locator('[data-outcome="accepted"]')).to_have_count(accepted)
    walker.go_offline()
    for number in range(12, 22):
        walker.scan(f"{GOOD}10N{number:02}")
    walker.scan(PATIENT)
    expect(walker.page.get_by_role("heading", name="Pas de réponse").first).to_be_visible()
    expect(walker.page.get_by_role("heading", name="En attente du serveur").first).to_be_visible()
    assert walker.page.locator('[data-outcome="accepted"]').count() == accepted
    assert kept(walker).count('"raw"') == 10
    assert "EXEMPLE" not in kept(walker)
    walker.look("reseau-coupe")

    walker.come_online()
    expect(walker.page.locator('[data-outcome="accepted"]')).to_have_count(accepted + 10)


def test_the_codes_of_one_label_wait_for_the_last_one_whatever_comes_between(
    browser: Browser, hospital: Hospital
) -> None:
    walker = Walker(browser, hospital.installation.address, DESK, walk="banc-trois-codes")
    open_delivery(walker, "Trois codes")
    question = walker.page.locator('[data-pending="half"]')

    walker.scan("]C110T3")  # as fast as that, the page's script may not be there yet
    walker.scan(PATIENT)
    expect(walker.newest_card()).to_contain_text("étiquette d’un patient")
    expect(question).to_have_count(1)
    walker.scan("]C117401231")
    expect(question).to_have_attribute("data-pending-raw", "]C110T3\n]C117401231")
    walker.page.reload()
    expect(question).to_have_count(1)
    walker.scan("DEMO-INS-M12")
    expect(walker.newest_card().get_by_role("heading", name="Accepté")).to_be_visible()

    expect(question).to_have_count(0)
    (line,) = lines_of(hospital, "Trois codes")
    assert (line.lot_number, str(line.expiration_date)) == ("T3", "2040-12-31")
    assert kept(walker) == "[]"
    walker.close()


@pytest.mark.parametrize(("size", "walk"), [(DESK, "banc-plie"), (TELEPHONE, "banc-plie-mobile")])
def test_earlier_answers_are_one_row_each_and_open_with_the_keyboard(
    browser: Browser, hospital: Hospital, size: ViewportSize, walk: str
) -> None:
    walker = Walker(browser, hospital.installation.address, size, walk=walk)
    open_delivery(walker, f"Refus en série {walk}")
    for number in range(6):
        walker.scan(f"]d201020590000110641740123110K{number}")
        expect(walker.page.locator("[data-outcome]")).to_have_count(number + 1)
    newest, earlier = walker.newest_card(), walker.page.locator("[data-outcome]").nth(1)
    way_out = earlier.locator("summary", has_text="par erreur")

    for _again in range(2):  # as the script folded it, and as the server makes the page
        expect(newest.locator("summary", has_text="par erreur")).to_be_visible()
        expect(earlier.get_by_role("heading", name="Refusé")).to_be_visible()
        expect(earlier.locator(".verdict-brief")).to_contain_text("K4")
        expect(earlier.locator(".verdict-sentence")).to_be_visible()
        expect(way_out).to_be_hidden()
        assert earlier.bounding_box()["height"] < 160
        walker.look("plie")
        walker.page.reload()
    earlier.locator("summary").first.focus()
    walker.page.keyboard.press("Enter")
    expect(way_out).to_be_visible()
    walker.look("ouvert")
    walker.close()


def test_scans_outlive_a_reload_and_a_log_out(browser: Browser, hospital: Hospital) -> None:
    walker = Walker(browser, hospital.installation.address, TELEPHONE, walk="banc-mobile")
    open_delivery(walker, "Après la déconnexion")
    bench = walker.page.url
    walker.forget_session()

    for lot in ("R1", "R2"):
        walker.scan(f"{GOOD}10{lot}")
    expect(walker.page.get_by_role("heading", name="Session terminée").first).to_be_visible()
    walker.look("session-terminee")
    walker.log_in(PHARMACIST)
    walker.page.goto("/receptions")
    expect(walker.page.get_by_role("main")).to_contain_text("attendent le serveur")
    walker.look("attente")
    walker.page.goto(bench)

    expect(walker.page.locator('[data-outcome="accepted"]')).to_have_count(2)
    assert [line.lot_number for line in lines_of(hospital, "Après la déconnexion")] == ["R1", "R2"]
    assert kept(walker) == "[]"
    walker.close()
