"""What a workstation's reader makes of a text, undone by its calibration; what a calibration means in words. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from scanners import Scan, Status
from scanners.readers import wedge
from scanners.readers.keyboards import KeyPress, Layout, text_of_keys
from scanners.readers.wedge import Profile
from tracker.errors import N_, InvalidInput

MAX_RAW_LENGTH = 5000
"""Characters of a scan that are looked at; the scanners refuse more than 4,096 and say so."""
_MAX_PRESSES = 3 * MAX_RAW_LENGTH
_SHIFT, _CONTROL, _ALT = 1, 2, 4


class PatientLabelScanned(InvalidInput):
    """A patient's label was scanned where a device is looked for; nothing of it is kept."""

    code = "device-expected-patient-scanned"


@dataclass(frozen=True, slots=True)
class Capture:
    """A text as a reader delivered it, read, with all that is needed to read it again the same way."""

    scan: Scan
    reader: "Reader"
    keyed: str = ""
    """What the physical keys mean, where the browser told them and they say something else than the text."""


@dataclass(frozen=True, slots=True)
class Reader:
    """The reader of one workstation on one day; without a calibration nothing is known of it."""

    calibration_id: UUID | None = None
    profile: Profile | None = None

    def read(self, raw: str, *, today: date, keyed: str = "") -> Capture:
        """Return what was meant by a text that arrived in a scan box; nothing of a patient's label but its traits."""
        raw, keyed = raw[:MAX_RAW_LENGTH], keyed[:MAX_RAW_LENGTH]
        found = wedge.read(raw, self.profile, reference_date=today, keyed=keyed)
        told = keyed if found.raw and keyed.rstrip("\r\n\t") != raw.rstrip("\r\n\t") else ""
        return Capture(found, self, told)


def searched_text(scan: Scan) -> str:
    """Return what a scan names in a search: unit number, serial number, lot or UDI-DI, else the text itself."""
    known = scan.udi if scan.status in {Status.OK, Status.AMBIGUOUS} else None
    said = known and (known.serial or known.lot or known.udi_di)
    return scan.unit_number or said or scan.content


def searched_device(read: Scan) -> str:
    """Return what to search for: the unit number, the serial number, the lot or the UDI-DI of a scan, else the text.

    Raises:
        PatientLabelScanned: it is the label of a patient.
    """
    if read.status is Status.PATIENT:
        raise PatientLabelScanned(
            N_("This is the label of a patient. Nothing of it was kept."), next_step=N_("Scan the label of the device.")
        )
    return searched_text(read)


def read_presses(sent: str) -> tuple[KeyPress, ...]:
    """Return the physical keys that the scan box sent beside its text.

    They only help: what cannot be understood counts as not sent, and the text stands for itself.

    Args:
        sent: JSON, a list of ``[KeyboardEvent.code, modifiers]``; modifiers add 1 for Shift, 2 for Ctrl, 4 for Alt.
    """
    try:
        listed = json.loads(sent) if sent else []
    except (ValueError, RecursionError):
        return ()
    if not isinstance(listed, list) or len(listed) > _MAX_PRESSES:
        return ()
    presses = [_press(item) for item in listed]
    return tuple(press for press in presses if press) if all(presses) else ()


def _press(item: object) -> KeyPress | None:
    match item:
        case [str() as code, int() as bits]:
            return KeyPress(code, shift=bool(bits & _SHIFT), control=bool(bits & _CONTROL), alt=bool(bits & _ALT))
        case _:
            return None


def keyed_text(presses: tuple[KeyPress, ...]) -> str:
    """Return what the physical keys mean on a US keyboard, for which nearly every reader is set."""
    return text_of_keys(presses)


@dataclass(frozen=True, slots=True)
class FindingWords:
    """What one finding of a calibration says, and what to change."""

    is_blocking: bool
    sentence: str
    remedy: str


FINDINGS: Mapping[str, FindingWords] = {
    "caps-lock": FindingWords(
        is_blocking=True,
        sentence=N_("Caps Lock is on: capitals and small letters are exchanged."),
        remedy=N_("Switch Caps Lock off, then scan the sheet again."),
    ),
    "keypad-digits": FindingWords(
        is_blocking=True,
        sentence=N_("The reader sends its digits from the numeric keypad: some lots would change without any sign."),
        remedy=N_("In the reader's settings, switch 'send digits as keypad' off, then scan the sheet again."),
    ),
    "case-lost": FindingWords(
        is_blocking=True,
        sentence=N_("Capitals and small letters arrive alike."),
        remedy=N_("In the reader's settings, set the case to 'as read', then scan the sheet again."),
    ),
    "separator-lost": FindingWords(
        is_blocking=False,
        sentence=N_("The separator between the fields (FNC1, GS) does not arrive: many labels will be ambiguous."),
        remedy=N_("In the reader's settings, have GS (ASCII 29) sent as a function or control character."),
    ),
    "identifier-missing": FindingWords(
        is_blocking=False,
        sentence=N_("The reader sends no AIM identifier: a later change of the keyboard will show nowhere."),
        remedy=N_("In the reader's settings, have the AIM symbology identifier sent, then scan the sheet again."),
    ),
}
"""Every finding of ``scanners.readers.calibration``, the blocking ones first."""

HOST_LABELS: Mapping[Layout, str] = {
    Layout.US: N_("QWERTY (United States)"),
    Layout.FR: N_("AZERTY (France)"),
    Layout.BE: N_("AZERTY (Belgium)"),
    Layout.DE: N_("QWERTZ (Germany)"),
    Layout.UK: N_("QWERTY (United Kingdom)"),
}


def layouts_of(pair: str | None) -> tuple[Layout, Layout] | None:
    """Return the layouts of reader and computer from ``us-fr``, or None where they are no known pair."""
    if pair is None:
        return None
    scanner, host = pair.split("-")
    return Layout(scanner), Layout(host)
