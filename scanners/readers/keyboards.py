"""Keyboard layouts: what a scanner that types like a keyboard makes a host write.

A wedge sends keys, not characters: those of the layout it is programmed for (nearly always US). The host writes what
these keys mean in its own layout. Layouts are tables of the 48 character keys of a PC keyboard, row by row, without
and with Shift; the first is the key that US keyboards lack, beside the left Shift. AltGr is left out, no label needs
it. On French, Belgian and German hosts Caps Lock acts on every key (modelled as a shift lock); on US and UK hosts on
letters only. Both follow the layouts of Windows; dead keys are taken to give their character when what follows cannot
be composed.

>>> typed("0103", Layout.US, Layout.FR)
'à&à"'
>>> typed("]d2", Layout.US, Layout.FR)
'$dé'
>>> typed("AZ-M", Layout.US, Layout.FR, caps_lock=True)
'qw°,'
>>> meant('à&à"', Layout.US, Layout.FR)
'0103'
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache


class Layout(enum.StrEnum):
    """Layouts of scanners and hosts. Values are stored."""

    US = "us"
    FR = "fr"
    BE = "be"
    DE = "de"
    UK = "uk"


_KEYS: dict[Layout, tuple[str, str]] = {
    Layout.US: (
        "\\" + "`1234567890-=" + "qwertyuiop[]\\" + "asdfghjkl;'" + "zxcvbnm,./",
        "|" + "~!@#$%^&*()_+" + "QWERTYUIOP{}|" + 'ASDFGHJKL:"' + "ZXCVBNM<>?",
    ),
    Layout.FR: (
        "<" + "²&é\"'(-è_çà)=" + "azertyuiop^$*" + "qsdfghjklmù" + "wxcvbn,;:!",
        ">" + "~1234567890°+" + "AZERTYUIOP¨£\xb5" + "QSDFGHJKLM%" + "WXCVBN?./§",
    ),
    Layout.BE: (
        "<" + "²&é\"'(§è!çà)-" + "azertyuiop^$\xb5" + "qsdfghjklmù" + "wxcvbn,;:=",
        ">" + "³1234567890°_" + "AZERTYUIOP¨*£" + "QSDFGHJKLM%" + "WXCVBN?./+",
    ),
    Layout.DE: (
        "<" + "^1234567890ß\xb4" + "qwertzuiopü+#" + "asdfghjklöä" + "yxcvbnm,.-",
        ">" + '°!"§$%&/()=?`' + "QWERTZUIOPÜ*'" + "ASDFGHJKLÖÄ" + "YXCVBNM;:_",
    ),
    Layout.UK: (
        "\\" + "`1234567890-=" + "qwertyuiop[]#" + "asdfghjkl;'" + "zxcvbnm,./",
        "|" + '¬!"£$%^&*()_+' + "QWERTYUIOP{}~" + "ASDFGHJKL:@" + "ZXCVBNM<>?",
    ),
}

_SHIFT_LOCK = frozenset({Layout.FR, Layout.BE, Layout.DE})

# KeyboardEvent.code of the same keys (W3C UI Events KeyboardEvent code Values).
_CODES = (
    *("IntlBackslash", "Backquote", *(f"Digit{digit}" for digit in "1234567890"), "Minus", "Equal"),
    *(*(f"Key{letter}" for letter in "QWERTYUIOP"), "BracketLeft", "BracketRight", "Backslash"),
    *(*(f"Key{letter}" for letter in "ASDFGHJKL"), "Semicolon", "Quote"),
    *(*(f"Key{letter}" for letter in "ZXCVBNM"), "Comma", "Period", "Slash"),
)
_NUMPAD = {"NumpadDecimal": ".", "NumpadAdd": "+", "NumpadSubtract": "-", "NumpadDivide": "/", "NumpadMultiply": "*"}
# What Ctrl and a key of a US keyboard send: ASCII 27 to 31.
_CONTROLS = {"BracketLeft": "\x1b", "Backslash": "\x1c", "BracketRight": "\x1d", "Digit6": "\x1e", "Minus": "\x1f"}


@cache
def table(scanner: Layout, host: Layout, *, caps_lock: bool = False) -> dict[int, str]:
    """Return, for ``str.translate``, what the host writes for each character that the scanner means."""
    written: dict[int, str] = {}
    for shift in (0, 1):
        for key, character in enumerate(_KEYS[scanner][shift]):
            inverted = caps_lock and (host in _SHIFT_LOCK or _KEYS[host][0][key].isalpha())
            written[ord(character)] = _KEYS[host][shift ^ inverted][key]
    return written


@cache
def _reverse_table(scanner: Layout, host: Layout, *, caps_lock: bool) -> dict[int, str]:
    return {ord(there): chr(here) for here, there in table(scanner, host, caps_lock=caps_lock).items()}


def typed(text: str, scanner: Layout, host: Layout, *, caps_lock: bool = False) -> str:
    """Return what the host writes; characters that no key makes stay as they are."""
    return text.translate(table(scanner, host, caps_lock=caps_lock))


def meant(text: str, scanner: Layout, host: Layout, *, caps_lock: bool = False) -> str:
    """Return what the scanner meant by what the host wrote."""
    return text.translate(_reverse_table(scanner, host, caps_lock=caps_lock))


@dataclass(frozen=True, slots=True)
class KeyPress:
    """A key as a browser reports it: ``KeyboardEvent.code``, ``key`` and the modifiers."""

    code: str
    key: str = ""
    shift: bool = False
    control: bool = False
    alt: bool = False


def text_of_keys(presses: Iterable[KeyPress], scanner: Layout = Layout.US) -> str:
    r"""Return what a scanner meant by its key presses, whatever the host's layout and Caps Lock.

    The code of a key does not depend on the layout. Ctrl and the key of ``]`` are GS even where the host writes
    nothing; Alt with digits of the keypad is the character of that number (``Alt 0 2 9`` is GS).

    >>> text_of_keys([KeyPress("KeyQ", "a", shift=True), KeyPress("BracketRight", "$", control=True)])
    'Q\x1d'
    >>> text_of_keys([KeyPress(f"Numpad{digit}", alt=True) for digit in "029"])
    '\x1d'
    """
    text: list[str] = []
    number = ""
    for press in presses:
        if press.alt and press.code[:6] == "Numpad" and press.code[6:].isdigit():
            number += press.code[6:]
            continue
        text.append(_of_number(number))
        number = ""
        text.append(_character(press, scanner))
    text.append(_of_number(number))
    return "".join(text)


_BYTE = 256
_LONGEST_NUMBER = 4


def _of_number(digits: str) -> str:
    if not digits or len(digits) > _LONGEST_NUMBER or int(digits) >= _BYTE:
        return ""
    return chr(int(digits))


def _character(press: KeyPress, scanner: Layout) -> str:
    if press.control:
        return _CONTROLS.get(press.code, "")
    if press.code in _CODES:
        return _KEYS[scanner][press.shift][_CODES.index(press.code)]
    if press.code[:6] == "Numpad" and press.code[6:].isdigit():
        return press.code[6:]
    if press.code == "Space":
        return " "
    return _NUMPAD.get(press.code, "\t" if press.code == "Tab" else "")
