"""The chain: what holds, and each way of breaking it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hospital import ALICE, GUY, HOSPITAL_A, HOSPITAL_B, NOW
from tracker.audit.rules import (
    GENESIS,
    BrokenLink,
    Entry,
    Head,
    canonical,
    entry_hash,
    find_broken_link,
    find_contradiction,
    head_statement,
    read_statement,
)

Stored = list[tuple[Entry, str]]
LENGTH = 5


def chain(length: int = LENGTH) -> Stored:
    stored: Stored = []
    previous = GENESIS
    for sequence in range(1, length + 1):
        entry = Entry(
            establishment_id=HOSPITAL_A,
            sequence=sequence,
            at=NOW + timedelta(minutes=sequence),
            actor_id=ALICE.id,
            actor_name=ALICE.display_name,
            action="device:received",
            subject=f"device:{sequence}",
            details={"lot": "A1", "état": "reçu"},
            previous_hash=previous,
        )
        previous = entry_hash(entry)
        stored.append((entry, previous))
    return stored


def verify(stored: Stored, *, head: tuple[int, str] | None = None) -> BrokenLink | None:
    sequence, last = head or (len(chain()), chain()[-1][1])
    return find_broken_link(stored, head_sequence=sequence, head_hash=last)


@pytest.mark.parametrize("length", [0, 1, LENGTH])
def test_an_untouched_chain_holds(length: int) -> None:
    stored = chain(length)

    assert verify(stored, head=(length, stored[-1][1] if stored else GENESIS)) is None


CHANGES: dict[str, Callable[[Entry], Entry]] = {
    "who": lambda entry: replace(entry, actor_id=GUY.id),
    "name": lambda entry: replace(entry, actor_name="Guy Test"),
    "when": lambda entry: replace(entry, at=entry.at + timedelta(microseconds=1)),
    "what": lambda entry: replace(entry, action="device:refused"),
    "on what": lambda entry: replace(entry, subject="device:99"),
    "detail": lambda entry: replace(entry, details={"lot": "B2", "état": "reçu"}),
    "one detail less": lambda entry: replace(entry, details={"lot": "A1"}),
    "establishment": lambda entry: replace(entry, establishment_id=HOSPITAL_B),
    "predecessor": lambda entry: replace(entry, previous_hash="f" * 64),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("position", range(LENGTH))
def test_any_changed_column_is_named_where_it_was_changed(change: Callable[[Entry], Entry], position: int) -> None:
    stored = chain()
    entry, hash_ = stored[position]
    stored[position] = (change(entry), hash_)

    assert verify(stored) == BrokenLink(position + 1, "altered")


def test_an_entry_edited_with_its_hash_recomputed_breaks_the_next_link() -> None:
    stored = chain()
    edited = replace(stored[1][0], action="device:refused")
    stored[1] = (edited, entry_hash(edited))

    assert verify(stored) == BrokenLink(3, "altered")


def test_the_last_entry_edited_with_its_hash_recomputed_differs_from_the_head() -> None:
    stored = chain()
    edited = replace(stored[-1][0], action="device:refused")
    stored[-1] = (edited, entry_hash(edited))

    assert verify(stored) == BrokenLink(LENGTH + 1, "cut")


def test_a_stored_hash_that_was_changed_is_named() -> None:
    stored = chain()
    stored[2] = (stored[2][0], "0" * 64)

    assert verify(stored) == BrokenLink(3, "altered")


@pytest.mark.parametrize("position", range(LENGTH - 1))
def test_a_removed_entry_is_missing(position: int) -> None:
    stored = chain()
    del stored[position]

    assert verify(stored) == BrokenLink(position + 1, "missing")


def test_a_doubled_entry_is_named() -> None:
    stored = chain()
    stored.insert(2, stored[1])

    assert verify(stored) == BrokenLink(3, "missing")


def test_two_exchanged_entries_are_named() -> None:
    stored = chain()
    stored[1], stored[2] = stored[2], stored[1]

    assert verify(stored) == BrokenLink(2, "missing")


def test_an_inserted_entry_needs_a_number_that_is_taken() -> None:
    stored = chain()
    forged = replace(stored[2][0], previous_hash=stored[1][1], subject="device:forged")
    stored.insert(2, (forged, entry_hash(forged)))

    assert verify(stored) == BrokenLink(4, "missing")


@pytest.mark.parametrize("kept", range(LENGTH))
def test_a_cut_tail_is_seen_while_the_head_still_counts_it(kept: int) -> None:
    assert verify(chain()[:kept]) == BrokenLink(kept + 1, "cut")


def test_a_cut_tail_with_a_rewritten_head_is_not_seen_by_the_chain_alone() -> None:
    stored = chain()[:3]

    assert verify(stored, head=(3, stored[-1][1])) is None


def test_an_entry_beyond_the_head_is_seen() -> None:
    stored = chain()

    assert verify(stored, head=(4, stored[3][1])) == BrokenLink(6, "cut")


def test_another_establishments_chain_does_not_pass_for_this_one() -> None:
    foreign = [(replace(entry, establishment_id=HOSPITAL_B), hash_) for entry, hash_ in chain()]

    assert verify(foreign) == BrokenLink(1, "altered")


def test_the_hash_does_not_depend_on_the_order_of_details_nor_on_the_time_zone() -> None:
    entry = chain()[0][0]
    same = replace(
        entry,
        details=dict(reversed(list(entry.details.items()))),
        at=entry.at.astimezone(timezone(timedelta(hours=2))),
    )

    assert entry_hash(same) == entry_hash(entry)


def test_the_bytes_that_are_hashed_never_change() -> None:
    entry = replace(chain()[0][0], details={"lot": "A1"})

    assert canonical(entry).decode() == (
        '{"action":"device:received","actor_id":"0c000000-0000-7000-8000-000000000001","actor_name":"Alice Test",'
        '"at":"2026-03-02T09:01:00.000000+00:00","details":{"lot":"A1"},'
        '"establishment_id":"0a000000-0000-7000-8000-00000000000a","previous_hash":"' + GENESIS + '","sequence":1,'
        '"subject":"device:1"}'
    )


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4), st.text(max_size=10))
def test_no_two_entries_have_the_same_bytes(details: dict[str, str], subject: str) -> None:
    entry = chain()[0][0]
    other = replace(entry, details=details, subject=subject)

    assert (canonical(other) == canonical(entry)) == (other == entry)


def head(sequence: int, hash_: str | None = None) -> Head:
    return Head(HOSPITAL_A, sequence, hash_ or chain()[sequence - 1][1], at=NOW)


STORED = {entry.sequence: hash_ for entry, hash_ in chain()}


def test_heads_of_an_untouched_chain_do_not_contradict_it() -> None:
    heads = [head(5), head(2), head(2), head(0, GENESIS)]

    assert find_contradiction(heads, STORED) is None


def test_no_head_contradicts_nothing() -> None:
    assert find_contradiction([], {}) is None


def test_a_head_beyond_the_end_shows_that_the_tail_was_cut() -> None:
    cut = {sequence: hash_ for sequence, hash_ in STORED.items() if sequence <= 3}

    assert find_contradiction([head(5), head(4), head(2)], cut) == BrokenLink(4, "cut")


def test_a_recomputed_chain_differs_from_its_first_head_after_the_edit() -> None:
    recomputed = STORED | {3: "a" * 64, 4: "b" * 64, 5: "c" * 64}

    assert find_contradiction([head(5), head(2), head(4)], recomputed) == BrokenLink(4, "rewritten")


def test_a_head_of_an_empty_chain_has_the_genesis_hash() -> None:
    assert find_contradiction([head(0, "f" * 64)], {}) == BrokenLink(0, "rewritten")


@given(
    st.uuids(),
    st.integers(0, 2**62),
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.datetimes(timezones=st.just(UTC)),
)
def test_a_statement_is_read_back_to_the_second(
    establishment_id: UUID, sequence: int, hash_: str, at: datetime
) -> None:
    made = Head(establishment_id, sequence, hash_, at=at.replace(microsecond=0))

    assert read_statement(head_statement(made)) == made
