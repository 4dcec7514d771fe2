"""Words of the catalogue's codes."""

from tracker.catalogue.rules import KIND_LABELS, DeviceKind


def test_every_kind_has_a_word() -> None:
    assert set(KIND_LABELS) == set(DeviceKind)
