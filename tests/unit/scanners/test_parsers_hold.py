"""What must hold for every input: a result for each text, no silent guess, ``parse(format(x)) == x``.

The long run of the same makers is ``make endurance``.
"""

import time
from collections.abc import Callable
from datetime import date
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scanners import Element, Scan, Status, scan
from scanners.recognition import MAXIMUM_LENGTH
from scanners.udi import digital_link, gs1, gs1_brackets, gtin, hibc, iccbba, ifa, ins, unit
from scanners.udi.label import Label
from tests import labels

TODAY = date(2026, 11, 22)
SEED = 20261122

Maker = Callable[[Random], tuple[Element, ...]]


@given(st.binary(max_size=200))
@example(b"\x1d" * 50)
@example(b"(01)" * 50)
@example(b"+$$8")
@example(b"[)>\x1e06\x1d")
@settings(deadline=None)
def test_every_byte_string_gives_a_result(raw: bytes) -> None:
    for known in (True, False):
        assert isinstance(scan(raw, reference_date=TODAY, group_separator_known=known), Scan)


@given(st.text(max_size=200))
@settings(deadline=None)
def test_every_text_gives_a_result_and_is_kept(raw: str) -> None:
    found = scan(raw, reference_date=TODAY)

    assert found.raw == ("" if found.status is Status.PATIENT else raw)


@given(st.text(alphabet=st.sampled_from("0123456789ABZ-/+$=&.()\x1d[>"), max_size=60))
@settings(max_examples=300, deadline=None)
def test_texts_that_look_like_labels_give_a_result(raw: str) -> None:
    for prefix in ("", "]d2", "]A5", "]I1", "]E0", "01", "+", "=", "https://a/"):
        assert isinstance(scan(prefix + raw, reference_date=TODAY, group_separator_known=False), Scan)


@given(st.dates(min_value=date(1, 1, 1), max_value=date(9999, 12, 31)))
@example(date(1, 1, 1))
@example(date(9999, 12, 31))
@settings(deadline=None)
def test_every_reference_date_gives_a_result(reference: date) -> None:
    for text in ("010370000000001317280229", "+$$3280229LOTX.", "]d2011234567890123117500101", "=>028060"):
        assert isinstance(scan(text, reference_date=reference), Scan)


def test_spoilt_labels_give_a_result() -> None:
    random = Random(SEED)  # noqa: S311 - the same labels in each run

    for _ in range(3000):
        text = labels.spoilt(random, labels.texts(random))
        for known in (True, False):
            assert isinstance(scan(text, reference_date=TODAY, group_separator_known=known), Scan)


def test_legal_labels_are_read() -> None:
    random = Random(SEED)  # noqa: S311 - the same labels in each run

    for _ in range(2000):
        text = labels.texts(random)
        assert scan(text, reference_date=TODAY).status in {Status.OK, Status.PATIENT}, text


@pytest.mark.parametrize(
    ("make", "module"),
    [
        (labels.gs1_elements, gs1),
        (labels.gs1_elements, gs1_brackets),
        (labels.gs1_elements, digital_link),
        (labels.hibc_elements, hibc),
        (labels.iccbba_elements, iccbba),
        (labels.ifa_elements, ifa),
    ],
)
def test_parsing_what_was_formatted_gives_the_same(make: Maker, module: object) -> None:
    write: Callable[[tuple[Element, ...]], str] = module.format  # type: ignore[attr-defined]
    read: Callable[..., Label] = module.parse  # type: ignore[attr-defined]
    random = Random(SEED)  # noqa: S311 - the same labels in each run

    for _ in range(1000):
        elements = make(random)
        found = read(write(elements), reference_date=TODAY)
        assert found.fault is None
        assert sorted(found.elements, key=str) == sorted(elements, key=str)
        if module is not digital_link:  # which has an order of its own
            assert found.elements == elements


@given(st.integers(min_value=0, max_value=unit.HIGHEST))
@settings(deadline=None)
def test_parsing_a_formatted_unit_number_gives_it_again(sequence: int) -> None:
    assert unit.parse(unit.format(sequence)) == sequence


@given(st.from_regex(r"[0-9]{13}", fullmatch=True))
@settings(deadline=None)
def test_parsing_a_formatted_gtin_gives_it_again(payload: str) -> None:
    full = payload + gtin.check_digit(payload)

    assert gtin.parse(gtin.format(full)).udi.udi_di == full


@given(
    st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ -'", min_size=1, max_size=100).filter(
        lambda text: text == text.strip()
    ),
    st.dates(min_value=date(1, 1, 1), max_value=date(2026, 1, 1)),
)
@example("S4S5S6", date(1980, 12, 12))
@example("X" * 100, date(1980, 12, 12))
@settings(deadline=None)
def test_parsing_a_formatted_patient_label_gives_the_same(name: str, born: date) -> None:
    text = ins.HEADER + f"S1280129999999969S21.2.250.1.213.1.4.8\x1dS3{name}"
    text += ("" if len(name) == 100 else "\x1d") + f"S4{name}" + ("" if len(name) == 100 else "\x1d")
    patient = ins.parse(f"{text}S5FS6{born:%d-%m}-{born.year:04d}")

    assert patient.birth_family_name == name
    assert ins.parse(ins.format(patient)) == patient


@pytest.mark.parametrize("prefix", ["", "]d2"])
def test_lost_separator_never_gives_a_wrong_lot_silently(prefix: str) -> None:
    random = Random(SEED)  # noqa: S311 - the same labels in each run
    tried = wrong = missing = 0

    while tried < 2000:
        text = gs1.format(labels.gs1_elements(random))
        if labels.GS not in text:
            continue
        tried += 1
        truth = gs1.parse(text, reference_date=TODAY).udi
        found = scan(prefix + text.replace(labels.GS, ""), reference_date=TODAY, group_separator_known=False)
        wrong += found.status is Status.OK and found.udi != truth
        missing += found.status is Status.AMBIGUOUS and truth not in found.readings

    assert (wrong, missing) == (0, 0)


HOSTILE = [
    "]d2" + "10" * 2046,
    "]d201" + "0" * 4000,
    "01037000000000131" + "0" * 4000,
    "0103700000000013" + "10A21B" * 600,
    "0103700000000013" + "9" * 4000,
    "0103700000000013" + "91" * 2000,
    "(01)" * 1000,
    "(01)03700000000013" + "(10)A" * 800,
    "(10)" + "(" * 4000,
    "+" + "A" * 4000,
    "+H999TRK10/" + "$" * 4000,
    "+H999TRK10/" + "/S" * 2000,
    "+A123B0" * 500,
    "=" * 4000,
    "=>028001" * 500,
    "9N" + "A" * 4000,
    "9N110375286414\x1d" + "1TA\x1d" * 1000,
    "1T" + "A\x1d" * 2000,
    "https://a/" + "01/" * 1000,
    "https://a/01/03700000000013?" + "10=A&" * 700,
    "]" * 4000,
    "IS" * 2000,
    "\x1d" * 4096,
    "8" * 4096,
]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_answered_in_time(text: str, known: bool) -> None:  # noqa: FBT001 - a parameter of the test
    started = time.process_time()

    found = scan(text[:MAXIMUM_LENGTH], reference_date=TODAY, group_separator_known=known)

    assert isinstance(found, Scan)
    assert time.process_time() - started < 1.0
