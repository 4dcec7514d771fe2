"""Everybody sees the places they may open, under the name of the work, and where they are."""

import pytest

from tests.hospital import ALICE, PEOPLE
from tracker.actor import Actor, Permission
from tracker.menu import _BELONGS, MENU, MenuGroup, menu_of


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
        ("recalls.show", ["/recalls.show"]),
        ("vigilance.show", ["/vigilance.index"]),
        ("documents.show", []),
        ("reception.show", ["/reception.index"]),
        ("checks.ask", ["/checks.ask"]),
        ("closings.show", ["/reception.index"]),
        ("chronicle.show", ["/stock.index"]),
        ("lots.index", ["/lots.index"]),
        ("decisions.show", ["/register.index"]),
        ("consents.index", ["/patients.index"]),
        ("consents.notices", ["/register.index"]),
        ("outcomes.show_use", ["/use.index"]),
    ],
)
def test_one_place_at_most_is_the_present_one(endpoint: str, entry: list[str]) -> None:
    current = [item.href for group in shown(ALICE, endpoint) for item in group.items if item.current]

    assert current == entry


def test_a_page_stands_under_no_place_that_its_reader_may_not_open() -> None:
    nurse = next(person for person in PEOPLE if not person.can(Permission.RECEPTION_READ))

    assert not [item for group in shown(nurse, "reception.show") for item in group.items if item.current]


def test_every_place_that_a_page_stands_under_is_in_the_menu() -> None:
    assert set(_BELONGS.values()) <= {place.endpoint for work in MENU for place in work.places}
