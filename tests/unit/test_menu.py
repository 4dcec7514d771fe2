"""Everybody sees the places they may open, under the name of the work, and where they are."""

import pytest

from tests.hospital import ALICE, PEOPLE
from tracker.actor import Actor
from tracker.menu import MENU, MenuGroup, menu_of


def shown(actor: Actor, endpoint: str = "alerts.home") -> list[MenuGroup]:
    return menu_of(actor, endpoint=endpoint, translate=str.upper, address=lambda name: f"/{name}")


@pytest.mark.parametrize("actor", PEOPLE, ids=lambda actor: actor.display_name)
def test_nobody_sees_a_place_that_would_be_refused(actor: Actor) -> None:
    allowed = {f"/{place.endpoint}" for work in MENU for place in work.places if actor.can(place.permission)}

    assert {item.href for group in shown(actor) for item in group.items} == allowed
    assert all(group.items for group in shown(actor))


def test_names_are_in_the_readers_language() -> None:
    assert [group.label for group in shown(ALICE)][:2] == ["", "GOODS-IN"]


@pytest.mark.parametrize(
    ("endpoint", "entry"),
    [
        ("vigilance.recall", ["/vigilance.recall"]),
        ("vigilance.show", ["/vigilance.index"]),
        ("documents.show", []),
    ],
)
def test_one_place_at_most_is_the_present_one(endpoint: str, entry: list[str]) -> None:
    current = [item.href for group in shown(ALICE, endpoint) for item in group.items if item.current]

    assert current == entry
