"""What must be known of a box that is put aside, and of what became of it."""

import pytest

from tracker.unidentified.rules import (
    BY_HAND,
    CAUSE_LABELS,
    DISPOSITION_LABELS,
    Cause,
    Disposition,
    ItemIncomplete,
    ReasonMissing,
    check_item,
    check_reason,
)


@pytest.mark.parametrize("known", ["description", "text", "photo"])
def test_one_thing_to_know_a_box_by_is_enough(known: str) -> None:
    check_item(
        place="Shelf 4",
        description="blue box" if known == "description" else "",
        has_text=known == "text",
        has_photo=known == "photo",
    )


@pytest.mark.parametrize(
    ("place", "description", "missing"),
    [("", "blue box", {"place"}), ("Shelf 4", " ", {"photo"}), (" ", "", {"place", "photo"})],
)
def test_a_box_without_place_or_mark_is_not_put_aside(place: str, description: str, missing: set[str]) -> None:
    with pytest.raises(ItemIncomplete) as refused:
        check_item(place=place, description=description, has_text=False, has_photo=False)

    assert refused.value.fields.keys() == missing


def test_what_became_of_a_box_needs_a_reason() -> None:
    check_reason("Supplier took it back")
    with pytest.raises(ReasonMissing):
        check_reason(" \n")


def test_every_code_has_words_and_a_receipt_is_never_stated_by_hand() -> None:
    assert set(CAUSE_LABELS) == set(Cause)
    assert set(DISPOSITION_LABELS) == set(Disposition)
    assert set(BY_HAND) == set(Disposition) - {Disposition.RECEIVED}
