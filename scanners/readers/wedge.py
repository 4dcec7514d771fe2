"""What a keyboard wedge typed, repaired where only one reading is possible.

A ``Profile`` says what calibration (``calibration``) found out about one workstation: what the host writes for each
character, what becomes of FNC1, whether the scanner sends its symbology identifier, what it puts before and after.
With it a text is translated back. The identifier is the canary: where the profile promises one and none arrives, the
layout or Caps Lock has changed since, or a person has typed.

Without a profile, or when the canary is silent, the text is also read as every known layout would have mangled it. A
reading counts only where a check digit or character holds in it; two different ones that do are ambiguous, and nothing
is chosen. Small letters in a lot raise the same doubt, for Caps Lock makes them of capitals. A text that is read as it
stands is not doubted where nothing speaks against it: a swapped Y and Z, or digits sent from the keypad, leave no mark
that could be seen. Only calibration finds those.

Where the browser has told the physical keys, the text that they mean on a US keyboard is one more reading. With its
symbology identifier whole it is the reading of a text that says nothing else, for no layout and no Caps Lock can touch
it; against a text that is proven as it stands it makes the scan ambiguous.

Stand-ins for FNC1 are taken from the profile and from nowhere else.

>>> from scanners.readers.keyboards import typed
>>> today = date(2026, 11, 22)
>>> mangled = typed("]d20103700000000013" + "10LOT42", Layout.US, Layout.FR)
>>> found = read(mangled, None, reference_date=today)
>>> found.status.value, found.udi.udi_di, found.udi.lot, found.warnings
('ok', '03700000000013', 'LOT42', ('keyboard-repaired',))
>>> profile = Profile(separator="<GS>", identifier=False)
>>> read("010370000000001310LOT42<GS>21SN7", profile, reference_date=today).udi.serial
'SN7'
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from typing import Any, Self

from scanners.readers.keyboards import Layout, meant
from scanners.recognition import scan
from scanners.result import Fault, Scan, Standard, Status, Udi
from scanners.udi import ins

GROUP_SEPARATOR = "\x1d"

STAND_INS = {
    "\u2194": "Alt 29 on a keypad",
    "\u241d": "symbol for group separator",
    "\uf70b": "macOS",
    "<GS>": "text",
    "{GS}": "text",
    "[GS]": "text",
    "Alt029": "text",
    "\\x1d": "text",
    "\\u001d": "text",
    "\\F": "text",
    "^]": "text",
    "|": "single character",
    "#": "single character",
    " ": "space",
    "\xe8": "character 232",
    "]C1": "repeated identifier",
}
"""What scanners are known to send for FNC1, for the page where a profile is made by hand."""

_CODE_LETTERS = frozenset("ACEFIJLQXdez")
"""Code letters of the symbologies that labels of devices use (ISO/IEC 15424)."""

_TRACES = frozenset("à&é\"'(§è!ç)_°£¨$ß²")
"""Characters that a French, Belgian or German host writes where the scanner meant digits or brackets."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One workstation: what its host makes of its scanner's keys."""

    written: str = ""
    """Characters as the host writes them; those not listed are written as they are meant."""
    meant: str = ""
    """What the scanner meant by each of them: as long as ``written``."""
    separator: str | None = GROUP_SEPARATOR
    """What FNC1 becomes; None when nothing arrives."""
    identifier: bool = True
    """The scanner sends its symbology identifier."""
    prefix: str = ""
    """Put before every scan, as the host writes it."""
    suffix: str = ""
    """Put after every scan, as the host writes it, without the final Enter or Tab."""

    @property
    def is_identity(self) -> bool:
        """Test whether the host writes what the scanner means."""
        return self.written == self.meant

    def as_json(self) -> dict[str, str | bool | None]:
        """Return the fields as plain values, for storing."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the profile that ``as_json`` stored; a field that is not there has its default."""
        return cls(**{field.name: value[field.name] for field in fields(cls) if field.name in value})


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What the scanner may have meant."""

    text: str
    separator_known: bool
    warnings: tuple[str, ...] = ()


def read(
    raw: str, profile: Profile | None, *, reference_date: date, hosts: Iterable[Layout] = Layout, keyed: str = ""
) -> Scan:
    """Read what was typed.

    Args:
        raw: as it arrived in the field.
        profile: of the workstation; None where there is none.
        reference_date: the day against which two-digit years are read.
        hosts: layouts that hosts of this site may have; a site that names its own has fewer ambiguous scans, since the
            French and the Belgian layout differ in punctuation only.
        keyed: what the physical keys mean on a US keyboard (``keyboards.text_of_keys``); empty where nobody told.

    Returns:
        The scan of what the scanner meant; its raw text is the one that arrived.
    """
    main = _main(raw, profile)
    keys = _of_keys(keyed, main.text, profile)
    found = _scan(main, reference_date)
    by_keys = _scan(keys, reference_date) if keys else None
    patient = next((one for one in (found, by_keys) if one and one.status is Status.PATIENT), None)
    if patient:
        return patient
    others = (_scan(other, reference_date) for other in _others(raw, profile, hosts))
    if profile and profile.identifier and not _has_identifier(found):
        return _noted(_kept(_without_canary(found, by_keys, others), raw), "no-identifier")
    if _is_proven(found):
        is_doubted = profile is None and not _has_identifier(found) and _has_small_letters(found) and keyed != raw
        rivals = [one for one in (by_keys,) if one and _has_identifier(one)] or (list(others) if is_doubted else [])
        return _kept(_only([found, *rivals]) or found, raw)
    if by_keys and _has_identifier(by_keys) and (_is_proven(by_keys) or not _has_identifier(found)):
        return _kept(by_keys, raw)
    if (profile and profile.identifier) or not _may_be_mangled(raw):
        return _kept(found, raw)
    repaired = _only([*([by_keys] if by_keys else []), *others])
    return _kept(repaired or _noted(found, "keyboard-suspected"), raw)


def _without_canary(found: Scan, by_keys: Scan | None, others: Iterator[Scan]) -> Scan:
    """Return what may be meant where the identifier that the profile promises did not arrive."""
    if by_keys and _has_identifier(by_keys) and _is_proven(by_keys):
        return by_keys
    as_it_stands = next(others)
    return _only([found, as_it_stands, *others]) or as_it_stands


def _noted(found: Scan, code: str) -> Scan:
    return found if code in found.warnings else replace(found, warnings=(*found.warnings, code))


def _kept(found: Scan, raw: str) -> Scan:
    """Return the scan with the text that arrived, and what was meant by it; of a patient's label nothing is kept."""
    if found.status is Status.PATIENT:
        return found
    return replace(found, raw=raw, meant="" if found.raw == raw else found.raw)


def _main(raw: str, profile: Profile | None) -> _Candidate:
    """Return the text as the profile translates it."""
    if profile is None:
        return _Candidate(raw, separator_known=False)
    text = raw.rstrip("\r\n\t").removeprefix(profile.prefix).removesuffix(profile.suffix)
    pieces = text.split(profile.separator) if profile.separator and not _keeps_separator(text, profile) else [text]
    translation = str.maketrans(profile.written, profile.meant)
    separated = GROUP_SEPARATOR.join(piece.translate(translation) for piece in pieces)
    return _Candidate(separated, separator_known=profile.separator is not None)


def _of_keys(keyed: str, read_as: str, profile: Profile | None) -> _Candidate | None:
    """Return the text of the physical keys, where it says something else than what was read."""
    text = keyed.rstrip("\r\n\t")
    if profile is not None:
        signs = str.maketrans(profile.written, profile.meant)
        text = text.removeprefix(profile.prefix.translate(signs)).removesuffix(profile.suffix.translate(signs))
        if profile.separator and profile.separator != GROUP_SEPARATOR:
            text = text.replace(profile.separator.translate(signs), GROUP_SEPARATOR)
    if not text or text == read_as.rstrip("\r\n\t"):
        return None
    is_known = profile is not None and profile.separator is not None
    return _Candidate(text, separator_known=is_known, warnings=("keyboard-repaired",))


def _keeps_separator(text: str, profile: Profile) -> bool:
    """Test whether a stand-in is data: a space may be HIBC's check character, and stands between a patient's names."""
    if profile.separator != " ":
        return False
    plain = text.translate(str.maketrans(profile.written, profile.meant))
    return ins.is_patient_label(plain) or "+" in plain[:4]


def _others(raw: str, profile: Profile | None, hosts: Iterable[Layout]) -> Iterator[_Candidate]:
    """Yield what else may be meant: the text as it stands, and what each layout would have mangled into it."""
    if profile is not None:
        yield _Candidate(raw, separator_known=False)
    body = raw if profile is None else raw.rstrip("\r\n\t").removeprefix(profile.prefix).removesuffix(profile.suffix)
    for scanner, host in _pairs(hosts):
        for caps_lock in (False, True):
            if scanner is host and not caps_lock:
                continue
            text = meant(body, scanner, host, caps_lock=caps_lock)
            warnings = ("keyboard-repaired", "caps-lock") if caps_lock else ("keyboard-repaired",)
            yield _Candidate(text, separator_known=False, warnings=warnings)


def _pairs(hosts: Iterable[Layout]) -> list[tuple[Layout, Layout]]:
    """Return the layouts of scanner and host that are tried: a US scanner anywhere, a local one on a US host."""
    local = list(hosts)
    return [(Layout.US, host) for host in local] + [(host, Layout.US) for host in local if host is not Layout.US]


def _scan(candidate: _Candidate, reference_date: date) -> Scan:
    found = scan(candidate.text, reference_date=reference_date, group_separator_known=candidate.separator_known)
    return replace(found, warnings=(*found.warnings, *candidate.warnings)) if candidate.warnings else found


def _may_be_mangled(raw: str) -> bool:
    """Test whether a text holds what a wrong layout leaves behind."""
    return any(character in _TRACES for character in raw) or any(character.islower() for character in raw)


def _has_identifier(found: Scan) -> bool:
    """Test whether a symbology identifier arrived whole: Caps Lock makes ``]D2`` of ``]d2``, and ``]c1`` of ``]C1``."""
    return found.symbology is not None and found.symbology[0] in _CODE_LETTERS


def _has_small_letters(found: Scan) -> bool:
    """Test whether a lot, serial or reference has small letters: what Caps Lock makes of capitals."""
    udis = (found.udi or Udi(), *found.readings)
    return any(text and text != text.upper() for udi in udis for text in (udi.lot, udi.serial, udi.reference))


def _is_proven(found: Scan) -> bool:
    """Test whether a check digit or character holds in what was read."""
    if found.status is Status.OK and found.standard in {Standard.HIBC, Standard.UNIT, Standard.EAN}:
        return "check-by-reader" not in found.warnings
    has_key = found.udi is not None and found.udi.udi_di is not None
    return found.status in {Status.OK, Status.AMBIGUOUS} and has_key and found.standard in {Standard.GS1, Standard.IFA}


def _only(found: list[Scan]) -> Scan | None:
    """Return the one scan that is proven, all of them as ambiguous, or None."""
    proven: dict[object, Scan] = {}
    for one in found:
        if _is_proven(one):
            proven.setdefault((one.unit_number, one.udi, one.readings), one)
    if len(proven) < 2:  # noqa: PLR2004 - one is no choice
        return next(iter(proven.values()), None)
    readings: dict[Udi, None] = {}
    for one in proven.values():
        readings.update(dict.fromkeys(one.readings or ((one.udi,) if one.udi else ())))
    fault = Fault(
        "keyboard-ambiguous", None, "keyboard layouts or Caps Lock leave several readings: scan a calibration"
    )
    return Scan("", Status.AMBIGUOUS, readings=tuple(readings), fault=fault, warnings=("keyboard-suspected",))
