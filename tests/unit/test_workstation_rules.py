"""What a reader makes of a text, and what its physical keys tell."""

import json
from datetime import date

import pytest

from scanners import Status
from scanners.readers import calibration
from scanners.readers.keyboards import KeyPress, Layout, typed
from scanners.readers.wedge import Profile
from tests.hospital import TODAY
from tracker import db
from tracker.workstations import rules
from tracker.workstations.rules import Reader, read_presses

LABEL = "]d20103700000000013174001311" + "0A1"
FRENCH = calibration.learn(typed("]d1" + calibration.TEXT, Layout.US, Layout.FR)).profile


def test_calibrated_reader_puts_a_text_right_and_keeps_what_arrived() -> None:
    reader = Reader(db.new_id(), FRENCH)
    arrived = typed(LABEL, Layout.US, Layout.FR)

    capture = reader.read(arrived, today=TODAY)

    assert (capture.scan.raw, capture.scan.text) == (arrived, LABEL)
    assert capture.reader is reader
    assert rules.searched_text(capture.scan) == "A1"


def test_keys_are_kept_only_where_they_say_something_else_than_the_text() -> None:
    told = Reader().read("$dé", today=TODAY, keyed=LABEL)
    same = Reader().read(LABEL, today=TODAY, keyed=LABEL + "\n")

    assert (told.keyed, told.scan.text) == (LABEL, LABEL)
    assert same.keyed == ""


def test_nothing_of_a_patient_label_is_kept_whichever_way_it_came() -> None:
    label = "IS01" + "0" * 22 + "S1280129999999969S21.2.250.1.213.1.4.10S3MARIE"
    for reader in (Reader(), Reader(db.new_id(), FRENCH), Reader(db.new_id(), Profile())):
        for raw, keyed in ((label, label), (typed(label, Layout.US, Layout.FR), label), ("noise", label)):
            capture = reader.read(raw, today=TODAY, keyed=keyed)
            assert capture.scan.status is Status.PATIENT
            assert (capture.scan.raw, capture.scan.meant, capture.keyed) == ("", "", "")


@pytest.mark.parametrize(
    ("raw", "searched"),
    [
        ("T590000000178", "T590000000178"),
        ("010370000000001321SN7", "SN7"),
        ("3700000000013", "03700000000013"),
        ("]C01-020163C", "1-020163C"),
        ("1-020163C", "1-020163C"),
        ("010370000000001310A1210", "03700000000013"),
    ],
)
def test_a_scan_names_what_is_searched(raw: str, searched: str) -> None:
    assert rules.searched_text(Reader().read(raw, today=TODAY).scan) == searched


def test_presses_are_read_from_what_the_page_sends() -> None:
    sent = json.dumps([["BracketRight", 0], ["KeyQ", 1], ["BracketRight", 2], ["Numpad2", 4]])

    assert read_presses(sent) == (
        KeyPress("BracketRight"),
        KeyPress("KeyQ", shift=True),
        KeyPress("BracketRight", control=True),
        KeyPress("Numpad2", alt=True),
    )


@pytest.mark.parametrize(
    "sent", ["", "no", "[", "{}", "3", "[3]", '[["KeyA"]]', '[["KeyA", "1"]]', "[" * 100_000, '[["KeyA",0],[]]']
)
def test_presses_that_cannot_be_understood_count_as_not_sent(sent: str) -> None:
    assert read_presses(sent) == ()


def test_more_presses_than_a_scan_can_have_count_as_not_sent() -> None:
    assert read_presses(json.dumps([["KeyA", 0]] * 20_000)) == ()


def test_every_finding_of_a_calibration_has_words_and_blocks_as_the_scanners_say() -> None:
    for code, words in rules.FINDINGS.items():
        found = calibration.Calibration(Profile(), (code,))
        assert found.is_usable is not words.is_blocking
        assert words.sentence != words.remedy


def test_layouts_are_named_where_they_are_known() -> None:
    assert rules.layouts_of("us-fr") == (Layout.US, Layout.FR)
    assert rules.layouts_of(None) is None
    assert set(rules.HOST_LABELS) == set(Layout)


def test_a_very_long_text_is_cut_before_it_is_looked_at() -> None:
    capture = Reader().read("A" * 100_000, today=date(2026, 1, 1), keyed="B" * 100_000)

    assert len(capture.scan.raw) == rules.MAX_RAW_LENGTH
    assert capture.scan.status is Status.INVALID


def test_a_patient_label_names_no_device() -> None:
    label = "IS01" + "0" * 22 + "S1280129999999969S21.2.250.1.213.1.4.10S3MARIE"

    with pytest.raises(rules.PatientLabelScanned):
        rules.searched_device(Reader().read(label, today=TODAY).scan)
