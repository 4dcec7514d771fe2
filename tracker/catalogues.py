"""The interface texts of each slice: what must be translated, and the compiled catalogues that the pages read.

Each slice has its own catalogue, ``tracker/<slice>/translations``; ``tracker/translations`` is for what they share.
``python -m tracker.catalogues`` compiles them; with ``--update`` it first adds the texts that a catalogue lacks.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

_ROOT = Path(__file__).parent
_METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2")]
_OPTIONS = {"**/templates/**": {"silent": "false"}}
_KEYWORDS = {**DEFAULT_KEYWORDS, "lazy_gettext": None, "_l": None, "lazy_ngettext": (1, 2)}
_FRENCH = Path("translations") / "fr" / "LC_MESSAGES" / "messages.po"


@dataclass(frozen=True, slots=True)
class Room:
    """A slice, or what all slices share (the folder ``tracker`` itself)."""

    folder: Path

    @property
    def is_shared(self) -> bool:
        """Test whether this is what all slices share."""
        return self.folder == _ROOT

    @property
    def catalogue(self) -> Path:
        """Path of the French catalogue, which need not exist."""
        return self.folder / _FRENCH

    def read(self) -> Catalog:
        """Return the French catalogue; an empty one when there is none."""
        if not self.catalogue.exists():
            return Catalog(locale="fr")
        with self.catalogue.open("rb") as file:
            return read_po(file, locale="fr", abort_invalid=True)

    def extract(self) -> Catalog:
        """Return the texts marked for translation in this room's code and templates."""
        found = Catalog()
        folders = {"templates", "translations", "static"} if self.is_shared else set()
        names = [path.name for path in self.folder.iterdir() if path.is_dir() and path.name not in folders]

        def enters(folder: str | os.PathLike[str]) -> bool:
            relative = Path(folder).relative_to(self.folder)
            return not self.is_shared or not relative.parts or relative.parts[0] not in names

        for name, line, message, comments, context in extract_from_dir(
            self.folder,
            method_map=_METHODS,
            options_map=_OPTIONS,
            keywords=_KEYWORDS,
            strip_comment_tags=True,
            directory_filter=enters,
        ):
            found.add(message, locations=[(name, line)], auto_comments=comments, context=context)
        return found


def list_rooms() -> Sequence[Room]:
    """Return the shared room, then every slice."""
    slices = sorted(path.parent for path in _ROOT.glob("*/__init__.py"))
    return [Room(_ROOT), *(Room(folder) for folder in slices)]


def compile_catalogues() -> int:
    """Compile every catalogue that changed since it was compiled, and return how many there were."""
    changed = [path for path in _sources() if _is_newer(path, path.with_suffix(".mo"))]
    for source in changed:
        with source.open("rb") as file:
            catalogue = read_po(file, locale="fr")
        handle, name = tempfile.mkstemp(dir=source.parent, suffix=".unfinished")
        with os.fdopen(handle, "wb") as file:
            write_mo(file, catalogue)
        Path(name).chmod(0o644)
        Path(name).replace(source.with_suffix(".mo"))
    return len(changed)


def update_catalogues() -> None:
    """Add each room's new texts to its French catalogue, untranslated, and drop those that are gone."""
    for room in list_rooms():
        found = room.extract()
        if not found and not room.catalogue.exists():
            continue
        catalogue = room.read()
        catalogue.update(found, no_fuzzy_matching=True, update_header_comment=False)
        room.catalogue.parent.mkdir(parents=True, exist_ok=True)
        with room.catalogue.open("wb") as file:
            write_po(file, catalogue, width=120, omit_header=False, ignore_obsolete=True, sort_output=True)


def _sources() -> Iterator[Path]:
    yield from sorted(_ROOT.glob("**/LC_MESSAGES/*.po"))


def _is_newer(source: Path, compiled: Path) -> bool:
    return not compiled.exists() or source.stat().st_mtime_ns > compiled.stat().st_mtime_ns


if __name__ == "__main__":
    if "--update" in sys.argv[1:]:
        update_catalogues()
    compile_catalogues()
