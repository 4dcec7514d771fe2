"""AIM symbology identifiers: three characters that a reader puts before the data, ``]`` + code letter + modifier.

Source: ISO/IEC 15424; the modifiers of Code 39 and ITF matter because some of them mean that a check character was
removed or that the text was translated. Identifiers that are wrong exist in the field, so they are preferred, never
required.

>>> split("]d20103700000000013")
('d2', '0103700000000013')
>>> split("0103700000000013")
(None, '0103700000000013')
"""

import re

LENGTH = 3

_PATTERN = re.compile(r"\][A-Za-z][0-9A-Za-z]")

GS1 = frozenset({"C1", "d2", "d5", "d8", "Q3", "Q4", "e0", "J1"})
"""The reader promises GS1 element strings: FNC1 stood in the first place, or the symbology carries nothing else."""

EAN = frozenset({"E0", "E3", "E4"})
"""EAN-13, UPC-A, UPC-E (as 13 digits); EAN-13 with add-on; EAN-8."""

ITF = frozenset({"I0", "I1", "I3"})
ITF_CHECK_REMOVED = "I3"

CODE39_CHECK_REMOVED = frozenset({"A3", "A7"})
"""The reader checked mod 43 and cut the character off, which for HIBC was its own."""

CODE39_FULL_ASCII = frozenset({"A4", "A5", "A7"})
"""The reader translated pairs of characters, so HIBC's ``+A`` arrived as ``a``."""


UNEXPECTED = "symbology-unexpected"
"""Warning: the identifier names another content than was found."""


def split(text: str) -> tuple[str | None, str]:
    """Return the identifier without its bracket, or None, and the data after it."""
    if text[:1] == "]" and _PATTERN.match(text):
        return text[1:LENGTH], text[LENGTH:]
    return None, text
