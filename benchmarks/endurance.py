"""Push a million generated inputs through each parser: no exception, and what was written is read again as it was.

Run ``make endurance`` or ``python -m benchmarks.endurance [--inputs 1000000] [--seed 20261122]``. Of the inputs of each
parser a twentieth comes from hypothesis (any text, and texts made of the characters of labels), a third are legal
labels of its standard, the rest are spoilt ones. Each legal label is parsed and written again: ``parse(format(x)) ==
x``. A spoilt one that a parser takes without a fault is written and read once more, with the same UDI. Ends with 1 at
the first input that fails, and prints it. A short run of the same is ``tests/unit/scanners/test_endurance.py``.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from random import Random

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from scanners import Scan, scan
from scanners.errors import ScanError
from scanners.udi import digital_link, gs1, gs1_brackets, gtin, hibc, iccbba, ifa, ins, unit
from scanners.udi.label import Label
from tests import labels

SEED = 20261122
TODAY = date(2026, 11, 22)
HYPOTHESIS_PART = 20
LABEL_CHARACTERS = "0123456789ABCSTZdez-/+$=&,.()%? \x1d\x1e\x04[]>*:"


@dataclass(frozen=True, slots=True)
class Subject:
    """One parser: how a legal label of its standard is made, read and written again."""

    name: str
    make: Callable[[Random], str]
    parse: Callable[[str], object]
    rewrite: Callable[[object], str] | None
    """From what ``parse`` returned to a text again; None where the standard is only read."""
    same: Callable[[object, object], bool]


class Failed(Exception):
    """An input brought a parser down, or was not read again as it was."""


def _same_udi(first: object, second: object) -> bool:
    return isinstance(first, Label) and isinstance(second, Label) and first.udi == second.udi


def _equal(first: object, second: object) -> bool:
    return first == second


def _written_by(module: object) -> Callable[[object], str]:
    def write(label: object) -> str:
        text: str = module.format(label.elements)  # type: ignore[attr-defined]
        return text

    return write


def _of(module: object) -> Callable[[str], object]:
    def read(text: str) -> object:
        return module.parse(text, reference_date=TODAY)  # type: ignore[attr-defined]

    return read


def _patient(random: Random) -> str:
    name = "".join(random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ -'", k=random.randint(1, 40))).strip() or "A"
    born = f"{random.randint(1, 28):02d}-{random.randint(1, 12):02d}-{random.randint(1900, 2025)}"
    return (
        ins.HEADER
        + f"S1280129999999969S21.2.250.1.213.1.4.8\x1dS3{name}\x1dS4{name[::-1].strip() or 'B'}\x1dS5FS6{born}"
    )


def _pzn(random: Random) -> str:
    while True:
        digits = f"{random.randrange(10**7):07d}"
        remainder = sum(place * int(digit) for place, digit in enumerate(digits, start=1)) % 11
        if remainder < 10:  # a remainder of 10 is not issued (IFA coding specification)
            return f"-{digits}{remainder}"


SUBJECTS = (
    Subject("gs1", lambda r: gs1.format(labels.gs1_elements(r)), _of(gs1), _written_by(gs1), _same_udi),
    Subject(
        "gs1 in brackets",
        lambda r: gs1_brackets.format(labels.gs1_elements(r)),
        _of(gs1_brackets),
        _written_by(gs1_brackets),
        _same_udi,
    ),
    Subject(
        "gs1 digital link",
        lambda r: digital_link.format(labels.gs1_elements(r)),
        _of(digital_link),
        _written_by(digital_link),
        _same_udi,
    ),
    Subject("hibc", lambda r: hibc.format(labels.hibc_elements(r)), _of(hibc), _written_by(hibc), _same_udi),
    Subject("iccbba", lambda r: iccbba.format(labels.iccbba_elements(r)), _of(iccbba), _written_by(iccbba), _same_udi),
    Subject("ifa", lambda r: ifa.format(labels.ifa_elements(r)), _of(ifa), _written_by(ifa), _same_udi),
    Subject("ifa pzn", _pzn, ifa.parse_pzn, None, _same_udi),
    Subject("gtin", labels.gtin, gtin.parse, lambda x: gtin.format(x.udi.udi_di), _same_udi),  # type: ignore[attr-defined]
    Subject("ins", _patient, ins.parse, ins.format, _equal),  # type: ignore[arg-type]
    Subject("unit", lambda r: unit.format(r.randint(0, unit.HIGHEST)), unit.parse, unit.format, _equal),  # type: ignore[arg-type]
)


def run(subject: Subject, count: int, *, start: int) -> Counter[str]:
    """Push ``count`` inputs through one parser and through the front door, and return what became of them.

    Raises:
        Failed: an input brought the parser down, or was not read again as it was.
    """
    random, found = Random(start), Counter[str]()  # noqa: S311 - the same inputs in each run
    generated = count // HYPOTHESIS_PART
    if generated:
        _by_hypothesis(subject, generated, start=start, found=found)
    for number in range(count - generated):
        legal = subject.make(random)
        is_legal = number % 3 == 0
        text = legal if is_legal else labels.spoilt(random, legal)
        outcome = _push(subject, text)
        if is_legal and outcome != "read":
            raise Failed(f"{subject.name}: a legal label was {outcome}: {text!r}")
        found[outcome] += 1
        _at_the_door(text, known=bool(number % 2))
    return found


def _by_hypothesis(subject: Subject, count: int, *, start: int, found: Counter[str]) -> None:
    texts = st.text(max_size=120) | st.text(alphabet=LABEL_CHARACTERS, max_size=60)

    @seed(start)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(texts)
    def push(text: str) -> None:
        found[_push(subject, text)] += 1
        _at_the_door(text, known=False)

    push()


def _push(subject: Subject, text: str) -> str:
    """Parse a text, and read what is written from it once more.

    Raises:
        Failed: an exception other than the scanners' own, or another reading the second time.
    """
    try:
        first = subject.parse(text)
    except ScanError:
        return "refused"
    except Exception as error:  # the finding that this program looks for
        raise Failed(f"{subject.name}: {type(error).__name__} at {text!r}") from error
    if getattr(first, "fault", None) is not None:
        return "read with a fault"
    if subject.rewrite is not None:
        try:
            again = subject.parse(subject.rewrite(first))
        except Exception as error:  # the same
            raise Failed(f"{subject.name}: {type(error).__name__} on writing what was read: {text!r}") from error
        if not subject.same(first, again):
            raise Failed(f"{subject.name}: read otherwise the second time: {text!r}")
    return "read"


def _at_the_door(text: str, *, known: bool) -> None:
    """Scan a text.

    Raises:
        Failed: it gave no result.
    """
    try:
        result = scan(text, reference_date=TODAY, group_separator_known=known)
    except Exception as error:  # the same
        raise Failed(f"scan: {type(error).__name__} at {text!r}") from error
    if not isinstance(result, Scan):
        raise Failed(f"scan: no result for {text!r}")


def _rounds(count: int, start: int) -> Iterator[tuple[Subject, Counter[str], float]]:
    for subject in SUBJECTS:
        began = time.monotonic()
        yield subject, run(subject, count, start=start), time.monotonic() - began


def main() -> int:
    """Print one line for each parser; 1 at the first failure."""
    options = argparse.ArgumentParser(description="Push generated inputs through each parser.")
    options.add_argument("--inputs", type=int, default=1_000_000, help="inputs for each parser (default 1000000)")
    options.add_argument("--seed", type=int, default=SEED)
    chosen = options.parse_args()
    print("| parser | inputs | read | read with a fault | refused | seconds |")
    print("|---|---:|---:|---:|---:|---:|")
    try:
        for subject, found, seconds in _rounds(chosen.inputs, chosen.seed):
            cells = [f"{found[name]:,}" for name in ("read", "read with a fault", "refused")]
            print(f"| {subject.name} | {found.total():,} | {' | '.join(cells)} | {seconds:.0f} |", flush=True)
    except Failed as failure:
        print(f"FAILED {failure}")
        return 1
    print("no exception, and everything that was written was read again as it was")
    return 0


if __name__ == "__main__":
    sys.exit(main())
