"""What the lines of a catalogue file mean, and what is wrong with them. Pure."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tracker.catalogue.rules import KIND_LABELS, CatalogueLine, DeviceKind, read_udi_di
from tracker.errors import N_, InvalidInput

MOST_LINES = 200_000
"""Lines of one file: twice what the largest catalogue known to us has [design]."""
MOST_ERRORS = 500
"""Rejected lines that are kept with their reason; beyond, they are counted."""


class ColumnsMissing(InvalidInput):
    """The first line does not name the columns that every device needs."""

    code = "import-columns-missing"


class FileTooLong(InvalidInput):
    """The file has more lines than one import takes."""

    code = "import-too-long"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a catalogue file."""

    name: str
    """Of the field of a definition; also the header that our own export writes."""
    headers: tuple[str, ...]
    """Under which it is found: lower case, without accents."""
    most: int
    """Characters."""
    is_required: bool = False
    french: str = ""
    """What the page calls it, where the file has to name it."""


COLUMNS = (
    Column(
        "manufacturer", ("manufacturer", "fabricant", "marque fabricant"), 200, is_required=True, french="fabricant"
    ),
    Column("reference", ("reference", "ref", "reference fabricant"), 100, is_required=True, french="référence"),
    Column(
        "designation", ("designation", "libelle", "device", "dispositif"), 300, is_required=True, french="désignation"
    ),
    Column("kind", ("kind", "type", "nature"), 50, is_required=True, french="type"),
    Column("brand", ("brand", "marque", "nom commercial"), 200),
    Column("size", ("size", "taille", "dimensions"), 100),
    Column("udi_di", ("udi_di", "udi-di", "iud-id", "iud_id", "gtin"), 500),
    Column("expected_lifetime", ("expected_lifetime", "duree de vie", "expected lifetime"), 1000),
    Column("follow_up", ("follow_up", "suivi", "particular medical follow-up", "suivi medical"), 1000),
)

COLUMN_LABELS: Mapping[str, str] = {
    "manufacturer": N_("Manufacturer"),
    "reference": N_("Reference"),
    "designation": N_("Designation"),
    "kind": N_("Kind"),
    "brand": N_("Brand"),
    "size": N_("Size"),
    "udi_di": N_("UDI-DI"),
    "expected_lifetime": N_("Expected lifetime"),
    "follow_up": N_("Follow-up"),
}
"""Words of the columns, by the name that is kept with what is wrong on a line."""

LINE_ERRORS: Mapping[str, str] = {
    "missing": N_("the column '%(column)s' is empty"),
    "too-long": N_("the column '%(column)s' is longer than %(most)s characters"),
    "formula": N_("the column '%(column)s' holds a formula"),
    "kind-unknown": N_("%(value)s is no kind of device"),
    "udi-di-unreadable": N_("%(value)s is no UDI-DI, or its check digit is wrong"),
    "repeated": N_("the same manufacturer and reference stand on line %(line)s"),
}
"""Words of what is wrong with a line, by code; filled with the data kept beside it."""

_KINDS = {kind.value: kind for kind in DeviceKind} | {
    "dispositif implantable": DeviceKind.IMPLANT,
    "consommable": DeviceKind.CONSUMABLE,
    "logiciel": DeviceKind.SOFTWARE,
    "dmdiv": DeviceKind.IVD,
    "dispositif de diagnostic in vitro": DeviceKind.IVD,
    "equipement": DeviceKind.EQUIPMENT,
}


def plain(text: str) -> str:
    """Return a text for comparison: lower case, without accents and outer spaces.

    >>> plain(" Référence ")
    'reference'
    """
    decomposed = unicodedata.normalize("NFKD", text.strip().lower())
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())


_KINDS |= {plain(label): kind for kind, label in KIND_LABELS.items()}


def read_header(cells: Sequence[str]) -> dict[str, int]:
    """Return where each column stands, by the names of the first line, in French or English.

    Raises:
        ColumnsMissing: a column that every device needs is not there.
    """
    named = {plain(cell): place for place, cell in reversed(list(enumerate(cells)))}
    places = {
        column.name: next(named[header] for header in column.headers if header in named)
        for column in COLUMNS
        if named.keys() & set(column.headers)
    }
    missing = [column.french for column in COLUMNS if column.is_required and column.name not in places]
    if missing:
        raise ColumnsMissing(
            N_("The first line does not name these columns: %(missing)s."),
            next_step=N_("Export the catalogue to see the columns, then send the file again."),
            missing=", ".join(missing),
        )
    return places


def check_length(count: int) -> None:
    """Check that a file is not longer than one import takes.

    Raises:
        FileTooLong: it is.
    """
    if count > MOST_LINES:
        raise FileTooLong(
            N_("The file has more than %(most)s lines."), next_step=N_("Cut it in two and send both."), most=MOST_LINES
        )


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong with one line: a code of ``LINE_ERRORS`` and the data of its words."""

    line: int
    """As a spreadsheet counts: the header is line 1."""
    code: str
    data: Mapping[str, str]

    def as_json(self) -> dict[str, object]:
        """Return the error as it is stored."""
        return {"line": self.line, "code": self.code, "data": dict(self.data)}


def read_line(
    number: int, cells: Sequence[str], places: Mapping[str, int], *, today: date
) -> CatalogueLine | LineError:
    """Return what one line says, or the first thing that is wrong with it."""
    values: dict[str, str] = {}
    for column in COLUMNS:
        place = places.get(column.name)
        value = _cell(cells[place]) if place is not None and place < len(cells) else ""
        wrong = _wrong(value, column)
        if wrong is not None:
            return LineError(number, wrong, {"column": column.name, "most": str(column.most)})
        values[column.name] = value
    kind = _KINDS.get(plain(values.pop("kind")))
    if kind is None:
        return LineError(number, "kind-unknown", {"value": _cell(cells[places["kind"]])})
    udi_dis: list[str] = []
    for code in values.pop("udi_di").replace(",", " ").split():
        found = read_udi_di(code, today=today)
        if found is None:
            return LineError(number, "udi-di-unreadable", {"value": code})
        udi_dis.append(found)
    return CatalogueLine(number=number, kind=kind, udi_dis=tuple(dict.fromkeys(udi_dis)), **values)


def _cell(text: str) -> str:
    """Return a cell without outer spaces, unprintable characters, and the mark by which an export disarms a formula."""
    kept = text.strip() if text.isprintable() else "".join(c if c.isprintable() else " " for c in text).strip()
    return kept[1:] if len(kept) > 1 and kept[0] == "'" and kept[1] in "=+-@" else kept


def _wrong(value: str, column: Column) -> str | None:
    if not value:
        return "missing" if column.is_required else None
    if value[0] == "=":
        return "formula"
    return "too-long" if len(value) > column.most else None
