"""How sure one can be that a text without symbology identifier and separator is a GS1 element string at all.

Any reference of a catalogue may begin with digits that are an application identifier: ``10-4422`` would be lot
``-4422``. A check digit or a date is evidence, a text of free characters is none.

>>> [weigh(text).value for text in ("0103700000000013" + "10A1", "17281231" + "10A1")]
['certain', 'certain']
>>> [weigh(text).value for text in ("17281231", "10-4422", "91-4422", "1-020163C")]
['date-alone', 'text-alone', 'none', 'none']
"""

import enum
import re

_KEY = re.compile(r"0[123][0-9]{14}|00[0-9]{18}")
_DATE_THEN_MORE = re.compile(
    r"1[123567][0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9](?:0[12]|1[0123567]|2[012]|240|241|30|37|8012)"
)
_DATE_ALONE = re.compile(r"1[123567][0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9]$")
_TEXT = re.compile(r"(?:10|21|22|240|241|30|37|8012)[!\"%-?A-Z_a-z]+$")


class Evidence(enum.StrEnum):
    """What speaks for an element string."""

    CERTAIN = "certain"
    """A GTIN, an SSCC, or a date followed by another identifier: what is wrong with it is a fault, not a doubt."""
    DATE_ALONE = "date-alone"
    """Eight digits that are an identifier and a date."""
    TEXT_ALONE = "text-alone"
    """A lot, serial or reference and nothing else: the second symbol of a label, or a catalogue reference."""
    NONE = "none"


def weigh(text: str) -> Evidence:
    """Return what speaks for the text being an element string."""
    if _KEY.match(text) or _DATE_THEN_MORE.match(text):
        return Evidence.CERTAIN
    if _DATE_ALONE.match(text):
        return Evidence.DATE_ALONE
    return Evidence.TEXT_ALONE if _TEXT.match(text) else Evidence.NONE
