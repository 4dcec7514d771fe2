"""Sealed values open only where they belong, whole, with their key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hospital import KEYRING
from tracker.sealing import KeyRing, UnsealFailed, normalise

OLD_KEY, NEW_KEY = bytes(range(32)), bytes(range(100, 132))
CONTEXT = "patient.traits:1"


def ring(keys: dict[int, bytes], current: int, lookup_key: bytes = bytes(32)) -> KeyRing:
    return KeyRing(data_keys=keys, current_key_id=current, lookup_key=lookup_key)


@given(st.binary(max_size=300), st.text(max_size=40))
def test_what_was_sealed_comes_back(plaintext: bytes, context: str) -> None:
    context = context.encode("utf-8", "ignore").decode()

    assert KEYRING.unseal(KEYRING.seal(plaintext, context=context), context=context) == plaintext


def test_the_plain_text_is_not_in_the_sealed_value() -> None:
    assert b"MARTIN" not in KEYRING.seal(b"MARTIN, Marie", context=CONTEXT)


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert KEYRING.seal(b"same", context=CONTEXT) != KEYRING.seal(b"same", context=CONTEXT)


@given(st.data())
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    sealed = bytearray(KEYRING.seal(b"Marie MARTIN", context=CONTEXT))
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= data.draw(st.integers(1, 255))

    with pytest.raises(UnsealFailed):
        KEYRING.unseal(bytes(sealed), context=CONTEXT)


@given(st.integers(0, 5 + 12 + 4 + 16 - 1))
def test_a_cut_value_is_refused_wherever_it_was_cut(length: int) -> None:
    sealed = KEYRING.seal(b"text", context=CONTEXT)

    with pytest.raises(UnsealFailed):
        KEYRING.unseal(sealed[:length], context=CONTEXT)


def test_a_value_moved_to_another_row_is_refused() -> None:
    sealed = KEYRING.seal(b"Marie MARTIN", context="patient.traits:1")

    with pytest.raises(UnsealFailed, match=r"patient\.traits:2 was altered or moved"):
        KEYRING.unseal(sealed, context="patient.traits:2")


def test_after_a_rotation_old_values_open_and_new_ones_need_the_new_key() -> None:
    before = ring({1: OLD_KEY}, 1)
    after = ring({1: OLD_KEY, 2: NEW_KEY}, 2)
    old, new = before.seal(b"old", context=CONTEXT), after.seal(b"new", context=CONTEXT)

    opened = after.unseal(old, context=CONTEXT), after.unseal(new, context=CONTEXT)

    assert opened == (b"old", b"new")
    with pytest.raises(UnsealFailed, match="no key for this value"):
        before.unseal(new, context=CONTEXT)


def test_a_value_whose_key_is_missing_is_refused() -> None:
    sealed = ring({1: OLD_KEY}, 1).seal(b"old", context=CONTEXT)

    with pytest.raises(UnsealFailed, match="no key for this value"):
        ring({2: NEW_KEY}, 2).unseal(sealed, context=CONTEXT)


def test_another_key_under_the_same_number_does_not_open() -> None:
    sealed = ring({1: OLD_KEY}, 1).seal(b"old", context=CONTEXT)

    with pytest.raises(UnsealFailed, match="altered or moved"):
        ring({1: NEW_KEY}, 1).unseal(sealed, context=CONTEXT)


@pytest.mark.parametrize("typed", ["martin bréant", "MARTIN  BREANT", " Martin Breant "])
def test_one_name_typed_in_several_ways_is_found_under_one_hash(typed: str) -> None:
    assert KEYRING.lookup("patient.name", typed) == KEYRING.lookup("patient.name", "MARTIN BRÉANT")


def test_a_lookup_keeps_purposes_parts_and_keys_apart() -> None:
    other = ring({1: OLD_KEY}, 1, lookup_key=NEW_KEY)

    hashes = {
        KEYRING.lookup("patient.name", "A", "B"),
        KEYRING.lookup("patient.ipp", "A", "B"),
        KEYRING.lookup("patient.name", "AB"),
        KEYRING.lookup("patient.name", "A\x1fB"),
        other.lookup("patient.name", "A", "B"),
    }

    assert len(hashes) == 5
    assert all(len(found) == 32 for found in hashes)


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_a_key_ring_never_shows_a_key() -> None:
    shown = repr(ring({1: OLD_KEY, 2: NEW_KEY}, 2))

    assert shown == "KeyRing(ids=[1, 2], current=2)"
