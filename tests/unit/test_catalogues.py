"""Catalogues: compiled when they changed, and completed with the texts they lack."""

import gettext
import os
from pathlib import Path

import pytest

from tracker import catalogues
from tracker.catalogues import Room

PO = """
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "Lot"
msgstr "Numéro de lot"

msgid "Gone"
msgstr "Parti"
"""


@pytest.fixture
def slice_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    """Return a slice with two texts, one of them translated."""
    monkeypatch.setattr(catalogues, "_ROOT", tmp_path)
    room = Room(tmp_path / "boxes")
    room.catalogue.parent.mkdir(parents=True)
    room.catalogue.write_text(PO, encoding="utf-8")
    (room.folder / "__init__.py").write_text("")
    (room.folder / "rules.py").write_text('N_("Lot")')
    page = room.folder / "templates" / "boxes" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("{{ _('A box') }}")
    return room


def test_a_catalogue_is_compiled_when_it_changed_and_only_then(slice_: Room) -> None:
    compiled = slice_.catalogue.with_suffix(".mo")

    counts = [catalogues.compile_catalogues(), catalogues.compile_catalogues()]
    later = compiled.stat().st_mtime_ns + 1
    os.utime(slice_.catalogue, ns=(later, later))
    counts.append(catalogues.compile_catalogues())

    with compiled.open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Lot") == "Numéro de lot"
    assert counts == [1, 0, 1]


def test_texts_are_found_in_code_and_in_templates(slice_: Room) -> None:
    assert {message.id for message in slice_.extract() if message.id} == {"Lot", "A box"}


def test_an_update_adds_what_is_missing_keeps_what_is_translated_and_drops_what_is_gone(slice_: Room) -> None:
    catalogues.update_catalogues()

    assert {message.id: message.string for message in slice_.read() if message.id} == {
        "Lot": "Numéro de lot",
        "A box": "",
    }


def test_the_shared_room_does_not_look_into_slices(slice_: Room, tmp_path: Path) -> None:
    (tmp_path / "http.py").write_text('N_("Busy")')

    shared, other = catalogues.list_rooms()

    assert shared.is_shared
    assert other == slice_
    assert {message.id for message in shared.extract() if message.id} == {"Busy"}
