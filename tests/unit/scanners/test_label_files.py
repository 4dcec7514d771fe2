"""Every label under ``tests/scans``: what is read of it. A defect found in the field adds a label first.

A label is one line as ``python -m scanners parse`` takes it, beside the object that it writes for reference date
2026-11-22. The labels are made up; the patient's label holds no person.
"""

import io
import json
from datetime import date
from pathlib import Path

import pytest

from scanners import cli

LABELS = sorted((Path(__file__).parents[2] / "scans").glob("*.txt"))


@pytest.mark.parametrize("label", LABELS, ids=lambda label: label.stem)
def test_label_is_read_as_expected(label: Path) -> None:
    output = io.StringIO()

    with label.open("rb") as lines:
        cli.parse_lines(lines, output, date(2026, 11, 22))

    assert json.loads(output.getvalue()) == json.loads(label.with_suffix(".json").read_text(encoding="utf-8"))


def test_every_expectation_has_its_label() -> None:
    assert len(LABELS) > 30
    assert {label.stem for label in LABELS} == {label.stem for label in LABELS[0].parent.glob("*.json")}
