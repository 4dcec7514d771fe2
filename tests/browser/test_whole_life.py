"""The whole life of one device, as its people meet it: from the scan of a box to the reports at ANSM.

One walk through the production server at 1280 pixels, with a reader that types; one shorter at 390. What is typed and
read on the screen is in French, as it is in a hospital.
"""

import re
from datetime import timedelta
from email.message import EmailMessage

import pytest
from playwright.sync_api import Browser, Locator, expect

from scanners import PatientIdentity
from scanners.udi import ins
from tests.browser.hospital import Hospital, Mailbox, parse, read_message, read_pdf, read_symbols
from tests.browser.walker import DESK, TELEPHONE, Walker
from tracker import clock

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

PHARMACIST = "pharmacie@saint-exemple.example"
SURGEON = "chirurgie@saint-exemple.example"
NURSE = "bloc@saint-exemple.example"
OFFICER = "vigilance@saint-exemple.example"
AUDITOR = "audit@saint-exemple.example"
ANSM = "materiovigilance@ansm.sante.fr"
MANUFACTURER = "materiovigilance@amplitude.example"

UNIT_NUMBER = re.compile(r"T59[0-9]{10}")
BOX = "]d201020590000101351740123110A1\x1d21S"  # SCORE 1-020163C, last day 31/12/2040, lot A1, serial S…
DEMONSTRATION_BOX = "]d201020590000110191740123110B7"  # DÉMO-INS-M12 under a derogation in force
NEVER_TOLD = ("TEST-IMPLANT", "TEST IMPLANT", "JEANNE", "DEMO-1003", "249119999003095", "2491199990030", "99999")
PATIENT = PatientIdentity(
    matricule="249119999003095",
    oid="1.2.250.1.213.1.4.10",
    birth_given_names="JEANNE",
    birth_family_name="TEST-IMPLANT",
    sex="F",
    birth_date=None,
    birth_place_code="99999",
)


def number_on(card: Locator) -> str:
    found = UNIT_NUMBER.search(card.inner_text())
    assert found
    return found[0]


def refuse_the_box(walker: Walker) -> None:
    walker.choose("Réception")
    walker.look("receptions")
    walker.link("Ouvrir une réception").click()
    walker.field("Fournisseur").fill("Amplitude")
    walker.field("Bon de livraison").fill("BL-2026-0412")
    walker.look("ouvrir")
    walker.button("Ouvrir et scanner").click()
    walker.look("paillasse-vide")

    walker.scan(BOX + "0001")

    card = walker.newest_card()
    expect(card.get_by_role("heading", name="Refusé")).to_be_visible()
    expect(card).to_contain_text("a pris fin le 26/07/2024")
    expect(card).to_contain_text("ANSM")
    expect(card).to_contain_text("1-020163C")
    walker.look("refuse")


def record_the_extension(walker: Walker) -> None:
    today = clock.paris_day(clock.utc_now())
    walker.choose("Registre")
    walker.look("registre")
    walker.page.get_by_role("link", name="SCORE").first.click()
    walker.look("derogation-terminee")
    walker.link("Enregistrer une décision").click()
    walker.field("Premier jour d’effet").fill("2024-07-27")
    walker.field("Dernier jour de validité, inclus").fill((today + timedelta(days=300)).isoformat())
    walker.field("Date du courrier").fill(today.isoformat())
    walker.field("Numéro de l’ANSM").fill("DM-2026-0412")
    walker.attach("Courrier de décision", "decision.pdf")
    walker.look("prolongation")
    walker.button("Enregistrer la décision").click()
    walker.expect_text("La décision est enregistrée.")
    walker.look("derogation-prolongee")


def receive_the_box(walker: Walker) -> str:
    walker.choose("Réception")
    walker.page.get_by_role("row").filter(has_text="BL-2026-0412").get_by_role("link").first.click()

    walker.scan(BOX + "0001")

    card = walker.newest_card()
    expect(card.get_by_role("heading", name="Accepté")).to_be_visible()
    number = number_on(card)
    walker.scan(BOX + "0002")
    expect(walker.newest_card()).to_contain_text("S0002")
    walker.look("accepte")
    return number


def print_the_label(walker: Walker, number: str) -> None:
    card = walker.page.get_by_role("article").filter(has_text=number)
    card.get_by_text("Toute la réponse").press("Enter")  # another box was scanned since
    label = walker.read_pdf_of(card.get_by_role("button", name="Imprimer"))
    assert read_symbols(label) == {"DataMatrix": number, "Code128": number}
    text = read_pdf(label)
    assert all(word in text for word in (number, "1-020163C", "A1", "S0001", "31/12/2040", "Amplitude"))


def deliver_to_theatre(walker: Walker, number: str) -> None:
    walker.choose("Exemplaires")
    walker.look("exemplaires")
    walker.scan(number)
    expect(walker.page.get_by_role("heading", name=number, level=1)).to_be_visible()
    walker.look("exemplaire")
    walker.link("Délivrer à un service").click()
    walker.pick("Service ou bloc", "Bloc opératoire, orthopédie")
    walker.field("Demandé par").fill("Dora Instrument")
    walker.look("delivrance")
    walker.button("Délivrer").click()
    walker.expect_text(f"L’exemplaire {number}")


def find_the_patient(walker: Walker) -> None:
    walker.choose("Patients")
    walker.look("patients")
    walker.scan(ins.format(PATIENT))
    expect(walker.page.get_by_role("heading", name="TEST-IMPLANT", level=1)).to_be_visible()
    walker.look("patient")


def record_the_consent(walker: Walker) -> None:
    walker.link("Information et consentement").click()
    walker.look("consentement-vide")
    walker.link("Enregistrer l’information ou le consentement").click()
    walker.look("consentement-derogation")
    walker.page.get_by_role("link", name="SCORE").first.click()
    walker.attach("Formulaire signé, numérisé", "consentement.pdf")
    walker.look("consentement")
    walker.button("Enregistrer").click()
    walker.expect_text("Consentement en vigueur")
    walker.look("consentement-recueilli")


def use_the_insert(walker: Walker, number: str) -> None:
    walker.choose("Utiliser un dispositif")
    walker.look("controle-vide")
    walker.scan(ins.format(PATIENT))
    walker.expect_text("TEST-IMPLANT")
    walker.look("controle-patient")
    walker.scan(number)
    expect(walker.newest_card().get_by_role("heading", name="Accepté")).to_be_visible()
    walker.look("controle-ouvert")
    walker.pick("Intervention", "remplacement d’un système complet")
    walker.pick("Côté", "gauche")
    walker.field("Système déjà implanté").fill("SCORE, 2014")
    walker.pick("Lieu de l’utilisation", "Bloc opératoire, orthopédie")
    walker.field("Pourquoi ce dispositif").fill("Usure de l'insert ; les éléments fixés à l'os sont stables.")
    walker.button("Enregistrer l’utilisation").click()
    expect(walker.newest_card().get_by_role("heading", name="Refusé")).to_be_visible()
    walker.expect_text("La dérogation ne couvre que la reprise partielle d’un système implanté.")
    walker.look("remplacement-refuse")
    expect(walker.field("Pourquoi ce dispositif")).to_have_value(
        "Usure de l'insert ; les éléments fixés à l'os sont stables."
    )
    walker.pick("Intervention", "reprise partielle d’un système implanté")
    walker.button("Enregistrer l’utilisation").click()
    walker.expect_text("L’utilisation est enregistrée. Imprimez maintenant les documents du patient.")
    walker.look("utilisation")


def hand_the_papers_over(walker: Walker, number: str) -> None:
    paper = read_pdf(walker.read_pdf_of(walker.link("Document du patient (CSP R.5212-42)")))
    card = read_pdf(walker.read_pdf_of(walker.link("Carte d’implant")))
    for text in (paper, card):
        assert all(
            word in text for word in ("TEST-IMPLANT", "1-020163C", "A1", "S0001", "Amplitude", "Hôpital de la Marche")
        )
    assert "Charles Bistouri" in paper
    assert number in paper


def declare_the_incident(walker: Walker, number: str) -> None:
    walker.choose("Exemplaires")
    walker.scan(number)
    walker.link("Déclarer un incident").click()
    today = clock.paris_day(clock.utc_now()).isoformat()
    walker.field("Jour de l’incident").fill(today)
    walker.field("Jour du constat").fill(today)
    walker.field("Lieu de l’incident").fill("Bloc opératoire")
    walker.field("Ce qui s’est passé").fill(
        "L'insert s'est déverrouillé à l'essai de mobilité. Le patient n'a pas souffert."
    )
    walker.page.get_by_label("Intervention médicale ou chirurgicale").check()
    walker.field("Poids du patient, en kilogrammes").fill("71,5")
    walker.pick("Où se trouve le dispositif", "Dans le corps du patient")
    walker.look("incident")
    walker.button("Déclarer et bloquer le lot").click()
    walker.look("incident-declare")


def transmit_the_incident(walker: Walker) -> None:
    walker.expect_text("à transmettre")
    walker.look("a-faire-vigilance")
    walker.link("Relire et transmettre").click()
    walker.look("incident-a-transmettre")
    walker.page.get_by_label("Obligatoire, sans délai (CSP R. 5212-14)").check()
    walker.button("Transmettre les deux déclarations").click()
    walker.look("incident-transmis")


def look_at_the_recall(walker: Walker) -> None:
    walker.choose("Rappel de lot")
    walker.look("rappel-vide")
    walker.scan("A1")
    walker.expect_text("TEST-IMPLANT")
    walker.expect_text("DEMO-1003")
    walker.look("rappel")
    walker.choose("Exemplaires")
    row = walker.page.get_by_role("row").filter(has_text="S0002")
    expect(row).to_contain_text("Bloqué")
    walker.look("lot-bloque")


def look_at_the_proof(walker: Walker) -> None:
    walker.choose("Messages")
    walker.look("messages")
    walker.page.get_by_role("row").filter(has_text=ANSM).get_by_role("link").first.click()
    walker.expect_text("250 2.0.0 OK: taken")
    walker.look("message")


def verify_the_trail(walker: Walker) -> None:
    walker.choose("Piste d’audit")
    walker.expect_text("incident:transmitted")
    walker.look("piste")
    walker.button("Vérifier toute la chaîne").click()
    walker.expect_text("La chaîne tient")
    walker.look("piste-verifiee")


def send_the_reports(walker: Walker, hospital: Hospital, mailbox: Mailbox) -> dict[str, EmailMessage]:
    mailbox.is_busy = True
    hospital.run_worker()
    mailbox.is_busy = False
    first = {email["To"]: email["Message-ID"] for email in map(parse, mailbox.refused)}
    for recipient in (ANSM, MANUFACTURER):
        walker.choose("Messages")
        walker.page.get_by_role("row").filter(has_text=recipient).get_by_role("link").first.click()
        walker.expect_text("451 4.3.2 busy, try again later")
        walker.button("Réessayer maintenant").click()
        walker.expect_text("Un nouvel essai")
    hospital.send_mail()
    emails = {str(email["To"]): email for email in mailbox.emails()}
    assert {address: emails[address]["Message-ID"] for address in (ANSM, MANUFACTURER)} == {
        address: first[address] for address in (ANSM, MANUFACTURER)
    }
    return emails


def check_what_ansm_learns(email: EmailMessage) -> None:
    words = read_message(email)
    assert "TES" in words
    assert "23 novembre 1949" in words
    assert "71,5 kg" in words
    assert "1-020163C" in words
    assert not [trait for trait in NEVER_TOLD if trait.casefold() in words.casefold()]


def check_what_the_manufacturer_learns(email: EmailMessage) -> None:
    words = read_message(email)
    assert "1-020163C" in words
    assert "A1" in words
    told = (*NEVER_TOLD, "11/1949", "1949-11", "novembre 1949", "71,5", "71.5")
    assert not [trait for trait in told if trait.casefold() in words.casefold()]


def test_a_score_insert_lives_its_whole_life(browser: Browser, hospital: Hospital, mailbox: Mailbox) -> None:
    walker = Walker(browser, hospital.installation.address, DESK, walk="vie")
    walker.log_in(PHARMACIST)
    walker.look("a-faire-pharmacie")
    refuse_the_box(walker)
    record_the_extension(walker)
    number = receive_the_box(walker)
    print_the_label(walker, number)
    deliver_to_theatre(walker, number)
    walker.log_out()
    walker.log_in(SURGEON)
    find_the_patient(walker)
    record_the_consent(walker)
    use_the_insert(walker, number)
    hand_the_papers_over(walker, number)
    declare_the_incident(walker, number)
    walker.log_out()
    walker.log_in(OFFICER)
    transmit_the_incident(walker)
    emails = send_the_reports(walker, hospital, mailbox)
    look_at_the_proof(walker)
    look_at_the_recall(walker)
    walker.log_out()
    walker.log_in(AUDITOR)
    verify_the_trail(walker)
    walker.close()

    check_what_ansm_learns(emails[ANSM])
    check_what_the_manufacturer_learns(emails[MANUFACTURER])


def test_bench_and_gate_work_on_a_telephone(browser: Browser, hospital: Hospital) -> None:
    walker = Walker(browser, hospital.installation.address, TELEPHONE, walk="telephone")
    walker.log_in(PHARMACIST)
    walker.look("a-faire")
    walker.choose("Réception")
    walker.link("Ouvrir une réception").click()
    walker.field("Fournisseur").fill("Fictimplant")
    walker.button("Ouvrir et scanner").click()
    walker.scan(DEMONSTRATION_BOX)
    card = walker.newest_card()
    expect(card.get_by_role("heading", name="Accepté")).to_be_visible()
    walker.look("accepte")
    number = number_on(card)
    deliver_to_theatre(walker, number)
    walker.log_out()

    walker.log_in(NURSE)
    walker.choose("Utiliser un dispositif")
    walker.scan("DEMO-1002")
    walker.expect_text("FICTIF")
    walker.scan(number)
    expect(walker.newest_card().get_by_role("heading", name="Refusé")).to_be_visible()
    walker.look("consentement-manque")
    walker.link("Enregistrer l’information ou le consentement").click()
    walker.attach("Formulaire signé, numérisé", "consentement.pdf")
    walker.look("consentement")
    walker.button("Enregistrer").click()
    expect(walker.newest_card().get_by_role("heading", name="Accepté")).to_be_visible()
    walker.look("controle-ouvert")
    walker.close()
