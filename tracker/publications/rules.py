"""A list of derogations from any file that may hold one, and what it says that the register does not. Pure.

A file is ANSM's page, or our own form in YAML or CSV (docs/publications.md).
"""

import csv
import enum
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import PurePath
from typing import Any, Protocol
from uuid import UUID

import yaml
from pydantic import BaseModel, ConfigDict

from scanners.readers.french import SAME_NAME, likeness, read_day, spelled, words_of
from scanners.readers.reading import Unreadable
from scanners.readers.writing import decode, read_writing
from tracker.ansm import rules as ansm
from tracker.ansm.rules import ListedDerogation, ListedReference, Misunderstood, Reading
from tracker.derogations.rules import DecisionKind, DerogationKind, DerogationStatus, Domain
from tracker.errors import N_, InvalidInput


class ListUnreadable(InvalidInput):
    """The file cannot be read as a list of derogations."""

    code = "list-unreadable"

    def __init__(self, fault: str, *, where: str = "") -> None:
        super().__init__(_FAULTS[fault], next_step=_NEXT_STEP, where=where)
        self.fault, self.where = fault, where


_FAULTS: Mapping[str, str] = {
    "file-empty": N_("The file is empty."),
    "file-too-large": N_("The file is larger than 20 MB."),
    "file-unknown": N_("The file is neither a saved page nor a PDF, a text, YAML or CSV."),
    "form-wrong": N_("The file does not have the documented form: %(where)s."),
    "pdf-broken": N_("The PDF is cut off or damaged."),
    "pdf-encrypted": N_("The PDF is protected by a password."),
    "pdf-expected": N_("The file is named .pdf but is no PDF."),
    "pdf-without-text": N_("The PDF holds pictures of pages and no text."),
    "reader-died": N_("The file could not be read: it took too long or brought the reader down."),
    "too-many-pages": N_("The PDF has too many pages."),
}
_NEXT_STEP = N_("Save ANSM's page again from the browser, as a web page or as a PDF, and choose that file.")

_COLUMNS = ("title", "company", "valid_until", "extended", "partial_revision", "domain", "reference", "label")
_YES, _NO = frozenset({"yes", "oui", "true", "1"}), frozenset({"no", "non", "false", "0", ""})
_SETS_AN_END = frozenset({"granted", "extended"})

_WHY_DAY = N_("The last day cannot be read as a day of the calendar.")
_WHY_DOMAIN = N_("The field of use is none of joint, dental, other.")
_WHY_ANSWER = N_("Neither yes nor no.")
_WHY_DIFFERS = N_("Two lines of one derogation disagree.")


_READ_AT_ONCE_BYTES = 500_000
"""A page of this size is read in a few tenths of a second; ANSM's own, saved with its frame, has half of it."""


def is_read_at_once(data: bytes, filename: str) -> bool:
    """Test whether a file is small and needs no reader of PDFs, which works apart."""
    return len(data) <= _READ_AT_ONCE_BYTES and b"%PDF-" not in data[:1024] and not filename.lower().endswith(".pdf")


class Reads(Protocol):
    """What makes a plain text of a file: ``read_writing``, or the same in another process."""

    def __call__(self, data: bytes, *, filename: str) -> str:
        """Return the text.

        Raises:
            Unreadable: the file cannot be read.
        """


def read_file(data: bytes, *, filename: str, read: Reads = read_writing) -> Reading:
    """Read a list of derogations; what the name ends with tells our own two forms from a page.

    Raises:
        ListUnreadable: the file is none of these, or is damaged.
    """
    form = _FORMS.get(PurePath(filename).suffix.lower())
    try:
        if form is None:
            return ansm.read_list(read(data, filename=filename))
        return form(decode(data))
    except Unreadable as error:
        raise ListUnreadable(error.fault.code) from error


def as_json(reading: Reading) -> dict[str, object]:
    """Return a reading as scripts get it; the names are stable."""
    derogations = []
    for one in reading.derogations:
        told = listed_as_json(one)
        del told["scope_text"]
        derogations.append(told)
    doubts = [{"text": doubt.text, "why": doubt.why} for doubt in reading.not_understood]
    return {"derogations": derogations, "not_understood": doubts}


def listed_as_json(one: ListedDerogation) -> dict[str, object]:
    """Return one derogation as it is kept with a line."""
    return {
        "title": one.title,
        "company": one.company,
        "valid_until": one.valid_until.isoformat() if one.valid_until else None,
        "extended": one.extended,
        "partial_revision": one.partial_revision,
        "domain": one.domain.value,
        "references": [{"reference": item.reference, "label": item.label} for item in one.references],
        "scope_text": one.scope_text,
    }


def _read_yaml(text: str) -> Reading:
    """Read the form that ``derogations load`` takes: each derogation with its decisions.

    Raises:
        ListUnreadable: it is not YAML, or not of this form.
    """
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise ListUnreadable("form-wrong", where="*")
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ListUnreadable("form-wrong", where=" ".join(str(error).split())[:200]) from error
    listed = content.get("derogations") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise ListUnreadable("form-wrong", where="derogations")
    return Reading(derogations=tuple(_listed(number, one) for number, one in enumerate(listed)))


def _listed(number: int, one: Any) -> ListedDerogation:  # noqa: ANN401 - any YAML
    """Return one derogation of the YAML form: its last day is that of its last grant or extension.

    Raises:
        ListUnreadable: it lacks something, or something is of another kind.
    """
    try:
        decisions = [made for made in one["decisions"] if made["kind"] in _SETS_AN_END]
        ends = [made["valid_until"] for made in decisions if made.get("valid_until")]
        references = [item for made in one["decisions"] for item in made.get("references") or ()]
        wrong = [end for end in ends if not isinstance(end, date)]
        if wrong:
            raise ListUnreadable("form-wrong", where=f"derogations.{number}.valid_until")
        return ListedDerogation(
            title=str(one["designation"]),
            company=str(one["company"]),
            valid_until=max(ends, default=None),
            extended=any(made["kind"] == "extended" for made in decisions),
            partial_revision=bool(one.get("partial_revision_only")),
            domain=Domain(one["domain"]),
            references=tuple(ListedReference(str(i["reference"]), str(i.get("label") or "")) for i in references),
            scope_text=" ".join(str(one.get("scope_text") or "").split()),
            announces_annex=False,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ListUnreadable("form-wrong", where=f"derogations.{number}: {error}") from error


def _read_csv(text: str) -> Reading:
    """Read our form in CSV: one line for each reference, or one for a derogation without a list.

    Raises:
        ListUnreadable: its head does not name the columns.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    head = lines[0] if lines else ""
    rows = csv.DictReader(io.StringIO("\n".join(lines)), delimiter=max(";,\t", key=head.count), restval="")
    missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise ListUnreadable("form-wrong", where=", ".join(missing))
    found: dict[tuple[str, str], ListedDerogation] = {}
    doubts: list[Misunderstood] = []
    for row in rows:
        cells = {name: (row[name] or "").strip() for name in _COLUMNS}
        told = "; ".join(cell for cell in cells.values() if cell)
        one, why = _row(cells)
        known = found.get((cells["title"], cells["company"]))
        if one is None:
            doubts.append(Misunderstood(told, why))
        elif known is None:
            found[cells["title"], cells["company"]] = one
        elif (known.valid_until, known.extended, known.domain) != (one.valid_until, one.extended, one.domain):
            doubts.append(Misunderstood(told, _WHY_DIFFERS))
        else:
            together = {item.reference: item for item in (*known.references, *one.references)}
            found[cells["title"], cells["company"]] = replace(known, references=tuple(together.values()))
    return Reading(derogations=tuple(found.values()), not_understood=tuple(doubts))


def _row(cells: Mapping[str, str]) -> tuple[ListedDerogation | None, str]:
    """Return the derogation of one line, or why it cannot be understood."""
    day = read_day(cells["valid_until"]) if cells["valid_until"] else None
    answers = {name: cells[name].casefold() for name in ("extended", "partial_revision")}
    if cells["valid_until"] and day is None:
        return None, _WHY_DAY
    if cells["domain"] not in {domain.value for domain in Domain}:
        return None, _WHY_DOMAIN
    if not set(answers.values()) <= _YES | _NO:
        return None, _WHY_ANSWER
    references = (ListedReference(cells["reference"], cells["label"]),) if cells["reference"] else ()
    listed = ListedDerogation(
        title=cells["title"],
        company=cells["company"],
        valid_until=day,
        extended=answers["extended"] in _YES,
        partial_revision=answers["partial_revision"] in _YES,
        domain=Domain(cells["domain"]),
        references=references,
        scope_text="",
        announces_annex=False,
    )
    return listed, ""


_FORMS: Mapping[str, Callable[[str], Reading]] = {".csv": _read_csv, ".yaml": _read_yaml, ".yml": _read_yaml}


class RegisterUnreadable(InvalidInput):
    """A list of derogations does not have the documented form; nothing was loaded."""

    code = "register-unreadable"


class FiledReference(BaseModel):
    """One reference of a filed decision."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference: str
    label: str = ""


class FiledDecision(BaseModel):
    """One decision of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    kind: DecisionKind
    effective_from: date
    valid_until: date | None = None
    decided_on: date | None = None
    reference: str = ""
    patient_cap: int | None = None
    note: str = ""
    references: tuple[FiledReference, ...] = ()


class FiledDerogation(BaseModel):
    """One derogation of a list. ``key`` never changes: it is how a second loading finds what the first one wrote."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    kind: DerogationKind
    domain: Domain
    company: str
    designation: str
    legal_basis: str
    partial_revision_only: bool
    implanted_system: str = ""
    scope_text: str = ""
    is_fictional: bool = False
    decisions: tuple[FiledDecision, ...]


class FiledRegister(BaseModel):
    """A list of derogations (docs/derogations.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    derogations: tuple[FiledDerogation, ...]


class LineKind(enum.StrEnum):
    """How a list differs from the register. Stored: a change needs a migration."""

    NEW = "new"
    EXTENDED = "extended"
    ENDED = "ended"
    REFERENCE_ADDED = "reference_added"
    REFERENCE_REMOVED = "reference_removed"
    EARLIER_END = "earlier_end"
    NOT_UNDERSTOOD = "not_understood"


DECISION_KINDS = {
    LineKind.NEW: DecisionKind.GRANTED,
    LineKind.EXTENDED: DecisionKind.EXTENDED,
    LineKind.ENDED: DecisionKind.WITHDRAWN,
    LineKind.REFERENCE_ADDED: DecisionKind.SCOPE_CHANGED,
    LineKind.REFERENCE_REMOVED: DecisionKind.SCOPE_CHANGED,
}
NOTES = {
    LineKind.NEW: "Liste de l’ANSM : début non imprimé, effet compté du jour de la liste.",
    LineKind.EXTENDED: "Liste de l’ANSM : nouvelle date de fin, effet compté du jour de la liste.",
    LineKind.ENDED: "Ne figure plus dans la liste de l’ANSM.",
    LineKind.REFERENCE_ADDED: "Liste de l’ANSM : référence ajoutée.",
    LineKind.REFERENCE_REMOVED: "Liste de l’ANSM : référence qui n’y figure plus.",
}
"""Kept with the decision, in French as ANSM's own words are."""

FOR_A_PERSON = frozenset({LineKind.EARLIER_END, LineKind.NOT_UNDERSTOOD})
"""Differences that nothing can be recorded from: a person looks, decides elsewhere, and sets the line aside."""


@dataclass(frozen=True, slots=True)
class KnownDerogation:
    """What the comparison needs of one derogation of the register, on the day of the list."""

    id: UUID
    designation: str
    company: str
    status: DerogationStatus
    valid_until: date | None
    begins_on: date | None
    references: frozenset[str]
    """Those that a decision lists; those of a pharmacist's reading are not ANSM's to change."""
    is_annual: bool
    """Of the kind that ANSM publishes in this list: annual, for partial revisions."""
    aliases: tuple[str, ...] = ()
    """Other spellings of the designation that a pharmacist confirmed."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the list says and the register does not, or the reverse."""

    kind: LineKind
    listed: ListedDerogation | None = None
    known: KnownDerogation | None = None
    is_certain: bool = True
    """The names are the same letter for letter; otherwise a pharmacist confirms that they mean the same thing."""
    reference: ListedReference | None = None
    text: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A list against the register."""

    differences: tuple[Difference, ...]
    unchanged_count: int
    """Derogations of the list that the register has just so."""


_GRANTED = frozenset(
    {
        DerogationStatus.IN_FORCE,
        DerogationStatus.SUSPENDED,
        DerogationStatus.ENDED,
        DerogationStatus.END_UNKNOWN,
        DerogationStatus.NOT_YET,
    }
)
_WHY_EARLIER = N_("The list prints an earlier last day than the register: an older list, or a shorter validity.")
_WHY_MAYBE_UNREAD = N_("Part of the list was not understood: look there first, it may be named in it.")
_SAME_WORD = 0.75
_PURPOSE = re.compile(r"\s+(?:[-–] )?pour (?:des|les) reprises? .*", re.IGNORECASE)


def compare(reading: Reading, register: Sequence[KnownDerogation], *, listed_on: date) -> Comparison:
    """Compare a list with the register on the day of the list.

    Args:
        reading: the list.
        register: the derogations it may speak of.
        listed_on: the day of the list, Paris calendar.
    """
    matches = _matches(reading.derogations, register)
    differences: list[Difference] = []
    unchanged_count = 0
    for number, listed in enumerate(reading.derogations):
        known, is_certain = matches.get(number, (None, True))
        found = _differences(listed, known, is_certain=is_certain)
        unchanged_count += not found
        differences += found
    met = {known.id for known, _is_certain in matches.values()}
    gone = [known for known in register if known.id not in met and _is_expected(known, listed_on)]
    why = _WHY_MAYBE_UNREAD if reading.not_understood else ""
    differences += [Difference(LineKind.ENDED, known=known, why=why) for known in gone if reading.derogations]
    doubts = [Difference(LineKind.NOT_UNDERSTOOD, text=one.text, why=one.why) for one in reading.not_understood]
    return Comparison((*differences, *doubts), unchanged_count)


def _is_expected(known: KnownDerogation, listed_on: date) -> bool:
    """Test whether the list would name a derogation: annual, begun by the day of the list, and still in force."""
    has_begun = known.begins_on is not None and known.begins_on <= listed_on
    return known.is_annual and has_begun and known.status is DerogationStatus.IN_FORCE


def _differences(listed: ListedDerogation, known: KnownDerogation | None, *, is_certain: bool) -> list[Difference]:
    if known is None or known.status not in _GRANTED:
        return [Difference(LineKind.NEW, listed, known, is_certain)]
    found = []
    end, until = listed.valid_until, known.valid_until
    if end is not None and (until is None or end > until):
        found.append(Difference(LineKind.EXTENDED, listed, known, is_certain))
    elif end is not None and until is not None and end < until:
        found.append(Difference(LineKind.EARLIER_END, listed, known, is_certain, text=listed.title, why=_WHY_EARLIER))
    if listed.references:  # an annex that is not on the page says nothing of its references
        printed = {item.reference: item for item in listed.references}
        added = [item for code, item in printed.items() if code not in known.references]
        removed = [ListedReference(code, "") for code in sorted(known.references - printed.keys())]
        found += [Difference(LineKind.REFERENCE_ADDED, listed, known, is_certain, item) for item in added]
        removal = LineKind.REFERENCE_REMOVED
        found += [Difference(removal, listed, known, is_certain, item) for item in removed if listed.is_list_whole]
    return found


def _matches(
    listed: Sequence[ListedDerogation], register: Sequence[KnownDerogation]
) -> dict[int, tuple[KnownDerogation, bool]]:
    """Return for each listed derogation the one of the register that it names, the most alike first, each once."""
    pairs = [
        (score, number, known)
        for number, one in enumerate(listed)
        for known in register
        if (score := _score(one, known)) >= SAME_NAME
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1]))
    matches: dict[int, tuple[KnownDerogation, bool]] = {}
    taken: set[UUID] = set()
    for score, number, known in pairs:
        if number not in matches and known.id not in taken:
            matches[number] = (known, score == 1)
            taken.add(known.id)
    return matches


def _score(listed: ListedDerogation, known: KnownDerogation) -> float:
    """Return how surely two names mean one derogation: 1 where they are the same but for case, accents and marks."""
    company = likeness(listed.company, known.company)
    if company < SAME_NAME:
        return 0
    title = max(same_words(_bare(listed.title), _bare(name)) for name in (known.designation, *known.aliases))
    if known.references & {item.reference for item in listed.references}:
        title = max(title, SAME_NAME)
    return min(company, title)


def _bare(designation: str) -> str:
    """Return a designation without the purpose that some pages add to it."""
    return _PURPOSE.sub("", designation)


def same_words(one: str, other: str) -> float:
    """Return the share of words that two designations have in common, mistyped or not; numbers must be the same.

    >>> same_words("Tètes fémorales 10/12", "Têtes fémorales 10/12"), same_words("cône 9X11", "cône 14X16")
    (1.0, 0.0)
    """
    words, others = words_of(spelled(one)), words_of(spelled(other))
    numbers = [{word for word in side if any(c.isdigit() for c in word)} for side in (words, others)]
    if numbers[0] != numbers[1] or not words or not others:
        return 0.0
    left, common = list(others), 0
    for word in words:
        best = max(left, key=lambda candidate: likeness(word, candidate), default="")
        if best and likeness(word, best) >= _SAME_WORD:
            left.remove(best)
            common += 1
    share = 2 * common / (len(words) + len(others))
    return share if sorted(words) == sorted(others) or share < 1 else 0.99
