"""Check digits and check characters of the identification standards.

======================  ========================  ==========================================================
who                     what                      source
======================  ========================  ==========================================================
GS1                     mod 10, weights 3 1       GS1 General Specifications, section 7.9.1
GS1 (GMN, MUDI)         two characters, mod 1021  GS1 General Specifications, section 7.9.5
HIBCC                   mod 43                    ANSI/HIBC 2.6, check character (value table of Code 39)
IFA (PPN)               two digits, mod 97        IFA coding specification, PPN
IFA (PZN-8)             mod 11, weights 1 to 7    IFA, PZN technical hints
======================  ========================  ==========================================================

>>> gs1("0370000000001")
'3'
>>> hibc("+H999TRK10")
'X'
>>> hibc("+H999TRK60")
' '
>>> ppn("1103752864")
'14'
>>> pzn("0375286")
'4'
>>> gs1_pair("1987654Ad4X4bL5ttr2310c")
'2K'
"""

HIBC_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"
"""Characters of HIBC in the order of their values, 0 to 42."""

GS1_CHARACTERS = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
"""GS1 AI encodable character set 82, in the order of its values (GS1 General Specifications, figure 7.11-1)."""

_PAIR_CHARACTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
# The first 23 primes weigh a GMN's characters from the right: its payload has at most 23 (section 7.9.5).
_PAIR_WEIGHTS = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)
_HIBC_VALUES = {character: value for value, character in enumerate(HIBC_CHARACTERS)}
_GS1_VALUES = {character: value for value, character in enumerate(GS1_CHARACTERS)}


def gs1(payload: str) -> str:
    """Return the GS1 check digit of ASCII digits given without it: weights 3, 1, 3, 1 from the right."""
    heavy = sum(map(int, payload[-1::-2]))
    light = sum(map(int, payload[-2::-2]))
    return str(-(heavy * 3 + light) % 10)


def gs1_pair(payload: str) -> str:
    """Return the two check characters of a GMN or MUDI given without them; at most 23 characters of set 82.

    Raises:
        ValueError: too long, or a character outside the set.
    """
    if len(payload) > len(_PAIR_WEIGHTS) or not _GS1_VALUES.keys() >= set(payload):
        raise ValueError("a GMN or MUDI has at most 23 characters of the GS1 set before its check characters")
    weights = _PAIR_WEIGHTS[: len(payload)][::-1]
    total = sum(_GS1_VALUES[character] * weight for character, weight in zip(payload, weights, strict=True)) % 1021
    return _PAIR_CHARACTERS[total >> 5] + _PAIR_CHARACTERS[total & 31]


def hibc(payload: str) -> str:
    """Return the HIBC check character of a text given without it, its leading ``+`` included.

    Raises:
        ValueError: a character that HIBC does not have.
    """
    try:
        return HIBC_CHARACTERS[sum(map(_HIBC_VALUES.__getitem__, payload)) % 43]
    except KeyError as error:
        raise ValueError(f"not a character of HIBC: {error.args[0]!r}") from None


def ppn(payload: str) -> str:
    """Return the two check digits of a PPN (agency code and reference): position (from 2) x ASCII code, mod 97."""
    return f"{sum(weight * ord(character) for weight, character in enumerate(payload, 2)) % 97:02d}"


def pzn(payload: str) -> str | None:
    """Return the check digit of a PZN-8's first seven digits, or None: a number whose remainder is 10 is not issued."""
    remainder = sum(weight * int(digit) for weight, digit in enumerate(payload, 1)) % 11
    return str(remainder) if remainder < 10 else None  # noqa: PLR2004 - a digit
