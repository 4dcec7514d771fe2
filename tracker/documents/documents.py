"""Printing: from plain values to a tagged PDF/A, by the embedded Typst compiler (docs/decisions/0013).

Pure: no database, no request, no clock, no system font, no system library. The same data gives the same bytes.

A document is a Typst template in the slice that prints it, ``tracker/<slice>/templates/<slice>/<name>.typ``, and a
``TypedDict`` in that slice's ``documents.py``. Values are codes, ISO dates and people's own words; all fixed wording
and every date format belong to the template, in French and in English.
"""

import functools
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypedDict

import typst

Locale = Literal["fr", "en"]

ROOT: Final = Path(__file__).resolve().parent.parent
"""The package ``tracker``: templates import the house style as ``/documents/templates/documents/house.typ``."""

_TEMPLATE = re.compile(r"(?P<slice>[a-z]+)/(?P<name>[a-z_]+)")
# Controls, and the marks that turn the direction of the text around them (Unicode 9 annex, "Trojan source").
_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# What the embedded fonts surely draw: Latin, Greek, Cyrillic, punctuation, currency, arrows, mathematics, shapes.
_UNDRAWN = re.compile(
    "[^\n\u0020-\u007e\u00a0-\u017f\u0391-\u03a1\u03a3-\u03ce\u0410-\u044f\u2010-\u2015\u2018-\u201e\u2020-\u2022\u2026"
    "\u202f\u2030\u20ac\u2190-\u2193\u2212\u2260\u2264\u2265\u25a0\u25a1\u2610\u2611\ufffd]"
)
_REPLACEMENT = "\ufffd"


class EstablishmentData(TypedDict):
    """The hospital as it appears at the head of a page; an absent value is an empty text."""

    name: str
    address: str
    """Lines separated by a line feed."""
    phone: str


class DocumentHead(TypedDict):
    """What every document carries."""

    locale: Locale
    document_number: str
    """Printed in the footer of each page: how people find the frozen original again."""
    generated_at: str
    """ISO 8601 instant with offset, on the hospital's clock (``2026-11-22T09:15:00+01:00``); printed as it stands."""
    establishment: EstablishmentData
    demonstration: bool
    """True prints on each page that the document is fictional."""


class DeviceData(TypedDict):
    """One physical unit as it is printed; an absent value is an empty text."""

    designation: str
    brand: str
    manufacturer: str
    reference: str
    lot: str
    serial: str
    udi: str
    """Human-readable UDI, without control characters."""
    expires_on: str
    """ISO date, last day included."""
    unit_number: str


class DerogationData(TypedDict):
    """The decision under which a device without CE mark is used."""

    kind: str
    """Code of the kind: ``individual``, ``global``, ``partial_revision`` or ``ivd``; ``none`` where none is known."""
    reference: str
    valid_until: str
    """ISO date, last day included."""


class RenderingFailed(RuntimeError):
    """A document could not be made. The message names the template, never the data, which may be personal."""

    def __init__(self, template: str) -> None:
        super().__init__(f"the document {template!r} could not be rendered")
        self.template = template


def render(template: str, data: Mapping[str, object]) -> bytes:
    """Render one document.

    Text stays text: it reaches Typst as JSON and is never read as markup. Characters that cannot be printed, and those
    no embedded font has when one of them is met, appear as U+FFFD.

    Args:
        template: slice and name, as ``"use/patient_document"``.
        data: the slice's ``TypedDict`` for this template.

    Returns:
        A PDF/A-2a and PDF/UA-1 file.

    Raises:
        RenderingFailed: no such template, or data that do not fit it.
    """
    path = _template_path(template)
    created_at = _created_at(template, data)
    printable = _map_texts(data, lambda text: _UNPRINTABLE.sub(_REPLACEMENT, text))
    pdf = _compile(path, printable, created_at)
    if pdf is None:
        drawable = _map_texts(printable, lambda text: _UNDRAWN.sub(_REPLACEMENT, text))
        pdf = _compile(path, drawable, created_at) if drawable != printable else None
    if pdf is None:
        raise RenderingFailed(template)
    return pdf


def _template_path(template: str) -> Path:
    match = _TEMPLATE.fullmatch(template)
    if match is None:
        raise RenderingFailed(template)
    path = ROOT / match["slice"] / "templates" / match["slice"] / f"{match['name']}.typ"
    if not path.is_file():
        raise RenderingFailed(template)
    return path


def _created_at(template: str, data: Mapping[str, object]) -> datetime:
    text = data.get("generated_at")
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise RenderingFailed(template)
    return instant


@functools.cache
def _fonts() -> typst.Fonts:
    """Return the fonts inside the wheel; read at the first document, not at the start of the program."""
    return typst.Fonts(include_system_fonts=False)


def _compile(path: Path, data: object, created_at: datetime) -> bytes | None:
    """Return the PDF, or None: the compiler's own message quotes the data and must not travel."""
    try:
        return typst.compile(
            str(path),
            root=str(ROOT),
            font_paths=_fonts(),
            ignore_system_fonts=True,
            format="pdf",
            sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
            # ISO 19005-2 level A (archivable, tagged) and ISO 14289-1 (accessible).
            pdf_standards=["a-2a", "ua-1"],
            timestamp=int(created_at.timestamp()),
        )
    except typst.TypstError:
        return None


def _map_texts(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {str(key): _map_texts(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_map_texts(item, change) for item in value]
    return value
