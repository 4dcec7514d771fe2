"""French as pages write it, with its typing errors: letters, names, days. Pure."""

import re
import unicodedata
from datetime import date
from difflib import SequenceMatcher

SPELLINGS = {"socre": "score"}
"""Typing errors known from ANSM's own pages, folded: wrong, right (domain reference 1.6)."""

SAME_NAME = 0.8
"""Likeness from which two names are the same name with a typing error: one letter in five."""


class _Folding(dict[int, str]):
    """Letters without case and accents, one for one, so that places in the folded text are those of the text."""

    def __missing__(self, key: int) -> str:
        plain = unicodedata.normalize("NFD", chr(key))[0].lower()[0]
        self[key] = plain
        return plain


_DASHES = range(0x2010, 0x2016)
_MINUS = 0x2212
_TIMES = 0xD7
_APOSTROPHES = (0x2018, 0x2019, 0x201B, 0x02BC, 0x00B4, 0x0060)
_SPACES = (0x09, 0x0A, 0xA0, 0x202F)
_FOLDING = _Folding(
    {
        **dict.fromkeys([*_DASHES, _MINUS], "-"),
        **dict.fromkeys(_APOSTROPHES, "'"),
        **dict.fromkeys(_SPACES, " "),
        _TIMES: "x",
    }
)


def fold(text: str) -> str:
    """Return a text without case and accents, of the same length.

    >>> fold("Tètes fémorales – 10/12")
    'tetes femorales - 10/12'
    """
    return text.translate(_FOLDING)


def one_line(text: str) -> str:
    """Return a text with single spaces for all its spaces and line ends."""
    return " ".join(text.split())


def likeness(one: str, other: str) -> float:
    """Return how alike two names are, 0 to 1, without case, accents, marks and known typing errors.

    >>> likeness("Groupe Lépine", "GROUPE LEPINE")
    1.0
    """
    names = [" ".join(SPELLINGS.get(word, word) for word in words_of(name)) for name in (one, other)]
    return 1.0 if names[0] == names[1] else SequenceMatcher(None, names[0], names[1], autojunk=False).ratio()


def words_of(text: str) -> list[str]:
    """Return the words and numbers of a text, folded."""
    return re.findall(r"[a-z0-9]+", fold(text))


_MONTHS = re.findall(r"\w+", "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre")
_SHORT_MONTHS = {"janv": 1, "fev": 2, "fevr": 2, "avr": 4, "juil": 7, "sept": 9, "oct": 10, "nov": 11, "dec": 12}
_SAME_MONTH = 0.8
_LEAST_YEAR, _MOST_YEAR = 1990, 2100
_WRITTEN_DAY = re.compile(r"(\d{1,2})\s*(?:er)?\s*[/.\- ]\s*(\d{1,2}|[a-z]{3,10})\.?\s*[/.\- ]\s*(\d{4}|\d{2})(?!\d)")
_ISO_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?!\d)")


def read_day(words: str) -> date | None:
    """Return the day that a text begins with, as French pages write days; None where it is none.

    >>> read_day("1er mars 2025"), read_day("28/02/2025"), read_day("31/02/2025")
    (datetime.date(2025, 3, 1), datetime.date(2025, 2, 28), None)
    """
    folded = fold(words).strip()
    found = _ISO_DAY.match(folded)
    if found:
        year, month, day = (int(part) for part in found.groups())
    else:
        found = _WRITTEN_DAY.match(folded)
        if not found:
            return None
        day, month, year = int(found[1]), _month(found[2]), int(found[3])
        year += 2000 if len(found[3]) == len("25") else 0
    try:
        return date(year, month, day) if _LEAST_YEAR <= year < _MOST_YEAR else None
    except ValueError:
        return None


def _month(word: str) -> int:
    """Return the month of a number or a name, mistyped or not; 0 where none or several could be meant."""
    if word.isdigit():
        return int(word)
    if word in _SHORT_MONTHS:
        return _SHORT_MONTHS[word]
    if sum(month.startswith(word) for month in _MONTHS) > 1:
        return 0
    alike = [SequenceMatcher(None, word, month, autojunk=False).ratio() for month in _MONTHS]
    best = max(alike)
    return alike.index(best) + 1 if best >= _SAME_MONTH and alike.count(best) == 1 else 0


def spelled(text: str) -> str:
    """Return a text in which the known typing errors are put right, in the case they were written in.

    >>> spelled("Inserts SOCRE")
    'Inserts SCORE'
    """
    return re.sub(r"[^\W\d_]+", lambda word: _right(word[0]), text)


def _right(word: str) -> str:
    right = SPELLINGS.get(fold(word))
    if right is None:
        return word
    return right.upper() if word.isupper() else right.capitalize() if word[0].isupper() else right
