"""The readers of a hospital in a real browser: a mangled keyboard put right, a camera, a dropped photo."""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from scanners.readers import calibration
from scanners.readers.keyboards import Layout, typed
from scanners.symbols import datamatrix
from tests.browser.chromium import OPTIONS, find_chromium
from tests.browser.hospital import Hospital
from tests.browser.walker import DESK, TELEPHONE, Walker

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

PHARMACIST = "pharmacie@saint-exemple.example"
BOX = "]d201020590000110191740123110B7\x1d21S7"
_KEYS = {chr(29): ("BracketRight", True)} | {
    character: (code, False)
    for row, codes in (
        ("1234567890-=", (*(f"Digit{digit}" for digit in "1234567890"), "Minus", "Equal")),
        ("qwertyuiop[]", (*(f"Key{letter}" for letter in "QWERTYUIOP"), "BracketLeft", "BracketRight")),
        ("asdfghjkl;'", (*(f"Key{letter}" for letter in "ASDFGHJKL"), "Semicolon", "Quote")),
        ("zxcvbnm,./", (*(f"Key{letter}" for letter in "ZXCVBNM"), "Comma", "Period", "Slash")),
    )
    for character, code in zip(row, codes, strict=True)
}


def type_as_a_us_reader_on_azerty(page: Page, text: str) -> None:
    """Send what a browser on an AZERTY computer gets from a reader set to US: its keys, and what they write there."""
    expect(page.locator("p[data-scan-shortcut]")).to_be_visible()  # the page's scripts listen
    presses = []
    for character in text:
        code, control = _KEYS.get(character.lower(), ("Unidentified", False))
        written = "" if control else typed(character, Layout.US, Layout.FR)
        presses.append({"code": code, "key": written or "$", "ctrlKey": control, "shiftKey": character.isupper()})
    page.evaluate(
        """(presses) => {
            const box = document.querySelector("[data-scan-input]");
            box.focus();
            for (const press of presses) {
                const more = { ...press, bubbles: true, cancelable: true };
                if (box.dispatchEvent(new KeyboardEvent("keydown", more)) && !press.ctrlKey) {
                    box.setRangeText(press.key, box.selectionStart, box.selectionEnd, "end");
                }
            }
            box.form.requestSubmit();
        }""",
        presses,
    )


def open_a_delivery(walker: Walker) -> None:
    walker.choose("Réception")
    walker.link("Ouvrir une réception").click()
    walker.field("Fournisseur").fill("Amplitude")
    walker.button("Ouvrir et scanner").click()
    walker.expect_text("Scannez la boîte suivante")


def test_a_mangled_azerty_reader_is_calibrated_its_scans_repaired_and_received(
    browser: Browser, hospital: Hospital
) -> None:
    walker = Walker(browser, hospital.installation.address, DESK, walk="scanner")
    walker.log_in(PHARMACIST)
    walker.choose("Lecteurs de codes-barres")
    walker.look("lecteurs-vide")
    walker.link("Étalonner un nouveau poste").click()
    walker.field("Nom de ce poste").fill("Pharmacie, paillasse 1")
    walker.button("Continuer").click()
    walker.look("poste-non-etalonne")
    type_as_a_us_reader_on_azerty(walker.page, "]d1" + calibration.TEXT)
    walker.expect_text("AZERTY (France)")
    walker.expect_text("arrive comme GS (ASCII 29)")
    walker.look("poste-etalonne")

    open_a_delivery(walker)
    type_as_a_us_reader_on_azerty(walker.page, BOX)

    expect(walker.newest_card()).to_contain_text("Accepté")
    expect(walker.newest_card()).to_contain_text("B7")
    expect(walker.newest_card()).to_contain_text("S7")
    walker.look("paillasse-azerty")
    type_as_a_us_reader_on_azerty(walker.page, "0205900001101917401231")
    expect(walker.newest_card()).to_contain_text("reader-changed")
    walker.choose("Lecteurs de codes-barres")
    walker.look("lecteurs")
    walker.choose("Bac")
    walker.look("bac-vide")
    assert walker.complaints == []


def film(path: Path) -> Path:
    """Write a film of one picture: a label with a Data Matrix in the middle of the view of a camera."""
    symbol = path.parent / "symbol.png"
    symbol.write_bytes(datamatrix.png("(01)02059000011019(17)401231(10)B7(21)CAM1", scale=8))
    view = Image.new("L", (640, 480), 230)
    with Image.open(symbol) as label:
        view.paste(label.convert("L"), ((640 - label.width) // 2, (480 - label.height) // 2))
    frame = view.tobytes() + bytes([128]) * (2 * 320 * 240)
    path.write_bytes(b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n" + 4 * (b"FRAME\n" + frame))
    return path


@pytest.fixture
def browser_with_camera(browser: Browser, tmp_path: Path) -> Iterator[Browser]:
    """Chromium whose camera shows a label."""
    camera = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film(tmp_path / 'label.y4m')}",
    )
    launched = browser.browser_type.launch(executable_path=find_chromium(), args=[*OPTIONS, *camera])
    yield launched
    launched.close()


def test_the_camera_of_a_telephone_reads_a_box_and_shows_its_verdict(
    browser_with_camera: Browser, hospital: Hospital
) -> None:
    walker = Walker(browser_with_camera, hospital.installation.address, TELEPHONE, walk="camera")
    walker.log_in(PHARMACIST)
    open_a_delivery(walker)

    walker.page.get_by_text("Utiliser la caméra").click()

    expect(walker.newest_card()).to_contain_text("CAM1")
    walker.expect_text("Un code a été lu")
    walker.look("camera")
    walker.button("Boîte suivante").click()
    expect(walker.newest_card()).to_contain_text("déjà")
    assert walker.complaints == []


def test_a_browser_without_a_camera_says_so_and_a_dropped_photo_is_read(browser: Browser, hospital: Hospital) -> None:
    walker = Walker(browser, hospital.installation.address, DESK, walk="drop")
    walker.log_in(PHARMACIST)
    open_a_delivery(walker)

    walker.page.get_by_text("Utiliser la caméra").click()
    walker.expect_text("Il n’y a pas de caméra ici")
    drop(walker.page, "DROP1")
    expect(walker.newest_card()).to_contain_text("DROP1")
    walker.look("photo-deposee")
    drop(walker.page, "DROP2", "DROP3")
    expect(walker.newest_card()).to_contain_text("Quels codes sont sur la boîte")
    walker.look("photo-de-deux-boites")
    walker.newest_card().get_by_label("DROP3").check()
    walker.button("Réceptionner celle-ci").click()
    expect(walker.newest_card()).to_contain_text("Accepté")
    expect(walker.newest_card()).to_contain_text("DROP3")
    assert walker.complaints == []


def drop(page: Page, *serials: str) -> None:
    """Drop a photo on the scan box, on which one label stands beside the other."""
    labels = [Image.open(io.BytesIO(datamatrix.png(f"(01)02059000011019(17)401231(10)B7(21){one}"))) for one in serials]
    view = Image.new("L", (400 * len(labels) + 100, 450), 255)
    for place, label in enumerate(labels):
        view.paste(label.convert("L"), (100 + 400 * place, 100))
    written = io.BytesIO()
    view.save(written, "PNG")
    page.evaluate(
        """async (photo) => {
            const bytes = Uint8Array.from(atob(photo), (one) => one.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], "box.png", { type: "image/png" }));
            const box = document.querySelector("[data-scan-box]");
            for (const kind of ["dragover", "drop"]) {
                box.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
            }
        }""",
        base64.b64encode(written.getvalue()).decode(),
    )


def test_the_keys_that_the_box_sends_are_those_that_were_pressed(browser: Browser, hospital: Hospital) -> None:
    walker = Walker(browser, hospital.installation.address, DESK, walk="keys")
    walker.log_in(PHARMACIST)
    walker.choose("Vérifier un dispositif")
    sent: list[str] = []
    walker.page.on(
        "request", lambda request: sent.append(request.post_data or "") if request.method == "POST" else None
    )

    expect(walker.page.locator("p[data-scan-shortcut]")).to_be_visible()  # the page's scripts listen

    walker.scan("]d1\x1dx")
    expect(walker.newest_card()).to_be_visible()

    body = next(text for text in sent if 'name="keys"' in text)
    keys = json.loads(body.split('name="keys"')[1].split("\r\n\r\n")[1].split("\r\n")[0])
    assert keys == [["BracketRight", 0], ["KeyD", 0], ["Digit1", 0], ["BracketRight", 2], ["KeyX", 0]]
