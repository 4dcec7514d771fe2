r"""The calibration of a workstation: a Data Matrix whose text is known is scanned once.

The sheet holds every character that a label may hold, a group separator between two marks, and a checksum. What
arrives is laid beside what was sent: nothing is guessed, a text that does not fit is refused. The scanner should send
its symbology identifier, and go on sending it: without it a later change of the keyboard shows nowhere.

The idea is that of Solidsoft's open calibrator, made after mis-set scanners raised false alarms on medicines.

>>> from scanners.readers.keyboards import Layout, typed
>>> found = learn(typed("]d1" + TEXT.replace("\x1d", ""), Layout.US, Layout.FR))
>>> found.findings, found.profile.identifier, found.profile.separator, found.layout
(('separator-lost',), True, None, 'us-fr')
>>> learn("]d1" + TEXT).profile == Profile()
True
>>> learn("0103700000000013")
Traceback (most recent call last):
    ...
scanners.errors.BrokenStructure: this is not the calibration sheet, or characters of it were lost
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from string import digits

from scanners.errors import BrokenStructure
from scanners.readers.keyboards import KeyPress, Layout, typed
from scanners.readers.wedge import GROUP_SEPARATOR, Profile
from scanners.udi import check_digits

_MARK = "T59CAL"
_CHARACTERS = check_digits.GS1_CHARACTERS + "$ "
_FIRST = _MARK + _CHARACTERS + _MARK
_SECOND = _MARK + "[)>" + _MARK
TEXT = _FIRST + GROUP_SEPARATOR + _SECOND + check_digits.ppn(_FIRST + _SECOND)
"""What the sheet's symbol holds. ``[`` comes late: it is a dead key on French hosts and may swallow what follows."""

_IDENTIFIERS = ("d1", "Q1", "C0")
"""Symbology identifiers under which a plain Data Matrix, QR code or Code 128 arrives."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What one scan of the sheet showed."""

    profile: Profile
    findings: tuple[str, ...] = ()
    """``caps-lock``: switch it off and scan again; ``keypad-digits``: the scanner sends digits from the keypad;
    ``case-lost``: capitals and small letters arrive alike; ``identifier-missing``: nothing will show that the layout
    or Caps Lock has changed since; ``separator-lost``: every text with several values will be ambiguous."""
    layout: str | None = None
    """Layouts of scanner and host where both are known, ``us-fr``."""

    @property
    def is_usable(self) -> bool:
        """Test whether scans of this workstation can be read by its profile."""
        return not set(self.findings) & {"caps-lock", "case-lost", "keypad-digits"}


def learn(received: str, presses: Iterable[KeyPress] = ()) -> Calibration:
    """Return what the scan of the sheet says of the workstation.

    Args:
        received: as it arrived in the field.
        presses: the physical keys of it, where a browser told them.

    Raises:
        BrokenStructure: the text is not that of the sheet, or lost characters on the way.
    """
    text = received.rstrip("\r\n\t")
    for start, second in itertools.product(range(len(text) - len(_FIRST) + 1), (_SECOND, _SECOND.replace("[", ""))):
        found = _fit(text, start, second)
        if found:
            return _with_keypad(found, presses)
    raise BrokenStructure("not-the-sheet", None, "this is not the calibration sheet, or characters of it were lost")


def _with_keypad(found: Calibration, presses: Iterable[KeyPress]) -> Calibration:
    """Add that digits came from the keypad: on some hosts only the physical keys show it."""
    sent = any(press.code[:6] == "Numpad" and press.code[6:].isdigit() and not press.alt for press in presses)
    if not sent or "keypad-digits" in found.findings:
        return found
    return replace(found, findings=("keypad-digits", *found.findings))


def _fit(text: str, start: int, second: str) -> Calibration | None:
    """Return the calibration when the sheet's two parts can be laid at ``start`` and behind, else None."""
    written = _assign({}, _FIRST, text[start : start + len(_FIRST)])
    if written is None:
        return None
    tail = second + check_digits.ppn(_FIRST + _SECOND)
    after = start + len(_FIRST)
    for begin in range(after, len(text) - len(tail) + 1):
        complete = _assign(written, tail, text[begin : begin + len(tail)])
        if complete:
            separator = text[after:begin] or None
            return _calibration(complete, head=text[:start], separator=separator, suffix=text[begin + len(tail) :])
    return None


def _assign(known: dict[str, str], sent: str, arrived: str) -> dict[str, str] | None:
    """Return what each character sent arrived as, or None where one arrived in two ways."""
    written = dict(known)
    for one, other in zip(sent, arrived, strict=True):
        if written.setdefault(one, other) != other:
            return None
    return written


def _calibration(written: dict[str, str], *, head: str, separator: str | None, suffix: str) -> Calibration:
    """Return what the assignment and what stood around the sheet say.

    Raises:
        BrokenStructure: the host writes the same for two characters.
    """
    marks = {
        "".join(written[character] for character in identifier if character in written) for identifier in _IDENTIFIERS
    }
    has_identifier = len(head) >= 3 and head[-2:] in marks  # noqa: PLR2004 - ``]`` and two characters
    if has_identifier:
        written = written | {"]": head[-3]}
        head = head[:-3]
    merged = len(set(written.values())) < len(written)
    is_keypad = merged and all(written[digit] == digit for digit in digits)
    if merged and not is_keypad and not _is_case_lost(written):
        detail = "this workstation writes the same for two characters: set the scanner to the keyboard layout US"
        raise BrokenStructure("characters-merged", None, detail)
    changed = {there: here for here, there in written.items() if here != there}
    profile = Profile(
        written="".join(changed),
        meant="".join(changed.values()),
        separator=separator,
        identifier=has_identifier,
        prefix=head,
        suffix=suffix,
    )
    checks = {
        "keypad-digits": is_keypad and not _is_case_lost(written),
        "caps-lock": written["A"].islower() and written["a"].isupper(),
        "case-lost": merged and _is_case_lost(written),
        "identifier-missing": not has_identifier,
        "separator-lost": separator is None,
    }
    findings = tuple(code for code, holds in checks.items() if holds)
    return Calibration(profile, findings, _layout(written))


def _is_case_lost(written: dict[str, str]) -> bool:
    """Test whether only capitals and small letters arrive alike, as with a scanner set to capitals."""
    folded = {(here.lower(), there.lower()) for here, there in written.items()}
    return len({there for _, there in folded}) == len(folded)


def _layout(written: dict[str, str]) -> str | None:
    sent = "".join(written)
    arrived = "".join(written.values())
    for scanner, host in itertools.product(Layout, Layout):
        for caps_lock in (False, True):
            if typed(sent, scanner, host, caps_lock=caps_lock) == arrived:
                return f"{scanner}-{host}"
    return None
