"""Measure the parsers: time beside biip on the same texts, what a lost FNC1 does, and that no input brings them down.

Run ``python -m benchmarks.bench_parse [--labels 2000] [--inputs 20000]``; prints tables and writes
``var/bench_parse.json``. The seed is fixed. Processor time is measured, all parsers take turns. Aims: a typical GS1 UDI
at least twice as fast as biip; HIBC, ICCBBA and IFA no slower than GS1; silently wrong readings of texts that lost
their FNC1: 0; no exception (the long run is ``make endurance``).
"""

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from random import Random

import biip
from biip.gs1_messages import GS1Message

from scanners import Scan, Status, Udi, scan
from scanners.udi import gs1, hibc, iccbba, ifa
from tests import labels

SEED = 20261122
TODAY = date(2026, 11, 22)
OUTPUT = Path(__file__).resolve().parents[1] / "var" / "bench_parse.json"
ROUNDS, CALLS = 15, 400
GS = gs1.GROUP_SEPARATOR

TYPICAL = {
    "gs1": f"]d201037000000000131728123110LOT42{GS}21SN0001",
    "gs1, no identifier": f"01037000000000131728123110LOT42{GS}21SN0001",
    "gs1, lot last": "01037000000000131728123110LOT42",
    "gs1, printed form": "(01)03700000000013(17)281231(10)LOT42(21)SN0001",
    "gs1, digital link": "https://id.gs1.org/01/03700000000013/10/LOT42/21/SN0001?17=281231",
    "ean": "3700000000013",
    "hibc": "+H999TRK10/$$3281231LOT42/SSN0001R",
    "iccbba": "=/A9999XYZ100T0944=,000025=>028366",
    "ifa": f"[)>\x1e06{GS}9N110375286414{GS}1TLOT42{GS}D281231{GS}SSN0001\x1e\x04",
    "patient": labels.ins.HEADER + f"S1280129999999969S21.2.250.1.213.1.4.8{GS}S3A{GS}S4B{GS}S5FS601-01-1980",
    "unit": "T590000000178",
    "unknown": "1-020163C",
}
BY_BIIP = {"gs1", "gs1, no identifier", "gs1, lot last", "ean"}


@dataclass(frozen=True, slots=True)
class Timing:
    """Microseconds of processor time for one text."""

    name: str
    ours: float
    unknown_separators: float
    """The same with ``group_separator_known=False``."""
    biip: float | None

    @property
    def ratio(self) -> float | None:
        """How many times faster than biip."""
        return None if self.biip is None else self.biip / self.ours


def _microseconds(call: Callable[[], object]) -> float:
    started = time.process_time_ns()
    for _ in range(CALLS):
        call()
    return (time.process_time_ns() - started) / CALLS / 1000


def timings() -> list[Timing]:
    """Return the median of each parser's rounds, all taking turns."""
    measured: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for name, text in TYPICAL.items():
            calls: dict[str, Callable[[], object]] = {
                "ours": lambda text=text: scan(text, reference_date=TODAY),
                "unknown": lambda text=text: scan(text, reference_date=TODAY, group_separator_known=False),
            }
            if name in BY_BIIP:
                calls["biip"] = lambda text=text: biip.parse(text)
            for who, call in calls.items():
                measured.setdefault((name, who), []).append(_microseconds(call))
    median = {key: statistics.median(values) for key, values in measured.items()}
    return [Timing(name, median[name, "ours"], median[name, "unknown"], median.get((name, "biip"))) for name in TYPICAL]


def _by_biip(text: str) -> tuple[str | None, str | None] | None:
    """Return lot and serial as biip reads them, None when it refuses."""
    try:
        message = biip.parse(text).gs1_message
    except biip.ParseError:
        return None
    if not isinstance(message, GS1Message):
        return None
    values = {element.ai.ai: element.value for element in message.element_strings}
    return values.get("10"), values.get("21")


def _verdict(found: Scan, truth: Udi) -> str:
    if found.status is Status.OK:
        return "right" if found.udi == truth else "wrong, silently"
    if found.status is Status.AMBIGUOUS:
        return "ambiguous" if truth in found.readings else "ambiguous, the true one not among them"
    return "refused"


def lost_separators(count: int) -> dict[str, dict[str, float]]:
    """Return what becomes of ``count`` UDIs that need FNC1 once they lost it, in percent."""
    random = Random(SEED)  # noqa: S311 - the same labels in each run
    ours: Counter[str] = Counter()
    biips: Counter[str] = Counter()
    best = tried = 0
    readings = []
    while tried < count:
        text = gs1.format(labels.gs1_elements(random))
        if GS not in text:
            continue
        tried += 1
        truth = gs1.parse(text, reference_date=TODAY).udi
        found = scan(text.replace(GS, ""), reference_date=TODAY, group_separator_known=False)
        ours[_verdict(found, truth)] += 1
        if found.status is Status.AMBIGUOUS:
            readings.append(len(found.readings))
            best += found.readings[0] == truth
        by_biip = _by_biip(text.replace(GS, ""))
        verdict = "right" if by_biip == (truth.lot, truth.serial) else "wrong, silently"
        biips["refused" if by_biip is None else verdict] += 1
    return {
        "ours": {name: 100 * number / count for name, number in ours.items()},
        "biip": {name: 100 * number / count for name, number in biips.items()},
        "of the ambiguous": {
            "the first reading is the true one": 100 * best / max(len(readings), 1),
            "median of readings": statistics.median(readings),
            "most readings": max(readings),
        },
    }


def unneeded_separators(count: int) -> dict[str, float]:
    """Return what becomes of UDIs that need no FNC1 where it is not known whether it would have come, in percent."""
    random = Random(SEED)  # noqa: S311 - the same labels in each run
    found: Counter[str] = Counter()
    while found.total() < count:
        text = gs1.format(labels.gs1_elements(random))
        if GS not in text:
            truth = gs1.parse(text, reference_date=TODAY).udi
            found[_verdict(scan(text, reference_date=TODAY, group_separator_known=False), truth)] += 1
    return {name: 100 * number / count for name, number in found.items()}


def endure(count: int) -> dict[str, int]:
    """Scan ``count`` legal and spoilt texts of each standard; an exception ends the program.

    Returns:
        How many of each status, and ``changed`` where reading what was written gave something else.
    """
    random = Random(SEED)  # noqa: S311 - the same labels in each run
    makers = {
        gs1: labels.gs1_elements,
        hibc: labels.hibc_elements,
        iccbba: labels.iccbba_elements,
        ifa: labels.ifa_elements,
    }
    found: Counter[str] = Counter()
    for module, make in makers.items():
        for _ in range(count // 2):
            elements = make(random)
            text = module.format(elements)
            found["changed"] += module.parse(text, reference_date=TODAY).elements != elements
            spoilt = labels.spoilt(random, text)
            for raw in (text, spoilt):
                known = random.random() < 0.5
                found[scan(raw, reference_date=TODAY, group_separator_known=known).status] += 1
    return dict(found)


def main() -> int:
    """Print the tables and keep the numbers; 1 when an aim is missed."""
    parser = argparse.ArgumentParser(description="Measure the parsers of the scanners.")
    parser.add_argument("--labels", type=int, default=2000, help="UDIs that lose their FNC1")
    parser.add_argument("--inputs", type=int, default=20_000, help="legal and spoilt texts for each standard")
    options = parser.parse_args()
    measured = timings()
    lost = lost_separators(options.labels)
    unneeded = unneeded_separators(options.labels)
    endured = endure(options.inputs)
    _print_tables(measured, lost, unneeded)
    print(f"\n{options.inputs} texts of each of 4 standards, half of them spoilt, no exception: {endured}")
    OUTPUT.parent.mkdir(exist_ok=True)
    kept = [asdict(timing) | {"ratio": timing.ratio} for timing in measured]
    everything = {"seed": SEED, "timings": kept, "lost": lost, "unneeded": unneeded, "endured": endured}
    OUTPUT.write_text(json.dumps(everything, indent=2), encoding="utf-8")
    by_name = {timing.name: timing for timing in measured}
    slower = [name for name in ("hibc", "iccbba", "ifa") if by_name[name].ours > by_name["gs1"].ours]
    missed = bool(slower) or (by_name["gs1"].ratio or 0) < 2 or "wrong, silently" in lost["ours"] or endured["changed"]
    print("an aim is missed" if missed else "every aim is reached", *slower)
    return int(bool(missed))


def _print_tables(measured: list[Timing], lost: dict[str, dict[str, float]], unneeded: dict[str, float]) -> None:
    print("| text | ours, us | separators unknown, us | biip, us | times faster |")
    print("|---|---:|---:|---:|---:|")
    for timing in measured:
        theirs = f"{timing.biip:.0f}" if timing.biip else "–"
        ratio = f"{timing.ratio:.1f}" if timing.ratio else "–"
        print(f"| {timing.name} | {timing.ours:.0f} | {timing.unknown_separators:.0f} | {theirs} | {ratio} |")
    for who, counts in [*lost.items(), ("no separator needed", unneeded)]:
        print(f"\n{who}: " + ", ".join(f"{name} {value:.1f}" for name, value in sorted(counts.items())))


if __name__ == "__main__":
    sys.exit(main())
