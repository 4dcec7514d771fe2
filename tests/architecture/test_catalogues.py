"""Every text of the interface has a French translation that fits."""

import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Message

from tracker.catalogues import Room, list_rooms

ROOMS = list_rooms()
PLACEHOLDER = re.compile(r"%\([a-z_0-9]+\)[sd]|%[sd]|\{[a-z_0-9]*\}")
TAG = re.compile(r"</?(?:a|abbr|b|br|code|em|i|kbd|span|strong)\b[^>]*>")
ODD_SIGN = re.compile(r"\w'\w|\u00a0[;?!]")
SPACE_BEFORE_SIGN = re.compile(r"[a-zà-ÿœ)»] [:;?!»]|« ")

rooms = pytest.mark.parametrize("room", ROOMS, ids=[room.folder.name for room in ROOMS])


def texts(value: str | tuple[str, ...] | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def key(message: Message) -> tuple[str, str]:
    """Return what a text is found by: its context, mostly empty, and its English form."""
    return message.context or "", texts(message.id)[0]


def translated(room: Room) -> dict[tuple[str, str], Message]:
    """Return the finished translations of a room."""
    return {
        key(message): message
        for message in room.read()
        if message.id and not message.fuzzy and all(texts(message.string or ""))
    }


def translations() -> Iterator[tuple[str, str, str]]:
    """Yield every finished translation: room, English (after its context), French."""
    for room in ROOMS:
        for (context, _), message in translated(room).items():
            for english, french in zip(texts(message.id), texts(message.string), strict=False):
                yield room.folder.name, f"{context}|{english}" if context else english, french


@rooms
def test_every_text_is_in_french(room: Room) -> None:
    known = translated(ROOMS[0]).keys() | translated(room).keys()
    missing = [
        f"{message.locations[0][0]}:{message.locations[0][1]} {texts(message.id)[0]!r}"
        for message in room.extract()
        if message.id and key(message) not in known
    ]

    assert missing == []


@rooms
def test_no_catalogue_holds_what_nothing_shows(room: Room) -> None:
    shown = {key(message) for message in room.extract() if message.id}
    stale = [key(message) for message in room.read() if message.id and key(message) not in shown]

    assert stale == []


def test_a_translation_keeps_every_placeholder_and_every_tag() -> None:
    changed = [
        (room, english, french)
        for room, english, french in translations()
        for pattern in (PLACEHOLDER, TAG)
        if sorted(pattern.findall(english)) != sorted(pattern.findall(french))
    ]

    assert changed == []


def test_one_english_text_has_one_french_text_everywhere() -> None:
    """Catalogues are merged when a page is shown: two translations of one text would hide each other."""
    found: dict[str, set[str]] = defaultdict(set)
    for _, english, french in translations():
        found[english].add(french)

    assert {english: sorted(french) for english, french in found.items() if len(french) > 1} == {}


def test_french_signs_never_begin_a_line() -> None:
    """A non-breaking space stands before : ; ? ! » and after « (Imprimerie nationale, Lexique des règles)."""
    breaking = [(room, french) for room, _, french in translations() if SPACE_BEFORE_SIGN.search(french)]

    assert breaking == []


def test_french_has_one_apostrophe_and_one_space_before_tall_signs() -> None:
    """The curved apostrophe; a narrow space before ; ? ! (Imprimerie nationale, Lexique des règles)."""
    odd = [(room, french) for room, _, french in translations() if ODD_SIGN.search(french)]

    assert odd == []
