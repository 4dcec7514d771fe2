"""Makers of labels: legal ones of every standard, and what transport and printing do to them.

Everything comes from the ``random.Random`` that is passed in, so a seed makes the same labels again. Used by the tests
and by ``benchmarks/bench_parse.py``.
"""

import string
from collections.abc import Callable
from random import Random

from scanners import Element
from scanners.udi import check_digits, gs1, hibc, iccbba, ifa, ins, unit
from scanners.udi.hibc_data import JULIAN

GS = gs1.GROUP_SEPARATOR
CAPITALS = string.ascii_uppercase + string.digits
DIGITS = string.digits


def _some(random: Random, characters: str, low: int, high: int) -> str:
    return "".join(random.choices(characters, k=random.randint(low, high)))


def _yymmdd(random: Random, *, days: bool = True) -> str:
    day = random.randint(1, 28) if days else 0
    return f"{random.randint(15, 40):02d}{random.randint(1, 12):02d}{day:02d}"


def _number(random: Random, high: int = 20) -> str:
    """Return a lot or serial number as manufacturers make them."""
    kind = random.random()
    if kind < 0.35:
        return _some(random, DIGITS, 4, min(high, 12))
    if kind < 0.75:
        return _some(random, string.ascii_uppercase, 1, 3) + _some(random, DIGITS, 3, 8)
    if kind < 0.9:
        return _some(random, CAPITALS, 4, min(high, 12))
    return _some(random, CAPITALS, 2, 5) + random.choice("-.") + _some(random, DIGITS, 2, 6)


def gtin(random: Random) -> str:
    """Return a GTIN-14."""
    payload = random.choice("000001") + _some(random, DIGITS, 12, 12)
    return payload + check_digits.gs1(payload)


def gs1_elements(random: Random) -> tuple[Element, ...]:
    """Return the elements of a UDI: a GTIN, dates, and one to four values that have no predefined length."""
    fixed = [Element("17", _yymmdd(random, days=random.random() < 0.9))] if random.random() < 0.85 else []
    if random.random() < 0.25:
        fixed.append(Element("11", _yymmdd(random)))
    makers: list[tuple[float, str, Callable[[], str]]] = [
        (0.9, "10", lambda: _number(random)),
        (0.55, "21", lambda: _number(random)),
        (0.15, "240", lambda: _number(random)),
        (0.1, "30", lambda: str(random.randint(1, 500))),
        (0.05, "8012", lambda: f"{random.randint(1, 9)}.{random.randint(0, 20)}"),
    ]
    variable = [Element(identifier, make()) for chance, identifier, make in makers if random.random() < chance]
    rest = [*fixed, *variable]
    if random.random() < 0.3:
        random.shuffle(rest)
    return (Element("01", gtin(random)), *rest)


def hibc_elements(random: Random) -> tuple[Element, ...]:
    """Return the elements of a HIBC label, combined or secondary."""
    body = _hibc_data(random)
    supplements = [Element("16D", "20" + _yymmdd(random))] if random.random() < 0.3 else []
    if random.random() < 0.3:
        return (body, *supplements, Element(hibc.LINK, random.choice(check_digits.HIBC_CHARACTERS)))
    primary = random.choice(string.ascii_uppercase) + _some(random, CAPITALS, 4, 12) + random.choice("0001")
    return (Element(hibc.PRIMARY, primary), body, *supplements)


def _hibc_data(random: Random) -> Element:
    number = _some(random, CAPITALS + "-.", 1, 13)
    day = _yymmdd(random)
    julian = f"{random.randint(15, 40)}{random.randint(1, 365):03d}"
    forms = [
        ("$", number),
        ("$+", number),
        ("$$", day[2:4] + day[:2] + number),
        ("$$2", day[2:] + day[:2] + number),
        ("$$3", day + number),
        ("$$4", day + "12" + number),
        ("$$5", julian + number),
        ("$$6", julian + "23" + number),
        ("$$7", number),
        ("$$8", f"{random.randint(1, 99):02d}3" + day + number),
        ("$$9", f"{random.randint(1, 99999):05d}" + day[2:4] + day[:2] + number),
        ("$$+3", day + number),
        (JULIAN, julian + number),
    ]
    return Element(*random.choice(forms))


def iccbba_elements(random: Random) -> tuple[Element, ...]:
    """Return the structures of an ISBT 128 label."""
    julian = f"0{random.randint(15, 40)}{random.randint(1, 365):03d}"
    rest = [
        Element("=,", _some(random, CAPITALS, 6, 6)),
        Element("=", random.choice(string.ascii_uppercase) + _some(random, CAPITALS, 14, 14)),
        Element("=>", julian),
        Element("=}", julian),
        Element("&,1", _some(random, CAPITALS, 6, 12).rjust(18, "0")),
    ]
    return (Element("=/", _some(random, CAPITALS, 16, 16)), *random.sample(rest, random.randint(0, len(rest))))


def ifa_elements(random: Random) -> tuple[Element, ...]:
    """Return the elements of an IFA message."""
    product = "13" + _some(random, CAPITALS, 4, 16)
    rest = [
        Element("1T", _number(random)),
        Element("S", _number(random)),
        Element("D", _yymmdd(random, days=random.random() < 0.8)),
        Element("16D", "20" + _yymmdd(random)),
        Element("Q", str(random.randint(1, 500))),
    ]
    elements = [Element("9N", product + check_digits.ppn(product)), *random.sample(rest, random.randint(0, len(rest)))]
    random.shuffle(elements)
    return tuple(elements)


def texts(random: Random) -> str:
    """Return the text of a legal label of any standard."""
    return random.choice(
        [
            lambda: random.choice(["", "]d2", "]C1"]) + gs1.format(gs1_elements(random)),
            lambda: "".join(f"({element.identifier}){element.value}" for element in gs1_elements(random)),
            lambda: hibc.format(hibc_elements(random)),
            lambda: iccbba.format(iccbba_elements(random)),
            lambda: ifa.format(ifa_elements(random)),
            lambda: gtin(random),
            lambda: unit.format(random.randint(0, unit.HIGHEST)),
            lambda: ins.HEADER + "S1280129999999969S21.2.250.1.213.1.4.8" + GS + "S3A B" + GS + "S4C" + GS + "S5F",
            lambda: f"https://example.com/01/{gtin(random)}/10/{_some(random, CAPITALS, 1, 20)}?17={_yymmdd(random)}",
        ],
    )()


def spoilt(random: Random, text: str) -> str:
    """Return the text with a few characters changed, lost, doubled or moved."""
    characters = list(text)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(characters) + 1)
        change = random.randrange(5)
        if change == 0:
            characters.insert(place, random.choice(_STRANGE))
        elif change == 1 and characters:
            characters[place % len(characters)] = random.choice(_STRANGE)
        elif change == 2 and characters:
            del characters[place % len(characters)]
        elif change == 3:
            characters[place:place] = characters[: random.randrange(len(characters) + 1)]
        else:
            characters = characters[:place]
    return "".join(characters)


_STRANGE = string.printable + "\x1d\x1e\x04\x00²é£à↔␝\ufeff\udc80٣" + 8 * "0123456789()[]]+=&/$\x1d"
