"""Count what becomes of labels that a keyboard wedge types on a host of another layout, calibrated and not.

Run ``python -m benchmarks.bench_wedge [--labels 200]``; prints a table in percent. The seed is fixed. Every label has a
check digit or character; separators are lost, as they are on these hosts, so that a label that needs them is at best
ambiguous. Layouts and Caps Lock are modelled from their tables (``scanners/readers/keyboards.py``), not measured on
hardware. Aim: on a calibrated workstation nothing is wrong silently.
"""

import argparse
import itertools
import sys
from collections import Counter
from datetime import date
from random import Random

from scanners import Scan, Status, Udi, scan
from scanners.readers import calibration, wedge
from scanners.readers.keyboards import Layout, typed
from scanners.readers.wedge import Profile
from scanners.udi import gs1, hibc
from tests import labels

SEED = 20261122
TODAY = date(2026, 11, 22)
HOSTS = (Layout.FR, Layout.BE, Layout.DE, Layout.UK, Layout.US)
OUTCOMES = ("right", "ambiguous", "refused", "wrong")


def _texts(count: int) -> list[tuple[str, str]]:
    """Return labels, each with the symbology identifier that goes with it."""
    random = Random(SEED)  # noqa: S311 - the same labels in each run
    gs1_texts = [("]d2", gs1.format(labels.gs1_elements(random))) for _ in range(count // 2)]
    return gs1_texts + [("]C0", hibc.format(labels.hibc_elements(random))) for _ in range(count // 2)]


def _outcome(found: Scan, truth: Udi | None) -> str:
    if found.status is Status.OK:
        return "right" if found.udi == truth else "wrong"
    if found.status is Status.AMBIGUOUS:
        return "ambiguous"
    return "refused"


def _profile(host: Layout) -> Profile:
    sheet = typed("]d1" + calibration.TEXT, Layout.US, host)
    return calibration.learn(sheet.replace(gs1.GROUP_SEPARATOR, "")).profile


def main() -> int:
    """Print the table; 1 when a calibrated workstation gave a wrong text silently."""
    parser = argparse.ArgumentParser(description="Count what layouts do to the texts of a keyboard wedge.")
    parser.add_argument("--labels", type=int, default=200)
    texts = _texts(parser.parse_args().labels)
    missed = 0
    print("| host | Caps Lock | identifier | profile | right | ambiguous | refused | wrong, silently |")
    print("|---|---|---|---|---:|---:|---:|---:|")
    for host, caps_lock, identified, calibrated in itertools.product(HOSTS, *[(False, True)] * 3):
        profile = _profile(host) if calibrated else None
        found: Counter[str] = Counter()
        for identifier, text in texts:
            sent = (identifier if identified else "") + text.replace(gs1.GROUP_SEPARATOR, "")
            arrived = typed(sent, Layout.US, host, caps_lock=caps_lock)
            truth = scan(text, reference_date=TODAY).udi
            found[_outcome(wedge.read(arrived, profile, reference_date=TODAY), truth)] += 1
        missed += found["wrong"] if calibrated else 0
        words = (host, *("yes" if flag else "no" for flag in (caps_lock, identified, calibrated)))
        print("| " + " | ".join([*words, *(f"{100 * found[name] / len(texts):.1f}" for name in OUTCOMES)]) + " |")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
