"""Keyboard wedges: calibrated, uncalibrated, mangled by layouts and Caps Lock; never a wrong text silently."""

import itertools
from datetime import date
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanners import Scan, Status, scan
from scanners.errors import BrokenStructure
from scanners.readers import calibration, wedge
from scanners.readers.keyboards import KeyPress, Layout, meant, text_of_keys, typed
from scanners.readers.wedge import STAND_INS, Profile
from scanners.udi import check_digits, gs1, hibc
from tests import labels

TODAY = date(2026, 11, 22)
SEED = 20261122
GS = "\x1d"
GTIN = "03700000000013"
UDI = f"]d201{GTIN}1728123110AZ-42M{GS}21SN7"
HOSTS = [Layout.FR, Layout.BE, Layout.DE, Layout.UK, Layout.US]


def read(raw: str, profile: Profile | None = None) -> Scan:
    return wedge.read(raw, profile, reference_date=TODAY)


def profile_of(host: Layout, separator: str = GS) -> Profile:
    sheet = ("]d1" + calibration.TEXT).split(GS)
    return calibration.learn(separator.join(typed(part, Layout.US, host) for part in sheet)).profile


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("separator", [GS, "<GS>", "\u2194", "|", "Alt029"])
def test_calibrated_workstation_gives_the_text_back(host: Layout, separator: str) -> None:
    profile = profile_of(host, separator)
    arrived = separator.join(typed(part, Layout.US, host) for part in UDI.split(GS))

    found = read(arrived, profile)

    assert found.status is Status.OK
    assert found.symbology == "d2"
    assert found.udi is not None
    assert (found.udi.lot, found.udi.serial) == ("AZ-42M", "SN7")
    assert found.raw == arrived


@pytest.mark.parametrize("host", HOSTS)
def test_calibration_finds_prefix_suffix_and_layout(host: Layout) -> None:
    arrived = "%" + typed("]d1" + calibration.TEXT, Layout.US, host) + "$\r\n"

    found = calibration.learn(arrived)

    assert (found.profile.prefix, found.profile.suffix) == ("%", "$")
    assert found.profile.separator == GS
    assert found.profile.is_identity == (host is Layout.US)
    assert (found.findings, found.layout, found.is_usable) == ((), f"us-{host}", True)
    scanned = read("%" + typed(UDI, Layout.US, host) + "$\r\n", found.profile)
    assert scanned.udi is not None
    assert scanned.udi.serial == "SN7"


def test_calibration_says_what_is_wrong() -> None:
    no_identifier = calibration.learn(calibration.TEXT)
    no_separator = calibration.learn("]d1" + calibration.TEXT.replace(GS, ""))
    caps_lock = calibration.learn(typed("]d1" + calibration.TEXT, Layout.US, Layout.FR, caps_lock=True))
    capitals = calibration.learn("]d1" + calibration.TEXT.upper())

    assert (no_identifier.findings, no_identifier.is_usable) == (("identifier-missing",), True)
    assert no_identifier.profile.identifier is False
    assert (no_separator.findings, no_separator.is_usable) == (("separator-lost",), True)
    assert no_separator.profile.separator is None
    assert (caps_lock.findings, caps_lock.is_usable) == (("caps-lock",), False)
    assert "case-lost" in capitals.findings
    assert not capitals.is_usable


def test_digits_sent_from_the_keypad_are_found_where_other_characters_look_like_them() -> None:
    sheet = "]d1" + calibration.TEXT
    arrived = "".join(one if one.isdigit() else typed(one, Layout.US, Layout.FR) for one in sheet)

    found = calibration.learn(arrived)

    assert (found.findings, found.is_usable) == (("keypad-digits",), False)


@pytest.mark.parametrize("host", [Layout.US, Layout.DE])
def test_digits_sent_from_the_keypad_are_found_by_their_keys_where_nothing_else_shows(host: Layout) -> None:
    arrived = typed("]d1" + calibration.TEXT, Layout.US, host)

    by_keypad = calibration.learn(arrived, [KeyPress("KeyT", "T", shift=True), KeyPress("Numpad5", "5")])
    by_row = calibration.learn(arrived, [KeyPress("KeyT", "T", shift=True), KeyPress("Digit5", "5")])
    by_alt = calibration.learn(arrived, [KeyPress("Numpad5", alt=True)])

    assert (by_keypad.findings, by_keypad.is_usable) == (("keypad-digits",), False)
    assert (by_row.findings, by_alt.findings) == ((), ())


@pytest.mark.parametrize(
    ("received", "code"),
    [
        ("", "not-the-sheet"),
        (UDI, "not-the-sheet"),
        (calibration.TEXT[:-1], "not-the-sheet"),
        (calibration.TEXT[:-1] + "!", "not-the-sheet"),
        (calibration.TEXT.replace("Q", ""), "not-the-sheet"),
        (typed(calibration.TEXT, Layout.FR, Layout.US), "characters-merged"),
    ],
)
def test_what_is_not_the_sheet_is_refused(received: str, code: str) -> None:
    with pytest.raises(BrokenStructure) as refused:
        calibration.learn(received)

    assert refused.value.code == code


def test_lost_dead_key_does_not_spoil_the_calibration() -> None:
    assert calibration.learn("]d1" + calibration.TEXT.replace("[", "")).is_usable


def test_profile_survives_storing() -> None:
    profile = profile_of(Layout.FR, "<GS>")

    assert Profile.from_json(profile.as_json()) == profile
    assert Profile.from_json({}) == Profile()


@pytest.mark.parametrize("stand_in", [text for text in STAND_INS if text != " "])
def test_stand_in_counts_only_where_the_profile_names_it(stand_in: str) -> None:
    arrived = UDI.replace(GS, stand_in)

    named, unnamed = read(arrived, Profile(separator=stand_in)), read(arrived, Profile())

    assert named.udi is not None
    assert named.udi.serial == "SN7"
    assert unnamed.udi is None or unnamed.udi.serial != "SN7"


def test_space_for_a_separator_stays_data_in_hibc_and_between_names() -> None:
    profile = Profile(separator=" ", identifier=False)
    patient = "IS01" + "0" * 22 + "S1280129999999969S21.2.250.1.213.1.4.10S3MARIE CLAIRE S4EXEMPLE S5FS612-12-1980"

    assert read("+H999TRK60 ", profile).status is Status.OK
    assert read(f"01{GTIN}10LOT42 21SN7", profile).status is Status.OK
    found = read(patient, profile)
    assert (found.status, found.raw) == (Status.PATIENT, "")
    assert found.patient is not None
    assert found.patient.birth_given_names == "MARIE CLAIRE"


@pytest.mark.parametrize("host", [Layout.FR, Layout.BE])
def test_uncalibrated_scan_on_a_french_host_is_repaired_where_a_check_holds(host: Layout) -> None:
    for text in (f"01{GTIN}1728123110LOT-42A", "+H999TRK10X", "3700000000013", "T590000000178"):
        found = read(typed(text, Layout.US, host))
        truth = scan(text, reference_date=TODAY)

        assert found.status is Status.OK
        assert (found.udi, found.unit_number) == (truth.udi, truth.unit_number)
        assert "keyboard-repaired" in found.warnings


def test_text_without_a_check_is_not_repaired() -> None:
    found = read(typed("SCORE-C", Layout.US, Layout.FR))

    assert found.status is Status.UNKNOWN
    assert "keyboard-suspected" in found.warnings


def test_mangled_patient_label_is_refused_and_not_kept() -> None:
    text = "]d1IS01" + "0" * 22 + "S1280129999999969S21.2.250.1.213.1.4.10S3MARIE<GS>S4EXEMPLE<GS>S5FS612-12-1980"

    for host, caps_lock in itertools.product(HOSTS, (False, True)):
        for profile in (None, profile_of(Layout.FR), Profile()):
            found = read(typed(text, Layout.US, host, caps_lock=caps_lock), profile)
            assert (found.status, found.raw) == (Status.PATIENT, "")


def test_typed_by_a_person_on_a_calibrated_workstation() -> None:
    profile = profile_of(Layout.FR)

    assert read("T590000000178", profile).unit_number == "T590000000178"
    assert read("3700000000013", profile).status is Status.OK
    assert read("1-020163C", profile).status is Status.UNKNOWN
    assert "no-identifier" in read("3700000000013", profile).warnings


@pytest.mark.parametrize(("host", "silent"), [(Layout.FR, 0), (Layout.BE, 0), (Layout.UK, 0), (Layout.US, 0)])
@pytest.mark.parametrize("caps_lock", [False, True])
@pytest.mark.parametrize("identifier", ["", "]d2"])
def test_no_layout_gives_a_wrong_text_silently(host: Layout, silent: int, caps_lock: bool, identifier: str) -> None:  # noqa: FBT001
    random = Random(SEED)  # noqa: S311 - the same labels in each run
    wrong = 0

    for number in range(60):
        text = gs1.format(labels.gs1_elements(random)) if number % 2 else hibc.format(labels.hibc_elements(random))
        arrived = typed((identifier if number % 2 else "") + text.replace(GS, ""), Layout.US, host, caps_lock=caps_lock)
        found = read(arrived)
        wrong += found.status is Status.OK and found.udi != scan(text, reference_date=TODAY).udi

    assert wrong == silent


def test_caps_lock_after_calibration_is_noticed_by_the_missing_identifier() -> None:
    profile = profile_of(Layout.FR)

    found = read(typed(UDI.replace(GS, "")[:-5], Layout.US, Layout.FR, caps_lock=True), profile)

    assert found.status is Status.OK
    assert found.udi is not None
    assert found.udi.lot == "AZ-42M"
    assert "caps-lock" in found.warnings


def test_small_letters_raise_the_doubt_of_caps_lock() -> None:
    found = read("3700000000013"), read(f"01{GTIN}10lot42")

    assert found[0].status is Status.OK
    assert found[1].status is Status.AMBIGUOUS
    assert [udi.lot for udi in found[1].readings] == ["lot42", "LOT42"]


def test_physical_keys_repair_what_two_layouts_would_leave_ambiguous() -> None:
    text = f"]d201{GTIN}10A=42"
    arrived = typed(text, Layout.US, Layout.BE)

    alone = read(arrived)
    with_keys = wedge.read(arrived, None, reference_date=TODAY, keyed=text)

    assert alone.status is Status.AMBIGUOUS
    assert (with_keys.status, with_keys.raw, with_keys.meant) == (Status.OK, arrived, text)
    assert with_keys.udi is not None
    assert with_keys.udi.lot == "A=42"
    assert "keyboard-repaired" in with_keys.warnings


def test_physical_keys_that_contradict_a_proven_text_make_it_ambiguous() -> None:
    text = f"]d201{GTIN}10LOT42"
    arrived = f"]D201{GTIN}10lot42"

    found = wedge.read(arrived, None, reference_date=TODAY, keyed=text)
    same = wedge.read(f"01{GTIN}10lot42", None, reference_date=TODAY, keyed=f"01{GTIN}10lot42")

    assert found.status is Status.OK or "LOT42" in [udi.lot for udi in found.readings]
    assert (same.status, same.udi and same.udi.lot) == (Status.OK, "lot42")


def test_physical_keys_speak_where_the_canary_of_a_profile_is_silent() -> None:
    profile = profile_of(Layout.FR)
    arrived = typed(UDI.replace(GS, ""), Layout.US, Layout.FR, caps_lock=True)

    found = wedge.read(arrived, profile, reference_date=TODAY, keyed=UDI)

    assert (found.status, found.raw, found.meant) == (Status.OK, arrived, UDI)
    assert found.udi is not None
    assert (found.udi.lot, found.udi.serial) == ("AZ-42M", "SN7")
    assert {"keyboard-repaired", "no-identifier"} <= set(found.warnings)


def test_physical_keys_of_a_patient_label_are_not_kept() -> None:
    label = "]d1IS01" + "0" * 22 + "S1280129999999969S21.2.250.1.213.1.4.10S3MARIE"

    found = wedge.read("garbled", None, reference_date=TODAY, keyed=label)

    assert (found.status, found.raw, found.meant) == (Status.PATIENT, "", "")


def test_physical_keys_follow_prefix_suffix_and_stand_in_of_the_profile() -> None:
    profile = Profile(written="àé", meant="02", separator="|", prefix="é", suffix="à")

    found = wedge.read("garbled", profile, reference_date=TODAY, keyed="2" + UDI.replace(GS, "|") + "0")

    assert (found.status, found.meant) == (Status.OK, UDI)


def test_reference_of_a_catalogue_is_repaired_by_the_profile() -> None:
    profile = profile_of(Layout.FR)

    found = read(typed("]C01-020163C", Layout.US, Layout.FR), profile)

    assert (found.status, found.text, found.content) == (Status.UNKNOWN, "]C01-020163C", "1-020163C")
    assert found.warnings == ()


def test_physical_keys_tell_the_text_whatever_the_layout() -> None:
    presses = [
        KeyPress("BracketRight", "$"),
        KeyPress("KeyD", "d"),
        KeyPress("Digit2", "é"),
        KeyPress("ShiftLeft", "Shift", shift=True),
        KeyPress("KeyQ", "A", shift=True),
        KeyPress("BracketRight", "$", control=True),
        KeyPress("Numpad7", "7"),
        KeyPress("Space", " "),
        KeyPress("NumpadSubtract", "-"),
        KeyPress("Numpad0", alt=True),
        KeyPress("Numpad2", alt=True),
        KeyPress("Numpad9", alt=True),
    ]

    assert text_of_keys(presses) == f"]d2Q{GS}7 -{GS}"
    assert text_of_keys([KeyPress(f"Numpad{digit}", alt=True) for digit in "999999"]) == ""


@given(st.text(alphabet=check_digits.GS1_CHARACTERS + "$ []", max_size=60), st.sampled_from(HOSTS), st.booleans())
@settings(deadline=None)
def test_what_a_host_writes_can_be_taken_back(text: str, host: Layout, caps_lock: bool) -> None:  # noqa: FBT001
    assert meant(typed(text, Layout.US, host, caps_lock=caps_lock), Layout.US, host, caps_lock=caps_lock) == text


@given(st.text(max_size=80))
@settings(deadline=None)
def test_every_text_gives_a_result(raw: str) -> None:
    for profile in (None, Profile(), Profile(separator=None, identifier=False, prefix="%", suffix="$")):
        assert isinstance(read(raw, profile), Scan)


@given(st.text(max_size=200))
@settings(deadline=None)
def test_no_other_text_is_taken_for_the_sheet(raw: str) -> None:
    with pytest.raises(BrokenStructure) as refused:
        calibration.learn(raw)

    assert refused.value.code == "not-the-sheet"
