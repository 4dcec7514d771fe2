"""Read a list of derogations from any file that may hold one: ANSM's page, or our own form in YAML or CSV. Pure.

The two forms are documented in docs/publications.md.
"""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import PurePath
from typing import Any

import yaml

from scanners.readers.french import read_day
from scanners.readers.reading import Unreadable
from scanners.readers.writing import decode, read_writing
from tracker.ansm import rules as ansm
from tracker.ansm.rules import ListedDerogation, ListedReference, Misunderstood, Reading
from tracker.derogations.rules import Domain
from tracker.errors import N_, InvalidInput


class ListUnreadable(InvalidInput):
    """The file cannot be read as a list of derogations."""

    code = "list-unreadable"

    def __init__(self, fault: str, *, where: str = "") -> None:
        super().__init__(_FAULTS[fault], next_step=_NEXT_STEP, where=where)


_FAULTS: Mapping[str, str] = {
    "file-empty": N_("The file is empty."),
    "file-too-large": N_("The file is larger than 20 MB."),
    "file-unknown": N_("The file is neither a saved page nor a PDF, a text, YAML or CSV."),
    "form-wrong": N_("The file does not have the documented form: %(where)s."),
    "pdf-broken": N_("The PDF is cut off or damaged."),
    "pdf-encrypted": N_("The PDF is protected by a password."),
    "pdf-expected": N_("The file is named .pdf but is no PDF."),
    "pdf-without-text": N_("The PDF holds pictures of pages and no text."),
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


def read_file(data: bytes, *, filename: str, progress: Callable[[int, int], None] | None = None) -> Reading:
    """Read a list of derogations; what the name ends with tells our own two forms from a page.

    Raises:
        ListUnreadable: the file is none of these, or is damaged.
    """
    form = _FORMS.get(PurePath(filename).suffix.lower())
    try:
        if form is None:
            return ansm.read_list(read_writing(data, filename=filename, progress=progress))
        return form(decode(data))
    except Unreadable as error:
        raise ListUnreadable(error.fault.code) from error


def as_json(reading: Reading) -> dict[str, object]:
    """Return a reading as scripts get it; the names are stable."""
    derogations = [
        {
            "title": one.title,
            "company": one.company,
            "valid_until": one.valid_until.isoformat() if one.valid_until else None,
            "extended": one.extended,
            "partial_revision": one.partial_revision,
            "domain": one.domain.value,
            "references": [{"reference": item.reference, "label": item.label} for item in one.references],
        }
        for one in reading.derogations
    ]
    doubts = [{"text": doubt.text, "why": doubt.why} for doubt in reading.not_understood]
    return {"derogations": derogations, "not_understood": doubts}


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
