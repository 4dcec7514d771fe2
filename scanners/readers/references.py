"""Read a list of products and their catalogue references from lines of a plain text.

Lines come from tables whose cells may be cut over lines in any way: labels and references in turn, or rows with
tabulations between their cells. Nothing is guessed: a product whose reference is missing or odd is an answer too.
"""

import enum
import re
from collections import Counter

from scanners.readers.french import fold, likeness, one_line, words_of

REFERENCE = re.compile(
    r"(?<![\w/.,@-])(?!\d{1,2}[xX×/.,]\d)(?!\d{2,4}/\d{2,4})(?!(?:19|20)\d\d(?![\w-]))(?!\d+mm)"
    r"(?=(?:[A-Za-z./-]*\d){3})(?=[\w./-]{4,})[A-Z0-9][A-Za-z0-9]*(?:[-./][A-Za-z0-9]+)*(?![\w/-])"
)
"""A catalogue reference among words: at least four characters, three digits, no measure, date, year or law."""
_NAMES = r"(?:produits?|designations?|libelles?|articles?|denominations?|descriptions?)"
_TABLE_HEAD = re.compile(
    rf"(?P<before>{_NAMES}[ |]+)?"
    r"(?:references?|refs?\.?)(?: (?:catalogue|fabricant|commerciale))?"
    rf"(?P<after>[ |]+{_NAMES})?"
)
_TABLE_HEAD_WORD = re.compile(rf"{_NAMES}|references?|refs?\.?|")
_OPENING_WORDS = 3
"""So many words alike open two rows of one list."""
_LEAST_ALIKE = 4
_USUAL_SHARE = 0.8
_NEAR_LENGTH = 2
"""Where at least four references in five have one form, another form of nearly the same length is doubted."""
_CUT_REFERENCE = re.compile(r"(?<=\w)- *\n *(?=\d)")


class Doubt(enum.Enum):
    """Why a row cannot be taken."""

    NO_REFERENCE = enum.auto()
    ODD_FORM = enum.auto()
    TWO_LABELS = enum.auto()


def is_table_head(text: str) -> bool:
    """Test whether a line is the head of a table of products and references."""
    head = _TABLE_HEAD.match(fold(one_line(text)))
    return head is not None and bool(head["before"] or head["after"])


class ReferenceRows:
    """The rows of one list, read line by line."""

    def __init__(self) -> None:
        self._reference_first: bool | None = None
        self._waiting: list[str] = []
        """Words whose reference has not come yet; where references come first: the reference, then its words."""
        self._found: list[tuple[str, str]] = []

    def read(self, text: str) -> None:
        """Read lines: labels and references in turn, each over any number of lines, or the cells of a row."""
        for line in _CUT_REFERENCE.sub("-", text).split("\n"):
            if is_table_head(line):
                head = _TABLE_HEAD.match(fold(one_line(line)))
                self._reference_first = bool(head and head["after"])
            elif "\t" in line:
                self._read_cells(line.split("\t"))
            elif not _TABLE_HEAD_WORD.fullmatch(fold(line.strip())):
                self._read_line(line)

    def finish(self) -> tuple[list[tuple[str, str]], list[tuple[Doubt, str]]]:
        """Return each reference with its product, and what is doubted; only once, at the end."""
        self._take_first()
        left = one_line(" ".join(self._waiting))
        is_row = self._found and words_of(left)[:2] == words_of(self._found[0][1])[:2] != []
        if not self._reference_first and is_row:
            self._found.append(("", left))
        return self._checked()

    def _read_line(self, line: str) -> None:
        together = line.replace(" ", "")
        if REFERENCE.fullmatch(together) and not re.search(r"[^\W\d_]{2}", line):
            line = together
        place = 0
        for found in REFERENCE.finditer(line):
            self._waiting.append(line[place : found.start()])
            place = found.end()
            if self._reference_first is None:
                self._reference_first = not "".join(self._waiting).strip()
            if self._reference_first:
                self._take_first()
                self._waiting = [found[0]]
            else:
                self._found.append((found[0], " ".join(self._waiting)))
                self._waiting = []
        self._waiting.append(line[place:])

    def _take_first(self) -> None:
        if self._reference_first and self._waiting and REFERENCE.fullmatch(self._waiting[0]):
            self._found.append((self._waiting[0], " ".join(self._waiting[1:])))

    def _read_cells(self, cells: list[str]) -> None:
        """Read a row of a table: one cell is the reference, the others name the product."""
        written = [one_line(cell) for cell in cells if cell.strip()]
        codes = [cell for cell in written if REFERENCE.fullmatch(cell.replace(" ", ""))]
        is_clear = len(codes) == 1
        label = " ".join(cell for cell in written if not is_clear or cell != codes[0])
        self._found.append((codes[0].replace(" ", "") if is_clear else "", label))

    def _checked(self) -> tuple[list[tuple[str, str]], list[tuple[Doubt, str]]]:
        shapes = Counter(_shape(code) for code, _label in self._found if code)
        usual, count = shapes.most_common(1)[0] if shapes else ("", 0)
        has_usual = count >= _LEAST_ALIKE and count >= shapes.total() * _USUAL_SHARE
        kept: dict[str, str] = {}
        doubts: list[tuple[Doubt, str]] = []
        for code, words in self._found:
            *nameless, label = _labels(words)
            doubts += [(Doubt.NO_REFERENCE, name) for name in (nameless if code else [*nameless, label])]
            if not code:
                continue
            if has_usual and _shape(code) != usual and abs(len(code) - len(usual)) <= _NEAR_LENGTH:
                doubts.append((Doubt.ODD_FORM, f"{label} {code}"))
            elif code in kept and likeness(kept[code], label) < 1:
                doubts.append((Doubt.TWO_LABELS, f"{label} {code}"))
            else:
                kept.setdefault(code, label)
        return list(kept.items()), doubts


def _labels(written: str) -> list[str]:
    """Return the products that stand before one reference: more than one where rows have none."""
    label = one_line(written).strip(" -–—:;|")
    opening = " ".join(label.split()[:_OPENING_WORDS])
    if len(opening.split()) < _OPENING_WORDS:
        return [label]
    return [(opening + piece).strip(" -–—:;|") for piece in label.split(opening)[1:]]


def _shape(reference: str) -> str:
    return re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", re.sub(r"\d", "9", reference)))
